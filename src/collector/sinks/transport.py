"""Requests to an endpoint that takes batches: retried while that helps, held back when asked, refused once and for all.

Nothing above retries. Connection errors, timeouts, 408, 425, 429 and 5xx pass; every other answer but 2xx is final.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import anyio
import orjson
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from collector.sinks.base import DeliveryError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping

    from collector.sinks.credentials import Token

TRANSIENT = frozenset({408, 425, 429})
SERVER_ERROR = 500
UNAUTHORIZED = 401
TOO_LARGE = 413
TOO_LARGE_CODE = "RequestEntityTooLargeException"
"""JupiterOne's word for 413, whatever the status (its SDK looks for both)."""

MOST_ANSWER = 1_000_000
"""Bytes of an answer that are read."""


class RefusedError(DeliveryError):
    """The endpoint's last word. `code` is the one in a JSON body `{"error": {"code", "message"}}`, else empty."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(" ".join(filter(None, (str(status or ""), code, message))))
        self.status, self.code = status, code


class TooLargeError(RefusedError):
    """The body is more than the endpoint takes; less of it may go."""


class GaveUpError(DeliveryError):
    """The endpoint did not answer, or not usefully, for longer than is worth waiting."""


class _PassingError(Exception):
    """An attempt failed in a way that a later one may not."""


@dataclass(frozen=True, slots=True)
class UploadRetryPolicy:
    """How long to go on trying; times in seconds.

    Waits are random below an exponentially growing bound (full jitter). After `attempts` the endpoint counts as down: for
    `rest` seconds nothing is sent, then one attempt of whatever comes next finds out. `longest_hold` bounds what a
    `Retry-After` may ask for.
    """

    attempts: int = 15
    first_wait: float = 0.5
    longest_wait: float = 60.0
    longest_hold: float = 900.0
    rest: float = 30.0
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Manner:
    """How to connect: seconds for a whole request, headers for all of them, TLS."""

    timeout: float = 120.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | None = None


class Http:
    """One endpoint, with its session, its token and its pace, for several senders at a time."""

    def __init__(self, manner: Manner, token: Token, patience: UploadRetryPolicy | None = None) -> None:
        """No connection is made yet."""
        self._manner, self._token = manner, token
        self._patience = patience or UploadRetryPolicy()
        self._session: aiohttp.ClientSession | None = None
        self._held_until = 0.0
        self._rests_until: float | None = None

    async def open(self) -> None:
        """Make the session; the token must be readable.

        Raises:
            DeliveryError: when the token's file or command gives none.
        """
        await self._token.get()
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._manner.timeout, sock_connect=min(30.0, self._manner.timeout)),
            connector=aiohttp.TCPConnector(ssl=self._manner.tls or True),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """End the session; a second time does nothing."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Send a body; the answer's when it was accepted.

        Raises:
            TooLargeError: at 413.
            RefusedError: at any other answer that no later attempt would change.
            GaveUpError: when patience is used up, or the endpoint is known to be down.
        """
        return await self._insist("POST", url, body, headers)

    async def get(self, url: str, headers: Mapping[str, str]) -> bytes:
        """Ask for something; raises as `post` does."""
        return await self._insist("GET", url, b"", headers)

    async def _insist(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        if self._rests_until is not None and self._patience.clock() < self._rests_until:
            raise GaveUpError("the endpoint was down a moment ago")
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_PassingError),
            wait=wait_random_exponential(multiplier=self._patience.first_wait, max=self._patience.longest_wait),
            stop=self._gives_up,
            sleep=self._patience.sleep,
            reraise=True,
        )
        try:
            answer: bytes = await retrying(self._attempt, method, url, body, headers)
        except _PassingError as last:
            self._rests_until = self._patience.clock() + self._patience.rest
            raise GaveUpError(str(last)) from None
        except RefusedError:
            self._rests_until = None
            raise
        self._rests_until = None
        return answer

    def _gives_up(self, state: RetryCallState) -> bool:
        """A known outage is worth one attempt, not a series for each batch."""
        return self._rests_until is not None or state.attempt_number >= self._patience.attempts

    async def _attempt(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        await self._hold()
        token = await self._token.get()
        status, answer, after = await self._request(method, url, body, headers, token)
        if status == UNAUTHORIZED and await self._token.renewed(token):
            status, answer, after = await self._request(method, url, body, headers, await self._token.get())
        if 200 <= status < 300:  # noqa: PLR2004  (what 2xx means)
            return answer
        raise self._refusal(status, answer, after)

    async def _request(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], token: str | None
    ) -> tuple[int, bytes, str | None]:
        if self._session is None:
            raise DeliveryError("the endpoint's session is closed")
        proxy, for_proxy = _proxy(url)
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            async with self._session.request(
                method,
                url,
                data=aiohttp.BytesIOPayload(io.BytesIO(body)) if method == "POST" else None,
                headers={
                    **authorization,
                    **self._manner.headers,
                    **headers,
                    **(for_proxy if url.startswith("http:") else {}),
                },
                allow_redirects=False,  # a POST would come out as a GET, and the token elsewhere
                proxy=proxy,
                proxy_headers=for_proxy,
            ) as response:
                return response.status, await response.content.read(MOST_ANSWER), response.headers.get("Retry-After")
        except aiohttp.ClientSSLError as error:
            raise RefusedError(0, "", f"no trusted connection: {error}") from error
        except aiohttp.InvalidURL as error:
            raise RefusedError(0, "", "not an address") from error
        except TimeoutError:
            raise _PassingError(f"no answer in {self._manner.timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _PassingError(str(error) or type(error).__name__) from None

    def _refusal(self, status: int, answer: bytes, after: str | None) -> Exception:
        code, message = _explained(answer)
        message = self._token.hide(message)
        if status == TOO_LARGE or code == TOO_LARGE_CODE:
            return TooLargeError(status, code, message)
        if status not in TRANSIENT and status < SERVER_ERROR:
            return RefusedError(status, code, message)
        seconds = _seconds(after, datetime.now(UTC)) if after else 0.0
        self._held_until = max(self._held_until, self._patience.clock() + min(seconds, self._patience.longest_hold))
        return _PassingError(" ".join(filter(None, (str(status), code, message))))

    async def _hold(self) -> None:
        """What one answer asked for holds for all requests to this endpoint."""
        remaining = self._held_until - self._patience.clock()
        if remaining > 0:
            await self._patience.sleep(remaining)


def shown(url: str) -> str:
    """An address for messages: what stands behind a `?` may be a signature."""
    return url.partition("?")[0]


def _explained(answer: bytes) -> tuple[str, str]:
    """Code and message of an error's body, JSON or not."""
    try:
        told: Any = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return "", " ".join(answer[:200].decode(errors="replace").split())
    error = told.get("error", told) if isinstance(told, dict) else told
    if not isinstance(error, dict):
        return "", str(error)[:200]
    return str(error.get("code") or ""), str(error.get("message") or "")[:200]


def _seconds(after: str, now: datetime) -> float:
    """A `Retry-After`: seconds, or a date (RFC 9110, 10.2.3). Nonsense asks for nothing."""
    try:
        return max(0.0, float(int(after)))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(after)
    except ValueError:
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())


def _proxy(url: str) -> tuple[str | None, dict[str, str]]:
    """The proxy that the environment names for an address, and the headers that it wants.

    aiohttp could read the environment too, but would read a `.netrc` with it and then refuse our own Authorization.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    proxies = getproxies()
    named = None if proxy_bypass(host) else proxies.get(parts.scheme) or proxies.get("all")
    if not named:
        return None, {}
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    if proxy.username is None:
        return proxy.geturl(), {}
    address = proxy._replace(netloc=proxy.netloc.rpartition("@")[2]).geturl()
    return address, {
        "Proxy-Authorization": aiohttp.encode_basic_auth(unquote(proxy.username), unquote(proxy.password or ""))
    }
