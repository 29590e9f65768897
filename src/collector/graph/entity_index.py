"""Compact storage of an account's entities: their keys, their types and the names that lead to them. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

from collector.analysis.arntypes import NAMEABLE
from collector.schema.declarations import RESOURCE
from collector.schema.names import NAME_KINDS

LONG = 64
"""Characters. A longer key suffix is stored as a digest, unless a policy can name the type and the key is needed."""


class Name(NamedTuple):
    """A name of an entity. `within` is where it is unique: a region, `global`, or the id of a VPC, empty if unknown."""

    kind: str
    within: str
    text: str


class Bearer(NamedTuple):
    """An entity that bears a name, and the place in which it does."""

    within: str
    type: str
    key: str


class _KeyGroup(NamedTuple):
    """Entities whose keys share a prefix. `types` maps the suffix of each key, or its digest, to the entity type."""

    prefix: str
    types: dict[str | bytes, str]


class _Alias(NamedTuple):
    """The entity behind a name that differs from the suffix of its key."""

    group: _KeyGroup
    suffix: str


_Entity: TypeAlias = _KeyGroup | _Alias


class EntityIndex:
    """The entities of one account, found by key or by name.

    The index lives as long as its account and grows with every entity, so its layout saves memory. A key is split
    into a prefix, stored once for all entities that share it, and a suffix. Most names (`i-0abc`, `my-queue`) equal the
    suffix of the key; such a name maps to the key group itself. Most entities therefore cost one short string and two
    dictionary slots.
    """

    def __init__(self) -> None:
        self._groups: dict[str, _KeyGroup] = {}
        # By kind and place of the names, then by entity type. A list: several entities bear the name there. If AWS
        # guarantees that only one does, a second one is the same resource, told differently: the first stays.
        self._names: dict[tuple[str, str], dict[str, dict[str, _Entity | list[_Entity]]]] = defaultdict(dict)
        # By kind of name, from its text to its bearers in any place; made when it is needed.
        self._anywhere: dict[str, dict[str, list[Bearer]]] = {}

    def __contains__(self, key: str) -> bool:
        """Whether an entity with this key has been added."""
        return self.type_of(key) is not None

    def add(self, type_: str, key: str, names: Collection[Name]) -> bool:
        """Add an entity. `names` are distinct. Returns False if the key exists already."""
        prefix, suffix = _split(key)
        group = self._groups.get(prefix)
        if group is None:
            group = self._groups[prefix] = _KeyGroup(prefix, {})
        elif _type_in(group, suffix) is not None:
            return False
        # An equal name and suffix are two string objects until here; only one of them is kept.
        suffix = next((text for _, _, text in names if text == suffix), suffix)
        alias = _Alias(group, suffix)
        for kind, within, text in names:
            entities = self._names[kind, within].setdefault(type_, {})
            entity = group if text == suffix else alias
            other = entities.setdefault(text, entity)
            if isinstance(other, list):
                other.append(entity)
            elif other is not entity and NAME_KINDS[kind].bearers != "one":
                entities[text] = [other, entity]
        group.types[_digest(suffix) if len(suffix) > LONG and type_ not in NAMEABLE else suffix] = type_
        return True

    def type_of(self, key: str) -> str | None:
        """The type of the entity with this key; None if there is none."""
        prefix, suffix = _split(key)
        group = self._groups.get(prefix)
        return None if group is None else _type_in(group, suffix)

    def find(self, types: tuple[str, ...], name: Name) -> tuple[str, str] | None:
        """The key and the type of the entity of one of these types that alone has this key or bears this name."""
        kind, within, text = name
        key_type = self.type_of(text)
        if key_type is not None and (key_type in types or RESOURCE in types):
            return text, key_type
        named = self._names.get((kind, within), {})
        for type_ in types:
            entity = named[type_].get(text) if type_ in named else None
            if entity is not None and not isinstance(entity, list):
                return _key(entity, text), type_
        return None

    def bearers(self, types: tuple[str, ...], kind: str, places: Iterable[str], text: str) -> list[Bearer]:
        """The entities of these types that bear this name in one of these places, sorted."""
        found = (bearer for place in places for bearer in self._bearers(kind, place, text))
        return sorted(bearer for bearer in found if bearer.type in types or RESOURCE in types)

    def bearers_anywhere(self, types: tuple[str, ...], kind: str, text: str) -> list[Bearer]:
        """The entities of these types that bear this name in any place, sorted. To be asked when all have been added."""
        if kind not in self._anywhere:
            index = self._anywhere[kind] = defaultdict(list)
            for other, place in [each for each in self._names if each[0] == kind]:
                for text_ in {text for entities in self._names[other, place].values() for text in entities}:
                    index[text_] += self._bearers(kind, place, text_)
        found = self._anywhere[kind].get(text, ())
        return sorted(bearer for bearer in found if bearer.type in types or RESOURCE in types)

    def nameable(self) -> Iterator[tuple[str, str]]:
        """The key and the type of every entity that a policy can name."""
        for prefix, types in self._groups.values():
            for suffix, type_ in types.items():
                if isinstance(suffix, str) and type_ in NAMEABLE:
                    yield prefix + suffix, type_

    def forget_names(self) -> None:
        """Free the memory of all names; keys and types stay."""
        self._names.clear()
        self._anywhere.clear()

    def _bearers(self, kind: str, within: str, text: str) -> Iterator[Bearer]:
        for type_, entities in self._names.get((kind, within), {}).items():
            entity = entities.get(text)
            if entity is not None:
                for one in entity if isinstance(entity, list) else (entity,):
                    yield Bearer(within, type_, _key(one, text))


# An ARN up to its resource type: everything before the fifth colon, and on to the first colon or slash after it.
_PREFIX = re.compile(r"arn:[^:]*:[^:]*:[^:]*:[^:]*:(?:[^:/]*[:/])?").match


def _split(key: str) -> tuple[str, str]:
    """The prefix that a key shares with others of its kind, and the suffix."""
    match = _PREFIX(key)
    if match is None:
        return "", key
    end = match.end()
    return key[:end], key[end:]


def _type_in(group: _KeyGroup, suffix: str) -> str | None:
    type_ = group.types.get(suffix)
    return group.types.get(_digest(suffix)) if type_ is None and len(suffix) > LONG else type_


def _digest(suffix: str) -> bytes:
    return blake2b(suffix.encode(), digest_size=16).digest()


def _key(entity: _KeyGroup | _Alias, name: str) -> str:
    """The key of the entity to which a name maps."""
    return entity.prefix + name if isinstance(entity, _KeyGroup) else entity.group.prefix + entity.suffix
