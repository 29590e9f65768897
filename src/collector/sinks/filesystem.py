"""File operations of a spool, and locks between processes."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import BinaryIO


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
        """Fsync a folder, so that names created or removed in it survive a power failure."""
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def lock(file: BinaryIO) -> bool:
    """Lock an open file for this process; False if another one holds the lock. Closing the file, or the end of the process, unlocks it.

    Raises:
        OSError: if the file system has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def open_locked(path: Path) -> BinaryIO | None:
    """Open a lock file and lock it; None if another process holds the lock.

    Raises:
        OSError: if it cannot be opened, or the file system has no locks.
    """
    file = _open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        if lock(file):
            return file
    except OSError:
        file.close()
        raise
    file.close()
    return None


def _open(path: Path, flags: int) -> BinaryIO:
    return os.fdopen(os.open(path, flags, 0o600), "wb")
