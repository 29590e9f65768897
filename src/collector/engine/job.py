"""Collects one job: lists resources, completes their rows with further calls, descends to child resources, emits pages.

Calls go through `Api`, which limits and retries them. A call that fails permanently is recorded, and only what
depends on it is lost.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import TypeAlias

from collector.catalog.catalog import ENABLED_REGIONS, parent_type
from collector.concurrency import WeightedSemaphore
from collector.engine.context import Api, JobContext, Listing, has_arguments, listing_of
from collector.engine.listings import Listings
from collector.engine.plan import Job
from collector.engine.rows import RowLoader, unknown
from collector.graph.assemble import Page
from collector.model import READ_ERRORS, Place, UnknownValueError
from collector.report import ScopeRecord
from collector.schema.declarations import Call, Declaration, Nested, Row, Synthetic
from collector.schema.paths import Read, reader

LISTED_ROWS = 300
"""Listed rows, over all scopes, that may wait for further calls. Beyond that, listings wait with their next page."""

ROWS_BELOW = 600
"""The same for each depth of child resources, whose rows are small and come in short listings."""

FIRST_PAGE = 100
"""Rows expected in the first page of a call whose parameters set no page size."""

Emit: TypeAlias = Callable[[Page], None]


class RowBudgets:
    """Bounds the rows in memory separately for each depth: listed rows, their children, and so on."""

    def __init__(self, listed: int = LISTED_ROWS, below: int = ROWS_BELOW) -> None:
        """`listed` rows at depth 0, `below` at each further depth."""
        self._below = below
        self._depths = [WeightedSemaphore(listed)]
        self._page_sizes: dict[Call, int] = {}

    def expected(self, call: Call) -> int:
        """The number of rows to expect in the next page of a call: that of its last page, or else its page size."""
        sizes = [value for value in call.params.values() if isinstance(value, int)]
        return self._page_sizes.get(call, max(sizes, default=FIRST_PAGE))

    def learn(self, call: Call, rows: int) -> None:
        """Remember the number of rows in a page of a call."""
        self._page_sizes[call] = rows

    def at(self, depth: int) -> WeightedSemaphore:
        """The budget of a depth, 0 for listed rows."""
        while len(self._depths) <= depth:
            self._depths.append(WeightedSemaphore(self._below))
        return self._depths[depth]


class JobRun:
    """Collects one job.

    `width` bounds the calls in flight for the rows of one page, `budgets` the rows in memory of all jobs together.
    """

    def __init__(
        self,
        job: Job,
        api: Api,
        record: ScopeRecord,
        emit: Emit,
        *,
        width: int = 16,
        budgets: RowBudgets | None = None,
    ) -> None:
        self._context, self._emit = JobContext(job, api, record, width), emit
        self._budgets = budgets or RowBudgets()
        self._listings = Listings(self._context)
        self._roots: dict[Listing, list[RowLoader]] = defaultdict(list)
        self._below: dict[str, dict[Listing, list[RowLoader]]] = defaultdict(lambda: defaultdict(list))
        parents = {declaration: parent_type(declaration) for declaration in job.declarations}
        inner = frozenset(parent for parent in parents.values() if parent is not None)
        for declaration, parent in parents.items():
            group = self._roots if parent is None else self._below[parent]
            group[listing_of(declaration.rows)].append(RowLoader(declaration, self._context, self._listings, inner))

    async def run(self) -> None:
        """Collect everything. Failed calls are recorded; only bugs are raised."""
        async with asyncio.TaskGroup() as tasks:
            for rows, loaders in self._roots.items():
                tasks.create_task(self._root(rows, loaders))

    async def _root(self, rows: Listing, loaders: Sequence[RowLoader]) -> None:
        declaration, place = loaders[0].declaration, self._context.job.place
        absent = rows.absent if isinstance(rows, Call) else ()
        with self._context.guarded(_declarations(loaders), absent):
            if isinstance(rows, Synthetic):
                await self._descend(loaders, _rows(loaders, _synthetic_row(self._context.job), None), place, 0)
            elif rows in self._listings.shared:
                for answer in await self._listings.of(rows, declaration):
                    await self._descend(loaders, _rows(loaders, answer, None), place, 0)
            elif all(loader.is_plain for loader in loaders):
                async for answer in self._context.answers(rows, declaration, None, None):
                    await self._descend(loaders, _rows(loaders, answer, None), place, 0)
                    del answer  # free the page before the next one is awaited
            else:
                await self._stream_ahead(self._context.answers(rows, declaration, None, None), loaders, absent)

    async def _stream_ahead(
        self, answers: AsyncIterator[Row], loaders: Sequence[RowLoader], absent: tuple[str, ...]
    ) -> None:
        """Process pages whose rows need further calls, concurrently as far as the row budget allows."""
        place = self._context.job.place
        async with asyncio.TaskGroup() as tasks:
            with self._context.guarded(_declarations(loaders), absent):
                async for answer in answers:
                    rows = _rows(loaders, answer, None)
                    held = await self._budgets.at(0).reserve(len(rows[0]))
                    page = tasks.create_task(self._descend(loaders, rows, place, 0))
                    page.add_done_callback(held.release)
                    del answer, rows

    async def _stream(self, source: Call, loaders: Sequence[RowLoader], depth: int, parent: tuple[Row, Place]) -> None:
        """Process the pages of the children of a row, one after the other.

        The budget is reserved before the first page is there, for the number of rows expected in it. Its holder waits
        only for deeper depths, so the deepest listing always makes progress and there is no deadlock.
        """
        row, place = parent
        region = place.region if place.region != self._context.job.place.region else None
        with self._context.guarded(_declarations(loaders), source.absent, vanishing=True):
            held = await self._budgets.at(depth).reserve(self._budgets.expected(source))
            try:
                async for answer in self._context.answers(source, loaders[0].declaration, row, region):
                    rows = _rows(loaders, answer, row)
                    self._budgets.learn(source, len(rows[0]))
                    held.resize(len(rows[0]))
                    await self._descend(loaders, rows, place, depth)
                    del answer, rows  # as above
            finally:
                held.release()

    async def _descend(self, loaders: Sequence[RowLoader], rows: Sequence[list[Row]], place: Place, depth: int) -> None:
        """Process the rows that each loader found in a page."""
        for loader, own in zip(loaders, rows, strict=True):
            finished = await loader.load(own, place)
            if finished:
                self._emit(Page(loader.declaration, finished))
                await self._children(loader.type, finished, depth + 1)

    async def _children(self, type_: str, rows: Sequence[tuple[Row, Place]], depth: int) -> None:
        """Collect the children of the rows of an entity type."""
        for source, loaders in self._below.get(type_, {}).items():
            if isinstance(source, Nested):
                for row, place in rows:
                    with self._context.guarded(_declarations(loaders)):
                        await self._descend(loaders, _rows(loaders, row, row), place, depth)
            elif isinstance(source, Call):
                parents = self._parents(source, rows, loaders)
                await self._context.for_each(parents, partial(self._stream, source, loaders, depth))

    def _parents(
        self, source: Call, rows: Sequence[tuple[Row, Place]], loaders: Sequence[RowLoader]
    ) -> list[tuple[Row, Place]]:
        condition = reader(source.when) if source.when is not None else None
        parents: list[tuple[Row, Place]] = []
        for row, place in rows:
            try:
                if _may_have_children(condition, row, place) and has_arguments(source.args, row):
                    parents.append((row, place))
            except READ_ERRORS as error:  # the children of this row are not listed
                for loader in loaders:
                    self._context.note_unreadable(error, loader.declaration)
        return parents


def _may_have_children(condition: Read | None, row: Row, place: Place) -> bool:
    """Whether a row meets the condition of a listing; also if that is unknown, because only the listing can tell then."""
    try:
        return condition is None or bool(condition(row, place))
    except UnknownValueError:
        return True


def _synthetic_row(job: Job) -> Row:
    target = job.target
    row: Row = {
        "AccountId": target.account,
        "AccountName": target.name,
        "CallerArn": target.caller,
        "Regions": list(target.regions),
        ENABLED_REGIONS: list(target.enabled),
    }
    if not target.knows_enabled:
        unknown(row, ENABLED_REGIONS)
    return row


def _rows(loaders: Sequence[RowLoader], answer: Row, parent: Row | None) -> list[list[Row]]:
    """The rows of a page, for each declaration that reads it."""
    return [loader.rows(answer, parent) for loader in loaders]


def _declarations(loaders: Sequence[RowLoader]) -> list[Declaration]:
    return [loader.declaration for loader in loaders]
