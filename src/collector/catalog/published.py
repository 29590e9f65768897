"""The data model that JupiterOne publishes for AWS, and which of it is declared here or was seen in a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeAlias

from collector.schema.declarations import RESOURCE

if TYPE_CHECKING:
    from collector.catalog.catalog import Catalog
    from collector.model import Record

TypeTriple: TypeAlias = tuple[str, str, str]
"""A relationship between types: from, verb, to."""

Names: TypeAlias = Mapping[str, frozenset[str]]
"""The words by which a published row may mean an entity type."""

SERVICE = "Service"
"""A published row's word for the entity of an AWS service. Other entities of that class are not meant by it."""


@dataclass(frozen=True, slots=True)
class Published:
    """The published tables, in their order; a row's number counts from 1 over all relationship tables."""

    entities: tuple[Mapping[str, Any], ...]
    rows: tuple[Mapping[str, Any], ...]

    @property
    def types(self) -> frozenset[str]:
        """Its entity types."""
        return frozenset(each["type"] for each in self.entities)

    def covered(self, triples: Iterable[TypeTriple], names: Names) -> frozenset[int]:
        """The numbers of the rows that have at least one of these relationships."""
        known = tuple(triples)
        return frozenset(
            number for number, row in enumerate(self.rows, 1) if any(row_covers(row, triple, names) for triple in known)
        )


@cache
def published() -> Published:
    """JupiterOne's tables for AWS, under this project's reading of their slips (docs/data-model.md tells them)."""
    given = json.loads(files("collector.catalog").joinpath("published.json").read_text(encoding="utf-8"))
    return Published(tuple(given["entities"]), tuple(given["relationships"]))


def row_covers(row: Mapping[str, Any], triple: TypeTriple, names: Names) -> bool:
    """Whether a relationship is one of those that a published row names."""
    source, verb, target = triple
    return any(
        verb == wanted and near in _words(source, names) and far in _words(target, names)
        for near, wanted, far in row["relationships"]
    )


def names(catalog: Catalog) -> Names:
    """What rows may call the types of a catalogue: the type, one of its classes (`Domain`), or `resource`."""
    services = frozenset(service.node.type for service in catalog.services if service.node)
    return {entity.type: frozenset(_names(entity.type, entity.cls, services)) for entity in catalog.entities}


def _names(type_: str, cls: str | tuple[str, ...], services: frozenset[str]) -> Iterator[str]:
    yield from (type_, RESOURCE)
    yield from {cls} - {SERVICE} if isinstance(cls, str) else {*cls} - {SERVICE}
    if type_ in services:
        yield SERVICE


def _words(end: str, names: Names) -> frozenset[str]:
    return names.get(end) or frozenset((end, RESOURCE) if end == SERVICE else (end,))


@dataclass
class Seen:
    """The types and relationships in a stream of records, in which no relationship comes before its ends."""

    types: set[str] = field(default_factory=set)
    triples: set[TypeTriple] = field(default_factory=set)
    _by_key: dict[str, str] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Take the next record."""
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

    def told(self, catalog: Catalog) -> str:
        """How much of the published data model that was: `94 of 94 types, 154 of 154 rows`."""
        model = published()
        types, rows = self.types & model.types, model.covered(self.triples, names(catalog))
        return f"{len(types)} of {len(model.types)} types, {len(rows)} of {len(model.rows)} rows"


def _described(target: Mapping[str, Any]) -> str:
    """The type of a mapped relationship's far end, or its class where only that is known."""
    known = target.get("_type") or target["_class"]
    return known if isinstance(known, str) else str(known[0])
