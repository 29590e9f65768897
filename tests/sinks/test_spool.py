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

from collector.model import Batch, Scope
from collector.sinks.base import DeliveryError
from collector.sinks.disk import Disk
from collector.sinks.encoding import encoded, from_file, to_file
from collector.sinks.layout import found
from collector.sinks.spool import FullError, Room, Spool, Summary, taken_over
from tests.sinks.made import RUN, batch, lines, report, spool

LIMIT = 10_000_000


class KilledError(BaseException):
    """The process is no more."""


class CrashingDisk(Disk):
    """Dies at a step. A file that was being written is torn; names that were not settled are, in a power failure, as fate will."""

    def __init__(self, steps: int, fate: Random, *, power_failure: bool) -> None:
        self.left, self.fate, self.power_failure = steps, fate, power_failure
        self.unsettled: list[tuple[Path, Path | bytes]] = []

    def _step(self) -> None:
        if self.left <= 0:
            self.die()
        self.left -= 1

    def create(self, path: Path, data: bytes) -> None:
        if self.left <= 0:
            path.write_bytes(data[: self.fate.randrange(len(data) + 1)])
        self._step()
        super().create(path, data)

    def rename(self, path: Path, new: Path) -> None:
        self._step()
        before = new.read_bytes() if new.exists() else None
        super().rename(path, new)
        self.unsettled.append((path, new) if before is None else (new, before))

    def remove(self, path: Path) -> None:
        self._step()
        if path.exists():
            self.unsettled.append((path, path.read_bytes()))
        super().remove(path)

    def settle(self, folder: Path) -> None:
        self._step()
        super().settle(folder)
        self.unsettled.clear()

    def die(self) -> None:
        for path, other in reversed(self.unsettled):
            if not self.power_failure or self.fate.random() < 0.5:
                continue
            if isinstance(other, bytes):
                path.write_bytes(other)
            elif other.exists():
                other.rename(path)
        raise KilledError


class Server:
    """Takes a key once, and notices when it comes with other content."""

    def __init__(self) -> None:
        self.accepted: dict[str, tuple[bytes, ...]] = {}

    def take(self, parcel) -> None:
        entities, relationships = parcel.records()
        records = (*entities, *relationships)
        assert self.accepted.setdefault(parcel.key, records) == records

    @property
    def records(self) -> Counter[str]:
        return Counter(line.decode() for records in self.accepted.values() for line in records)


def run(kept: Spool, server: Server, steps, collected: list[Batch]) -> None:
    """A run as a spool sees it; `collected` gets every batch that was reported as collected."""
    sequence = 0
    for step, choice in steps:
        if step == "collect":
            sequence += 1
            made = batch(sequence, entities=3, links=1)
            kept.add(encoded(made))
            collected.append(made)
        elif kept.kept:
            parcel = kept.read(kept.kept[choice % len(kept.kept)])
            halves = parcel.halves() if step == "split" else None
            if halves:
                kept.replace(parcel, halves)
            else:
                server.take(parcel)
                kept.remove([parcel.number])


def recover(room: Path, server: Server, disk: Disk | None = None) -> None:
    for folder in found(room):
        kept = taken_over(folder, LIMIT, disk)
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
def test_whenever_the_process_dies_what_was_collected_is_accepted_once(steps, death, second_death, power_failure, seed):
    with tempfile.TemporaryDirectory() as folder:
        room, fate, server = Path(folder) / "spool", Random(seed), Server()
        collected: list[Batch] = []
        disk = CrashingDisk(death, fate, power_failure=power_failure)
        kept = spool(room, "https://example", durable=True, disk=disk)
        with suppress(KilledError):
            run(kept, server, steps, collected)
            disk.die()
        kept.release()
        if room.exists():
            with suppress(KilledError):
                recover(room, server, CrashingDisk(second_death, fate, power_failure=power_failure))
            recover(room, server)
            assert found(room) == []
        twice = {line for line, times in server.records.items() if times > 1}
        assert twice == set()
        assert set(lines(collected)) <= set(server.records)


def test_a_full_disk_is_a_clear_failure_and_leaves_nothing_behind(tmp_path):
    class Full(Disk):
        room = 2

        def create(self, path: Path, data: bytes) -> None:
            if path.name.startswith("0000"):
                self.room -= 1
            if self.room < 0:
                path.write_bytes(data[:10])
                path.unlink()
                raise OSError(errno.ENOSPC, "No space left on device")
            super().create(path, data)

    kept = spool(tmp_path, "https://example", durable=True, disk=Full())
    kept.add(encoded(batch(1)))
    kept.add(encoded(batch(2)))
    with pytest.raises(DeliveryError, match=r"cannot write .*00000003.batch: No space left on device"):
        kept.add(encoded(batch(3)))
    kept.release()
    server = Server()
    recover(tmp_path, server)
    assert sorted(server.records) == lines([batch(1), batch(2)])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_the_disk_removes_what_it_could_not_write(tmp_path):
    path = tmp_path / "file"
    path.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        Disk().create(path, b"x" * 100)
    assert not path.is_symlink()


def test_the_bound_counts_what_earlier_runs_left(tmp_path):
    earlier = spool(tmp_path, "https://example", durable=True)
    earlier.add(encoded(batch(1, entities=100, size=1000)))
    earlier.release()
    kept = Spool(Room(tmp_path, 1000, durable=True), "https://example", 2)
    with pytest.raises(FullError):
        kept.add(encoded(batch(2)))


def test_an_unfinished_file_is_removed_with_a_note(tmp_path):
    kept = spool(tmp_path, "https://example", durable=True)
    kept.add(encoded(batch(1)))
    kept.release()
    unfinished = found(tmp_path)[0] / "00000002.batch.tmp"
    unfinished.write_bytes(to_file(encoded(batch(2)))[:100])
    again = taken_over(found(tmp_path)[0], LIMIT)
    assert again is not None
    assert again.kept == [(1,)]
    assert not unfinished.exists()
    assert "never finished" in again.notes[0]
    assert again.lost == 0
    again.release()


@given(st.integers(0, 10**6))
@effort(max_examples=150, deadline=None)
def test_of_a_torn_file_the_whole_records_are_kept(cut):
    data = to_file(encoded(batch(1, entities=60, links=20, size=300)))
    cut %= len(data)
    head = data.index(b"\n") + 1
    taken = from_file(data[:cut])
    if taken is None:
        assert cut < head + 1500  # the first block is not readable in part
        return
    parcel, lost = taken
    entities, relationships = parcel.records()
    assert len(entities) + len(relationships) + lost == 80
    assert [*entities, *relationships] == [*batch(1, entities=60, links=20, size=300).lines().splitlines()][: 80 - lost]


def test_a_flipped_bit_is_noticed(tmp_path):
    data = bytearray(to_file(encoded(batch(1, entities=50))))
    data[-30] ^= 1
    taken = from_file(bytes(data))
    assert taken is None or taken[1] > 0


def test_a_torn_file_is_told_and_the_rest_goes_on(tmp_path):
    kept = spool(tmp_path, "https://example", durable=True)
    for sequence in (1, 2, 3):
        kept.add(encoded(batch(sequence, entities=400, size=20)))
    kept.release()
    folder = found(tmp_path)[0]
    torn = folder / "00000003.batch"
    torn.write_bytes(torn.read_bytes()[:-40])
    (folder / "00000002.batch").write_bytes(b"nothing")
    again = taken_over(folder, LIMIT)
    assert again is not None
    assert again.read((1,)).entities == 400
    with pytest.raises(DeliveryError, match="set aside as"):
        again.read((2,))
    assert again.read((3,)).entities < 400
    assert again.lost > 1
    assert (folder / "00000002.batch.torn").exists()
    again.discard()
    assert folder.exists()
    again.release()


def test_a_spool_survives_the_loss_of_its_description(tmp_path):
    kept = spool(tmp_path, "https://example", durable=True)
    kept.add(encoded(batch(1)))
    kept.finish(Summary(report()))
    kept.release()
    folder = found(tmp_path)[0]
    (folder / "output.json").write_bytes(b"{")
    (folder / "summary.json").write_bytes(b"")
    again = taken_over(folder, LIMIT)
    assert again is not None
    assert (again.output, again.kept, again.run, again.summary()) == ("", [(1,)], RUN, None)
    assert len(again.notes) == 2
    again.release()


def test_the_spool_is_for_its_owner_only(tmp_path):
    kept = spool(tmp_path / "spool", "https://example", durable=True)
    kept.add(encoded(batch(1)))
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "spool").rglob("*")} == {0}
    kept.release()


@given(st.lists(st.integers(0, 2000), min_size=2, max_size=40), st.integers(0, 40))
@effort(max_examples=100, deadline=None)
def test_pieces_hold_the_records_in_their_order_and_are_always_the_same(sizes, links):
    records = [orjson.dumps({"_key": str(index), "name": "x" * size}) for index, size in enumerate(sizes)]
    entities = max(0, len(records) - links)
    whole = encoded(Batch(Scope("1", "r", "s"), 7, RUN, records[:entities], records[entities:]))
    halves = whole.halves()
    assert halves == whole.halves()
    assert halves is not None
    first, second = halves
    assert (first.key, second.key) == (f"{RUN}/7.1", f"{RUN}/7.2")
    assert first.records()[0] + second.records()[0] == records[:entities]
    assert first.records()[1] + second.records()[1] == records[entities:]
    assert gzip.decompress(first.body) + gzip.decompress(second.body) == gzip.decompress(whole.body)
    assert (first.size + second.size, first.size > 0, second.size > 0) == (whole.size, True, True)


def test_the_tags_of_a_parcel_survive_the_disk():
    parcel = encoded(batch(3, entities=2, links=1))
    assert from_file(to_file(parcel)) == (parcel, 0)
    assert parcel.scope == Scope("123456789012", "us-east-1", "sqs")
