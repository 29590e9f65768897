"""Relationships as JupiterOne holds them: keys, types, direct and mapped records. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from collector.model import Record


class Link(NamedTuple):
    """Two collected entities and the verb between them."""

    source: str
    source_type: str
    verb: str
    target: str
    target_type: str


class Outside(NamedTuple):
    """An end that was not collected, as downstream may know it: its properties, and which of them find it.

    `create` lets downstream make it when it finds none. `type` is the word for it in the relationship's `_type`.
    """

    entity: Record
    match: list[list[str]]
    create: bool
    type: str = ""


def direct(link: Link, mark: str | None, props: Mapping[str, Any] | None) -> Record:
    """A relationship between two entities that both left before it."""
    return {
        "_key": key_of(link.source, link.verb, link.target, mark),
        "_type": type_of(link.source_type, link.verb, link.target_type),
        "_class": link.verb,
        "_fromEntityKey": link.source,
        "_toEntityKey": link.target,
        "displayName": link.verb,
        **(props or {}),
    }


def mapped(
    near: tuple[str, str],
    verb: str,
    outside: Outside,
    mark: str | None,
    props: Mapping[str, Any] | None,
    *,
    forward: bool,
) -> Record:
    """A relationship of a collected entity (`near`: its key and type) to one that downstream must find."""
    key, type_ = near
    direction = "FORWARD" if forward else "REVERSE"
    ends = (type_, outside.type) if forward else (outside.type, type_)
    mapping: Record = {
        "sourceEntityKey": key,
        "relationshipDirection": direction,
        "targetFilterKeys": outside.match,
        "targetEntity": outside.entity,
    }
    if not outside.create:
        mapping["skipTargetCreation"] = True
    return {
        "_key": key_of(key, verb, str(outside.entity.get("_key") or _described(direction, outside)), mark),
        "_type": type_of(ends[0], verb, ends[1]),
        "_class": verb,
        "displayName": verb,
        **(props or {}),
        "_mapping": mapping,
    }


def key_of(source: str, verb: str, target: str, mark: str | None) -> str:
    """`from|verb|to`, and what sets it apart from others of the same pair."""
    return f"{source}|{verb.lower()}|{target}" if mark is None else f"{source}|{verb.lower()}|{target}|{mark}"


@cache
def type_of(source: str, verb: str, target: str) -> str:
    """JupiterOne's rule: the target's name without the leading words that it shares, place by place, with the source's."""
    from_words, to_words = snake(source).split("_"), snake(target).split("_")
    shared = 0
    while shared < min(len(from_words), len(to_words) - 1) and from_words[shared] == to_words[shared]:
        shared += 1
    return "_".join((*from_words, verb.lower(), *to_words[shared:]))


def snake(name: str) -> str:
    """A class name as a word of a type: `IpAddress` is `ip_address`."""
    return "".join(
        f"_{letter.lower()}" if letter.isupper() and place else letter.lower() for place, letter in enumerate(name)
    )


def _described(direction: str, outside: Outside) -> str:
    """The stand-in for a key of an end that is found by its properties, as JupiterOne's SDK builds it."""
    pairs = (f"{label}={outside.entity.get(label)}" for group in outside.match for label in group)
    return ":".join((direction, *pairs))
