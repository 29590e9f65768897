"""Adaptive token buckets, one per (account, region, operation group), capped at a share of AWS's documented rates.

A throttle cuts the rate, at most once per interval, and empties the bucket. While callers wait and calls succeed, the
rate grows up to its ceiling: within seconds until the first throttle shows where the limit is, slowly afterwards, since
each throttle may also have hit another user of the same allowance, who keeps their part. Only `acquire` waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from collector.aws.rates import Rate, Rates
from collector.model import GLOBAL

if TYPE_CHECKING:
    from collector.config import Settings

CUT = 0.7
"""Factor by which a throttle reduces the rate."""
INTERVAL = 0.5
"""Seconds within which the rate is cut at most once: calls already in flight report the same overload."""
SEARCH, RECOVERY = 20.0, 60.0
"""Seconds in which a rate grows by its whole ceiling: before the first throttle, and after it."""
SLOWEST = 0.2
"""Lower bound of the rate in calls per second; a bucket without successful calls could never recover."""


@dataclass(slots=True)
class TokenBucket:
    """The allowance of one operation group. Rates are calls per second; times are the event loop's, in seconds."""

    name: str
    rate: float
    burst: float
    ceiling: float
    tokens: float
    filled: float
    cut: float = float("-inf")
    calls: int = 0
    throttles: int = 0
    waited: float = 0.0

    def take(self, now: float) -> float:
        """Take a token and return 0, or return the seconds until one is available."""
        self.tokens = min(self.burst, self.tokens + max(0.0, now - self.filled) * self.rate)
        self.filled = now
        if self.tokens >= 1:
            self.tokens -= 1
            self.calls += 1
            return 0.0
        return (1 - self.tokens) / self.rate

    def throttled(self, now: float) -> None:
        """Record a throttle: empty the bucket and cut the rate, unless it was cut within `INTERVAL`."""
        self.throttles += 1
        if now - self.cut >= INTERVAL:
            self.cut = now
            self.rate = max(SLOWEST, self.rate * CUT)
        self.tokens, self.filled = min(self.tokens, 0.0), now

    def succeeded(self) -> None:
        """Raise the rate towards the ceiling, by the same amount for each second's worth of calls."""
        if self.rate < self.ceiling:
            seconds = RECOVERY if self.throttles else SEARCH
            self.rate = min(self.ceiling, self.rate + self.ceiling / seconds / max(self.rate, 1))

    @classmethod
    def of(cls, name: str, rate: Rate, share: float, now: float) -> TokenBucket:
        """A full bucket for `share` of a rate that AWS allows."""
        burst = max(1.0, rate.burst * share)
        return cls(name, rate.per_second * share, burst, (rate.ceiling or rate.per_second) * share, burst, now)


class RateLimiter:
    """A token bucket with a FIFO queue and one timer for all waiting callers."""

    def __init__(self, bucket: TokenBucket) -> None:
        self.bucket = bucket
        self._queue: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def acquire(self) -> None:
        """Take a token, waiting for it if necessary. Starts no task, and no timer if a token is available."""
        loop = asyncio.get_running_loop()
        if not self._queue and self.bucket.take(loop.time()) == 0:
            return
        turn = loop.create_future()
        began = loop.time()
        self._queue.append(turn)
        if self._timer is None:
            self._serve()
        try:
            await turn
        finally:
            self.bucket.waited += loop.time() - began

    def throttled(self) -> None:
        """Record that AWS throttled a call of this bucket."""
        self.bucket.throttled(asyncio.get_running_loop().time())

    def succeeded(self) -> None:
        """Record a successful call. It raises the rate only while callers wait."""
        if self._queue:
            self.bucket.succeeded()

    def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._queue:
            if self._queue[0].done():  # the caller was cancelled
                self._queue.popleft()
                continue
            pause = self.bucket.take(loop.time())
            if pause:
                self._timer = loop.call_later(max(pause, 0.001), self._serve)
                return
            self._queue.popleft().set_result(None)


class RateLimits:
    """The rate limiters of a run.

    `share` is the fraction of each rate that the run may use. `unlimited` disables all limits, for servers such as the
    demo's, which are not AWS.
    """

    def __init__(self, share: float = 0.5, *, rates: Rates | None = None, unlimited: bool = False) -> None:
        self._share = share
        self._rates = rates or Rates()
        self._unlimited = unlimited
        self._limiters: dict[tuple[str, str, str], RateLimiter] = {}

    @classmethod
    def of(cls, settings: Settings, *, unlimited: bool = False) -> RateLimits:
        """The limits for `rate_share` and `rates` of the settings."""
        return cls(settings.rate_share, rates=Rates.of(settings.rates), unlimited=unlimited)

    def limiter(self, account: str, region: str, client: str, api: str) -> RateLimiter | None:
        """The rate limiter of an operation in an account and region; None if unlimited."""
        if self._unlimited:
            return None
        rate, bucket = self._rates.find(client, api)
        key = (account, GLOBAL if rate.account_wide else region, bucket)
        limiter = self._limiters.get(key)
        if limiter is None:
            now = asyncio.get_running_loop().time()
            limiter = self._limiters[key] = RateLimiter(TokenBucket.of(bucket, rate, self._share, now))
        return limiter

    def used(self) -> list[dict[str, Any]]:
        """Usage of the buckets whose callers waited or were throttled: calls, throttles, seconds waited and rate."""
        return [
            {
                "account": account,
                "region": region,
                "bucket": name,
                "calls": limiter.bucket.calls,
                "throttles": limiter.bucket.throttles,
                "waited": round(limiter.bucket.waited, 3),
                "rate": round(limiter.bucket.rate, 2),
            }
            for (account, region, name), limiter in sorted(self._limiters.items())
            if limiter.bucket.waited or limiter.bucket.throttles
        ]
