"""Waiting: how near a run comes to the least possible time when each answer takes 50 ms, and what throttles cost.

With 100 calls in flight, `n` calls of 50 ms take at least `n` * 0.05 / 100 seconds; and on one core at least the processor time that they
need. The least possible time is the longer of the two, which for the canned estate of 100,000 resources is the processor's; the share
of the waiting alone is told as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from bench.canned import canned_server
from bench.collected import Collected, collected
from bench.measure import ROUNDS, Arm, Asked, Burst, Figure, Side, alone, beside, least
from bench.ours import Ours
from bench.plain import Plain

Times: TypeAlias = Callable[[Collected], float]

DELAY, IN_FLIGHT = 0.05, 100
SHARE = 0.85
RATE, CALLS, AT_ONCE = 100, 400, 200
"""A bucket as AWS has them: so many calls a second, and as many at once before that. How many calls are made of it."""


def figures() -> list[Figure]:
    """Latency first, then throttles."""
    return [*_latency(), *_throttles()]


def _latency() -> list[Figure]:
    with canned_server("100k") as aws:
        aws.control(delay=DELAY)
        rounds = [collected(aws.environment(), max_concurrency=IN_FLIGHT) for _ in range(ROUNDS)]
    calls = rounds[0].counts["apiCalls"]
    waiting = calls * DELAY / IN_FLIGHT

    def median(times: Times) -> float:
        return Side([times(each) for each in rounds]).median

    return [
        alone(f"{calls:,} calls of 50 ms, {IN_FLIGHT} in flight", median(lambda each: each.wall), shown=_seconds),
        alone("the least possible: waiting", waiting, shown=_seconds),
        alone("the least possible: CPU", median(lambda each: each.cpu), shown=_seconds),
        alone("share of waiting", median(lambda each: waiting / each.wall), shown=_share),
        alone(
            "share of the longer one",
            median(lambda each: max(waiting, each.cpu) / each.wall),
            shown=_share,
            wanted=least(SHARE, _share),
        ),
    ]


def _throttles() -> list[Figure]:
    """A bucket of which somebody else has taken half, so that what is known of it is twice what it gives."""
    asked = Asked("sts", "get_caller_identity")
    with canned_server("empty") as aws:
        plain = aws.environment()
        arms = {
            "ours": Arm(Ours, plain, fast_loop=True),
            "plain": Arm(Plain, plain, fast_loop=False),
            "standard": Arm(Plain, {**plain, "AWS_RETRY_MODE": "standard"}, fast_loop=False),
        }
        found: dict[str, list[Burst]] = {name: [] for name in arms}
        for name, arm in arms.items():
            with arm:
                arm.ask("answer", asked)
                for _ in range(ROUNDS):
                    aws.control(clear=1, throttle="sts:*", rate=RATE / 2, burst=RATE / 2, reset=1)
                    found[name].append(arm.ask("burst", asked, CALLS, AT_ONCE))
    ideal = (CALLS - RATE / 2) / (RATE / 2)
    return [
        _throttled("", found["plain"], found["ours"], ideal),
        _throttled(", standard retries", found["standard"], found["ours"], ideal),
    ]


def _throttled(how: str, plain: list[Burst], ours: list[Burst], ideal: float) -> Figure:
    sides = [Side([burst.spent.wall for burst in bursts]) for bursts in (ours, plain)]
    lost = [Side([float(CALLS - burst.good) for burst in bursts]).median for bursts in (ours, plain)]
    told = beside("", *sides, shown=_seconds)
    return Figure(
        f"{CALLS} calls of a bucket that gives half its rate{how} (at least {ideal:.0f} s)",
        f"{told.ours}, {lost[0]:.0f} lost",
        f"{told.theirs}, {lost[1]:.0f} lost",
        told.ratio,
        "none lost",
        met=not lost[0],
    )


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


def _share(value: float) -> str:
    return f"{value:.0%}"
