"""NDJSON to standard output or a file, plain, gzip or zstd. Writes run in a thread: a full pipe does not block the loop."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, BinaryIO, cast

import zstandard
from anyio import to_thread

from collector.model import Batch
from collector.report import Report, Status
from collector.sinks.base import ClosedError, Delivery, write_errors
from collector.sinks.files import PART, STANDARD_OUTPUT, PartFile, compression_of, is_stream, open_stream


class NdjsonSink:
    """Writes batches to a path, or to standard output if `target` is `-`. The suffixes `.gz` and `.zst` compress.

    A regular file is written beside its name, as `PartFile` describes. It gets its name when it is closed with the report
    of a run that has collected something. Otherwise the file that was there stays, and the records are in the part file.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._part = None if is_stream(target) else PartFile(target)
        self._raw: BinaryIO | None = None
        self._file: BinaryIO | None = None
        self._delivery = Delivery("standard output" if target == STANDARD_OUTPUT else target)
        self._complete = False

    async def open(self) -> None:
        """Open the file. What it replaces stays until `close`."""
        with write_errors(self._target):
            await to_thread.run_sync(self._open)

    async def write(self, batch: Batch) -> None:
        """Write the lines of a batch. Raises `ClosedError` if the reader of a pipe is gone."""
        await self._in_thread(self._write, batch.lines(), sum(map(len, batch.records())))

    async def close(self, report: Report | None) -> None:
        """Flush and close, and rename the part file unless the run has failed; standard output stays open."""
        if self._file is not None:
            keep = report is not None and report.get("status") != Status.FAILED
            await self._in_thread(self._close, keep)

    def deliveries(self) -> Sequence[Delivery]:
        """What was written; nothing unless all of it was."""
        return [self._delivery] if self._complete else []

    async def _in_thread(self, function: Callable[..., None], *arguments: Any) -> None:
        with write_errors(self._target):
            try:
                await to_thread.run_sync(function, *arguments)
            except BrokenPipeError as error:
                self._discard()
                raise ClosedError(self._target) from error

    def _open(self) -> None:
        self._raw = open_stream(self._target) if self._part is None else self._part.open()
        self._file = _compressed(self._raw, compression_of(self._target))

    def _write(self, data: bytes, records: int) -> None:
        if self._file is not None:
            self._file.write(data)
            self._delivery.add(records, len(data))
            if self._part is None and self._file is self._raw:
                self._file.flush()

    def _close(self, keep: bool) -> None:  # noqa: FBT001  (called by way of a thread)
        file, raw, self._file = self._file, self._raw, None
        if file is None or raw is None:
            return
        try:
            if file is not raw:
                file.close()
            raw.flush()
            if self._part is not None:
                self._close_part(self._part, raw, keep=keep)
            self._complete = True
        finally:
            raw.close()

    def _close_part(self, part: PartFile, raw: BinaryIO, *, keep: bool) -> None:
        if keep:
            part.keep(raw)
        elif self._delivery.batches:
            self._delivery.output += PART
        else:
            part.discard(raw)

    def _discard(self) -> None:
        """Close without keeping what is still buffered."""
        file, raw, self._file = self._file, self._raw, None
        for each in (file, raw):
            if each is not None:
                with suppress(BrokenPipeError):
                    each.close()


def _compressed(raw: BinaryIO, compression: str) -> BinaryIO:
    """A file that compresses into another, and leaves it open when it is closed."""
    if compression == ".gz":
        return cast("BinaryIO", gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw))
    if compression == ".zst":
        return cast("BinaryIO", zstandard.ZstdCompressor(level=3).stream_writer(raw, closefd=False))
    return raw
