"""NDJSON to standard output or to a file, plain, gzip or zstd. Writing happens in a thread: a full pipe blocks no call."""

from __future__ import annotations

import gzip
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

import zstandard
from anyio import to_thread

from collector.sinks.base import ClosedError, DeliveryError

if TYPE_CHECKING:
    from collector.model import Batch
    from collector.report import Report


class NdjsonSink:
    """Writes each batch as it comes. `-` is standard output; `.gz` and `.zst` compress."""

    def __init__(self, target: str) -> None:
        """Nothing is opened yet."""
        self._target = target
        self._file: BinaryIO | None = None

    async def open(self) -> None:
        """Open the file, replacing what was there."""
        try:
            self._file = await to_thread.run_sync(_opened, self._target)
        except OSError as error:
            raise DeliveryError(f"cannot write {self._target}: {error.strerror or error}") from error

    async def write(self, batch: Batch) -> None:
        """Write whole lines."""
        await self._do(self._write, batch.lines())

    async def close(self, report: Report | None) -> None:
        """Flush and close; standard output stays open."""
        del report  # a stream of records has no place for it
        if self._file is not None:
            await self._do(self._finish)

    async def _do(self, fn: object, *args: object) -> None:
        try:
            await to_thread.run_sync(fn, *args)  # type: ignore[arg-type]  # a bound method and its arguments
        except BrokenPipeError as error:
            self._abandon()
            raise ClosedError(self._target) from error
        except OSError as error:
            raise DeliveryError(f"cannot write {self._target}: {error.strerror or error}") from error

    def _write(self, data: bytes) -> None:
        if self._file is not None:
            self._file.write(data)
            if self._target == "-":
                self._file.flush()

    def _finish(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.flush()
        finally:
            file.close()

    def _abandon(self) -> None:
        """Nobody reads on: what is still buffered has nowhere to go."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(BrokenPipeError):
                file.close()


def _opened(target: str) -> BinaryIO:
    if target == "-":
        # A handle of our own: closing it leaves standard output open, and the interpreter's last flush meets no closed pipe.
        return os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=1024 * 1024)
    path = Path(target)
    if path.suffix == ".gz":
        return cast("BinaryIO", gzip.open(path, "wb", compresslevel=6))
    raw: IO[bytes] = path.open("wb")
    if path.suffix == ".zst":
        return cast("BinaryIO", zstandard.ZstdCompressor(level=3).stream_writer(raw, closefd=True))
    return cast("BinaryIO", raw)
