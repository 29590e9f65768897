"""The data model, printed from the declarations: what there is, how it is asked for, which permissions that takes."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from collector.analysis.triples import SERVICE as ANY_SERVICE
from collector.analysis.triples import TRIPLES
from collector.catalog.catalog import declarations, operations
from collector.catalog.permissions import action_of, api_of
from collector.catalog.published import SERVICE, TypeTriple, names, published, row_covers
from collector.schema.declarations import Entity, First, Fixed, Template, Via
from collector.schema.paths import reads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from collector.catalog.catalog import Catalog
    from collector.schema.declarations import Edge, Service, Source

Several: TypeAlias = "tuple[str, ...]"

ANALYSIS = "analysis"
"""Where relationships are drawn that follow from policies and rules, not from a pointer in one answer."""


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
            "actions": sorted(
                {action for client, op in operations(service, entity) if (action := action_of(client, op))}
            ),
            "edges": [_plain(triple) for edge in entity.edges for triple in _expand(edge)],
        }
        for service, entity in _entities(catalog)
    ]
    links = [
        _plain(triple) | {"service": service.name}
        for service in catalog.services
        for several in service.links
        for edge in several.edges
        for triple in _expand(edge)
    ]
    analysis = [_plain(triple) for triple in _analysed()]
    return json.dumps({"entities": entities, "links": links, "analysis": analysis}, indent=2, ensure_ascii=False) + "\n"


def data_model(catalog: Catalog) -> str:
    """The data model as Markdown: the published tables in their order, then the extensions, then all properties."""
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
    known, declared = names(catalog), list(drawn(catalog))
    yield from _head("### Relationships", "Row", "Relationship", "drawn by")
    for number, row in enumerate(published().rows, 1):
        places = sorted({place for triple, place in declared if row_covers(row, triple, known)})
        yield _cells(str(number), f"`{row['row'].replace('|', ' or ')}`", _words(places) or "—")


def _extension_tables(catalog: Catalog) -> Iterator[str]:
    yield from _head("### Extensions: entities", "`_type`", "`_class`", "`--services`")
    for type_, several in _by_type(catalog).items():
        if type_ not in published().types:
            homes = sorted({service.name for service, _ in several})
            yield _cells(f"`{type_}`", _words(_several(several[0][1].cls)), _words(homes))
    yield ""
    yield from _head("### Extensions: relationships", "Relationship", "drawn by")
    known = names(catalog)
    extra = {(triple, place) for triple, place in drawn(catalog) if not published().covered((triple,), known)}
    for sources, verb, targets, place in _gathered(extra):
        yield _cells(f"`{' or '.join(sources)} {verb} {' or '.join(targets)}`", f"`{place}`")


def _gathered(declared: Iterable[tuple[TypeTriple, str]]) -> list[tuple[Several, str, Several, str]]:
    """Relationships that differ only in their sources, then those that differ only in their targets, taken together."""
    sources: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for (source, verb, target), place in sorted(declared):
        sources[verb, target, place].append(source)
    targets: dict[tuple[Several, str, str], list[str]] = defaultdict(list)
    for (verb, target, place), several in sources.items():
        targets[tuple(several), verb, place].append(target)
    return sorted((near, verb, tuple(far), place) for (near, verb, place), far in targets.items())


def _property_table(catalog: Catalog) -> Iterator[str]:
    yield from _head("### Properties", "`_type`", "`_key`", "properties")
    for type_, several in _by_type(catalog).items():
        keys = dict.fromkeys(told(entity.key) for _, entity in several)
        properties = {each for _, entity in several for each in _properties(entity)}
        yield _cells(f"`{type_}`", _words(keys), " ".join(sorted(properties, key=str.lower)))


def _by_type(catalog: Catalog) -> dict[str, list[tuple[Service, Entity]]]:
    found: dict[str, list[tuple[Service, Entity]]] = defaultdict(list)
    for service, entity in sorted(_entities(catalog), key=lambda each: (each[1].type, each[0].name)):
        found[entity.type].append((service, entity))
    return found


def _head(title: str, *columns: str) -> Iterator[str]:
    yield title
    yield ""
    yield _cells(*columns)
    yield _cells(*("---" for _ in columns))


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _words(several: Iterable[str]) -> str:
    return ", ".join(f"`{one}`" for one in several)


def _plain(triple: TypeTriple) -> dict[str, str]:
    source, verb, target = triple
    return {"from": source, "class": verb, "to": target}


def drawn(catalog: Catalog) -> Iterator[tuple[TypeTriple, str]]:
    """Every relationship that is declared, and the service that draws it; an open target stays open."""
    for service in catalog.services:
        for declaration in declarations(service):
            for edge in declaration.edges:
                yield from ((triple, service.name) for triple in _expand(edge))
    yield from ((triple, ANALYSIS) for triple in _analysed())


def _expand(edge: Edge) -> Iterator[TypeTriple]:
    for source in _several(edge.source):
        for target in _several(edge.target):
            yield source, edge.verb, target


def _analysed() -> Iterator[TypeTriple]:
    for source, verb, target, _ in TRIPLES:
        yield _end(source), verb, _end(target)


def _end(type_: str) -> str:
    return SERVICE if type_ == ANY_SERVICE else type_


def _entities(catalog: Catalog) -> Iterator[tuple[Service, Entity]]:
    for service in catalog.services:
        for declaration in declarations(service):
            if isinstance(declaration, Entity):
                yield service, declaration


def _properties(entity: Entity) -> Iterator[str]:
    yield from ("name", "displayName", "accountId", "region", *entity.props)
    told_apart = {
        "id": entity.id,
        "arn": entity.arn,
        "createdOn": entity.created,
        "active": entity.active,
        "webLink": entity.web,
    }
    yield from (label for label, source in told_apart.items() if source is not None)
    if entity.tags is not None:
        yield "tag.*"


def told(source: Source | None) -> str:
    """A source in words: its path, its template, its value, or the paths that it reads."""
    match source:
        case None:
            words = ""
        case str(words) | Via(words, _) | Template(words):
            pass
        case Fixed(value):
            words = json.dumps(value)
        case First(sources):
            words = " else ".join(told(one) for one in sources)
        case _:
            words = ", ".join(dict.fromkeys(reads(source)))
    return words


def _several(types: str | Iterable[str]) -> Several:
    return (types,) if isinstance(types, str) else tuple(types)
