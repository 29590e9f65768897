"""One pool of connections for all clients of a process, and what goes wrong on the way in botocore's words."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any, NamedTuple, Self
from urllib.request import getproxies

import aiohttp
from aiobotocore.httpsession import AIOHTTPSession
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.httpsession import mask_proxy_url
from botocore.utils import should_bypass_proxies
from yarl import URL


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """Network settings. Times in seconds."""

    connections: int = 500
    connect_timeout: float = 5.0
    read_timeout: float = 60.0


class Received(NamedTuple):
    """An answer as it came; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class _Transport(AIOHTTPSession):  # type: ignore[misc]  # aiobotocore is untyped
    """aiobotocore's session, which besides can fetch without the copies and conversions that botocore's requests take."""

    async def fetch(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Received:
        proxy = self._proxy_config.proxy_url_for(url)
        try:
            session = await self._get_session(proxy)
            response = await session.request(
                method,
                URL(url, encoded=True),
                headers={**headers, "Accept-Encoding": "identity"},
                data=body or None,
                proxy=proxy,
                proxy_headers=self._proxy_config.proxy_headers_for(url) if proxy else None,
            )
            read = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _as_botocore(error, url, proxy) from error
        return Received(response.status, {name.lower(): value for name, value in response.headers.items()}, read)


def _as_botocore(error: Exception, url: str, proxy: str | None) -> HTTPClientError:  # noqa: PLR0911  (a table)
    """What botocore raises for what went wrong on the way, as aiobotocore's session tells it."""
    match error:
        case aiohttp.ClientSSLError():
            return SSLError(endpoint_url=url, error=error)
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return ProxyConnectionError(proxy_url=mask_proxy_url(proxy), error=error)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return ConnectionClosedError(error=error, endpoint_url=url)
        case aiohttp.ConnectionTimeoutError():
            return ConnectTimeoutError(endpoint_url=url, error=error)
        case TimeoutError():
            return ReadTimeoutError(endpoint_url=url, error=error)
        case aiohttp.ClientConnectionError() | socket.gaierror():
            return EndpointConnectionError(endpoint_url=url, error=error)
    return HTTPClientError(error=error)


class ConnectionPool:
    """The connections of the process: straight, and through the user's proxy where one is set."""

    def __init__(self, wire: TransportSettings, ca_bundle: str | None) -> None:
        given: dict[str, Any] = {
            "verify": ca_bundle or True,
            "timeout": (wire.connect_timeout, wire.read_timeout),
            "max_pool_connections": wire.connections,
            "connector_args": {"keepalive_timeout": 12.0, "ttl_dns_cache": 300},
        }
        self._straight = _Transport(**given)
        proxies = getproxies()
        self._proxied = _Transport(**given, proxies=proxies) if proxies else None
        self._ways: dict[str, _Transport] = {}

    async def fetch(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Received:
        """The answer to a signed request. Raises botocore's exceptions for what goes wrong on the way."""
        return await self._way(url).fetch(method, url, headers, body)

    async def send(self, request: Any) -> Any:
        """The response to a request of botocore's. Raises as `fetch` does."""
        return await self._way(request.url).send(request)

    def _way(self, url: str) -> _Transport:
        host = url.split("/", 3)[2]
        way = self._ways.get(host)
        if way is None:
            straight = self._proxied is None or should_bypass_proxies(url)
            way = self._ways[host] = self._straight if straight or self._proxied is None else self._proxied
        return way

    async def close(self) -> None:
        """Close all connections."""
        for session in (self._straight, self._proxied):
            if session is not None:
                await session.__aexit__(None, None, None)


class PooledSession(AIOHTTPSession):  # type: ignore[misc]  # aiobotocore is untyped
    """What each client takes for its own session: a door to the one pool."""

    pool: ConnectionPool

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
