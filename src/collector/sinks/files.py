"""Files that outputs write: which names are allowed, and how a file is replaced only by a run that has succeeded.

A regular file is written under its name with `.part` added, and renamed when it is complete. What is not a regular file
(standard output, devices, named pipes) is written directly.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import structlog

from collector.config import ConfigurationError
from collector.sinks.base import DeliveryError
from collector.sinks.filesystem import lock

log = structlog.get_logger()

STANDARD_OUTPUT = "-"
FORMATS = (".ndjson", ".jsonl", ".json")
COMPRESSIONS = (".gz", ".zst")
PART = ".part"

_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")
_STANDARD_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}


def check_file(target: str) -> None:
    """Check the name of a file output.

    Raises:
        ConfigurationError: if it is a regular file whose suffix is not known.
    """
    if is_stream(target) or Path(target).is_dir():  # opening a directory says what is wrong with it
        return
    path = Path(target)
    name = path.with_suffix("") if compression_of(target) else path
    if name.suffix.lower() not in FORMATS:
        known = f"{', '.join(FORMATS)}, each also with {' or '.join(COMPRESSIONS)}"
        raise ConfigurationError(f"--output: {target!r} has no known suffix; known are {known}")


def compression_of(target: str) -> str:
    """`.gz` or `.zst` if the name ends so, else an empty text."""
    suffix = Path(target).suffix.lower()
    return suffix if suffix in COMPRESSIONS else ""


def is_stream(target: str) -> bool:
    """Whether a target is written directly: standard output, an open descriptor, a device or a named pipe."""
    if target == STANDARD_OUTPUT or _descriptor(target) is not None:
        return True
    try:
        mode = Path(target).stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def unwritable(target: str) -> str | None:
    """Why a target cannot be written, as far as that can be told without opening it; None if nothing speaks against it."""
    if target == STANDARD_OUTPUT:
        return None
    if (descriptor := _descriptor(target)) is not None:
        return None if _is_open_for_writing(descriptor) else f"{target} is not open for writing"
    path = Path(os.path.realpath(target))
    if path.is_dir():
        return f"{target} is a directory"
    if not is_stream(target):  # it is written beside its name, and renamed
        path = path.parent
        if not path.is_dir():
            return f"{path} is not a directory"
    return None if os.access(path, os.W_OK) else f"{path} is not writable"


def _is_open_for_writing(descriptor: int) -> bool:
    try:
        return bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & (os.O_WRONLY | os.O_RDWR))
    except OSError:
        return False


def same_files(targets: Iterable[str]) -> bool:
    """Whether two targets name the same regular file."""
    paths = [os.path.realpath(target) for target in targets if not is_stream(target)]
    return len(set(paths)) < len(paths)


def open_stream(target: str) -> BinaryIO:
    """Open what `is_stream` says is one. An open descriptor is duplicated: closing the file leaves it open."""
    descriptor = sys.stdout.fileno() if target == STANDARD_OUTPUT else _descriptor(target)
    if descriptor is None:
        return Path(target).open("wb", buffering=_BUFFER)
    return os.fdopen(os.dup(descriptor), "wb", buffering=_BUFFER)


_BUFFER = 1024 * 1024


def _descriptor(target: str) -> int | None:
    match = _DESCRIPTOR.fullmatch(target)
    return int(match[1]) if match else _STANDARD_STREAMS.get(target)


class PartFile:
    """A file that is written as NAME.part and replaces NAME when it is kept. A crash leaves NAME as it was.

    A symbolic link is followed, so that it stays a link. All methods block and raise `OSError`.
    """

    def __init__(self, target: str | Path) -> None:
        self._name = Path(os.path.realpath(target))
        self._part = self._name.with_name(self._name.name + PART)

    def open(self) -> BinaryIO:
        """Create the part file, or take over the one that a crash has left.

        Raises:
            DeliveryError: if another run is writing it.
        """
        if self._name.is_dir():
            raise IsADirectoryError(None, "Is a directory")
        while True:
            file = os.fdopen(os.open(self._part, os.O_WRONLY | os.O_CREAT, 0o666), "wb", buffering=_BUFFER)
            try:
                self._lock(file)
                if self._is_current(file):  # else another run has just renamed it
                    file.truncate(0)
                    return file
            except BaseException:
                file.close()
                raise
            file.close()

    def keep(self, file: BinaryIO) -> None:
        """Give the part file its name, with the permissions of the file that it replaces, and close it."""
        file.flush()
        os.fsync(file.fileno())  # a power failure after the renaming must not leave an empty file
        with suppress(OSError):
            shutil.copymode(self._name, self._part)
        self._part.replace(self._name)
        file.close()  # only now: it holds the lock

    def discard(self, file: BinaryIO) -> None:
        """Close and remove the part file."""
        self._part.unlink(missing_ok=True)
        file.close()

    def _lock(self, file: BinaryIO) -> None:
        try:
            locked = lock(file)
        except OSError:
            log.debug("this file system has no locks", path=str(self._part))
        else:
            if not locked:
                raise DeliveryError(f"cannot write {self._name}: another run is writing {self._part.name}")

    def _is_current(self, file: BinaryIO) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._part.stat())
        except FileNotFoundError:
            return False


def replace_file(path: Path, content: bytes) -> None:
    """Write a whole file; what was there stays until all of it is written.

    Raises:
        DeliveryError: if another run is writing it.
        OSError: if it cannot be written.
    """
    if is_stream(str(path)):
        with open_stream(str(path)) as stream:
            stream.write(content)
        return
    part = PartFile(path)
    file = part.open()
    try:
        file.write(content)
        part.keep(file)
    except OSError:
        with suppress(OSError):
            part.discard(file)
        raise
