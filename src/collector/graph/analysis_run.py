"""Draws the relationships that follow from all facts of an account together: ALLOWS, DENIES and TRUSTS.

The analysis is CPU-bound and long. It runs in a thread, in small steps, so that the event loop is not blocked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

from anyio import to_thread

from collector.analysis import results
from collector.analysis.account import analyse
from collector.analysis.facts import AnalysisLimits, Facts, account_key
from collector.faults import CallFailed, Reason
from collector.graph.assemble import OutgoingRecord
from collector.graph.entity_index import EntityIndex
from collector.graph.facts import POLICIES
from collector.graph.relationships import EntityPair, MappedTarget, direct, mapped
from collector.model import GLOBAL, Record, Scope, Target, digest_of
from collector.report import Ledger

UNDRAWN = frozenset({"unknown_principal", "invalid_range"})
"""Problems that leave a document complete: it was read, but it names something that cannot be drawn."""

STEP = 100
"""Findings for each step in the thread: fewer do not pay for the switch, many more would block the event loop."""


class AnalysisRun:
    """Turns the findings of the analysis of one account into records.

    `services` maps entity types to services: a finding belongs to the global scope of its type's service.
    """

    def __init__(self, target: Target, entities: EntityIndex, ledger: Ledger, services: Mapping[str, str]) -> None:
        self._target, self._entities, self._ledger, self._services = target, entities, ledger, services
        self._sent: set[bytes] = set()
        self._scopes: dict[tuple[str, ...], Scope] = {}
        self._source = ("", False)
        self._policy = ""
        self._sent_of_policy: set[bytes] = set()

    async def draw(self, facts: Facts, options: AnalysisLimits) -> AsyncIterator[Iterator[OutgoingRecord]]:
        """The records that follow from the facts, in steps of about `STEP` findings."""
        steps = analyse(facts, options)
        while findings := await to_thread.run_sync(_next, steps):
            yield (record for finding in findings for record in self._records(finding))

    def _records(self, finding: results.Result) -> Iterator[OutgoingRecord]:
        match finding:
            case results.Relationship():
                yield from self._relationship(self._between(finding), finding)
            case results.MappedRelationship():
                yield from self._relationship(_mapped(finding), finding)
            case results.ServiceNode():
                yield from self._service(finding)
            case results.AnalysisProblem(key, type_, reason, detail):
                failure = CallFailed(f"analysis:{type_}", Reason.INVALID, reason, f"{key}: {detail}")
                self._ledger.plan(self._scope(type_)).fail(failure, {type_}, benign=reason in UNDRAWN)
            case results.Counts(numbers):
                self._ledger.analysis.update(numbers)
            case results.EntityProperties():
                """Entities have these properties since their conversion."""

    def _between(self, link: results.Relationship) -> Record:
        """A direct relationship if both ends were collected, else a mapped one: not every service is selected."""
        forward = self._is_collected(link.source_key)
        if forward and link.target_key in self._entities:
            return direct(EntityPair(*link[:5]), link.discriminator, link.properties)
        near, far = (link.source_key, link.source_type), (link.target_key, link.target_type)
        near, far = (near, far) if forward else (far, near)
        outside = MappedTarget({"_type": far[1], "_key": far[0]}, [["_type", "_key"]], create=True, type=far[1])
        return mapped(near, link.verb, outside, link.discriminator, link.properties, forward=forward)

    def _is_collected(self, source: str) -> bool:
        """Whether the source of a finding was collected. The last is cached: consecutive findings mostly share it."""
        if source != self._source[0]:
            self._source = (source, source in self._entities)
        return self._source[1]

    def _relationship(
        self, record: Record, finding: results.Relationship | results.MappedRelationship
    ) -> Iterator[OutgoingRecord]:
        types = (finding.source_type, finding.target_type if isinstance(finding, results.Relationship) else "")
        yield from self._once(record, self._scope(*types), self._sent_with(finding))

    def _sent_with(self, finding: results.Relationship | results.MappedRelationship) -> set[bytes]:
        """The sent keys among which a duplicate can be.

        Most findings are a policy's, and come one policy after the other: only the keys of the current one are kept.
        """
        if finding.source_type not in POLICIES:
            return self._sent
        if finding.source_key != self._policy:
            self._policy, self._sent_of_policy = finding.source_key, set()
        return self._sent_of_policy

    def _once(self, record: Record, scope: Scope, sent: set[bytes]) -> Iterator[OutgoingRecord]:
        digest = digest_of(record["_key"])
        if digest in sent:
            self._ledger.duplicates += 1
            return
        sent.add(digest)
        self._ledger.count(record)
        yield OutgoingRecord(record, scope)

    def _service(self, node: results.ServiceNode) -> Iterator[OutgoingRecord]:
        """The entity of a service that only a policy names, and its relationship to the account."""
        if not self._entities.add(node.type, node.key, ()):
            return
        scope = self._scope("aws_iam")
        entity: Record = {
            "_key": node.key,
            "_type": node.type,
            "_class": ["Service"],
            "category": ["infrastructure"],
            "function": ["other"],
            "name": node.name,
            "displayName": node.name,
            "accountId": self._target.account,
            "region": GLOBAL,
        }
        self._ledger.count(entity)
        self._ledger.plan(scope).entities += 1
        yield OutgoingRecord(entity, scope)
        account = account_key(self._target.account, self._target.partition)
        if account in self._entities:
            pair = EntityPair(account, "aws_account", "HAS", node.key, node.type)
            yield from self._once(direct(pair, None, None), scope, self._sent)

    def _scope(self, *types: str) -> Scope:
        scope = self._scopes.get(types)
        if scope is None:
            service = next((self._services[type_] for type_ in types if type_ in self._services), "iam")
            scope = self._scopes[types] = Scope(self._target.account, GLOBAL, service)
            if scope not in self._ledger.scopes:  # the service was not selected: the scope has no calls to make
                self._ledger.begin(scope)
                self._ledger.end(scope)
        return scope


def _next(steps: Iterator[list[results.Result]]) -> list[results.Result]:
    """The next `STEP` findings or somewhat more; fewer at the end, then none."""
    found: list[results.Result] = []
    for findings in steps:
        found += findings
        if len(found) >= STEP:
            break
    return found


def _mapped(link: results.MappedRelationship) -> Record:
    type_ = link.target.get("_type") or link.target.get("_class") or "resource"
    outside = MappedTarget(dict(link.target), [list(group) for group in link.filter_keys], create=True, type=str(type_))
    near = (link.source_key, link.source_type)
    return mapped(near, link.verb, outside, link.discriminator, link.properties, forward=link.direction == "FORWARD")
