from __future__ import annotations

import errno
import gzip
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random

import orjson
import pytest
from hypothesis import example, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from collector.model import Batch
from collector.sinks.base import DeliveryError
from collector.sinks.encoding import encode, from_file, to_file
from collector.sinks.filesystem import FileSystem
from collector.sinks.spool import RunSummary, Spool, SpoolFullError, SpoolSettings, spool_folders, take_over
from tests.sinks.factories import RUN, batch, lines, report, spool

LIMIT = 10_000_000


class KilledError(BaseException):
    """The process was killed."""


class CrashingFileSystem(FileSystem):
    """Kills the process after some steps, and leaves a partial file. A power failure may undo renames and removals not yet synced."""

    def __init__(self, steps: int, random: Random, *, power_failure: bool) -> None:
        self.left, self.random, self.power_failure = steps, random, power_failure
        self.unsynced: list[tuple[Path, Path | bytes]] = []

    def _step(self) -> None:
        if self.left <= 0:
            self.die()
        self.left -= 1

    def create(self, path: Path, data: bytes) -> None:
        if self.left <= 0:
            path.write_bytes(data[: self.random.randrange(len(data) + 1)])
        self._step()
        super().create(path, data)

    def rename(self, path: Path, new: Path) -> None:
        self._step()
        before = new.read_bytes() if new.exists() else None
        super().rename(path, new)
        self.unsynced.append((path, new) if before is None else (new, before))

    def remove(self, path: Path) -> None:
        self._step()
        if path.exists():
            self.unsynced.append((path, path.read_bytes()))
        super().remove(path)

    def sync(self, folder: Path) -> None:
        self._step()
        super().sync(folder)
        self.unsynced.clear()

    def die(self) -> None:
        for path, other in reversed(self.unsynced):
            if not self.power_failure or self.random.random() < 0.5:
                continue
            if isinstance(other, bytes):
                path.write_bytes(other)
            elif other.exists():
                other.rename(path)
        raise KilledError


class Server:
    """Accepts each key once, and fails if it is received again with different content."""

    def __init__(self) -> None:
        self.accepted: dict[str, tuple[bytes, ...]] = {}

    def take(self, encoded) -> None:
        entities, relationships = encoded.records()
        records = (*entities, *relationships)
        assert self.accepted.setdefault(encoded.key, records) == records

    @property
    def records(self) -> Counter[str]:
        return Counter(line.decode() for records in self.accepted.values() for line in records)


def run(kept: Spool, server: Server, steps, collected: list[Batch]) -> None:
    """Use a spool as a run does; `collected` receives every batch that counts as collected."""
    sequence = 0
    for step, choice in steps:
        if step == "collect":
            sequence += 1
            made = batch(sequence, entities=3, links=1)
            kept.add(encode(made))
            collected.append(made)
        elif kept.kept:
            encoded = kept.read(kept.kept[choice % len(kept.kept)])
            halves = encoded.halves() if step == "split" else None
            if halves:
                kept.replace(encoded, halves)
            else:
                server.take(encoded)
                kept.remove([encoded.number])


def recover(root: Path, server: Server, filesystem: FileSystem | None = None) -> None:
    for folder in spool_folders(root):
        kept = take_over(folder, LIMIT, filesystem)
        assert kept is not None
        try:
            for number in kept.kept:
                server.take(kept.read(number))
                kept.remove([number])
            kept.discard()
        finally:
            kept.release()


STEPS = st.lists(
    st.tuples(st.sampled_from(["collect", "collect", "send", "split"]), st.integers(0, 50)), min_size=1, max_size=25
)


@example([("collect", 0), ("collect", 0), ("split", 0)], 14, 3, True, 229)
@effort(max_examples=400, deadline=None)
@given(STEPS, st.integers(0, 100), st.integers(0, 30), st.booleans(), st.integers(0, 10**6))
def test_collected_batches_are_accepted_exactly_once_whenever_the_process_dies(
    steps, death, second_death, power_failure, seed
):
    with tempfile.TemporaryDirectory() as folder:
        root, random, server = Path(folder) / "spool", Random(seed), Server()
        collected: list[Batch] = []
        filesystem = CrashingFileSystem(death, random, power_failure=power_failure)
        kept = spool(root, "https://example", durable=True, filesystem=filesystem)
        with suppress(KilledError):
            run(kept, server, steps, collected)
            filesystem.die()
        kept.release()
        if root.exists():
            with suppress(KilledError):
                recover(root, server, CrashingFileSystem(second_death, random, power_failure=power_failure))
            recover(root, server)
            assert spool_folders(root) == []
        duplicates = {line for line, count in server.records.items() if count > 1}
        assert duplicates == set()
        assert set(lines(collected)) <= set(server.records)


def test_a_full_disk_raises_and_leaves_no_partial_file(tmp_path):
    class Full(FileSystem):
        root = 2

        def create(self, path: Path, data: bytes) -> None:
            if path.name.startswith("0000"):
                self.root -= 1
            if self.root < 0:
                path.write_bytes(data[:10])
                path.unlink()
                raise OSError(errno.ENOSPC, "No space left on device")
            super().create(path, data)

    kept = spool(tmp_path, "https://example", durable=True, filesystem=Full())
    kept.add(encode(batch(1)))
    kept.add(encode(batch(2)))
    with pytest.raises(DeliveryError, match=r"cannot write .*00000003.batch: No space left on device"):
        kept.add(encode(batch(3)))
    kept.release()
    server = Server()
    recover(tmp_path, server)
    assert sorted(server.records) == lines([batch(1), batch(2)])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_file_that_could_not_be_written_is_removed(tmp_path):
    path = tmp_path / "file"
    path.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        FileSystem().create(path, b"x" * 100)
    assert not path.is_symlink()


def test_the_size_limit_includes_spools_of_earlier_runs(tmp_path):
    earlier = spool(tmp_path, "https://example", durable=True)
    earlier.add(encode(batch(1, entities=100, size=1000)))
    earlier.release()
    kept = Spool(SpoolSettings(tmp_path, 1000, durable=True), "https://example", 2)
    with pytest.raises(SpoolFullError):
        kept.add(encode(batch(2)))


def test_an_unfinished_file_is_removed_with_a_note(tmp_path):
    kept = spool(tmp_path, "https://example", durable=True)
    kept.add(encode(batch(1)))
    kept.release()
    unfinished = spool_folders(tmp_path)[0] / "00000002.batch.tmp"
    unfinished.write_bytes(to_file(encode(batch(2)))[:100])
    again = take_over(spool_folders(tmp_path)[0], LIMIT)
    assert again is not None
    assert again.kept == [(1,)]
    assert not unfinished.exists()
    assert "incomplete" in again.notes[0]
    assert again.lost == 0
    again.release()


@given(st.integers(0, 10**6))
@effort(max_examples=150, deadline=None)
def test_intact_records_of_a_damaged_file_are_kept(cut):
    data = to_file(encode(batch(1, entities=60, links=20, size=300)))
    cut %= len(data)
    head = data.index(b"\n") + 1
    decoded = from_file(data[:cut])
    if decoded is None:
        assert cut < head + 1500  # a partial first block cannot be decompressed
        return
    encoded, lost = decoded
    entities, relationships = encoded.records()
    assert len(entities) + len(relationships) + lost == 80
    assert [*entities, *relationships] == [*batch(1, entities=60, links=20, size=300).lines().splitlines()][: 80 - lost]


def test_a_flipped_bit_is_detected(tmp_path):
    data = bytearray(to_file(encode(batch(1, entities=50))))
    data[-30] ^= 1
    decoded = from_file(bytes(data))
    assert decoded is None or decoded[1] > 0


def test_a_damaged_file_is_noted_and_the_others_are_still_read(tmp_path):
    kept = spool(tmp_path, "https://example", durable=True)
    for sequence in (1, 2, 3):
        kept.add(encode(batch(sequence, entities=400, size=20)))
    kept.release()
    folder = spool_folders(tmp_path)[0]
    damaged = folder / "00000003.batch"
    damaged.write_bytes(damaged.read_bytes()[:-40])
    (folder / "00000002.batch").write_bytes(b"nothing")
    again = take_over(folder, LIMIT)
    assert again is not None
    assert again.read((1,)).entities == 400
    with pytest.raises(DeliveryError, match="renamed to"):
        again.read((2,))
    assert again.read((3,)).entities < 400
    assert again.lost > 1
    assert (folder / "00000002.batch.torn").exists()
    again.discard()
    assert folder.exists()
    again.release()


def test_a_spool_survives_the_loss_of_its_metadata(tmp_path):
    kept = spool(tmp_path, "https://example", durable=True)
    kept.add(encode(batch(1)))
    kept.finish(RunSummary(report()))
    kept.release()
    folder = spool_folders(tmp_path)[0]
    (folder / "output.json").write_bytes(b"{")
    (folder / "summary.json").write_bytes(b"")
    again = take_over(folder, LIMIT)
    assert again is not None
    assert (again.output, again.kept, again.run, again.summary()) == ("", [(1,)], RUN, None)
    assert len(again.notes) == 2
    again.release()


def test_the_spool_is_accessible_to_its_owner_only(tmp_path):
    kept = spool(tmp_path / "spool", "https://example", durable=True)
    kept.add(encode(batch(1)))
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "spool").rglob("*")} == {0}
    kept.release()


@given(st.lists(st.integers(0, 2000), min_size=2, max_size=40), st.integers(0, 40))
@effort(max_examples=100, deadline=None)
def test_halves_preserve_record_order_and_are_deterministic(sizes, links):
    records = [orjson.dumps({"_key": str(index), "name": "x" * size}) for index, size in enumerate(sizes)]
    entities = max(0, len(records) - links)
    whole = encode(Batch("1", 7, RUN, records[:entities], records[entities:]))
    halves = whole.halves()
    assert halves == whole.halves()
    assert halves is not None
    first, second = halves
    assert (first.key, second.key) == (f"{RUN}/7.1", f"{RUN}/7.2")
    assert first.records()[0] + second.records()[0] == records[:entities]
    assert first.records()[1] + second.records()[1] == records[entities:]
    assert gzip.decompress(first.body) + gzip.decompress(second.body) == gzip.decompress(whole.body)
    assert (first.size + second.size, first.size > 0, second.size > 0) == (whole.size, True, True)


def test_an_encoded_batch_survives_a_round_trip_through_a_file():
    encoded = encode(batch(3, entities=2, links=1))
    assert from_file(to_file(encoded)) == (encoded, 0)
    assert encoded.account == "123456789012"
