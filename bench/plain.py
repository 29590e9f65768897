"""The opponent: aioboto3 used as its documentation shows.

A session, a client for each service and region that stays open while it is needed, aiobotocore's own parsers, retries,
paginators and connection pools, asyncio's own event loop. What plain use would share, it shares: a client is built once.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

import aioboto3
from botocore.exceptions import ClientError

from bench.measure import Burst, Cost, Spent, Stopwatch, one_by_one, resident

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.measure import Asked


class Plain:
    """Calls AWS the plain way."""

    async def open(self) -> None:
        """A session; no client yet."""
        self._fleet = _Fleet(aioboto3.Session())
        await self._fleet.__aenter__()

    async def close(self) -> None:
        """Close all clients."""
        await self._fleet.__aexit__(None, None, None)

    async def answer(self, asked: Asked, account: str = "000000000001") -> dict[str, Any]:
        """One answer, without what botocore says about the response; a client is opened for it and closed again."""
        async with _Fleet(_session(account)) as fleet:
            answer = await fleet.call(asked)
        answer.pop("ResponseMetadata", None)
        return answer

    async def batch(self, asked: Asked, times: int) -> Spent:
        """The same call several times, one after the other."""
        call = getattr(await self._fleet.client(asked.service, asked.region), asked.op)
        return await one_by_one(lambda: call(**asked.params), times)

    async def first_calls(self, asked: Sequence[Asked]) -> Cost:
        """What one call to each costs, their clients included, which stay open."""
        before, watch = resident(), Stopwatch()
        for each in asked:
            await self._fleet.call(each)
        return Cost(watch.read().cpu, resident() - before)

    async def account(self, account: str, asked: Sequence[Asked], at_once: int) -> Spent:
        """All calls of an account, with a session and clients of its own, so many at once."""
        watch, turns = Stopwatch(), asyncio.Semaphore(at_once)
        async with _Fleet(_session(account)) as fleet:

            async def call(each: Asked) -> None:
                async with turns:
                    await fleet.call(each)

            await asyncio.gather(*(call(each) for each in asked))
        return watch.read()

    async def burst(self, asked: Asked, times: int, at_once: int) -> Burst:
        """The same call several times, so many at once, against a server that throttles."""
        watch, turns = Stopwatch(), asyncio.Semaphore(at_once)

        async def call() -> bool:
            async with turns:
                try:
                    await self._fleet.call(asked)
                except ClientError:
                    return False
                return True

        done = await asyncio.gather(*(call() for _ in range(times)))
        return Burst(sum(done), watch.read())


def _session(account: str) -> aioboto3.Session:
    """A session whose key tells the canned server which account asks."""
    return aioboto3.Session(aws_access_key_id=f"AKIA{account}", aws_secret_access_key="canned")


class _Fleet:
    """The open clients of a session."""

    def __init__(self, session: aioboto3.Session) -> None:
        self._session = session
        self._stack = AsyncExitStack()
        self._clients: dict[tuple[str, str], Any] = {}
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def client(self, service: str, region: str) -> Any:
        """The client of that service and region."""
        async with self._opening:
            if (service, region) not in self._clients:
                client = self._session.client(service, region_name=region)
                self._clients[service, region] = await self._stack.enter_async_context(client)
        return self._clients[service, region]

    async def call(self, asked: Asked) -> dict[str, Any]:
        """One call."""
        client = await self.client(asked.service, asked.region)
        answer: dict[str, Any] = await getattr(client, asked.op)(**asked.params)
        return answer
