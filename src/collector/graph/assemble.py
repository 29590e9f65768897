"""Turns pages of rows into records: converts each row, then resolves its pointers.

Conversion needs one row only, so it may run in a worker process. Resolving needs the graph of the whole account.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import structlog

from collector.catalog.catalog import Catalog, drawn_between_others
from collector.faults import CallFailed, Reason
from collector.graph.convert import (
    ConvertedEntity,
    EdgeConverter,
    EdgeEnds,
    EntityConverter,
    PendingEdge,
    UnreadValue,
)
from collector.graph.facts import PolicyFacts
from collector.graph.resolve import AccountGraph, NameIndex
from collector.model import Options, Place, Record, Scope, Target, UnknownValueError
from collector.report import Ledger
from collector.schema.declarations import Declaration, Entity, Row

log = structlog.get_logger()


class Page(NamedTuple):
    """Complete rows of one declaration, each with its place."""

    declaration: Declaration
    rows: list[tuple[Row, Place]]


class OutgoingRecord(NamedTuple):
    """A record to write and its scope. `line` is the record as JSON, if it was serialized already.

    `owner` is that of the entity, as in `ConvertedEntity`.
    """

    record: Record
    scope: Scope
    line: bytes | None = None
    owner: str | None = None


class ConvertedRow(NamedTuple):
    """A row after conversion: its entity and the entity's region, if it is one, and its pending relationships.

    If `line` is set, it is the whole record as JSON, and the entity's `record` has only `_key`, `_type` and `_class`.
    """

    type: str
    entity: ConvertedEntity | None
    region: str
    pointers: Sequence[PendingEdge]
    line: bytes | None = None


class BadRow(NamedTuple):
    """A row, or one value of it, that could not be read, because it differs from AWS's model.

    `type` is empty for links. `types` are the entity types that miss something because of it.
    """

    type: str
    code: str
    message: str
    types: tuple[str, ...]


class Assembler:
    """The declarations of a run, compiled once; makes an `AccountAssembler` for each account."""

    def __init__(self, catalog: Catalog, options: Options) -> None:
        global_types = catalog.global_types
        self.entities = {entity: EntityConverter(entity, options, global_types) for entity in catalog.entities}
        self.edges: dict[Declaration, list[EdgeConverter]] = {}
        ends: list[EdgeEnds] = []
        for number, (edge, declaration) in enumerate(catalog.edges):
            converter = EdgeConverter(edge, declaration, number, global_types)
            self.edges.setdefault(declaration, []).append(converter)
            ends.append(converter.ends)
        self.index = NameIndex(ends)

    def account(self, target: Target, options: Options, ledger: Ledger) -> AccountAssembler:
        """An assembler with an empty graph. `options` are the account's own: they may contain its name."""
        return AccountAssembler(self, target, options, ledger)


class PageConverter:
    """Converts the rows of one account. Pure."""

    def __init__(self, assembler: Assembler, options: Options) -> None:
        self._assembler, self._tags = assembler, options.tags()

    def __call__(self, page: Page) -> Iterator[ConvertedRow | BadRow]:
        """Convert the rows of a page.

        A row, or a value of it, that cannot be read yields a `BadRow`, and does not affect the others. A row whose key a failed call
        left unknown yields nothing.
        """
        for row, place in page.rows:
            unread: list[UnreadValue] = []
            try:
                converted = self._row(page.declaration, row, place, unread)
            except UnknownValueError:
                continue  # a failed call, which is reported, left its key unknown
            except Exception as error:
                log.exception("a row could not be converted")
                yield _bad_row(page.declaration, type(error).__name__, str(error))
                continue
            if converted is None:
                yield _bad_row(page.declaration, "NoKey", "an item lacks the fields of its key")
                continue
            yield converted
            where = f"{converted.entity.key}: " if converted.entity else ""
            for name, cause in unread:
                yield _bad_row(page.declaration, type(cause).__name__, f"{where}{name}: {cause}")

    def _row(self, declaration: Declaration, row: Row, place: Place, unread: list[UnreadValue]) -> ConvertedRow | None:
        if not isinstance(declaration, Entity):
            return ConvertedRow("", None, place.region, self._pointers(declaration, row, None, place, unread))
        converter = self._assembler.entities[declaration]
        entity = converter(row, place, unread)
        if entity is None:
            return None
        entity.record.update(self._tags)
        region = converter.place(row, place).region
        pointers = self._pointers(declaration, row, entity.key, place, unread)
        return ConvertedRow(declaration.type, entity, region, pointers)

    def _pointers(
        self, declaration: Declaration, row: Row, key: str | None, place: Place, unread: list[UnreadValue]
    ) -> Sequence[PendingEdge]:
        converters = self._assembler.edges.get(declaration, ())
        pointers = [pending for converter in converters for pending in converter(row, key, place, unread)]
        return self._assembler.index.mark_repeats(pointers)


def _bad_row(declaration: Declaration, code: str, message: str) -> BadRow:
    if isinstance(declaration, Entity):
        return BadRow(declaration.type, code, message, (declaration.type,))
    return BadRow("", code, message, tuple(sorted(drawn_between_others(declaration))))


class AccountAssembler:
    """Turns the pages of one account into records. A relationship is yielded as soon as both of its ends have been."""

    def __init__(self, assembler: Assembler, target: Target, options: Options, ledger: Ledger) -> None:
        self._account = target.account
        self.facts = PolicyFacts(target.account, target.partition, target.organization)
        self._convert = PageConverter(assembler, options)
        self._ledger = ledger
        self.graph = AccountGraph(assembler.index)

    def take(self, page: Page, scope: Scope) -> Iterator[OutgoingRecord]:
        """The records of a page: its entities, and every relationship that they complete."""
        return self.place(self._convert(page), scope)

    def place(self, rows: Iterable[ConvertedRow | BadRow], scope: Scope) -> Iterator[OutgoingRecord]:
        """The records of rows that are converted already, here or in a worker process."""
        for row in rows:
            if isinstance(row, BadRow):
                operation = f"{scope.service}:{row.type or 'links'}"
                failure = CallFailed(operation, Reason.INVALID, row.code, row.message)
                self._ledger.scopes[scope].fail(failure, row.types)
            elif row.entity is None:
                yield from self._links(row.pointers, scope)
            else:
                yield from self._entity(row, row.entity, scope)

    def _entity(self, row: ConvertedRow, entity: ConvertedEntity, scope: Scope) -> Iterator[OutgoingRecord]:
        freed = self.graph.add(row.type, entity.key, entity.names)
        if freed is None:
            return
        self._ledger.count(entity.record)
        self._ledger.scopes[scope].entities += 1
        for error in self.facts.add(row.type, entity, row.region):
            failure = CallFailed(f"analysis:{row.type}", Reason.INVALID, type(error).__name__, f"{entity.key}: {error}")
            self._ledger.scopes[scope].fail(failure, {row.type})
        yield OutgoingRecord(entity.record, scope, row.line, entity.owner)
        for waiting in freed:
            yield from self._link(waiting.pending, waiting.scope)
        yield from self._links(row.pointers, scope)

    def _links(self, pointers: Iterable[PendingEdge], scope: Scope) -> Iterator[OutgoingRecord]:
        for pending in pointers:
            yield from self._link(pending, scope)

    def _link(self, pending: PendingEdge, scope: Scope) -> Iterator[OutgoingRecord]:
        record = self.graph.link(pending, scope)
        if record is not None:
            self._ledger.count(record)
            yield OutgoingRecord(record, scope)

    def close(self, unseen: frozenset[str]) -> Iterator[OutgoingRecord]:
        """The relationships that `AccountGraph.close` resolves. The ledger gets dangling pointers and duplicates."""
        for record, scope in self.graph.close(self._account, unseen):
            self._ledger.count(record)
            yield OutgoingRecord(record, scope)
        self._ledger.duplicates += self.graph.duplicates
        self._ledger.dangling.update(self.graph.dangling)
