"""File operations of a spool, and its lock file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO

if sys.platform != "win32":
    import fcntl


class FileSystem:
    """File operations from which a spool builds crash safety. They block, and raise `OSError`.

    `make_folder` and `create` are durable once they return. Renaming and removing are durable after `sync` on the folder.
    """

    def make_folder(self, folder: Path) -> None:
        """Create a folder and its parents; the folder itself is accessible to its owner only (mode 0700)."""
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for each in missing:
            self.sync(each.parent)

    def create(self, path: Path, data: bytes) -> None:
        """Write and fsync a file (mode 0600). If that fails, for instance on a full disk, the file is removed."""
        try:
            with _open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def rename(self, path: Path, new: Path) -> None:
        """Rename a file atomically, replacing `new`."""
        path.replace(new)

    def remove(self, path: Path) -> None:
        """Remove a file if it exists."""
        path.unlink(missing_ok=True)

    def sync(self, folder: Path) -> None:
        """Fsync a folder, so that names created or removed in it survive a power failure. No-op on Windows."""
        if sys.platform == "win32":
            return
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def lock(path: Path) -> BinaryIO | None:
    """Lock a file and return it open, or None if another process holds the lock. The lock ends with the process.

    On Windows nothing is locked.
    """
    file = _open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
    return file


def _open(path: Path, flags: int) -> BinaryIO:
    return os.fdopen(os.open(path, flags, 0o600), "wb")
