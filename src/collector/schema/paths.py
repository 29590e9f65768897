"""Compiles paths and the other sources of a value to plain functions, once for each declaration."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from string import Formatter
from typing import Any, TypeAlias
from urllib.parse import quote

from collector.model import Place, UnknownValueError
from collector.schema.declarations import UNKNOWN, Computed, First, Fixed, Row, Source, Template, Via

Read: TypeAlias = Callable[[Row, Place], Any]
Walk: TypeAlias = Callable[[Any], Any]

_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*")
"""Text that needs no escaping in a URL."""

WHOLE = "@"
"""The path to the row, or the answer, itself."""

PLACE = ("partition", "region", "account", "console", "suffix")
"""Names in a template that are always read from the place of the row, never from its fields."""


def reader(source: Source) -> Read:
    """A function that reads a source from a row and its place. It returns None if there is no value.

    If the source reads a field that a failed call left unknown, it computes nothing and raises `UnknownValueError`.
    """
    match source:
        case str():
            return _path(source)
        case Via(path, fn):
            return _converted(path, fn)
        case Template(text, words):
            return template(text, words)
        case Fixed(value):
            return lambda _row, _place: value
        case Computed(fn, paths):
            return _computed(fn, paths)
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


@cache
def value_at(path: str) -> Walk:
    """A function that returns the value at a path of a row, as `walker` does, but raises `UnknownValueError` if it is unknown."""
    walk, (require, reads_parent) = walker(path), _requirement(path)

    def value(row: Row) -> Any:
        if reads_parent or UNKNOWN in row:
            require(row)
        return walk(row)

    return value


def _requirement(*paths: str) -> tuple[Callable[[Row], None], bool]:
    """A function that raises `UnknownValueError` if a failed call left a field unknown at which one of the paths begins.

    The second value is whether a path begins at a parent. Otherwise, the function need only be called for a row with `UNKNOWN`: most
    rows have none, and most values are read so often that the call would cost as much as the value.
    """
    fields = [_head(path) for path in paths]

    def require(row: Row) -> None:
        for depth, name in fields:
            at: Row | None = row
            for _ in range(depth):
                at = at.get("^") if at else None
            if at and UNKNOWN in at:
                _require(at, name)

    return require, any(depth for depth, _ in fields)


def _require(row: Row, name: str) -> None:
    unknown = row[UNKNOWN]
    if name in unknown or (name == WHOLE and unknown):
        raise UnknownValueError(f"a failed call left {name} unknown")


def _head(path: str) -> tuple[int, str]:
    """The number of leading `^` of a path, and the field after them; `WHOLE` if it leads to a row itself."""
    parts = path.split(".")
    depth = next((number for number, part in enumerate(parts) if part != "^"), len(parts))
    return depth, parts[depth].removesuffix("[]").removesuffix("{}") if depth < len(parts) else WHOLE


@cache
def walker(path: str) -> Walk:
    """A function that returns the value at a path: None if a field is missing, a flat list with `[]` or `{}`."""
    if path == WHOLE:
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
    if name == "region":
        return _region
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


def _region(_: Row, place: Place) -> str:
    if not place.region:
        raise UnknownValueError("a failed call left the region unknown")
    return place.region


def _path(path: str) -> Read:
    """Most paths are a single field, which needs one look-up instead of a walk."""
    value = value_at(path)
    if path.isidentifier():
        return lambda row, _: row.get(path) if UNKNOWN not in row else value(row)
    return lambda row, _: value(row)


def _converted(path: str, fn: Callable[[Any], Any]) -> Read:
    walk, (require, reads_parent) = walker(path), _requirement(path)

    def convert(row: Row, _: Place) -> Any:
        if reads_parent or UNKNOWN in row:
            require(row)
        value = walk(row)
        return None if value is None else fn(value)

    return convert


def _computed(fn: Callable[[Row], Any], paths: Iterable[str]) -> Read:
    require, reads_parent = _requirement(*paths)

    def compute(row: Row, _: Place) -> Any:
        if reads_parent or UNKNOWN in row:
            require(row)
        return fn(row)

    return compute


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
