"""A server that throttles as AWS does, and a contest for its token buckets: the collector's call layer against another client.

The server speaks HTTP for EC2 (each action has its own bucket), IAM and Route 53 (one bucket for the account each). It tells
callers apart by their access keys, and notes who was served when. `contest` runs the collector's calls and a rival side by
side. Time comes from a `Clock`, so that the same contest runs in a minute of real time or in a second of made-up time.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple, Protocol
from unittest import mock

import aioboto3
import aiohttp
from aiohttp import web

from collector.aws.calls import CallContext, ScopeCalls
from collector.aws.clients import Client, Clients
from collector.aws.credentials import Identity, Issued, Keys, RequestTarget
from collector.aws.limits import RateLimits
from collector.faults import CallFailed
from collector.report import ScopeRecord

OURS, RIVAL = "OURS", "RIVAL"
CREDENTIAL = re.compile(r"Credential=(\w+)/\d{8}/[^/]+/(\w+)/")
XML = "text/xml"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": OURS,
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
"""Nothing of the user's AWS settings may show through while clients are built."""


class Clock(Protocol):
    """Time, and who is being waited for."""

    def working(self) -> AbstractContextManager[None]:
        """While something goes on that no timer stands for: a request is under way."""

    async def rest(self, seconds: float) -> None:
        """Inside of `working`: nothing goes on for so long."""


class Figures(NamedTuple):
    """A bucket: its refill a second, and what it holds at most."""

    rate: float
    burst: float


class Service(NamedTuple):
    """What is called: the client's operation with its parameters, its bucket, and how AWS refuses."""

    op: str
    params: dict[str, Any]
    figures: Figures
    status: int
    code: str


SERVICES = {
    "ec2": Service("describe_vpcs", {}, Figures(20, 100), 503, "RequestLimitExceeded"),
    "iam": Service(
        "get_access_key_last_used", {"AccessKeyId": "AKIDEXAMPLE0000000"}, Figures(10, 20), 400, "Throttling"
    ),
    "route53": Service("list_resource_record_sets", {"HostedZoneId": "Z1"}, Figures(5, 10), 400, "Throttling"),
}
"""EC2's figures are AWS's own; Route 53's 5 a second too; IAM publishes none, so here it allows what the collector assumes."""

REQUESTS = {
    "ec2": ("POST", "/", {"Action": "DescribeVpcs", "Version": "2016-11-15"}),
    "iam": ("POST", "/", {"Action": "GetAccessKeyLastUsed", "Version": "2010-05-08"}),
    "route53": ("GET", "/2013-04-01/hostedzone/Z1/rrset", None),
}
"""The same calls as the rival makes them, without an SDK."""


@dataclass
class TokenBucket:
    """What AWS documents for EC2: full at first, refilled steadily, a token for each request, a refusal when there is none."""

    figures: Figures
    tokens: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        """Begin full."""
        self.tokens = self.figures.burst

    def take(self, now: float) -> bool:
        """Whether a request is served."""
        self.tokens = min(self.figures.burst, self.tokens + (now - self.at) * self.figures.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class Seen:
    """What one caller asked of one service: when, and how often in vain."""

    arrived: list[float] = field(default_factory=list)
    served: list[float] = field(default_factory=list)

    @property
    def throttles(self) -> int:
        """Refusals."""
        return len(self.arrived) - len(self.served)


class Server:
    """Answers with nothing found, or with a throttle."""

    def __init__(self, clock: Clock, seed: int = 1) -> None:
        """`seed` is that of the latencies, 20 to 80 ms."""
        self._clock, self._random = clock, Random(seed)
        self._buckets: dict[str, TokenBucket] = {}
        self.seen: dict[tuple[str, str], Seen] = defaultdict(Seen)

    async def answer(self, request: web.Request) -> web.Response:
        """One request: half of its latency before the bucket is asked, half after."""
        signed = CREDENTIAL.search(request.headers.get("Authorization", ""))
        if signed is None:
            return web.Response(status=403)
        who, service = signed.groups()
        action = (await request.post()).get("Action", "ListResourceRecordSets")
        latency = self._random.uniform(0.02, 0.08)
        await self._clock.rest(latency / 2)
        served = self._serve(who, service, str(action))
        await self._clock.rest(latency / 2)
        return _answer(str(action)) if served else _refusal(SERVICES[service])

    def _serve(self, who: str, service: str, action: str) -> bool:
        name = f"ec2:{action}" if service == "ec2" else service
        bucket = self._buckets.setdefault(name, TokenBucket(SERVICES[service].figures))
        now = asyncio.get_running_loop().time()
        if not bucket.at:
            bucket.at = now
        seen = self.seen[who, service]
        seen.arrived.append(now)
        if not bucket.take(now):
            return False
        seen.served.append(now)
        return True


def _answer(action: str) -> web.Response:
    """Nothing, in the words of all three protocols at once: their parsers look for what they know."""
    text = f"<{action}Response><{action}Result/><IsTruncated>false</IsTruncated></{action}Response>"
    return web.Response(text=text, content_type=XML)


def _refusal(service: Service) -> web.Response:
    error = f"<Error><Code>{service.code}</Code><Message>Rate exceeded</Message></Error>"
    envelope = (
        "<Response><Errors>{}</Errors></Response>"
        if service.op == "describe_vpcs"
        else "<ErrorResponse>{}</ErrorResponse>"
    )
    return web.Response(status=service.status, text=envelope.format(error), content_type=XML)


@asynccontextmanager
async def serving(server: Server, clock: Clock) -> AsyncIterator[str]:
    """The server's URL on the loopback interface."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None)
    with clock.working():
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class WatchedClients(Clients):
    """The collector's own clients; the clock knows of their requests."""

    clock: Clock

    async def call(self, client: Client, op: str, params: Any, aim: RequestTarget) -> dict[str, Any]:
        """One request."""
        with self.clock.working():
            return await super().call(client, op, params, aim)


Gaps = Callable[[float, Random], Iterator[tuple[float, int]]]
"""How a rival spreads its calls: seconds to wait, and how many calls then."""


def steady(rate: float, random: Random) -> Iterator[tuple[float, int]]:
    """One after another, a little unevenly."""
    while True:
        yield random.uniform(0.8, 1.2) / rate, 1


def at_random(rate: float, random: Random) -> Iterator[tuple[float, int]]:
    """As independent users do (a Poisson process)."""
    while True:
        yield random.expovariate(rate), 1


def in_bursts(rate: float, random: Random) -> Iterator[tuple[float, int]]:
    """A dashboard that asks for everything every other second."""
    while True:
        yield 2 * random.uniform(0.95, 1.05), round(2 * rate)


class Rival:
    """Another client of the same account, that uses a part of each bucket and never retries."""

    def __init__(self, url: str, clock: Clock, part: float, gaps: Gaps) -> None:
        """`part` of each bucket's refill, spread as `gaps` says."""
        self._url, self._clock, self._part, self._gaps = url, clock, part, gaps
        self.over = part == 0

    async def __call__(self) -> None:
        """Go on until it is over."""
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            for number, service in enumerate(SERVICES):
                tasks.create_task(self._use(service, Random(number), session, tasks))

    async def _use(
        self, service: str, random: Random, session: aiohttp.ClientSession, tasks: asyncio.TaskGroup
    ) -> None:
        gaps = self._gaps(SERVICES[service].figures.rate * self._part, random)
        while not self.over:
            seconds, calls = next(gaps)
            await asyncio.sleep(seconds)
            for _ in range(calls):
                tasks.create_task(self._ask(service, session))

    async def _ask(self, service: str, session: aiohttp.ClientSession) -> None:
        method, path, form = REQUESTS[service]
        signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={RIVAL}/20260101/us-east-1/{service}/aws4_request"}
        with self._clock.working():
            async with session.request(method, self._url + path, data=form, headers=signed) as answer:
                await answer.read()


@dataclass(frozen=True)
class Result:
    """How a contest for one service went. Times in seconds, rates in calls a second."""

    service: str
    failed: int
    seconds: float
    least: float
    allowed: float
    rate: float
    busiest: float
    throttles: int
    rival_calls: int
    rival_throttles: int
    rival_explained: int

    @property
    def ratio(self) -> float:
        """Time needed to the least that the buckets allow."""
        return self.seconds / self.least


async def contest(clock: Clock, share: float, part: float, gaps: Gaps, seconds: float) -> list[Result]:
    """Make as many calls as take so long at least, of all services at once, while a rival uses its part."""
    server = Server(clock)
    async with serving(server, clock) as url:
        rival = Rival(url, clock, part, gaps)
        async with asyncio.TaskGroup() as tasks, _calls(url, clock, share) as ask:
            tasks.create_task(rival())
            results = await asyncio.gather(*(_drive(ask, service, share, part, seconds) for service in SERVICES))
            rival.over = True
    return [_result(server, service, share, part, *driven) for service, driven in zip(SERVICES, results, strict=True)]


Ask = Callable[[str], Any]


@asynccontextmanager
async def _calls(url: str, clock: Clock, share: float) -> AsyncIterator[Ask]:
    """The collector's call layer over its real clients."""

    async def issue() -> Issued:
        return Issued(Keys(OURS, "secret", None))

    with mock.patch.dict(os.environ, {**ENVIRONMENT, "AWS_ENDPOINT_URL": url}), clock.working():
        clients = WatchedClients(aioboto3.Session(), "us-east-1")
        clients.clock = clock
        for name in SERVICES:
            await clients.get(name)
    async with clients:
        line = CallContext(clients, RateLimits(share), 100)
        calls = ScopeCalls(line, Identity("123456789012", issue), "us-east-1", ScopeRecord())
        yield lambda service: calls.once(service, SERVICES[service].op, SERVICES[service].params)


async def _drive(ask: Ask, service: str, share: float, part: float, seconds: float) -> tuple[float, int]:
    """How long the calls took, and how many failed."""
    left = iter(range(_number(service, share, part, seconds)))
    failed = 0

    async def work() -> None:
        nonlocal failed
        for _ in left:
            try:
                await ask(service)
            except CallFailed:
                failed += 1

    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(work() for _ in range(32)))
    return loop.time() - began, failed


def _allowed(service: str, share: float, part: float) -> Figures:
    """What is ours: our share, but no more than the rival leaves."""
    figures = SERVICES[service].figures
    return Figures(min(figures.rate * share, figures.rate * (1 - part)), figures.burst * share)


def _number(service: str, share: float, part: float, seconds: float) -> int:
    allowed = _allowed(service, share, part)
    return round(allowed.burst + allowed.rate * seconds)


def _result(server: Server, service: str, share: float, part: float, seconds: float, failed: int) -> Result:
    allowed = _allowed(service, share, part)
    ours, rival = server.seen[OURS, service], server.seen[RIVAL, service]
    half = TokenBucket(
        Figures(*(each * part for each in SERVICES[service].figures)), at=rival.arrived[0] if rival.arrived else 0
    )
    return Result(
        service,
        failed,
        seconds,
        least=(len(ours.served) - allowed.burst) / allowed.rate,
        allowed=allowed.rate,
        rate=(len(ours.served) - allowed.burst) / (ours.served[-1] - ours.served[0]),
        busiest=_busiest(ours.served, allowed.burst),
        throttles=ours.throttles,
        rival_calls=len(rival.arrived),
        rival_throttles=rival.throttles,
        rival_explained=sum(not half.take(at) for at in rival.arrived),
    )


def _busiest(times: list[float], burst: float, window: float = 10.0) -> float:
    """The highest rate over any stretch of at least `window` seconds, beyond the burst."""
    rates = [
        (last - first + 1 - burst) / (times[last] - times[first])
        for first in range(len(times))
        for last in range(first + 1, len(times))
        if times[last] - times[first] >= window
    ]
    return max(rates, default=0.0)
