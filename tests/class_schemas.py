"""Validates entities against JupiterOne's class schemas, in the notation of `tests/data/classes.json`.

`string|null`, `array<string:ipv4>|null`, `enum(a|b)`, `integer [minimum=1,maximum=10]`, `string [pattern=…]`.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

CLASSES = json.loads((Path(__file__).parent / "data" / "classes.json").read_text())

NAMES = "null|string|array|number|integer|boolean|enum|any"
_BLOCK_END = re.compile(rf"\](?=$|>|\|(?:{NAMES}))")
_WORD = re.compile(r"[a-z]+(?::[a-zA-Z0-9-]+)?")

Check = Callable[[Any], bool]

ALLOWED = {
    # JupiterOne's own AWS integration sends the sizes of a Function as numbers.
    ("Function", "memorySize"): "number",
    ("Function", "codeSize"): "number",
    # One property name has one type over all entity types, and the classes `Service`, `Scanner` and `Gateway` require a list.
    ("Assessment", "category"): "array<string>",
    ("ControlPolicy", "category"): "array<string>",
    ("Host", "category"): "array<string>|null",
}


EXCEPTIONS = {("aws_db_instance", "Host", "status")}
"""Properties that are free: the status of a database instance keeps RDS's own word, as JupiterOne's queries read it."""


def violations(record: dict[str, Any]) -> list[str]:
    """The violations of the schemas of all of an entity's classes."""
    problems: list[str] = []
    for cls in record["_class"]:
        schema = CLASSES.get(cls)
        if schema is None:
            problems.append(f"no class {cls}")
            continue
        for name, notation in {**schema["optional"], **schema["required"]}.items():
            if (record["_type"], cls, name) in EXCEPTIONS or (name not in record and name not in schema["required"]):
                continue
            if name not in record:
                problems.append(f"{cls} requires {name}")
            elif not fits(record[name], ALLOWED.get((cls, name), notation)):
                problems.append(f"{cls}.{name}: {record[name]!r} is not {notation}")
    return problems + list(_shape(record))


def _shape(record: dict[str, Any]) -> Iterator[str]:
    """Values must be primitives or arrays of one type; the length of strings is limited."""
    for name, value in record.items():
        if name == "_rawData":
            continue
        values = value if isinstance(value, list) else [value]
        if any(isinstance(one, dict | list) for one in values):
            yield f"{name} is a structure"
        if len({type(one) for one in values} - {int, float}) > 1:
            yield f"{name} mixes types"
        # JSON text is never truncated
        if any(isinstance(one, str) and len(one) > 4096 and one[:1] not in "{[" for one in values):
            yield f"{name} is too long"


def fits(value: Any, notation: str) -> bool:
    return any(check(value) for check in _checks(notation))


@cache
def _checks(notation: str) -> tuple[Check, ...]:
    # a limit after the whole union applies to its first member
    checks, rest = [], re.sub(r"^(\w+)\|null( \[.*\])$", r"\1\2|null", notation)
    while rest:
        check, rest = _one(rest)
        checks.append(check)
        rest = rest.removeprefix("|")
    return tuple(checks)


def _one(text: str) -> tuple[Check, str]:
    if text.startswith("array<"):
        inner, rest = _one(text.removeprefix("array<"))
        rest = rest.removeprefix(">")
        limits, rest = _limits(rest)
        return (
            lambda value: isinstance(value, list) and all(map(inner, value)) and _within(len(value), limits, "Items"),
            rest,
        )
    if text.startswith("enum("):
        words, _, rest = text.removeprefix("enum(").partition(")")
        return lambda value: value in words.split("|"), rest
    match = _WORD.match(text)
    assert match, text
    kind, _, form = match[0].partition(":")
    limits, rest = _limits(text[match.end() :])
    return lambda value: KINDS[kind](value) and FORMS.get(form, always)(value) and _is_allowed(value, limits), rest


def _limits(text: str) -> tuple[dict[str, str], str]:
    if not text.startswith(" ["):
        return {}, text
    end = _BLOCK_END.search(text)
    assert end, text
    block = text[2 : end.start()]
    if block.startswith("pattern="):
        return {"pattern": block.removeprefix("pattern=")}, text[end.end() :]
    return dict(part.split("=", 1) for part in block.split(",")), text[end.end() :]


def _is_allowed(value: Any, limits: dict[str, str]) -> bool:
    if value is None:
        return True
    if "pattern" in limits:
        return bool(re.search(limits["pattern"], value))
    if isinstance(value, str):
        return _within(len(value), limits, "Length")
    return bool(float(limits.get("minimum", "-inf")) <= value <= float(limits.get("maximum", "inf")))


def _within(size: int, limits: dict[str, str], what: str) -> bool:
    return int(limits.get(f"min{what}", 0)) <= size <= int(limits.get(f"max{what}", 10**9))


def always(_: Any) -> bool:
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _address(version: int | None) -> Check:
    def check(value: Any) -> bool:
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return False
        return version in (None, address.version)

    return check


KINDS: dict[str, Check] = {
    "any": always,
    "null": lambda value: value is None,
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "number": _is_number,
    "integer": lambda value: _is_number(value) and float(value).is_integer(),
}
FORMS: dict[str, Check] = {
    "ip": _address(None),
    "ipv4": _address(4),
    "ipv6": _address(6),
    "email": lambda value: re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value) is not None,
    "uri": lambda value: re.match(r"https?://[^\s]+$", value) is not None,
    "hostname": lambda value: re.fullmatch(r"[A-Za-z0-9.-]+", value) is not None,
}
