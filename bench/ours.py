"""The collector's call layer, with the same methods as the baseline. It runs on uvloop, as the command line does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aioboto3

from bench.measure import Burst, Cost, Spent, Stopwatch, one_by_one, resident
from collector.aws.calls import CallContext, ScopeCalls
from collector.aws.clients import Clients
from collector.aws.credentials import Identity, IssuedKeys, Keys, default_provider
from collector.aws.limits import RateLimits
from collector.faults import CallFailed
from collector.report import ScopeRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.measure import ApiCall

HOME = "us-east-1"


class Ours:
    """Calls AWS through `ScopeCalls`: one client per service, one connection pool, compiled parsers, own retries."""

    async def open(self) -> None:
        """Creates a session without clients."""
        session = aioboto3.Session()
        self._clients = Clients(session, HOME)
        self._identity = Identity("000000000001", default_provider(session))
        self._context = CallContext(self._clients, RateLimits(unlimited=True))
        self._record = ScopeRecord()

    async def close(self) -> None:
        """Closes the connection pool."""
        await self._clients.__aexit__(None, None, None)

    async def answer(self, api_call: ApiCall) -> dict[str, Any]:
        """One response without ResponseMetadata."""
        answer = await self._calls(api_call).once(api_call.service, api_call.op, api_call.params)
        answer.pop("ResponseMetadata", None)
        return answer

    async def warm(self, services: Sequence[str]) -> None:
        """Creates clients, as a run does at its start."""
        await self._clients.warm(services)

    async def batch(self, api_call: ApiCall, times: int) -> Spent:
        """Repeats a call sequentially."""
        calls = self._calls(api_call)
        return await one_by_one(lambda: calls.once(api_call.service, api_call.op, api_call.params), times)

    async def first_calls(self, api_calls: Sequence[ApiCall]) -> Cost:
        """CPU and memory of one call each, including the clients, which stay open."""
        start, watch = resident(), Stopwatch()
        await self._clients.warm({each.service for each in api_calls})
        for each in api_calls:
            await self._calls(each).once(each.service, each.op, each.params)
        return Cost(watch.read().cpu, resident() - start)

    async def account(self, account: str, api_calls: Sequence[ApiCall], at_once: int) -> Spent:
        """Makes all calls of an account with credentials of its own; `at_once` limits the calls in flight."""
        watch = Stopwatch()
        await self._clients.warm({each.service for each in api_calls})
        identity = Identity(account, _keys(account))
        context = CallContext(self._clients, RateLimits(unlimited=True), at_once)

        async def call(each: ApiCall) -> None:
            await ScopeCalls(context, identity, each.region, self._record).once(each.service, each.op, each.params)

        await asyncio.gather(*(call(each) for each in api_calls))
        return watch.read()

    async def burst(self, api_call: ApiCall, times: int, at_once: int) -> Burst:
        """Repeats a call against a server that throttles; `at_once` limits the calls in flight."""
        watch = Stopwatch()
        calls = ScopeCalls(
            CallContext(self._clients, RateLimits(1.0), at_once), self._identity, api_call.region, self._record
        )

        async def call() -> bool:
            try:
                await calls.once(api_call.service, api_call.op, api_call.params)
            except CallFailed:
                return False
            return True

        done = await asyncio.gather(*(call() for _ in range(times)))
        return Burst(sum(done), watch.read())

    def _calls(self, api_call: ApiCall) -> ScopeCalls:
        return ScopeCalls(self._context, self._identity, api_call.region, self._record)


def _keys(account: str) -> Any:
    async def issue() -> IssuedKeys:
        return IssuedKeys(Keys(f"AKIA{account}", "canned", None))

    return issue
