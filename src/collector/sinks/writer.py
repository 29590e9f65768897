"""Groups the finished records of an account into batches, and delivers the batches to the sink.

Accepting records never waits: a page of rows is serialized as soon as it arrives, so that no rows wait in memory. Only batches
wait for the sink. Through `Writer.drain`, a backlog of batches stops further calls.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Iterable
from typing import Any

import anyio
import orjson
import structlog

from collector.faults import CallFailed, Reason
from collector.graph.assemble import OutgoingRecord
from collector.model import Batch, Record, Scope, SharedRecord, digest_of
from collector.report import Ledger
from collector.sinks.base import Sink
from collector.sinks.shrink import without_raw_data

log = structlog.get_logger()

BATCH_BYTES = 1_000_000
"""A batch is sent once it has reached this size."""

MAX_BATCH_BYTES = 5_000_000
"""Hard limit of a batch, which endpoints accept in one request."""

LINGER_SECONDS = 1.0
"""Entities are sent after this time even if their batch is small, so that a reader follows the run."""

WAITING_BYTES = 1_000_000
"""Size of the backlog at which `drain` starts to wait."""


class Writer:
    """Collects the records of one account and delivers full batches to the sink.

    Relationships are batched apart from entities. Before relationships are sent, all entities accepted so far are sent. So a
    relationship never precedes the entities at its ends.
    """

    def __init__(self, account: str, sink: Sink, ledger: Ledger, lock: asyncio.Lock) -> None:
        """Each account has its own writer; `lock` is shared and serializes their access to the sink."""
        self._account, self._sink, self._ledger, self._lock = account, sink, ledger, lock
        self._entities = self._new_batch()
        self._relationships = self._new_batch()
        self._queue: deque[Batch] = deque()
        self._queued_bytes = 0
        self._changed = asyncio.Event()
        self._drained = asyncio.Event()
        self._ended = False
        self._dropped: set[str] = set()
        self._owners: dict[str, str] = {}  # of the entities that other accounts own

    async def deliver(self) -> None:
        """Write batches to the sink until `end` was called and all are written. Raises `DeliveryError` if the sink fails."""
        while self._queue or not self._ended:
            if not self._queue:
                await self._wait_for_batch()
                continue
            batch = self._queue.popleft()
            async with self._lock:
                await self._sink.write(batch)
            self._queued_bytes -= batch.size
            if self._queued_bytes < WAITING_BYTES:
                drained, self._drained = self._drained, asyncio.Event()
                drained.set()

    async def _wait_for_batch(self) -> None:
        """Wait until a batch is queued; send the entities that have been held for `LINGER_SECONDS`."""
        self._changed = asyncio.Event()
        with anyio.move_on_after(LINGER_SECONDS if self._entities.size else math.inf) as waiting:
            await self._changed.wait()
        if waiting.cancelled_caught:
            self._send_entities()

    async def drain(self) -> None:
        """Wait until the sink has caught up, that is, the backlog is below `WAITING_BYTES`."""
        while self._queued_bytes >= WAITING_BYTES:
            await self._drained.wait()

    def end(self) -> None:
        """Send the unfinished batches and accept no more; `deliver` returns once they are written."""
        self._send_all()
        self._ended = True
        self._changed.set()

    def take(self, records: Iterable[OutgoingRecord]) -> None:
        """Accept records.

        A record that is too large for a batch is sent without raw data. If it is still too large, or has a value that JSON
        cannot hold, it is dropped and reported as a problem of its scope, and so are its relationships.
        """
        for outgoing in records:
            record, scope, line, owner = outgoing
            try:
                text = line_of(record) if line is None else line
            except TypeError as error:  # such as half of a surrogate pair in text
                self._drop(record, scope, Reason.INVALID, "NotJson", str(error))
                continue
            if len(text) >= MAX_BATCH_BYTES:
                self._drop(record, scope, Reason.ERROR, "RecordTooLarge", "is too large for a batch")
            elif self._dropped and self._has_dropped_end(record):
                message = "refers to an entity that was dropped: it is too large for a batch, or not JSON"
                self._drop(record, scope, Reason.ERROR, "RecordTooLarge", message)
            else:
                self._put(text, self._shared(record, owner, text), is_entity=isinstance(record["_class"], list))
                if owner == self._account:
                    self._entities.owned.append(digest_of(record["_key"]))

    def _shared(self, record: Record, owner: str | None, line: bytes) -> SharedRecord | None:
        """The record as one that other accounts may have too; None if only this one has it.

        A relationship is shared if all entities that it joins are.
        """
        key = record["_key"]
        if owner is not None and owner != self._account:
            self._owners[key] = owner
            return SharedRecord(key, owner, (), line)
        if not self._owners or isinstance(record["_class"], list):
            return None
        ends = _ends(record)
        owners = [self._owners.get(end) for end in ends]
        return SharedRecord(key, owners[0], ends, line) if owners[0] and all(owners) else None

    def _put(self, line: bytes, shared: SharedRecord | None, *, is_entity: bool) -> None:
        send = self._send_entities if is_entity else self._send_all
        size = len(line) + 1
        if self._open_batch(is_entity=is_entity).size + size > MAX_BATCH_BYTES:
            send()
        batch = self._open_batch(is_entity=is_entity)
        if not batch.size:
            self._changed.set()  # the time to linger begins
        if shared is not None:
            batch.shared.append(shared)
        else:
            (batch.entities if is_entity else batch.relationships).append(line)
        batch.size += size
        if batch.size >= BATCH_BYTES:
            send()

    def _open_batch(self, *, is_entity: bool) -> Batch:
        return self._entities if is_entity else self._relationships

    def _new_batch(self) -> Batch:
        return Batch(self._account, run=self._ledger.run_id)

    def _drop(self, record: Record, scope: Scope, reason: Reason, code: str, cause: str) -> None:
        """Report a record that cannot be sent."""
        key, type_ = record["_key"], record["_type"]
        failure = CallFailed(f"{scope.service}:{type_}", reason, code, f"{key[:200]} {cause}")
        self._ledger.plan(scope).fail(failure, {type_})
        self._ledger.uncount(record, scope)
        self._dropped.add(key)

    def _has_dropped_end(self, record: Record) -> bool:
        """Whether an entity at an end of this relationship was dropped."""
        return not self._dropped.isdisjoint(_ends(record))

    def _send_all(self) -> None:
        self._send_entities()
        batch, self._relationships = self._relationships, self._new_batch()
        self._send(batch)

    def _send_entities(self) -> None:
        batch, self._entities = self._entities, self._new_batch()
        self._send(batch)

    def _send(self, batch: Batch) -> None:
        if not batch.size:
            return
        self._queued_bytes += batch.size
        self._queue.append(batch)
        self._changed.set()


def _ends(record: Record) -> tuple[str, ...]:
    """The keys of the collected entities that a relationship joins; an entity has none."""
    if "_mapping" in record:
        return (record["_mapping"]["sourceEntityKey"],)
    return (record["_fromEntityKey"], record["_toEntityKey"]) if "_fromEntityKey" in record else ()


def line_of(record: Record) -> bytes:
    """Serialize a record as JSON, without raw data if only then it fits into a batch, or is JSON.

    Raises:
        TypeError: for a value that JSON cannot hold, such as half of a surrogate pair.
    """
    try:
        line = _json(record)
    except TypeError:
        if "_rawData" not in record:
            raise
        line = _json(without_raw_data(record))
        log.warning("sent a record without its raw data because that is not JSON", key=record["_key"])
    if len(line) >= MAX_BATCH_BYTES and len(shorter := _json(without_raw_data(record))) < MAX_BATCH_BYTES:
        log.warning("sent a record without its raw data because it is too large for a batch", key=record["_key"])
        return shorter
    return line


def _json(record: Record) -> bytes:
    """Serialize to bytes of exact size: those that orjson returns occupy kilobytes more than their length."""
    return memoryview(orjson.dumps(record, default=_placeholder, option=orjson.OPT_NON_STR_KEYS)).tobytes()


def _placeholder(value: Any) -> str:
    """Replace bytes in raw data by their size, and other types by their text."""
    return f"<{len(value)} bytes>" if isinstance(value, bytes | bytearray) else str(value)
