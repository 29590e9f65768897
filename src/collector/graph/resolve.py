"""Resolves pointers between resources (ids, ARNs, DNS names) to entity keys within one account. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple, TypeAlias

from collector.graph.convert import EdgeEnds, PendingEdge, by_key
from collector.graph.entity_index import GROUPS, NON_UNIQUE, EntityIndex
from collector.graph.relationships import EntityPair, MappedTarget, direct, mapped
from collector.model import Dangling, Record, Scope
from collector.schema.declarations import RESOURCE

Lookup: TypeAlias = tuple[tuple[str, ...], str]
"""What a pointer looks for: entities of these types, by this kind of name."""


class WaitingEdge(NamedTuple):
    """A relationship with a missing end, and the scope that declared it."""

    pending: PendingEdge
    scope: Scope


class NameIndex:
    """The look-ups that the edges of a catalogue make, and which edges may draw the same relationship.

    `edges` are all edges of the catalogue, in the order of their numbers. All accounts of a run share the index.
    """

    def __init__(self, edges: Sequence[EdgeEnds]) -> None:
        self.edges = edges
        self._lookups: dict[tuple[str, str], list[Lookup]] = defaultdict(list)
        for lookup in sorted({lookup for ends in edges for lookup in ((ends.far, ends.by), (ends.near, "id"))}):
            types, kind = lookup
            for type_ in types:
                self._lookups[type_, kind].append(lookup)
        self._groups = _repeat_groups(edges)
        self._row_groups = _row_groups(edges, self._groups)
        self.lookups = cache(self._lookups_of)

    def mark_repeats(self, pointers: list[PendingEdge]) -> list[PendingEdge]:
        """The pointers of one row, with `may_repeat` set on those that may resolve to the same relationship."""
        groups = [group for pending in pointers if (group := self._groups[pending.edge]) in self._row_groups]
        if len(groups) <= 1:
            return pointers
        repeated = {group for group, count in Counter(groups).items() if count > 1}
        return [
            pending._replace(may_repeat=True) if self._groups[pending.edge] in repeated else pending
            for pending in pointers
        ]

    def repeat_group(self, pending: PendingEdge) -> int | None:
        """The group of edges that may draw this relationship once more; None if none can."""
        group = self._groups[pending.edge]
        return None if group in self._row_groups and not pending.may_repeat else group

    def _lookups_of(self, type_: str, kind: str) -> list[Lookup]:
        """The look-ups that a name of this kind of an entity of this type can answer."""
        return self._lookups.get((type_, kind), []) + self._lookups.get((RESOURCE, kind), [])


class AccountGraph:
    """The relationships of one account. Each is drawn once both of its ends have been added, waits, or dangles."""

    def __init__(self, index: NameIndex) -> None:
        self.index = index
        self.entities = EntityIndex()
        self.duplicates = 0
        self.dangling: Counter[Dangling] = Counter()
        self._waiting: dict[Lookup, dict[str, WaitingEdge | list[WaitingEdge]]] = defaultdict(dict)
        self._open: list[WaitingEdge] = []
        self._drawn: dict[int, set[tuple[str, str, str | None]]] = defaultdict(set)

    def add(self, type_: str, key: str, names: Iterable[tuple[str, str]]) -> list[WaitingEdge] | None:
        """Add an entity. Returns the edges that waited for it, to be linked again; None if its key exists already."""
        lookups = self.index.lookups
        used = {pair: None for pair in names if lookups(type_, pair[0])}
        if not self.entities.add(type_, key, used):
            self.duplicates += 1
            return None
        freed: list[WaitingEdge] = []
        for kind, name in (("id", key), *used):
            for lookup in lookups(type_, kind):
                if (entry := self._waiting[lookup].pop(name, None)) is not None:
                    freed += _as_list(entry)
        return freed

    def link(self, pending: PendingEdge, scope: Scope) -> Record | None:
        """The relationship, if both of its ends have been added. Otherwise the edge waits, or it was drawn before."""
        ends = self.index.edges[pending.edge]
        if pending.near is None:
            near = self.entities.find(ends.near, "id", pending.near_name or "")
            if near is None:
                self._wait((ends.near, "id"), pending.near_name or "", WaitingEdge(pending, scope))
                return None
            pending = pending._replace(near=near[0])
        if pending.name is None:
            return self._mapped(pending, ends)
        if _is_open(ends):
            self._open.append(WaitingEdge(pending, scope))
            return None
        far = self.entities.find(ends.far, ends.by, pending.name)
        if far is None:
            self._wait((ends.far, ends.by), pending.name, WaitingEdge(pending, scope))
            return None
        return self._direct(pending, ends, *far)

    def remaining(self) -> Iterator[tuple[WaitingEdge, str, Sequence[str]]]:
        """Every edge that is not drawn yet, with the name it looks for and the keys of the entities of that name.

        Only an open pointer can have keys here.
        """
        for waiting in self._open:
            name = waiting.pending.name or ""
            yield waiting, name, self._matches(self.index.edges[waiting.pending.edge], name)
        for edges in self._waiting.values():
            for name, entry in edges.items():
                for waiting in _as_list(entry):
                    yield waiting, name, ()

    def close(self, account: str, unseen: frozenset[str]) -> Iterator[tuple[Record, Scope]]:
        """Resolve the remaining edges: draw open pointers, map ends outside of the account, count others as dangling.

        `unseen` are the entity types that were not, or not fully, collected. A missing end of such a type counts as
        `not collected`, not as `not found`.
        """
        for (pending, scope), name, keys in self.remaining():
            ends = self.index.edges[pending.edge]
            for key in keys:
                record = self._direct(pending, ends, key, self.entities.type_of(key) or "")
                if record is not None:
                    yield record, scope
            if not keys:
                record = self._settle(pending, ends, name, account, unseen)
                if record is not None:
                    yield record, scope
        self._waiting.clear()
        self._open.clear()
        self.entities.forget_names()  # the analysis, which follows, needs the memory

    def _matches(self, ends: EdgeEnds, name: str) -> list[str]:
        """The keys that an open pointer matches: an instance, its interface and its elastic IP share an address."""
        if ends.by in GROUPS or (RESOURCE in ends.far and name not in self.entities):
            return self.entities.find_all(ends.by, name)
        entity = self.entities.find(ends.far, ends.by, name)
        return [] if entity is None else [entity[0]]

    def _settle(
        self, pending: PendingEdge, ends: EdgeEnds, name: str, account: str, unseen: frozenset[str]
    ) -> Record | None:
        missing = ends.near if pending.near is None else ends.far
        ambiguous = self.entities.is_ambiguous(ends.far, ends.by, name)
        if pending.near is not None and not ambiguous and (outside := pending.outside or _foreign(name, ends, account)):
            return self._mapped(pending._replace(outside=outside), ends)
        if ambiguous:
            reason = "ambiguous"
        elif _account_of(name) not in ("", account):
            reason = "outside"
        else:
            reason = "not collected" if unseen.intersection(missing) else "not found"
        source, target = (ends.near, ends.far) if ends.outward else (ends.far, ends.near)
        self.dangling[Dangling("|".join(source), ends.verb, "|".join(target), reason)] += 1
        return None

    def _wait(self, lookup: Lookup, name: str, waiting: WaitingEdge) -> None:
        entry = self._waiting[lookup].get(name)
        if isinstance(entry, list):
            entry.append(waiting)
        else:  # most names are awaited by one edge: a list is made for the second
            self._waiting[lookup][name] = waiting if entry is None else [entry, waiting]

    def _direct(self, pending: PendingEdge, ends: EdgeEnds, far: str, far_type: str) -> Record | None:
        near, near_type = self._near(pending, ends)
        if ends.outward:
            link = EntityPair(near, near_type, ends.verb, far, far_type)
        else:
            link = EntityPair(far, far_type, ends.verb, near, near_type)
        return direct(link, pending.key, pending.props) if self._is_new(pending, link.source, link.target) else None

    def _mapped(self, pending: PendingEdge, ends: EdgeEnds) -> Record | None:
        near, outside = self._near(pending, ends), pending.outside
        if outside is None:
            return None
        type_ = outside.entity.get("_type") or ends.far[0]
        target = MappedTarget(outside.entity, outside.match, outside.create, type_)
        record = mapped(near, ends.verb, target, pending.key, pending.props, forward=ends.outward)
        return record if self._is_new(pending, near[0], record["_key"]) else None

    def _near(self, pending: PendingEdge, ends: EdgeEnds) -> tuple[str, str]:
        """The key and the type of the end at the row. Most edges have one type there, which saves the look-up."""
        near = pending.near or ""
        return near, ends.near[0] if len(ends.near) == 1 else self.entities.type_of(near) or ""

    def _is_new(self, pending: PendingEdge, source: str, target: str) -> bool:
        """Whether this relationship was not drawn before. Only those that may repeat are remembered."""
        group = self.index.repeat_group(pending)
        if group is None:
            return True
        relationship = (source, target, pending.key)
        if relationship in self._drawn[group]:
            self.duplicates += 1
            return False
        self._drawn[group].add(relationship)
        return True


def _as_list(entry: WaitingEdge | list[WaitingEdge]) -> list[WaitingEdge]:
    return entry if isinstance(entry, list) else [entry]


def _is_open(ends: EdgeEnds) -> bool:
    """Whether a pointer may match several entities or a shared name: it is resolved when all entities are there."""
    return ends.by in NON_UNIQUE | GROUPS or (RESOURCE in ends.far and ends.by != "id")


def _repeat_groups(edges: Sequence[EdgeEnds]) -> list[int | None]:
    """For each edge, the group of edges that may draw the same relationship twice; None if nothing can.

    An edge by key or short identifier that overlaps with no other edge cannot: entities are added once, and the
    pointers of a row are distinct.
    """
    groups = list(range(len(edges)))
    for one, ends in enumerate(edges):
        for other in range(one):
            if _may_meet(ends, edges[other]):
                old, new = groups[one], groups[other]
                groups = [new if group == old else group for group in groups]
    sizes = Counter(groups)
    return [
        group if sizes[group] > 1 or not _points_once(ends) else None for group, ends in zip(groups, edges, strict=True)
    ]


def _row_groups(edges: Sequence[EdgeEnds], groups: Sequence[int | None]) -> frozenset[int]:
    """The groups whose edges all start, or all end, at the entity of their row.

    An entity is added once, so no other row can draw the same relationship: only pointers of one row can repeat.
    """
    by_group: dict[int, list[EdgeEnds]] = defaultdict(list)
    for ends, group in zip(edges, groups, strict=True):
        if group is not None:
            by_group[group].append(ends)
    return frozenset(
        group
        for group, members in by_group.items()
        if all(ends.declared.of is None for ends in members) and len({ends.outward for ends in members}) == 1
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
    """The entity behind an ARN of another account, if the edge has one possible type for it."""
    if _account_of(name) in ("", account) or len(ends.far) != 1 or ends.far[0] == RESOURCE:
        return None
    return by_key(ends.far[0], name)


def _account_of(name: str) -> str:
    """The account id in an ARN; empty if the name is no ARN or its ARN has no account."""
    parts = name.split(":", 5)
    return parts[4] if len(parts) > 5 and parts[0] == "arn" and parts[4].isdigit() else ""  # noqa: PLR2004  (an ARN's parts)
