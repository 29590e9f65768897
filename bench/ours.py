"""The collector's call layer, asked for the same as the opponent. It runs on uvloop, as the command line does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aioboto3

from bench.measure import Burst, Cost, Spent, Stopwatch, one_by_one, resident
from collector.aws.calls import CallContext, ScopeCalls
from collector.aws.clients import Clients
from collector.aws.credentials import Identity, Issued, Keys, own
from collector.aws.limits import RateLimits
from collector.faults import CallFailed
from collector.report import ScopeRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.measure import Asked

HOME = "us-east-1"


class Ours:
    """Calls AWS through `ScopeCalls`: one client a service, one pool, compiled parsers, retries of its own."""

    async def open(self) -> None:
        """A session; no client yet."""
        session = aioboto3.Session()
        self._clients = Clients(session, HOME)
        self._identity = Identity("000000000001", own(session))
        self._line = CallContext(self._clients, RateLimits(unlimited=True))
        self._record = ScopeRecord()

    async def close(self) -> None:
        """Close the pool."""
        await self._clients.__aexit__(None, None, None)

    async def answer(self, asked: Asked) -> dict[str, Any]:
        """One answer, without what botocore says about the response."""
        answer = await self._calls(asked).once(asked.service, asked.op, asked.params)
        answer.pop("ResponseMetadata", None)
        return answer

    async def warm(self, services: Sequence[str]) -> None:
        """What a run does before it begins."""
        await self._clients.warm(services)

    async def batch(self, asked: Asked, times: int) -> Spent:
        """The same call several times, one after the other."""
        calls = self._calls(asked)
        return await one_by_one(lambda: calls.once(asked.service, asked.op, asked.params), times)

    async def first_calls(self, asked: Sequence[Asked]) -> Cost:
        """What one call to each costs, their clients included, which stay open."""
        before, watch = resident(), Stopwatch()
        await self._clients.warm({each.service for each in asked})
        for each in asked:
            await self._calls(each).once(each.service, each.op, each.params)
        return Cost(watch.read().cpu, resident() - before)

    async def account(self, account: str, asked: Sequence[Asked], at_once: int) -> Spent:
        """All calls of an account, with credentials of its own, so many at once."""
        watch = Stopwatch()
        await self._clients.warm({each.service for each in asked})
        identity = Identity(account, _keys(account))
        line = CallContext(self._clients, RateLimits(unlimited=True), at_once)

        async def call(each: Asked) -> None:
            await ScopeCalls(line, identity, each.region, self._record).once(each.service, each.op, each.params)

        await asyncio.gather(*(call(each) for each in asked))
        return watch.read()

    async def burst(self, asked: Asked, times: int, at_once: int) -> Burst:
        """The same call several times, so many at once, against a server that throttles."""
        watch = Stopwatch()
        calls = ScopeCalls(
            CallContext(self._clients, RateLimits(1.0), at_once), self._identity, asked.region, self._record
        )

        async def call() -> bool:
            try:
                await calls.once(asked.service, asked.op, asked.params)
            except CallFailed:
                return False
            return True

        done = await asyncio.gather(*(call() for _ in range(times)))
        return Burst(sum(done), watch.read())

    def _calls(self, asked: Asked) -> ScopeCalls:
        return ScopeCalls(self._line, self._identity, asked.region, self._record)


def _keys(account: str) -> Any:
    async def issue() -> Issued:
        return Issued(Keys(f"AKIA{account}", "canned", None))

    return issue
