"""The baseline: aioboto3 used as documented.

One session, a client for each service and region that is created once and stays open, aiobotocore's parsers, retries,
paginators and connection pools, asyncio's event loop.
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

    from bench.measure import ApiCall


class Plain:
    """Calls AWS through plain aioboto3."""

    async def open(self) -> None:
        """Creates a session without clients."""
        self._fleet = _Fleet(aioboto3.Session())
        await self._fleet.__aenter__()

    async def close(self) -> None:
        """Closes all clients."""
        await self._fleet.__aexit__(None, None, None)

    async def answer(self, api_call: ApiCall, account: str = "000000000001") -> dict[str, Any]:
        """One response without ResponseMetadata, through a client that is closed afterwards."""
        async with _Fleet(_session(account)) as fleet:
            answer = await fleet.call(api_call)
        answer.pop("ResponseMetadata", None)
        return answer

    async def batch(self, api_call: ApiCall, times: int) -> Spent:
        """Repeats a call sequentially."""
        call = getattr(await self._fleet.client(api_call.service, api_call.region), api_call.op)
        return await one_by_one(lambda: call(**api_call.params), times)

    async def first_calls(self, api_calls: Sequence[ApiCall]) -> Cost:
        """CPU and memory of one call each, including the clients, which stay open."""
        start, watch = resident(), Stopwatch()
        for each in api_calls:
            await self._fleet.call(each)
        return Cost(watch.read().cpu, resident() - start)

    async def account(self, account: str, api_calls: Sequence[ApiCall], at_once: int) -> Spent:
        """Makes all calls of an account with a session and clients of its own; `at_once` limits the calls in flight."""
        watch, semaphore = Stopwatch(), asyncio.Semaphore(at_once)
        async with _Fleet(_session(account)) as fleet:

            async def call(each: ApiCall) -> None:
                async with semaphore:
                    await fleet.call(each)

            await asyncio.gather(*(call(each) for each in api_calls))
        return watch.read()

    async def burst(self, api_call: ApiCall, times: int, at_once: int) -> Burst:
        """Repeats a call against a server that throttles; `at_once` limits the calls in flight."""
        watch, semaphore = Stopwatch(), asyncio.Semaphore(at_once)

        async def call() -> bool:
            async with semaphore:
                try:
                    await self._fleet.call(api_call)
                except ClientError:
                    return False
                return True

        done = await asyncio.gather(*(call() for _ in range(times)))
        return Burst(sum(done), watch.read())


def _session(account: str) -> aioboto3.Session:
    """A session whose access key identifies the account to the canned server."""
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
        """The client of a service and region."""
        async with self._opening:
            if (service, region) not in self._clients:
                client = self._session.client(service, region_name=region)
                self._clients[service, region] = await self._stack.enter_async_context(client)
        return self._clients[service, region]

    async def call(self, api_call: ApiCall) -> dict[str, Any]:
        """Makes one call."""
        client = await self.client(api_call.service, api_call.region)
        answer: dict[str, Any] = await getattr(client, api_call.op)(**api_call.params)
        return answer
