"""Resolves pointers between resources (ids, ARNs, DNS names) to entity keys within one account. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from collector.graph.compressed import CompressedRows
from collector.graph.convert import EdgeEnds, PendingEdge, by_key
from collector.graph.entity_index import Bearer, EntityIndex, Name
from collector.graph.relationships import EntityPair, MappedTarget, direct, mapped
from collector.model import GLOBAL, Dangling, Record, Scope
from collector.schema.declarations import RESOURCE
from collector.schema.names import NAME_KINDS
from collector.schema.values import account_of

Lookup: TypeAlias = tuple[tuple[str, ...], str]
"""What a pointer looks for: entities of these types, by this kind of name."""


class WaitingEdge(NamedTuple):
    """A relationship with a missing end, and the scope that declared it."""

    pending: PendingEdge
    scope: Scope


class Meaning(NamedTuple):
    """The keys of the entities that a name means. None if entities share it, of which AWS does not say which is meant."""

    keys: Sequence[str]
    ambiguous: bool


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
        # By the place of the name, then by look-up and text.
        self._waiting: dict[str, dict[Lookup, dict[str, WaitingEdge | list[WaitingEdge]]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        self._open = CompressedRows(_waiting_edge)
        self._drawn: dict[int, set[tuple[str, str, str | None]]] = defaultdict(set)

    def add(self, type_: str, key: str, names: Iterable[Name]) -> list[WaitingEdge] | None:
        """Add an entity. Returns the edges that waited for it, to be linked again; None if its key exists already."""
        lookups = self.index.lookups
        used = {name: None for name in names if lookups(type_, name[0])}
        if not self.entities.add(type_, key, used):
            self.duplicates += 1
            return None
        freed: list[WaitingEdge] = []
        for kind, within, text in (("id", GLOBAL, key), *used):
            if within in self._waiting:
                for lookup in lookups(type_, kind):
                    if (entry := self._waiting[within][lookup].pop(text, None)) is not None:
                        freed += _as_list(entry)
        return freed

    def link(self, pending: PendingEdge, scope: Scope) -> Record | None:
        """The relationship, if both of its ends have been added. Otherwise the edge waits, or it was drawn before."""
        ends = self.index.edges[pending.edge]
        if pending.near is None:
            name = _near_name(pending)
            near = self.entities.find(ends.near, name)
            if near is None:
                self._wait(ends.near, name, WaitingEdge(pending, scope))
                return None
            pending = pending._replace(near=near[0])
        if pending.name is None:
            return self._mapped(pending, ends)
        if _is_open(ends, pending.name):
            outside = None if pending.outside is None else tuple(pending.outside)
            self._open.add(tuple(pending._replace(outside=None)), outside, tuple(scope))
            return None
        name = Name(ends.by, pending.within[0], pending.name)
        far = self.entities.find(ends.far, name)
        if far is None:
            self._wait(ends.far, name, WaitingEdge(pending, scope))
            return None
        return self._direct(pending, ends, *far)

    def remaining(self) -> Iterator[tuple[WaitingEdge, str, Meaning]]:
        """Every edge that is not drawn yet, with the name it looks for and what that means. All entities are there."""
        for waiting in self._open:
            yield waiting, waiting.pending.name or "", self._meaning(waiting.pending)
        for lookups in self._waiting.values():
            for edges in lookups.values():
                for text, entry in edges.items():
                    for waiting in _as_list(entry):
                        yield waiting, text, Meaning((), ambiguous=False)

    def close(self, account: str, unseen: frozenset[str]) -> Iterator[tuple[Record, Scope]]:
        """Resolve the remaining edges: draw open pointers, map ends outside of the account, count others as dangling.

        `unseen` are the entity types that were not, or not fully, collected. A missing end of such a type counts as
        `not collected`, not as `not found`.
        """
        for (pending, scope), name, meaning in self.remaining():
            ends = self.index.edges[pending.edge]
            for key in meaning.keys:
                record = self._direct(pending, ends, key, self.entities.type_of(key) or "")
                if record is not None:
                    yield record, scope
            if meaning.ambiguous:
                self._count(ends, "ambiguous")
            elif not meaning.keys:
                record = self._settle(pending, ends, name, account, unseen)
                if record is not None:
                    yield record, scope
        self._waiting.clear()
        self._open.clear()
        self._drawn.clear()
        self.entities.forget_names()  # the analysis, which follows, needs the memory

    def _meaning(self, pending: PendingEdge) -> Meaning:
        """What an open pointer means: an instance, its interface and its elastic IP, for instance, share an address."""
        ends, name = self.index.edges[pending.edge], pending.name or ""
        type_ = self.entities.type_of(name)
        if type_ is not None and (type_ in ends.far or RESOURCE in ends.far):
            return Meaning((name,), ambiguous=False)
        kind = NAME_KINDS[ends.by]
        if pending.within:
            # A row in a region may point to a resource of any type, also to one that has no region.
            places = {*pending.within, GLOBAL} if RESOURCE in ends.far else pending.within
            bearers = self.entities.bearers(ends.far, ends.by, places, name)
        else:
            bearers = self.entities.bearers_anywhere(ends.far, ends.by, name)
        if kind.bearers == "all" or not _is_shared(bearers, several_types=kind.bearers == "some"):
            return Meaning([bearer.key for bearer in bearers], ambiguous=False)
        return Meaning((), ambiguous=True)

    def _settle(
        self, pending: PendingEdge, ends: EdgeEnds, name: str, account: str, unseen: frozenset[str]
    ) -> Record | None:
        missing = ends.near if pending.near is None else ends.far
        if pending.near is not None and (outside := pending.outside or _foreign(name, ends, account)):
            return self._mapped(pending._replace(outside=outside), ends)
        if _is_foreign(name, account):
            self._count(ends, "outside")
        else:
            self._count(ends, "not collected" if unseen.intersection(missing) else "not found")
        return None

    def _count(self, ends: EdgeEnds, reason: str) -> None:
        source, target = (ends.near, ends.far) if ends.outward else (ends.far, ends.near)
        self.dangling[Dangling("|".join(source), ends.verb, "|".join(target), reason)] += 1

    def _wait(self, types: tuple[str, ...], name: Name, waiting: WaitingEdge) -> None:
        edges = self._waiting[name.within][types, name.kind]
        entry = edges.get(name.text)
        if isinstance(entry, list):
            entry.append(waiting)
        else:  # most names are awaited by one edge: a list is made for the second
            edges[name.text] = waiting if entry is None else [entry, waiting]

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


def _waiting_edge(fields: list[Any], outside: list[Any] | None, scope: list[str]) -> WaitingEdge:
    """An edge of these fields, as they are in compressed rows."""
    pending = PendingEdge._make(fields)
    return WaitingEdge(pending._replace(outside=None if outside is None else MappedTarget(*outside)), Scope(*scope))


def _as_list(entry: WaitingEdge | list[WaitingEdge]) -> list[WaitingEdge]:
    return entry if isinstance(entry, list) else [entry]


def _near_name(pending: PendingEdge) -> Name:
    within, text = pending.near_name or ("", "")
    return Name("id", within, text)


def _is_open(ends: EdgeEnds, name: str) -> bool:
    """Whether a pointer may mean several entities or a shared name: it is resolved when all entities are there."""
    return NAME_KINDS[ends.by].bearers != "one" or (RESOURCE in ends.far and (ends.by != "id" or ":" not in name))


def _is_shared(bearers: Sequence[Bearer], *, several_types: bool) -> bool:
    """Whether nothing says which of the bearers of a name is meant, of those of one place and one type or of all types.

    With `several_types`, one entity of each type may bear a name.
    """
    if not several_types:
        return len(bearers) > 1
    return len({bearer.within for bearer in bearers}) > 1 or len({bearer.type for bearer in bearers}) < len(bearers)


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
    if not _is_foreign(name, account) or len(ends.far) != 1 or ends.far[0] == RESOURCE:
        return None
    return by_key(ends.far[0], name)


def _is_foreign(name: str, account: str) -> bool:
    """Whether a name is an ARN of another account."""
    owner = account_of(name)
    return owner.isdigit() and owner != account
