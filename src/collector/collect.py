"""One job: list, batch, join, gather, hydrate, descend; pages of finished rows out.

Nothing here knows AWS or the network: calls go through `Api`, which waits, limits and retries. A call that failed for
good is noted in the scope's record and costs what hangs on it, nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

import anyio

from collector.catalog import affected, client_of, parent_type
from collector.faults import Failed, Reason
from collector.model import Place
from collector.paths import Read, found, found_rows, in_doubt, owes, reader, reads, walker
from collector.plan import Job
from collector.report import ScopeRecord
from collector.spec import (
    UNKNOWN,
    Batch,
    Call,
    Entity,
    Fetch,
    Fetched,
    Gather,
    Hydrate,
    Join,
    Made,
    Row,
    Rows,
    Slice,
    Source,
    Within,
)

T = TypeVar("T")
Params: TypeAlias = Mapping[str, Any]

Listing: TypeAlias = Call | Within | Made | Fetch
"""What is fetched once for all declarations that name it."""

AHEAD = 2
"""Pages of one listing that may be worked on at a time: the next is fetched while the last is finished."""


class Page(NamedTuple):
    """Finished rows of one declaration, with the places in which they lie."""

    fetched: Fetched
    rows: list[tuple[Row, Place]]


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


Emit: TypeAlias = Callable[[Page], Awaitable[None]]


class Collection:
    """Collects one job. `width` bounds the calls that it has in flight for the rows of one page."""

    def __init__(self, job: Job, api: Api, record: ScopeRecord, emit: Emit, *, width: int = 16) -> None:
        """Index the job's declarations by where their rows come from."""
        self._job, self._api, self._record, self._emit, self._width = job, api, record, emit, width
        self._roots: dict[Listing, list[_Worker]] = defaultdict(list)
        self._below: dict[str, dict[Listing, list[_Worker]]] = defaultdict(lambda: defaultdict(list))
        parents = {fetched: parent_type(fetched) for fetched in job.fetched}
        inner = frozenset(parent for parent in parents.values() if parent is not None)
        for fetched, parent in parents.items():
            group = self._roots if parent is None else self._below[parent]
            group[listing_of(fetched.rows)].append(_Worker(fetched, self, inner))
        self._listings = _Listings(self)

    async def run(self) -> None:
        """Collect everything. Only bugs escape."""
        joined = {listing_of(join.rows) for worker in self._workers() for join in worker.fetched.join}
        self._listings.shared = joined
        async with anyio.create_task_group() as tasks:
            for rows, workers in self._roots.items():
                tasks.start_soon(self._root, rows, workers)

    def _workers(self) -> Iterator[_Worker]:
        for workers in self._roots.values():
            yield from workers
        for groups in self._below.values():
            for workers in groups.values():
                yield from workers

    async def _root(self, rows: Listing, workers: Sequence[_Worker]) -> None:
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
        self, answers: AsyncIterator[Row], workers: Sequence[_Worker], parent: Row | None, place: Place
    ) -> None:
        """Work through pages, fetching the next while the last is finished."""
        if all(worker.is_plain for worker in workers):
            async for answer in answers:
                await self._descend(workers, answer, parent, place)
            return
        turns = anyio.Semaphore(AHEAD)

        async def work(answer: Row) -> None:
            try:
                await self._descend(workers, answer, parent, place)
            finally:
                turns.release()

        failure: Failed | None = None
        async with anyio.create_task_group() as tasks:
            try:
                async for answer in answers:
                    await turns.acquire()
                    tasks.start_soon(work, answer)
            except Failed as failed:  # inside a task group it would come out wrapped
                failure = failed
        if failure is not None:
            raise failure

    async def _descend(self, workers: Sequence[_Worker], answer: Row, parent: Row | None, place: Place) -> None:
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
            params = {**rows.params, **_arguments(rows.args, parent)}
            async for answer in self._api.pages(client, rows.op, params, region=region, token=rows.token):
                yield answer

    async def children(self, type_: str, rows: Sequence[tuple[Row, Place]]) -> None:
        """What lies below the finished rows of an entity."""
        for source, workers in self._below[type_].items():
            if isinstance(source, Within):
                for row, place in rows:
                    with self.guarded(workers):
                        await self._descend(workers, row, row, place)
            elif isinstance(source, Call):
                await spread(self._below_rows(source, rows), self._child(source, workers), self._width)

    def _below_rows(self, source: Call, rows: Sequence[tuple[Row, Place]]) -> list[tuple[Row, Place]]:
        wanted = reader(source.when) if source.when is not None else None
        return [
            (row, place)
            for row, place in rows
            if (wanted is None or wanted(row, place)) and _has_arguments(source.args, row)
        ]

    def _child(self, source: Call, workers: Sequence[_Worker]) -> Callable[[tuple[Row, Place]], Awaitable[None]]:
        async def child(parent: tuple[Row, Place]) -> None:
            row, place = parent
            region = place.region if place.region != self._job.place.region else None
            with self.guarded(workers, source.absent, vanishing=True):
                await self._stream(self.answers(source, workers[0].fetched, row, region), workers, row, place)

        return child

    @contextmanager
    def guarded(
        self, workers: Sequence[_Worker], absent: tuple[str, ...] = (), *, vanishing: bool = False
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

    async def emit(self, page: Page) -> None:
        """Hand finished rows on."""
        if page.rows:
            await self._emit(page)

    async def matches(self, join: Join) -> Mapping[Any, list[Row]] | Failed:
        """The items of a joined listing by what they match on, or why there are none."""
        return await self._listings.matches(join)

    @property
    def job(self) -> Job:
        """What is being collected."""
        return self._job

    @property
    def width(self) -> int:
        """How many calls may be in flight for one page."""
        return self._width


class _Worker:
    """One declaration at work: its rows from raw items to finished."""

    def __init__(self, fetched: Fetched, collection: Collection, inner: frozenset[str]) -> None:
        self.fetched = fetched
        self._collection = collection
        self._type = fetched.type if isinstance(fetched, Entity) else ""
        late = {hydrate.at for hydrate in fetched.hydrate}
        self._when = reader(fetched.when) if fetched.when is not None else None
        self._when_late = fetched.when is not None and any(path.split(".")[0] in late for path in reads(fetched.when))
        self._region = reader(fetched.region) if isinstance(fetched, Entity) and fetched.region else None
        self._stages = _stages(fetched.hydrate)
        self._noted: set[Join] = set()
        self.is_plain = not (fetched.hydrate or fetched.gather or fetched.batch) and self._type not in inner

    def rows(self, answer: Row, parent: Row | None) -> list[Row]:
        """The raw rows of this declaration in a page."""
        return listed(answer, self.fetched.rows, parent)

    async def page(self, items: Sequence[Row], place: Place) -> None:
        """Finish the rows of a page, hand them on, and go below them."""
        if not items:
            return
        fetched, collection = self.fetched, self._collection
        rows = await self._batched(fetched.batch, items, place) if fetched.batch else list(items)
        if fetched.hydrate or fetched.gather or fetched.join:
            rows = [dict(row) for row in rows]  # declarations that share a call must not see each other's additions
        for join in fetched.join:
            await self._join(join, rows, place)
        placed = [(row, self._place(row, place)) for row in rows]
        if self._when is not None and not self._when_late:
            placed = self._kept(placed)
        for gather in fetched.gather:
            await self._gather(gather, placed)
        gone: set[int] = set()
        for stage in self._stages:
            await self._hydrate(stage, placed, gone)
            # a stage may have told the row's own region, or that it is no more
            placed = [(row, self._place(row, place)) for row, _ in placed if id(row) not in gone]
        if self._when is not None and self._when_late:
            placed = self._kept(placed)
        await collection.emit(Page(fetched, placed))
        if self._type and placed:
            await collection.children(self._type, placed)

    def _kept(self, placed: list[tuple[Row, Place]]) -> list[tuple[Row, Place]]:
        return [(row, place) for row, place in placed if self._is_kept(row, place)]

    def _is_kept(self, row: Row, place: Place) -> bool:
        try:
            return self._when is None or bool(self._when(row, place))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as odd:
            # an item that is not as AWS's model says costs itself, not its page
            failure = Failed(
                f"{self._collection.job.service.name}:{self._type}", Reason.INVALID, type(odd).__name__, str(odd)
            )
            self._collection.note(failure, [self.fetched])
            return False

    def _place(self, row: Row, place: Place) -> Place:
        region = self._region(row, place) if self._region else None
        return Place(place.partition, place.account, region) if region else place

    async def _batched(self, batch: Batch, items: Sequence[Row], place: Place) -> list[Row]:
        rows: list[Row] = []
        by = walker(batch.by if batch.by != "@" else "Item")

        async def describe(some: list[Row]) -> None:
            parent = some[0].get("^")
            params = {**batch.params, **_arguments(batch.args, parent), batch.ids: [by(row) for row in some]}
            with self._collection.guarded([self], batch.absent, vanishing=True):
                try:
                    answer = await self._collection.call(self.fetched, None, batch.op, params, self._other(place))
                except Failed as failure:
                    if failure.reason is not Reason.VANISHED or len(some) == 1:
                        raise
                    for one in some:  # one that vanished must not take the others with it
                        await describe([one])
                    return
                rows.extend({**item, "^": parent} for item in found(answer, batch.items))

        once = list({by(row): row for row in items}.values())
        await spread(list(chunks(once, batch.size)), describe, self._collection.width)
        return rows

    async def _join(self, join: Join, rows: list[Row], place: Place) -> None:
        matches = await self._collection.matches(join)
        if isinstance(matches, Failed):
            if join not in self._noted:
                self._noted.add(join)
                self._collection.note(matches, [self.fetched])
            for row in rows:
                unknown(row, join.at)
            return
        to = reader(join.to)
        for row in rows:
            values = to(row, place)
            several = values if isinstance(values, list) else [values]
            row[join.at] = [item for value in several if value is not None for item in matches.get(value, ())]

    async def _gather(self, gather: Gather, placed: list[tuple[Row, Place]]) -> None:
        by, on = walker(gather.by), walker(gather.on)

        async def describe(some: list[tuple[Row, Place]]) -> None:
            params = {**gather.params, gather.ids: [by(row) for row, _ in some]}
            with self._collection.guarded([self], vanishing=True):
                answer = await self._collection.call(self.fetched, gather.client, gather.op, params)
                belonging = defaultdict(list)
                for item in found(answer, gather.items):
                    belonging[on(item)].append(item)
                for row, _ in some:
                    row[gather.at] = belonging.get(by(row), [])
            for row, _ in some:
                if gather.at not in row:
                    unknown(row, gather.at)

        wanted = [(row, place) for row, place in placed if by(row) is not None]
        await spread(list(chunks(wanted, gather.size)), describe, self._collection.width)

    async def _hydrate(self, stage: Sequence[_Hydration], placed: list[tuple[Row, Place]], gone: set[int]) -> None:
        async def add(one: tuple[_Hydration, Row, Place]) -> None:
            hydration, row, place = one
            hydrate = hydration.hydrate
            try:
                row[hydrate.at] = await self._answer(hydration, row, place)
            except Failed as failure:
                if failure.is_one_of(hydrate.absent):
                    return
                if failure.reason is Reason.VANISHED:
                    gone.add(id(row))
                unknown(row, hydrate.at)
                self._collection.note(failure, [self.fetched], vanishing=True)

        wanted = [
            (hydration, row, place)
            for row, place in placed
            for hydration in stage
            if self._is_wanted(hydration, row, place)
        ]
        await spread(wanted, add, self._collection.width)

    def _is_wanted(self, hydration: _Hydration, row: Row, place: Place) -> bool:
        if in_doubt(row) and hydration.owed(row):  # whether to ask is itself unknown
            unknown(row, hydration.hydrate.at)
            return False
        return (hydration.when is None or bool(hydration.when(row, place))) and _has_arguments(
            hydration.hydrate.args, row
        )

    async def _answer(self, hydration: _Hydration, row: Row, place: Place) -> Any:
        hydrate = hydration.hydrate
        params = {**hydrate.params, **_arguments(hydrate.args, row)}
        if hydrate.regions:
            return await self._in_every_region(hydrate, params, row)
        if hydrate.items is not None:
            return await self._collection.all_items(self.fetched, hydrate, params, self._other(place))
        return await self._collection.call(self.fetched, hydrate.client, hydrate.op, params, self._other(place))

    async def _in_every_region(self, hydrate: Hydrate, params: Params, row: Row) -> list[Row]:
        answers: dict[str, Row] = {}

        async def ask(region: str) -> None:
            try:
                answer = await self._collection.call(self.fetched, hydrate.client, hydrate.op, params, region)
            except Failed as failure:
                if not failure.is_one_of(hydrate.absent):
                    self._collection.note(failure, [self.fetched], vanishing=True)
                    unknown(row, hydrate.at)
                return
            answers[region] = {**answer, "Region": region}

        regions = self._collection.job.target.regions
        await spread(list(regions), ask, self._collection.width)
        return [answers[region] for region in regions if region in answers]

    def _other(self, place: Place) -> str | None:
        return place.region if place.region != self._collection.job.place.region else None


class _Hydration(NamedTuple):
    """A hydrating call with its condition compiled, and whether a failed call owes what it asks with."""

    hydrate: Hydrate
    when: Read | None
    owed: Callable[[Row], bool]


class _Listings:
    """Listings that several declarations of a scope read: each is fetched once, by whoever needs it first."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self.shared: set[Listing] = set()
        self._locks: dict[Listing, anyio.Lock] = defaultdict(anyio.Lock)
        self._answers: dict[Listing, list[Row] | Failed] = {}
        self._matches: dict[Join, Mapping[Any, list[Row]] | Failed] = {}
        self._owners = {join: fetched for fetched in collection.job.fetched for join in fetched.join}

    async def of(self, rows: Listing, fetched: Fetched) -> list[Row]:
        """All pages of a listing. Raises the same `Failed` to everyone who asks."""
        async with self._locks[rows]:
            if rows not in self._answers:
                self._answers[rows] = await self._fetch(rows, fetched)
        answers = self._answers[rows]
        if isinstance(answers, Failed):
            raise answers
        return answers

    async def _fetch(self, rows: Listing, fetched: Fetched) -> list[Row] | Failed:
        try:
            return [answer async for answer in self._collection.answers(rows, fetched, None, None)]
        except Failed as failure:
            absent = rows.absent if isinstance(rows, Call) else ()
            return [] if failure.is_one_of(absent) else failure

    async def matches(self, join: Join) -> Mapping[Any, list[Row]] | Failed:
        """The rows of a joined listing by what they match on."""
        if join not in self._matches:
            self._matches[join] = await self._matched(join)
        return self._matches[join]

    async def _matched(self, join: Join) -> Mapping[Any, list[Row]] | Failed:
        try:
            answers = await self.of(listing_of(join.rows), self._owners[join])
        except Failed as failure:
            return failure
        by_value: dict[Any, list[Row]] = defaultdict(list)
        on = reader(join.on)
        for answer in answers:
            for row in listed(answer, join.rows, None):
                got = on(row, self._collection.job.place)
                for value in got if isinstance(got, list) else [got]:
                    by_value[value].append(row)
        return by_value


class _Scoped:
    """What a `Fetch` function may call."""

    def __init__(self, api: Api, client: str) -> None:
        self._api, self._client = api, client

    async def once(self, op: str, /, *, again: tuple[str, ...] = (), **params: object) -> Row:
        return await self._api.once(self._client, op, params, again=again)


async def spread(items: Sequence[T], fn: Callable[[T], Awaitable[None]], width: int) -> None:
    """Do something for each item, at most `width` at a time: tasks for the width, not for the items."""
    if len(items) == 1:
        await fn(items[0])
        return
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await fn(item)

    async with anyio.create_task_group() as tasks:
        for _ in range(min(width, len(items))):
            tasks.start_soon(work)


def chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def unknown(row: Row, at: str) -> None:
    """Mark an answer as one that a failed call owes: what would be read from it is not known."""
    row.setdefault(UNKNOWN, set()).add(at)


def _has_arguments(args: Mapping[str, str], row: Row) -> bool:
    """Whether the row has what a further call asks about; without it there is nothing to ask."""
    return all(walker(path)(row) is not None for path in args.values())


def _arguments(args: Mapping[str, str], row: Row | None) -> dict[str, Any]:
    """The parameters that come from a row; `imageId.imageDigest` goes into a structure."""
    given: dict[str, Any] = {}
    for name, path in args.items() if row is not None else ():
        outer, _, inner = name.partition(".")
        value = walker(path)(row)
        if inner:
            given.setdefault(outer, {})[inner] = value
        else:
            given[outer] = value
    return given


def listing_of(rows: Rows) -> Listing:
    """What is fetched for these rows: slices of one call are one listing."""
    return rows.call if isinstance(rows, Slice) else rows


def listed(answer: Row, rows: Rows, parent: Row | None) -> list[Row]:
    """The rows that lie in a page of a listing."""
    if isinstance(rows, Fetch):
        return list(answer["Rows"])
    if isinstance(rows, Made):
        return [answer]
    if isinstance(rows, Call) and rows.wrap is not None:
        return [{rows.wrap: item, "Item": item, "^": parent} for item in found(answer, rows.items)]
    return list(found_rows(answer, rows.items, parent))


def _stages(hydrates: Sequence[Hydrate]) -> list[list[_Hydration]]:
    """Hydrating calls in stages: one that reads another's answer waits for it, the rest run side by side."""
    stages: list[list[_Hydration]] = []
    placed: dict[str, int] = {}
    for hydrate in hydrates:
        sources: tuple[Source, ...] = (*hydrate.args.values(), *((hydrate.when,) if hydrate.when is not None else ()))
        heads = {path.split(".")[0].removesuffix("[]") for source in sources for path in reads(source)}
        stage = max((placed[head] + 1 for head in heads if head in placed), default=0)
        placed[hydrate.at] = stage
        while len(stages) <= stage:
            stages.append([])
        when = reader(hydrate.when) if hydrate.when is not None else None
        stages[stage].append(_Hydration(hydrate, when, owes(*sources)))
    return stages


def _made(job: Job) -> Row:
    target = job.target
    return {
        "AccountId": target.account,
        "CallerArn": target.caller,
        "Regions": list(target.regions),
        "EnabledRegions": list(target.enabled),
    }
