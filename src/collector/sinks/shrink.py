"""Shrinks an upload body by truncating raw data, as JupiterOne's SDK does (shrinkBatchRawData)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from collector.model import Record

TRUNCATED = "TRUNCATED"


def shrink(lines: Sequence[bytes], goal: int) -> list[bytes] | None:
    """Truncate raw data until all lines together have at most `goal` bytes, or no raw data is left to truncate.

    Each step truncates the largest property of the largest raw data of the largest record. At least one step is made; None if
    none is possible. Everything outside `_rawData` is unchanged.
    """
    sizes = [len(line) for line in lines]
    records: dict[int, Record] = {}
    candidates = sorted(
        (index for index, line in enumerate(lines) if b'"_rawData"' in line), key=lambda index: -sizes[index]
    )
    truncated = 0
    while candidates and (not truncated or sum(sizes) > goal):
        index = max(candidates, key=sizes.__getitem__)
        record = records.get(index) or records.setdefault(index, orjson.loads(lines[index]))
        if _truncate_one(record):
            sizes[index] = len(orjson.dumps(record))
            truncated += 1
        else:
            candidates.remove(index)
    return (
        [orjson.dumps(records[index]) if index in records else line for index, line in enumerate(lines)]
        if truncated
        else None
    )


def without_raw_data(record: Record) -> Record:
    """Return a copy of the record without `_rawData`."""
    return {name: value for name, value in record.items() if name != "_rawData"}


def _truncate_one(record: Record) -> bool:
    """Truncate the largest value of the largest raw data; return False if none is left to truncate."""
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
