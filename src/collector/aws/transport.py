"""One connection pool for all clients of a process, which raises botocore's exceptions for network failures."""

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
    """Network settings. Times are in seconds."""

    connections: int = 500
    connect_timeout: float = 5.0
    read_timeout: float = 60.0


class Received(NamedTuple):
    """An unparsed HTTP response; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class _Transport(AIOHTTPSession):  # type: ignore[misc]  # aiobotocore is untyped
    """aiobotocore's session, plus `fetch`, which avoids the copies and conversions of botocore's request objects."""

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
    """The botocore exception for a network failure, as `AIOHTTPSession.send` maps it."""
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
    """The HTTP connections of the process: direct, and through the proxy of the environment if one is set."""

    def __init__(self, settings: TransportSettings, ca_bundle: str | None) -> None:
        options: dict[str, Any] = {
            "verify": ca_bundle or True,
            "timeout": (settings.connect_timeout, settings.read_timeout),
            "max_pool_connections": settings.connections,
            "connector_args": {"keepalive_timeout": 12.0, "ttl_dns_cache": 300},
        }
        proxies = getproxies()
        self._unproxied = _Transport(**options)
        self._proxied = _Transport(**options, proxies=proxies) if proxies else None
        self._transports: dict[str, _Transport] = {}

    async def fetch(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Received:
        """Send a signed request and read the whole response. Raises botocore's exceptions for network failures."""
        return await self._transport(url).fetch(method, url, headers, body)

    async def send(self, request: Any) -> Any:
        """Send a botocore request and return its response. Raises as `fetch` does."""
        return await self._transport(request.url).send(request)

    def _transport(self, url: str) -> _Transport:
        host = url.split("/", 3)[2]
        transport = self._transports.get(host)
        if transport is None:
            proxied = self._proxied
            transport = self._unproxied if proxied is None or should_bypass_proxies(url) else proxied
            self._transports[host] = transport
        return transport

    async def close(self) -> None:
        """Close all connections."""
        for session in (self._unproxied, self._proxied):
            if session is not None:
                await session.__aexit__(None, None, None)


class PooledSession:
    """The HTTP session of a botocore client: sends through the shared pool and ignores the client's own settings."""

    def __init__(self, pool: ConnectionPool, **_: object) -> None:
        self._pool = pool

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Do nothing: the pool outlives its clients."""

    async def close(self) -> None:
        """Do nothing, for the same reason."""

    async def send(self, request: Any) -> Any:
        """Send a request through the pool."""
        return await self._pool.send(request)
