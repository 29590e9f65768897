"""What identity policies allow: a relationship from each policy to everything that it reaches.

A relationship says what its document grants. What limits a document from outside (boundaries, organization policies, session
and resource policies) is not considered, nor is who holds it: that is told by other relationships.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.analysis import outside
from collector.analysis.authorization import everything
from collector.analysis.collapse import Collapse, Reach
from collector.analysis.denials import Denial, Remainder, concerns, denials, granted, joined, remainder
from collector.analysis.documents import Statement, read
from collector.analysis.grants import Grant, all_actions, properties
from collector.analysis.patterns import EVERYTHING, PatternReader, parse
from collector.analysis.results import (
    AnalysisProblem,
    AnalysisVerb,
    MappedRelationship,
    Primitive,
    Relationship,
    Result,
)
from collector.analysis.services import ACCOUNT_PREFIX, Services, of_prefix
from collector.analysis.statements import statement_actions

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Sequence

    from collector.analysis.facts import Account, AnalysisLimits, PolicyDocument, PolicyFact
    from collector.analysis.matching import ResourceIndex

STEP_SIZE = 500
"""How many findings are handed over at once, so that no step takes long."""


@dataclass(slots=True)
class _Resources:
    """The resources of a type and an owner that a policy reaches, each with the grants that do, as bits."""

    grants: list[Grant] = field(default_factory=list)
    reached: dict[str, int] = field(default_factory=dict)

    def add(self, grant: Grant) -> None:
        """Take what a grant reaches."""
        bit = 1 << len(self.grants)
        self.grants.append(grant)
        if not self.reached:
            self.reached = dict.fromkeys(grant.reach.keys, bit)
            return
        reached = self.reached
        before = reached.get
        for key in grant.reach.keys:
            reached[key] = before(key, 0) | bit


@dataclass(slots=True)
class ReachedResources:
    """Everything that a policy reaches."""

    account: list[Grant] = field(default_factory=list)
    services: dict[str, list[Grant]] = field(default_factory=dict)
    foreign: dict[str, list[Grant]] = field(default_factory=dict)
    resources: dict[tuple[str, str], _Resources] = field(default_factory=dict)

    def add(self, grant: Grant) -> None:
        """Take what a grant reaches."""
        reach = grant.reach
        if reach.step == "resource":
            self.resources.setdefault((reach.name, reach.owner), _Resources()).add(grant)
        elif reach.step == "account" or reach.name == ACCOUNT_PREFIX:
            self.account.append(grant)
        elif reach.step == "service":
            self.services.setdefault(of_prefix(reach.name), []).append(grant)
        else:
            self.foreign.setdefault(reach.name, []).append(grant)


class Permissions:
    """Draws the policies of one account; what equal statements reach is found once."""

    def __init__(
        self, account: Account, index: ResourceIndex, options: AnalysisLimits, services: Services, counts: Counter[str]
    ) -> None:
        """Take an index that is complete. `counts` are added to."""
        self._account = account
        self._index = index
        self._options = options
        self._services = services
        self._counts = counts
        self._ladder = Collapse(account, index, options)

    def steps(self, policies: Iterable[PolicyFact]) -> Iterator[list[Result]]:
        """The findings, some at a time."""
        for policy in policies:
            found: list[Result] = []
            for finding in self.findings(policy):
                found.append(finding)
                if len(found) == STEP_SIZE:
                    yield found
                    found = []
            yield found

    def findings(self, policy: PolicyFact) -> Iterator[Result]:
        """What one policy gives: problems, requests for service entities, relationships."""
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
        yield from self._to_account(policy, verb, reached.account, denied)
        for type_, grants in reached.services.items():
            yield from self._to_service(policy, verb, type_, grants, denied)
        for account, grants in reached.foreign.items():
            yield from self._to_foreign(policy, verb, account, grants, denied)
        for (type_, owner), resources in reached.resources.items():
            yield from self._to_resources(policy, verb, type_, owner, resources, denied)

    def reached(self, policy: PolicyFact, effect: str, statements: Iterable[Statement]) -> ReachedResources:
        """What the statements of one effect reach, before anything is taken away."""
        found = ReachedResources()
        for statement in statements:
            if statement.rule.effect == effect:
                means = statement_actions(statement.rule)
                reaches = self._ladder.reaches(means, policy.username)
                self._counts.update(reaches.counts)
                for reach in reaches.every:
                    found.add(Grant(statement, means, reach))
        return found

    def _to_account(
        self, policy: PolicyFact, verb: AnalysisVerb, grants: Sequence[Grant], denied: Sequence[Denial]
    ) -> Iterator[Result]:
        said = self._said(policy, grants, denied)
        if said is not None:
            yield Relationship(policy.key, policy.type, verb, self._account.key, "aws_account", None, said)

    def _to_service(
        self, policy: PolicyFact, verb: AnalysisVerb, type_: str, grants: Sequence[Grant], denied: Sequence[Denial]
    ) -> Iterator[Result]:
        said = self._said(policy, grants, denied)
        if said is not None:
            yield from self._services.ask(type_)
            yield Relationship(policy.key, policy.type, verb, self._services.key(type_), type_, None, said)

    def _to_foreign(
        self, policy: PolicyFact, verb: AnalysisVerb, account: str, grants: Sequence[Grant], denied: Sequence[Denial]
    ) -> Iterator[Result]:
        said = self._said(policy, grants, denied, cross=True)
        if said is not None:
            other = outside.account(account, self._account.partition)
            yield MappedRelationship(
                policy.key, policy.type, verb, "FORWARD", other.properties, other.filter_keys, None, said
            )

    def _said(
        self, policy: PolicyFact, grants: Sequence[Grant], denied: Sequence[Denial], *, cross: bool = False
    ) -> dict[str, Primitive] | None:
        """The properties of a relationship to something wide; None if Deny leaves nothing of it."""
        left = joined(_left(grant, [(denial, denial.of_reach(grant.reach)) for denial in denied]) for grant in grants)
        return properties(grants, left, policy.version) | {"crossAccount": cross} if left.something else None

    def _to_resources(
        self,
        policy: PolicyFact,
        verb: AnalysisVerb,
        type_: str,
        owner: str,
        resources: _Resources,
        denied: Sequence[Denial],
    ) -> Iterator[Relationship]:
        teller = _EdgeWriter(policy, owner, resources.grants, denied, self._account)
        arn = self._index.arn
        for key, bits in resources.reached.items():
            said = teller.said(arn(key), bits) if teller.denied else teller.plain(bits)
            if said is not None:
                yield Relationship(policy.key, policy.type, verb, key, type_, None, said)


class _EdgeWriter:
    """Gives the properties of relationships to resources; those that are alike share them."""

    def __init__(
        self, policy: PolicyFact, owner: str, grants: Sequence[Grant], denied: Sequence[Denial], account: Account
    ) -> None:
        self._policy = policy
        self._owner = owner
        self._cross = owner not in (account.id, "aws")
        self._grants = grants
        self._known: dict[tuple[int, tuple[int, ...]], dict[str, Primitive] | None] = {}
        self._scopes = list(dict.fromkeys(grant.reach.scope for grant in grants if grant.reach.scope))
        self.denied = tuple(denial for denial in denied if any(_touches(denial, grant) for grant in grants))

    def plain(self, bits: int) -> dict[str, Primitive] | None:
        """The properties where nothing is denied."""
        return self._told(bits, ())

    def said(self, arn: str, bits: int) -> dict[str, Primitive] | None:
        """The properties for one resource; None if Deny leaves nothing."""
        degrees = tuple(denial.of_resource(scope, arn, self._owner) for scope in self._scopes for denial in self.denied)
        return self._told(bits, degrees)

    def _told(self, bits: int, degrees: tuple[int, ...]) -> dict[str, Primitive] | None:
        question = (bits, degrees)
        if question not in self._known:
            self._known[question] = self._tell(bits, degrees)
        return self._known[question]

    def _tell(self, bits: int, degrees: tuple[int, ...]) -> dict[str, Primitive] | None:
        grants = [grant for number, grant in enumerate(self._grants) if bits >> number & 1]
        left = joined(_left(grant, self._denied(grant, degrees)) for grant in grants)
        if not left.something:
            return None
        return properties(grants, left, self._policy.version) | {"crossAccount": self._cross}

    def _denied(self, grant: Grant, degrees: tuple[int, ...]) -> list[tuple[Denial, int]]:
        if not degrees or grant.reach.scope is None:
            return []
        start = self._scopes.index(grant.reach.scope) * len(self.denied)
        return list(zip(self.denied, degrees[start : start + len(self.denied)], strict=True))


def _touches(denial: Denial, grant: Grant) -> bool:
    return concerns(denial.statement_actions, grant.reach.masks, grant.meaning.unlisted_of(grant.reach.service))


def _left(grant: Grant, denied: Sequence[tuple[Denial, int]]) -> Remainder:
    masks = granted(grant.meaning, grant.reach.masks)
    return remainder(masks, grant.meaning.unlisted_of(grant.reach.service), denied)


def policy_is_admin(document: PolicyDocument) -> bool:
    """Whether an identity policy unconditionally allows every action on everything, and denies nothing of that everywhere."""
    reader = PatternReader("")
    statements = read(document, "identity").statements
    denied = denials(statements, reader)
    grants = [
        Grant(statement, statement_actions(statement.rule), Reach("account", "", EVERYTHING, everything()))
        for statement in statements
        if _grants_everything(statement, reader)
    ]
    left = [_left(grant, [(denial, denial.of_reach(grant.reach)) for denial in denied]) for grant in grants]
    return bool(grants) and all_actions(grants, joined(left))


def _grants_everything(statement: Statement, reader: PatternReader) -> bool:
    rule = statement.rule
    patterns = [parse(raw, reader, variables=rule.variables) for raw in rule.resources]
    whole = not rule.not_resources and any(pattern and pattern.every and not pattern.variables for pattern in patterns)
    return rule.effect == "Allow" and rule.condition is None and statement_actions(rule).all_actions and whole
