"""A sink that writes to multiple outputs at once, each with its own pace and its own failures."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import structlog

from collector.model import Batch
from collector.report import Report
from collector.sinks.base import ClosedError, Delivery, DeliveryError, OutputSink, Sink

log = structlog.get_logger()


class FanOutSink:
    """Writes each batch to every output that still works.

    `write` returns once each output has accepted the batch; an output that buffers delays the others only while its buffer is
    full. An output that fails receives no more batches. The run ends when no output is left.
    """

    def __init__(self, sinks: Sequence[OutputSink]) -> None:
        self._sinks = sinks
        self._live: list[Sink] = [*sinks]
        self._opened: list[Sink] = []
        self._failures: list[DeliveryError] = []

    async def open(self) -> None:
        """Open all outputs. Raises `DeliveryError` if any cannot be used, so that a mistyped one is noticed at once."""
        for sink in self._live:
            try:
                await sink.open()
            except DeliveryError:
                for opened in self._opened:
                    await opened.close(None)
                raise
            self._opened.append(sink)

    async def write(self, batch: Batch) -> None:
        """Write a batch to each working output. Raises `DeliveryError` if none is left."""
        async with anyio.create_task_group() as tasks:
            for sink in tuple(self._live):
                tasks.start_soon(self._write, sink, batch)
        if not self._live:
            raise self._error()

    async def close(self, report: Report | None) -> None:
        """Close each output, failed ones without the report. Raises `DeliveryError` with the messages of all failures."""
        opened, self._opened = self._opened, []
        async with anyio.create_task_group() as tasks:
            for sink in opened:
                tasks.start_soon(self._close, sink, report if sink in self._live else None)
        if opened and (not self._live or any(not isinstance(each, ClosedError) for each in self._failures)):
            raise self._error()

    def deliveries(self) -> Sequence[Delivery]:
        """What each output has accepted, also one that failed later."""
        return [delivery for sink in self._sinks for delivery in sink.deliveries()]

    async def _write(self, sink: Sink, batch: Batch) -> None:
        try:
            await sink.write(batch)
        except DeliveryError as error:
            self._live.remove(sink)
            self._failures.append(error)
            log.warning("an output failed; collection continues for the others", error=str(error), left=len(self._live))

    async def _close(self, sink: Sink, report: Report | None) -> None:
        try:
            await sink.close(report)
        except DeliveryError as error:
            self._failures.append(error)

    def _error(self) -> DeliveryError:
        """All failures as one error; a reader that closed its end counts only if nothing else failed."""
        errors = [each for each in self._failures if not isinstance(each, ClosedError)]
        if errors:
            return DeliveryError("; ".join(dict.fromkeys(map(str, errors))))
        return self._failures[0]
