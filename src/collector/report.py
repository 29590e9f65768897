"""The ledger and report of a run. Every failure is recorded, so that what could not be read does not look deleted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Any

from collector.faults import NOT_OFFERED, CallFailed, Reason, readable
from collector.model import Dangling, Scope, Totals


class Report(dict[str, Any]):
    """The run report: a dictionary with the fields that README describes."""


SIGNAL_BASE = 128
"""The exit code of a run that a signal stopped, less the signal's number."""


class Exit(IntEnum):
    """The exit code of a command."""

    COMPLETE = 0
    BUG = 1
    USAGE = 2
    PARTIAL = 3
    NO_ACCOUNT = 4
    UNDELIVERED = 5


BENIGN = frozenset({Reason.VANISHED})
"""Reported, but not incomplete: the resource was deleted before it could be described."""


class Status(StrEnum):
    """How a scope, or the run, ended."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    SKIPPED = "skipped"
    UNAVAILABLE = "unavailable"
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
    """The calls, entities and problems of one scope. `started` and `ended` are monotonic seconds.

    `reached` and `unresolved` hold (client, region) pairs: endpoints that took a connection, and those whose host name does not
    exist; both are emptied once the host names of the account are judged. `not_offered` are the clients that AWS does not offer
    here; if the scope is nothing without them, it is `unavailable`.
    """

    calls: int = 0
    retries: int = 0
    throttles: int = 0
    entities: int = 0
    started: float | None = None
    ended: float | None = None
    skipped: bool = False
    unavailable: bool = False
    reached: frozenset[tuple[str, str]] = frozenset()
    unresolved: frozenset[tuple[str, str]] = frozenset()
    not_offered: set[str] = field(default_factory=set)
    problems: dict[tuple[str, Reason, str], Problem] = field(default_factory=dict)

    def fail(self, failure: CallFailed, types: Iterable[str] = (), *, benign: bool = False) -> None:
        """Record a failure and the entity types that it affects; a benign one does not make the scope incomplete."""
        if failure.code == NOT_OFFERED:
            self.not_offered.add(failure.operation.partition(":")[0])
            return
        benign = benign or failure.reason in BENIGN
        key = (failure.operation, failure.reason, failure.code)
        problem = self.problems.get(key)
        if problem is None:
            problem = self.problems[key] = Problem(readable(failure.message), benign)
        problem.count += 1
        problem.types.update(types)

    def add(self, other: ScopeRecord) -> None:
        """Add another process's record of the same scope. Its times replace these if it began the scope."""
        self.calls += other.calls
        self.retries += other.retries
        self.throttles += other.throttles
        self.entities += other.entities
        self.skipped = self.skipped or other.skipped
        self.unavailable = self.unavailable or other.unavailable
        self.reached |= other.reached
        self.unresolved |= other.unresolved
        self.not_offered |= other.not_offered
        if other.started is not None:
            self.started, self.ended = other.started, other.ended
        for key, added in other.problems.items():
            problem = self.problems.setdefault(key, Problem(added.message, added.benign))
            problem.count += added.count
            problem.types |= added.types

    @property
    def status(self) -> Status:
        """Complete only if the scope ended and every failure in it was benign; an unavailable scope has nothing to collect."""
        if self.skipped:
            return Status.SKIPPED
        if self.unavailable:
            return Status.UNAVAILABLE
        incomplete = self.ended is None or any(not problem.benign for problem in self.problems.values())
        return Status.PARTIAL if incomplete else Status.COMPLETE

    def mark_not_offered(self, clients: Collection[str], code: str) -> None:
        """Record that AWS does not offer these clients here: their problems with this code are none."""
        self.not_offered.update(clients)
        for key in [key for key in self.problems if key[2] == code and key[0].partition(":")[0] in clients]:
            del self.problems[key]

    def incomplete_types(self) -> set[str]:
        """The entity types that may be incomplete here: an entity that is absent may still exist."""
        return {type_ for problem in self.problems.values() if not problem.benign for type_ in problem.types}


class Ledger:
    """The records of a run: one for every planned scope, and totals."""

    def __init__(self, run_id: str, version: str, clock: Callable[[], float] = time.time) -> None:
        """`clock` returns seconds since 1970."""
        self.run_id = run_id
        self._version = version
        self._clock = clock
        self._started = clock()
        self.scopes: dict[Scope, ScopeRecord] = {}
        self._accounts: dict[str, dict[Scope, ScopeRecord]] = {}
        self._settled: set[str] = set()
        self._settled_totals = Totals()
        self.types: Counter[str] = Counter()
        self.relationships: Counter[str] = Counter()
        self.mapped = 0
        self.duplicates = 0
        self.copies = 0
        self.dangling: Counter[Dangling] = Counter()
        self.analysis: Counter[str] = Counter()
        self.batches = 0
        self.bytes = 0
        self.buckets: Sequence[Mapping[str, Any]] = ()
        self.stopped = False
        self.left_out: set[str] = set()
        self.account_names: dict[str, str] = {}

    def merge(self, other: Ledger) -> None:
        """Add the records and totals of another process."""
        for scope, record in other.scopes.items():
            self.plan(scope).add(record)
        self.types.update(other.types)
        self.relationships.update(other.relationships)
        self.dangling.update(other.dangling)
        self.analysis.update(other.analysis)
        self.mapped += other.mapped
        self.duplicates += other.duplicates
        self.left_out |= other.left_out

    def plan(self, scope: Scope) -> ScopeRecord:
        """The record of a scope, created if new. A planned scope stays in the report, even if it is never begun."""
        record = self.scopes.get(scope)
        if record is None:
            record = self.scopes[scope] = self._accounts.setdefault(scope.account, {})[scope] = ScopeRecord()
        return record

    def pop(self, scope: Scope) -> ScopeRecord:
        """Take the record of a scope out of the ledger."""
        del self._accounts[scope.account][scope]
        return self.scopes.pop(scope)

    def of_account(self, account: str) -> Mapping[Scope, ScopeRecord]:
        """The records of one account."""
        return self._accounts.get(account, {})

    def begin(self, scope: Scope) -> ScopeRecord:
        """Start the clock of a scope."""
        record = self.plan(scope)
        record.started, record.ended = time.monotonic(), None
        return record

    def end(self, scope: Scope) -> None:
        """Stop the clock of a scope: it has no more calls to make."""
        self.scopes[scope].ended = time.monotonic()

    def skip(self, scope: Scope, failure: CallFailed) -> None:
        """Record a scope that is deliberately not collected."""
        record = self.plan(scope)
        record.skipped = True
        record.fail(failure)

    def count(self, record: Mapping[str, Any]) -> None:
        """Count an outgoing record."""
        if "_mapping" in record:
            self.mapped += 1
        elif "_fromEntityKey" in record:
            self.relationships[record["_type"]] += 1
        else:
            self.types[record["_type"]] += 1

    def uncount(self, record: Mapping[str, Any], scope: Scope) -> None:
        """Take back the count of a record that is not delivered."""
        if "_mapping" in record:
            self.mapped -= 1
        elif "_fromEntityKey" in record:
            self.relationships -= Counter((record["_type"],))
        else:
            self.types -= Counter((record["_type"],))
            self.scopes[scope].entities -= 1

    def totals(self) -> Totals:
        """The counts so far; scopes that are skipped or unavailable are left out. May be called from another thread."""
        running = (account for account in self._accounts.copy() if account not in self._settled)  # copying is atomic
        totals = sum(map(self._totals_of, running), self._settled_totals)
        return replace(totals, entities=sum(self.types.values()))

    def settle(self, account: str) -> None:
        """Note that an account is done, so that its scopes are not counted again and again."""
        self._settled_totals += self._totals_of(account)
        self._settled.add(account)

    def _totals_of(self, account: str) -> Totals:
        accounts = scopes = ended = calls = throttles = 0
        for scope, record in self._accounts.get(account, {}).copy().items():
            calls += record.calls
            throttles += record.throttles
            if not (record.skipped or record.unavailable):
                scopes += 1
                ended += record.ended is not None
                accounts |= scope.service != "account"  # the scope `account` precedes the plan
        return Totals(accounts, scopes, ended, 0, calls, throttles)

    @property
    def status(self) -> Status:
        """The status of the run: failed if it collected nothing and is not complete, or if no scope is complete."""
        statuses = {record.status for record in self.scopes.values()}
        if Status.PARTIAL in statuses or self.stopped:
            return Status.PARTIAL if self.types else Status.FAILED
        return Status.COMPLETE if Status.COMPLETE in statuses else Status.FAILED

    def incomplete_types(self, account: str | None = None) -> set[str]:
        """The entity types that may be incomplete in some scope of `account`, or of any account."""
        records = (self.scopes if account is None else self.of_account(account)).values()
        return {type_ for record in records if not record.skipped for type_ in record.incomplete_types()}

    def report(self, partial_types: Iterable[str], partial_patterns: Iterable[str] = ()) -> Report:
        """The run report as documented. The types and the patterns of types are all that may be incomplete."""
        records = self.scopes.values()
        return Report(
            {
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
                    "copies": self.copies,
                    "dangling": sum(self.dangling.values()),
                    "batches": self.batches,
                    "bytes": self.bytes,
                },
                "types": dict(sorted(self.types.items())),
                "dangling": [
                    {"relationship": f"{source} {verb} {target}", "reason": reason, "count": count}
                    for (source, verb, target, reason), count in sorted(self.dangling.items())
                ],
                "analysis": {name: count for name, count in sorted(self.analysis.items()) if count},
                "buckets": list(self.buckets),
                "scopes": [_scope(scope, record) for scope, record in sorted(self.scopes.items())],
                "partialDatasets": {"types": sorted(partial_types), "patterns": sorted(partial_patterns)},
            }
        )


def _scope(scope: Scope, record: ScopeRecord) -> dict[str, Any]:
    seconds = (record.ended or time.monotonic()) - record.started if record.started is not None else 0.0
    return {
        **scope._asdict(),
        "status": record.status,
        "entities": record.entities,
        "calls": record.calls,
        "seconds": round(seconds, 3),
        **({"notOffered": sorted(record.not_offered)} if record.not_offered else {}),
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
