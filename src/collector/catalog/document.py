"""Renders the data model from the declarations, as Markdown and as JSON with operations and IAM actions."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import product
from typing import TypeAlias

from collector.analysis.triples import POLICED, TRIPLES
from collector.analysis.triples import SERVICE as ANY_SERVICE
from collector.catalog.catalog import Catalog, declarations, operations
from collector.catalog.partial import policy_types
from collector.catalog.permissions import action_of, api_of
from collector.catalog.published import SERVICE, TypeTriple, names, published, row_covers
from collector.schema.declarations import Edge, Entity, First, Fixed, Service, Source, Template, Via
from collector.schema.paths import reads

Types: TypeAlias = "tuple[str, ...]"

ANALYSIS = "analysis"
"""The source of relationships that follow from policies and rules instead of a pointer in a response."""


def as_json(catalog: Catalog) -> str:
    """All entities with their types, classes, keys, properties, operations, IAM actions and edges, as JSON text."""
    published_types = published().types
    entities = [
        {
            "type": entity.type,
            "class": list(entity.classes),
            "service": service.name,
            "extension": entity.type not in published_types,
            "key": _text(entity.key),
            "properties": sorted(_properties(entity)),
            "operations": sorted({f"{client}:{api_of(client, op)}" for client, op in operations(service, entity)}),
            "actions": sorted(
                {action for client, op in operations(service, entity) if (action := action_of(client, op))}
            ),
            "edges": [_plain(triple) for edge in entity.edges for triple in _expand(edge)],
        }
        for service, entity in _entities(catalog)
    ]
    linked = [
        _plain(triple) | {"service": service.name}
        for service in catalog.services
        for links in service.links
        for edge in links.edges
        for triple in _expand(edge)
    ]
    model = {"entities": entities, "links": linked, "analysis": [_plain(triple) for triple in _analysed(catalog)]}
    return json.dumps(model, indent=2, ensure_ascii=False) + "\n"


def data_model(catalog: Catalog) -> str:
    """The data model as Markdown: the published tables in their order, the extensions, and all properties."""
    tables = (_entity_table, _relationship_table, _extension_tables, _property_table)
    return "\n".join(line for table in tables for line in (*table(catalog), ""))


def _entity_table(catalog: Catalog) -> Iterator[str]:
    homes = {entity.type: service for service, entity in _entities(catalog)}
    yield from _head("### Entities", "Service", "Resource", "`_type`", "`_class`", "`--services`")
    for each in published().entities:
        home = homes.get(each["type"])
        yield _cells(
            each["service"],
            each["resource"],
            f"`{each['type']}`",
            _words(each["classes"]),
            f"`{home.name}`" if home else "—",
        )


def _relationship_table(catalog: Catalog) -> Iterator[str]:
    words, declared = names(catalog), list(declared_triples(catalog))
    yield from _head("### Relationships", "Row", "Relationship", "drawn by")
    for number, row in enumerate(published().rows, 1):
        places = sorted({place for triple, place in declared if row_covers(row, triple, words)})
        yield _cells(str(number), f"`{row['row'].replace('|', ' or ')}`", _words(places) or "—")


def _extension_tables(catalog: Catalog) -> Iterator[str]:
    yield from _head("### Extensions: entities", "`_type`", "`_class`", "`--services`")
    for type_, entities in _by_type(catalog).items():
        if type_ not in published().types:
            services = sorted({service.name for service, _ in entities})
            yield _cells(f"`{type_}`", _words(entities[0][1].classes), _words(services))
    yield ""
    yield from _head("### Extensions: relationships", "Relationship", "drawn by")
    words, triples = names(catalog), declared_triples(catalog)
    extensions = {(triple, place) for triple, place in triples if not published().covered((triple,), words)}
    for sources, verb, targets, place in _grouped(extensions):
        yield _cells(f"`{' or '.join(sources)} {verb} {' or '.join(targets)}`", f"`{place}`")


def _grouped(declared: Iterable[tuple[TypeTriple, str]]) -> list[tuple[Types, str, Types, str]]:
    """Relationships that differ only in their source are merged; then those that differ only in their target."""
    sources: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for (source, verb, target), place in sorted(declared):
        sources[verb, target, place].append(source)
    targets: dict[tuple[Types, str, str], list[str]] = defaultdict(list)
    for (verb, target, place), types in sources.items():
        targets[tuple(types), verb, place].append(target)
    return sorted((types, verb, tuple(ends), place) for (types, verb, place), ends in targets.items())


def _property_table(catalog: Catalog) -> Iterator[str]:
    yield from _head("### Properties", "`_type`", "`_key`", "properties")
    for type_, entities in _by_type(catalog).items():
        keys = dict.fromkeys(_text(entity.key) for _, entity in entities)
        properties = {label for _, entity in entities for label in _properties(entity)}
        yield _cells(f"`{type_}`", _words(keys), " ".join(sorted(properties, key=str.lower)))


def _by_type(catalog: Catalog) -> dict[str, list[tuple[Service, Entity]]]:
    by_type: dict[str, list[tuple[Service, Entity]]] = defaultdict(list)
    for service, entity in sorted(_entities(catalog), key=lambda each: (each[1].type, each[0].name)):
        by_type[entity.type].append((service, entity))
    return by_type


def _head(title: str, *columns: str) -> Iterator[str]:
    yield title
    yield ""
    yield _cells(*columns)
    yield _cells(*("---" for _ in columns))


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _words(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _plain(triple: TypeTriple) -> dict[str, str]:
    source, verb, target = triple
    return {"from": source, "class": verb, "to": target}


def declared_triples(catalog: Catalog) -> Iterator[tuple[TypeTriple, str]]:
    """Every declared relationship and its service, or `ANALYSIS`. `RESOURCE` is not expanded."""
    for service in catalog.services:
        for declaration in declarations(service):
            for edge in declaration.edges:
                yield from ((triple, service.name) for triple in _expand(edge))
    yield from ((triple, ANALYSIS) for triple in _analysed(catalog))


def _expand(edge: Edge) -> Iterator[TypeTriple]:
    return product(edge.sources, (edge.verb,), edge.targets)


def _analysed(catalog: Catalog) -> Iterator[TypeTriple]:
    policed = sorted(policy_types(catalog))
    for triple in TRIPLES:
        source, verb, target = (SERVICE if word == ANY_SERVICE else word for word in triple[:3])
        yield from ((source, verb, each) for each in (policed if target == POLICED else (target,)))


def _entities(catalog: Catalog) -> Iterator[tuple[Service, Entity]]:
    for service in catalog.services:
        for declaration in declarations(service):
            if isinstance(declaration, Entity):
                yield service, declaration


def _properties(entity: Entity) -> Iterator[str]:
    yield from ("name", "displayName", "accountId", "region", *entity.props)
    optional = {
        "id": entity.id,
        "arn": entity.arn,
        "createdOn": entity.created,
        "active": entity.active,
        "webLink": entity.web,
    }
    yield from (label for label, source in optional.items() if source is not None)
    if entity.tags is not None:
        yield "tag.*"


def _text(source: Source | None) -> str:
    """The text of a source: its path, its template, its value, or the paths that it reads."""
    match source:
        case None:
            text = ""
        case str(text) | Via(text, _) | Template(text):
            pass
        case Fixed(value):
            text = json.dumps(value)
        case First(sources):
            text = " else ".join(_text(one) for one in sources)
        case _:
            text = ", ".join(dict.fromkeys(reads(source)))
    return text
