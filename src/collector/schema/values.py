"""Small values for declarations. Each keeps its path in sight of the lint and of the documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import orjson

from collector.schema.declarations import Computed, Row, Via
from collector.schema.paths import walker


def boolean(path: str) -> Via:
    """`"true"`, `True`, `"Enabled"` and the like as true, everything else as false."""
    return Via(path, _truth)


def negated(path: str) -> Via:
    """The opposite of `boolean`."""
    return Via(path, lambda value: not _truth(value))


def integer(path: str) -> Via:
    """A whole number that AWS sends as text; nothing if it is none."""
    return Via(path, _integer)


def text(path: str) -> Via:
    """A number or a flag as text."""
    return Via(path, lambda value: value if isinstance(value, str) else orjson.dumps(value).decode())


def epoch(path: str) -> Via:
    """A time as milliseconds since 1970: from a timestamp, ISO 8601 text, or seconds as number or text."""
    return Via(path, milliseconds)


def lower(path: str) -> Via:
    """Text in lower case."""
    return Via(path, lambda value: str(value).lower())


def last_segment(path: str, separator: str = "/") -> Via:
    """What follows the last separator: the name at the end of an ARN, a URL or a path."""
    return Via(path, lambda value: str(value).rsplit(separator, 1)[-1])


def without_suffix(path: str, suffix: str) -> Via:
    """Text (or each of several) without an ending, such as a log group's `:*`."""
    return Via(path, lambda value: _each(value, lambda one: one.removesuffix(suffix)))


class JsonText(str):
    """JSON as the text of a property: kept whole, however long."""

    __slots__ = ()


def document(path: str) -> Via:
    """A structure as JSON text, keys sorted, kept whole; text stays as it is."""
    return Via(path, lambda value: JsonText(as_json(value)))


def present(path: str) -> Computed:
    """Whether there is anything at the path."""
    return _of(path, lambda value: value not in (None, "", [], {}))


def equals(path: str, *values: object) -> Computed:
    """Whether the value is one of these. False when there is none."""
    return _of(path, lambda value: value in values)


def differs(path: str, *values: object) -> Computed:
    """Whether the value is none of these. True when there is none."""
    return _of(path, lambda value: value not in values)


def count(path: str) -> Via:
    """How many items the list has."""
    return Via(path, len)


def unique(path: str) -> Via:
    """The items of a list, each once, in their order."""
    return Via(path, lambda value: list(dict.fromkeys(value)))


def only(path: str) -> Via:
    """The first item of a list, such as the one that a join or a gathering call found for the row."""
    return Via(path, lambda value: value[0] if value else None)


def entry(path: str, key: str, *, name: str = "Key", value: str = "Value") -> Via:
    """The value of one key in a list of pairs: `[{"Key": …, "Value": …}, …]`."""
    return Via(path, lambda pairs: next((pair.get(value) for pair in pairs if pair.get(name) == key), None))


def computed(*reads: str) -> Callable[[Callable[[Row], Any]], Computed]:
    """Decorate a function of the row with the paths that it reads."""
    return lambda fn: Computed(fn, reads)


def milliseconds(value: Any) -> int | None:
    """Milliseconds since 1970 of a datetime, ISO 8601 text (UTC unless it says otherwise), or seconds; else nothing."""
    if isinstance(value, datetime):
        return round((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1000)
    try:
        return round(float(value) * 1000)
    except (TypeError, ValueError):
        return _iso(value)


def as_json(value: Any) -> str:
    """JSON text with sorted keys; text stays as it is. Times are ISO 8601."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS).decode()


def _iso(value: Any) -> int | None:
    try:
        return milliseconds(datetime.fromisoformat(str(value)))
    except ValueError:
        return None


def _truth(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() in ("true", "1", "yes", "on", "enabled")


def _integer(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _each(value: Any, fn: Callable[[str], str]) -> str | list[str]:
    return (
        [fn(str(one)) for one in value]
        if isinstance(value, Iterable) and not isinstance(value, str)
        else fn(str(value))
    )


def _of(path: str, fn: Callable[[Any], Any]) -> Computed:
    walk = walker(path)
    return Computed(lambda row: fn(walk(row)), (path,))
