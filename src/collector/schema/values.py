"""Converted values for declarations. Each keeps its path, so that tests can check it and documents can show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, overload

import orjson

from collector.model import Unreadable
from collector.schema.declarations import Computed, Row, Via
from collector.schema.paths import walker


def boolean(path: str) -> Via:
    """True for `True` and, in any case, `true`, `1`, `yes`, `on` and `enabled`; False for everything else."""
    return Via(path, _is_true)


def negated(path: str) -> Via:
    """The opposite of `boolean`."""
    return Via(path, lambda value: not _is_true(value))


def integer(source: str | Via) -> Via:
    """An integer that AWS returns as text; None if it is not one."""
    if isinstance(source, str):
        return Via(source, _integer)
    return Via(source.path, lambda value: _integer(source.fn(value)))


def text(path: str) -> Via:
    """A number or boolean as text."""
    return Via(path, lambda value: value if isinstance(value, str) else orjson.dumps(value).decode())


def epoch(path: str) -> Via:
    """A time in milliseconds since the epoch, from a timestamp, ISO 8601 text, or seconds as a number or text."""
    return Via(path, milliseconds)


def lower(path: str) -> Via:
    """Text in lower case."""
    return Via(path, lambda value: str(value).lower())


@overload
def listed(source: str) -> Via: ...
@overload
def listed(source: Computed) -> Computed: ...
def listed(source: str | Computed) -> Via | Computed:
    """A single value as a list of one, for a property that is a list for other types."""
    if isinstance(source, str):
        return Via(source, lambda value: [value])
    return replace(source, fn=lambda row: None if (value := source.fn(row)) is None else [value])


def last_segment(path: str, separator: str = "/") -> Via:
    """The part after the last separator, such as the name at the end of an ARN, URL or path."""
    return Via(path, lambda value: str(value).rsplit(separator, 1)[-1])


def account_of(arn: str) -> str:
    """The account in an ARN, or `aws`; empty if it has none, or is no ARN."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) > 5 and parts[0] == "arn" else ""  # noqa: PLR2004  (the parts of an ARN)


def without_suffix(path: str, suffix: str) -> Via:
    """Text, or each text of a list, without a suffix, such as the `:*` of a log group's ARN."""
    return Via(path, lambda value: _map(value, lambda one: one.removesuffix(suffix)))


class JsonText(str):
    """JSON text for a property: it is never truncated."""

    __slots__ = ()


def document(path: str) -> Via:
    """A structure as JSON text with sorted keys, never truncated; text stays as it is."""
    return Via(path, lambda value: JsonText(as_json(value)))


def present(path: str) -> Computed:
    """Whether there is a value at the path that is not an empty string, list or map."""
    return _of(path, lambda value: value not in (None, "", [], {}))


def equals(path: str, *values: object) -> Computed:
    """Whether the value is one of these; False without a value."""
    return _of(path, lambda value: value in values)


def differs(path: str, *values: object) -> Computed:
    """Whether the value is none of these; True without a value."""
    return _of(path, lambda value: value not in values)


def is_one_of(path: str, *values: object) -> Via:
    """Whether the value is one of these; None without a value: a state that AWS leaves out is neither on nor off."""
    return Via(path, lambda value: value in values)


def is_none_of(path: str, *values: object) -> Via:
    """Whether the value is none of these; None without a value."""
    return Via(path, lambda value: value not in values)


def count(path: str) -> Via:
    """The number of items in a list."""
    return Via(path, len)


def unique(path: str) -> Via:
    """The distinct items of a list, in their order."""
    return Via(path, lambda value: list(dict.fromkeys(value)))


def only(path: str) -> Via:
    """The first item of a list, such as the only match of a join; None if the list is empty."""
    return Via(path, lambda value: value[0] if value else None)


def entry(path: str, key: str, *, name: str = "Key", value: str = "Value") -> Via:
    """The value for a key in a list of pairs, `[{"Key": …, "Value": …}, …]`."""
    return Via(path, lambda pairs: next((pair.get(value) for pair in pairs if pair.get(name) == key), None))


def computed(*reads: str) -> Callable[[Callable[[Row], Any]], Computed]:
    """A decorator that makes a `Computed` of a function of the row; `reads` are the paths that it reads."""
    return lambda fn: Computed(fn, reads)


def milliseconds(value: Any) -> int | None:
    """Milliseconds since the epoch, from a datetime or ISO 8601 text (UTC by default) or seconds; None otherwise.

    Raises:
        ValueError: for a value that the parser of the response could not read.
    """
    if isinstance(value, datetime):
        return round((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1000)
    try:
        return round(float(value) * 1000)
    except (TypeError, ValueError):
        if isinstance(value, Unreadable):
            raise
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


def _is_true(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() in ("true", "1", "yes", "on", "enabled")


def _integer(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _map(value: Any, fn: Callable[[str], str]) -> str | list[str]:
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [fn(str(one)) for one in value]
    return fn(str(value))


def _of(path: str, fn: Callable[[Any], Any]) -> Computed:
    walk = walker(path)
    return Computed(lambda row: fn(walk(row)), (path,))
