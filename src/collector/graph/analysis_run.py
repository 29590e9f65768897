"""What follows from all facts of an account together: ALLOWS, DENIES and TRUSTS, drawn when its entities are complete.

The analysis is pure Python and long; it runs in a thread, a step at a time, so that the event loop goes on between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from hashlib import blake2b

from anyio import to_thread

from collector.analysis import results
from collector.analysis.account import analyse
from collector.analysis.facts import AnalysisLimits, Facts, account_key
from collector.faults import CallFailed, Reason
from collector.graph.assemble import OutgoingRecord
from collector.graph.facts import POLICIES
from collector.graph.relationships import EntityPair, MappedTarget, direct, mapped
from collector.graph.resolve import AccountGraph
from collector.model import GLOBAL, Record, Scope, Target
from collector.report import Ledger

UNDRAWN = frozenset({"unknown_principal", "invalid_range"})
"""What a document names that cannot be drawn; the document itself was read."""

WORTH_IT = 100
"""Findings that are worth going to a thread and back; many more at once would hold up the event loop."""


class AnalysisRun:
    """Turns the findings about one account into records."""

    def __init__(self, target: Target, graph: AccountGraph, ledger: Ledger, services: Mapping[str, str]) -> None:
        """`services` tells the service of each entity type: a finding belongs to the global scope of that service."""
        self._target, self._graph, self._ledger, self._services = target, graph, ledger, services
        self._sent: set[bytes] = set()
        self._scopes: dict[tuple[str, ...], Scope] = {}
        self._source = ("", False)
        self._policy = ""
        self._sent_of_policy: set[bytes] = set()

    async def draw(self, facts: Facts, options: AnalysisLimits) -> AsyncIterator[Iterator[OutgoingRecord]]:
        """Every record that follows from the facts, some hundreds at a time."""
        steps = analyse(facts, options)
        while findings := await to_thread.run_sync(_some, steps):
            yield (finished for finding in findings for finished in self._finished(finding))

    def _finished(self, finding: results.Result) -> Iterator[OutgoingRecord]:
        match finding:
            case results.Relationship():
                yield from self._relationship(self._linked(finding), finding)
            case results.MappedRelationship():
                yield from self._relationship(_mapped(finding), finding)
            case results.ServiceNode():
                yield from self._service(finding)
            case results.AnalysisProblem(key, type_, reason, detail):
                failure = CallFailed(f"analysis:{type_}", Reason.INVALID, reason, f"{key}: {detail}")
                self._ledger.plan(self._scope(type_)).fail(failure, {type_}, benign=reason in UNDRAWN)
            case results.EntityProperties() | results.Counts():
                """Entities carry these properties from their conversion; the counts are for benchmarks."""

    def _linked(self, link: results.Relationship) -> Record:
        """Direct if both ends left; the account itself may not have been asked for."""
        forward = self._is_known(link.source_key)
        if forward and link.target_key in self._graph:
            return direct(EntityPair(*link[:5]), link.discriminator, link.properties)
        near, far = (link.source_key, link.source_type), (link.target_key, link.target_type)
        near, far = (near, far) if forward else (far, near)
        outside = MappedTarget({"_type": far[1], "_key": far[0]}, [["_type", "_key"]], create=True, type=far[1])
        return mapped(near, link.verb, outside, link.discriminator, link.properties, forward=forward)

    def _is_known(self, source: str) -> bool:
        """Whether the entity that a finding begins at has left: many findings one after the other begin at the same."""
        if source != self._source[0]:
            self._source = (source, source in self._graph)
        return self._source[1]

    def _relationship(
        self, record: Record, finding: results.Relationship | results.MappedRelationship
    ) -> Iterator[OutgoingRecord]:
        types = (finding.source_type, finding.target_type if isinstance(finding, results.Relationship) else "")
        yield from self._once(record, self._scope(*types), self._sent_beside(finding))

    def _sent_beside(self, finding: results.Relationship | results.MappedRelationship) -> set[bytes]:
        """Where a repetition would be found: what a policy allows, by far the most, is all drawn before the next policy."""
        if finding.source_type not in POLICIES:
            return self._sent
        if finding.source_key != self._policy:
            self._policy, self._sent_of_policy = finding.source_key, set()
        return self._sent_of_policy

    def _once(self, record: Record, scope: Scope, sent: set[bytes]) -> Iterator[OutgoingRecord]:
        mark = blake2b(record["_key"].encode(), digest_size=16).digest()  # a fifth of what the key itself takes
        if mark in sent:
            self._ledger.duplicates += 1
            return
        sent.add(mark)
        self._ledger.count(record)
        yield OutgoingRecord(record, scope)

    def _service(self, node: results.ServiceNode) -> Iterator[OutgoingRecord]:
        """A service that only policies name gets its entity on demand."""
        if node.key in self._graph:
            return
        self._graph.add(node.type, node.key, ())
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
        if account in self._graph:
            yield from self._once(
                direct(EntityPair(account, "aws_account", "HAS", node.key, node.type), None, None), scope, self._sent
            )

    def _scope(self, *types: str) -> Scope:
        scope = self._scopes.get(types)
        if scope is None:
            service = next((self._services[type_] for type_ in types if type_ in self._services), "iam")
            scope = self._scopes[types] = Scope(self._target.account, GLOBAL, service)
        return scope


def _some(steps: Iterator[list[results.Result]]) -> list[results.Result]:
    """The findings of as many steps as make it worth to go to a thread and back; none at the end."""
    found: list[results.Result] = []
    for findings in steps:
        found += findings
        if len(found) >= WORTH_IT:
            break
    return found


def _mapped(link: results.MappedRelationship) -> Record:
    type_ = link.target.get("_type") or link.target.get("_class") or "resource"
    outside = MappedTarget(dict(link.target), [list(group) for group in link.filter_keys], create=True, type=str(type_))
    near = (link.source_key, link.source_type)
    return mapped(near, link.verb, outside, link.discriminator, link.properties, forward=link.direction == "FORWARD")
