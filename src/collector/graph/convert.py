"""One AWS row to one entity and its pending relationships. Pure: a row and its place in, values out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from collector.graph.relationships import MappedTarget
from collector.graph.tags import flatten
from collector.model import GLOBAL, Options, Place, Record
from collector.schema.classes import defaults
from collector.schema.declarations import UNKNOWN, Declaration, Edge, Entity, MappedEntity, Row
from collector.schema.paths import found, has_unknowns, reader, template, unknown_reads
from collector.schema.values import JsonText, as_json, milliseconds

LONGEST = 4096
"""Characters of a string property, JupiterOne's limit; a longer one ends in `...`."""


class PendingEdge(NamedTuple):
    """A relationship whose ends are not known yet. `near` or else `near_name` is the end at the row.

    `beside` tells that another pointer of the same row may turn out to mean the same.
    """

    edge: int
    near: str | None
    near_name: str | None
    name: str | None
    key: str | None
    props: Record | None
    outside: MappedTarget | None
    beside: bool = False


class ConvertedEntity(NamedTuple):
    """An entity, the names by which others find it, by the kind of name (`"id"`, `"dns"`, …), and its facts for analysis."""

    key: str
    record: Record
    names: list[tuple[str, str]]
    facts: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class EdgeEnds:
    """An edge as the resolver needs it: which end is at the row, and how the other is found."""

    verb: str
    near: tuple[str, ...]
    far: tuple[str, ...]
    by: str
    outward: bool
    declared: Edge


class EntityConverter:
    """Makes entities of one declaration."""

    def __init__(self, entity: Entity, options: Options) -> None:
        """Compile the declaration."""
        self.entity = entity
        self._key = reader(entity.key)
        self._arn = None if entity.arn in (None, "@key") else reader(entity.arn or "")
        self._named = entity.arn == "@key"
        self._region = reader(entity.region) if entity.region else None
        self._props = tuple((label, reader(source)) for label, source in _properties(entity).items())
        self._owed = tuple((label, unknown_reads(source)) for label, source in _properties(entity).items())
        self._tags = reader(entity.tags) if entity.tags else None
        self._web = template(entity.web, quoted=True) if entity.web else None
        self._facts = tuple((name, reader(source)) for name, source in entity.facts.items())
        self._names = tuple((kind, reader(source)) for kind, source in _names(entity).items())
        classes = (entity.cls,) if isinstance(entity.cls, str) else entity.cls
        self._head = {"_type": entity.type, "_class": list(classes)}
        self._defaults = defaults(classes)
        self._raw = _redactor(entity) if options.raw else None

    def place(self, row: Row, place: Place) -> Place:
        """The row's own place, where its region is not the scope's."""
        region = self._region(row, place) if self._region else None
        return Place(place.partition, place.account, region) if region else place

    def __call__(self, row: Row, place: Place) -> ConvertedEntity | None:
        """The entity of a row; None if the row lacks what its key is made of."""
        place = self.place(row, place)
        key = self._key(row, place)
        if not isinstance(key, str) or not key:
            return None
        props: Record = {}
        for label, read in self._props:
            value = read(row, place)
            if value is not None and (value := plain(value)) is not None:
                props[label] = value
        if has_unknowns(row):
            for label, owed in self._owed:
                if owed(row):
                    props.pop(label, None)
        record = {"_key": key, **self._head, **self._defaults, **props}
        record.update(self._common(row, place, key))
        self._tag(record, row, place)
        if self._raw is not None:
            record["_rawData"] = [{"name": "default", "rawData": self._raw(row)}]
        facts = {name: read(row, place) for name, read in self._facts} if self._facts else None
        return ConvertedEntity(key, record, self._known_as(row, place), facts)

    def _common(self, row: Row, place: Place, key: str) -> Record:
        arn = key if self._named else self._arn(row, place) if self._arn else None
        web = self._web(row, place) if self._web else None
        common: Record = {"accountId": place.account, "region": place.region or GLOBAL}
        if arn:
            common["arn"] = arn
        if web:
            common["webLink"] = web
        return common

    def _tag(self, record: Record, row: Row, place: Place) -> None:
        tags = flatten(self._tags(row, place)) if self._tags else {}
        named = tags.get("tag.Name") or tags.get("tag.name")
        name = record.get("name") or (named if isinstance(named, str) else None) or record.get("id") or record["_key"]
        name = name if isinstance(name, str) else str(name)
        record["name"] = name
        record["displayName"] = record.get("displayName") or (named if isinstance(named, str) and named else name)
        for label, value in tags.items():
            if record.get(label) is None and (label not in self._defaults or label == "classification"):
                record[label] = value

    def _known_as(self, row: Row, place: Place) -> list[tuple[str, str]]:
        names: list[tuple[str, str]] = []
        for kind, read in self._names:
            got = read(row, place)
            names += [(kind, str(one)) for one in (got if isinstance(got, list) else (got,)) if one]
        return names


class EdgeConverter:
    """Makes the pending relationships of one declaration."""

    def __init__(self, edge: Edge, declaration: Declaration, number: int) -> None:
        """Compile the declaration; `number` is what pending relationships call it."""
        self.ends = ends(edge, declaration)
        self._number = number
        self._each = edge.each
        self._at = reader(edge.at) if edge.at is not None else None
        self._of = reader(edge.of) if edge.of is not None else None
        self._when = reader(edge.when) if edge.when is not None else None
        self._key = reader(edge.key) if edge.key is not None else None
        self._props = tuple((label, reader(source), unknown_reads(source)) for label, source in edge.props.items())
        self._outside = _outside_of(edge, self.ends)
        self._owed = unknown_reads(edge.each) if edge.each else unknown_reads(edge.at, edge.of, edge.when, edge.key)

    def __call__(self, row: Row, key: str | None, place: Place) -> list[PendingEdge]:
        """The relationships that a row points to, each pointer once."""
        doubtful = has_unknowns(row)
        if doubtful and self._owed(row):
            return []
        pointers = [
            pending
            for item in self._items(row)
            if self._when is None or self._when(item, place)
            for pending in self._of_item(item, key, place, doubtful=doubtful)
        ]
        return pointers if len(pointers) <= 1 else _distinct(pointers)

    def _items(self, row: Row) -> Iterator[Row]:
        if self._each is None:
            yield row
            return
        for item in found(row, self._each):
            yield {**item, "^": row} if isinstance(item, dict) else {"Item": item, "^": row}

    def _of_item(self, item: Row, key: str | None, place: Place, *, doubtful: bool) -> Iterator[PendingEdge]:
        near_name = None
        if self._of is not None:
            near_name = self._of(item, place)
            if not near_name:
                return
        near = None if near_name else key
        mark = self._key(item, place) if self._key else None
        props = self._properties(item, place, doubtful=doubtful)
        outside = self._outside(item, place) if self._outside else None
        for name in self._pointers(item, place):
            if name is not None or outside is not None:
                yield PendingEdge(
                    self._number, near, near_name, name, None if mark is None else str(mark), props, outside
                )

    def _pointers(self, item: Row, place: Place) -> tuple[str | None, ...]:
        if self._at is None:
            return (None,)
        got = self._at(item, place)
        if isinstance(got, str):
            return (got,) if got else ()
        return tuple(str(one) for one in (got if isinstance(got, list | tuple) else (got,)) if one)

    def _properties(self, item: Row, place: Place, *, doubtful: bool) -> Record | None:
        if not self._props:
            return None
        values = (
            (label, plain(read(item, place))) for label, read, owed in self._props if not (doubtful and owed(item))
        )
        return {
            label: as_json(value) if isinstance(value, list) else value for label, value in values if value is not None
        }


def _distinct(pointers: list[PendingEdge]) -> list[PendingEdge]:
    """Each pointer once: the first of those that mean the same."""
    found: dict[tuple[object, ...], PendingEdge] = {}
    for one in pointers:
        outside = str(one.outside) if one.name is None else ""
        found.setdefault((one.near_name, one.name, one.key, outside), one)
    return list(found.values())


def ends(edge: Edge, declaration: Declaration) -> EdgeEnds:
    """Which end of an edge stands at the row: the entity's own type, or for links the source."""
    sources, targets = _types(edge.source), _types(edge.target)
    own = declaration.type if isinstance(declaration, Entity) and edge.of is None else None
    outward = own is None or own in sources
    near, far = (sources, targets) if outward else (targets, sources)
    return EdgeEnds(edge.verb, near, far, edge.by, outward, edge)


def plain(value: Any) -> Any:
    """A value as a property may hold it: text, number, flag, or a list of one such kind; times in milliseconds."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST or isinstance(value, JsonText) else value[: LONGEST - 3] + "..."
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, datetime):
        return milliseconds(value)
    if isinstance(value, list | tuple):
        return _of_one_kind([as_json(one) if isinstance(one, list) else plain(one) for one in value if one is not None])
    return plain(as_json(value))


def _of_one_kind(values: list[Any]) -> list[Any]:
    kinds = {type(value) for value in values}
    return values if len(kinds) <= 1 or kinds <= {int, float} else [as_json(value) for value in values]


def _properties(entity: Entity) -> Mapping[str, Any]:
    common = {
        "name": entity.name,
        "displayName": entity.display,
        "id": entity.id,
        "active": entity.active,
        "createdOn": entity.created,
    }
    return {**entity.props, **{label: source for label, source in common.items() if source is not None}}


def _names(entity: Entity) -> Mapping[str, Any]:
    return ({"id": entity.id} if entity.id else {}) | dict(entity.also)


def _types(types: str | tuple[str, ...]) -> tuple[str, ...]:
    return (types,) if isinstance(types, str) else types


def _outside_of(edge: Edge, ends: EdgeEnds) -> Callable[[Row, Place], MappedTarget | None] | None:
    if edge.outside is None:
        return None
    if isinstance(edge.outside, MappedEntity):
        return _described(edge.outside)
    key = reader(edge.outside)
    return lambda row, place: by_key(ends.far[0], got) if (got := key(row, place)) else None


def by_key(type_: str, key: str) -> MappedTarget:
    """An entity outside of what was collected, whose type and key are known."""
    entity: Record = {"_type": type_, "_key": key}
    if key.startswith("arn:") and (account := key.split(":")[4]):
        entity["accountId"] = account
    return MappedTarget(entity, [["_type", "_key"]], create=True)


def _described(other: MappedEntity) -> Callable[[Row, Place], MappedTarget | None]:
    sources = tuple((label, reader(source)) for label, source in other.entity.items())
    every = [list(group) for group in other.match]  # of most rows, and one for all that wait

    def describe(row: Row, place: Place) -> MappedTarget | None:
        entity = {label: value for label, read in sources if (value := plain(read(row, place))) not in (None, "", [])}
        match = [group for group in every if all(label in entity for label in group)]
        match = every if len(match) == len(every) else match
        return MappedTarget(entity, match, other.create) if match else None

    return describe


def _redactor(entity: Entity) -> Callable[[Row], Row]:
    """The row as AWS told it, without what it was joined with, and without the values of secrets."""
    paths = tuple(tuple(path.split(".")) for path in entity.secrets)
    ours = {"^", UNKNOWN, *(join.at for join in entity.join)}

    def redact(row: Row) -> Row:
        clean = {name: value for name, value in row.items() if name not in ours}
        for path in paths:
            clean = _hidden(clean, path)
        return clean

    return redact


def _hidden(value: Any, path: tuple[str, ...]) -> Any:
    """A copy in which every value below the path reads REDACTED; the names of a map stay."""
    if value is None:
        return None
    if not path:
        return dict.fromkeys(value, "REDACTED") if isinstance(value, dict) else "REDACTED"
    head, rest = path[0], path[1:]
    name = head.removesuffix("[]").removesuffix("{}")
    if not isinstance(value, dict) or name not in value:
        return value
    inner = value[name]
    if head.endswith("[]"):
        hidden: Any = [_hidden(one, rest) for one in inner or ()]
    elif head.endswith("{}"):
        hidden = {each: _hidden(one, rest) for each, one in (inner or {}).items()}
    else:
        hidden = _hidden(inner, rest)
    return {**value, name: hidden}
