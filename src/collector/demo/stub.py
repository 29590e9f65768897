"""WSGI middleware in front of moto that replaces its responses, corrects them, or injects faults.

``Stub`` has three sets of rules. Fixtures and patches are keyed by boto3's service name and AWS's operation name:

* ``fixtures`` replace moto's response: a dict shaped by the operation's output, or a function of the request;
* ``patches`` change moto's response: a function of the response and the request that returns the new response;
* ``faults`` take precedence over both: errors, throttling, delays and broken connections.

A fixture or a patch may raise ``StubError`` to respond with an error. Every other request falls through to moto.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from socket import SO_LINGER, SOL_SOCKET
from threading import Lock
from typing import Any, NamedTuple, TypeAlias

from werkzeug.test import run_wsgi_app

from collector.demo import wire
from collector.demo.wire import Answer, Environ, Request, Value

Key: TypeAlias = tuple[str, str]
Fixture: TypeAlias = Value | Callable[[Request], Value]
Patch: TypeAlias = Callable[[Value, Request], Value]
App: TypeAlias = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

ANY = "*"


class Effect(StrEnum):
    """What a fault does to a call."""

    ERROR = "error"
    """Responds with the fault's status, code and message."""
    RESET = "reset"
    """Resets the connection without a response."""
    TRUNCATE = "truncate"
    """Closes the connection after half of the real response."""
    MALFORM = "malform"
    """Sends half of the real response with a matching Content-Length."""
    NONE = "none"
    """Sends the real response; for a fault that only delays."""


@dataclass
class Fault:
    """An injected fault. It applies to one service, operation, region and account, or to any.

    `delay` is in seconds and precedes every effect. `times` limits how often the fault still applies; None: always.
    """

    service: str = ANY
    operation: str = ANY
    effect: Effect = Effect.ERROR
    status: int = 400
    code: str = "InternalError"
    message: str = "a fault of the stub"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0
    region: str = ANY
    account: str = ANY
    when: Callable[[Request], bool] = lambda _request: True
    times: int | None = None
    probability: float = 1

    def matches(self, request: Request) -> bool:
        """Whether this fault applies to a request, regardless of `times` and `probability`."""
        patterns = (self.service, self.operation, self.region, self.account)
        values = (request.service, request.operation, request.region, request.account)
        return all(p in (ANY, value) for p, value in zip(patterns, values, strict=True)) and self.when(request)


class Call(NamedTuple):
    """One request received by the stub."""

    service: str
    operation: str
    region: str
    account: str


class StubError(Exception):
    """Raised by a fixture or a patch to respond with an AWS error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Stub:
    """The middleware. It is thread-safe as long as rules are only changed between calls.

    Args:
        app: The WSGI application behind the stub.
        random: Decides about faults with a `probability`.
        sleep: Called with a fault's delay in seconds.
    """

    def __init__(self, app: App, *, random: Random | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
        self.fixtures: dict[Key, Fixture] = {}
        self.patches: dict[Key, Patch] = {}
        self.faults: list[Fault] = []
        self._app = app
        self._calls: list[Call] = []
        self._lock = Lock()
        self._random = random or Random(0)
        self._sleep = sleep

    @property
    def calls(self) -> list[Call]:
        """The calls since the log was last cleared, in order of arrival."""
        with self._lock:
            return list(self._calls)

    def clear_calls(self) -> None:
        """Clears the log of calls."""
        with self._lock:
            self._calls.clear()

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Handles one request as a WSGI application."""
        request = wire.identify(environ)
        if request is None:
            return self._app(environ, start_response)
        fault = self._log(request)
        answer = self._answer(request, environ) if fault is None else self._inject(fault, request, environ)
        headers = {"Content-Length": str(len(answer.body)), **answer.headers}
        start_response(f"{answer.status} Stub", list(headers.items()))
        return [answer.body]

    def _log(self, request: Request) -> Fault | None:
        """Logs a call and returns the fault that applies to it, if any."""
        with self._lock:
            self._calls.append(Call(request.service, request.operation, request.region, request.account))
            for fault in self.faults:
                if fault.times == 0 or not fault.matches(request) or self._random.random() >= fault.probability:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def _answer(self, request: Request, environ: Environ) -> Answer:
        key = (request.service, request.operation)
        fixture = self.fixtures.get(key)
        patch = self.patches.get(key)
        try:
            if fixture is not None:
                return wire.result(request, fixture(request) if callable(fixture) else fixture)
            answer = self._forward(request, environ)
            if patch is None or answer.status >= 300:  # noqa: PLR2004 - not a success
                return answer
            return wire.result(request, patch(wire.parse(request, answer), request))
        except StubError as error:
            return wire.error(request, error.status, error.code, error.message)

    def _forward(self, request: Request, environ: Environ) -> Answer:
        """Moto's response; for an operation that moto lacks, AWS's error for an unknown operation."""
        try:
            chunks, status, headers = run_wsgi_app(self._app, environ, buffered=True)
        except NotImplementedError:
            raise _unknown(request) from None
        except KeyError as missing:
            if missing.args != (request.region,):
                raise
            # Moto's list of regions is older than AWS's: a region that it does not know is empty.
            return wire.result(request, wire.empty(request))
        body = b"".join(chunks)
        code = int(status.split(maxsplit=1)[0])
        if body.startswith(b"<!doctype html>"):
            # This is the 404 page of moto's web server, which has no route for the operation.
            raise _unknown(request)
        return Answer(code, {name.title(): header for name, header in headers.items()}, body)

    def _inject(self, fault: Fault, request: Request, environ: Environ) -> Answer:
        if fault.delay:
            self._sleep(fault.delay)
        match fault.effect:
            case Effect.ERROR:
                error = wire.error(request, fault.status, fault.code, fault.message)
                return error._replace(headers={**error.headers, **fault.headers})
            case Effect.RESET:
                raise _reset(environ)
        answer = self._answer(request, environ)
        match fault.effect:
            case Effect.TRUNCATE:
                return _halved(answer, str(max(1, len(answer.body))))
            case Effect.MALFORM:
                return _halved(answer, str(len(answer.body) // 2))
            case _:
                return answer


def _unknown(request: Request) -> StubError:
    return StubError(400, "UnknownOperationException", f"moto has no {request.service} {request.operation}")


def _halved(answer: Answer, length: str) -> Answer:
    return answer._replace(
        headers={**answer.headers, "Content-Length": length}, body=answer.body[: len(answer.body) // 2]
    )


def _reset(environ: Environ) -> ConnectionResetError:
    """Closes the connection with a reset (RST), because an HTTP client may accept an orderly close as the end."""
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    return ConnectionResetError("reset by the stub")
