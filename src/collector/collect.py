"""One job: list, batch, join, gather, hydrate, descend; pages of finished rows out.

Nothing here knows AWS or the network: calls go through `Api`, which waits, limits and retries. A call that failed for
good is noted in the scope's record and costs what hangs on it, nothing else.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias, TypeVar

from collector.catalog import affected, client_of, parent_type
from collector.faults import Failed, Reason
from collector.finish import Finisher, arguments, has_arguments
from collector.listings import Listing, Listings, Page, listing_of
from collector.model import Place
from collector.paths import found, reader
from collector.plan import Job
from collector.report import ScopeRecord
from collector.spec import Call, Fetch, Fetched, Hydrate, Join, Made, Row, Within
from collector.work import WeightedSemaphore, spread

Params: TypeAlias = Mapping[str, Any]
T = TypeVar("T")

AHEAD = 2
"""Pages of one listing that may be worked on at a time: the next is fetched while the last is finished."""

ROWS_IN_HAND = 600
"""Rows of all scopes that may wait for further calls; listings whose rows need some pause before they fetch more."""

FIRST_PAGE = 20
"""What a first page is taken to hold before it is there: of a hundred listings most are short."""


class Api(Protocol):
    """The calls of one scope. Raises `Failed` when a call fails for good."""

    async def once(
        self, client: str, op: str, params: Params, *, region: str | None = None, again: tuple[str, ...] = ()
    ) -> Row:
        """One call; `region` overrides the scope's, `again` are codes that mean "not ready yet"."""

    def pages(
        self, client: str, op: str, params: Params, *, region: str | None = None, token: str | None = None
    ) -> AsyncIterator[Row]:
        """All pages of a listing."""


Emit: TypeAlias = Callable[[Page], None]


class Collection:
    """Collects one job.

    `width` bounds the calls that it has in flight for the rows of one page, `in_hand` the rows that it and others that share
    it have fetched and not finished.
    """

    def __init__(
        self,
        job: Job,
        api: Api,
        record: ScopeRecord,
        emit: Emit,
        *,
        width: int = 16,
        pace: Callable[[], Awaitable[None]] | None = None,
        in_hand: WeightedSemaphore | None = None,
    ) -> None:
        """Index the job's declarations by where their rows come from."""
        self._job, self._api, self._record, self._emit = job, api, record, emit
        self._width, self._pace = width, pace
        self._in_hand, self._taken = in_hand or WeightedSemaphore(ROWS_IN_HAND), 0
        self._roots: dict[Listing, list[Finisher]] = defaultdict(list)
        self._below: dict[str, dict[Listing, list[Finisher]]] = defaultdict(lambda: defaultdict(list))
        parents = {fetched: parent_type(fetched) for fetched in job.fetched}
        inner = frozenset(parent for parent in parents.values() if parent is not None)
        for fetched, parent in parents.items():
            group = self._roots if parent is None else self._below[parent]
            group[listing_of(fetched.rows)].append(Finisher(fetched, self, inner))
        self._listings = Listings(self)

    async def run(self) -> None:
        """Collect everything. Only bugs escape."""
        joined = {listing_of(join.rows) for worker in self._workers() for join in worker.fetched.join}
        self._listings.shared = joined
        try:
            async with asyncio.TaskGroup() as tasks:
                for rows, workers in self._roots.items():
                    tasks.create_task(self._root(rows, workers))
        finally:
            self._in_hand.change(-self._taken)  # of what was cancelled
            # These hold the collection as it holds them: all of it would stay until a late sweep of the garbage collector.
            self._roots.clear()
            self._below.clear()
            del self._listings

    def _workers(self) -> Iterator[Finisher]:
        for workers in self._roots.values():
            yield from workers
        for groups in self._below.values():
            for workers in groups.values():
                yield from workers

    async def _root(self, rows: Listing, workers: Sequence[Finisher]) -> None:
        fetched, place = workers[0].fetched, self._job.place
        with self.guarded(workers, rows.absent if isinstance(rows, Call) else ()):
            if isinstance(rows, Made):
                await self._descend(workers, _made(self._job), None, place)
            elif rows in self._listings.shared:
                for answer in await self._listings.of(rows, fetched):
                    await self._descend(workers, answer, None, place)
            else:
                await self._stream(self.answers(rows, fetched, None, None), workers, None, place)

    async def _stream(
        self, answers: AsyncIterator[Row], workers: Sequence[Finisher], parent: Row | None, place: Place
    ) -> None:
        """Work through pages, fetching the next while the last is finished."""
        if all(worker.is_plain for worker in workers):
            async for answer in answers:
                await self._descend(workers, answer, parent, place)
                del answer  # before the next one is waited for
            return
        turns = asyncio.Semaphore(AHEAD)

        async def work(answer: Row, weight: int) -> None:
            try:
                await self._descend(workers, answer, parent, place)
            finally:
                turns.release()
                self._take(-weight)

        failure: Failed | None = None
        async with asyncio.TaskGroup() as tasks:
            try:
                async for answer, weight in self._weighed(answers, workers[0], parent):
                    await turns.acquire()
                    tasks.create_task(work(answer, weight))
                    del answer
            except Failed as failed:  # inside a task group it would come out wrapped
                failure = failed
        if failure is not None:
            raise failure

    async def _weighed(
        self, answers: AsyncIterator[Row], worker: Finisher, parent: Row | None
    ) -> AsyncIterator[tuple[Row, int]]:
        """Pages with the number of their rows. A page is fetched when there is room for as many as the last one had.

        What lies below a row waits for nothing: the row itself could not be finished.
        """
        if parent is not None:
            async for answer in answers:
                yield answer, 0
                del answer
            return
        weight = FIRST_PAGE
        while True:
            expected = weight
            await self._in_hand.take(expected)
            self._taken += expected
            weight = 0
            try:
                answer = await anext(answers)
                weight = len(worker.rows(answer, None))
            except StopAsyncIteration:
                return
            finally:
                self._take(weight - expected)
            yield answer, weight
            del answer

    def _take(self, weight: int) -> None:
        self._taken += weight
        self._in_hand.change(weight)

    async def _descend(self, workers: Sequence[Finisher], answer: Row, parent: Row | None, place: Place) -> None:
        for worker in workers:
            await worker.page(worker.rows(answer, parent), place)

    async def answers(
        self, rows: Listing, fetched: Fetched, parent: Row | None, region: str | None
    ) -> AsyncIterator[Row]:
        """The pages of a listing. A failure after some pages leaves those, and is raised."""
        if isinstance(rows, Fetch):
            calls = _Scoped(self._api, client_of(self._job.service, fetched, rows.client))
            async for fetched_rows in rows.fn(calls):
                yield {"Rows": fetched_rows}
        elif isinstance(rows, Call):
            client = client_of(self._job.service, fetched, rows.client)
            params = {**rows.params, **arguments(rows.args, parent)}
            async for answer in self._api.pages(client, rows.op, params, region=region, token=rows.token):
                yield answer
                del answer

    async def children(self, type_: str, rows: Sequence[tuple[Row, Place]]) -> None:
        """What lies below the finished rows of an entity."""
        for source, workers in self._below[type_].items():
            if isinstance(source, Within):
                for row, place in rows:
                    with self.guarded(workers):
                        await self._descend(workers, row, row, place)
            elif isinstance(source, Call):
                await self.spread(self._below_rows(source, rows), self._child(source, workers))

    def _below_rows(self, source: Call, rows: Sequence[tuple[Row, Place]]) -> list[tuple[Row, Place]]:
        wanted = reader(source.when) if source.when is not None else None
        return [
            (row, place)
            for row, place in rows
            if (wanted is None or wanted(row, place)) and has_arguments(source.args, row)
        ]

    def _child(self, source: Call, workers: Sequence[Finisher]) -> Callable[[tuple[Row, Place]], Awaitable[None]]:
        async def child(parent: tuple[Row, Place]) -> None:
            row, place = parent
            region = place.region if place.region != self._job.place.region else None
            with self.guarded(workers, source.absent, vanishing=True):
                await self._stream(self.answers(source, workers[0].fetched, row, region), workers, row, place)

        return child

    @contextmanager
    def guarded(
        self, workers: Sequence[Finisher], absent: tuple[str, ...] = (), *, vanishing: bool = False
    ) -> Iterator[None]:
        """Note a failure inside and go on after it. Codes in `absent` are none."""
        try:
            yield
        except Failed as failure:
            if not failure.is_one_of(absent):
                self.note(failure, [worker.fetched for worker in workers], vanishing=vanishing)

    def note(self, failure: Failed, several: Sequence[Fetched], *, vanishing: bool = False) -> None:
        """Write a failure into the scope's record. Only what hung on another row can have vanished."""
        if failure.reason is Reason.VANISHED and not vanishing:
            failure = Failed(failure.operation, Reason.ERROR, failure.code, failure.message)
        self._record.fail(failure, {type_ for each in several for type_ in affected(self._job.service, each)})

    async def call(
        self, fetched: Fetched, client: str | None, op: str, params: Params, region: str | None = None
    ) -> Row:
        """One call for a declaration."""
        return await self._api.once(client_of(self._job.service, fetched, client), op, params, region=region)

    async def all_items(self, fetched: Fetched, hydrate: Hydrate, params: Params, region: str | None) -> list[Any]:
        """The items of all pages of a hydrating call."""
        client = client_of(self._job.service, fetched, hydrate.client)
        pages = self._api.pages(client, hydrate.op, params, region=region)
        return [item async for answer in pages for item in found(answer, hydrate.items or "@")]

    def emit(self, page: Page) -> None:
        """Hand finished rows on."""
        if page.rows:
            self._emit(page)

    async def matches(self, join: Join) -> Mapping[Any, list[Row]] | Failed:
        """The items of a joined listing by what they match on, or why there are none."""
        return await self._listings.matches(join)

    @property
    def job(self) -> Job:
        """What is being collected."""
        return self._job

    async def spread(self, items: Sequence[T], fn: Callable[[T], Awaitable[None]]) -> None:
        """Do something that takes calls for each item, as many at a time as this collection may."""
        await spread(items, fn, self._width, self._pace)


class _Scoped:
    """What a `Fetch` function may call."""

    def __init__(self, api: Api, client: str) -> None:
        self._api, self._client = api, client

    async def once(self, op: str, /, *, again: tuple[str, ...] = (), **params: object) -> Row:
        return await self._api.once(self._client, op, params, again=again)


def _made(job: Job) -> Row:
    target = job.target
    return {
        "AccountId": target.account,
        "CallerArn": target.caller,
        "Regions": list(target.regions),
        "EnabledRegions": list(target.enabled),
    }
