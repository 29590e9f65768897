"""The only module that waits for AWS: rate limits, attempts, retries, paging. Nothing above it retries.

A call that succeeds at once costs a token, a concurrency slot and one await: no task, no log line. Pages are retried
one by one, so that a listing never starts over.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import NoReturn

import anyio

from collector.aws.availability import NOTHING_KNOWN, Availability, Offer
from collector.aws.breaker import CircuitBreaker
from collector.aws.clients import Answer, Client, Clients, Params
from collector.aws.credentials import Identity, Keys, RequestTarget
from collector.aws.faults import NO_SUCH_HOST, Classification, classify
from collector.aws.limits import RateLimiter, RateLimits
from collector.aws.paging import by_token
from collector.faults import NOT_OFFERED, CallFailed, Reason
from collector.report import ScopeRecord


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds on the retries of one call. Times are in seconds.

    `deadline` covers all attempts and the time spent in the rate limiter. `throttle_attempts` is for throttled calls
    and for results that are not ready yet, `other_attempts` for every other transient failure. Waits are random below
    an exponentially growing bound (full jitter), so that callers do not retry in step.
    """

    deadline: float = 900.0
    throttle_attempts: int = 12
    other_attempts: int = 5
    first_wait: float = 0.3
    longest_wait: float = 20.0
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep

    def wait(self, attempt: int) -> float:
        """Seconds to wait after attempt number `attempt`, counted from 1."""
        return random.uniform(0, min(self.longest_wait, self.first_wait * 2 ** (attempt - 1)))  # noqa: S311


@dataclass(slots=True)
class CallContext:
    """What all calls of a run share. `concurrency` bounds the calls in flight over all accounts.

    A call to a service that is not offered in its region, according to `availability`, is not made.
    """

    clients: Clients
    limits: RateLimits
    concurrency: int = 100
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    availability: Availability = NOTHING_KNOWN
    in_flight: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self.in_flight = asyncio.Semaphore(self.concurrency)


class _RetryableError(Exception):
    """An attempt failed, but a later one may succeed. `max_attempts` bounds the attempts of the call."""

    def __init__(self, classification: Classification, max_attempts: int) -> None:
        super().__init__(classification.code)
        self.classification = classification
        self.max_attempts = max_attempts


@dataclass(frozen=True, slots=True)
class _Call:
    """One call with everything that its attempts need. `not_ready`: error codes of a result that is not ready yet."""

    name: str
    client: Client
    service: str
    op: str
    params: Params
    region: str
    not_ready: tuple[str, ...]
    limiter: RateLimiter | None


class SharedAnswers:
    """Answers shared by the services of an account. `operations`: (client, operation) pairs to call only once."""

    def __init__(self, operations: frozenset[tuple[str, str]]) -> None:
        self._operations = operations
        self._answers: dict[tuple[object, ...], asyncio.Future[Answer]] = {}

    def remembers(self, call: _Call) -> bool:
        """Whether the answer of this call is shared."""
        return (call.service, call.op) in self._operations

    async def once(self, call: _Call, make: Callable[[_Call], Awaitable[Answer]]) -> Answer:
        """The answer of the first such call. Raises what that call raised."""
        key = (call.service, call.op, call.region, str(sorted(call.params.items())))
        shared = self._answers.get(key)
        if shared is not None:
            return await shared
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[key] = answer
        try:
            answer.set_result(await make(call))
        except asyncio.CancelledError:  # the scopes that wait for this answer must not be cancelled with this one
            answer.set_exception(
                CallFailed(call.name, Reason.TIMEOUT, "Abandoned", "the scope that made this call was abandoned")
            )
            answer.exception()  # marks it as retrieved: asyncio would log it if no scope waits
            raise
        except Exception as error:  # noqa: BLE001  (raised below, and in every scope that waits)
            answer.set_exception(error)
        return await answer


class ScopeCalls:
    """The calls of one scope: one account and, unless a call overrides it, one region.

    `record` counts calls, retries and throttles; `shared` holds the answers that the account's services share. `drain`
    is awaited before each call, until the consumer has caught up; `on_call_end` is called after it, successful or not.
    """

    def __init__(
        self,
        context: CallContext,
        identity: Identity,
        region: str,
        record: ScopeRecord,
        *,
        shared: SharedAnswers | None = None,
        on_call_end: Callable[[], None] | None = None,
        drain: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._context, self._identity, self._region, self._record = context, identity, region, record
        self._shared, self._on_call_end, self._drain = shared, on_call_end, drain

    async def once(
        self, client: str, op: str, params: Params, *, region: str | None = None, again: tuple[str, ...] = ()
    ) -> Answer:
        """Make one call and retry it while that may help. Error codes in `again` mean "not ready yet" and are retried.

        Raises:
            CallFailed: if the call failed permanently or exceeded its deadline.
        """
        if self._drain:
            await self._drain()
        built = await self._client(client, op)
        api, where = built.apis[op], region or self._region
        if self._context.availability.offer(client, where) is Offer.NOT_OFFERED:
            raise CallFailed(f"{client}:{api}", Reason.UNREACHABLE, NOT_OFFERED, f"AWS does not offer it in {where}")
        limiter = self._context.limits.limiter(self._identity.account, where, client, api)
        call = _Call(f"{client}:{api}", built, client, op, params, where, again, limiter)
        try:
            async with asyncio.timeout(self._context.retry_policy.deadline):
                if self._shared is not None and self._shared.remembers(call):
                    return await self._shared.once(call, self._retry)
                return await self._retry(call)
        except TimeoutError:
            raise CallFailed(
                call.name, Reason.TIMEOUT, "DeadlineExceeded", f"no answer in {self._context.retry_policy.deadline:g} s"
            ) from None
        finally:
            if self._on_call_end:
                self._on_call_end()

    async def pages(
        self, client: str, op: str, params: Params, *, region: str | None = None, token: str | None = None
    ) -> AsyncIterator[Answer]:
        """Iterate over the pages of a listing; each is retried on its own.

        `token` names the page token of an operation for which botocore has no paginator.

        Raises:
            CallFailed: if a page failed permanently, or AWS returned the same page token twice.
        """
        built = await self._client(client, op)
        paging = by_token(token) if token else built.paging.get(built.apis[op])
        seen: set[str] = set()
        following: Params = {}
        while True:
            answer = await self.once(client, op, {**params, **following}, region=region)
            tokens = paging.following(answer) if paging else None
            yield answer
            del answer  # otherwise this page stays in memory while the next one is requested
            if tokens is None:
                return
            if str(tokens) in seen:
                raise CallFailed(
                    f"{client}:{built.apis[op]}", Reason.INVALID, "RepeatedToken", "the same page token came twice"
                )
            seen.add(str(tokens))
            following = tokens

    async def _client(self, client: str, op: str) -> Client:
        """The client of a call. Raises `CallFailed` if it cannot be built with the user's settings."""
        clients = self._context.clients
        try:
            return await clients.get(client)
        except Exception as error:
            found = classify(error)
            operation = f"{client}:{clients.api(client, op)}"
            raise CallFailed(operation, found.reason, found.code, found.message) from error

    async def _retry(self, call: _Call) -> Answer:
        """Attempt a call until it succeeds, fails permanently or runs out of attempts."""
        policy = self._context.retry_policy
        for attempt in count(1):
            try:
                return await self._attempt(call)
            except _RetryableError as failure:
                if attempt >= failure.max_attempts:
                    if failure.classification.unconnected:
                        self._context.breaker.unreachable(call.service, call.region, failure.classification)
                    raise self._failed(call, failure.classification) from None
            await policy.sleep(policy.wait(attempt))
            self._record.retries += 1
        raise AssertionError  # pragma: no cover

    async def _attempt(self, call: _Call) -> Answer:
        unreachable = self._context.breaker.refuses(call.service, call.region)
        if unreachable is not None:
            raise self._failed(call, unreachable)
        if call.limiter is not None:
            await call.limiter.acquire()
        try:  # before the semaphore: renewing keys is a call too, which would deadlock if all slots waited for it
            keys = await self._identity.get_frozen_credentials()
        except Exception as error:  # noqa: BLE001  (as below)
            raise self._failed(call, classify(error)) from None
        async with self._context.in_flight:
            unreachable = self._context.breaker.refuses(call.service, call.region)  # may have changed during the waits
            if unreachable is not None:
                raise self._failed(call, unreachable)
            self._record.calls += 1
            try:
                answer = await self._context.clients.call(
                    call.client, call.op, call.params, RequestTarget(call.region, keys)
                )
            except Exception as error:  # noqa: BLE001  (classify raises what is neither AWS nor network)
                classification = classify(error)
            else:
                self._answered(call)
                if call.limiter is not None:
                    call.limiter.succeeded()
                return answer
        return await self._raise_failure(call, classification, keys)

    async def _raise_failure(self, call: _Call, classification: Classification, keys: Keys) -> NoReturn:
        """Raise `_RetryableError` if another attempt may help, else `CallFailed`."""
        if not classification.unconnected:
            self._answered(call)
        if classification.throttled:
            self._record.throttles += 1
            if call.limiter is not None:
                call.limiter.throttled()
        policy = self._context.retry_policy
        if classification.expired and await self._identity.renew(keys):
            raise _RetryableError(classification, policy.other_attempts)
        if classification.throttled or classification.code in call.not_ready:
            raise _RetryableError(classification, policy.throttle_attempts)
        if classification.transient:
            raise _RetryableError(classification, policy.other_attempts)
        if classification.unconnected:
            self._context.breaker.unreachable(call.service, call.region, classification)
        raise self._failed(call, classification)

    def _answered(self, call: _Call) -> None:
        self._context.breaker.answered(call.region)
        self._record.reached |= {(call.service, call.region)}

    def _failed(self, call: _Call, classification: Classification) -> CallFailed:
        if classification.code == NO_SUCH_HOST:
            self._record.unresolved |= {(call.service, call.region)}
        return CallFailed(
            call.name,
            classification.reason,
            classification.code,
            classification.message,
            rejected=classification.rejected,
        )
