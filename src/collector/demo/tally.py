"""Records which entity types and relationships of the published data model the sample estate contains."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import orjson

from collector.catalog.published import Seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector.model import Batch
    from collector.report import Report
    from collector.sinks.base import Delivery, OutputSink


class Tally:
    """A sink that records the types of each batch in `seen` and forwards the batch to another sink."""

    def __init__(self, sink: OutputSink) -> None:
        self._sink = sink
        self.seen = Seen()

    async def open(self) -> None:
        """Opens the other sink."""
        await self._sink.open()

    async def write(self, batch: Batch) -> None:
        """Records the types of the batch, then forwards it."""
        for line in chain(*batch.records()):
            self.seen.add(orjson.loads(line))
        await self._sink.write(batch)

    async def close(self, report: Report | None) -> None:
        """Closes the other sink."""
        await self._sink.close(report)

    def deliveries(self) -> Sequence[Delivery]:
        """What the other sink's outputs have accepted."""
        return self._sink.deliveries()
