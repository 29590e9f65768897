"""The interface of a sink, and the errors that it raises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol

import anyio
import structlog

from collector.model import Batch
from collector.report import Report

log = structlog.get_logger()


class DeliveryError(Exception):
    """An output cannot be used, or did not accept all records."""


class ClosedError(DeliveryError):
    """The reader of the output closed it, as `| head` does."""


class Sink(Protocol):
    """Accepts batches in order. A slow sink blocks its caller, and thereby slows collection down."""

    async def open(self) -> None:
        """Prepare for writing. Raises `DeliveryError` if the output cannot be used at all."""

    async def write(self, batch: Batch) -> None:
        """Accept a batch; once this returns, the sink is responsible for it. Raises `DeliveryError`."""

    async def close(self, report: Report | None) -> None:
        """Finish; nothing is buffered afterwards. A second call does nothing.

        No report means that the run was interrupted or that the sink rejected a batch. The output is incomplete then and must
        not be marked as complete. Raises `DeliveryError` if a batch was not delivered; the message names where it is kept.
        """


@contextmanager
def write_errors(target: Path | str) -> Iterator[None]:
    """Turn an `OSError` into a `DeliveryError` with a message of one line."""
    try:
        yield
    except OSError as error:
        raise DeliveryError(f"cannot write {target}: {error.strerror or error}") from error


@asynccontextmanager
async def close_on_error(sink: Sink) -> AsyncIterator[None]:
    """Close an open sink without a report if the body raises. After a normal exit the caller closes it with a report."""
    try:
        yield
    except BaseException:
        with anyio.CancelScope(shield=True):
            try:
                await sink.close(None)
            except DeliveryError as error:
                log.warning("not all batches were delivered", error=str(error))
        raise
