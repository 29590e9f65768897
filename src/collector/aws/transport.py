"""From a request that botocore has serialised to an answer that it has parsed, over one pool of connections.

botocore signs, copies and converts each request and each answer several times, for hooks and retries that are not used here; on
a small call that is most of the cost. `Transport` answers botocore's public event `before-call` in their place. Whatever is
out of the ordinary it leaves to botocore, which then goes its own way: other signatures, streams, checksums, redirects of S3.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from urllib.parse import urlencode
from urllib.request import getproxies

from aiobotocore.httpsession import AIOHTTPSession
from botocore.utils import should_bypass_proxies

from collector.aws.signing import Scope, sign

if TYPE_CHECKING:
    from collections.abc import Mapping

Answered: TypeAlias = tuple[Any, dict[str, Any]]
"""The HTTP response and its parsed body, as botocore's endpoint gives them."""

ORDINARY_SIGNATURES = frozenset({"v4", "s3v4"})

LEFT_TO_BOTOCORE = frozenset({"date", "authorization", "x-amz-date", "x-amz-content-sha256", "transfer-encoding"})
"""Headers that only out-of-the-ordinary requests bring along."""

ELSEWHERE = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.TEMPORARY_REDIRECT}
)
"""Answers of S3 that may mean another region; botocore knows how to tell."""


@dataclass(frozen=True, slots=True)
class Wire:
    """Network settings. Times in seconds."""

    connections: int = 500
    connect_timeout: float = 5.0
    read_timeout: float = 60.0


@dataclass(slots=True)
class _Request:
    """What aiobotocore's HTTP session reads of a request."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None
    stream_output: bool = False


class Transport:
    """Sends the requests of the clients whose `before-call` event it listens to."""

    def __init__(self, pool: Pool, parsers: Any) -> None:
        """`parsers` is the session's response parser factory."""
        self._pool, self._parsers = pool, parsers

    def serve(self, boto: Any) -> None:
        """Send this client's requests from now on, when all other listeners have had their say."""
        boto.meta.events.register_last(
            "before-call", partial(self._deliver, boto.meta.events), unique_id="collector-transport"
        )

    async def _deliver(
        self,
        events: Any,
        model: Any,
        params: dict[str, Any],
        request_signer: Any,
        context: dict[str, Any],
        event_name: str,
        **_: object,
    ) -> Answered | None:
        """The answer to a serialised request, or None if botocore is to send it. Raises what botocore raises."""
        signing = context.get("signing", {})
        credentials = signing.get("request_credentials")
        if credentials is None or not _is_ordinary(model, params, request_signer, context):
            return None
        service = signing.get("signing_name") or request_signer.signing_name
        url, headers, body = params["url"], dict(params["headers"]), _body(params["body"])
        keys = await credentials.get_frozen_credentials()
        sign(headers, params["method"], url, body, Scope(service, signing["region"]), keys, datetime.now(UTC))
        response = await self._pool.send(_Request(params["method"], url, headers, body or None))
        if service == "s3" and response.status_code in ELSEWHERE:
            return None
        told = {
            "headers": response.headers,
            "status_code": response.status_code,
            "context": {"operation_name": model.name},
            "body": await response.content,
        }
        added: dict[str, Any] = {}
        await events.emit(
            event_name.replace("before-call", "before-parse", 1),
            operation_model=model,
            response_dict=told,
            customized_response_dict=added,
        )
        # S3 says of some errors that they went well; a listener puts that right.
        response.status_code = told["status_code"]
        return response, await self._parsed(model, told) | added

    async def _parsed(self, model: Any, told: dict[str, Any]) -> dict[str, Any]:
        parser = self._parsers.create_parser(model.service_model.resolved_protocol)
        parsed: dict[str, Any] = await parser.parse(told, model.output_shape)
        if told["status_code"] >= HTTPStatus.MULTIPLE_CHOICES:
            shape = model.service_model.shape_for_error_code(parsed.get("Error", {}).get("Code"))
            if shape is not None:
                parsed.update(await parser.parse(told, shape))
        return parsed


def _is_ordinary(model: Any, params: Mapping[str, Any], signer: Any, context: Mapping[str, Any]) -> bool:
    return (
        (context.get("auth_type") or signer.signature_version) in ORDINARY_SIGNATURES
        and not context.get("unsigned_payload")
        and "checksum" not in context
        and not model.has_streaming_output
        and not model.has_event_stream_output
        and isinstance(params["body"], bytes | str | dict)
        and not any(name.lower() in LEFT_TO_BOTOCORE for name in params["headers"])
    )


def _body(body: bytes | str | dict[str, Any]) -> bytes:
    """The bytes of a body; the query protocol's parameters come as a dict."""
    if isinstance(body, dict):
        return urlencode(body, doseq=True).encode()
    return body.encode() if isinstance(body, str) else body


class Pool:
    """The connections of the process: straight, and through the user's proxy where one is set."""

    def __init__(self, wire: Wire, ca_bundle: str | None) -> None:
        given: dict[str, Any] = {
            "verify": ca_bundle or True,
            "timeout": (wire.connect_timeout, wire.read_timeout),
            "max_pool_connections": wire.connections,
            "connector_args": {"keepalive_timeout": 12.0, "ttl_dns_cache": 300},
        }
        self._straight = AIOHTTPSession(**given)
        proxies = getproxies()
        self._proxied = AIOHTTPSession(**given, proxies=proxies) if proxies else None
        self._ways: dict[str, AIOHTTPSession] = {}

    async def send(self, request: Any) -> Any:
        """The response to a request. Raises botocore's exceptions for what goes wrong on the way."""
        host = request.url.split("/", 3)[2]
        way = self._ways.get(host)
        if way is None:
            way = self._ways[host] = self._way(request.url)
        return await way.send(request)

    def _way(self, url: str) -> AIOHTTPSession:
        return self._straight if self._proxied is None or should_bypass_proxies(url) else self._proxied

    async def close(self) -> None:
        """Close all connections."""
        for session in (self._straight, self._proxied):
            if session is not None:
                await session.__aexit__(None, None, None)


class Shared(AIOHTTPSession):  # type: ignore[misc]  # aiobotocore is untyped
    """What each client takes for its own session: a door to the one pool."""

    pool: Pool

    def __init__(self, *_: object, **__: object) -> None:
        """Nothing of its own."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """The pool outlives its clients."""

    async def close(self) -> None:
        """As above."""

    async def send(self, request: Any) -> Any:
        """Through the pool."""
        return await self.pool.send(request)
