"""What a sink promises."""

from __future__ import annotations

from typing import Protocol

from collector.model import Batch
from collector.report import Report


class DeliveryError(Exception):
    """The output cannot take what it was given."""


class ClosedError(DeliveryError):
    """Whoever was reading has gone: `| head` took what it wanted."""


class Sink(Protocol):
    """Takes batches in order. A slow sink makes its caller wait, and so slows collection."""

    async def open(self) -> None:
        """Make ready. Raises `DeliveryError` when the output cannot be used at all."""

    async def write(self, batch: Batch) -> None:
        """Take a batch; when this returns, it is out of the caller's hands. Raises `DeliveryError`."""

    async def close(self, report: Report) -> None:
        """Finish; after this nothing is buffered. Raises `DeliveryError`."""
