"""Compact storage of an account's entities: their keys, their types and the names that lead to them. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from hashlib import blake2b
from typing import NamedTuple

from collector.analysis.arntypes import NAMEABLE
from collector.schema.declarations import RESOURCE

LONG = 64
"""Characters. A longer key suffix is stored as a digest, unless a policy can name the type and the key is needed."""

NON_UNIQUE = frozenset({"address", "privateAddress"})
"""Kinds of names that entities of one type may share, as private addresses in VPCs. A shared name matches none."""

GROUPS = frozenset({"recordSet"})
"""Kinds of names that mean every entity that bears them, as an alias means all weighted records of a name."""


class _KeyGroup(NamedTuple):
    """Entities whose keys share a prefix. `types` maps the suffix of each key, or its digest, to the entity type."""

    prefix: str
    types: dict[str | bytes, str]


class _Alias(NamedTuple):
    """The entity behind a name that differs from the suffix of its key."""

    group: _KeyGroup
    suffix: str


class EntityIndex:
    """The entities of one account, found by key or by name.

    The index lives as long as its account and grows with every entity, so its layout saves memory. A key is split
    into a prefix, stored once for all entities that share it, and a suffix. Most names (`i-0abc`, `my-queue`) equal the
    suffix of the key; such a name maps to the key group itself. Most entities therefore cost one short string and two
    dictionary slots.
    """

    def __init__(self) -> None:
        self._groups: dict[str, _KeyGroup] = {}
        # By entity type and kind of name. None: entities share the name, so it is ambiguous.
        self._names: dict[tuple[str, str], dict[str, _KeyGroup | _Alias | None]] = defaultdict(dict)
        # The keys of the entities that bear a name of a kind in `GROUPS`.
        self._members: dict[tuple[str, str], list[str]] = defaultdict(list)

    def __contains__(self, key: str) -> bool:
        """Whether an entity with this key has been added."""
        return self.type_of(key) is not None

    def add(self, type_: str, key: str, names: Collection[tuple[str, str]]) -> bool:
        """Add an entity. `names` are distinct pairs of kind and name. Returns False if the key exists already."""
        prefix, suffix = _split(key)
        group = self._groups.get(prefix)
        if group is None:
            group = self._groups[prefix] = _KeyGroup(prefix, {})
        elif _type_in(group, suffix) is not None:
            return False
        # An equal name and suffix are two string objects until here; only one of them is kept.
        suffix = next((name for _, name in names if name == suffix), suffix)
        alias = _Alias(group, suffix)
        for kind, name in names:
            if kind in GROUPS:
                self._members[kind, name].append(key)
                continue
            entities = self._names[type_, kind]
            if name not in entities:
                entities[name] = group if name == suffix else alias
            elif kind in NON_UNIQUE:
                entities[name] = None
        group.types[_digest(suffix) if len(suffix) > LONG and type_ not in NAMEABLE else suffix] = type_
        return True

    def type_of(self, key: str) -> str | None:
        """The type of the entity with this key; None if there is none."""
        prefix, suffix = _split(key)
        group = self._groups.get(prefix)
        return None if group is None else _type_in(group, suffix)

    def find(self, types: tuple[str, ...], kind: str, name: str) -> tuple[str, str] | None:
        """The key and the type of the entity of one of these types whose key or name (of this kind) this is."""
        key_type = self.type_of(name)
        if key_type is not None and (key_type in types or RESOURCE in types):
            return name, key_type
        if RESOURCE in types:
            key = next(iter(self.find_all(kind, name)), None)
            return None if key is None else (key, self.type_of(key) or "")
        for type_ in types:
            entity = self._names[type_, kind].get(name)
            if entity is not None:
                return _key(entity, name), type_
        return None

    def find_all(self, kind: str, name: str) -> list[str]:
        """The keys of the entities with this name, at most one of each type, sorted by type; of a group, all of them."""
        if kind in GROUPS:
            return sorted(self._members.get((kind, name), ()))
        entities = [names.get(name) for (_, other), names in sorted(self._names.items()) if other == kind]
        return [_key(entity, name) for entity in entities if entity is not None]

    def is_ambiguous(self, types: tuple[str, ...], kind: str, name: str) -> bool:
        """Whether entities of one of these types share the name."""
        return kind in NON_UNIQUE and any(
            name in names and names[name] is None
            for (type_, other), names in self._names.items()
            if other == kind and (type_ in types or RESOURCE in types)
        )

    def nameable(self) -> Iterator[tuple[str, str]]:
        """The key and the type of every entity that a policy can name."""
        for prefix, types in self._groups.values():
            for suffix, type_ in types.items():
                if isinstance(suffix, str) and type_ in NAMEABLE:
                    yield prefix + suffix, type_

    def forget_names(self) -> None:
        """Free the memory of all names; keys and types stay."""
        self._names.clear()
        self._members.clear()


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
