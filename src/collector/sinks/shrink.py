"""Makes a body smaller by what is queried least: raw data. As JupiterOne's SDK does it (shrinkBatchRawData)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector.model import Record

TRUNCATED = "TRUNCATED"


def shrunk(lines: Sequence[bytes], goal: int) -> list[bytes] | None:
    """The same records with less raw data, `goal` bytes at most if that can be reached; None if there is nothing to take.

    Again and again the largest property of the largest raw data of the heaviest record gives way, at least one.
    """
    sizes = [len(line) for line in lines]
    records: dict[int, Record] = {}
    heaviest = sorted(
        (index for index, line in enumerate(lines) if b'"_rawData"' in line), key=lambda index: -sizes[index]
    )
    taken = 0
    while heaviest and (not taken or sum(sizes) > goal):
        index = max(heaviest, key=sizes.__getitem__)
        record = records.setdefault(index, orjson.loads(lines[index]))
        if _truncate_one(record):
            sizes[index] = len(orjson.dumps(record))
            taken += 1
        else:
            heaviest.remove(index)
    return (
        [orjson.dumps(records[index]) if index in records else line for index, line in enumerate(lines)]
        if taken
        else None
    )


def without_raw_data(record: Record) -> Record:
    """A record that is too large for any batch, as far as it is queried."""
    return {name: value for name, value in record.items() if name != "_rawData"}


def _truncate_one(record: Record) -> bool:
    """Replace the largest value of the largest raw data; false when nothing is left to replace."""
    entries = [entry for entry in record.get("_rawData") or () if isinstance(entry, dict)]
    return any(_truncate_in(entry) for entry in sorted(entries, key=lambda entry: -_size(entry.get("rawData"))))


def _truncate_in(entry: dict[str, Any]) -> bool:
    raw = entry.get("rawData")
    if isinstance(raw, dict):
        name = max(raw, key=lambda name: _size(raw[name]), default=None)
        if name is None or _size(raw[name]) <= _size(TRUNCATED):
            return False
        raw[name] = TRUNCATED
        return True
    if _size(raw) <= _size(TRUNCATED):
        return False
    entry["rawData"] = TRUNCATED
    return True


def _size(value: Any) -> int:
    return len(orjson.dumps(value))
