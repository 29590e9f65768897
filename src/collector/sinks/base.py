"""The interface of a sink, and the errors that it raises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
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


@dataclass(slots=True)
class Delivery:
    """What an output has accepted. `size` is in bytes before compression; `kept` batches were not delivered and are in `spool`.

    `output` is its name for messages, without secrets.
    """

    output: str
    records: int = 0
    batches: int = 0
    size: int = 0
    kept: int = 0
    spool: str = ""

    def add(self, records: int, size: int) -> None:
        """Count a batch."""
        self.records += records
        self.batches += 1
        self.size += size


class OutputSink(Sink, Protocol):
    """The sink of one or more outputs, which counts what each has accepted."""

    def deliveries(self) -> Sequence[Delivery]:
        """What each output has accepted, once the sink is closed. A file or stream that failed is left out."""


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
