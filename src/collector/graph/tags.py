"""Tags as JupiterOne holds them."""

from __future__ import annotations

from typing import Any, TypeAlias

from collector.model import Record

Tags: TypeAlias = list[dict[str, Any]] | dict[str, Any] | None

LIFTED = ("classification", "owner", "email")
"""Tags that also become the property of that name, in lower case (JupiterOne's SDK does so)."""

_FLAGS = {"true": True, "false": False}


def flatten(tags: Tags) -> Record:
    """`tag.<Key>` for each tag, `tags` with the names of those that are merely set, and the lifted ones.

    Takes AWS's list of pairs (`Key`/`Value`, `key`/`value`, `TagKey`/`TagValue`) or its map. `true` and `false` become flags, as in
    JupiterOne. Digits stay text, which is not so there: an account number or a code must keep its leading zeros.
    """
    record: Record = {}
    names: list[str] = []
    for key, value in _pairs(tags):
        flag = _FLAGS.get(value.lower())
        record[f"tag.{key}"] = value if flag is None else flag
        if flag or value == "":
            names.append(key)
        if key.lower() in LIFTED and value:
            record.setdefault(key.lower(), value.lower())
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
