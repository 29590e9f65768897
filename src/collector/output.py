"""Finished records to batches of one scope each, and batches to the sink."""

from __future__ import annotations

from typing import Any

import orjson

from collector.assemble import Finished
from collector.model import Batch, Scope
from collector.report import Ledger
from collector.sinks.base import Sink

BATCH_BYTES = 1_000_000
"""A batch leaves when it has reached this size, or when its scope is done."""

HELD_BYTES = 16_000_000
"""What unfinished batches may hold together before the largest leaves early."""


class Writer:
    """Collects records by scope and hands full batches to the sink, in the order in which they fill."""

    def __init__(self, sink: Sink, ledger: Ledger) -> None:
        """Nothing is written yet."""
        self._sink, self._ledger = sink, ledger
        self._open: dict[Scope, Batch] = {}
        self._held = 0

    async def add(self, finished: Finished) -> None:
        """Take a record; may wait for the sink."""
        record, scope = finished
        line = orjson.dumps(record, default=_odd, option=orjson.OPT_NON_STR_KEYS)
        batch = self._open.get(scope)
        if batch is None:
            batch = self._open[scope] = Batch(scope)
        (batch.entities if isinstance(record["_class"], list) else batch.relationships).append(line)
        size = len(line) + 1
        batch.size += size
        self._held += size
        if batch.size >= BATCH_BYTES:
            await self.flush(scope)
        elif self._held >= HELD_BYTES:
            await self.flush(max(self._open, key=lambda each: self._open[each].size))

    async def flush(self, scope: Scope) -> None:
        """Hand on what a scope has so far."""
        batch = self._open.pop(scope, None)
        if batch is None:
            return
        self._held -= batch.size
        self._ledger.batches += 1
        batch.sequence = self._ledger.batches
        await self._sink.write(batch)
        self._ledger.bytes += batch.size

    async def flush_all(self) -> None:
        """Hand on everything."""
        for scope in list(self._open):
            await self.flush(scope)


def _odd(value: Any) -> str:
    """Bytes and the like in raw data: told by size, never shown."""
    return f"<{len(value)} bytes>" if isinstance(value, bytes | bytearray) else str(value)
