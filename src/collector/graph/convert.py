"""Converts a row of an AWS response to an entity and its pending relationships. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, TypeVar

from collector.graph.entity_index import Name
from collector.graph.relationships import MappedTarget
from collector.graph.tags import flatten
from collector.model import AWS, GLOBAL, READ_ERRORS, Options, Place, Record, UnknownValueError, Unreadable
from collector.schema.classes import defaults
from collector.schema.declarations import UNKNOWN, Declaration, Edge, Entity, MappedEntity, Row
from collector.schema.names import NAME_KINDS
from collector.schema.paths import Read, reader, template, value_at
from collector.schema.values import JsonText, account_of, as_json, milliseconds

T = TypeVar("T")

LONGEST = 4096
"""Characters in a string property, JupiterOne's limit. A longer string is cut and ends in `...`."""


EMPTY = frozenset({"", "[]", "{}"})
"""Texts that say nothing: AWS returns some for unset fields, and empty structures become the others. They are left out."""

INTEGERS = range(-(2**63), 2**64)
"""Integers that JSON encoders write."""


class UnreadValue(NamedTuple):
    """A value that could not be read from a row, because the row differs from AWS's model.

    `name` is a property, or the ends of an edge. The row's other values were read.
    """

    name: str
    error: Exception


class PendingEdge(NamedTuple):
    """A relationship whose ends are not resolved yet.

    `edge` is the number of its declaration. `near` is the key of the end at the row, or None if that end must be found
    by `near_name`, its place and its id. `name` is the name of the far end; None if the edge is always mapped to
    `outside`. `within` are the places in which it may mean a resource; none if nothing says where. `key` tells
    relationships of one pair apart. `may_repeat` is set if another pointer of the same row may resolve to the same
    relationship.
    """

    edge: int
    near: str | None
    near_name: tuple[str, str] | None
    name: str | None
    within: tuple[str, ...]
    key: str | None
    props: Record | None
    outside: MappedTarget | None
    may_repeat: bool = False


class ConvertedEntity(NamedTuple):
    """An entity, its names, and its facts for the analysis.

    `owner` is set if accounts see resources of others: the account that owns this one, or `AWS`.
    """

    key: str
    record: Record
    names: list[Name]
    facts: Mapping[str, Any] | None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class EdgeEnds:
    """The ends of an edge: `near` are the entity types at the row, `far` those of the other end.

    The far end is found by names of the kind `by`. `outward`: the relationship starts at the near end.
    """

    verb: str
    near: tuple[str, ...]
    far: tuple[str, ...]
    by: str
    outward: bool
    declared: Edge


class EntityConverter:
    """Converts the rows of one entity declaration, which is compiled once."""

    def __init__(self, entity: Entity, options: Options, global_types: frozenset[str] = frozenset()) -> None:
        self._key = reader(entity.key)
        self._arn = None if entity.arn in (None, "@key") else reader(entity.arn or "")
        self._arn_is_key = entity.arn == "@key"
        self._region = reader(entity.region) if entity.region else None
        self._owner = reader(entity.owner) if entity.owner else None
        self._owner_only = entity.owner_only
        properties = _properties(entity)
        self._props = tuple((label, reader(source)) for label, source in properties.items())
        self._tags = reader(entity.tags) if entity.tags else None
        self._web = template(entity.web, quoted=True) if entity.web else None
        self._facts = tuple((name, reader(source)) for name, source in entity.facts.items())
        names = ({"id": entity.id} if entity.id else {}) | dict(entity.also)
        self._names = tuple(
            (kind, _level(kind, (entity.type,), global_types), reader(source)) for kind, source in names.items()
        )
        self._vpc = reader(entity.vpc) if entity.vpc is not None else None
        self._head = {"_type": entity.type, "_class": list(entity.classes)}
        self._defaults = defaults(entity.classes)
        self._raw = _redactor(entity) if options.raw else None

    def place(self, row: Row, place: Place) -> Place:
        """The place of the row: its own region, if it has one, instead of the scope's. An unknown region is empty."""
        try:
            region = self._region(row, place) if self._region else None
        except UnknownValueError:
            return Place(place.partition, place.account, "")
        return Place(place.partition, place.account, region) if region else place

    def __call__(self, row: Row, place: Place, unread: list[UnreadValue]) -> ConvertedEntity | None:
        """The entity of a row; None if the row lacks the fields of its key.

        A value that cannot be read is left out and added to `unread`; one that a failed call left unknown is only left out.
        Raises one of `READ_ERRORS` if the key cannot be read.
        """
        place = self.place(row, place)
        key = self._key(row, place)
        if not isinstance(key, str) or not key:
            return None
        if not key.isascii():
            key.encode()  # a lone surrogate cannot be sent
        record = {"_key": key, **self._head, **self._defaults, **self._properties(row, place, unread)}
        record["accountId"] = place.account
        if place.region:
            record["region"] = place.region
        if arn := key if self._arn_is_key else self._value("arn", self._arn, row, place, unread):
            record["arn"] = arn
        if web := self._value("webLink", self._web, row, place, unread):
            record["webLink"] = web
        owner = self._owner_of(row, place, record, unread)
        self._tag(record, row, place, unread)
        if self._raw is not None:
            try:
                record["_rawData"] = [{"name": "default", "rawData": self._raw(row)}]
            except READ_ERRORS as error:
                _note("_rawData", error, unread)
        facts = self._facts_of(row, place, unread) if self._facts else None
        return ConvertedEntity(key, record, self._names_of(row, place, unread), facts, owner)

    def _owner_of(self, row: Row, place: Place, record: Record, unread: list[UnreadValue]) -> str | None:
        """The owner of a resource. If it is another account, the record is told as seen from this one."""
        value = self._value("owner", self._owner, row, place, unread)
        owner = None if value is None else str(value)
        if owner not in (None, AWS, place.account):
            record["accountId"] = owner
            for label in self._owner_only:
                record.pop(label, None)
        return owner

    def _properties(self, row: Row, place: Place, unread: list[UnreadValue]) -> Record:
        props: Record = {}
        for label, read in self._props:
            try:
                value = read(row, place)
                if value is not None and (value := plain(value)) is not None:
                    props[label] = value
            except READ_ERRORS as error:
                _note(label, error, unread)
        return props

    def _value(self, name: str, read: Read | None, row: Row, place: Place, unread: list[UnreadValue]) -> Any:
        """A single text, without conversion."""
        if read is None:
            return None
        try:
            value = read(row, place)
            return value if value is None or isinstance(value, str) else plain(value)
        except READ_ERRORS as error:
            _note(name, error, unread)
            return None

    def _facts_of(self, row: Row, place: Place, unread: list[UnreadValue]) -> dict[str, Any]:
        """The facts for the analysis; one that cannot be read, or is unknown, is None: nothing is concluded from it."""
        facts: dict[str, Any] = {}
        for name, read in self._facts:
            try:
                facts[name] = read(row, place)
            except READ_ERRORS as error:
                facts[name] = None
                _note(f"fact {name}", error, unread)
        return facts

    def _tag(self, record: Record, row: Row, place: Place, unread: list[UnreadValue]) -> None:
        try:
            tags = flatten(self._tags(row, place)) if self._tags else {}
        except READ_ERRORS as error:
            _note("tags", error, unread)
            tags = {}
        name_tag = tags.get("tag.Name") or tags.get("tag.name")
        name_tag = name_tag if isinstance(name_tag, str) else None
        name = record.get("name") or name_tag or record.get("id") or record["_key"]
        record["name"] = name = name if isinstance(name, str) else str(name)
        record["displayName"] = record.get("displayName") or name_tag or name
        for label, value in tags.items():
            if record.get(label) is None and (label not in self._defaults or label == "classification"):
                record[label] = value

    def _names_of(self, row: Row, place: Place, unread: list[UnreadValue]) -> list[Name]:
        names: list[Name] = []
        vpc = self._value("vpc", self._vpc, row, place, unread) or ""
        for kind, level, read in self._names:
            within = GLOBAL if level == "account" else place.region if level == "region" else vpc
            try:
                value = read(row, place)
                texts = value if isinstance(value, list) else (value,)
                names += [Name(kind, within, str(text)) for text in texts if text]
            except READ_ERRORS as error:
                _note(f"name {kind}", error, unread)
        return names


class EdgeConverter:
    """Converts the pointers in rows to pending relationships of one edge, which is compiled once.

    `number` identifies the edge in its pending relationships; `global_types` are those of the catalogue.
    """

    def __init__(
        self, edge: Edge, declaration: Declaration, number: int, global_types: frozenset[str] = frozenset()
    ) -> None:
        self.ends = ends(edge, declaration)
        self._near_level = _level("id", self.ends.near, global_types)
        self._far_level = _level(self.ends.by, self.ends.far, global_types)
        self._vpc = reader(edge.vpc) if edge.vpc is not None else None
        self._number = number
        self._each = value_at(edge.each) if edge.each is not None else None
        self._at = reader(edge.at) if edge.at is not None else None
        self._of = reader(edge.of) if edge.of is not None else None
        self._when = reader(edge.when) if edge.when is not None else None
        self._key = reader(edge.key) if edge.key is not None else None
        self._props = tuple((label, reader(source)) for label, source in edge.props.items())
        self._outside = _outside_of(edge, self.ends)
        self._name = f"{'|'.join(edge.sources)} {edge.verb} {'|'.join(edge.targets)}"

    def __call__(self, row: Row, key: str | None, place: Place, unread: list[UnreadValue]) -> list[PendingEdge]:
        """The distinct pending relationships of a row; `key` is the key of the row's entity, if it has one.

        An item whose pointer cannot be read is left out alone, and so is a property; both are added to `unread`. What a failed
        call left unknown is only left out.
        """
        pointers: list[PendingEdge] = []
        try:
            for item in self._items(row):
                try:
                    if self._when is None or self._when(item, place):
                        pointers += self._of_item(item, key, place, unread)
                except READ_ERRORS as error:
                    _note(self._name, error, unread)
        except READ_ERRORS as error:
            _note(self._name, error, unread)
        return pointers if len(pointers) <= 1 else _distinct(pointers)

    def _items(self, row: Row) -> Iterator[Row]:
        if self._each is None:
            yield row
            return
        items = self._each(row)
        for item in items if isinstance(items, list) else () if items is None else (items,):
            yield {**item, "^": row} if isinstance(item, dict) else {"Item": item, "^": row}

    def _of_item(self, item: Row, key: str | None, place: Place, unread: list[UnreadValue]) -> Iterator[PendingEdge]:
        near_name = None
        if self._of is not None:
            name = self._of(item, place)
            if not name:
                return
            near_name = _within("id", self._near_level, str(name), place), str(name)
        near = None if near_name else key
        discriminator = self._key(item, place) if self._key else None
        discriminator = None if discriminator is None else str(discriminator)
        props = self._properties(item, place, unread) if self._props else None
        outside = _if_known(self._outside, item, place) if self._outside else None
        vpcs = self._vpcs(item, place) if self._vpc else ()
        for name in self._pointers(item, place):
            if name is not None or outside is not None:
                known = name is not None and self._far_level != "vpc"
                within = _only(_within(self.ends.by, self._far_level, name or "", place)) if known else vpcs
                yield PendingEdge(self._number, near, near_name, name, within, discriminator, props, outside)

    def _pointers(self, item: Row, place: Place) -> tuple[str | None, ...]:
        if self._at is None:
            return (None,)
        value = self._at(item, place)
        if isinstance(value, str):
            return (value,) if value else ()
        return tuple(str(one) for one in (value if isinstance(value, list | tuple) else (value,)) if one)

    def _vpcs(self, item: Row, place: Place) -> tuple[str, ...]:
        value = self._vpc(item, place) if self._vpc else None
        vpcs = tuple(value) if isinstance(value, list) else (value,) if value else ()
        if not all(isinstance(vpc, str) for vpc in vpcs):
            raise TypeError(f"{vpcs!r:.200} are no ids")
        return _only(vpcs[0]) if len(vpcs) == 1 else vpcs

    def _properties(self, item: Row, place: Place, unread: list[UnreadValue]) -> Record:
        props: Record = {}
        for label, read in self._props:
            try:
                value = plain(read(item, place))
                if value is not None and value != []:
                    props[label] = as_json(value) if isinstance(value, list) else value
            except READ_ERRORS as error:
                _note(f"{self._name}: {label}", error, unread)
        return props


def _level(kind: str, types: tuple[str, ...], global_types: frozenset[str]) -> str:
    """Where a name of this kind of an entity of one of these types is unique: in the account, a region or a VPC."""
    within = NAME_KINDS[kind].within
    return "account" if within == "region" and global_types.issuperset(types) else within


def _within(kind: str, level: str, name: str, place: Place) -> str:
    """The place of a name that a row at `place` points to. Keys, unlike ids, have colons and are unique in the account.

    Raises:
        UnknownValueError: if that is the region of the row, and a failed call left it unknown.
    """
    if level == "account" or (kind == "id" and ":" in name):
        return GLOBAL
    if not place.region:
        raise UnknownValueError("a failed call left the region of the row unknown")
    return place.region


def _if_known(read: Callable[[Row, Place], T], row: Row, place: Place) -> T | None:
    """What a function reads from a row; None if a failed call left it unknown."""
    try:
        return read(row, place)
    except UnknownValueError:
        return None


def _note(name: str, error: Exception, unread: list[UnreadValue]) -> None:
    """Note a value that cannot be read, unless that is because of a failed call, which is reported itself."""
    if not isinstance(error, UnknownValueError):
        unread.append(UnreadValue(name, error))


@cache
def _only(place: str) -> tuple[str, ...]:
    """One place, as one object for all pending edges that wait for something in it."""
    return (place,)


def _distinct(pointers: list[PendingEdge]) -> list[PendingEdge]:
    """The pending edges without repetitions: of those with the same ends and key, the first."""
    distinct: dict[tuple[object, ...], PendingEdge] = {}
    for pending in pointers:
        outside = str(pending.outside) if pending.name is None else ""
        distinct.setdefault((pending.near_name, pending.name, pending.key, outside), pending)
    return list(distinct.values())


def ends(edge: Edge, declaration: Declaration) -> EdgeEnds:
    """The ends of an edge. The near end has the entity's type; the source if both have, for links and with `of`."""
    own = declaration.type if isinstance(declaration, Entity) and edge.of is None else None
    outward = own is None or own in edge.sources
    near, far = (edge.sources, edge.targets) if outward else (edge.targets, edge.sources)
    return EdgeEnds(edge.verb, near, far, edge.by, outward, edge)


def plain(value: Any) -> Any:
    """A valid property value: a string, number, boolean, or list of one such type; None for an empty text or structure.

    Times are in milliseconds. Lists are without empty texts and structures, but may be empty themselves.

    Raises:
        ValueError: for an integer beyond 64 bits, and a value that the parser of the response could not read.
    """
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        if value not in INTEGERS:
            raise ValueError(f"{value} is beyond 64 bits")
        return value
    if isinstance(value, datetime):
        return milliseconds(value)
    if isinstance(value, list | tuple):
        values = (plain(as_json(one) if isinstance(one, list) else one) for one in value)
        return _of_one_type([one for one in values if one is not None])
    if isinstance(value, Unreadable):
        raise ValueError(f"{value.text!r} is not of the type that AWS documents")  # noqa: TRY004  (AWS's, not the caller's)
    return plain(as_json(value))


def _text(value: str) -> str | None:
    if value in EMPTY:
        return None
    return value if len(value) <= LONGEST or isinstance(value, JsonText) else value[: LONGEST - 3] + "..."


def _of_one_type(values: list[Any]) -> list[Any]:
    types = {type(value) for value in values}
    return values if len(types) <= 1 or types <= {int, float} else [as_json(value) for value in values]


def _properties(entity: Entity) -> Mapping[str, Any]:
    common = {
        "name": entity.name,
        "displayName": entity.display,
        "id": entity.id,
        "active": entity.active,
        "createdOn": entity.created,
    }
    return {**entity.props, **{label: source for label, source in common.items() if source is not None}}


def _outside_of(edge: Edge, ends: EdgeEnds) -> Callable[[Row, Place], MappedTarget | None] | None:
    if edge.outside is None:
        return None
    if isinstance(edge.outside, MappedEntity):
        return _described(edge.outside)
    key = reader(edge.outside)
    return lambda row, place: by_key(ends.far[0], value) if (value := key(row, place)) else None


def by_key(type_: str, key: str) -> MappedTarget:
    """The mapped target for an entity outside of the account, found by its type and key."""
    entity: Record = {"_type": type_, "_key": key}
    if (account := account_of(key)).isdigit():
        entity["accountId"] = account
    return MappedTarget(entity, [["_type", "_key"]], create=True)


def _described(other: MappedEntity) -> Callable[[Row, Place], MappedTarget | None]:
    sources = tuple((label, reader(source)) for label, source in other.entity.items())
    every = [list(group) for group in other.match]  # shared by the targets that have all values: most of them

    def describe(row: Row, place: Place) -> MappedTarget | None:
        values = ((label, plain(_if_known(read, row, place))) for label, read in sources)
        entity = {label: value for label, value in values if value not in (None, "", [])}
        match = [group for group in every if all(label in entity for label in group)]
        match = every if len(match) == len(every) else match
        return MappedTarget(entity, match, other.create) if match else None

    return describe


def _redactor(entity: Entity) -> Callable[[Row], Row]:
    """A function that returns the row without joined rows, and with the values of secrets redacted."""
    paths = tuple(tuple(path.split(".")) for path in entity.secrets)
    added = {"^", UNKNOWN, *(join.at for join in entity.join)}

    def redact(row: Row) -> Row:
        redacted = {name: value for name, value in row.items() if name not in added}
        for path in paths:
            redacted = _redacted(redacted, path)
        return redacted

    return redact


def _redacted(value: Any, path: tuple[str, ...]) -> Any:
    """A copy in which every value at the path reads REDACTED. The keys of a map stay."""
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
        copy: Any = [_redacted(one, rest) for one in inner or ()]
    elif head.endswith("{}"):
        copy = {each: _redacted(one, rest) for each, one in (inner or {}).items()}
    else:
        copy = _redacted(inner, rest)
    return {**value, name: copy}
