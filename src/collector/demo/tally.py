"""Counts, on their way to the output, which types and relationships the sample estate shows."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import orjson

from collector.catalog.published import Seen

if TYPE_CHECKING:
    from collector.model import Batch
    from collector.report import Report
    from collector.sinks.base import Sink


class Tally:
    """A sink that looks at each batch and passes it on."""

    def __init__(self, sink: Sink) -> None:
        """Nothing is seen yet."""
        self._sink = sink
        self.seen = Seen()

    async def open(self) -> None:
        """As the sink behind does."""
        await self._sink.open()

    async def write(self, batch: Batch) -> None:
        """Look, then pass on."""
        for line in chain(batch.entities, batch.relationships):
            self.seen.add(orjson.loads(line))
        await self._sink.write(batch)

    async def close(self, report: Report | None) -> None:
        """As the sink behind does."""
        await self._sink.close(report)
