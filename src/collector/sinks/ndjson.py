"""NDJSON to standard output or a file, plain, gzip or zstd. Writes run in a thread: a full pipe does not block the loop."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, BinaryIO, cast

import zstandard
from anyio import to_thread

from collector.model import Batch
from collector.report import Report
from collector.sinks.base import ClosedError, write_errors


class NdjsonSink:
    """Writes batches to a path, or to standard output if `target` is `-`. The suffixes `.gz` and `.zst` compress."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._file: BinaryIO | None = None

    async def open(self) -> None:
        """Open the file, replacing its content."""
        with write_errors(self._target):
            self._file = await to_thread.run_sync(_open, self._target)

    async def write(self, batch: Batch) -> None:
        """Write the lines of a batch. Raises `ClosedError` if the reader of a pipe is gone."""
        await self._in_thread(self._write, batch.lines())

    async def close(self, report: Report | None) -> None:
        """Flush and close; standard output stays open."""
        del report  # not part of a stream of records
        if self._file is not None:
            await self._in_thread(self._flush_and_close)

    async def _in_thread(self, function: Callable[..., None], *arguments: bytes) -> None:
        with write_errors(self._target):
            try:
                await to_thread.run_sync(function, *arguments)
            except BrokenPipeError as error:
                self._discard()
                raise ClosedError(self._target) from error

    def _write(self, data: bytes) -> None:
        if self._file is not None:
            self._file.write(data)
            if self._target == "-":
                self._file.flush()

    def _flush_and_close(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.flush()
        finally:
            file.close()

    def _discard(self) -> None:
        """Close without keeping what is still buffered."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(BrokenPipeError):
                file.close()


def _open(target: str) -> BinaryIO:
    if target == "-":
        # A duplicate: closing it leaves standard output open, so that the interpreter's last flush does not fail.
        return os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=1024 * 1024)
    path = Path(target)
    if path.suffix == ".gz":
        return cast("BinaryIO", gzip.open(path, "wb", compresslevel=6))
    raw: IO[bytes] = path.open("wb")
    if path.suffix == ".zst":
        return cast("BinaryIO", zstandard.ZstdCompressor(level=3).stream_writer(raw, closefd=True))
    return cast("BinaryIO", raw)
