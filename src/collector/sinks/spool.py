"""Batches on disk until the endpoint has accepted them: one folder for each run and output, one file for each batch.

A file is written under a temporary name, synced and then renamed, so that a file with a final name is complete. Its batch counts
as collected only from then on. Temporary files left by a crash are removed with a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import orjson

from collector.report import Report
from collector.sinks.base import DeliveryError, write_errors
from collector.sinks.encoding import EncodedBatch, Number, from_file, to_file
from collector.sinks.filesystem import FileSystem, open_locked

SUFFIX, DAMAGED, TEMPORARY = ".batch", ".torn", ".tmp"
OUTPUT, SUMMARY, LOCK = "output.json", "summary.json", "lock"
_NAME = re.compile(r"\d{8}(\.\d+)*\.batch")
_FORMAT = 1
_UNREADABLE = (OSError, LookupError, TypeError, ValueError)
"""What reading a file of JSON raises if it is damaged."""


class SpoolFullError(DeliveryError):
    """The spool has reached its size limit. Sending batches from it frees space."""


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """The directory that holds the spools of all runs, and their total size limit in bytes.

    `durable`: every batch is stored before it counts as collected; otherwise only undelivered ones are stored.
    """

    folder: Path
    limit: int
    durable: bool


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The result of a run: its report and, for JupiterOne, the number of batches in each job.

    Only a job whose batches are all in the spool can be repeated completely.
    """

    report: Report
    batches: dict[str, int] = field(default_factory=dict)


class Spool:
    """The batches of one run for one output. Methods block: call them in a thread.

    The folder of a new spool is created with its first batch. `take_over` opens the spool of an earlier process.
    """

    def __init__(
        self, settings: SpoolSettings, output: str, index: int = 1, filesystem: FileSystem | None = None
    ) -> None:
        """`output` is the URL that the batches are sent to; `index` distinguishes the outputs of a run."""
        self._settings, self._index = settings, index
        self.output = output
        self.run = ""
        self.jobs: dict[str, str] = {}
        self.notes: list[str] = []
        self.lost = 0
        self._filesystem = filesystem or FileSystem()
        self._folder: Path | None = None
        self._lock: BinaryIO | None = None
        self._sizes: dict[Number, int] = {}
        self._used: int | None = None

    @property
    def durable(self) -> bool:
        """Whether batches are stored before they are sent."""
        return self._settings.durable

    @property
    def place(self) -> Path:
        """The folder of this run if it exists, else the directory of all spools."""
        return self._folder or self._settings.folder

    @property
    def kept(self) -> list[Number]:
        """The stored batches, in order."""
        return sorted(self._sizes)

    def add(self, batch: EncodedBatch) -> None:
        """Store a batch durably. Does nothing if it is already stored.

        Raises:
            SpoolFullError: if the size limit would be exceeded.
            DeliveryError: if it cannot be written; no part of it is left on disk then.
        """
        if batch.number in self._sizes:
            return
        data = to_file(batch)
        if self.used() + len(data) > self._settings.limit:
            folder = self._settings.folder
            raise SpoolFullError(
                f"{folder} has reached its limit of {self._settings.limit:,} bytes; run `collector upload {folder}` to empty it"
            )
        self._write(self._open(batch.run) / _file_name(batch.number), data)
        self._sizes[batch.number] = len(data)
        self._used = self.used() + len(data)

    def read(self, number: Number) -> EncodedBatch:
        """Read a stored batch. Of a damaged file the intact records are returned, with a note.

        Raises:
            DeliveryError: if the file cannot be read. If it holds no intact record of the batch, it is renamed to `.torn`.
        """
        path = self.place / _file_name(number)
        try:
            decoded = from_file(path.read_bytes())
        except OSError as error:
            raise DeliveryError(f"cannot read {path}: {error.strerror or error}") from error
        if decoded is None or decoded[0].number != number:
            self.notes.append(f"{path} holds no intact record of this batch; renamed to {path.name}{DAMAGED}")
            self.lost += 1
            self._filesystem.rename(path, path.with_name(path.name + DAMAGED))
            self._forget(number)
            raise DeliveryError(self.notes[-1])
        batch, lost = decoded
        if lost:
            self.lost += lost
            self.notes.append(
                f"{path} is damaged: its last {lost} records are lost, {batch.entities + batch.relationships} are intact"
            )
        return batch

    def remove(self, numbers: Iterable[Number]) -> None:
        """Remove delivered batches."""
        for number in numbers:
            if number in self._sizes:
                self._filesystem.remove(self.place / _file_name(number))
                self._forget(number)

    def replace(self, batch: EncodedBatch, pieces: Iterable[EncodedBatch]) -> None:
        """Store pieces in place of a batch that was too large. Send no piece before this returns, nor the batch after it."""
        if batch.number not in self._sizes:
            return
        for piece in pieces:
            self.add(piece)
        self.remove([batch.number])
        self._filesystem.sync(self.place)

    def begin_job(self, account: str, job: str) -> None:
        """Record the id of the job that the batches of an account are uploaded to."""
        self.jobs[account] = job
        if self._folder is not None:
            self._write_output()

    def end_job(self, account: str) -> None:
        """Record that the job of an account needs nothing more."""
        if self.jobs.pop(account, None) is not None and self._folder is not None:
            self._write_output()

    def finish(self, summary: RunSummary) -> None:
        """Store the result of the run beside its batches."""
        self._open(summary.report["runId"])
        self._write(self.place / SUMMARY, orjson.dumps({"report": summary.report, "batches": summary.batches}))

    def summary(self) -> RunSummary | None:
        """The stored result of the run; None if the run never ended or the file is unreadable, which is noted."""
        try:
            content = orjson.loads((self.place / SUMMARY).read_bytes())
            return RunSummary(Report(content["report"]), dict(content["batches"]))
        except FileNotFoundError:
            return None
        except _UNREADABLE as error:
            self.notes.append(f"cannot read {self.place / SUMMARY}: {type(error).__name__}")
            return None

    def discard(self) -> None:
        """Remove the folder unless batches or damaged files are left in it, and release it."""
        if self._folder is not None and not self._sizes and not list(self._folder.glob(f"*{DAMAGED}")):
            with suppress(OSError):  # another program added files to the folder, or removed it
                for name in (SUMMARY, OUTPUT, LOCK):
                    self._filesystem.remove(self._folder / name)
                self._folder.rmdir()
        self.release()

    def release(self) -> None:
        """Unlock the folder for other processes."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def used(self) -> int:
        """The bytes in all spools of the directory: counted once, then updated by this spool's own changes."""
        if self._used is None:
            folder = self._settings.folder
            files = folder.rglob("*") if folder.is_dir() else ()
            self._used = sum(path.stat().st_size for path in files if path.is_file())
        return self._used

    def accounts(self) -> dict[str, list[Number]]:
        """The stored batches by account, except those in unreadable files."""
        accounts: dict[str, list[Number]] = {}
        for number in self.kept:
            with suppress(DeliveryError):
                accounts.setdefault(self.read(number).account, []).append(number)
        return accounts

    def _open(self, run: str) -> Path:
        if self._folder is None:
            self.run = run
            folder = self._settings.folder / f"{run}-{self._index}"
            with write_errors(folder):
                self._filesystem.make_folder(folder)
                self._lock = open_locked(folder / LOCK)
            self._folder = folder
            self._write_output()
        return self._folder

    def _write_output(self) -> None:
        output = {"format": _FORMAT, "run": self.run, "output": self.output, "jobs": self.jobs}
        self._write(self.place / OUTPUT, orjson.dumps(output))

    def _write(self, path: Path, data: bytes) -> None:
        temporary = path.with_name(path.name + TEMPORARY)
        with write_errors(path):
            self._filesystem.create(temporary, data)
            self._filesystem.rename(temporary, path)
            self._filesystem.sync(path.parent)

    def _forget(self, number: Number) -> None:
        self._used = max(0, self.used() - self._sizes.pop(number, 0))

    def _load(self, folder: Path) -> None:
        """Load the folder of an earlier process. What other programs put into it stays.

        Raises:
            DeliveryError: if it has the format of another version, or nothing shows that it is a spool.
        """
        self._folder, self.run = folder, folder.name.rpartition("-")[0]
        self._read_output()
        if not (self.output or _batch_files(folder)):
            raise DeliveryError(f"{folder} holds no batches, and {OUTPUT} in it cannot be read")
        for path in filter(_is_own, sorted(folder.glob(f"*{TEMPORARY}"))):
            self.notes.append(f"removed {path}: it was incomplete and its batch did not count as collected")
            self._filesystem.remove(path)
        files = _batch_files(folder)
        for number, path in files.items():
            if any(number[:length] in files for length in range(1, len(number))):
                self._filesystem.remove(path)  # a piece of a batch that is still stored was never sent
            else:
                self._sizes[number] = path.stat().st_size
        self._filesystem.sync(folder)  # pieces must not reappear after the whole batch was sent

    def _read_output(self) -> None:
        path = self.place / OUTPUT
        try:
            content = orjson.loads(path.read_bytes())
            if content["format"] != _FORMAT:
                raise DeliveryError(f"{path} has format {content['format']!r}, which this version does not know")
            self.run, self.output, self.jobs = str(content["run"]), str(content["output"]), dict(content["jobs"])
        except _UNREADABLE as error:
            self.notes.append(f"cannot read {path}: {type(error).__name__}")


def take_over(folder: Path, limit: int, filesystem: FileSystem | None = None) -> Spool | None:
    """Open the spool that an earlier process left in a folder; None if that process is still running.

    Raises:
        DeliveryError: if the folder cannot be read, or is not a spool of this version.
    """
    with write_errors(folder):
        locked = open_locked(folder / LOCK)
        if locked is None:
            return None
        spool = Spool(SpoolSettings(folder.parent, limit, durable=True), "", filesystem=filesystem)
        spool._lock = locked  # noqa: SLF001  (an alternative constructor)
        try:
            spool._load(folder)  # noqa: SLF001
        except BaseException:
            spool.release()
            raise
    return spool


def spool_folders(root: Path) -> list[Path]:
    """The run folders in a spool directory, sorted; `root` may also be such a folder itself."""
    return [folder for folder in (root, *sorted(root.iterdir())) if folder.is_dir() and _is_spool(folder)]


def _is_spool(folder: Path) -> bool:
    try:
        return (folder / OUTPUT).exists() or bool(_batch_files(folder))
    except OSError:
        return True  # opening it says why it cannot be read


def _is_own(path: Path) -> bool:
    """Whether a temporary file was left by a spool."""
    name = path.name.removesuffix(TEMPORARY)
    return path.is_file() and (name in (OUTPUT, SUMMARY) or _NAME.fullmatch(name) is not None)


def _batch_files(folder: Path) -> dict[Number, Path]:
    """The completely written batch files of a run folder."""
    paths = (path for path in folder.glob(f"*{SUFFIX}") if _NAME.fullmatch(path.name) and path.is_file())
    return {tuple(map(int, path.name.removesuffix(SUFFIX).split("."))): path for path in paths}


def _file_name(number: Number) -> str:
    """The file name of a batch, `00000007.1.batch` for `(7, 1)`. Whole batches sort by name in their order."""
    first, *pieces = number
    return ".".join((f"{first:08}", *map(str, pieces))) + SUFFIX
