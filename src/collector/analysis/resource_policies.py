"""Relationships from the principals of a resource policy to the resource that the policy is attached to.

They have the properties of the relationships in `permissions`, in the opposite direction. JupiterOne's documentation does not list
them for all of these types, so they are an extension.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from collector.analysis.arn_scopes import ArnScope, ArnType, arn_type
from collector.analysis.collapse import GrantTarget
from collector.analysis.complements import all_but
from collector.analysis.denials import NONE, Denial, Remainder, degree_on_resource, denials, matches_resource, remainder
from collector.analysis.documents import Rule, Statement, read
from collector.analysis.facts import Account, ResourcePolicyFact
from collector.analysis.grants import EffectiveGrant, Grant
from collector.analysis.matching import ResourceIndex
from collector.analysis.patterns import Pattern, PatternReader, parse
from collector.analysis.permission_properties import grant_properties
from collector.analysis.principal_conditions import condition_properties
from collector.analysis.principals import Principal, PrincipalEnd, PrincipalIndex, denial_degree
from collector.analysis.results import AnalysisProblem, MappedRelationship, Relationship, Result, Value, cut
from collector.analysis.services import Services
from collector.analysis.statements import statement_actions
from collector.analysis.trust import merged_properties, not_principals, principals_of


class _PrincipalGrant(NamedTuple):
    """A grant on the resource to one principal, and what is not denied of it."""

    effective: EffectiveGrant
    principal: Principal
    end: PrincipalEnd


class ResourcePolicies:
    """Draws the resource policies of one account. `counts` is incremented."""

    def __init__(
        self,
        account: Account,
        index: ResourceIndex,
        principals: PrincipalIndex,
        services: Services,
        counts: Counter[str],
    ) -> None:
        self._account = account
        self._index = index
        self._principals = principals
        self._services = services
        self._counts = counts

    def findings(self, fact: ResourcePolicyFact) -> Iterator[Result]:
        """Yield the findings of the policy of one resource."""
        policy = read(fact.document, "resource")
        for fault in policy.faults:
            self._counts["invalidStatements" if policy.statements else "invalidDocuments"] += 1
            yield AnalysisProblem(fact.key, fact.type, "invalid_resource_policy", fault)
        kind = arn_type(fact.type)
        if kind is None:
            return
        by_end: dict[str, list[_PrincipalGrant]] = {}
        for found in self._principal_grants(fact, kind, policy.statements):
            if isinstance(found, AnalysisProblem):
                yield found
            else:
                by_end.setdefault(found.end.identity, []).append(found)
        for grants in by_end.values():
            if any(not each.effective.left.empty for each in grants):
                yield from self._drawn(fact, grants)

    def _principal_grants(
        self, fact: ResourcePolicyFact, kind: ArnType, statements: Sequence[Statement]
    ) -> Iterator[_PrincipalGrant | AnalysisProblem]:
        denying = [statement for statement in statements if statement.rule.effect == "Deny"]
        denied = list(zip(denying, denials(denying, PatternReader(self._account.id, completes=False)), strict=True))
        for statement in statements:
            if statement.rule.effect == "Allow":
                grants = list(self._grants(fact, kind, statement))
                for principal in principals_of(statement) if grants else ():
                    ends = list(self._principals.ends(principal, statement.rule.condition))
                    for end in ends:
                        for grant in grants:
                            left = self._left(fact, grant, principal, denied)
                            yield _PrincipalGrant(EffectiveGrant(grant, left), principal, end)
                    if not ends:
                        yield from self._unresolved(fact, principal)

    def _unresolved(self, fact: ResourcePolicyFact, principal: Principal) -> Iterator[AnalysisProblem]:
        if principal.kind == "unknown":
            self._counts["unknownPrincipals"] += 1
            yield AnalysisProblem(fact.key, fact.type, "unknown_principal", principal.text)
        else:
            self._counts["danglingPrincipals"] += 1

    def _grants(self, fact: ResourcePolicyFact, kind: ArnType, statement: Statement) -> Iterator[Grant]:
        """Yield the grants of a statement on the resource and on its child resources."""
        rule, actions, arn = statement.rule, statement_actions(statement.rule), self._index.arn(fact.key)
        service = arn.split(":", 3)[2] if arn.startswith("arn:") else ""
        for scope in kind.scopes:
            if actions.applies(scope.masks, service):
                for pattern in self._matching(rule, scope, arn):
                    target = GrantTarget("resource", kind.type, pattern, scope.masks, service, "", scope)
                    yield Grant(statement, actions, target)

    def _matching(self, rule: Rule, scope: ArnScope, arn: str) -> list[Pattern]:
        """Return the patterns of a rule that match one scope of the resource; for NotResource, that for everything else."""
        reader, owner = PatternReader(self._account.id, completes=False), self._account.id
        parsed = [parse(raw, reader, variables=rule.variables) for raw in rule.resources]
        patterns = [pattern for pattern in parsed if pattern is not None]
        if rule.not_resources:
            return [all_but(patterns)] if degree_on_resource(rule, patterns, scope, arn, owner) else []
        return [pattern for pattern in patterns if matches_resource(pattern, scope, arn, owner)]

    def _left(
        self, fact: ResourcePolicyFact, grant: Grant, principal: Principal, denied: Sequence[tuple[Statement, Denial]]
    ) -> Remainder:
        degrees = []
        arn, scope = self._index.arn(fact.key), grant.target.scope
        for statement, denial in denied:
            degree = denial_degree(statement.principals, principal, certain=statement.rule.condition is None)
            if degree:
                degree = min(degree, denial.degree_on_resource(scope, arn, self._account.id) if scope else NONE)
            degrees.append((denial, degree))
        return remainder(grant.actions, grant.target, degrees)

    def _drawn(self, fact: ResourcePolicyFact, grants: Sequence[_PrincipalGrant]) -> Iterator[Result]:
        end, properties = grants[0].end, self._properties(fact, grants)
        if end.service is not None:
            yield from self._services.request(end.service)
            yield Relationship(
                self._services.key(end.service), end.service, "ALLOWS", fact.key, fact.type, None, properties
            )
        elif end.entity is not None:
            yield Relationship(end.entity.key, end.entity.type, "ALLOWS", fact.key, fact.type, None, properties)
        elif end.outside is not None:
            target, filters = end.outside
            yield MappedRelationship(fact.key, fact.type, "ALLOWS", "REVERSE", target, filters, None, properties)

    def _properties(self, fact: ResourcePolicyFact, principal_grants: Sequence[_PrincipalGrant]) -> Mapping[str, Value]:
        end = principal_grants[0].end
        grants = [each.effective for each in principal_grants]
        statements = [each.grant.statement for each in grants]
        properties = grant_properties(grants, None)
        negated = any(statement.principals.negated for statement in statements)
        return {
            "principal": cut(",".join(sorted({each.principal.text for each in principal_grants}))),
            **properties,
            **condition_properties(statement.rule.condition for statement in statements),
            **merged_properties(each.end.properties for each in principal_grants),
            **(_public(grants, fact.blocked_by) if end.identity == "everyone" else {}),
            **({"partial": True} if negated else {}),
            **not_principals(statements),
            "crossAccount": end.account not in ("", self._account.id),
        }


def _public(grants: Sequence[EffectiveGrant], blocked_by: str | None) -> dict[str, Value]:
    """Return whether everyone is granted something for every request, or else only for some, or what blocks that."""
    if blocked_by:
        return {"public": False, "blockedBy": blocked_by}
    public = any(each.unlimited for each in grants)
    return {"public": True} if public else {"public": False, "conditionalPublic": True}
