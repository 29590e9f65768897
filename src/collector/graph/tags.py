"""Converts AWS tags to the properties that JupiterOne's SDK makes of them."""

from __future__ import annotations

from typing import Any, TypeAlias

from collector.model import Record

Tags: TypeAlias = list[dict[str, Any]] | dict[str, Any] | None

LIFTED = ("classification", "owner", "email")
"""Tags whose value, in lower case, also becomes the property of that name, as in JupiterOne's SDK."""

_BOOLEANS = {"true": True, "false": False}


def flatten(tags: Tags) -> Record:
    """The properties for tags: `tag.<Key>` for each with a value, `tags` with the keys of empty and true ones, and `LIFTED`.

    `tags` is a list of pairs (`Key`/`Value`, `key`/`value`, `TagKey`/`TagValue`) or a map. `true` and `false` become
    booleans, as in JupiterOne's SDK. Unlike there, digits stay text: account ids must keep their leading zeros; and
    `email` is a list, which it is for users.
    """
    record: Record = {}
    names: list[str] = []
    for key, value in _pairs(tags):
        boolean = _BOOLEANS.get(value.lower())
        if value:
            record[f"tag.{key}"] = value if boolean is None else boolean
        if boolean or value == "":
            names.append(key)
        if key.lower() in LIFTED and value:
            record.setdefault(key.lower(), [value.lower()] if key.lower() == "email" else value.lower())
    if names:
        record["tags"] = names
    return record


def _pairs(tags: Tags) -> list[tuple[str, str]]:
    if not tags:
        return []
    if isinstance(tags, dict):
        return [(str(key), _text(value)) for key, value in tags.items()]
    return [(str(key), _text(value)) for key, value in map(_pair, tags) if key is not None]


def _pair(tag: dict[str, Any]) -> tuple[Any, Any]:
    for key, value in (("Key", "Value"), ("key", "value"), ("TagKey", "TagValue")):
        if key in tag:
            return tag[key], tag.get(value)
    return None, None


def _text(value: Any) -> str:
    return "" if value is None else str(value)
