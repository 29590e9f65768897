"""Who may take on a role: a TRUSTS relationship from the role to each principal of its trust policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from collector.analysis.denials import NOT, WHOLLY
from collector.analysis.documents import Policy, Rule, Statement, read
from collector.analysis.globs import matches
from collector.analysis.grants import conditions, proof
from collector.analysis.principals import End, Principal, PrincipalIndex, classify, degree, lifted
from collector.analysis.results import (
    AnalysisProblem,
    EntityProperties,
    MappedRelationship,
    Primitive,
    Relationship,
    Result,
    cut,
)

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from collector.analysis.facts import Account, PolicyDocument, TrustFact
    from collector.analysis.services import Services

ASSUME = ("sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity")
"""The actions that take on a role; tagging a session or naming its source alone takes on nothing."""

_ROLE = "aws_iam_role"


class _Way(NamedTuple):
    """One way to take on the role: a statement and one of its principals."""

    statement: Statement
    principal: Principal
    end: End
    narrowed: bool


class Trusts:
    """Draws the trust policies of one account."""

    def __init__(self, account: Account, directory: PrincipalIndex, services: Services, counts: Counter[str]) -> None:
        """`counts` are added to."""
        self._account = account
        self._directory = directory
        self._services = services
        self._counts = counts

    def findings(self, fact: TrustFact) -> Iterator[Result]:
        """What one role gives."""
        policy = read(fact.document, "trust")
        for fault in policy.faults:
            self._counts["invalidStatements" if policy.statements else "invalidDocuments"] += 1
            yield AnalysisProblem(fact.key, _ROLE, "invalid_trust_policy", fault)
        ways: dict[str, list[_Way]] = {}
        gone: dict[str, None] = {}
        for statement, principal, narrowed in _allowed(policy):
            ends = list(self._directory.ends(principal, statement.rule.condition))
            for end in ends:
                ways.setdefault(end.identity, []).append(_Way(statement, principal, end, narrowed))
            if not ends and principal.kind == "deleted":
                gone[principal.name] = None
            elif not ends:
                yield from self._undrawn(fact, principal)
        for several in ways.values():
            yield from self._drawn(fact, several)
        if gone:
            self._counts["deletedPrincipals"] += len(gone)
            yield EntityProperties(fact.key, _ROLE, {"danglingTrustedPrincipals": tuple(gone)})

    def _undrawn(self, fact: TrustFact, principal: Principal) -> Iterator[AnalysisProblem]:
        if principal.kind in ("user", "role", "session", "saml"):
            self._counts["danglingPrincipals"] += 1
        elif principal.kind != "canonical":
            self._counts["unknownPrincipals"] += 1
            yield AnalysisProblem(fact.key, _ROLE, "unknown_principal", principal.text)

    def _drawn(self, fact: TrustFact, ways: Sequence[_Way]) -> Iterator[Result]:
        end, said = ways[0].end, self._said(fact, ways)
        if end.service is not None:
            yield from self._services.ask(end.service)
            yield Relationship(fact.key, _ROLE, "TRUSTS", self._services.key(end.service), end.service, None, said)
        elif end.entity is not None:
            yield Relationship(fact.key, _ROLE, "TRUSTS", end.entity.key, end.entity.type, None, said)
        elif end.outside is not None:
            target, filters = end.outside
            yield MappedRelationship(fact.key, _ROLE, "TRUSTS", "FORWARD", target, filters, None, said)

    def _said(self, fact: TrustFact, ways: Sequence[_Way]) -> dict[str, Primitive]:
        end = ways[0].end
        statements = [way.statement for way in ways]
        conditional = all(statement.rule.condition for statement in statements)
        cross = end.account not in ("", self._account.id)
        actions = [action for each in statements for action in each.rule.actions if not each.rule.not_actions]
        return {
            "principal": _text(way.principal.text for way in ways),
            **({"actions": _text(actions)} if actions else {}),
            "roleName": fact.key.rpartition("/")[2],
            **conditions(statements, conditional=conditional),
            **lifted(statement.rule.condition for statement in statements),
            **together(way.end.properties for way in ways),
            "crossAccount": cross,
            **(
                {"external": end.account not in self._account.organization}
                if cross and self._account.organization
                else {}
            ),
            **({"public": not conditional} if end.identity == "everyone" else {}),
            "partial": any(way.narrowed or way.statement.principals.negated for way in ways),
            "statement": proof(statements, None),
        }


def deleted_principals(document: PolicyDocument) -> tuple[str, ...]:
    """The unique ids in a trust policy: AWS shows one in the place of a user or role that was deleted."""
    found = (principal.name for _, principal, _ in _allowed(read(document, "trust")) if principal.kind == "deleted")
    return tuple(dict.fromkeys(found))


def together(several: Iterable[Mapping[str, str]]) -> dict[str, Primitive]:
    """Properties of the ends of several principals, which are joined where they differ."""
    found: dict[str, dict[str, None]] = {}
    for properties in several:
        for name, value in properties.items():
            found.setdefault(name, {})[value] = None
    return {name: cut(",".join(values)) for name, values in found.items()}


def _allowed(policy: Policy) -> Iterator[tuple[Statement, Principal, bool]]:
    """Every statement and principal that may take on the role, and whether a Deny takes a part of that away."""
    denied = [statement for statement in policy.statements if statement.rule.effect == "Deny"]
    for statement in policy.statements:
        if statement.rule.effect == "Allow":
            actions = _assumed(statement.rule)
            for principal in principals_of(statement):
                left, narrowed = _left(actions, principal, denied)
                if left:
                    yield statement, principal, narrowed


def principals_of(statement: Statement) -> Iterable[Principal]:
    """The principals that a statement allows something; all but a few are everyone."""
    if statement.principals.negated:
        return (classify("AWS", "*"),)
    return [classify(*each) for each in statement.principals.named]


def _left(actions: frozenset[str], principal: Principal, denied: Iterable[Statement]) -> tuple[frozenset[str], bool]:
    narrowed = False
    for statement in denied:
        taken = actions & _assumed(statement.rule)
        much = degree(statement.principals, principal, certain=statement.rule.condition is None) if taken else NOT
        narrowed |= much != NOT
        if much == WHOLLY:
            actions -= taken
    return actions, narrowed


def _assumed(rule: Rule) -> frozenset[str]:
    """The actions of a rule that take on a role."""
    named = {action for action in ASSUME for pattern in rule.actions if matches(pattern.lower(), action)}
    return frozenset(ASSUME) - named if rule.not_actions else frozenset(named)


def _text(values: Iterable[str]) -> str:
    return cut(",".join(sorted(set(values))))
