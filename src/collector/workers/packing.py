"""What rows come to, on its way from one process to another: as plain tuples, which go through pickle in a quarter of the time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from collector.graph.assemble import BadRow, ConvertedRow
from collector.graph.convert import ConvertedEntity, PendingEdge
from collector.model import Record

PackedRow: TypeAlias = tuple[Any, ...]
"""An `BadRow`, or a `ConvertedRow` with its node's record as a line of JSON."""


def pack(several: Iterable[ConvertedRow | BadRow], line_of: Callable[[Record], bytes]) -> Iterator[PackedRow]:
    """Rows ready to go."""
    for each in several:
        if isinstance(each, BadRow):
            yield tuple(each)
            continue
        pointers = [tuple(pending) for pending in each.pointers]
        if each.node is None:
            yield each.region, pointers
        else:
            key, record, names, facts = each.node
            yield each.type, record["_class"], key, names, facts, each.region, pointers, line_of(record)


def unpack(several: Iterable[PackedRow]) -> Iterator[ConvertedRow | BadRow]:
    """The rows as they were, but that of an entity's record there is only its head, and the line."""
    for each in several:
        match each:
            case (type_, code, message):
                yield BadRow(type_, code, message)
            case (region, pointers):
                yield ConvertedRow("", None, region, _pending(pointers))
            case (type_, classes, key, names, facts, region, pointers, line):
                head = {"_key": key, "_type": type_, "_class": classes}
                yield ConvertedRow(type_, ConvertedEntity(key, head, names, facts), region, _pending(pointers), line)


def _pending(pointers: Iterable[PackedRow]) -> list[PendingEdge]:
    return [PendingEdge._make(each) for each in pointers]
