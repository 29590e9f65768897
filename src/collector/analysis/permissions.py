"""Relationships from identity policies to everything that they allow.

A relationship describes what the policy document grants. Other limits (permissions boundaries, organization policies, session
policies, resource policies) are not evaluated. The principals that hold the policy are covered by other relationships.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from collector.analysis import outside
from collector.analysis.collapse import Collapse
from collector.analysis.denials import Denial, denials, remainder
from collector.analysis.documents import Statement, read
from collector.analysis.facts import Account, AnalysisLimits, PolicyFact
from collector.analysis.grants import EffectiveGrant, Grant, effective
from collector.analysis.matching import ResourceIndex
from collector.analysis.patterns import PatternReader
from collector.analysis.permission_properties import grant_properties
from collector.analysis.results import (
    AnalysisProblem,
    AnalysisVerb,
    MappedRelationship,
    Relationship,
    Result,
    Value,
    guarded,
)
from collector.analysis.services import ACCOUNT_PREFIX, Services, of_prefix
from collector.analysis.statements import statement_actions
from collector.analysis.unchangeable import UNCHANGEABLE, is_unchangeable, reading

STEP_SIZE = 500
"""Largest number of findings in one step of the analysis."""


@dataclass(slots=True)
class _Resources:
    """The resources of one type and owner that a policy reaches; `reached` maps each key to the bit mask of its grants."""

    grants: list[Grant] = field(default_factory=list)
    reached: dict[str, int] = field(default_factory=dict)

    def add(self, grant: Grant) -> None:
        bit = 1 << len(self.grants)
        self.grants.append(grant)
        if not self.reached:
            self.reached = dict.fromkeys(grant.target.keys, bit)
            return
        reached = self.reached
        get = reached.get
        for key in grant.target.keys:
            reached[key] = get(key, 0) | bit


@dataclass(slots=True)
class ReachedResources:
    """Everything that a policy reaches: grants by kind of target."""

    account: list[Grant] = field(default_factory=list)
    services: dict[str, list[Grant]] = field(default_factory=dict)
    foreign: dict[str, list[Grant]] = field(default_factory=dict)
    resources: dict[tuple[str, str], _Resources] = field(default_factory=dict)

    def add(self, grant: Grant) -> None:
        """Add a grant under the kind of its target."""
        target = grant.target
        if target.kind == "resource":
            self.resources.setdefault((target.name, target.owner), _Resources()).add(grant)
        elif target.kind == "account" or target.name == ACCOUNT_PREFIX:
            self.account.append(grant)
        elif target.kind == "service":
            self.services.setdefault(of_prefix(target.name), []).append(grant)
        else:
            self.foreign.setdefault(target.name, []).append(grant)


class Permissions:
    """Draws the identity policies of one account; equal statements are resolved once.

    The index must be complete: all resources have been added to it. `counts` is incremented.
    """

    def __init__(
        self, account: Account, index: ResourceIndex, options: AnalysisLimits, services: Services, counts: Counter[str]
    ) -> None:
        self._account = account
        self._index = index
        self._options = options
        self._services = services
        self._counts = counts
        self._collapse = Collapse(account, index, options)

    def steps(self, policies: Iterable[PolicyFact]) -> Iterator[list[Result]]:
        """Yield the findings of all policies in lists of at most `STEP_SIZE`."""
        for policy in policies:
            found: list[Result] = []
            for finding in guarded(self.findings, policy):
                found.append(finding)
                if len(found) == STEP_SIZE:
                    yield found
                    found = []
            yield found

    def findings(self, policy: PolicyFact) -> Iterator[Result]:
        """Yield the findings of one policy: problems, requests for service entities, relationships."""
        document = read(policy.document, "identity")
        for fault in document.faults:
            self._counts["invalidStatements" if document.statements else "invalidDocuments"] += 1
            yield AnalysisProblem(policy.key, policy.type, "invalid_policy", fault)
        reader = PatternReader(self._account.id, policy.username)
        denied = denials(document.statements, reader)
        yield from self._drawn(policy, "ALLOWS", document.statements, denied)
        if self._options.deny_edges and denied:
            yield from self._drawn(policy, "DENIES", document.statements, ())

    def _drawn(
        self, policy: PolicyFact, verb: AnalysisVerb, statements: Sequence[Statement], denied: Sequence[Denial]
    ) -> Iterator[Result]:
        reached = self.reached(policy, "Allow" if verb == "ALLOWS" else "Deny", statements)
        properties = self._wide_properties(policy, reached.account, denied)
        if properties is not None:
            yield Relationship(policy.key, policy.type, verb, self._account.key, "aws_account", None, properties)
        for type_, grants in reached.services.items():
            properties = self._wide_properties(policy, grants, denied)
            if properties is not None:
                yield from self._services.request(type_)
                yield Relationship(policy.key, policy.type, verb, self._services.key(type_), type_, None, properties)
        for account, grants in reached.foreign.items():
            yield from self._to_foreign(policy, verb, account, grants, denied)
        for (type_, owner), resources in reached.resources.items():
            yield from self._to_resources(policy, verb, type_, owner, resources, denied)

    def reached(self, policy: PolicyFact, effect: str, statements: Iterable[Statement]) -> ReachedResources:
        """Return everything that the statements of one effect reach, without applying Deny statements."""
        found = ReachedResources()
        for statement in statements:
            if statement.rule.effect == effect:
                actions = statement_actions(statement.rule)
                resolved = self._collapse.targets(actions, policy.username)
                self._counts.update(resolved.counts)
                for target in resolved.targets:
                    found.add(Grant(statement, actions, target))
        return found

    def _to_foreign(
        self, policy: PolicyFact, verb: AnalysisVerb, account: str, grants: Sequence[Grant], denied: Sequence[Denial]
    ) -> Iterator[Result]:
        properties = self._wide_properties(policy, grants, denied, cross=True)
        if properties is not None:
            other = outside.account(account, self._account.partition)
            yield MappedRelationship(
                policy.key, policy.type, verb, "FORWARD", other.properties, other.filter_keys, None, properties
            )

    def _wide_properties(
        self, policy: PolicyFact, grants: Sequence[Grant], denied: Sequence[Denial], *, cross: bool = False
    ) -> dict[str, Value] | None:
        """Return the properties of a relationship to an account or a service; None if everything is denied."""
        left = []
        for grant in grants:
            degrees = [(denial, denial.degree_on_target(grant.target)) for denial in denied]
            left.append(EffectiveGrant(grant, remainder(grant.actions, grant.target, degrees)))
        return grant_properties(left, policy.version) | _marks(policy, cross=cross) if effective(left) else None

    def _to_resources(
        self,
        policy: PolicyFact,
        verb: AnalysisVerb,
        type_: str,
        owner: str,
        resources: _Resources,
        denied: Sequence[Denial],
    ) -> Iterator[Relationship]:
        writer = _EdgeWriter(policy, owner, resources.grants, denied, self._account)
        if type_ in UNCHANGEABLE and any(is_unchangeable(key, type_) for key in resources.reached):
            unchangeable = _EdgeWriter(policy, owner, reading(resources.grants), denied, self._account)
        else:
            unchangeable = writer
        arn = self._index.arn
        for key, bits in resources.reached.items():
            used = unchangeable if unchangeable is not writer and is_unchangeable(key, type_) else writer
            properties = used.properties(bits, used.degrees(arn(key)) if used.denied else ())
            if properties is not None:
                yield Relationship(policy.key, policy.type, verb, key, type_, None, properties)


class _EdgeWriter:
    """Computes the properties of relationships to resources of one type and owner; equal relationships share one object."""

    def __init__(
        self, policy: PolicyFact, owner: str, grants: Sequence[Grant], denied: Sequence[Denial], account: Account
    ) -> None:
        self._policy = policy
        self._owner = owner
        self._cross = owner not in (account.id, "aws")
        self._grants = grants
        self._cache: dict[tuple[int, tuple[int, ...]], dict[str, Value] | None] = {}
        self._scopes = list(dict.fromkeys(grant.target.scope for grant in grants if grant.target.scope))
        self.denied = tuple(denial for denial in denied if any(_limits(denial, grant) for grant in grants))

    def degrees(self, arn: str) -> tuple[int, ...]:
        """Return the degree to which each Deny statement covers each scope of a resource."""
        return tuple(
            denial.degree_on_resource(scope, arn, self._owner) for scope in self._scopes for denial in self.denied
        )

    def properties(self, bits: int, degrees: tuple[int, ...]) -> dict[str, Value] | None:
        """Return the properties for a bit mask of grants; None if everything is denied."""
        key = (bits, degrees)
        if key not in self._cache:
            grants = (grant for number, grant in enumerate(self._grants) if bits >> number & 1)
            found = (self._effective(grant, degrees) for grant in grants)
            left = [each for each in found if each.left.denied or not each.left.empty]
            drawn = grant_properties(left, self._policy.version) if effective(left) else None
            self._cache[key] = drawn and drawn | _marks(self._policy, cross=self._cross)
        return self._cache[key]

    def _effective(self, grant: Grant, degrees: tuple[int, ...]) -> EffectiveGrant:
        return EffectiveGrant(grant, remainder(grant.actions, grant.target, self._denied(grant, degrees)))

    def _denied(self, grant: Grant, degrees: tuple[int, ...]) -> list[tuple[Denial, int]]:
        if not degrees or grant.target.scope is None:
            return []
        start = self._scopes.index(grant.target.scope) * len(self.denied)
        return list(zip(self.denied, degrees[start : start + len(self.denied)], strict=True))


def _marks(policy: PolicyFact, *, cross: bool) -> dict[str, Value]:
    """Return whether a relationship leads to another account, and that nobody has the policy, if so."""
    return {"crossAccount": cross, **({} if policy.attached else {"attached": False})}


def _limits(denial: Denial, grant: Grant) -> bool:
    """Whether a Deny statement covers an action of a grant's target."""
    return denial.actions.covers_any(grant.target.masks, grant.actions.unlisted_of(grant.target.service))
