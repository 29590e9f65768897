"""Relationships as JupiterOne holds them: keys, types, direct and mapped records. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from collector.model import Record
from collector.schema.relationship_types import type_of


class EntityPair(NamedTuple):
    """Two collected entities and the verb between them."""

    source: str
    source_type: str
    verb: str
    target: str
    target_type: str


class MappedTarget(NamedTuple):
    """An end that was not collected, as downstream may know it: its properties, and which of them find it.

    `create` lets downstream make it when it finds none. `type` is the word for it in the relationship's `_type`.
    """

    entity: Record
    match: list[list[str]]
    create: bool
    type: str = ""


def direct(link: EntityPair, mark: str | None, props: Mapping[str, Any] | None) -> Record:
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
    outside: MappedTarget,
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


def _described(direction: str, outside: MappedTarget) -> str:
    """The stand-in for a key of an end that is found by its properties, as JupiterOne's SDK builds it."""
    pairs = (f"{label}={outside.entity.get(label)}" for group in outside.match for label in group)
    return ":".join((direction, *pairs))
