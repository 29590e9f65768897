"""Converted rows as plain tuples, which pickle in a quarter of the time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from collector.graph.assemble import BadRow, ConvertedRow
from collector.graph.convert import ConvertedEntity, PendingEdge
from collector.graph.entity_index import Name
from collector.model import Record

PackedRow: TypeAlias = tuple[Any, ...]
"""A `BadRow`, or a `ConvertedRow` with its entity's record as a line of JSON."""


def pack(rows: Iterable[ConvertedRow | BadRow], line_of: Callable[[Record], bytes]) -> Iterator[PackedRow]:
    """Convert rows to tuples; `line_of` serializes a record."""
    for row in rows:
        if isinstance(row, BadRow):
            yield tuple(row)
            continue
        pointers = [tuple(pending) for pending in row.pointers]
        if row.entity is None:
            yield row.region, pointers
        else:
            key, record, names, facts, owner = row.entity
            plain_names = [tuple(name) for name in names]
            try:
                line = line_of(record)
            except TypeError as error:  # a value that JSON cannot hold, such as half of a surrogate pair
                yield row.type, "NotJson", f"{key[:200]} {error}", (row.type,)
                continue
            yield row.type, record["_class"], key, plain_names, facts, owner, row.region, pointers, line


def unpack(rows: Iterable[PackedRow]) -> Iterator[ConvertedRow | BadRow]:
    """The rows that were packed. Of an entity's record only key, type and class are there, and its line of JSON."""
    for row in rows:
        match row:
            case (type_, code, message, types):
                yield BadRow(type_, code, message, types)
            case (region, pointers):
                yield ConvertedRow("", None, region, _pending(pointers))
            case (type_, classes, key, names, facts, owner, region, pointers, line):
                head = {"_key": key, "_type": type_, "_class": classes}
                entity = ConvertedEntity(key, head, [Name._make(name) for name in names], facts, owner)
                yield ConvertedRow(type_, entity, region, _pending(pointers), line)


def _pending(pointers: Iterable[PackedRow]) -> list[PendingEdge]:
    return [PendingEdge._make(pointer) for pointer in pointers]
