"""The data model, printed from the declarations: what there is, how it is asked for, which permissions that takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from collector.catalog import Catalog, operations
from collector.paths import reads
from collector.permissions import action_of, api_of
from collector.spec import RESOURCE, Entity, Fixed, Service, Source, Template, Via

Triple = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Published:
    """The data model that JupiterOne publishes for AWS, in its order."""

    entities: tuple[Mapping[str, Any], ...]
    rows: tuple[Mapping[str, Any], ...]

    @property
    def types(self) -> frozenset[str]:
        """Its entity types."""
        return frozenset(each["type"] for each in self.entities)


@cache
def published() -> Published:
    """JupiterOne's tables for AWS, under this project's reading of their slips (docs/data-model.md tells them)."""
    given = json.loads(files("collector").joinpath("published.json").read_text(encoding="utf-8"))
    return Published(tuple(given["entities"]), tuple(given["relationships"]))


def row_covers(row: Mapping[str, Any], triple: Triple, services: frozenset[str]) -> bool:
    """Whether a relationship is one of those that a published row names. `services` are the service entities' types."""
    return any(
        _is(triple[0], source, services) and triple[1] == verb and _is(triple[2], target, services)
        for source, verb, target in row["relationships"]
    )


def _is(type_: str, named: str, services: frozenset[str]) -> bool:
    return named in (type_, RESOURCE) or (named == "Service" and type_ in services)


def service_types(catalog: Catalog) -> frozenset[str]:
    """The types of service entities."""
    return frozenset(service.node.type for service in catalog.services if service.node)


def as_json(catalog: Catalog) -> str:
    """Every declared entity with its type, classes, key, properties, operations, IAM actions and edges."""
    known = published()
    entities = [
        {
            "type": entity.type,
            "class": list(_several(entity.cls)),
            "service": service.name,
            "extension": entity.type not in known.types,
            "key": told(entity.key),
            "properties": sorted(_properties(entity)),
            "operations": sorted({f"{client}:{api_of(client, op)}" for client, op in operations(service, entity)}),
            "actions": sorted({action for client, op in operations(service, entity) if (action := action_of(client, op))}),
            "edges": [
                {"from": source, "class": verb, "to": target}
                for edge in entity.edges
                for source in _several(edge.source)
                for verb in (edge.verb,)
                for target in _several(edge.target)
            ],
        }
        for service, entity in _entities(catalog)
    ]
    relationships = [
        {"from": source, "class": verb, "to": target, "service": service.name}
        for service in catalog.services
        for links in service.links
        for edge in links.edges
        for source in _several(edge.source)
        for verb in (edge.verb,)
        for target in _several(edge.target)
    ]
    return json.dumps({"entities": entities, "links": relationships}, indent=2, ensure_ascii=False) + "\n"


def data_model(catalog: Catalog) -> str:
    """The data model as Markdown: the published tables in their order, then the extensions."""
    return "\n".join((*_entity_table(catalog), "", *_relationship_table(catalog), "", *_extension_tables(catalog), ""))


def _entity_table(catalog: Catalog) -> Iterator[str]:
    homes = {entity.type: service for service, entity in _entities(catalog)}
    yield "### Entities"
    yield ""
    yield "| Service | Resource | `_type` | `_class` | `--services` |"
    yield "| --- | --- | --- | --- | --- |"
    for each in published().entities:
        home = homes.get(each["type"])
        classes = ", ".join(f"`{cls}`" for cls in each["classes"])
        yield f"| {each['service']} | {each['resource']} | `{each['type']}` | {classes} | {f'`{home.name}`' if home else '—'} |"


def _relationship_table(catalog: Catalog) -> Iterator[str]:
    services = service_types(catalog)
    drawn = list(_drawn(catalog))
    yield "### Relationships"
    yield ""
    yield "| Row | Relationship | drawn by |"
    yield "| --- | --- | --- |"
    for number, row in enumerate(published().rows, 1):
        places = sorted({place for triple, place in drawn if row_covers(row, triple, services)})
        yield f"| {number} | {row['row'].replace('|', ' or ')} | {', '.join(f'`{place}`' for place in places) or '—'} |"


def _extension_tables(catalog: Catalog) -> Iterator[str]:
    services = service_types(catalog)
    yield "### Extensions: entities"
    yield ""
    yield "| `_type` | `_class` | `--services` |"
    yield "| --- | --- | --- |"
    for service, entity in sorted(_entities(catalog), key=lambda each: each[1].type):
        if entity.type not in published().types:
            yield f"| `{entity.type}` | {', '.join(f'`{cls}`' for cls in _several(entity.cls))} | `{service.name}` |"
    yield ""
    yield "### Extensions: relationships"
    yield ""
    yield "| Relationship | drawn by |"
    yield "| --- | --- |"
    extra = {
        (triple, place)
        for triple, place in _drawn(catalog)
        if not any(row_covers(row, triple, services) for row in published().rows)
    }
    for (source, verb, target), place in sorted(extra):
        yield f"| {source} **{verb}** {target} | `{place}` |"


def _drawn(catalog: Catalog) -> Iterator[tuple[Triple, str]]:
    """Every relationship that is declared, and the service that draws it; an open target stays open."""
    for service in catalog.services:
        for fetched in (*((service.node,) if service.node else ()), *service.entities, *service.links):
            for edge in fetched.edges:
                for source in _several(edge.source):
                    for target in _several(edge.target):
                        yield (source, edge.verb, target), service.name


def _entities(catalog: Catalog) -> Iterator[tuple[Service, Entity]]:
    for service in catalog.services:
        for entity in (*((service.node,) if service.node else ()), *service.entities):
            yield service, entity


def _properties(entity: Entity) -> Iterator[str]:
    yield from ("name", "displayName", "accountId", "region", *entity.props)
    told_apart = {"id": entity.id, "arn": entity.arn, "createdOn": entity.created, "active": entity.active, "webLink": entity.web}
    yield from (label for label, source in told_apart.items() if source is not None)
    if entity.tags is not None:
        yield "tag.*"


def told(source: Source | None) -> str:
    """A source in words: its path, its template, its value, or the paths that it reads."""
    match source:
        case None:
            return ""
        case str():
            return source
        case Template(text):
            return text
        case Fixed(value):
            return json.dumps(value)
        case Via(path, _):
            return path
        case _:
            return ", ".join(dict.fromkeys(reads(source)))


def _several(types: str | Iterable[str]) -> tuple[str, ...]:
    return (types,) if isinstance(types, str) else tuple(types)
