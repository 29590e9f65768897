"""Waiting one's turn: token buckets at a share of the known rates, adapting below them to what AWS answers.

One bucket for each (account, region, bucket of operations). A throttle cuts the rate once in an interval and empties the
bucket; while callers wait and all goes well, the rate grows again, up to its share: in seconds as long as no throttle has told
where the limit lies, slowly ever after, since each throttle of ours is one that somebody else may have met as well. So
what others use of the same allowance is noticed and left to them. The logic is synchronous; only `acquire` waits.
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
"""What a throttle leaves of the rate."""
INTERVAL = 0.5
"""Seconds in which the rate is cut at most once: the calls already under way all tell the same."""
SEARCH, RECOVERY = 20.0, 60.0
"""Seconds in which a rate grows by its whole ceiling: before the first throttle, and after it."""
SLOWEST = 0.2
"""Calls a second that a bucket is never cut below, so that it can find its way up again."""


@dataclass(slots=True)
class TokenBucket:
    """The allowance of one group of operations. Times are the event loop's seconds."""

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
        """Take a token and return 0, or return the seconds until there may be one."""
        self.tokens = min(self.burst, self.tokens + max(0.0, now - self.filled) * self.rate)
        self.filled = now
        if self.tokens >= 1:
            self.tokens -= 1
            self.calls += 1
            return 0.0
        return (1 - self.tokens) / self.rate

    def throttled(self, now: float) -> None:
        """AWS asked for less: cut the rate, at most once in an interval, and begin from an empty bucket."""
        self.throttles += 1
        if now - self.cut >= INTERVAL:
            self.cut = now
            self.rate = max(SLOWEST, self.rate * CUT)
        self.tokens, self.filled = min(self.tokens, 0.0), now

    def succeeded(self) -> None:
        """Grow towards the ceiling, by the same step for each second's worth of calls."""
        if self.rate < self.ceiling:
            seconds = RECOVERY if self.throttles else SEARCH
            self.rate = min(self.ceiling, self.rate + self.ceiling / seconds / max(self.rate, 1))

    @classmethod
    def of(cls, name: str, rate: Rate, share: float, now: float) -> TokenBucket:
        """A full bucket that holds a share of what AWS allows."""
        burst = max(1.0, rate.burst * share)
        return cls(name, rate.per_second * share, burst, (rate.most or rate.per_second) * share, burst, now)


class RateLimiter:
    """A bucket with its queue: first come, first served, one timer for all who wait."""

    def __init__(self, bucket: TokenBucket) -> None:
        """Guard one bucket."""
        self.bucket = bucket
        self._queue: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def acquire(self) -> None:
        """Wait for a token. No task and no timer when there is one."""
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
        """A call of this bucket was throttled."""
        self.bucket.throttled(asyncio.get_running_loop().time())

    def succeeded(self) -> None:
        """A call of this bucket succeeded."""
        if self._queue:
            self.bucket.succeeded()

    def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._queue:
            if self._queue[0].done():  # its caller was cancelled
                self._queue.popleft()
                continue
            pause = self.bucket.take(loop.time())
            if pause:
                self._timer = loop.call_later(max(pause, 0.001), self._serve)
                return
            self._queue.popleft().set_result(None)


class RateLimits:
    """All buckets of a run. `share` is the part of each known rate that the run may use."""

    def __init__(self, share: float = 0.5, *, rates: Rates | None = None, unlimited: bool = False) -> None:
        """`unlimited` is for servers that are not AWS's, such as the demo's own."""
        self._share = share
        self._rates = rates or Rates()
        self._unlimited = unlimited
        self._turnstiles: dict[tuple[str, str, str], RateLimiter] = {}

    @classmethod
    def of(cls, settings: Settings, *, unlimited: bool = False) -> RateLimits:
        """The limits that the settings ask for."""
        return cls(settings.rate_share, rates=Rates.of(settings.rates), unlimited=unlimited)

    def limiter(self, account: str, region: str, client: str, api: str) -> RateLimiter | None:
        """The turnstile of an operation in a place; None when nothing is limited."""
        if self._unlimited:
            return None
        rate, bucket = self._rates.find(client, api)
        key = (account, GLOBAL if rate.everywhere else region, bucket)
        limiter = self._turnstiles.get(key)
        if limiter is None:
            now = asyncio.get_running_loop().time()
            limiter = self._turnstiles[key] = RateLimiter(TokenBucket.of(bucket, rate, self._share, now))
        return limiter

    def used(self) -> list[dict[str, Any]]:
        """What each bucket was asked for: calls, throttles, seconds waited; those that waited or were throttled only."""
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
            for (account, region, name), limiter in sorted(self._turnstiles.items())
            if limiter.bucket.waited or limiter.bucket.throttles
        ]
