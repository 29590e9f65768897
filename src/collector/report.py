"""The ledger of a run: written where calls end, so that what was not seen is never taken for what is not there."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from collector.faults import CallFailed, Reason
from collector.model import Dangling, Scope

Report: TypeAlias = dict[str, Any]

BENIGN = frozenset({Reason.VANISHED})
"""What is told but takes nothing from completeness: a thing that was gone before it could be described."""


class Status(StrEnum):
    """How a scope, or the run, ended."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(slots=True)
class Problem:
    """One kind of failure of one operation in one scope."""

    message: str
    benign: bool = False
    count: int = 0
    types: set[str] = field(default_factory=set)


@dataclass(slots=True)
class ScopeRecord:
    """What one scope asked, found and could not see."""

    calls: int = 0
    retries: int = 0
    throttles: int = 0
    entities: int = 0
    started: float | None = None
    ended: float | None = None
    skipped: bool = False
    problems: dict[tuple[str, Reason, str], Problem] = field(default_factory=dict)

    def fail(self, failure: CallFailed, types: Iterable[str] = (), *, benign: bool = False) -> None:
        """Note a failure and the entity types that it touches; a harmless one is told and takes nothing from completeness."""
        benign = benign or failure.reason in BENIGN
        key = (failure.operation, failure.reason, failure.code)
        problem = self.problems.setdefault(key, Problem(failure.message[:500], benign))
        problem.count += 1
        problem.types.update(types)

    def add(self, other: ScopeRecord) -> None:
        """Add what another process asked and found in the same scope. Its time is told, where it had the scope to itself."""
        self.calls += other.calls
        self.retries += other.retries
        self.throttles += other.throttles
        self.entities += other.entities
        self.skipped = self.skipped or other.skipped
        if other.started is not None:
            self.started, self.ended = other.started, other.ended
        for key, told in other.problems.items():
            problem = self.problems.setdefault(key, Problem(told.message, told.benign))
            problem.count += told.count
            problem.types |= told.types

    @property
    def status(self) -> Status:
        """Complete only if every call that was needed succeeded, or meant "none"."""
        if self.skipped:
            return Status.SKIPPED
        harmful = any(not problem.benign for problem in self.problems.values())
        return Status.PARTIAL if harmful or self.ended is None else Status.COMPLETE

    def incomplete_types(self) -> set[str]:
        """The entity types whose absence proves nothing here."""
        return {type_ for problem in self.problems.values() if not problem.benign for type_ in problem.types}


class Ledger:
    """The book of a run: a record for every planned scope, and totals."""

    def __init__(self, run_id: str, version: str, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970."""
        self.run_id = run_id
        self._version = version
        self._clock = clock
        self._started = clock()
        self.scopes: dict[Scope, ScopeRecord] = {}
        self.types: Counter[str] = Counter()
        self.relationships: Counter[str] = Counter()
        self.mapped = 0
        self.duplicates = 0
        self.dangling: Counter[Dangling] = Counter()
        self.batches = 0
        self.bytes = 0
        self.buckets: Sequence[Mapping[str, Any]] = ()
        self.stopped = False

    def take(self, other: Ledger) -> None:
        """Add what another process found out."""
        for scope, record in other.scopes.items():
            self.plan(scope).add(record)
        self.types.update(other.types)
        self.relationships.update(other.relationships)
        self.dangling.update(other.dangling)
        self.mapped += other.mapped
        self.duplicates += other.duplicates
        self.batches += other.batches
        self.bytes += other.bytes

    def plan(self, scope: Scope) -> ScopeRecord:
        """Open a scope's record. A scope that is planned never leaves the report."""
        return self.scopes.setdefault(scope, ScopeRecord())

    def begin(self, scope: Scope) -> ScopeRecord:
        """Start the clock of a scope."""
        record = self.plan(scope)
        record.started, record.ended = time.monotonic(), None
        return record

    def end(self, scope: Scope) -> None:
        """Stop the clock of a scope: all that it had to ask was asked."""
        self.scopes[scope].ended = time.monotonic()

    def skip(self, scope: Scope, failure: CallFailed) -> None:
        """A scope that is knowingly not collected."""
        record = self.plan(scope)
        record.skipped = True
        record.fail(failure)

    def count(self, record: Mapping[str, Any]) -> None:
        """Count a record that leaves."""
        if "_mapping" in record:
            self.mapped += 1
        elif "_fromEntityKey" in record:
            self.relationships[record["_type"]] += 1
        else:
            self.types[record["_type"]] += 1

    def uncount(self, record: Mapping[str, Any], scope: Scope) -> None:
        """A record that was counted does not leave after all."""
        if "_mapping" in record:
            self.mapped -= 1
        elif "_fromEntityKey" in record:
            self.relationships -= Counter((record["_type"],))
        else:
            self.types -= Counter((record["_type"],))
            self.scopes[scope].entities -= 1

    @property
    def status(self) -> Status:
        """Of the whole run."""
        states = {record.status for record in self.scopes.values()}
        if Status.PARTIAL in states or self.stopped:
            return Status.PARTIAL if self.types else Status.FAILED
        return Status.COMPLETE if Status.COMPLETE in states else Status.FAILED

    def incomplete_types(self, account: str | None = None) -> set[str]:
        """The entity types that some scope, of one account or of all, could not, or not fully, see."""
        records = [
            record for scope, record in self.scopes.items() if not record.skipped and account in (None, scope.account)
        ]
        return set().union(*(record.incomplete_types() for record in records))

    def report(self, partial_types: Iterable[str]) -> Report:
        """The run report as the contract has it; `partial_types` are all types whose absence proves nothing."""
        records = self.scopes.values()
        return {
            "runId": self.run_id,
            "version": self._version,
            "startedOn": round(self._started * 1000),
            "endedOn": round(self._clock() * 1000),
            "status": self.status,
            "counts": {
                "entities": sum(self.types.values()),
                "relationships": sum(self.relationships.values()),
                "mappedRelationships": self.mapped,
                "apiCalls": sum(record.calls for record in records),
                "retries": sum(record.retries for record in records),
                "throttles": sum(record.throttles for record in records),
                "duplicates": self.duplicates,
                "dangling": sum(self.dangling.values()),
                "batches": self.batches,
                "bytes": self.bytes,
            },
            "types": dict(sorted(self.types.items())),
            "dangling": [
                {"relationship": f"{source} {verb} {target}", "reason": reason, "count": count}
                for (source, verb, target, reason), count in sorted(self.dangling.items())
            ],
            "buckets": list(self.buckets),
            "scopes": [_scope(scope, record) for scope, record in sorted(self.scopes.items())],
            "partialDatasets": {"types": sorted(partial_types)},
        }


def _scope(scope: Scope, record: ScopeRecord) -> Report:
    seconds = (record.ended or time.monotonic()) - record.started if record.started is not None else 0.0
    return {
        **scope._asdict(),
        "status": record.status,
        "entities": record.entities,
        "calls": record.calls,
        "seconds": round(seconds, 3),
        "problems": [
            {
                "operation": operation,
                "reason": reason,
                "code": code,
                "message": problem.message,
                "count": problem.count,
                "types": sorted(problem.types),
            }
            for (operation, reason, code), problem in sorted(record.problems.items())
        ],
    }
