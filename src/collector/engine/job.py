"""One job: list, batch, join, gather, hydrate, descend; pages of finished rows out.

Nothing here knows AWS or the network: calls go through `Api`, which waits, limits and retries. A call that failed for
good is noted in the scope's record and costs what hangs on it, nothing else.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeAlias

from collector.catalog.catalog import parent_type
from collector.concurrency import WeightedSemaphore
from collector.engine.context import Api, JobContext, Listing, has_arguments
from collector.engine.listings import Listings, listing_of
from collector.engine.plan import Job
from collector.engine.rows import RowLoader
from collector.graph.assemble import Page
from collector.model import Place
from collector.report import ScopeRecord
from collector.schema.declarations import Call, Declaration, Nested, Row, Synthetic
from collector.schema.paths import reader

LISTED_ROWS = 300
"""Rows of all scopes that are listed and wait for further calls; a page beyond that waits, and its listing with it."""

ROWS_BELOW = 600
"""The same for each depth below: such rows are many in short listings, and small."""

FIRST_PAGE = 100
"""Rows that the first page of a call is taken to hold before it is there, where its parameters ask for no number."""

Emit: TypeAlias = Callable[[Page], None]


class RowBudgets:
    """One bound on the rows in work for each depth: what is listed, what lies below its rows, and so on.

    The rows of a call's last page are remembered: its next page, below another row, will probably hold as many.
    """

    def __init__(self, listed: int = LISTED_ROWS, below: int = ROWS_BELOW) -> None:
        """`listed` rows at depth 0, `below` at each depth under it."""
        self._below = below
        self._depths = [WeightedSemaphore(listed)]
        self._page_sizes: dict[Call, int] = {}

    def expected(self, call: Call) -> int:
        """The rows that the next page of a call will probably hold."""
        asked = [value for value in call.params.values() if isinstance(value, int)]
        return self._page_sizes.get(call, max(asked, default=FIRST_PAGE))

    def learn(self, call: Call, rows: int) -> None:
        """Remember what a page of a call held."""
        self._page_sizes[call] = rows

    def at(self, depth: int) -> WeightedSemaphore:
        """The budget of a depth, 0 for what is listed."""
        while len(self._depths) <= depth:
            self._depths.append(WeightedSemaphore(self._below))
        return self._depths[depth]


class JobRun:
    """Collects one job.

    `width` bounds the calls that it has in flight for the rows of one page, `budgets` the rows that it and others that share
    them have fetched and not finished.
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
        """Index the job's declarations by where their rows come from."""
        self._context, self._emit = JobContext(job, api, record, width), emit
        self._budgets = budgets or RowBudgets()
        self._listings = Listings(self._context)
        self._roots: dict[Listing, list[RowLoader]] = defaultdict(list)
        self._below: dict[str, dict[Listing, list[RowLoader]]] = defaultdict(lambda: defaultdict(list))
        parents = {declaration: parent_type(declaration) for declaration in job.declaration}
        inner = frozenset(parent for parent in parents.values() if parent is not None)
        for declaration, parent in parents.items():
            group = self._roots if parent is None else self._below[parent]
            group[listing_of(declaration.rows)].append(RowLoader(declaration, self._context, self._listings, inner))

    async def run(self) -> None:
        """Collect everything. Only bugs escape."""
        async with asyncio.TaskGroup() as tasks:
            for rows, workers in self._roots.items():
                tasks.create_task(self._root(rows, workers))

    async def _root(self, rows: Listing, workers: Sequence[RowLoader]) -> None:
        declaration, place = workers[0].declaration, self._context.job.place
        absent = rows.absent if isinstance(rows, Call) else ()
        with self._context.guarded(_declared(workers), absent):
            if isinstance(rows, Synthetic):
                await self._descend(workers, _made(self._context.job), None, place, 0)
            elif rows in self._listings.shared:
                for answer in await self._listings.of(rows, declaration):
                    await self._descend(workers, answer, None, place, 0)
            elif all(worker.is_plain for worker in workers):
                async for answer in self._context.answers(rows, declaration, None, None):
                    await self._descend(workers, answer, None, place, 0)
                    del answer  # before the next one is waited for
            else:
                await self._stream_ahead(self._context.answers(rows, declaration, None, None), workers, absent)

    async def _stream_ahead(
        self, answers: AsyncIterator[Row], workers: Sequence[RowLoader], absent: tuple[str, ...]
    ) -> None:
        """Work through pages whose rows need further calls: several at a time, as far as the budget of rows allows."""
        place = self._context.job.place
        async with asyncio.TaskGroup() as tasks:
            with self._context.guarded(_declared(workers), absent):
                async for answer in answers:
                    held = await self._budgets.at(0).reserve(len(workers[0].rows(answer, None)))
                    page = tasks.create_task(self._descend(workers, answer, None, place, 0))
                    page.add_done_callback(held.release)
                    del answer

    async def _stream(
        self, source: Call, workers: Sequence[RowLoader], parent: tuple[Row, Place], region: str | None, depth: int
    ) -> None:
        """Work through the pages of what lies below a row, one after the other.

        Room is made before the first page is fetched, for as many rows as it will probably hold. A listing waits for those
        below its rows and never for its own depth, so the deepest one always goes on and none waits for ever.
        """
        row, place = parent
        held = await self._budgets.at(depth).reserve(self._budgets.expected(source))
        try:
            async for answer in self._context.answers(source, workers[0].declaration, row, region):
                size = len(workers[0].rows(answer, row))
                self._budgets.learn(source, size)
                held.resize(size)
                await self._descend(workers, answer, row, place, depth)
                del answer  # before the next one is waited for
        finally:
            held.release()

    async def _descend(
        self, workers: Sequence[RowLoader], answer: Row, parent: Row | None, place: Place, depth: int
    ) -> None:
        for worker in workers:
            finished = await worker.finished(worker.rows(answer, parent), place)
            if finished:
                self._emit(Page(worker.declaration, finished))
                await self._children(worker.type, finished, depth + 1)

    async def _children(self, type_: str, rows: Sequence[tuple[Row, Place]], depth: int) -> None:
        """What lies below the finished rows of an entity."""
        for source, workers in self._below.get(type_, {}).items():
            if isinstance(source, Nested):
                for row, place in rows:
                    with self._context.guarded(_declared(workers)):
                        await self._descend(workers, row, row, place, depth)
            elif isinstance(source, Call):
                await self._context.for_each(self._below_rows(source, rows), self._child(source, workers, depth))

    def _below_rows(self, source: Call, rows: Sequence[tuple[Row, Place]]) -> list[tuple[Row, Place]]:
        wanted = reader(source.when) if source.when is not None else None
        return [
            (row, place)
            for row, place in rows
            if (wanted is None or wanted(row, place)) and has_arguments(source.args, row)
        ]

    def _child(
        self, source: Call, workers: Sequence[RowLoader], depth: int
    ) -> Callable[[tuple[Row, Place]], Awaitable[None]]:
        async def child(parent: tuple[Row, Place]) -> None:
            _, place = parent
            region = place.region if place.region != self._context.job.place.region else None
            with self._context.guarded(_declared(workers), source.absent, vanishing=True):
                await self._stream(source, workers, parent, region, depth)

        return child


def _made(job: Job) -> Row:
    target = job.target
    return {
        "AccountId": target.account,
        "CallerArn": target.caller,
        "Regions": list(target.regions),
        "EnabledRegions": list(target.enabled),
    }


def _declared(workers: Sequence[RowLoader]) -> list[Declaration]:
    return [worker.declaration for worker in workers]
