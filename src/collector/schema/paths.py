"""Compiles paths and the other sources of a value to plain functions, once for each declaration."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from string import Formatter
from typing import Any, TypeAlias
from urllib.parse import quote

from collector.model import Place
from collector.schema.declarations import UNKNOWN, Computed, First, Fixed, Row, Source, Template, Via

Read: TypeAlias = Callable[[Row, Place], Any]
Walk: TypeAlias = Callable[[Any], Any]

_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*")
"""Text that needs no escaping in a URL."""

PLACE = ("partition", "region", "account", "console", "suffix")
"""Names in a template that are always read from the place of the row, never from its fields."""


def reader(source: Source) -> Read:
    """A function that reads a source from a row and its place. It returns None if there is no value."""
    match source:
        case str():
            return _path(source)
        case Via(path, fn):
            return _converted(walker(path), fn)
        case Template(text, words):
            return template(text, words)
        case Fixed(value):
            return lambda _row, _place: value
        case Computed(fn, _):
            return lambda row, _: fn(row)
        case First(sources):
            return _first(tuple(reader(each) for each in sources))


def reads(source: Source) -> Iterator[str]:
    """The paths that a source reads from a row."""
    match source:
        case str() | Via():
            yield source if isinstance(source, str) else source.path
        case Template(text, words):
            for name in (name for names in _fields(text) for name in names if name not in PLACE):
                yield from reads(words[name]) if name in words else (name,)
        case Computed(_, paths):
            yield from paths
        case First(sources):
            for each in sources:
                yield from reads(each)
        case Fixed():
            return


def has_unknowns(row: Row | None) -> bool:
    """Whether a failed call left a field of the row, or of one of its parents, unknown."""
    while row:
        if UNKNOWN in row:
            return True
        row = row.get("^")
    return False


def unknown_reads(*sources: Source | None) -> Callable[[Row], bool]:
    """A function that returns whether one of these sources reads a field of the row that a failed call left unknown."""
    checks = [_unknown_read(source) for source in sources if source is not None]
    return lambda row: any(is_unknown(row) for is_unknown in checks)


def _unknown_read(source: Source) -> Callable[[Row], bool]:
    if isinstance(source, First):
        return _unknown_first([(_unknown_read(each), reader(each)) for each in source.sources])
    fields = [field for path in reads(source) if (field := _head(path))]

    def is_unknown(row: Row) -> bool:
        for depth, head in fields:
            at: Row | None = row
            for _ in range(depth):
                at = at.get("^") if at else None
            if at and head in at.get(UNKNOWN, ()):
                return True
        return False

    return is_unknown


def _unknown_first(sources: list[tuple[Callable[[Row], bool], Read]]) -> Callable[[Row], bool]:
    """The sources after the first one that has a value are never read, so they do not matter."""
    nowhere = Place("", "", "")

    def is_unknown(row: Row) -> bool:
        for reads_unknown, read in sources:
            if reads_unknown(row):
                return True
            if read(row, nowhere) not in (None, "", []):
                return False
        return False

    return is_unknown


def _head(path: str) -> tuple[int, str] | None:
    """The number of leading `^` of a path, and the field after them."""
    parts = path.split(".")
    depth = next((number for number, part in enumerate(parts) if part != "^"), len(parts))
    return (depth, parts[depth].removesuffix("[]").removesuffix("{}")) if depth < len(parts) else None


@cache
def walker(path: str) -> Walk:
    """A function that returns the value at a path: None if a field is missing, a flat list with `[]` or `{}`."""
    if path == "@":
        return lambda row: row
    head, _, rest = path.partition(".")
    if head.endswith(("[]", "{}")):
        return _through_list(head, walker(rest) if rest else None)
    if not rest:
        return lambda row: row.get(head)
    return _into(head, walker(rest))


def template(text: str, words: Mapping[str, Source] | None = None, *, quoted: bool = False) -> Read:
    """A function that fills a template; None if a value is missing. `quoted` escapes the row's values for a URL."""
    literals = [literal for literal, _, _, _ in Formatter().parse(text)]
    fields = [tuple(_word(name, words or {}, quoted=quoted) for name in names) for names in _fields(text)]
    parts = tuple(zip(literals, fields, strict=False))
    tail = "".join(literals[len(fields) :])

    def fill(row: Row, place: Place) -> str | None:
        filled = ""
        for literal, alternatives in parts:
            for read in alternatives:
                value = read(row, place)
                if value is not None:
                    break
            else:
                return None
            filled += literal + value
        return filled + tail

    return fill


def found(answer: Any, path: str) -> list[Any]:
    """The items at a path of a response, as a list."""
    value = walker(path)(answer)
    return value if isinstance(value, list) else [] if value is None else [value]


def found_rows(answer: Row, path: str, parent: Row | None) -> Iterator[Row]:
    """The items at a path of a response as rows, each with its parent as `^`.

    If the path contains two lists, the parent is the element of the outer one, else `parent`. A scalar item, or outer
    element, becomes a row with the single field `Item`. A row with a `^` is a copy, so that no reference cycle arises.
    """
    outer, _, inner = path.rpartition("[].")
    if outer:
        for element in found(answer, outer + "[]"):
            if not isinstance(element, dict):
                yield {"Item": element}
                continue
            around = element if parent is None else {**element, "^": parent}
            for item in found(element, inner):
                yield {**item, "^": around} if isinstance(item, dict) else {"Item": item, "^": around}
        return
    for item in found(answer, path):
        row = item if isinstance(item, dict) else {"Item": item}
        yield row if parent is None else {**row, "^": parent}


def _fields(text: str) -> Iterator[tuple[str, ...]]:
    return (tuple(name.split("|")) for _, name, _, _ in Formatter().parse(text) if name is not None)


def _word(name: str, words: Mapping[str, Source], *, quoted: bool) -> Callable[[Row, Place], str | None]:
    if name in PLACE:
        return lambda _, place: str(getattr(place, name))
    read = reader(words.get(name, name))

    def word(row: Row, place: Place) -> str | None:
        value = read(row, place)
        if value is None or value == "":
            return None
        text = value if isinstance(value, str) else str(value)
        return text if not quoted or _UNRESERVED.fullmatch(text) else quote(text, safe="")

    return word


def _path(path: str) -> Read:
    """Most paths are a single field, which needs one look-up instead of a walk."""
    if path.isidentifier():
        return lambda row, _: row.get(path)
    walk = walker(path)
    return lambda row, _: walk(row)


def _converted(walk: Walk, fn: Callable[[Any], Any]) -> Read:
    def convert(row: Row, _: Place) -> Any:
        value = walk(row)
        return None if value is None else fn(value)

    return convert


def _first(readers: tuple[Read, ...]) -> Read:
    def first(row: Row, place: Place) -> Any:
        return next((value for read in readers if (value := read(row, place)) not in (None, "", [])), None)

    return first


def _into(head: str, rest: Walk) -> Walk:
    def into(value: Any) -> Any:
        inner = value.get(head)
        return None if inner is None else rest(inner)

    return into


def _through_list(head: str, rest: Walk | None) -> Walk:
    name, many = head[:-2], head[-2:]

    def through(value: Any) -> list[Any]:
        items = value.get(name) or ()
        if many == "{}" and items:
            items = items.values()
        if rest is None:
            return list(items)
        values: list[Any] = []
        for item in items:
            inner = rest(item)
            if isinstance(inner, list):
                values += inner
            elif inner is not None:
                values.append(inner)
        return values

    return through
