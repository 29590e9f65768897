"""Batches on disk until the endpoint has them: one folder for each run and output, one file for each batch.

A file is written under a temporary name, forced to the disk and then renamed, so that a file with a final name is whole. Files
with temporary names were never counted as collected; whoever finds one removes it and says so.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from collector.sinks.base import DeliveryError
from collector.sinks.disk import Disk, locked
from collector.sinks.encoding import EncodedBatch, Number, from_file, to_file
from collector.sinks.layout import ABOUT, LOCK, SUMMARY, TORN, UNNAMED, batch_files, name_of, refusals

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from collector.report import Report

_FORMAT = 1


class FullError(DeliveryError):
    """The spool has reached its bound; what is sent from it makes room."""


@dataclass(frozen=True, slots=True)
class Room:
    """Where the spools of all runs lie, and how many bytes they may take together.

    `durable`: batches go there before they count as collected; otherwise only those that could not be delivered do.
    """

    folder: Path
    limit: int
    durable: bool

    def used(self) -> int:
        """The bytes of everything that lies there."""
        return (
            sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file()) if self.folder.is_dir() else 0
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known at the end of a run: its report, and, where jobs matter, how many batches each of them was given.

    A job whose batches all lie in the spool can be done anew as a whole; others only added to.
    """

    report: Report
    batches: dict[str, int] = field(default_factory=dict)


class Spool:
    """The batches of one run for one output. Methods block and belong in a thread.

    Made for a new run with `room`, its folder appears with its first batch; found on disk, see `found`.
    """

    def __init__(self, room: Room, output: str, index: int = 1, disk: Disk | None = None) -> None:
        """`output`: the address that the batches are for; `index` tells the outputs of a run apart."""
        self._room, self._index = room, index
        self.output = output
        self.run = ""
        self.jobs: dict[str, str] = {}
        self.notes: list[str] = []
        self.lost = 0
        self._disk = disk or Disk()
        self._folder: Path | None = None
        self._lock: BinaryIO | None = None
        self._sizes: dict[Number, int] = {}
        self._used: int | None = None

    @property
    def durable(self) -> bool:
        """Whether batches come here before they are sent."""
        return self._room.durable

    @property
    def place(self) -> Path:
        """Where the batches are, or would be."""
        return self._folder or self._room.folder

    @property
    def kept(self) -> list[Number]:
        """The batches on disk, in their order."""
        return sorted(self._sizes)

    def add(self, parcel: EncodedBatch) -> None:
        """Keep a parcel; when this returns, it survives the process. A parcel that is here already stays as it is.

        Raises:
            FullError: when the bound is reached.
            DeliveryError: when the disk cannot take it; nothing of it is left then.
        """
        if parcel.number in self._sizes:
            return
        data = to_file(parcel)
        if self.used() + len(data) > self._room.limit:
            folder = self._room.folder
            raise FullError(
                f"{folder} has reached its bound of {self._room.limit:,} bytes: send it with `collector upload {folder}`"
            )
        self._write(self._opened(parcel.run) / name_of(parcel.number), data)
        self._sizes[parcel.number] = len(data)
        self._used = self.used() + len(data)

    def read(self, number: Number) -> EncodedBatch:
        """A parcel that is kept; of a torn one what is left, with a note.

        Raises:
            DeliveryError: when nothing of it can be read; it is set aside then, not removed.
        """
        path = self.place / name_of(number)
        try:
            found = from_file(path.read_bytes())
        except OSError as error:
            raise DeliveryError(f"cannot read {path}: {error.strerror or error}") from error
        if found is None:
            self.notes.append(f"{path} is torn and holds no whole record: set aside as {path.name}{TORN}")
            self.lost += 1
            self._disk.rename(path, path.with_name(path.name + TORN))
            self._forget(number)
            raise DeliveryError(self.notes[-1])
        parcel, lost = found
        if lost:
            self.lost += lost
            self.notes.append(
                f"{path} is torn: its last {lost} records are cut off, {parcel.entities + parcel.relationships} are left"
            )
        return parcel

    def remove(self, numbers: Iterable[Number]) -> None:
        """Forget parcels that the endpoint has."""
        for number in numbers:
            if number in self._sizes:
                self._disk.remove(self.place / name_of(number))
                self._forget(number)

    def replace(self, parcel: EncodedBatch, pieces: Iterable[EncodedBatch]) -> None:
        """Pieces in place of a parcel that was too large. They are not sent before this returns, nor the parcel after it."""
        if parcel.number not in self._sizes:
            return
        for piece in pieces:
            self.add(piece)
        self.remove([parcel.number])
        self._disk.settle(self.place)

    def begin_job(self, account: str, job: str) -> None:
        """Note which job of the endpoint the batches of an account went to."""
        self.jobs[account] = job
        if self._folder is not None:
            self._describe()

    def end_job(self, account: str) -> None:
        """Note that nothing is left to be done about an account's job."""
        if self.jobs.pop(account, None) is not None and self._folder is not None:
            self._describe()

    def finish(self, summary: Summary) -> None:
        """Note the end of the run beside what is kept of it."""
        self._opened(summary.report["runId"])
        self._write(self.place / SUMMARY, orjson.dumps({"report": summary.report, "batches": summary.batches}))

    def summary(self) -> Summary | None:
        """How the run ended; None when it never came to that."""
        try:
            told = orjson.loads((self.place / SUMMARY).read_bytes())
            return Summary(told["report"], told["batches"])
        except FileNotFoundError:
            return None
        except (OSError, orjson.JSONDecodeError, KeyError) as error:
            self.notes.append(f"{self.place / 'summary.json'} cannot be read: {type(error).__name__}")
            return None

    def discard(self) -> None:
        """Remove the folder when nothing is kept in it; otherwise leave it to whoever sends the rest."""
        if self._folder is not None and not self._sizes and not list(self._folder.glob(f"*{TORN}")):
            with suppress(OSError):  # somebody put something else there, or took it away
                for name in (SUMMARY, ABOUT, LOCK):
                    self._disk.remove(self._folder / name)
                self._folder.rmdir()
        self.release()

    def release(self) -> None:
        """Let others have the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def used(self) -> int:
        """Bytes that all spools of the room take."""
        if self._used is None:
            self._used = self._room.used()
        return self._used

    def accounts(self) -> dict[str, list[Number]]:
        """The batches that are kept, by account; a torn one that nothing can be read of is set aside."""
        accounts: dict[str, list[Number]] = {}
        for number in self.kept:
            with suppress(DeliveryError):
                accounts.setdefault(self.read(number).scope.account, []).append(number)
        return accounts

    def _opened(self, run: str) -> Path:
        if self._folder is None:
            self.run = run
            folder = self._room.folder / f"{run}-{self._index}"
            with refusals(folder):
                self._disk.make(folder)
                self._lock = locked(folder / LOCK)
            self._folder = folder
            self._describe()
        return self._folder

    def _describe(self) -> None:
        about = {"format": _FORMAT, "run": self.run, "output": self.output, "jobs": self.jobs}
        self._write(self.place / ABOUT, orjson.dumps(about))

    def _write(self, path: Path, data: bytes) -> None:
        unnamed = path.with_name(path.name + UNNAMED)
        with refusals(path):
            self._disk.create(unnamed, data)
            self._disk.rename(unnamed, path)
            self._disk.settle(path.parent)

    def _forget(self, number: Number) -> None:
        self._used = max(0, self.used() - self._sizes.pop(number, 0))

    def _take_over(self, folder: Path) -> None:
        """Make a folder that another process left this spool's own."""
        self._folder, self.run = folder, folder.name.rpartition("-")[0]
        for path in sorted(folder.glob(f"*{UNNAMED}")):
            self.notes.append(f"{path} was never finished and did not count as collected: removed")
            self._disk.remove(path)
        files = batch_files(folder)
        for number, path in files.items():
            if any(number[:length] in files for length in range(1, len(number))):
                self._disk.remove(path)  # the whole is still there, so its pieces were never sent
            else:
                self._sizes[number] = path.stat().st_size
        self._disk.settle(folder)  # before the whole is sent: its pieces must not come back without it


def taken_over(folder: Path, limit: int, disk: Disk | None = None) -> Spool | None:
    """The spool that another process left in a folder; None while that process is still alive.

    Raises:
        DeliveryError: when the folder cannot be read.
    """
    with refusals(folder):
        lock = locked(folder / LOCK)
        if lock is None:
            return None
        spool = Spool(Room(folder.parent, limit, durable=True), "", disk=disk)
        spool._lock = lock  # noqa: SLF001  (the other way to make one)
        try:
            spool._take_over(folder)  # noqa: SLF001
        except BaseException:
            spool.release()
            raise
    try:
        told: dict[str, Any] = orjson.loads((folder / ABOUT).read_bytes())
        spool.run, spool.output, spool.jobs = told["run"], told["output"], told["jobs"]
    except (OSError, orjson.JSONDecodeError, KeyError) as error:
        spool.notes.append(f"{folder / 'output.json'} cannot be read: {type(error).__name__}")
    return spool
