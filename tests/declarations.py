"""Checks every name in every declaration against botocore's models, offline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import UnknownServiceError

from collector.aws.models import EXTRAS
from collector.catalog.catalog import Catalog, client_of, declarations
from collector.graph.convert import ends
from collector.schema.classes import REQUIRED
from collector.schema.declarations import (
    RESOURCE,
    Custom,
    Declaration,
    Edge,
    Entity,
    Hydrate,
    Links,
    MappedEntity,
    Nested,
    SameAnswer,
    Service,
    Synthetic,
    Template,
)
from collector.schema.paths import PLACE, reads
from tests.class_schemas import CLASSES

SESSION = botocore.session.Session()
SESSION.get_component("data_loader").search_paths.append(str(EXTRAS))
TOKENS = {
    "NextToken", "nextToken", "NextMarker", "nextMarker", "Marker", "NextPageToken", "PaginationToken", "position",
    "IsTruncated",
}  # fmt: skip
COMPUTED_PROPERTIES = {"_rawData", "accountId", "region", "arn", "webLink"}


class Invalid(Exception):
    """A name that is neither in botocore's models nor in the catalogue."""


@dataclass
class RowShape:
    """A shape in a response, with the fields that the engine adds to its rows."""

    kind: str
    members: Mapping[str, RowShape] = field(default_factory=dict)
    item: RowShape | None = None
    name: str = ""

    def with_added(self, **added: RowShape) -> RowShape:
        if self.kind == "any":
            return self
        return RowShape("struct", {**self.members, **added}, name=self.name)


ANY = RowShape("any")
TEXT = RowShape("scalar", name="text")
TEXTS = RowShape("list", item=TEXT)
SYNTHETIC_FIELDS = {
    "AccountId": TEXT,
    "AccountName": TEXT,
    "CallerArn": TEXT,
    "Regions": TEXTS,
    "EnabledRegions": TEXTS,
}


class _Lazy(Mapping[str, RowShape]):
    """The members of a shape, resolved on access, because a shape may contain itself."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members

    def __getitem__(self, name: str) -> RowShape:
        return shape_of(self._members[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def shape_of(shape: Any) -> RowShape:
    if shape is None:
        return RowShape("struct")
    match shape.type_name:
        case "structure":
            is_document = getattr(shape, "is_document_type", False)
            return ANY if is_document else RowShape("struct", _Lazy(shape.members), name=shape.name)
        case "list":
            item = shape.member
            is_structure = item.type_name == "structure"
            element = RowShape("struct", _Lazy(item.members), name=item.name) if is_structure else shape_of(item)
            return RowShape("list", item=element, name=shape.name)
        case "map":
            return RowShape("map", item=shape_of(shape.value), name=shape.name)
        case _:
            # botocore's handlers decode these documents
            return ANY if shape.name == "policyDocumentType" else RowShape("scalar", name=shape.name)


def step(at: RowShape, name: str, path: str) -> RowShape:
    if at.kind == "any":
        return ANY
    if at.kind == "map" and name:
        return at.item or ANY
    if at.kind != "struct" or name not in at.members:
        raise Invalid(f"{path}: {at.name or at.kind} has no {name}")
    return at.members[name]


def walk(at: RowShape, path: str) -> RowShape:
    """The shape at a path; a list of it if the path contains a list."""
    listed = False
    if path != "@":
        for part in path.split("."):
            name, many = (part[:-2], part[-2:]) if part.endswith(("[]", "{}")) else (part, "")
            at = step(at, name, path)
            if many and at.kind != "any":
                expected = "list" if many == "[]" else "map"
                if at.kind != expected:
                    raise Invalid(f"{path}: {name} is a {at.kind}, not a {expected}")
                at = at.item or ANY
            listed = listed or bool(many)
    return RowShape("list", item=at, name=at.name) if listed and at.kind != "list" else at


@cache
def model(client: str) -> Any:
    return SESSION.get_service_model(client)


@cache
def operation(client: str, op: str) -> Any:
    names = {xform_name(name): name for name in model(client).operation_names}
    if op not in names:
        raise Invalid(f"no operation {client}.{op}")
    return model(client).operation_model(names[op])


@cache
def can_page(client: str, op: str) -> bool:
    try:
        paginators = SESSION.get_paginator_model(client)._paginator_config
    except UnknownServiceError:  # botocore has no paginators for this service
        return False
    return operation(client, op).name in paginators


class Lint:
    """Finds the problems of the declarations of a catalogue."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.services = {
            id(declaration): service for service in catalog.services for declaration in declarations(service)
        }

    def problems(self, service: Service, declaration: Declaration) -> list[str]:
        where = (
            declaration.type
            if isinstance(declaration, Entity)
            else f"{service.name} links {getattr(declaration, 'title', '')}"
        )
        problems: list[str] = []
        for check in (self._paths, self._ends, self._classes):
            try:
                check(service, declaration)
            except Invalid as error:
                problems.append(f"{where}: {error}")
        return problems

    def row(self, service: Service, declaration: Declaration) -> RowShape:
        """The shape of a complete row, with all fields that are added to it."""
        row, parent = self._listed(service, declaration, declaration.rows)
        if declaration.describe:
            row = self._described(service, declaration, row, parent)
        row = self._joined(service, declaration, row)
        for hydrate in declaration.hydrate:
            row = self._hydrated(service, declaration, hydrate, row)
        return row

    def _described(
        self, service: Service, declaration: Declaration, row: RowShape, parent: RowShape | None
    ) -> RowShape:
        describe = declaration.describe
        assert describe
        client = client_of(service, declaration, getattr(declaration.rows, "client", None))
        self._called(client, describe.op, {describe.ids, *describe.params, *describe.args})
        walk(row.with_added(Item=ANY), describe.by)
        item = walk(shape_of(operation(client, describe.op).output_shape), describe.items)
        described = (item.item or ANY) if item.kind == "list" else item
        return described.with_added(**({"^": parent} if parent else {}))

    def _joined(self, service: Service, declaration: Declaration, row: RowShape) -> RowShape:
        for join in declaration.join:
            joined, _ = self._listed(service, declaration, join.rows)
            for path in reads(join.on):
                walk(joined, path)
            for path in reads(join.to):
                walk(row, path)
            row = self._add(row, join.at, RowShape("list", item=joined))
        for gather in declaration.gather:
            client = client_of(service, declaration, gather.client)
            self._called(client, gather.op, {gather.ids, *gather.params})
            items = walk(shape_of(operation(client, gather.op).output_shape), gather.items)
            walk(items.item or ANY, gather.on)
            walk(row, gather.by)
            row = self._add(row, gather.at, items)
        return row

    def _hydrated(self, service: Service, declaration: Declaration, hydrate: Hydrate, row: RowShape) -> RowShape:
        client = client_of(service, declaration, hydrate.client)
        self._called(client, hydrate.op, {*hydrate.params, *hydrate.args})
        for path in (*hydrate.args.values(), *(reads(hydrate.when) if hydrate.when is not None else ())):
            walk(row, path)
        answer = shape_of(operation(client, hydrate.op).output_shape)
        if hydrate.items:
            answer = walk(answer, hydrate.items)
        if hydrate.regions:
            answer = RowShape("list", item=answer.with_added(Region=TEXT))
        elif hydrate.items is None and can_page(client, hydrate.op):
            raise Invalid(f"{client}.{hydrate.op} pages: declare `items`")
        return self._add(row, hydrate.at, answer)

    def _add(self, row: RowShape, at: str, answer: RowShape) -> RowShape:
        if row.kind == "struct" and at in row.members:
            raise Invalid(f"{at} would hide a field of {row.name}")
        return row.with_added(**{at: answer})

    def _listed(self, service: Service, declaration: Declaration, rows: Any) -> tuple[RowShape, RowShape | None]:
        if isinstance(rows, Synthetic):
            return RowShape("struct", SYNTHETIC_FIELDS), None
        if isinstance(rows, Custom):
            for op in rows.ops:
                operation(client_of(service, declaration, rows.client), op)
            return ANY, None
        items, rows = (rows.items, rows.call) if isinstance(rows, SameAnswer) else (rows.items, rows)
        parent = self._parent(rows.each) if rows.each else None
        if isinstance(rows, Nested):
            return self._items(parent or ANY, rows.items, parent), parent
        client = client_of(service, declaration, rows.client)
        self._called(client, rows.op, {*rows.params, *rows.args})
        for path in rows.args.values():
            walk(parent or ANY, path)
        for path in reads(rows.when) if rows.when is not None else ():
            walk(parent or ANY, path)
        output = shape_of(operation(client, rows.op).output_shape)
        pages = TOKENS & set(output.members)
        if rows.token:
            walk(output, rows.token)
        elif pages and not can_page(client, rows.op):
            raise Invalid(
                f"{client}.{rows.op} pages by {sorted(pages)}, and botocore has no paginator: declare the token"
            )
        if rows.wrap:
            walk(output, rows.items)
            return RowShape("struct", {rows.wrap: TEXT, "Item": TEXT, **({"^": parent} if parent else {})}), parent
        return self._items(output, items, parent), parent

    def _items(self, answer: RowShape, items: str, parent: RowShape | None) -> RowShape:
        outer, _, _ = items.rpartition("[].")
        around = parent
        if outer:
            element = walk(answer, outer + "[]").item or ANY
            around = element.with_added(**{"^": parent}) if parent else element
        listed = walk(answer, items)
        row = (listed.item or ANY) if listed.kind == "list" else listed
        row = RowShape("struct", {"Item": row}) if row.kind == "scalar" else row
        return row.with_added(**{"^": around}) if around else row

    def _parent(self, type_: str) -> RowShape:
        if type_ not in self.catalog.types:
            raise Invalid(f"no entity {type_} for `each`")
        parents = [entity for entity in self.catalog.entities if entity.type == type_]
        return self.row(self.services[id(parents[0])], parents[0])

    def _called(self, client: str, op: str, params: set[str]) -> None:
        params = {name.partition(".")[0] for name in params}
        shape = operation(client, op).input_shape
        members = shape.members if shape else {}
        unknown, missing = params - set(members), set(shape.required_members if shape else ()) - params
        if unknown:
            raise Invalid(f"{client}.{op} takes no {sorted(unknown)}")
        if missing:
            raise Invalid(f"{client}.{op} needs {sorted(missing)}")

    def _paths(self, service: Service, declaration: Declaration) -> None:
        row = self.row(service, declaration)
        if row.kind == "struct" and set(PLACE) & set(row.members):
            templated = {path for source in _sources(declaration) for path in reads(source)}
            if templated & set(PLACE):
                raise Invalid("a template's place word is also a field of the row")
        for source in _sources(declaration):
            for path in reads(source):
                walk(row, path)
        if isinstance(declaration, Entity):
            for label, source in declaration.props.items():
                if isinstance(source, str):
                    _plain(label, walk(row, source))
        for edge in declaration.edges:
            self._edge_paths(edge, row)

    def _edge_paths(self, edge: Edge, row: RowShape) -> None:
        item = row
        if edge.each:
            listed = walk(row, edge.each)
            item = (listed.item or ANY) if listed.kind == "list" else listed
            item = (RowShape("struct", {"Item": item}) if item.kind == "scalar" else item).with_added(**{"^": row})
        outside = edge.outside.entity.values() if isinstance(edge.outside, MappedEntity) else (edge.outside,)
        for source in (edge.at, edge.of, edge.when, edge.key, *edge.props.values(), *outside):
            for path in reads(source) if source is not None else ():
                walk(item, path)

    def _ends(self, service: Service, declaration: Declaration) -> None:
        for edge in declaration.edges:
            types, name = (*edge.sources, *edge.targets), f"edge {edge.source} {edge.verb} {edge.target}"
            if isinstance(declaration, Entity) and edge.of is None and declaration.type not in types:
                raise Invalid(f"{name} has no end of its type")
            if isinstance(declaration, Links) and edge.of is None:
                raise Invalid(f"{name} of links needs `of`")
            if edge.at is None and not isinstance(edge.outside, MappedEntity):
                raise Invalid(f"{name} has neither `at` nor a description in `outside`")
            for end in types:
                is_class = isinstance(edge.outside, MappedEntity) and end[:1].isupper()
                if end not in self.catalog.types and end != RESOURCE and not is_class:
                    raise Invalid(
                        f"{name}: no entity has the type {end!r}{_nearest(end, self.catalog.types)}; correct it in"
                        f" src/collector/services, declare that entity, or describe the end with `outside=MappedEntity(…)`"
                    )
            self._by(edge, declaration)
        del service

    def _by(self, edge: Edge, declaration: Declaration) -> None:
        if edge.by == "id" or edge.at is None:
            return
        far = ends(edge, declaration).far
        entities = [e for e in self.catalog.entities if e.type in far or RESOURCE in far]
        if not any(edge.by in e.also for e in entities):
            raise Invalid(f"no entity of {far} has a name of the kind {edge.by!r}")

    def _classes(self, service: Service, declaration: Declaration) -> None:
        del service
        if not isinstance(declaration, Entity):
            return
        for cls in declaration.classes:
            if cls not in CLASSES:
                raise Invalid(
                    f"no class {cls!r}{_nearest(cls, CLASSES)}; write one of JupiterOne's classes to `cls`"
                    " (tests/data/classes.json lists them)"
                )
            missing = set(REQUIRED.get(cls, ())) - set(declaration.props)
            contradicted = {"category"} if declaration.classes[0] == "Host" else set()
            if missing - contradicted:
                raise Invalid(f"class {cls} requires {sorted(missing)}: declare them in `props`")
        hidden = COMPUTED_PROPERTIES & set(declaration.props)
        if hidden:
            raise Invalid(f"{sorted(hidden)} are set by the engine")


def _nearest(word: str, words: Iterable[str]) -> str:
    near = get_close_matches(word, words, 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _plain(label: str, at: RowShape) -> None:
    inner = at.item if at.kind == "list" and at.item else at
    if inner.kind not in ("scalar", "any"):
        raise Invalid(f"property {label} would be a {inner.kind}: convert it")


def _sources(declaration: Declaration) -> Iterator[Any]:
    if declaration.when is not None:
        yield declaration.when
    if isinstance(declaration, Entity):
        e = declaration
        arn = None if e.arn == "@key" else e.arn
        single = (e.key, e.name, e.display, e.id, arn, e.region, e.created, e.active, e.tags)
        yield from (source for source in single if source is not None)
        yield from (*e.also.values(), *e.props.values(), *e.facts.values(), *e.secrets)
        if e.web:
            yield Template(e.web)
