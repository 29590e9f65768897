"""TRUSTS relationships from a role to the principals that its trust policy allows to assume it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from collector.analysis.denials import FULL, NONE
from collector.analysis.documents import Policy, Rule, Statement, read
from collector.analysis.facts import Account, TrustFact
from collector.analysis.globs import matches
from collector.analysis.permission_properties import action_lists, conditions, statement_labels
from collector.analysis.principal_conditions import condition_properties
from collector.analysis.principals import (
    Principal,
    PrincipalEnd,
    PrincipalIndex,
    PrincipalKind,
    denial_degree,
    parse_principal,
)
from collector.analysis.results import (
    AnalysisProblem,
    EntityProperties,
    MappedRelationship,
    Primitive,
    Relationship,
    Result,
    Value,
    cut,
)
from collector.analysis.services import Services

ASSUME = ("sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity")
"""The actions that assume a role. sts:TagSession and sts:SetSourceIdentity alone do not."""

_ROLE = "aws_iam_role"
_FOR_PROVIDERS: dict[PrincipalKind, frozenset[str]] = {
    "saml": frozenset({"sts:assumerolewithsaml"}),
    "oidc": frozenset({"sts:assumerolewithwebidentity"}),
    "web": frozenset({"sts:assumerolewithwebidentity"}),
    "canonical": frozenset(),
    "everyone": frozenset(ASSUME),
    "unknown": frozenset(ASSUME),
}
"""The actions by which each kind of principal can assume a role; all others can only use sts:AssumeRole."""


class _TrustedPrincipal(NamedTuple):
    """A principal that a statement allows to assume the role; `partial` if a Deny limits that."""

    statement: Statement
    principal: Principal
    end: PrincipalEnd
    partial: bool


class Trusts:
    """Draws the trust policies of one account. `counts` is incremented."""

    def __init__(self, account: Account, principals: PrincipalIndex, services: Services, counts: Counter[str]) -> None:
        self._account = account
        self._principals = principals
        self._services = services
        self._counts = counts

    def findings(self, fact: TrustFact) -> Iterator[Result]:
        """Yield the findings of the trust policy of one role."""
        policy = read(fact.document, "trust")
        for fault in policy.faults:
            self._counts["invalidStatements" if policy.statements else "invalidDocuments"] += 1
            yield AnalysisProblem(fact.key, _ROLE, "invalid_trust_policy", fault)
        by_end: dict[str, list[_TrustedPrincipal]] = {}
        deleted: dict[str, None] = {}
        for statement, principal, partial in self._allowed(policy):
            ends = list(self._principals.ends(principal, statement.rule.condition))
            for end in ends:
                by_end.setdefault(end.identity, []).append(_TrustedPrincipal(statement, principal, end, partial))
            if not ends and principal.kind == "deleted":
                deleted[principal.name] = None
            elif not ends:
                yield from self._unresolved(fact, principal)
        for trusted in by_end.values():
            yield from self._drawn(fact, trusted)
        if deleted:
            self._counts["deletedPrincipals"] += len(deleted)
            yield EntityProperties(fact.key, _ROLE, {"danglingTrustedPrincipals": tuple(deleted)})

    def _allowed(self, policy: Policy) -> Iterator[tuple[Statement, Principal, bool]]:
        """Yield each statement and principal that may assume the role, and whether a Deny limits that."""
        denied = [statement for statement in policy.statements if statement.rule.effect == "Deny"]
        for statement in policy.statements:
            actions = _assumed(statement.rule) if statement.rule.effect == "Allow" else frozenset()
            for principal in principals_of(statement) if actions else ():
                possible = actions & _FOR_PROVIDERS.get(principal.kind, frozenset({"sts:assumerole"}))
                if not possible:
                    self._counts["impossibleTrusts"] += 1
                left, partial = _left(possible, principal, denied)
                if left:
                    yield statement, principal, partial

    def _unresolved(self, fact: TrustFact, principal: Principal) -> Iterator[AnalysisProblem]:
        if principal.kind != "unknown":
            self._counts["danglingPrincipals"] += 1
        else:
            self._counts["unknownPrincipals"] += 1
            yield AnalysisProblem(fact.key, _ROLE, "unknown_principal", principal.text)

    def _drawn(self, fact: TrustFact, trusted: Sequence[_TrustedPrincipal]) -> Iterator[Result]:
        end, properties = trusted[0].end, self._properties(fact, trusted)
        if end.service is not None:
            yield from self._services.request(end.service)
            yield Relationship(
                fact.key, _ROLE, "TRUSTS", self._services.key(end.service), end.service, None, properties
            )
        elif end.entity is not None:
            yield Relationship(fact.key, _ROLE, "TRUSTS", end.entity.key, end.entity.type, None, properties)
        elif end.outside is not None:
            target, filters = end.outside
            yield MappedRelationship(fact.key, _ROLE, "TRUSTS", "FORWARD", target, filters, None, properties)

    def _properties(self, fact: TrustFact, trusted: Sequence[_TrustedPrincipal]) -> dict[str, Value]:
        end = trusted[0].end
        statements = [each.statement for each in trusted]
        conditional = [statement.rule.condition is not None for statement in statements]
        cross = end.account not in ("", self._account.id)
        actions = [action for each in statements for action in each.rule.actions if not each.rule.not_actions]
        return {
            "principal": _text(each.principal.text for each in trusted),
            **action_lists("actions", actions),
            "roleName": fact.key.rpartition("/")[2],
            **conditions(statements, conditional),
            **condition_properties(statement.rule.condition for statement in statements),
            **merged_properties(each.end.properties for each in trusted),
            "crossAccount": cross,
            **(
                {"external": end.account not in self._account.organization}
                if cross and self._account.organization
                else {}
            ),
            **({"public": not all(conditional)} if end.identity == "everyone" else {}),
            "partial": any(each.partial or each.statement.principals.negated for each in trusted),
            **not_principals(statements),
            "statement": statement_labels(statements, None),
        }


def merged_properties(ends: Iterable[Mapping[str, str]]) -> dict[str, Primitive]:
    """Merge the properties of several ends; values that differ are joined by commas."""
    found: dict[str, dict[str, None]] = {}
    for properties in ends:
        for name, value in properties.items():
            found.setdefault(name, {})[value] = None
    return {name: cut(",".join(values)) for name, values in found.items()}


def not_principals(statements: Iterable[Statement]) -> dict[str, Primitive]:
    """Return those whom a NotPrincipal leaves out. What is left out by one of two statements is allowed by the other."""
    left_out = [{value for _, value in each.principals.named} for each in statements if each.principals.negated]
    named = set.intersection(*left_out) if left_out else set[str]()
    return {"notPrincipal": _text(named)} if named else {}


def principals_of(statement: Statement) -> Iterable[Principal]:
    """Return the principals of an Allow statement. A NotPrincipal counts as everyone."""
    if statement.principals.negated:
        return (parse_principal("AWS", "*"),)
    return [parse_principal(*each) for each in statement.principals.named]


def _left(actions: frozenset[str], principal: Principal, denied: Iterable[Statement]) -> tuple[frozenset[str], bool]:
    """Apply Deny statements to the actions that a principal is allowed; return what is left, and whether one of them limits it."""
    partial = False
    for statement in denied:
        both = actions & _assumed(statement.rule)
        certain = statement.rule.condition is None
        degree = denial_degree(statement.principals, principal, certain=certain) if both else NONE
        partial |= degree != NONE
        if degree == FULL:
            actions -= both
    return actions, partial


def _assumed(rule: Rule) -> frozenset[str]:
    """Return the actions of a rule that assume a role."""
    named = {action for action in ASSUME for pattern in rule.actions if matches(pattern.lower(), action)}
    return frozenset(ASSUME) - named if rule.not_actions else frozenset(named)


def _text(values: Iterable[str]) -> str:
    return cut(",".join(sorted(set(values))))
