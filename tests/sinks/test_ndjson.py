from __future__ import annotations

import gzip
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

import pytest
import zstandard

from collector.model import Batch
from collector.report import Report
from collector.sinks.base import ClosedError, Delivery, DeliveryError, close_on_error
from collector.sinks.ndjson import NdjsonSink
from tests.sinks.factories import batches, deliver, report

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "111122223333"
LINES = [b'{"_key":"a"}', b'{"_key":"w\xc3\xa9b"}']
TEXT = b'{"_key":"a"}\n{"_key":"w\xc3\xa9b"}\n'

DEV_FULL = Path("/dev/full")
needs_dev_full = pytest.mark.skipif(not DEV_FULL.exists(), reason="this system has no /dev/full")


def _batch(*lines: bytes) -> Batch:
    return Batch(ACCOUNT, entities=list(lines))


async def _write(target: str, *batches: Batch) -> None:
    """Write batches as a run does, which closes the sink in any case."""
    sink = NdjsonSink(target)
    await sink.open()
    async with close_on_error(sink):
        for batch in batches:
            await sink.write(batch)
        await sink.close(Report())


async def test_each_record_is_a_line_and_entities_come_first(tmp_path):
    target = tmp_path / "out.ndjson"
    await _write(str(target), Batch(ACCOUNT, entities=LINES[:1], relationships=LINES[1:]))
    assert target.read_bytes() == TEXT


async def test_batches_are_appended_in_order(tmp_path):
    target = tmp_path / "out.ndjson"
    await _write(str(target), *(_batch(line) for line in LINES))
    assert target.read_bytes() == TEXT


async def test_an_existing_file_is_replaced(tmp_path):
    target = tmp_path / "out.ndjson"
    target.write_text("old\n" * 100)
    await _write(str(target), _batch(*LINES))
    assert target.read_bytes() == TEXT


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
async def test_a_file_has_its_name_only_once_the_run_has_ended(tmp_path, suffix):
    target = tmp_path / f"out.ndjson{suffix}"
    target.write_text("yesterday's\n")
    sink = NdjsonSink(str(target))
    await sink.open()
    await sink.write(_batch(*LINES))
    assert target.read_text() == "yesterday's\n"
    await sink.close(Report(status="partial"))
    assert target.read_bytes() != b"yesterday's\n"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("report", [None, Report(status="failed")])
async def test_a_run_that_failed_leaves_the_file_as_it_was_and_its_records_beside_it(tmp_path, report):
    target = tmp_path / "out.ndjson"
    target.write_text("yesterday's\n")
    for lines, left in (([], []), (LINES, [tmp_path / "out.ndjson.part"])):
        sink = NdjsonSink(str(target))
        await sink.open()
        for line in lines:
            await sink.write(_batch(line))
        await sink.close(report)
        assert target.read_text() == "yesterday's\n"
        assert sorted(tmp_path.iterdir()) == [target, *left]
    assert left[0].read_bytes() == TEXT


async def test_a_part_file_that_a_crash_has_left_is_overwritten(tmp_path):
    (tmp_path / "out.ndjson.part").write_text("torn\n" * 100)
    await _write(str(tmp_path / "out.ndjson"), _batch(*LINES))
    assert (tmp_path / "out.ndjson").read_bytes() == TEXT
    assert list(tmp_path.iterdir()) == [tmp_path / "out.ndjson"]


async def test_two_runs_do_not_write_one_file(tmp_path):
    first, second = NdjsonSink(str(tmp_path / "out.ndjson")), NdjsonSink(str(tmp_path / "out.ndjson"))
    await first.open()
    await first.write(_batch(*LINES))
    with pytest.raises(DeliveryError, match=r"another run is writing out\.ndjson\.part"):
        await second.open()
    await first.close(Report())
    assert (tmp_path / "out.ndjson").read_bytes() == TEXT


async def test_a_symbolic_link_and_permissions_survive(tmp_path):
    (tmp_path / "data").mkdir()
    real = tmp_path / "data" / "real.ndjson"
    real.write_text("yesterday's\n")
    real.chmod(0o640)
    link = tmp_path / "out.ndjson"
    link.symlink_to(real)
    await _write(str(link), _batch(*LINES))
    assert link.is_symlink()
    assert (real.read_bytes(), real.stat().st_mode & 0o777) == (TEXT, 0o640)


async def test_a_named_pipe_is_written_directly(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        await _write(str(pipe), _batch(*LINES))
        assert os.read(reader, 1_000) == TEXT
    finally:
        os.close(reader)
    assert list(tmp_path.iterdir()) == [pipe]


async def test_an_open_descriptor_is_continued_where_it_is(tmp_path):
    target = tmp_path / "log"
    with target.open("ab") as file:
        file.write(b"before\n")
        file.flush()
        await _write(f"/dev/fd/{file.fileno()}", _batch(*LINES))
        file.write(b"after\n")
    assert target.read_bytes() == b"before\n" + TEXT + b"after\n"


async def test_gz_and_zst_suffixes_compress(tmp_path):
    for suffix in ("gz", "zst"):
        await _write(str(tmp_path / f"out.ndjson.{suffix}"), *(_batch(line) for line in LINES))
    assert gzip.decompress((tmp_path / "out.ndjson.gz").read_bytes()) == TEXT
    with zstandard.open(tmp_path / "out.ndjson.zst", "rb") as file:
        assert file.read() == TEXT


async def test_an_empty_run_writes_an_empty_stream(tmp_path):
    for name in ("out.ndjson", "out.ndjson.gz", "out.ndjson.zst"):
        await _write(str(tmp_path / name))
    assert (tmp_path / "out.ndjson").read_bytes() == b""
    assert gzip.decompress((tmp_path / "out.ndjson.gz").read_bytes()) == b""
    with zstandard.open(tmp_path / "out.ndjson.zst", "rb") as file:
        assert file.read() == b""


@contextmanager
def _piped() -> Iterator[tuple[BinaryIO, TextIO]]:
    """Replace standard output by a pipe; yields its read and write ends. Not a fixture: pytest would replace it again."""
    read, write = os.pipe()
    with os.fdopen(write, "w") as stdout, os.fdopen(read, "rb") as reader, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        yield reader, stdout


async def test_standard_output_is_flushed_after_each_batch_and_stays_open():
    with _piped() as (reader, stdout):
        sink = NdjsonSink("-")
        await sink.open()
        await sink.write(_batch(*LINES))
        assert os.read(reader.fileno(), 1_000) == TEXT
        await sink.close(Report())
        stdout.write("still there\n")
        stdout.flush()
        assert os.read(reader.fileno(), 1_000) == b"still there\n"


async def test_a_closed_reader_raises_closed_error():
    with _piped() as (reader, _):
        sink = NdjsonSink("-")
        await sink.open()
        reader.close()
        with pytest.raises(ClosedError):
            await sink.write(_batch(*LINES))
        await sink.close(None)


async def test_closing_twice_does_nothing_the_second_time(tmp_path):
    sink = NdjsonSink(str(tmp_path / "out.ndjson"))
    await sink.open()
    await sink.close(Report())
    await sink.close(None)


@pytest.mark.parametrize(
    ("target", "reason"), [("nowhere/out.ndjson", "No such file or directory"), (".", "Is a directory")]
)
async def test_a_path_that_cannot_be_written_raises_on_open(target, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DeliveryError, match=f"cannot write {target}: {reason}"):
        await NdjsonSink(target).open()


@needs_dev_full
async def test_a_full_disk_is_reported_by_close_at_the_latest():
    with pytest.raises(DeliveryError, match="cannot write /dev/full: No space left on device"):
        await _write(str(DEV_FULL), _batch(b"x" * 1_000_000))


@needs_dev_full
@pytest.mark.parametrize("suffix", ["gz", "zst"])
async def test_a_full_disk_is_reported_through_a_compressor(suffix, tmp_path):
    (tmp_path / f"out.{suffix}").symlink_to(DEV_FULL)
    with pytest.raises(DeliveryError, match="No space left on device"):
        await _write(str(tmp_path / f"out.{suffix}"), _batch(os.urandom(3_000_000)))


async def test_a_file_says_how_many_records_batches_and_bytes_it_got_before_compression(tmp_path):
    made = batches(4, links=2)
    size = sum(each.size for each in made)
    for name in ("out.ndjson", "out.ndjson.gz"):
        sink = NdjsonSink(str(tmp_path / name))
        await deliver(sink, made, report())
        assert sink.deliveries() == [Delivery(str(tmp_path / name), records=48, batches=4, size=size)]
    assert (tmp_path / "out.ndjson").stat().st_size == size


@pytest.mark.parametrize(("made", "suffix"), [(batches(4), ".part"), ([], "")])
@pytest.mark.parametrize("final_report", [None, report("failed")])
async def test_records_that_are_left_in_a_part_file_are_said_to_be_there(tmp_path, made, suffix, final_report):
    sink = NdjsonSink(str(tmp_path / "out.ndjson"))
    await deliver(sink, made, final_report)
    (delivery,) = sink.deliveries()
    assert (delivery.output, delivery.batches) == (str(tmp_path / f"out.ndjson{suffix}"), len(made))


async def test_standard_output_is_named_in_words(capfd):
    sink = NdjsonSink("-")
    await deliver(sink, batches(4), report())
    size = len(capfd.readouterr().out)
    assert sink.deliveries() == [Delivery("standard output", records=40, batches=4, size=size)]


@needs_dev_full
async def test_a_file_that_failed_has_delivered_nothing():
    sink = NdjsonSink(str(DEV_FULL))
    with pytest.raises(DeliveryError):
        await deliver(sink, batches(1), report())
    with pytest.raises(DeliveryError):
        await sink.close(None)
    assert sink.deliveries() == []
