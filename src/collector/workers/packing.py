"""What rows come to, on its way from one process to another: as plain tuples, which go through pickle in a quarter of the time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from collector.graph.assemble import Converted, Odd
from collector.graph.convert import Node, Pending
from collector.model import Record

Packed: TypeAlias = tuple[Any, ...]
"""An `Odd`, or a `Converted` with its node's record as a line of JSON."""


def packed(several: Iterable[Converted | Odd], line_of: Callable[[Record], bytes]) -> Iterator[Packed]:
    """Rows ready to go."""
    for each in several:
        if isinstance(each, Odd):
            yield tuple(each)
            continue
        pointers = [tuple(pending) for pending in each.pointers]
        if each.node is None:
            yield each.region, pointers
        else:
            key, record, names, facts = each.node
            yield each.type, record["_class"], key, names, facts, each.region, pointers, line_of(record)


def unpacked(several: Iterable[Packed]) -> Iterator[Converted | Odd]:
    """The rows as they were, but that of an entity's record there is only its head, and the line."""
    for each in several:
        match each:
            case (type_, code, message):
                yield Odd(type_, code, message)
            case (region, pointers):
                yield Converted("", None, region, _pending(pointers))
            case (type_, classes, key, names, facts, region, pointers, line):
                head = {"_key": key, "_type": type_, "_class": classes}
                yield Converted(type_, Node(key, head, names, facts), region, _pending(pointers), line)


def _pending(pointers: Iterable[Packed]) -> list[Pending]:
    return [Pending._make(each) for each in pointers]
