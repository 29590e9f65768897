"""How a spool lies on disk: a folder for each run and output, a file for each batch."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from collector.sinks.base import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from collector.sinks.encoding import Number

SUFFIX, TORN, UNNAMED = ".batch", ".torn", ".tmp"
ABOUT, SUMMARY, LOCK = "output.json", "summary.json", "lock"
_NAME = re.compile(r"\d{8}(\.\d+)*\.batch")


def found(place: Path) -> list[Path]:
    """The folders of runs that lie in a spool; `place` may also be one of them."""
    return [folder for folder in (place, *sorted(place.iterdir())) if folder.is_dir() and _is_spool(folder)]


def batch_files(folder: Path) -> dict[Number, Path]:
    """The finished files of a folder."""
    return {_number(path): path for path in folder.glob(f"*{SUFFIX}") if _NAME.fullmatch(path.name)}


def name_of(number: Number) -> str:
    """Names sort as their batches do."""
    first, *pieces = number
    return ".".join((f"{first:08}", *map(str, pieces))) + SUFFIX


def _number(path: Path) -> Number:
    return tuple(map(int, path.name.removesuffix(SUFFIX).split(".")))


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """What the disk refuses, in one line for the user."""
    try:
        yield
    except OSError as error:
        raise DeliveryError(f"cannot write {path}: {error.strerror or error}") from error


def _is_spool(folder: Path) -> bool:
    return (folder / ABOUT).exists() or bool(batch_files(folder))
