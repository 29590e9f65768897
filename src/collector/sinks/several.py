"""Several outputs at once, each with its own pace and its own failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import structlog

from collector.sinks.base import ClosedError, DeliveryError, Sink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector.model import Batch
    from collector.report import Report

log = structlog.get_logger()


class SeveralSinks:
    """Gives each batch to every output that still works.

    `write` returns when each of them has taken the batch; an output that buffers lets the others run ahead of it as far as
    its buffer reaches. One that fails gets no more batches, and the others go on; the run ends when none is left.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        """All of them work so far."""
        self._live = list(sinks)
        self._opened: list[Sink] = []
        self._failures: list[DeliveryError] = []

    async def open(self) -> None:
        """Open all. Raises `DeliveryError` when one cannot be used at all: a typing error shall not cost an output."""
        for sink in self._live:
            try:
                await sink.open()
            except DeliveryError:
                for opened in self._opened:
                    await opened.close(None)
                raise
            self._opened.append(sink)

    async def write(self, batch: Batch) -> None:
        """Have each output take the batch. Raises `DeliveryError` when none works any more."""
        async with anyio.create_task_group() as tasks:
            for sink in tuple(self._live):
                tasks.start_soon(self._give, sink, batch)
        if not self._live:
            raise self._verdict()

    async def close(self, report: Report | None) -> None:
        """Close each, those that failed without a report. Raises `DeliveryError` with what all of them said."""
        opened, self._opened = self._opened, []
        async with anyio.create_task_group() as tasks:
            for sink in opened:
                tasks.start_soon(self._close, sink, report if sink in self._live else None)
        if opened and (not self._live or any(not isinstance(each, ClosedError) for each in self._failures)):
            raise self._verdict()

    async def _give(self, sink: Sink, batch: Batch) -> None:
        try:
            await sink.write(batch)
        except DeliveryError as error:
            self._live.remove(sink)
            self._failures.append(error)
            log.warning("an output failed; the others go on", why=str(error), left=len(self._live))

    async def _close(self, sink: Sink, report: Report | None) -> None:
        try:
            await sink.close(report)
        except DeliveryError as error:
            self._failures.append(error)

    def _verdict(self) -> DeliveryError:
        """A reader that went away counts only where nothing worse happened."""
        errors = [each for each in self._failures if not isinstance(each, ClosedError)]
        if errors:
            return DeliveryError("; ".join(dict.fromkeys(map(str, errors))))
        return self._failures[0]
