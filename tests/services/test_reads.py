"""What a value reads is what its declaration says: a failed call then costs just the values that read its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from collector.catalog.catalog import Catalog, declarations
from collector.model import READ_ERRORS, Place
from collector.schema.declarations import (
    Computed,
    Declaration,
    Edge,
    Entity,
    First,
    Gather,
    Hydrate,
    Join,
    MappedEntity,
    Row,
    Service,
    Source,
    Template,
)
from collector.schema.paths import found, reads
from tests.pipeline import collect

CATALOG = Catalog.all()
PLACE = Place("aws", "123456789012", "us-east-1")


class WatchedRow(dict[str, Any]):
    """A row that notes which of its fields are read, and which of its parent's, as `^.Field`."""

    def __init__(self, row: Row, read: set[str], prefix: str = "") -> None:
        super().__init__(row)
        self._read, self._prefix = read, prefix

    def get(self, name: str, default: Any = None) -> Any:
        self._read.add(f"{self._prefix}{name}")
        return self._watched(name, super().get(name, default))

    def __contains__(self, name: object) -> bool:
        self._read.add(f"{self._prefix}{name}")
        return super().__contains__(name)

    def __getitem__(self, name: str) -> Any:
        self._read.add(f"{self._prefix}{name}")
        return self._watched(name, super().__getitem__(name))

    def _watched(self, name: str, value: Any) -> Any:
        return WatchedRow(value, self._read, f"{self._prefix}^.") if name == "^" and value is not None else value


def head(path: str) -> str:
    """The field at which a path begins, after the `^` of its parents."""
    parts = path.split(".")
    depth = next((number for number, part in enumerate(parts) if part != "^"), len(parts) - 1)
    return ".".join(part.removesuffix("[]").removesuffix("{}") for part in parts[: depth + 1])


def computed(source: Source | None) -> Iterator[Computed]:
    """The functions of a row in a source."""
    if isinstance(source, Computed):
        yield source
    elif isinstance(source, First | Template):
        inner = source.sources if isinstance(source, First) else tuple(source.words.values())
        yield from (each for one in inner for each in computed(one))


def sources(declaration: Declaration) -> Iterator[Source | None]:
    """The sources that read a row of a declaration, without those of its edges."""
    yield declaration.when
    yield from (join.to for join in declaration.join)
    yield from (hydrate.when for hydrate in declaration.hydrate)
    if isinstance(declaration, Entity):
        e = declaration
        yield from (e.key, e.name, e.display, e.id, e.vpc, e.owner, e.region, e.created, e.active, e.tags)
        yield from (*e.also.values(), *e.props.values(), *e.facts.values())


def sources_of(edge: Edge) -> Iterator[Source | None]:
    outside = edge.outside.entity.values() if isinstance(edge.outside, MappedEntity) else (edge.outside,)
    yield from (edge.at, edge.of, edge.vpc, edge.when, edge.key, *edge.props.values(), *outside)


def readings(declaration: Declaration, row: Row) -> Iterator[tuple[Source | None, Row]]:
    """Every source of a declaration with a row that it reads; the sources of an edge with `each` read its items."""
    yield from ((source, row) for source in sources(declaration))
    for edge in declaration.edges:
        items = [row] if edge.each is None else found(row, edge.each)
        around = [{**item, "^": row} if isinstance(item, dict) else {"Item": item, "^": row} for item in items]
        for item in items if edge.each is None else around:
            yield from ((source, item) for source in sources_of(edge))


def undeclared(source: Computed, row: Row) -> set[str]:
    """The fields that a function reads from a row without saying so."""
    read: set[str] = set()
    with suppress(*READ_ERRORS):  # a field that is not there was noted
        source.fn(WatchedRow(row, read))
    return read - {head(path) for path in source.reads} - {"^", "^.^"}


def rows(service: Service) -> Iterator[tuple[Declaration, Row]]:
    for page in asyncio.run(collect(service.name)).pages:
        yield from ((page.declaration, row) for row, _ in page.rows)


@pytest.mark.parametrize("service", CATALOG.services, ids=lambda service: service.name)
def test_a_function_reads_only_the_fields_that_its_declaration_names(service):
    found = {
        f"{getattr(declaration, 'type', service.name)} reads {name} without saying so"
        for declaration, listed in rows(service)
        for source, row in readings(declaration, listed)
        for each in computed(source)
        for name in undeclared(each, row)
    }
    assert sorted(found) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (Computed(lambda row: row.get("A"), ("A.B",)), set()),
        (Computed(lambda row: row["A"] + row["B"], ("A",)), {"B"}),
        (Computed(lambda row: "C" in row, ("A",)), {"C"}),
        (Computed(lambda row: row["^"].get("D"), ("A",)), {"^.D"}),
        (Computed(lambda row: row["^"].get("D"), ("^.D[].E",)), set()),
        (Computed(lambda row: row["Missing"], ("A",)), {"Missing"}),
    ],
)
def test_a_read_that_is_not_declared_is_found(source, found):
    assert undeclared(source, {"A": 1, "B": 2, "^": {"D": 3}}) == found


def added(declaration: Declaration) -> set[str]:
    """The fields that further calls add to a row."""
    calls: tuple[Join | Gather | Hydrate, ...] = (*declaration.join, *declaration.gather, *declaration.hydrate)
    return {call.at for call in calls}


def costly(entity: Entity) -> list[str]:
    """The sources of an entity's identity that read an answer to a further call, which may fail."""
    sources = {"key": entity.key, "owner": entity.owner, "when": entity.when}
    return [
        f"{entity.type}: {name} reads {head(path)}"
        for name, source in sources.items()
        for path in (reads(source) if source is not None else ())
        if head(path) in added(entity)
    ]


@pytest.mark.parametrize("service", CATALOG.services, ids=lambda service: service.name)
def test_a_failed_further_call_never_costs_an_entity(service):
    entities = [each for each in declarations(service) if isinstance(each, Entity)]
    assert [problem for entity in entities for problem in costly(entity)] == []
