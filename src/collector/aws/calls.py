"""The one place that waits for AWS: limit, attempt, retry, classify, page. Nothing above it retries.

A call that goes well costs a token, a slot and an await: no task, no log line, no retry machinery. tenacity takes over when
the first attempt has failed. Pages are retried one by one, so that a listing never begins again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NoReturn, TypeAlias

import anyio

from collector.aws.breaker import CircuitBreaker
from collector.aws.clients import Client, Clients
from collector.aws.credentials import Identity, Keys, RequestTarget
from collector.aws.faults import Classification, classify
from collector.aws.limits import RateLimiter, RateLimits
from collector.aws.paging import by_token
from collector.faults import CallFailed, Reason, redact
from collector.report import ScopeRecord

Answer: TypeAlias = dict[str, Any]
Params: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to go on trying. Times in seconds.

    `deadline` bounds one call with all its attempts and its turn at the limiter. `patient_attempts` are for throttles and for
    answers that are not ready yet. Waits are random below an exponentially
    growing bound (full jitter), so that many callers do not come back at once.
    """

    deadline: float = 900.0
    patient_attempts: int = 12
    other_attempts: int = 5
    first_wait: float = 0.3
    longest_wait: float = 20.0
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep

    def wait(self, attempt: int) -> float:
        """Seconds to wait after the attempt of that number."""
        return random.uniform(0, min(self.longest_wait, self.first_wait * 2 ** (attempt - 1)))  # noqa: S311


@dataclass(slots=True)
class CallContext:
    """What all calls of a run share."""

    clients: Clients
    limits: RateLimits
    concurrency: int = 100
    patience: RetryPolicy = field(default_factory=RetryPolicy)
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    slots: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        """Make the slots: calls in flight, over all accounts."""
        self.slots = asyncio.Semaphore(self.concurrency)


class _RetryableError(Exception):
    """An attempt failed in a way that a later one may not."""

    def __init__(self, why: Classification, *, patiently: bool = False) -> None:
        super().__init__(why.code)
        self.why = why
        self.patiently = patiently or why.throttled


@dataclass(frozen=True, slots=True)
class _Call:
    """One call with everything that its attempts need."""

    name: str
    client: Client
    service: str
    op: str
    params: Params
    region: str
    again: tuple[str, ...]
    limiter: RateLimiter | None


class SharedAnswers:
    """Calls that several services of an account would make alike: each is made once, by whoever comes first."""

    def __init__(self, operations: frozenset[tuple[str, str]]) -> None:
        """`operations` are the (client, operation) pairs to remember."""
        self._operations = operations
        self._answers: dict[tuple[object, ...], asyncio.Future[Answer]] = {}

    def remembers(self, call: _Call) -> bool:
        """Whether this call's answer is shared."""
        return (call.service, call.op) in self._operations

    async def once(self, call: _Call, make: Callable[[_Call], Awaitable[Answer]]) -> Answer:
        """The answer, or the failure, of the first such call."""
        key = (call.service, call.op, call.region, str(sorted(call.params.items())))
        known = self._answers.get(key)
        if known is not None:
            return await known
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[key] = answer
        try:
            answer.set_result(await make(call))
        except asyncio.CancelledError:  # whoever waits must not be cancelled with us
            answer.set_exception(
                CallFailed(call.name, Reason.TIMEOUT, "Abandoned", "the scope that asked first was given up")
            )
            answer.exception()
            raise
        except Exception as error:  # noqa: BLE001  (handed to everyone who asks, ourselves first)
            answer.set_exception(error)
        return await answer


class ScopeCalls:
    """The calls of one scope: one account, one region unless a call says otherwise, noted in one record."""

    def __init__(
        self,
        line: CallContext,
        identity: Identity,
        region: str,
        record: ScopeRecord,
        *,
        shared: SharedAnswers | None = None,
        alive: Callable[[], None] | None = None,
        drain: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`alive` is told of every call that ended, for whoever watches the scope; `drain` is waited for before each."""
        self._line, self._identity, self._region, self._record = line, identity, region, record
        self._shared, self._alive, self._room = shared, alive, drain

    async def once(
        self, client: str, op: str, params: Params, *, region: str | None = None, again: tuple[str, ...] = ()
    ) -> Answer:
        """One call, retried while that may help; codes in `again` mean "not ready yet".

        Raises:
            Failed: when it failed for good.
        """
        if self._room:
            await self._room()
        built = await self._line.clients.get(client)
        api, where = built.apis[op], region or self._region
        limiter = self._line.limits.limiter(self._identity.account, where, client, api)
        call = _Call(f"{client}:{api}", built, client, op, params, where, again, limiter)
        try:
            async with asyncio.timeout(self._line.patience.deadline):
                if self._shared is not None and self._shared.remembers(call):
                    return await self._shared.once(call, self._persist)
                return await self._persist(call)
        except TimeoutError:
            raise CallFailed(
                call.name, Reason.TIMEOUT, "DeadlineExceeded", f"no answer in {self._line.patience.deadline:g} s"
            ) from None
        finally:
            if self._alive:
                self._alive()

    async def pages(
        self, client: str, op: str, params: Params, *, region: str | None = None, token: str | None = None
    ) -> AsyncIterator[Answer]:
        """All pages of a listing, each retried by itself.

        Raises:
            Failed: when a page failed for good, or a token came twice.
        """
        built = await self._line.clients.get(client)
        paging = by_token(token) if token else built.paging.get(built.apis[op])
        seen: set[str] = set()
        following: Params = {}
        while True:
            answer = await self.once(client, op, {**params, **following}, region=region)
            tokens = paging.following(answer) if paging else None
            yield answer
            del answer  # a page must not stay in memory until the next one is there
            if tokens is None:
                return
            if str(tokens) in seen:
                raise CallFailed(
                    f"{client}:{built.apis[op]}", Reason.INVALID, "RepeatedToken", "the same page token came twice"
                )
            seen.add(str(tokens))
            following = tokens

    async def _persist(self, call: _Call) -> Answer:
        """Attempt a call until it succeeds, fails for good, or has been attempted often enough."""
        patience = self._line.patience
        for attempt in count(1):
            try:
                return await self._attempt(call)
            except _RetryableError as transient:
                if attempt >= (patience.patient_attempts if transient.patiently else patience.other_attempts):
                    if transient.why.unconnected:
                        self._line.breaker.unreachable(call.service, call.region, transient.why)
                    raise _failed(call, transient.why) from None
            await patience.sleep(patience.wait(attempt))
            self._record.retries += 1
        raise AssertionError  # pragma: no cover

    async def _attempt(self, call: _Call) -> Answer:
        refused = self._line.breaker.refuses(call.service, call.region)
        if refused is not None:
            raise _failed(call, refused)
        if call.limiter is not None:
            await call.limiter.acquire()
        try:  # before there is a slot: new keys take a call of their own, which would wait for a slot for ever
            keys = await self._identity.get_frozen_credentials()
        except Exception as error:  # noqa: BLE001  (as below)
            raise _failed(call, classify(error)) from None
        async with self._line.slots:
            refused = self._line.breaker.refuses(call.service, call.region)
            if refused is not None:
                raise _failed(call, refused)
            self._record.calls += 1
            try:
                answer = await self._line.clients.call(
                    call.client, call.op, call.params, RequestTarget(call.region, keys)
                )
            except Exception as error:  # noqa: BLE001  (the table of meanings decides; what it does not know it raises)
                why = classify(error)
            else:
                self._line.breaker.answered(call.region)
                if call.limiter is not None:
                    call.limiter.succeeded()
                return answer
        return await self._consider(call, why, keys)

    async def _consider(self, call: _Call, why: Classification, keys: Keys) -> NoReturn:
        """Turn a failed attempt into another try or into a failure."""
        if not why.unconnected:
            self._line.breaker.answered(call.region)
        if why.throttled:
            self._record.throttles += 1
            if call.limiter is not None:
                call.limiter.throttled()
        if why.expired and await self._identity.renewed(keys):
            raise _RetryableError(why)
        if why.transient or why.code in call.again:
            raise _RetryableError(why, patiently=why.code in call.again)
        if why.unconnected:
            self._line.breaker.unreachable(call.service, call.region, why)
        raise _failed(call, why)


def _failed(call: _Call, why: Classification) -> CallFailed:
    return CallFailed(call.name, why.reason, why.code, redact(why.message))
