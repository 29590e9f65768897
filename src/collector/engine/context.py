"""The context of a job: its API calls, and the record of its failures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias, TypeVar

from collector.catalog.catalog import affected, client_of, describing_client
from collector.concurrency import for_each
from collector.engine.item_failures import ItemFailure, item_failures
from collector.engine.plan import Job
from collector.faults import CallFailed, Reason
from collector.model import READ_ERRORS, UnknownValueError
from collector.report import ScopeRecord
from collector.schema.declarations import (
    Call,
    Custom,
    Declaration,
    Describe,
    Entity,
    Gather,
    Hydrate,
    Nested,
    Row,
    Rows,
    SameAnswer,
    Synthetic,
)
from collector.schema.paths import found, value_at

Params: TypeAlias = Mapping[str, Any]
T = TypeVar("T")

Listing: TypeAlias = Call | Nested | Synthetic | Custom
"""The source of rows that all declarations naming it share: it is read once for all of them."""


class Api(Protocol):
    """The API calls of one scope. Both methods raise `CallFailed` when a call fails permanently."""

    async def once(
        self, client: str, op: str, params: Params, *, region: str | None = None, again: tuple[str, ...] = ()
    ) -> Row:
        """Make one call. `region` overrides the scope's; codes in `again` mean "not ready yet" and are retried."""

    def pages(
        self, client: str, op: str, params: Params, *, region: str | None = None, token: str | None = None
    ) -> AsyncIterator[Row]:
        """All pages of a listing. `token` is the name of its page token if botocore has no paginator."""


class JobContext:
    """A job, its calls and its record. `width` bounds the calls in flight for the rows of one page."""

    def __init__(self, job: Job, api: Api, record: ScopeRecord, width: int) -> None:
        self.job = job
        self._api, self._record, self._width = api, record, width

    async def answers(
        self, rows: Listing, declaration: Declaration, parent: Row | None, region: str | None
    ) -> AsyncIterator[Row]:
        """The pages of a listing, of which there are none for `Nested` and `Synthetic`.

        Raises:
            CallFailed: when a page fails permanently; the pages before it have been yielded.
        """
        if isinstance(rows, Custom):
            calls = _CustomCalls(self._api, client_of(self.job.service, declaration, rows.client))
            async for items in rows.fn(calls):
                yield {"Rows": items}
        elif isinstance(rows, Call):
            client = client_of(self.job.service, declaration, rows.client)
            params = {**rows.params, **arguments(rows.args, parent)}
            async for answer in self._api.pages(client, rows.op, params, region=region, token=rows.token):
                if rows.failures:
                    self.note_items(answer, rows, client, self._readers(rows), vanishing=rows.each is not None)
                yield answer
                del answer

    @contextmanager
    def guarded(
        self, declarations: Sequence[Declaration], absent: tuple[str, ...] = (), *, vanishing: bool = False
    ) -> Iterator[None]:
        """Record a failed call in the body and go on after it. Codes in `absent` mean "none" and are not recorded."""
        try:
            yield
        except CallFailed as failure:
            if not failure.is_one_of(absent):
                self.note(failure, declarations, vanishing=vanishing)

    def note(self, failure: CallFailed, declarations: Sequence[Declaration], *, vanishing: bool = False) -> None:
        """Record a failure. Without `vanishing`, "not found" is an error: only a resource listed before can vanish."""
        if failure.reason is Reason.VANISHED and not vanishing:
            failure = CallFailed(failure.operation, Reason.ERROR, failure.code, failure.message)
        types = {type_ for declaration in declarations for type_ in affected(self.job.service, declaration)}
        self._record.fail(failure, types)

    def note_items(
        self,
        answer: Row,
        call: Call | Hydrate | Describe | Gather,
        client: str,
        declarations: Sequence[Declaration],
        *,
        vanishing: bool = True,
    ) -> list[ItemFailure]:
        """Record and return the failures that a successful answer reports; `vanishing` as in `note`."""
        failures = list(item_failures(answer, call.failures, client, call.op))
        for _, failure in failures:
            self.note(failure, declarations, vanishing=vanishing)
        return failures

    def _readers(self, rows: Call) -> list[Declaration]:
        """The declarations that read the answers of a listing."""
        return [
            declaration
            for declaration in self.job.declarations
            if any(listing_of(each) is rows for each in (declaration.rows, *(join.rows for join in declaration.join)))
        ]

    def note_unreadable(self, error: Exception, declaration: Declaration) -> None:
        """Record that a row of a declaration, or a value of it, could not be read: it differs from AWS's model.

        What a failed call left unknown is not recorded: the call is.
        """
        if isinstance(error, UnknownValueError):
            return
        name = declaration.type if isinstance(declaration, Entity) else "links"
        operation = f"{self.job.service.name}:{name}"
        self.note(CallFailed(operation, Reason.INVALID, type(error).__name__, str(error)), [declaration])

    async def call(
        self, declaration: Declaration, call: Hydrate | Describe | Gather, params: Params, region: str | None = None
    ) -> tuple[Row, list[ItemFailure]]:
        """Make one further call of a declaration and record the failures that its answer reports; returns both.

        `region` overrides that of the job.

        Raises:
            CallFailed: when the call fails permanently.
        """
        if isinstance(call, Describe):
            client = describing_client(self.job.service, declaration)
        else:
            client = client_of(self.job.service, declaration, call.client)
        answer = await self._api.once(client, call.op, params, region=region)
        if not call.failures:
            return answer, []
        return answer, self.note_items(answer, call, client, [declaration], vanishing=was_listed(declaration))

    async def all_items(
        self, declaration: Declaration, hydrate: Hydrate, params: Params, region: str | None
    ) -> list[Any]:
        """The items of all pages of a hydrating call."""
        client = client_of(self.job.service, declaration, hydrate.client)
        items: list[Any] = []
        async for answer in self._api.pages(client, hydrate.op, params, region=region):
            if hydrate.failures:
                self.note_items(answer, hydrate, client, [declaration], vanishing=was_listed(declaration))
            items += items_in(answer, hydrate.items or "@", hydrate.op)
        return items

    async def for_each(self, items: Sequence[T], fn: Callable[[T], Awaitable[None]]) -> None:
        """Await `fn`, which makes calls, for each item, at most `width` at a time."""
        await for_each(items, fn, self._width)


class _CustomCalls:
    """The calls that a `Custom` function may make."""

    def __init__(self, api: Api, client: str) -> None:
        self._api, self._client = api, client

    async def once(self, op: str, /, *, again: tuple[str, ...] = (), **params: object) -> Row:
        return await self._api.once(self._client, op, params, again=again)

    def pages(self, op: str, /, *, token: str | None = None, **params: object) -> AsyncIterator[Row]:
        return self._api.pages(self._client, op, params, token=token)


def listing_of(rows: Rows) -> Listing:
    """The listing that holds these rows."""
    return rows.call if isinstance(rows, SameAnswer) else rows


def was_listed(declaration: Declaration) -> bool:
    """Whether AWS listed the rows of a declaration. Only then does "not found" mean that one was deleted since."""
    return not isinstance(declaration.rows, Synthetic)


def items_in(answer: Row, path: str, op: str) -> list[Any]:
    """The items at a path of the response of a further call.

    Raises:
        CallFailed: when the response differs from AWS's model.
    """
    try:
        return found(answer, path)
    except READ_ERRORS as error:
        raise CallFailed(op, Reason.INVALID, type(error).__name__, str(error)) from error


def has_arguments(args: Mapping[str, str], row: Row) -> bool:
    """Whether the row has every argument of a further call. Without them the call is not made.

    Raises:
        TypeError: for an argument that is neither text nor a number.
        UnknownValueError: for an argument that a failed call left unknown.
    """
    for path in args.values():
        value = value_at(path)(row)
        if value is None:
            return False
        if not isinstance(value, str | int):
            raise TypeError(f"{path} is {value!r:.200}")
    return True


def arguments(args: Mapping[str, str], row: Row | None) -> dict[str, Any]:
    """The parameters that are read from a row. A name such as `imageId.imageDigest` sets a member of a structure."""
    params: dict[str, Any] = {}
    for name, path in args.items() if row is not None else ():
        outer, _, inner = name.partition(".")
        value = value_at(path)(row)
        if inner:
            params.setdefault(outer, {})[inner] = value
        else:
            params[outer] = value
    return params
