"""A strict loopback endpoint for NDJSON uploads, with injectable faults."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from aiohttp import web

Fault: TypeAlias = Callable[["Endpoint", web.Request, str], Awaitable[web.StreamResponse | None]]
"""Takes the endpoint, the request and its key; returns a response, or None to continue normally."""

MAX_BYTES = 5_000_000


class Endpoint:
    """Accepts batches according to the protocol, and records violations of it."""

    def __init__(self) -> None:
        self.url = ""
        self.token: str | None = None
        self.accepted: dict[str, list[str]] = {}
        self.attempts: Counter[str] = Counter()
        self.reports: list[dict[str, Any]] = []
        self.violations: list[str] = []
        self.fault: Fault | None = None
        self.max_bytes = MAX_BYTES
        self.in_flight = 0
        self.max_in_flight = 0
        self._changed = asyncio.Condition()

    @property
    def lines(self) -> list[str]:
        """The accepted lines, each key once, sorted."""
        return sorted(line for lines in self.accepted.values() for line in lines)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds; it is checked after each request."""
        async with self._changed:
            await self._changed.wait_for(condition)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        await self._notify()
        try:
            return await self._handle(request)
        finally:
            self.in_flight -= 1
            await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        key = request.headers.get("Idempotency-Key", "")
        self.attempts[key] += 1
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": {"code": "UNAUTHORIZED", "message": "no"}}, status=401)
        if self.fault is not None:
            response = await self.fault(self, request, key)
            if response is not None:
                return response
        return await self.take(request, key)

    async def take(self, request: web.Request, key: str) -> web.StreamResponse:
        if request.headers.get("Collector-Event") == "run-completed":
            return await self._complete(request)
        data = await request.read()  # decompressed by aiohttp
        run, sequence = request.headers.get("Collector-Run-Id", ""), request.headers.get("Collector-Batch", "")
        self._expect(request.headers.get("Content-Type") == "application/x-ndjson", f"{key}: Content-Type")
        self._expect(request.headers.get("Content-Encoding") == "gzip", f"{key}: Content-Encoding")
        self._expect(key == f"{run}/{sequence}" and bool(run), f"{key}: key is not {run}/{sequence}")
        self._expect(data.endswith(b"\n"), f"{key}: the last line has no newline")
        self._expect(len(data) <= MAX_BYTES, f"{key}: {len(data)} bytes")
        if len(data) > self.max_bytes:
            return web.Response(status=413)
        lines = data.decode().splitlines()
        self._expect(all("_key" in json.loads(line) for line in lines), f"{key}: not a record")
        self._expect(self.accepted.setdefault(key, lines) == lines, f"{key}: received twice with different content")
        return web.Response(status=204)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        self._expect(request.headers.get("Content-Type") == "application/json", "report: Content-Type")
        self.reports.append(json.loads(await request.read()))
        return web.Response(status=200)

    def _expect(self, condition: object, violation: str) -> None:
        if not condition:
            self.violations.append(violation)


@asynccontextmanager
async def serving(handler: Callable[[web.Request], Awaitable[web.StreamResponse]], **site: Any) -> AsyncIterator[str]:
    """Run a server on a free loopback port; yields its URL."""
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    tcp = web.TCPSite(runner, "127.0.0.1", 0, **site)
    await tcp.start()
    try:
        scheme = "https" if site.get("ssl_context") else "http"
        yield f"{scheme}://127.0.0.1:{runner.addresses[0][1]}/in"
    finally:
        await runner.cleanup()


def answering(
    status: int, *, headers: dict[str, str] | None = None, body: str = "", times: int = 1, only: str = ""
) -> Fault:
    """Answer the first `times` requests of each key, or of keys that end with `only`, with this response."""

    async def fault(endpoint: Endpoint, request: web.Request, key: str) -> web.StreamResponse | None:
        if endpoint.attempts[key] > times or not key.endswith(only):
            return None
        await request.read()
        return web.Response(status=status, headers=headers, text=body)

    return fault


def resetting(*, accepted: bool, times: int = 1) -> Fault:
    """Reset the first `times` requests of each key, before or after the batch is accepted."""

    async def fault(endpoint: Endpoint, request: web.Request, key: str) -> web.StreamResponse | None:
        if endpoint.attempts[key] > times:
            return None
        if accepted:
            await endpoint.take(request, key)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    return fault


def delaying(seconds: float) -> Fault:
    """Accept the first request of each key, but respond only after `seconds`."""

    async def fault(endpoint: Endpoint, request: web.Request, key: str) -> web.StreamResponse | None:
        if endpoint.attempts[key] > 1:
            return None
        response = await endpoint.take(request, key)
        await asyncio.sleep(seconds)
        return response

    return fault
