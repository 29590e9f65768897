from __future__ import annotations

import gzip
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

import pytest
import zstandard

from collector.model import Batch, Scope
from collector.sinks.base import ClosedError, DeliveryError, finishing
from collector.sinks.ndjson import NdjsonSink

if TYPE_CHECKING:
    from collections.abc import Iterator

SCOPE = Scope("111122223333", "us-east-1", "ec2")
LINES = [b'{"_key":"a"}', b'{"_key":"w\xc3\xa9b"}']
TEXT = b'{"_key":"a"}\n{"_key":"w\xc3\xa9b"}\n'

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


def _batch(*lines: bytes) -> Batch:
    return Batch(SCOPE, entities=list(lines))


async def _written(target: str, *batches: Batch) -> None:
    """Write as a run does, which closes the sink whatever happens."""
    sink = NdjsonSink(target)
    await sink.open()
    async with finishing(sink):
        for batch in batches:
            await sink.write(batch)
        await sink.close({})


async def test_each_record_is_a_line_entities_first(tmp_path):
    target = tmp_path / "out.ndjson"
    await _written(str(target), Batch(SCOPE, entities=LINES[:1], relationships=LINES[1:]))
    assert target.read_bytes() == TEXT


async def test_batches_follow_each_other(tmp_path):
    target = tmp_path / "out.ndjson"
    await _written(str(target), *(_batch(line) for line in LINES))
    assert target.read_bytes() == TEXT


async def test_what_the_file_held_before_is_replaced(tmp_path):
    target = tmp_path / "out.ndjson"
    target.write_text("old\n" * 100)
    await _written(str(target), _batch(*LINES))
    assert target.read_bytes() == TEXT


async def test_gz_and_zst_compress(tmp_path):
    for suffix in ("gz", "zst"):
        await _written(str(tmp_path / f"out.ndjson.{suffix}"), *(_batch(line) for line in LINES))
    assert gzip.decompress((tmp_path / "out.ndjson.gz").read_bytes()) == TEXT
    with zstandard.open(tmp_path / "out.ndjson.zst", "rb") as file:
        assert file.read() == TEXT


async def test_an_empty_run_is_an_empty_stream(tmp_path):
    for name in ("out.ndjson", "out.ndjson.gz", "out.ndjson.zst"):
        await _written(str(tmp_path / name))
    assert (tmp_path / "out.ndjson").read_bytes() == b""
    assert gzip.decompress((tmp_path / "out.ndjson.gz").read_bytes()) == b""
    with zstandard.open(tmp_path / "out.ndjson.zst", "rb") as file:
        assert file.read() == b""


@contextmanager
def _piped() -> Iterator[tuple[BinaryIO, TextIO]]:
    """Standard output is a pipe; its ends, to read and to write. (A fixture's would be overlaid by pytest's own.)"""
    read, write = os.pipe()
    with os.fdopen(write, "w") as stdout, os.fdopen(read, "rb") as reader, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        yield reader, stdout


async def test_standard_output_gets_a_batch_at_once_and_stays_open():
    with _piped() as (reader, stdout):
        sink = NdjsonSink("-")
        await sink.open()
        await sink.write(_batch(*LINES))
        assert os.read(reader.fileno(), 1_000) == TEXT
        await sink.close({})
        stdout.write("still there\n")
        stdout.flush()
        assert os.read(reader.fileno(), 1_000) == b"still there\n"


async def test_a_reader_who_has_gone_ends_the_run_and_not_with_an_error_of_the_disk():
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
    await sink.close({})
    await sink.close(None)


@pytest.mark.parametrize(
    ("target", "why"), [("nowhere/out.ndjson", "No such file or directory"), (".", "Is a directory")]
)
async def test_a_place_that_cannot_be_written_is_told_when_it_is_opened(target, why, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DeliveryError, match=f"cannot write {target}: {why}"):
        await NdjsonSink(target).open()


@needs_full
async def test_a_full_disk_is_told_at_the_latest_when_the_run_ends():
    with pytest.raises(DeliveryError, match="cannot write /dev/full: No space left on device"):
        await _written(str(FULL), _batch(b"x" * 1_000_000))


@needs_full
@pytest.mark.parametrize("suffix", ["gz", "zst"])
async def test_a_full_disk_is_told_behind_a_compressor_too(suffix, tmp_path):
    (tmp_path / f"out.{suffix}").symlink_to(FULL)
    with pytest.raises(DeliveryError, match="No space left on device"):
        await _written(str(tmp_path / f"out.{suffix}"), _batch(os.urandom(3_000_000)))
