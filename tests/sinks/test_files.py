from __future__ import annotations

import errno
import fcntl
import os

import pytest

from collector.sinks.files import PartFile, unwritable
from collector.sinks.filesystem import open_locked


@pytest.fixture
def place(tmp_path):
    """A directory with a file, a named pipe, and links to a file elsewhere and to one in a directory that is not there."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "new")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere" / "new")
    return tmp_path


@pytest.mark.parametrize("name", ["new", "file", "pipe", "link"])
def test_files_new_or_not_pipes_and_links_are_writable(place, name):
    assert unwritable(str(place / name)) is None


@pytest.mark.parametrize("target", ["-", "/dev/null"])
def test_standard_output_and_devices_are_writable(target):
    assert unwritable(target) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("folder", "{}/folder is a directory"),
        ("nowhere/new", "{}/nowhere is not a directory"),
        ("file/new", "{}/file is not a directory"),
        ("broken", "{}/nowhere is not a directory"),
    ],
)
def test_directories_and_files_without_one_are_not_writable(place, name, reason):
    assert unwritable(str(place / name)) == reason.format(place)


def test_what_the_user_may_not_write_is_named(place, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, _: path != place / "folder")  # root may write everything
    assert unwritable(str(place / "link")) == f"{place}/folder is not writable"
    assert unwritable(str(place / "new")) is None


def test_a_descriptor_is_writable_if_it_is_open_for_writing(place):
    with (place / "file").open("rb") as reading, (place / "file").open("ab") as writing:
        read_only, open_ = f"/dev/fd/{reading.fileno()}", f"/dev/fd/{writing.fileno()}"
        assert unwritable(open_) is None
        assert unwritable(read_only) == f"{read_only} is not open for writing"
    assert unwritable(open_) == f"{open_} is not open for writing"


def test_without_locks_a_file_is_written_all_the_same_and_a_spool_is_refused(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    part = PartFile(tmp_path / "file")
    part.keep(part.open())
    assert (tmp_path / "file").exists()
    with pytest.raises(OSError, match="No locks available"):
        open_locked(tmp_path / "lock")
