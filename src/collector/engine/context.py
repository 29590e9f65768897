"""What all parts of one collection share: its job, its calls, and the record of what could not be seen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias, TypeVar

from collector.catalog.catalog import affected, client_of
from collector.concurrency import for_each
from collector.engine.plan import Job
from collector.faults import CallFailed, Reason
from collector.report import ScopeRecord
from collector.schema.declarations import Call, Custom, Declaration, Hydrate, Nested, Row, Synthetic
from collector.schema.paths import found, walker

Params: TypeAlias = Mapping[str, Any]
T = TypeVar("T")

Listing: TypeAlias = Call | Nested | Synthetic | Custom
"""What is fetched once for all declarations that name it."""


class Api(Protocol):
    """The calls of one scope. Raises `CallFailed` when a call fails for good."""

    async def once(
        self, client: str, op: str, params: Params, *, region: str | None = None, again: tuple[str, ...] = ()
    ) -> Row:
        """One call; `region` overrides the scope's, `again` are codes that mean "not ready yet"."""

    def pages(
        self, client: str, op: str, params: Params, *, region: str | None = None, token: str | None = None
    ) -> AsyncIterator[Row]:
        """All pages of a listing."""


class JobContext:
    """The job at hand, and the way to ask for what it needs. `width` bounds the calls in flight for the rows of one page."""

    def __init__(self, job: Job, api: Api, record: ScopeRecord, width: int) -> None:
        """Nothing is asked yet."""
        self.job = job
        self._api, self._record, self._width = api, record, width

    async def answers(
        self, rows: Listing, declaration: Declaration, parent: Row | None, region: str | None
    ) -> AsyncIterator[Row]:
        """The pages of a listing. A failure after some pages leaves those, and is raised."""
        if isinstance(rows, Custom):
            calls = _Scoped(self._api, client_of(self.job.service, declaration, rows.client))
            async for fetched_rows in rows.fn(calls):
                yield {"Rows": fetched_rows}
        elif isinstance(rows, Call):
            client = client_of(self.job.service, declaration, rows.client)
            params = {**rows.params, **arguments(rows.args, parent)}
            async for answer in self._api.pages(client, rows.op, params, region=region, token=rows.token):
                yield answer
                del answer

    @contextmanager
    def guarded(
        self, several: Sequence[Declaration], absent: tuple[str, ...] = (), *, vanishing: bool = False
    ) -> Iterator[None]:
        """Note a failure inside and go on after it. Codes in `absent` are none."""
        try:
            yield
        except CallFailed as failure:
            if not failure.is_one_of(absent):
                self.note(failure, several, vanishing=vanishing)

    def note(self, failure: CallFailed, several: Sequence[Declaration], *, vanishing: bool = False) -> None:
        """Write a failure into the scope's record. Only what hung on another row can have vanished."""
        if failure.reason is Reason.VANISHED and not vanishing:
            failure = CallFailed(failure.operation, Reason.ERROR, failure.code, failure.message)
        self._record.fail(failure, {type_ for each in several for type_ in affected(self.job.service, each)})

    async def call(
        self, declaration: Declaration, client: str | None, op: str, params: Params, region: str | None = None
    ) -> Row:
        """One call for a declaration."""
        return await self._api.once(client_of(self.job.service, declaration, client), op, params, region=region)

    async def all_items(
        self, declaration: Declaration, hydrate: Hydrate, params: Params, region: str | None
    ) -> list[Any]:
        """The items of all pages of a hydrating call."""
        client = client_of(self.job.service, declaration, hydrate.client)
        pages = self._api.pages(client, hydrate.op, params, region=region)
        return [item async for answer in pages for item in found(answer, hydrate.items or "@")]

    async def for_each(self, items: Sequence[T], fn: Callable[[T], Awaitable[None]]) -> None:
        """Do something that takes calls for each item, as many at a time as this collection may."""
        await for_each(items, fn, self._width)


class _Scoped:
    """What a `Custom` function may call."""

    def __init__(self, api: Api, client: str) -> None:
        self._api, self._client = api, client

    async def once(self, op: str, /, *, again: tuple[str, ...] = (), **params: object) -> Row:
        return await self._api.once(self._client, op, params, again=again)


def has_arguments(args: Mapping[str, str], row: Row) -> bool:
    """Whether the row has what a further call asks about; without it there is nothing to ask."""
    return all(walker(path)(row) is not None for path in args.values())


def arguments(args: Mapping[str, str], row: Row | None) -> dict[str, Any]:
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
