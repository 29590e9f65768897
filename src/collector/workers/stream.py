"""The Python API's run: one collection as an asynchronous iterator of records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from itertools import chain

import anyio
import orjson

from collector.catalog.catalog import Catalog
from collector.config import Settings
from collector.engine.run import Run, RunResult
from collector.model import Batch, Record
from collector.report import Report
from collector.sinks.base import ClosedError
from collector.workers.pool import worker_processes


class StreamSink:
    """A sink whose batches are iterated over; the run waits while one has not been taken."""

    def __init__(self) -> None:
        self._send, self.batches = anyio.create_memory_object_stream[Batch](1)

    async def open(self) -> None:
        """Nothing to open."""

    async def write(self, batch: Batch) -> None:
        """Hand a batch over. Raises `ClosedError` if the reader has gone."""
        try:
            await self._send.send(batch)
        except anyio.BrokenResourceError:
            raise ClosedError("the reader has gone") from None

    async def close(self, report: Report | None) -> None:
        """Nothing to close: the reader gets the report when the run has ended."""

    def end(self) -> None:
        """Let the iteration end after the last batch."""
        self._send.close()


async def stream(settings: Settings) -> AsyncGenerator[Record, None]:
    """Yield every record, then the report. See `collector.collect`."""
    catalog = Catalog.all().choose(settings.services, settings.skip_services)
    sink = StreamSink()
    run = Run(settings, catalog, sink, processes=worker_processes(settings), handle_signals=False)

    async def collect() -> RunResult:
        try:
            return await run()
        finally:
            sink.end()

    task = asyncio.create_task(collect())
    try:
        async for batch in sink.batches:
            for line in chain(*batch.records()):
                yield orjson.loads(line)
        yield (await task).report
    finally:
        sink.batches.close()
        task.cancel()
        await asyncio.wait([task])
        sink.end()
