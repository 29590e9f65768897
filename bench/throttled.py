"""A server that throttles as AWS does, and a contest of the collector's call layer and a rival for its token buckets.

The HTTP server implements EC2 (a bucket for each action), IAM and Route 53 (one bucket each for the account). It
identifies clients by their access keys and records when it served each of them. `contest` runs the collector's calls
and a rival concurrently. Time comes from a `Clock`, so the same contest takes a minute of real time or a second of
virtual time.
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
from collector.aws.credentials import Identity, IssuedKeys, Keys, RequestTarget
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
"""Overrides the user's AWS settings while clients are created."""


class Clock(Protocol):
    """The source of time; a virtual clock must not advance during work."""

    def working(self) -> AbstractContextManager[None]:
        """Marks work without a timer, such as a request in flight."""

    async def rest(self, seconds: float) -> None:
        """Sleeps inside of `working`, without counting as work."""


class Figures(NamedTuple):
    """The parameters of a token bucket: refill per second and burst."""

    rate: float
    burst: float


class Service(NamedTuple):
    """The called operation with its parameters, its token bucket, and AWS's throttling response."""

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
"""EC2's figures and Route 53's rate are documented by AWS. IAM's are not, so they equal the rate at
which the collector starts to search for them."""

REQUESTS = {
    "ec2": ("POST", "/", {"Action": "DescribeVpcs", "Version": "2016-11-15"}),
    "iam": ("POST", "/", {"Action": "GetAccessKeyLastUsed", "Version": "2010-05-08"}),
    "route53": ("GET", "/2013-04-01/hostedzone/Z1/rrset", None),
}
"""The HTTP requests of the rival for the same calls."""


@dataclass
class TokenBucket:
    """A token bucket as AWS documents it for EC2: initially full, constant refill, one token per request."""

    figures: Figures
    tokens: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.figures.burst

    def take(self, now: float) -> bool:
        """Takes a token; returns whether there was one."""
        self.tokens = min(self.figures.burst, self.tokens + (now - self.at) * self.figures.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class Requests:
    """The requests of one client to one service: times of arrival, and of those served."""

    arrived: list[float] = field(default_factory=list)
    served: list[float] = field(default_factory=list)

    @property
    def throttles(self) -> int:
        """The number of throttled requests."""
        return len(self.arrived) - len(self.served)


class Server:
    """Responds with an empty result or a throttle.

    `seed` initializes the random latencies of 20 to 80 ms.
    """

    def __init__(self, clock: Clock, seed: int = 1) -> None:
        self._clock, self._random = clock, Random(seed)
        self._buckets: dict[str, TokenBucket] = {}
        self.requests: dict[tuple[str, str], Requests] = defaultdict(Requests)

    async def answer(self, request: web.Request) -> web.Response:
        """Handles one request. Half of the latency precedes the token bucket, half follows it."""
        signed = CREDENTIAL.search(request.headers.get("Authorization", ""))
        if signed is None:
            return web.Response(status=403)
        client, service = signed.groups()
        action = (await request.post()).get("Action", "ListResourceRecordSets")
        latency = self._random.uniform(0.02, 0.08)
        await self._clock.rest(latency / 2)
        served = self._serve(client, service, str(action))
        await self._clock.rest(latency / 2)
        return _answer(str(action)) if served else _throttle(SERVICES[service])

    def _serve(self, client: str, service: str, action: str) -> bool:
        name = f"ec2:{action}" if service == "ec2" else service
        bucket = self._buckets.setdefault(name, TokenBucket(SERVICES[service].figures))
        now = asyncio.get_running_loop().time()
        if not bucket.at:
            bucket.at = now
        requests = self.requests[client, service]
        requests.arrived.append(now)
        if not bucket.take(now):
            return False
        requests.served.append(now)
        return True


def _answer(action: str) -> web.Response:
    """An empty result that is valid in all three protocols."""
    text = f"<{action}Response><{action}Result/><IsTruncated>false</IsTruncated></{action}Response>"
    return web.Response(text=text, content_type=XML)


def _throttle(service: Service) -> web.Response:
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
    """The collector's clients, whose requests are marked as work on the clock."""

    clock: Clock

    async def call(self, client: Client, op: str, params: Any, target: RequestTarget) -> dict[str, Any]:
        """Makes one request."""
        with self.clock.working():
            return await super().call(client, op, params, target)


Gaps = Callable[[float, Random], Iterator[tuple[float, int]]]
"""The schedule of a rival: pairs of seconds to wait and number of calls after that."""


def steady(rate: float, random: Random) -> Iterator[tuple[float, int]]:
    """Evenly distributed calls with some jitter."""
    while True:
        yield random.uniform(0.8, 1.2) / rate, 1


def at_random(rate: float, random: Random) -> Iterator[tuple[float, int]]:
    """A Poisson process, like independent users."""
    while True:
        yield random.expovariate(rate), 1


def in_bursts(rate: float, random: Random) -> Iterator[tuple[float, int]]:
    """A burst of calls every two seconds, like a dashboard."""
    while True:
        yield 2 * random.uniform(0.95, 1.05), round(2 * rate)


class Rival:
    """Another client of the same account, which uses a part of each bucket and never retries.

    `part` is the share of each bucket's refill that it uses; `gaps` is its schedule.
    """

    def __init__(self, url: str, clock: Clock, part: float, gaps: Gaps) -> None:
        self._url, self._clock, self._part, self._gaps = url, clock, part, gaps
        self.over = part == 0

    async def __call__(self) -> None:
        """Makes calls until `over` is set."""
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
    """The result of a contest for one service. Times in seconds, rates in calls per second."""

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
        """Time needed divided by the minimum that the buckets allow."""
        return self.seconds / self.least


async def contest(clock: Clock, share: float, part: float, gaps: Gaps, seconds: float) -> list[Result]:
    """Calls all services concurrently, with as many calls as take at least `seconds`, while a rival uses its part."""
    server = Server(clock)
    async with serving(server, clock) as url:
        rival = Rival(url, clock, part, gaps)
        async with asyncio.TaskGroup() as tasks, _calls(url, clock, share) as call:
            tasks.create_task(rival())
            results = await asyncio.gather(*(_drive(call, service, share, part, seconds) for service in SERVICES))
            rival.over = True
    return [_result(server, service, share, part, *driven) for service, driven in zip(SERVICES, results, strict=True)]


ServiceCall = Callable[[str], Any]


@asynccontextmanager
async def _calls(url: str, clock: Clock, share: float) -> AsyncIterator[ServiceCall]:
    """A function that calls a service through the collector's call layer and clients."""

    async def issue() -> IssuedKeys:
        return IssuedKeys(Keys(OURS, "secret", None))

    with mock.patch.dict(os.environ, {**ENVIRONMENT, "AWS_ENDPOINT_URL": url}), clock.working():
        clients = WatchedClients(aioboto3.Session(), "us-east-1")
        clients.clock = clock
        for name in SERVICES:
            await clients.get(name)
    async with clients:
        context = CallContext(clients, RateLimits(share), 100)
        calls = ScopeCalls(context, Identity("123456789012", issue), "us-east-1", ScopeRecord())
        yield lambda service: calls.once(service, SERVICES[service].op, SERVICES[service].params)


async def _drive(call: ServiceCall, service: str, share: float, part: float, seconds: float) -> tuple[float, int]:
    """Makes the calls of one service; returns their wall time and the number of failures."""
    left = iter(range(_number(service, share, part, seconds)))
    failed = 0

    async def work() -> None:
        nonlocal failed
        for _ in left:
            try:
                await call(service)
            except CallFailed:
                failed += 1

    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(work() for _ in range(32)))
    return loop.time() - began, failed


def _allowed(service: str, share: float, part: float) -> Figures:
    """The part of the bucket that the collector may use: its share, but no more than the rival leaves."""
    figures = SERVICES[service].figures
    return Figures(min(figures.rate * share, figures.rate * (1 - part)), figures.burst * share)


def _number(service: str, share: float, part: float, seconds: float) -> int:
    allowed = _allowed(service, share, part)
    return round(allowed.burst + allowed.rate * seconds)


def _result(server: Server, service: str, share: float, part: float, seconds: float, failed: int) -> Result:
    allowed = _allowed(service, share, part)
    ours, rival = server.requests[OURS, service], server.requests[RIVAL, service]
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
    """The highest rate over any period of at least `window` seconds, excluding the burst."""
    rates = [
        (last - first + 1 - burst) / (times[last] - times[first])
        for first in range(len(times))
        for last in range(first + 1, len(times))
        if times[last] - times[first] >= window
    ]
    return max(rates, default=0.0)
