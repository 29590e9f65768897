"""HTTP client for an upload endpoint, with retries, `Retry-After` and a pause during outages.

Connection errors, timeouts, 408, 425, 429 and 5xx are retried here and nowhere else. Any other response but 2xx is final.
"""

from __future__ import annotations

import io
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import anyio
import orjson
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from collector.faults import readable
from collector.sinks.base import DeliveryError
from collector.sinks.credentials import Token

TRANSIENT = frozenset({408, 425, 429})
SERVER_ERROR = 500
UNAUTHORIZED = 401
TOO_LARGE = 413
TOO_LARGE_CODE = "RequestEntityTooLargeException"
"""JupiterOne's error code for a body that is too large, with any status. Its SDK checks for both."""

MAX_RESPONSE_BYTES = 1_000_000
"""The rest of a longer response is not read."""


class RefusedError(DeliveryError):
    """The endpoint rejected a request permanently.

    `status` is 0 if there was no response. `code` comes from a JSON body `{"error": {"code", "message"}}`, else it is empty.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(" ".join(filter(None, (str(status or ""), code, message))))
        self.status, self.code = status, code


class TooLargeError(RefusedError):
    """The body is too large for the endpoint; a smaller one may be accepted."""


class EndpointUnavailableError(DeliveryError):
    """All attempts failed with transient errors, or the endpoint is known to be down."""


class _TransientError(Exception):
    """An attempt failed; a later one may succeed."""


@dataclass(frozen=True, slots=True)
class UploadRetryPolicy:
    """How often and how long to retry; times in seconds.

    Waits use full jitter below a bound that doubles from `first_wait` up to `max_wait`. After `attempts` failures the endpoint
    counts as down: for `outage_pause` seconds requests fail at once, and the next one after that gets a single attempt.
    `max_retry_after` caps the delay from a `Retry-After` header.
    """

    attempts: int = 15
    first_wait: float = 0.5
    max_wait: float = 60.0
    max_retry_after: float = 900.0
    outage_pause: float = 30.0
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Timeout of a whole request in seconds, headers for every request, and TLS."""

    timeout: float = 120.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | None = None


class Http:
    """A client for one endpoint. Concurrent senders share its session, token and retry state."""

    def __init__(self, settings: HttpSettings, token: Token, policy: UploadRetryPolicy | None = None) -> None:
        self._settings, self._token = settings, token
        self._policy = policy or UploadRetryPolicy()
        self._session: aiohttp.ClientSession | None = None
        self._blocked_until = 0.0
        self._down_until: float | None = None

    async def open(self) -> None:
        """Read the token and create the session.

        Raises:
            DeliveryError: if the token's file or command cannot be read or is empty.
        """
        await self._token.get()
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout, sock_connect=min(30.0, self._settings.timeout)),
            connector=aiohttp.TCPConnector(ssl=self._settings.tls or True),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Close the session. A second call does nothing."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Send a body and return that of the response.

        Raises:
            TooLargeError: if the body is too large for the endpoint (413).
            RefusedError: if the endpoint rejects the request, or its TLS certificate is not trusted.
            EndpointUnavailableError: if all attempts failed, or the endpoint is known to be down.
        """
        return await self._retry("POST", url, body, headers)

    async def get(self, url: str, headers: Mapping[str, str]) -> bytes:
        """Return the body of the response. Raises the same errors as `post`."""
        return await self._retry("GET", url, b"", headers)

    async def _retry(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        if self._down_until is not None and self._policy.clock() < self._down_until:
            raise EndpointUnavailableError("the endpoint is down")
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_TransientError),
            wait=wait_random_exponential(multiplier=self._policy.first_wait, max=self._policy.max_wait),
            stop=self._should_stop,
            sleep=self._policy.sleep,
            reraise=True,
        )
        try:
            response: bytes = await retrying(self._attempt, method, url, body, headers)
        except _TransientError as last:
            self._down_until = self._policy.clock() + self._policy.outage_pause
            raise EndpointUnavailableError(str(last)) from None
        except RefusedError:
            self._down_until = None
            raise
        self._down_until = None
        return response

    def _should_stop(self, state: RetryCallState) -> bool:
        """During a known outage a request gets one attempt only."""
        return self._down_until is not None or state.attempt_number >= self._policy.attempts

    async def _attempt(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        await self._wait_for_retry_after()
        token = await self._token.get()
        status, response, retry_after = await self._request(method, url, body, headers, token)
        if status == UNAUTHORIZED and await self._token.renew(token):
            status, response, retry_after = await self._request(method, url, body, headers, await self._token.get())
        if 200 <= status < 300:  # noqa: PLR2004  (2xx)
            return response
        raise self._error(status, response, retry_after)

    async def _request(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], token: str | None
    ) -> tuple[int, bytes, str | None]:
        if self._session is None:
            raise DeliveryError("the HTTP session is closed")
        proxy, proxy_headers = _proxy(url)
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            async with self._session.request(
                method,
                url,
                data=aiohttp.BytesIOPayload(io.BytesIO(body)) if method == "POST" else None,
                headers={
                    **authorization,
                    **self._settings.headers,
                    **headers,
                    **(proxy_headers if url.startswith("http:") else {}),
                },
                allow_redirects=False,  # a redirected POST would become a GET, and the token could go to another host
                proxy=proxy,
                proxy_headers=proxy_headers,
            ) as response:
                return (
                    response.status,
                    await response.content.read(MAX_RESPONSE_BYTES),
                    response.headers.get("Retry-After"),
                )
        except aiohttp.ClientSSLError as error:
            raise RefusedError(0, "", f"no trusted TLS connection: {error}") from error
        except aiohttp.InvalidURL as error:
            raise RefusedError(0, "", "not a valid URL") from error
        except TimeoutError:
            raise _TransientError(f"no response within {self._settings.timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _TransientError(str(error) or type(error).__name__) from None

    def _error(self, status: int, response: bytes, retry_after: str | None) -> Exception:
        code, message = _code_and_message(response)
        message = self._token.redact(message)
        if status == TOO_LARGE or code == TOO_LARGE_CODE:
            return TooLargeError(status, code, message)
        if status not in TRANSIENT and status < SERVER_ERROR:
            return RefusedError(status, code, message)
        seconds = _seconds(retry_after, datetime.now(UTC)) if retry_after else 0.0
        blocked_until = self._policy.clock() + min(seconds, self._policy.max_retry_after)
        self._blocked_until = max(self._blocked_until, blocked_until)
        return _TransientError(" ".join(filter(None, (str(status), code, message))))

    async def _wait_for_retry_after(self) -> None:
        """Wait until the latest `Retry-After` of the endpoint has passed; it applies to all requests."""
        remaining = self._blocked_until - self._policy.clock()
        if remaining > 0:
            await self._policy.sleep(remaining)


def without_query(url: str) -> str:
    """Return a URL for messages. Its query is removed, because it may contain a signature."""
    return url.partition("?")[0]


def _code_and_message(response: bytes) -> tuple[str, str]:
    """Extract the error code and message from a response body, JSON or not."""
    try:
        content: Any = orjson.loads(response)
    except orjson.JSONDecodeError:
        return "", readable(response.decode(errors="replace"))
    error = content.get("error", content) if isinstance(content, dict) else content
    if not isinstance(error, dict):
        return "", readable(str(error))
    return str(error.get("code") or ""), readable(str(error.get("message") or ""))


def _seconds(retry_after: str, now: datetime) -> float:
    """Parse a `Retry-After`: seconds, or a date (RFC 9110, 10.2.3). Anything else is 0."""
    try:
        return max(0.0, float(int(retry_after)))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())


def _proxy(url: str) -> tuple[str | None, dict[str, str]]:
    """Return the proxy for a URL from the environment, and its headers.

    aiohttp's `trust_env` would also read `.netrc`, and then rejects an explicit Authorization header.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    proxies = getproxies()
    setting = None if proxy_bypass(host) else proxies.get(parts.scheme) or proxies.get("all")
    if not setting:
        return None, {}
    proxy = urlsplit(setting if "://" in setting else f"http://{setting}")
    if proxy.username is None:
        return proxy.geturl(), {}
    address = proxy._replace(netloc=proxy.netloc.rpartition("@")[2]).geturl()
    return address, {
        "Proxy-Authorization": aiohttp.encode_basic_auth(unquote(proxy.username), unquote(proxy.password or ""))
    }
