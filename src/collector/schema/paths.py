"""Paths into an AWS answer, and the other sources of a value, compiled once into plain functions."""

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
"""Text that a URL may hold as it is."""

PLACE = ("partition", "region", "account", "console")
"""The words of a template that stand for the row's place, never for a field of it."""


def reader(source: Source) -> Read:
    """The function that reads a source from a row in a place. It gives None where there is nothing."""
    match source:
        case str():
            return _followed(source)
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
    """The paths of the row that a source looks at."""
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
    """Whether a failed call owes an answer to the row or to what it was found in."""
    while row:
        if UNKNOWN in row:
            return True
        row = row.get("^")
    return False


def unknown_reads(*sources: Source | None) -> Callable[[Row], bool]:
    """A function that tells whether a failed call owes a row what these sources read."""
    debts = [_debt(source) for source in sources if source is not None]
    return lambda row: any(debt(row) for debt in debts)


def _debt(source: Source) -> Callable[[Row], bool]:
    if isinstance(source, First):
        return _debt_of_first([(_debt(each), reader(each)) for each in source.sources])
    wanted = [place for path in reads(source) if (place := _head(path))]

    def owed(row: Row) -> bool:
        for depth, head in wanted:
            at: Row | None = row
            for _ in range(depth):
                at = at.get("^") if at else None
            if at and head in at.get(UNKNOWN, ()):
                return True
        return False

    return owed


def _debt_of_first(options: list[tuple[Callable[[Row], bool], Read]]) -> Callable[[Row], bool]:
    """Of several sources only those matter that come before one that gives something."""
    nowhere = Place("", "", "")

    def owed(row: Row) -> bool:
        for debt, read in options:
            if debt(row):
                return True
            if read(row, nowhere) not in (None, "", []):
                return False
        return False

    return owed


def _head(path: str) -> tuple[int, str] | None:
    """How many `^` up a path begins, and with which field."""
    words = path.split(".")
    depth = next((place for place, word in enumerate(words) if word != "^"), len(words))
    return (depth, words[depth].removesuffix("[]").removesuffix("{}")) if depth < len(words) else None


@cache
def walker(path: str) -> Walk:
    """The function that follows a path: None where it breaks off, a flat list where it passes `[]` or `{}`."""
    if path == "@":
        return lambda row: row
    head, _, rest = path.partition(".")
    if head.endswith(("[]", "{}")):
        return _through_list(head, walker(rest) if rest else None)
    if not rest:
        return lambda row: row.get(head)
    return _into(head, walker(rest))


def template(text: str, words: Mapping[str, Source] | None = None, *, quoted: bool = False) -> Read:
    """Fill a template; `quoted` escapes the row's values for a URL. None if any part is missing."""
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
    """The items of an answer: what lies at the path, as a list."""
    got = walker(path)(answer)
    return got if isinstance(got, list) else [] if got is None else [got]


def found_rows(answer: Row, path: str, parent: Row | None) -> Iterator[Row]:
    """The items of an answer as rows that know under `^` what they were found in.

    That is the list element around them where the path passes two lists, else `parent`. A bare value becomes a row with
    the one field `Item`. Rows are copies where they get a `^`: an element never holds a row that holds the element.
    """
    outer, _, inner = path.rpartition("[].")
    if outer:
        for element in found(answer, outer + "[]"):
            around = element if parent is None else {**element, "^": parent}
            for item in found(element, inner):
                yield {**item, "^": around}
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
        got = read(row, place)
        if got is None or got == "":
            return None
        text = got if isinstance(got, str) else str(got)
        return text if not quoted or _UNRESERVED.fullmatch(text) else quote(text, safe="")

    return word


def _followed(path: str) -> Read:
    """Most paths are a single field: one look-up instead of a walk."""
    if path.isidentifier():
        return lambda row, _: row.get(path)
    walk = walker(path)
    return lambda row, _: walk(row)


def _converted(walk: Walk, fn: Callable[[Any], Any]) -> Read:
    def convert(row: Row, _: Place) -> Any:
        got = walk(row)
        return None if got is None else fn(got)

    return convert


def _first(options: tuple[Read, ...]) -> Read:
    def first(row: Row, place: Place) -> Any:
        return next((got for read in options if (got := read(row, place)) not in (None, "", [])), None)

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
        out: list[Any] = []
        for item in items:
            got = rest(item)
            if isinstance(got, list):
                out += got
            elif got is not None:
                out.append(got)
        return out

    return through
