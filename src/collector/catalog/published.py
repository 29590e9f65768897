"""The data model that JupiterOne publishes for AWS, and how much of it the declarations or a run cover."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from collector.catalog.catalog import Catalog
from collector.model import Record
from collector.schema.declarations import RESOURCE, Entity

TypeTriple: TypeAlias = tuple[str, str, str]
"""A relationship between types: source type, verb, target type."""

Names: TypeAlias = Mapping[str, frozenset[str]]
"""The words that denote an entity type in a published row, by entity type."""

SERVICE = "Service"
"""In a published row: the entity of an AWS service, but no other entity of that class."""


@dataclass(frozen=True, slots=True)
class Published:
    """The published tables, in their order. Rows of the relationship tables are numbered from 1 across all tables."""

    entities: tuple[Mapping[str, Any], ...]
    rows: tuple[Mapping[str, Any], ...]

    @property
    def types(self) -> frozenset[str]:
        """All published entity types."""
        return frozenset(each["type"] for each in self.entities)

    def covered(self, triples: Iterable[TypeTriple], names: Names) -> frozenset[int]:
        """The numbers of the rows that cover at least one of these relationships."""
        triples = tuple(triples)
        rows = enumerate(self.rows, 1)
        return frozenset(number for number, row in rows if any(row_covers(row, triple, names) for triple in triples))


@cache
def published() -> Published:
    """JupiterOne's tables for AWS, with the corrections that docs/data-model.md lists."""
    tables = json.loads(files("collector.catalog").joinpath("published.json").read_text(encoding="utf-8"))
    return Published(tuple(tables["entities"]), tuple(tables["relationships"]))


def row_covers(row: Mapping[str, Any], triple: TypeTriple, names: Names) -> bool:
    """Whether a relationship is an instance of a published row."""
    source, verb, target = triple
    return any(
        verb == row_verb and row_source in _words(source, names) and row_target in _words(target, names)
        for row_source, row_verb, row_target in row["relationships"]
    )


def names(catalog: Catalog) -> Names:
    """The words for each entity type of a catalogue: the type itself, its classes (`Domain`) and `resource`."""
    services = frozenset(service.node.type for service in catalog.services if service.node)
    return {entity.type: frozenset(_names(entity, services)) for entity in catalog.entities}


def _names(entity: Entity, services: frozenset[str]) -> Iterator[str]:
    yield from (entity.type, RESOURCE, *(cls for cls in entity.classes if cls != SERVICE))
    if entity.type in services:
        yield SERVICE


def _words(end: str, names: Names) -> frozenset[str]:
    return names.get(end) or frozenset((end, RESOURCE) if end == SERVICE else (end,))


@dataclass
class Seen:
    """Accumulates the types and relationships of a stream of records. A relationship must come after its ends."""

    types: set[str] = field(default_factory=set)
    triples: set[TypeTriple] = field(default_factory=set)
    _by_key: dict[str, str] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Add the next record."""
        if mapping := record.get("_mapping"):
            ends = self._by_key[mapping["sourceEntityKey"]], _described(mapping["targetEntity"])
            source, target = reversed(ends) if mapping["relationshipDirection"] == "REVERSE" else ends
            self.triples.add((source, record["_class"], target))
        elif "_fromEntityKey" in record:
            source, target = self._by_key[record["_fromEntityKey"]], self._by_key[record["_toEntityKey"]]
            self.triples.add((source, record["_class"], target))
        else:
            self._by_key[record["_key"]] = record["_type"]
            self.types.add(record["_type"])

    def summary(self, catalog: Catalog) -> str:
        """How much of the published data model was seen: `94 of 94 types, 154 of 154 rows`."""
        model = published()
        types, rows = self.types & model.types, model.covered(self.triples, names(catalog))
        return f"{len(types)} of {len(model.types)} types, {len(rows)} of {len(model.rows)} rows"


def _described(target: Mapping[str, Any]) -> str:
    """The type of the target of a mapped relationship, or its class if it has no type."""
    word = target.get("_type") or target["_class"]
    return word if isinstance(word, str) else str(word[0])
