"""Reads every name in every declaration against botocore's own models, offline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import botocore.session
from botocore import xform_name

from collector.catalog.catalog import Catalog, client_of, declarations
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

SESSION = botocore.session.Session()
TOKENS = {
    "NextToken",
    "nextToken",
    "NextMarker",
    "Marker",
    "NextPageToken",
    "position",
    "IsTruncated",
    "nextMarker",
    "PaginationToken",
}
MADE = {"AccountId", "CallerArn", "Regions", "EnabledRegions"}
COMPUTED_PROPERTIES = {"_rawData", "accountId", "region", "arn", "webLink"}


class Bad(Exception):
    """A name that AWS, or the catalogue, does not know."""


@dataclass
class Node:
    """A shape of an answer, with what the engine adds to rows of it."""

    kind: str
    members: Mapping[str, Node] = field(default_factory=dict)
    item: Node | None = None
    name: str = ""

    def with_added(self, **added: Node) -> Node:
        if self.kind == "any":
            return self
        return Node("struct", {**self.members, **added}, name=self.name)


ANY = Node("any")
TEXT = Node("scalar", name="text")


class _Lazy(Mapping[str, Node]):
    """Members of a shape, resolved when asked for: shapes may hold themselves."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members

    def __getitem__(self, name: str) -> Node:
        return node(self._members[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def node(shape: Any) -> Node:
    if shape is None:
        return Node("struct")
    match shape.type_name:
        case "structure":
            return (
                ANY
                if getattr(shape, "is_document_type", False)
                else Node("struct", _Lazy(shape.members), name=shape.name)
            )
        case "list":
            return (
                Node("list", item=node(shape.member), name=shape.name)
                if shape.member.type_name != "structure"
                else Node(
                    "list", item=Node("struct", _Lazy(shape.member.members), name=shape.member.name), name=shape.name
                )
            )
        case "map":
            return Node("map", item=node(shape.value), name=shape.name)
        case _:
            # botocore's handlers decode these documents before they reach us
            return ANY if shape.name == "policyDocumentType" else Node("scalar", name=shape.name)


def step(at: Node, name: str, path: str) -> Node:
    if at.kind == "any":
        return ANY
    if at.kind == "map" and name:
        return at.item or ANY
    if at.kind != "struct" or name not in at.members:
        raise Bad(f"{path}: {at.name or at.kind} has no {name}")
    return at.members[name]


def walk(at: Node, path: str) -> Node:
    """What lies at a path; a list of it where the path passes a list."""
    listed = False
    if path != "@":
        for part in path.split("."):
            name, many = (part[:-2], part[-2:]) if part.endswith(("[]", "{}")) else (part, "")
            at = step(at, name, path)
            if many and at.kind != "any":
                wanted = "list" if many == "[]" else "map"
                if at.kind != wanted:
                    raise Bad(f"{path}: {name} is a {at.kind}, not a {wanted}")
                at = at.item or ANY
            listed = listed or bool(many)
    return Node("list", item=at, name=at.name) if listed and at.kind != "list" else at


@cache
def model(client: str) -> Any:
    return SESSION.get_service_model(client)


@cache
def operation(client: str, op: str) -> Any:
    names = {xform_name(name): name for name in model(client).operation_names}
    if op not in names:
        raise Bad(f"no operation {client}.{op}")
    return model(client).operation_model(names[op])


@cache
def can_page(client: str, op: str) -> bool:
    return (
        operation(client, op).name in SESSION.get_paginator_model(client)._paginator_config
        if _has_paginators(client)
        else False
    )


@cache
def _has_paginators(client: str) -> bool:
    try:
        SESSION.get_paginator_model(client)
    except Exception:  # noqa: BLE001  (a service without the data file)
        return False
    return True


class Lint:
    """All that is wrong with the declarations of a catalogue."""

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
        found: list[str] = []
        for check in (self._rows, self._paths, self._ends, self._classes):
            try:
                check(service, declaration)
            except Bad as bad:
                found.append(f"{where}: {bad}")
        return found

    def row(self, service: Service, declaration: Declaration) -> Node:
        """The shape of a finished row, with everything that is added to it."""
        row, parent = self._listed(service, declaration, declaration.rows)
        if declaration.describe:
            row = self._batched(service, declaration, row, parent)
        row = self._joined(service, declaration, row)
        for hydrate in declaration.hydrate:
            row = self._hydrated(service, declaration, hydrate, row)
        return row

    def _batched(self, service: Service, declaration: Declaration, row: Node, parent: Node | None) -> Node:
        batch = declaration.describe
        assert batch
        client = client_of(service, declaration, getattr(declaration.rows, "client", None))
        self._called(client, batch.op, {batch.ids, *batch.params, *batch.args})
        walk(row.with_added(Item=ANY), batch.by)
        item = walk(node(operation(client, batch.op).output_shape), batch.items)
        described = (item.item or ANY) if item.kind == "list" else item
        return described.with_added(**({"^": parent} if parent else {}))

    def _joined(self, service: Service, declaration: Declaration, row: Node) -> Node:
        for join in declaration.join:
            joined, _ = self._listed(service, declaration, join.rows)
            for path in reads(join.on):
                walk(joined, path)
            for path in reads(join.to):
                walk(row, path)
            row = self._add(row, join.at, Node("list", item=joined))
        for gather in declaration.gather:
            client = client_of(service, declaration, gather.client)
            self._called(client, gather.op, {gather.ids, *gather.params})
            items = walk(node(operation(client, gather.op).output_shape), gather.items)
            walk(items.item or ANY, gather.on)
            walk(row, gather.by)
            row = self._add(row, gather.at, items)
        return row

    def _hydrated(self, service: Service, declaration: Declaration, hydrate: Hydrate, row: Node) -> Node:
        client = client_of(service, declaration, hydrate.client)
        self._called(client, hydrate.op, {*hydrate.params, *hydrate.args})
        for path in (*hydrate.args.values(), *(reads(hydrate.when) if hydrate.when is not None else ())):
            walk(row, path)
        answer = node(operation(client, hydrate.op).output_shape)
        if hydrate.items:
            answer = walk(answer, hydrate.items)
        if hydrate.regions:
            answer = Node("list", item=answer.with_added(Region=TEXT))
        elif hydrate.items is None and can_page(client, hydrate.op):
            raise Bad(f"{client}.{hydrate.op} pages: say which items to add")
        return self._add(row, hydrate.at, answer)

    def _add(self, row: Node, at: str, answer: Node) -> Node:
        if row.kind == "struct" and at in row.members:
            raise Bad(f"{at} would hide a field of {row.name}")
        return row.with_added(**{at: answer})

    def _listed(self, service: Service, declaration: Declaration, rows: Any) -> tuple[Node, Node | None]:
        if isinstance(rows, Synthetic):
            return Node(
                "struct", dict.fromkeys(MADE, Node("list", item=TEXT)) | {"AccountId": TEXT, "CallerArn": TEXT}
            ), None
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
        output = node(operation(client, rows.op).output_shape)
        pages = TOKENS & set(output.members)
        if rows.token:
            walk(output, rows.token)
        elif pages and not can_page(client, rows.op):
            raise Bad(f"{client}.{rows.op} pages by {sorted(pages)}, and botocore has no paginator: declare the token")
        if rows.wrap:
            walk(output, rows.items)
            return Node("struct", {rows.wrap: TEXT, "Item": TEXT, **({"^": parent} if parent else {})}), parent
        return self._items(output, items, parent), parent

    def _items(self, answer: Node, items: str, parent: Node | None) -> Node:
        outer, _, _ = items.rpartition("[].")
        around = parent
        if outer:
            element = walk(answer, outer + "[]").item or ANY
            around = element.with_added(**{"^": parent}) if parent else element
        got = walk(answer, items)
        row = (got.item or ANY) if got.kind == "list" else got
        row = Node("struct", {"Item": row}) if row.kind == "scalar" else row
        return row.with_added(**{"^": around}) if around else row

    def _parent(self, type_: str) -> Node:
        if type_ not in self.catalog.types:
            raise Bad(f"no entity {type_} to look below")
        parents = [entity for entity in self.catalog.entities if entity.type == type_]
        return self.row(self.services[id(parents[0])], parents[0])

    def _called(self, client: str, op: str, given: set[str]) -> None:
        given = {name.partition(".")[0] for name in given}
        shape = operation(client, op).input_shape
        members = shape.members if shape else {}
        unknown, missing = given - set(members), set(shape.required_members if shape else ()) - given
        if unknown:
            raise Bad(f"{client}.{op} takes no {sorted(unknown)}")
        if missing:
            raise Bad(f"{client}.{op} needs {sorted(missing)}")

    def _rows(self, service: Service, declaration: Declaration) -> None:
        self.row(service, declaration)

    def _paths(self, service: Service, declaration: Declaration) -> None:
        row = self.row(service, declaration)
        if row.kind == "struct" and set(PLACE) & set(row.members):
            templated = {path for source in _sources(declaration) for path in reads(source)}
            if templated & set(PLACE):
                raise Bad("a template's place word is also a field of the row")
        for source in _sources(declaration):
            for path in reads(source):
                walk(row, path)
        if isinstance(declaration, Entity):
            for label, source in declaration.props.items():
                if isinstance(source, str):
                    _plain(label, walk(row, source))
        for edge in declaration.edges:
            self._edge_paths(edge, row)

    def _edge_paths(self, edge: Edge, row: Node) -> None:
        item = row
        if edge.each:
            got = walk(row, edge.each)
            item = (got.item or ANY) if got.kind == "list" else got
            item = (Node("struct", {"Item": item}) if item.kind == "scalar" else item).with_added(**{"^": row})
        outside = edge.outside.entity.values() if isinstance(edge.outside, MappedEntity) else (edge.outside,)
        for source in (edge.at, edge.of, edge.when, edge.key, *edge.props.values(), *outside):
            for path in reads(source) if source is not None else ():
                walk(item, path)

    def _ends(self, service: Service, declaration: Declaration) -> None:
        for edge in declaration.edges:
            sources, targets = _several(edge.source), _several(edge.target)
            if isinstance(declaration, Entity) and edge.of is None and declaration.type not in (*sources, *targets):
                raise Bad(f"edge {edge.source} {edge.verb} {edge.target} is not its own")
            if isinstance(declaration, Links) and edge.of is None:
                raise Bad(f"edge {edge.source} {edge.verb} {edge.target} of links needs `of`")
            if edge.at is None and not isinstance(edge.outside, MappedEntity):
                raise Bad(f"edge {edge.source} {edge.verb} {edge.target} points nowhere")
            for end in (*sources, *targets):
                known = end in self.catalog.types or end == RESOURCE
                if not known and not (isinstance(edge.outside, MappedEntity) and end[:1].isupper()):
                    raise Bad(f"edge end {end} is unknown")
            self._by(edge, declaration)
        del service

    def _by(self, edge: Edge, declaration: Declaration) -> None:
        if edge.by == "id" or edge.at is None:
            return
        own = declaration.type if isinstance(declaration, Entity) else None
        far = _several(edge.target) if own is None or own in _several(edge.source) else _several(edge.source)
        entities = [e for e in self.catalog.entities if e.type in far or RESOURCE in far]
        if not any(edge.by in e.also for e in entities):
            raise Bad(f"no entity of {far} is known by {edge.by!r}")

    def _classes(self, service: Service, declaration: Declaration) -> None:
        del service
        if not isinstance(declaration, Entity):
            return
        for cls in _several(declaration.cls):
            missing = set(REQUIRED.get(cls, ())) - set(declaration.props)
            contradicted = {"category"} if _several(declaration.cls)[0] == "Host" else set()
            if missing - contradicted:
                raise Bad(f"class {cls} requires {sorted(missing)}")
        hidden = COMPUTED_PROPERTIES & set(declaration.props)
        if hidden:
            raise Bad(f"the engine itself sets {sorted(hidden)}")


def _plain(label: str, at: Node) -> None:
    inner = at.item if at.kind == "list" and at.item else at
    if inner.kind not in ("scalar", "any"):
        raise Bad(f"property {label} would be a {inner.kind}: convert it")


def _several(types: str | tuple[str, ...]) -> tuple[str, ...]:
    return (types,) if isinstance(types, str) else types


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
