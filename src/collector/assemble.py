"""Pages of rows to finished records: convert, then resolve. Pure but for the ledger that it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import structlog

from collector.catalog import Catalog
from collector.convert import EdgeConverter, EntityConverter, Options, Pending
from collector.factbook import FactBook
from collector.faults import Failed, Reason
from collector.listings import Page
from collector.model import Place, Record, Scope
from collector.plan import Target
from collector.report import Ledger
from collector.resolve import Directory, Graph
from collector.spec import Entity, Fetched, Row

log = structlog.get_logger()


class Finished(NamedTuple):
    """A record that may leave, and the scope that it belongs to."""

    record: Record
    scope: Scope


class Assembler:
    """The compiled declarations of a run; makes one `AccountAssembler` for each account."""

    def __init__(self, catalog: Catalog, options: Options) -> None:
        """Compile every entity and every edge once."""
        self.entities = {entity: EntityConverter(entity, options) for entity in catalog.entities}
        numbered = [EdgeConverter(edge, fetched, number) for number, (edge, fetched) in enumerate(catalog.edges)]
        self.edges: dict[Fetched, list[EdgeConverter]] = {}
        for converter, (_, fetched) in zip(numbered, catalog.edges, strict=True):
            self.edges.setdefault(fetched, []).append(converter)
        self.directory = Directory([converter.ends for converter in numbered])

    def account(self, target: Target, options: Options, ledger: Ledger) -> AccountAssembler:
        """A fresh graph for an account; `options` are its own, such as its name."""
        return AccountAssembler(self, target, options, ledger)


class AccountAssembler:
    """Turns the pages of one account into records, relationships as soon as both of their ends are known."""

    def __init__(self, assembler: Assembler, target: Target, options: Options, ledger: Ledger) -> None:
        """Start with an empty graph."""
        self._assembler, self._account = assembler, target.account
        self.facts = FactBook(target.account, target.partition)
        self._added = options.tags()
        self._ledger = ledger
        self.graph = Graph(assembler.directory)

    def take(self, page: Page, scope: Scope) -> Iterator[Finished]:
        """The records that a page gives: its entities, and every relationship that they complete."""
        for row, place in page.rows:
            try:
                yield from self._row(page.fetched, row, place, scope)
            except Exception as error:
                log.exception("a row could not be converted", **scope._asdict())
                self._odd(page.fetched, type(error).__name__, str(error), scope)

    def _row(self, fetched: Fetched, row: Row, place: Place, scope: Scope) -> Iterator[Finished]:
        if isinstance(fetched, Entity):
            yield from self._entity(self._assembler.entities[fetched], row, place, scope)
        else:
            yield from self._links(fetched, row, None, place, scope)

    def _entity(self, converter: EntityConverter, row: Row, place: Place, scope: Scope) -> Iterator[Finished]:
        entity = converter.entity
        node = converter(row, place)
        if node is None:
            self._odd(entity, "NoKey", "an item lacks the fields of its key", scope)
            return
        freed = self.graph.add(entity.type, node.key, node.names)
        if freed is None:
            return
        self._ledger.count(node.record)
        self._ledger.scopes[scope].entities += 1
        node.record.update(self._added)
        self.facts.note(entity.type, node, converter.place(row, place))
        yield Finished(node.record, scope)
        for waiting in freed:
            yield from self._link(waiting.pending, waiting.scope)
        yield from self._links(entity, row, node.key, place, scope)

    def _links(self, fetched: Fetched, row: Row, key: str | None, place: Place, scope: Scope) -> Iterator[Finished]:
        converters = self._assembler.edges.get(fetched, ())
        pointers = [pending for converter in converters for pending in converter(row, key, place)]
        for pending in self._assembler.directory.marked(pointers):
            yield from self._link(pending, scope)

    def _link(self, pending: Pending, scope: Scope) -> Iterator[Finished]:
        record = self.graph.link(pending, scope)
        if record is not None:
            self._ledger.count(record)
            yield Finished(record, scope)

    def close(self, unseen: frozenset[str]) -> Iterator[Finished]:
        """The relationships that lead outside of what was collected; the rest is counted as dangling."""
        for record, scope in self.graph.close(self._account, unseen):
            self._ledger.count(record)
            yield Finished(record, scope)
        self._ledger.duplicates += self.graph.duplicates
        self._ledger.dangling.update(self.graph.dangling)

    def _odd(self, fetched: Fetched, code: str, message: str, scope: Scope) -> None:
        """A row that AWS tells otherwise than its model says costs itself, and is not dropped in silence."""
        types = {fetched.type} if isinstance(fetched, Entity) else set[str]()
        operation = f"{scope.service}:{next(iter(types), 'links')}"
        self._ledger.scopes[scope].fail(Failed(operation, Reason.INVALID, code, message), types)
