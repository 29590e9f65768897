"""What a sink promises."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from collector.model import Batch
    from collector.report import Report

log = structlog.get_logger()


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

    async def close(self, report: Report | None) -> None:
        """Finish; after this nothing is buffered. Closing twice does nothing the second time.

        Without a report the run broke off, or a batch could not be taken: what was written is not the whole, and must not
        be passed on as if it were. Raises `DeliveryError` when a batch did not arrive; the message says where it is kept.
        """


@asynccontextmanager
async def finishing(sink: Sink) -> AsyncIterator[None]:
    """Close an open sink without a report when the body breaks; a body that ends well closes it with one."""
    try:
        yield
    except BaseException:
        with anyio.CancelScope(shield=True):
            try:
                await sink.close(None)
            except DeliveryError as left:
                log.warning("not everything was delivered", why=str(left))
        raise
