"""Pages of rows to finished records: convert, then resolve.

Conversion looks at a row alone, so it may be done in any process; what a row is tied to is found in the one graph of its account.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import structlog

from collector.catalog.catalog import Catalog
from collector.faults import CallFailed, Reason
from collector.graph.convert import ConvertedEntity, EdgeConverter, EntityConverter, PendingEdge
from collector.graph.facts import PolicyFacts
from collector.graph.resolve import AccountGraph, NameIndex
from collector.model import Options, Place, Record, Scope, Target
from collector.report import Ledger
from collector.schema.declarations import Declaration, Entity, Row

log = structlog.get_logger()


class Page(NamedTuple):
    """Finished rows of one declaration, with the places in which they lie."""

    declaration: Declaration
    rows: list[tuple[Row, Place]]


class OutgoingRecord(NamedTuple):
    """A record that may leave, and the scope that it belongs to; `line` is the record as JSON where that is made already."""

    record: Record
    scope: Scope
    line: bytes | None = None


class ConvertedRow(NamedTuple):
    """What a row comes to, seen alone: its entity, if it is one, in the region where that lies, and what it points to.

    Where `line` is given, the node's record is no more than its head.
    """

    type: str
    node: ConvertedEntity | None
    region: str
    pointers: Sequence[PendingEdge]
    line: bytes | None = None


class BadRow(NamedTuple):
    """What a row costs that AWS tells otherwise than its model says; `type` is empty where it is no entity."""

    type: str
    code: str
    message: str


class Assembler:
    """The compiled declarations of a run; makes one `AccountAssembler` for each account."""

    def __init__(self, catalog: Catalog, options: Options) -> None:
        """Compile every entity and every edge once."""
        self.entities = {entity: EntityConverter(entity, options) for entity in catalog.entities}
        numbered = [
            EdgeConverter(edge, declaration, number) for number, (edge, declaration) in enumerate(catalog.edges)
        ]
        self.edges: dict[Declaration, list[EdgeConverter]] = {}
        for converter, (_, declaration) in zip(numbered, catalog.edges, strict=True):
            self.edges.setdefault(declaration, []).append(converter)
        self.directory = NameIndex([converter.ends for converter in numbered])

    def account(self, target: Target, options: Options, ledger: Ledger) -> AccountAssembler:
        """A fresh graph for an account; `options` are its own, such as its name."""
        return AccountAssembler(self, target, options, ledger)


class PageConverter:
    """Turns the rows of one account into what each of them comes to. Pure."""

    def __init__(self, assembler: Assembler, options: Options) -> None:
        """`options` are the account's own, such as its name."""
        self._assembler, self._added = assembler, options.tags()

    def __call__(self, page: Page) -> Iterator[ConvertedRow | BadRow]:
        """What the rows of a page come to, one after the other. A row that is odd costs itself."""
        type_ = page.declaration.type if isinstance(page.declaration, Entity) else ""
        for row, place in page.rows:
            try:
                yield from self._row(page.declaration, row, place)
            except Exception as error:
                log.exception("a row could not be converted")
                yield BadRow(type_, type(error).__name__, str(error))

    def _row(self, declaration: Declaration, row: Row, place: Place) -> Iterator[ConvertedRow | BadRow]:
        if not isinstance(declaration, Entity):
            yield ConvertedRow("", None, place.region, self._pointers(declaration, row, None, place))
            return
        converter = self._assembler.entities[declaration]
        node = converter(row, place)
        if node is None:
            yield BadRow(declaration.type, "NoKey", "an item lacks the fields of its key")
            return
        node.record.update(self._added)
        region = converter.place(row, place).region
        try:
            pointers = self._pointers(declaration, row, node.key, place)
        except Exception:
            yield ConvertedRow(declaration.type, node, region, ())
            raise
        yield ConvertedRow(declaration.type, node, region, pointers)

    def _pointers(self, declaration: Declaration, row: Row, key: str | None, place: Place) -> Sequence[PendingEdge]:
        converters = self._assembler.edges.get(declaration, ())
        pointers = [pending for converter in converters for pending in converter(row, key, place)]
        return self._assembler.directory.marked(pointers)


class AccountAssembler:
    """Turns the pages of one account into records, relationships as soon as both of their ends are known."""

    def __init__(self, assembler: Assembler, target: Target, options: Options, ledger: Ledger) -> None:
        """Start with an empty graph."""
        self._account = target.account
        self.facts = PolicyFacts(target.account, target.partition)
        self._convert = PageConverter(assembler, options)
        self._ledger = ledger
        self.graph = AccountGraph(assembler.directory)

    def take(self, page: Page, scope: Scope) -> Iterator[OutgoingRecord]:
        """The records that a page gives: its entities, and every relationship that they complete."""
        return self.place(self._convert(page), scope)

    def place(self, several: Iterable[ConvertedRow | BadRow], scope: Scope) -> Iterator[OutgoingRecord]:
        """The same for rows that are converted already, here or in another process."""
        for each in several:
            if isinstance(each, BadRow):
                self._odd(each, scope)
            elif each.node is None:
                yield from self._links(each.pointers, scope)
            else:
                yield from self._entity(each, each.node, scope)

    def _entity(self, converted: ConvertedRow, node: ConvertedEntity, scope: Scope) -> Iterator[OutgoingRecord]:
        freed = self.graph.add(converted.type, node.key, node.names)
        if freed is None:
            return
        self._ledger.count(node.record)
        self._ledger.scopes[scope].entities += 1
        self.facts.note(converted.type, node, converted.region)
        yield OutgoingRecord(node.record, scope, converted.line)
        for waiting in freed:
            yield from self._link(waiting.pending, waiting.scope)
        yield from self._links(converted.pointers, scope)

    def _links(self, pointers: Iterable[PendingEdge], scope: Scope) -> Iterator[OutgoingRecord]:
        for pending in pointers:
            yield from self._link(pending, scope)

    def _link(self, pending: PendingEdge, scope: Scope) -> Iterator[OutgoingRecord]:
        record = self.graph.link(pending, scope)
        if record is not None:
            self._ledger.count(record)
            yield OutgoingRecord(record, scope)

    def close(self, unseen: frozenset[str]) -> Iterator[OutgoingRecord]:
        """The relationships that lead outside of what was collected; the rest is counted as dangling."""
        for record, scope in self.graph.close(self._account, unseen):
            self._ledger.count(record)
            yield OutgoingRecord(record, scope)
        self._ledger.duplicates += self.graph.duplicates
        self._ledger.dangling.update(self.graph.dangling)

    def _odd(self, odd: BadRow, scope: Scope) -> None:
        """A row that AWS tells otherwise than its model says costs itself, and is not dropped in silence."""
        types = {odd.type} if odd.type else set[str]()
        operation = f"{scope.service}:{odd.type or 'links'}"
        self._ledger.scopes[scope].fail(CallFailed(operation, Reason.INVALID, odd.code, odd.message), types)
