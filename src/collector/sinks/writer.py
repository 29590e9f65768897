"""Finished records to batches of one scope each, and batches to the sink.

Records are taken without a pause, whenever there are some: a page of rows becomes lines in the moment in which it is there, so
that no rows wait in memory, and no two pages mix. Only the batches wait for the sink, and all calls wait for the batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import anyio
import orjson
import structlog

from collector.faults import CallFailed, Reason
from collector.graph.assemble import OutgoingRecord
from collector.model import Batch, Record, Scope
from collector.report import Ledger
from collector.sinks.base import Sink
from collector.sinks.shrink import without_raw_data

log = structlog.get_logger()

BATCH_BYTES = 1_000_000
"""A batch leaves when it has reached this size, or when its scope is done."""

MOST_BYTES = 5_000_000
"""No batch is larger, whatever the size of its records: what endpoints take at a time."""

HELD_BYTES = 2_000_000
"""What the unfinished batches of an account may hold together before all of them leave early."""

WAITING_BYTES = 1_000_000
"""What may wait for the sink before an account starts no more calls."""


class Writer:
    """Collects records by scope and hands full batches to the sink.

    Relationships wait apart from entities: before any of them leaves, all entities taken so far have left. So a relationship
    never comes before its ends, whichever scopes they belong to.
    """

    def __init__(self, sink: Sink, ledger: Ledger, turn: anyio.Lock) -> None:
        """Each account has a writer of its own; `turn` lets them use the sink one after the other."""
        self._sink, self._ledger, self._turn = sink, ledger, turn
        self._entities: dict[Scope, Batch] = {}
        self._relationships: dict[Scope, Batch] = {}
        self._held = 0
        self._leaving: deque[Batch] = deque()
        self._waiting = 0
        self._come = anyio.Event()
        self._eased = anyio.Event()
        self._ended = False
        self._dropped: set[str] = set()

    async def deliver(self) -> None:
        """Hand batches to the sink until the end. Raises `DeliveryError` when the sink gives up."""
        while self._leaving or not self._ended:
            if not self._leaving:
                self._come = anyio.Event()
                await self._come.wait()
                continue
            batch = self._leaving.popleft()
            async with self._turn:
                self._ledger.batches += 1
                batch.sequence = self._ledger.batches
                await self._sink.write(batch)
                self._ledger.bytes += batch.size
            self._waiting -= batch.size
            if self._waiting < WAITING_BYTES:
                eased, self._eased = self._eased, anyio.Event()
                eased.set()

    async def drain(self) -> None:
        """Wait while the sink has too much to take: what would be asked for now could only wait."""
        while self._waiting >= WAITING_BYTES:
            await self._eased.wait()

    def end(self) -> None:
        """Have everything leave; `deliver` returns when it has."""
        self.flush_all()
        self._ended = True
        self._come.set()

    def take(self, records: Iterable[OutgoingRecord]) -> None:
        """Take records. One that is too large for any batch loses its raw data, else is reported."""
        for record, scope, line in records:
            text = line_of(record) if line is None else line
            if len(text) >= MOST_BYTES or (self._dropped and self._leads_nowhere(record)):
                self._drop(record, scope, len(text))
            else:
                self._put(text, scope, is_entity=isinstance(record["_class"], list))

    def _put(self, line: bytes, scope: Scope, *, is_entity: bool) -> None:
        flush = self.flush if is_entity else self._flush_relationships
        open_batches = self._entities if is_entity else self._relationships
        batch = open_batches.get(scope)
        if batch is not None and batch.size + len(line) >= MOST_BYTES:
            flush(scope)
            batch = None
        if batch is None:
            batch = open_batches[scope] = Batch(scope, run=self._ledger.run_id)
        (batch.entities if is_entity else batch.relationships).append(line)
        batch.size += len(line) + 1
        self._held += len(line) + 1
        if self._held >= HELD_BYTES:
            self.flush_all()
        elif batch.size >= BATCH_BYTES:
            flush(scope)

    def flush(self, scope: Scope) -> None:
        """Have the entities leave that a scope has so far."""
        self._send(self._entities.pop(scope, None))

    def flush_all(self) -> None:
        """Have everything leave."""
        self._flush_entities()
        for scope in list(self._relationships):
            self._send(self._relationships.pop(scope))

    def _drop(self, record: Record, scope: Scope, size: int) -> None:
        """Report a record that cannot leave."""
        key, type_ = record["_key"], record["_type"]
        too_large = "is too large for a batch"
        why = too_large if size >= MOST_BYTES else "leads to an entity that was too large for a batch"
        failure = CallFailed(f"{scope.service}:{type_}", Reason.ERROR, "RecordTooLarge", f"{key[:200]} {why}")
        self._ledger.plan(scope).fail(failure, {type_})
        self._ledger.uncount(record, scope)
        self._dropped.add(key)

    def _leads_nowhere(self, record: Record) -> bool:
        """Whether an entity that this relationship is about was too large to leave."""
        ends = {
            record.get("_fromEntityKey"),
            record.get("_toEntityKey"),
            record.get("_mapping", {}).get("sourceEntityKey"),
        }
        return not self._dropped.isdisjoint(ends)

    def _flush_relationships(self, scope: Scope) -> None:
        self._flush_entities()
        self._send(self._relationships.pop(scope, None))

    def _flush_entities(self) -> None:
        for scope in list(self._entities):
            self.flush(scope)

    def _send(self, batch: Batch | None) -> None:
        if batch is None:
            return
        self._held -= batch.size
        self._waiting += batch.size
        self._leaving.append(batch)
        self._come.set()


def line_of(record: Record) -> bytes:
    """A record as JSON; without its raw data where it fits into a batch only so."""
    line = _json(record)
    if len(line) >= MOST_BYTES and len(shorter := _json(without_raw_data(record))) < MOST_BYTES:
        log.warning("too large for a batch: its raw data is left out", key=record["_key"])
        return shorter
    return line


def _json(record: Record) -> bytes:
    """In a copy: what orjson returns holds on to kilobytes more than its length."""
    return memoryview(orjson.dumps(record, default=_odd, option=orjson.OPT_NON_STR_KEYS)).tobytes()


def _odd(value: Any) -> str:
    """Bytes and the like in raw data: told by size, never shown."""
    return f"<{len(value)} bytes>" if isinstance(value, bytes | bytearray) else str(value)
