"""What resource policies allow: a relationship from each principal to the resource that the policy hangs on.

The relationships are those of `permissions`, told from the other side; JupiterOne's documentation does not list them for all of
these types, so they are an extension.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from collector.analysis.arn_scopes import ArnType, arn_type
from collector.analysis.collapse import Reach
from collector.analysis.denials import Denial, Remainder, denials, granted, joined, reached_from, remainder
from collector.analysis.documents import Statement, read
from collector.analysis.grants import Grant, properties
from collector.analysis.patterns import PatternReader, parse
from collector.analysis.principals import End, Principal, PrincipalIndex, degree, lifted
from collector.analysis.results import AnalysisProblem, MappedRelationship, Primitive, Relationship, Result, cut
from collector.analysis.statements import statement_actions
from collector.analysis.trust import principals_of, together

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping, Sequence

    from collector.analysis.facts import Account, ResourcePolicyFact
    from collector.analysis.matching import ResourceIndex
    from collector.analysis.services import Services


class _Way(NamedTuple):
    """One way to be allowed something: a statement's grant on the resource, to one principal, and what is left of it."""

    grant: Grant
    principal: Principal
    end: End
    left: Remainder


class ResourcePolicies:
    """Draws the resource policies of one account."""

    def __init__(
        self,
        account: Account,
        index: ResourceIndex,
        directory: PrincipalIndex,
        services: Services,
        counts: Counter[str],
    ) -> None:
        """`counts` are added to."""
        self._account = account
        self._index = index
        self._directory = directory
        self._services = services
        self._counts = counts

    def findings(self, fact: ResourcePolicyFact) -> Iterator[Result]:
        """What one resource gives."""
        policy = read(fact.document, "resource")
        for fault in policy.faults:
            self._counts["invalidStatements" if policy.statements else "invalidDocuments"] += 1
            yield AnalysisProblem(fact.key, fact.type, "invalid_resource_policy", fault)
        kind = arn_type(fact.type)
        if kind is None:
            return
        ways: dict[str, list[_Way]] = {}
        for way in self._ways(fact, kind, policy.statements):
            if isinstance(way, AnalysisProblem):
                yield way
            elif way.left.something:
                ways.setdefault(way.end.identity, []).append(way)
        for several in ways.values():
            yield from self._drawn(fact, several)

    def _ways(
        self, fact: ResourcePolicyFact, kind: ArnType, statements: Sequence[Statement]
    ) -> Iterator[_Way | AnalysisProblem]:
        denied = list(zip(_denying(statements), denials(statements, PatternReader(self._account.id)), strict=True))
        for statement in statements:
            if statement.rule.effect == "Allow":
                grants = list(self._grants(fact, kind, statement))
                for principal in principals_of(statement) if grants else ():
                    ends = list(self._directory.ends(principal, statement.rule.condition))
                    for end in ends:
                        yield from (
                            _Way(grant, principal, end, self._left(fact, grant, principal, denied)) for grant in grants
                        )
                    if not ends:
                        yield from self._undrawn(fact, principal)

    def _undrawn(self, fact: ResourcePolicyFact, principal: Principal) -> Iterator[AnalysisProblem]:
        if principal.kind == "unknown":
            self._counts["unknownPrincipals"] += 1
            yield AnalysisProblem(fact.key, fact.type, "unknown_principal", principal.text)
        else:
            self._counts["danglingPrincipals"] += 1

    def _grants(self, fact: ResourcePolicyFact, kind: ArnType, statement: Statement) -> Iterator[Grant]:
        """What a statement says of the resource and of what lies below it."""
        rule, means, arn = statement.rule, statement_actions(statement.rule), self._index.arn(fact.key)
        service = arn.split(":", 3)[2] if arn.startswith("arn:") else ""
        for raw in ("*",) if rule.not_resources else rule.resources:
            pattern = parse(raw, PatternReader(self._account.id), variables=rule.variables)
            for scope in kind.scopes:
                if (
                    pattern
                    and means.applies(scope.masks, service)
                    and reached_from(pattern, scope, arn, self._account.id)
                ):
                    yield Grant(
                        statement, means, Reach("resource", kind.type, pattern, scope.masks, service, "", scope)
                    )

    def _left(
        self, fact: ResourcePolicyFact, grant: Grant, principal: Principal, denied: Sequence[tuple[Statement, Denial]]
    ) -> Remainder:
        degrees = []
        for statement, denial in denied:
            of_whom = degree(statement.principals, principal, certain=statement.rule.condition is None)
            scope = grant.reach.scope
            of_what = denial.of_resource(scope, self._index.arn(fact.key), self._account.id) if scope and of_whom else 0
            degrees.append((denial, min(of_whom, of_what)))
        masks = granted(grant.meaning, grant.reach.masks)
        return remainder(masks, grant.meaning.unlisted_of(grant.reach.service), degrees)

    def _drawn(self, fact: ResourcePolicyFact, ways: Sequence[_Way]) -> Iterator[Result]:
        end, said = ways[0].end, self._said(ways)
        if end.service is not None:
            yield from self._services.ask(end.service)
            yield Relationship(self._services.key(end.service), end.service, "ALLOWS", fact.key, fact.type, None, said)
        elif end.entity is not None:
            yield Relationship(end.entity.key, end.entity.type, "ALLOWS", fact.key, fact.type, None, said)
        elif end.outside is not None:
            target, filters = end.outside
            yield MappedRelationship(fact.key, fact.type, "ALLOWS", "REVERSE", target, filters, None, said)

    def _said(self, ways: Sequence[_Way]) -> Mapping[str, Primitive]:
        end = ways[0].end
        grants = list({id(way.grant): way.grant for way in ways}.values())
        said = properties(grants, joined(way.left for way in ways), None)
        negated = any(grant.statement.principals.negated for grant in grants)
        return {
            "principal": cut(",".join(sorted({way.principal.text for way in ways}))),
            **said,
            **lifted(grant.statement.rule.condition for grant in grants),
            **together(way.end.properties for way in ways),
            **({"public": not said["conditional"]} if end.identity == "everyone" else {}),
            **({"partial": True} if negated else {}),
            "crossAccount": end.account not in ("", self._account.id),
        }


def _denying(statements: Sequence[Statement]) -> list[Statement]:
    return [statement for statement in statements if statement.rule.effect == "Deny"]
