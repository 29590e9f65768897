"""Waiting: how near a run comes to the least possible time when each answer takes 50 ms, and what throttles cost.

With 100 calls in flight, `n` calls of 50 ms take at least `n` * 0.05 / 100 seconds. And they take at least the processor time that they
need: that of the one process, or, shared by a process for each core, that of all processes and of the server on the same machine,
divided by the cores. The least possible time is the longer of the two; the share of the waiting alone is told as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench.canned import Canned, canned_server
from bench.collected import Collected, collected
from bench.measure import ROUNDS, Arm, Asked, Burst, Figure, Side, alone, beside, least
from bench.ours import Ours
from bench.plain import Plain

DELAY, IN_FLIGHT = 0.05, 100
SHARE = 0.85
RATE, CALLS, AT_ONCE = 100, 400, 200
"""A bucket as AWS has them: so many calls a second, and as many at once before that. How many calls are made of it."""


def figures() -> list[Figure]:
    """Latency first, then throttles."""
    return [*_latency(), *_throttles()]


class Round(NamedTuple):
    """A collection, and the processor seconds that the server took for it."""

    run: Collected
    served: float


def _latency() -> list[Figure]:
    cores = os.cpu_count() or 1
    with canned_server("100k") as aws:
        aws.control(delay=DELAY)
        alone_and_shared = [(_round(aws, 1), _round(aws, cores)) for _ in range(ROUNDS)]
    one, shared = zip(*alone_and_shared, strict=True)
    calls = one[0].run.counts["apiCalls"]
    waiting = calls * DELAY / IN_FLIGHT
    return [
        alone(f"{calls:,} calls of {DELAY * 1000:.0f} ms, {IN_FLIGHT} in flight: the waiting", waiting, shown=_seconds),
        *_told("one process", one, waiting, lambda each: each.run.cpu),
        *_told(f"{cores} processes", shared, waiting, lambda each: (each.run.cpu + each.served) / cores),
    ]


def _round(aws: Canned, processes: int) -> Round:
    before = aws.stats()["cpu"]
    run = collected(aws.environment(), max_concurrency=IN_FLIGHT, processes=processes)
    return Round(run, aws.stats()["cpu"] - before)


def _told(who: str, rounds: Sequence[Round], waiting: float, busy: Callable[[Round], float]) -> list[Figure]:
    def median(times: Callable[[Round], float]) -> float:
        return Side([times(each) for each in rounds]).median

    return [
        alone(f"{who}: time", median(lambda each: each.run.wall), shown=_seconds),
        alone(f"{who}: least that the processor needs", median(busy), shown=_seconds),
        alone(f"{who}: share of the waiting", median(lambda each: waiting / each.run.wall), shown=_share),
        alone(
            f"{who}: share of the longer one",
            median(lambda each: max(waiting, busy(each)) / each.run.wall),
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
