"""Who is meant: names seen anywhere in an account, to keys. Pure; one `AccountGraph` for each account.

A relationship is sent as soon as both of its ends are known, never before. What waits is one small tuple for each
relationship; what is kept of an entity is its key, its type and the names that some declared edge looks for.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from hashlib import blake2b
from typing import NamedTuple

from collector.analysis.arntypes import NAMEABLE
from collector.graph.convert import EdgeEnds, PendingEdge, by_key
from collector.graph.relationships import EntityPair, MappedTarget, direct, mapped
from collector.model import Dangling, Record, Scope
from collector.schema.declarations import RESOURCE

LONG = 64
"""Ends of keys that are longer are kept as digests, where nobody asks for the key itself: findings are many."""


SHARED = frozenset({"address", "privateAddress"})
"""Kinds of names that several entities of one type may bear: private addresses repeat from VPC to VPC. Such a name means nobody."""


class WaitingEdge(NamedTuple):
    """A relationship that waits for a name, and the scope that declared it."""

    pending: PendingEdge
    scope: Scope


class _Kind(NamedTuple):
    """The entities whose keys begin alike, up to the resource type of an ARN: their types, by what follows."""

    begin: str
    types: dict[str | bytes, str]


class _Known(NamedTuple):
    """An entity that is known by another name than the end of its key."""

    kind: _Kind
    rest: str


class NameIndex:
    """Which names the edges of a catalogue look for; shared by all accounts of a run."""

    def __init__(self, every: Sequence[EdgeEnds]) -> None:
        """Take all edges, in the order of their numbers."""
        self.edges = every
        self.wanted: dict[tuple[str, str], list[tuple[tuple[str, ...], str]]] = defaultdict(list)
        looked_up = {(group, by) for each in every for group, by in ((each.far, each.by), (each.near, "id"))}
        for group, by in sorted(looked_up):
            for type_ in group:
                self.wanted[type_, by].append((group, by))
        self._groups = _repeated(every)
        self._own = _own(every, self._groups)
        self.seeks = cache(self._seeks)

    def marked(self, pointers: list[PendingEdge]) -> list[PendingEdge]:
        """The pointers of one row; those that may mean the same as another one of them say so."""
        owned = [group for pending in pointers if (group := self._groups[pending.edge]) in self._own]
        if len(owned) <= 1:
            return pointers
        several = {group for group, count in Counter(owned).items() if count > 1}
        return [
            pending._replace(beside=True) if self._groups[pending.edge] in several else pending for pending in pointers
        ]

    def group(self, pending: PendingEdge) -> int | None:
        """The group of edges that may draw this relationship once more; None where nothing can."""
        group = self._groups[pending.edge]
        return None if group in self._own and not pending.beside else group

    def _seeks(self, type_: str, by: str) -> list[tuple[tuple[str, ...], str]]:
        """The (types, kind of name) look-ups that an entity of this type can answer with such a name."""
        return self.wanted.get((type_, by), []) + self.wanted.get((RESOURCE, by), [])


class AccountGraph:
    """The entities of one account and the relationships that wait for them."""

    def __init__(self, directory: NameIndex) -> None:
        """Start empty."""
        self._directory = directory
        self._kinds: dict[str, _Kind] = {}
        # A name that ends its entity's key stands for it with the kind alone: of most entities one short text is kept.
        # One that several bear is kept as None.
        self._names: dict[tuple[str, str], dict[str, _Kind | _Known | None]] = defaultdict(dict)
        self._waiting: dict[tuple[tuple[str, ...], str], dict[str, WaitingEdge | list[WaitingEdge]]] = defaultdict(dict)
        self._open: list[WaitingEdge] = []
        self._sent: dict[int, set[tuple[str, str, str | None]]] = defaultdict(set)
        self.duplicates = 0
        self.dangling: Counter[Dangling] = Counter()

    def __contains__(self, key: str) -> bool:
        """Whether the entity of this key was seen."""
        return self._type(key) is not None

    def nameable(self) -> Iterator[tuple[str, str]]:
        """The key and type of every entity that a policy can name."""
        for begin, types in self._kinds.values():
            for rest, type_ in types.items():
                if isinstance(rest, str) and type_ in NAMEABLE:
                    yield begin + rest, type_

    def add(self, type_: str, key: str, names: Iterable[tuple[str, str]]) -> list[WaitingEdge] | None:
        """Take an entity; the relationships that waited for it, or None if its key was there before."""
        begin, rest = _split(key)
        kind = self._kinds.get(begin)
        if kind is None:
            kind = self._kinds[begin] = _Kind(begin, {})
        elif _type_in(kind, rest) is not None:
            self.duplicates += 1
            return None
        freed = self._free(type_, "id", key)
        names = dict.fromkeys((by, name) for by, name in names if self._directory.seeks(type_, by))
        rest = next((name for _, name in names if name == rest), rest)  # one object for both
        known = _Known(kind, rest)
        for by, name in names:
            others = self._names[type_, by]
            if name not in others:
                others[name] = kind if name == rest else known
            elif by in SHARED:
                others[name] = None
            freed += self._free(type_, by, name)
        kind.types[_digest(rest) if len(rest) > LONG and type_ not in NAMEABLE else rest] = type_
        return freed

    def link(self, pending: PendingEdge, scope: Scope) -> Record | None:
        """The relationship if both ends are known; else it waits."""
        ends = self._directory.edges[pending.edge]
        if pending.near is None:
            near = self._find(ends.near, "id", pending.near_name or "")
            if near is None:
                self._wait((ends.near, "id"), pending.near_name or "", WaitingEdge(pending, scope))
                return None
            pending = pending._replace(near=near[0])
        if pending.name is None:
            return self._mapped(pending, ends)
        if _is_open(ends):
            self._open.append(WaitingEdge(pending, scope))
            return None
        far = self._find(ends.far, ends.by, pending.name)
        if far is None:
            self._wait((ends.far, ends.by), pending.name, WaitingEdge(pending, scope))
            return None
        return self._direct(pending, ends, *far)

    def close(self, account: str, unseen: frozenset[str]) -> Iterator[tuple[Record, Scope]]:
        """Settle what still waits: mapped relationships for what lies outside; the rest is counted as dangling.

        `unseen` are the types that were not, or not fully, collected: a missing end of such a type proves nothing.
        """
        for pending, scope in self._open:
            ends = self._directory.edges[pending.edge]
            found = self._everyone(ends, pending.name or "")
            for far in found:
                record = self._direct(pending, ends, far, self._type(far) or "")
                if record is not None:
                    yield record, scope
            if not found:
                record = self._settle(pending, pending.name or "", account, unseen)
                if record is not None:
                    yield record, scope
        for waiting in self._waiting.values():
            for name, several in waiting.items():
                for pending, scope in _each(several):
                    record = self._settle(pending, name, account, unseen)
                    if record is not None:
                        yield record, scope
        self._waiting.clear()
        self._open.clear()
        self._names.clear()  # nobody is looked for any more, and what follows needs the memory

    def _settle(self, pending: PendingEdge, name: str, account: str, unseen: frozenset[str]) -> Record | None:
        ends = self._directory.edges[pending.edge]
        if pending.near is None:
            self._dangle(ends, name, account, unseen, ends.near)
            return None
        outside = pending.outside or _foreign(name, ends, account)
        if outside is None or self._is_ambiguous(ends, name):
            self._dangle(ends, name, account, unseen, ends.far)
            return None
        return self._mapped(pending._replace(outside=outside), ends)

    def _dangle(
        self, ends: EdgeEnds, name: str, account: str, unseen: frozenset[str], missing: tuple[str, ...]
    ) -> None:
        source, target = (ends.near, ends.far) if ends.outward else (ends.far, ends.near)
        if self._is_ambiguous(ends, name):
            reason = "ambiguous"
        elif _account_of(name) not in ("", account):
            reason = "outside"
        else:
            reason = "not collected" if unseen.intersection(missing) else "not found"
        self.dangling[Dangling("|".join(source), ends.verb, "|".join(target), reason)] += 1

    def _is_ambiguous(self, ends: EdgeEnds, name: str) -> bool:
        """Whether several entities of a type bear the name."""
        return ends.by in SHARED and any(
            name in names and names[name] is None
            for (type_, by), names in self._names.items()
            if by == ends.by and (type_ in ends.far or RESOURCE in ends.far)
        )

    def _type(self, key: str) -> str | None:
        begin, rest = _split(key)
        kind = self._kinds.get(begin)
        return None if kind is None else _type_in(kind, rest)

    def _find(self, types: tuple[str, ...], by: str, name: str) -> tuple[str, str] | None:
        """The key and the type of the entity of one of these types that bears a name, or whose key it is."""
        known = self._type(name)
        if known is not None and (known in types or RESOURCE in types):
            return name, known
        if RESOURCE in types:
            key = next(iter(self._known_as(by, name)), None)
            return None if key is None else (key, self._type(key) or "")
        for type_ in types:
            found = self._names[type_, by].get(name)
            if found is not None:
                return _key(found, name), type_
        return None

    def _everyone(self, ends: EdgeEnds, name: str) -> list[str]:
        """All entities that an open pointer means: an address is an instance's, its interface's and its elastic IP's."""
        if RESOURCE in ends.far and name not in self:
            return self._known_as(ends.by, name)
        found = self._find(ends.far, ends.by, name)
        return [] if found is None else [found[0]]

    def _known_as(self, by: str, name: str) -> list[str]:
        answers = [names.get(name) for (_, kind), names in sorted(self._names.items()) if kind == by]
        return [_key(found, name) for found in answers if found is not None]

    def _wait(self, group: tuple[tuple[str, ...], str], name: str, waiting: WaitingEdge) -> None:
        """Most names are waited for once: a list is made for the second only."""
        known = self._waiting[group].get(name)
        if isinstance(known, list):
            known.append(waiting)
        else:
            self._waiting[group][name] = waiting if known is None else [known, waiting]

    def _free(self, type_: str, by: str, name: str) -> list[WaitingEdge]:
        freed: list[WaitingEdge] = []
        for group in self._directory.seeks(type_, by):
            if (several := self._waiting[group].pop(name, None)) is not None:
                freed += _each(several)
        return freed

    def _direct(self, pending: PendingEdge, ends: EdgeEnds, far: str, far_type: str) -> Record | None:
        near, near_type = self._near(pending, ends)
        if ends.outward:
            link = EntityPair(near, near_type, ends.verb, far, far_type)
        else:
            link = EntityPair(far, far_type, ends.verb, near, near_type)
        return direct(link, pending.key, pending.props) if self._once(pending, link.source, link.target) else None

    def _mapped(self, pending: PendingEdge, ends: EdgeEnds) -> Record | None:
        near, outside = self._near(pending, ends), pending.outside
        if outside is None:
            return None
        record = mapped(
            near,
            ends.verb,
            MappedTarget(outside.entity, outside.match, outside.create, outside.entity.get("_type") or ends.far[0]),
            pending.key,
            pending.props,
            forward=ends.outward,
        )
        return record if self._once(pending, near[0], record["_key"]) else None

    def _near(self, pending: PendingEdge, ends: EdgeEnds) -> tuple[str, str]:
        """The key and the type of the end at the row, which was seen; most edges stand on one type only."""
        near = pending.near or ""
        return near, ends.near[0] if len(ends.near) == 1 else self._type(near) or ""

    def _once(self, pending: PendingEdge, source: str, target: str) -> bool:
        """Whether this relationship is new. Only those that may come once more need to be remembered."""
        group = self._directory.group(pending)
        if group is None:
            return True
        mark = (source, target, pending.key)
        if mark in self._sent[group]:
            self.duplicates += 1
            return False
        self._sent[group].add(mark)
        return True


def _each(waiting: WaitingEdge | list[WaitingEdge]) -> list[WaitingEdge]:
    return waiting if isinstance(waiting, list) else [waiting]


# An ARN up to its resource type: what is before the fifth colon, and before the first sign after it that ends a word.
_BEGIN = re.compile(r"arn:[^:]*:[^:]*:[^:]*:[^:]*:(?:[^:/]*[:/])?").match


def _split(key: str) -> tuple[str, str]:
    """What an entity's key has in common with those of its kind, and the rest."""
    found = _BEGIN(key)
    if found is None:
        return "", key
    end = found.end()
    return key[:end], key[end:]


def _type_in(kind: _Kind, rest: str) -> str | None:
    """The type of the entity of this kind whose key ends so."""
    found = kind.types.get(rest)
    return kind.types.get(_digest(rest)) if found is None and len(rest) > LONG else found


def _digest(rest: str) -> bytes:
    """What stands for the end of a long key: enough to know it again."""
    return blake2b(rest.encode(), digest_size=16).digest()


def _key(found: _Kind | _Known, name: str) -> str:
    """The key of an entity that is known by a name."""
    return found.begin + name if isinstance(found, _Kind) else found.kind.begin + found.rest


def _is_open(ends: EdgeEnds) -> bool:
    """Whether several entities may be meant, or bear the name: then all must have been seen before it is known who is."""
    return ends.by in SHARED or (RESOURCE in ends.far and ends.by != "id")


def _repeated(every: Sequence[EdgeEnds]) -> list[int | None]:
    """For each edge, the group of edges that may draw the same relationship twice; None where nothing can.

    An edge by key or short identifier, alone in its triple, cannot: entities are taken once, and a row's pointers
    are told apart already.
    """
    groups = list(range(len(every)))
    for one, ends in enumerate(every):
        for other in range(one):
            if _may_meet(ends, every[other]):
                old, new = groups[one], groups[other]
                groups = [new if group == old else group for group in groups]
    sizes = Counter(groups)
    return [
        group if sizes[group] > 1 or not _points_once(ends) else None for group, ends in zip(groups, every, strict=True)
    ]


def _own(every: Sequence[EdgeEnds], groups: Sequence[int | None]) -> frozenset[int]:
    """The groups whose edges all begin, or all end, at the entity of their row.

    An entity is taken once, so no other row can draw the same: only the pointers of one row can meet.
    """
    by_group: dict[int, list[EdgeEnds]] = defaultdict(list)
    for ends, group in zip(every, groups, strict=True):
        if group is not None:
            by_group[group].append(ends)
    return frozenset(
        group
        for group, several in by_group.items()
        if all(ends.declared.of is None for ends in several) and len({ends.outward for ends in several}) == 1
    )


def _points_once(ends: EdgeEnds) -> bool:
    return ends.by == "id" and ends.declared.of is None and RESOURCE not in ends.far


def _may_meet(one: EdgeEnds, other: EdgeEnds) -> bool:
    if one.verb != other.verb:
        return False
    (from_one, to_one), (from_other, to_other) = (
        (ends.near, ends.far) if ends.outward else (ends.far, ends.near) for ends in (one, other)
    )
    return _overlap(from_one, from_other) and _overlap(to_one, to_other)


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return RESOURCE in one or RESOURCE in other or bool(set(one) & set(other))


def _foreign(name: str, ends: EdgeEnds, account: str) -> MappedTarget | None:
    """An ARN of another account tells enough of the other end to be mapped, if its type is known."""
    if _account_of(name) in ("", account) or len(ends.far) != 1 or ends.far[0] == RESOURCE:
        return None
    return by_key(ends.far[0], name)


def _account_of(name: str) -> str:
    parts = name.split(":", 5)
    return parts[4] if len(parts) > 5 and parts[0] == "arn" and parts[4].isdigit() else ""  # noqa: PLR2004  (an ARN's parts)
