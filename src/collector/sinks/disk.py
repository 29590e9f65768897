"""The few things that a spool does to a disk, each durable when it returns."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform != "win32":
    import fcntl


class Disk:
    """File operations that survive a crash once they have returned. They block, and raise `OSError`."""

    def make(self, folder: Path) -> None:
        """A folder, readable by its owner only: an inventory is nobody else's business."""
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for each in missing:
            self.settle(each.parent)

    def create(self, path: Path, data: bytes) -> None:
        """A new file with all of its bytes; on a full disk no file at all."""
        try:
            with _opened(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def rename(self, path: Path, new: Path) -> None:
        """Give a file its name; whoever looks sees the old state or the new, nothing between."""
        path.replace(new)

    def remove(self, path: Path) -> None:
        """Forget a file; one that is gone already is as good."""
        path.unlink(missing_ok=True)

    def settle(self, folder: Path) -> None:
        """Names that were given or removed in this folder stay so. Windows keeps no such book."""
        if sys.platform == "win32":
            return
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def locked(path: Path) -> BinaryIO | None:
    """An open file that nobody else has locked; None when somebody has. The lock ends with the process, however it ends."""
    file = _opened(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
    return file


def _opened(path: Path, flags: int) -> BinaryIO:
    return os.fdopen(os.open(path, flags, 0o600), "wb")
