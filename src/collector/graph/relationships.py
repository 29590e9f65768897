"""Builds relationship records in JupiterOne's format: direct ones and mapped ones. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from collector.model import Record
from collector.schema.relationship_types import type_of


class EntityPair(NamedTuple):
    """A relationship between two collected entities: the key and the type of each, and the verb."""

    source: str
    source_type: str
    verb: str
    target: str
    target_type: str


class MappedTarget(NamedTuple):
    """The end of a mapped relationship that was not collected and that JupiterOne must find.

    `entity` are its properties. `match` lists alternative groups of the properties that identify it. `create` lets
    JupiterOne create the entity if none matches. `type` stands for it in the relationship's `_type`.
    """

    entity: Record
    match: list[list[str]]
    create: bool
    type: str = ""


def direct(link: EntityPair, discriminator: str | None, props: Mapping[str, Any] | None) -> Record:
    """A relationship between two collected entities; `discriminator` as for `key_of`."""
    return {
        "_key": key_of(link.source, link.verb, link.target, discriminator),
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
    discriminator: str | None,
    props: Mapping[str, Any] | None,
    *,
    forward: bool,
) -> Record:
    """A relationship between a collected entity (`near`: its key and type) and one that JupiterOne must find.

    `forward`: it starts at the collected entity.
    """
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
        "_key": key_of(key, verb, str(outside.entity.get("_key") or _described(direction, outside)), discriminator),
        "_type": type_of(ends[0], verb, ends[1]),
        "_class": verb,
        "displayName": verb,
        **(props or {}),
        "_mapping": mapping,
    }


def key_of(source: str, verb: str, target: str, discriminator: str | None) -> str:
    """`from|verb|to`, or `from|verb|to|discriminator` if there are several relationships of one pair."""
    key = f"{source}|{verb.lower()}|{target}"
    return key if discriminator is None else f"{key}|{discriminator}"


def _described(direction: str, outside: MappedTarget) -> str:
    """A substitute for the key of an end that is found by its properties, in the form of JupiterOne's SDK."""
    pairs = (f"{label}={outside.entity.get(label)}" for group in outside.match for label in group)
    return ":".join((direction, *pairs))
