"""A fast HTTP server that answers as AWS does, for one synthetic estate.

Each connection is a plain ``asyncio.Protocol``. A request takes tens of microseconds. Responses are cached up to a
limit of bytes, so a repeated run takes less.
"""

import asyncio
import json
from collections import OrderedDict
from email.utils import formatdate
from typing import NamedTuple, cast
from urllib.parse import parse_qsl

from . import bodies
from .answers import AwsError, Params
from .controls import Controls
from .estate import MANAGEMENT_ACCOUNT, Estate, Place
from .faults import error_body
from .routes import Operation, Routes, form, structure
from .wire import REQUEST_ID

# Bytes of a cache entry besides the response: key, tuple, entry.
_OVERHEAD = 400
_REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests"}


class _Caller(NamedTuple):
    key: str
    account: str
    region: str
    signing: str


_ANONYMOUS = _Caller("", MANAGEMENT_ACCOUNT, "us-east-1", "s3")


class Server:
    """The estate, routes, rules and cached responses, shared by all connections."""

    def __init__(self, estate: Estate, cache_bytes: int) -> None:
        bodies.load()
        self.estate = estate
        self.routes = Routes()
        self.controls = Controls()
        self._head = (
            f"x-amzn-RequestId: {REQUEST_ID}\r\nx-amz-request-id: {REQUEST_ID}\r\nDate: {formatdate(usegmt=True)}\r\n"
            "Server: canned\r\n"
        )
        self._callers: dict[bytes, _Caller] = {}
        self._cache: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._free_bytes = cache_bytes

    def answer(self, head: bytes, body: bytes) -> bytes:
        """The complete response to a request."""
        method, url = head.split(b" ", 2)[:2]
        if url.startswith(b"/__"):
            return self._control(url.decode())
        caller = self._caller(head)
        operation, labels = self._route(head, method, url, body, caller.signing)
        place = self.estate.place(caller.account, "" if operation.is_global else caller.region)
        self.controls.count(operation)
        try:
            if not self.controls.quiet:
                self.controls.check(operation, place)
            response = self._respond(operation, place, caller, (operation, place, url, body), labels)
        except AwsError as fault:
            text, headers = error_body(operation, fault)
            response = self._response(text, operation.content, fault.status, headers)
        if method == b"HEAD":
            response = response[: response.index(b"\r\n\r\n") + 4]
        self.controls.bytes += len(response)
        return response

    def _caller(self, head: bytes) -> _Caller:
        start = head.find(b"Credential=") + 11
        scope = head[start : head.find(b",", start)] if start > 10 else b""  # noqa: PLR2004 - found
        caller = self._callers.get(scope)
        if caller is None:
            parts = scope.decode().split("/")
            key = parts[0]
            account = key[4:16] if key[4:16].isdigit() else MANAGEMENT_ACCOUNT
            caller = _Caller(key, account, *parts[2:4]) if len(parts) == 5 else _ANONYMOUS  # noqa: PLR2004
            self._callers[scope] = caller
        return caller

    def _route(
        self, head: bytes, method: bytes, url: bytes, body: bytes, signing: str
    ) -> tuple[Operation, dict[str, object]]:
        start = head.lower().find(b"\r\nx-amz-target:")
        if start >= 0:
            end = head.find(b"\r\n", start + 2)
            target = head[start + 15 : end if end > 0 else None]
            return self.routes.by_target(target.strip().decode()), {}
        if body.startswith(b"Action="):
            action, version = body.split(b"&", 2)[:2]
            return self.routes.by_action(signing, version[8:].decode(), action[7:].decode()), {}
        return self.routes.by_path(signing, method.decode(), url.decode())

    def _respond(
        self, operation: Operation, place: Place, caller: _Caller, key: tuple[object, ...], labels: dict[str, object]
    ) -> bytes:
        cached = self._cache.get(key)
        if cached is not None:
            self.controls.hits += 1
            self._cache.move_to_end(key)
            return cached
        body = key[-1]
        params: Params = {**labels, **self._params(operation, body)} if isinstance(body, bytes) else labels
        if operation.service == "sts":
            # An answer of STS depends on the caller and the time, so it is not cached.
            return self._response(operation.handler(place, {**params, "caller": caller.key}), operation.content)
        response = self._response(operation.handler(place, params), operation.content)
        self._store(key, response)
        return response

    @staticmethod
    def _params(operation: Operation, body: bytes) -> Params:
        if not body:
            return {}
        return form(body.decode()) if operation.protocol in {"ec2", "query"} else structure(body)

    def _store(self, key: tuple[object, ...], response: bytes) -> None:
        self._free_bytes -= len(response) + _OVERHEAD
        self._cache[key] = response
        while self._free_bytes < 0:
            self._free_bytes += len(self._cache.popitem(last=False)[1]) + _OVERHEAD

    def _response(self, text: str, content: str, status: int = 200, headers: str = "") -> bytes:
        body = text.encode()
        reason = _REASONS.get(status, "Service Unavailable")
        head = (
            f"HTTP/1.1 {status} {reason}\r\n{self._head}{headers}"
            f"Content-Type: {content}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def _control(self, url: str) -> bytes:
        path, _, query = url.partition("?")
        status = 200
        try:
            if path == "/__control":
                self.controls.change(dict(parse_qsl(query)))
            content = self.controls.figures()
        except AwsError as error:
            status, content = 400, {"error": error.code, "message": error.message}
        if path not in {"/__control", "/__stats"}:
            status, content = 404, {"error": "UnknownPath", "message": path}
        return self._response(json.dumps(content), "application/json", status)


class Connection(asyncio.Protocol):
    """A client's connection: splits its bytes into requests, and sends responses after the delay."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._rest = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Counts the connection."""
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        controls = self._server.controls
        controls.connections += 1
        controls.connected += 1
        controls.most_connected = max(controls.most_connected, controls.connected)

    def connection_lost(self, _: Exception | None) -> None:
        """Counts the connection as closed."""
        self._server.controls.connected -= 1

    def data_received(self, data: bytes) -> None:
        """Answers every complete request."""
        rest = self._rest + data if self._rest else data
        while (end := rest.find(b"\r\n\r\n")) >= 0:
            length = _length(rest[:end])
            if len(rest) < end + 4 + length:
                break
            head, body = rest[:end], rest[end + 4 : end + 4 + length]
            rest = rest[end + 4 + length :]
            self._send(head, self._server.answer(head, body))
        self._rest = rest

    def _send(self, head: bytes, response: bytes) -> None:
        delay = self._server.controls.delay
        if delay and b" /__" not in head[:9]:
            asyncio.get_running_loop().call_later(delay, self._transport.write, response)
        else:
            self._transport.write(response)


def _length(head: bytes) -> int:
    lower = head.lower()
    start = lower.find(b"\r\ncontent-length:")
    if start < 0:
        return 0
    end = lower.find(b"\r\n", start + 17)
    return int(lower[start + 17 : end if end > 0 else None])
