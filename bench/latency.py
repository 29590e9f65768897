"""Latency: how close a run comes to the minimum wall time when each response takes 50 ms, and what throttles cost.

There are two lower bounds. With 100 calls in flight, `n` calls of 50 ms wait for at least `n` * 0.05 / 100 seconds. A
run also takes at least its CPU time: that of its one process; or, with a process for each core, that of all processes
and of the server on the same machine, divided by the cores. Both bounds are reported, and the share of the larger one
in the wall time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench.canned import Canned, canned_server
from bench.collected import Collected, collected
from bench.measure import ROUNDS, ApiCall, Arm, Burst, Figure, Side, at_least, compared, single
from bench.ours import Ours
from bench.plain import Plain

DELAY, IN_FLIGHT = 0.05, 100
SHARE = 0.85
RATE, CALLS, AT_ONCE = 100, 400, 200
"""A token bucket's refill per second and burst; the number of calls made against it; calls in flight."""


def figures() -> list[Figure]:
    """Figures of latency, then of throttles."""
    return [*_latency(), *_throttles()]


class Round(NamedTuple):
    """A collection, and the CPU seconds of the server during it."""

    run: Collected
    served: float


def _latency() -> list[Figure]:
    cores = os.cpu_count() or 1
    with canned_server("100k") as aws:
        aws.control(delay=DELAY)
        pairs = [(_round(aws, 1), _round(aws, cores)) for _ in range(ROUNDS)]
    one, shared = zip(*pairs, strict=True)
    calls = one[0].run.counts["apiCalls"]
    waiting = calls * DELAY / IN_FLIGHT
    return [
        single(
            f"{calls:,} calls of {DELAY * 1000:.0f} ms, {IN_FLIGHT} in flight: waiting time", waiting, shown=_seconds
        ),
        *_bounds("one process", one, waiting, lambda each: each.run.cpu),
        *_bounds(f"{cores} processes", shared, waiting, lambda each: (each.run.cpu + each.served) / cores),
    ]


def _round(aws: Canned, processes: int) -> Round:
    start = aws.stats()["cpu"]
    run = collected(aws.environment(), max_concurrency=IN_FLIGHT, processes=processes)
    return Round(run, aws.stats()["cpu"] - start)


def _bounds(who: str, rounds: Sequence[Round], waiting: float, busy: Callable[[Round], float]) -> list[Figure]:
    def median(times: Callable[[Round], float]) -> float:
        return Side([times(each) for each in rounds]).median

    return [
        single(f"{who}: wall time", median(lambda each: each.run.wall), shown=_seconds),
        single(f"{who}: minimum by CPU", median(busy), shown=_seconds),
        single(f"{who}: waiting time / wall time", median(lambda each: waiting / each.run.wall), shown=_share),
        single(
            f"{who}: larger minimum / wall time",
            median(lambda each: max(waiting, busy(each)) / each.run.wall),
            shown=_share,
            target=at_least(SHARE, _share),
        ),
    ]


def _throttles() -> list[Figure]:
    """A token bucket half of which another client uses, so that it yields half of its documented rate."""
    api_call = ApiCall("sts", "get_caller_identity")
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
                arm.call("answer", api_call)
                for _ in range(ROUNDS):
                    aws.control(clear=1, throttle="sts:*", rate=RATE / 2, burst=RATE / 2, reset=1)
                    found[name].append(arm.call("burst", api_call, CALLS, AT_ONCE))
    ideal = (CALLS - RATE / 2) / (RATE / 2)
    return [
        _throttled("", found["plain"], found["ours"], ideal),
        _throttled(", standard retries", found["standard"], found["ours"], ideal),
    ]


def _throttled(how: str, plain: list[Burst], ours: list[Burst], ideal: float) -> Figure:
    sides = [Side([burst.spent.wall for burst in bursts]) for bursts in (ours, plain)]
    failed = [Side([float(CALLS - burst.good) for burst in bursts]).median for bursts in (ours, plain)]
    figure = compared("", *sides, shown=_seconds)
    return Figure(
        f"{CALLS} calls, token bucket at half its documented rate{how} (minimum {ideal:.0f} s)",
        f"{figure.ours}, {failed[0]:.0f} failed",
        f"{figure.theirs}, {failed[1]:.0f} failed",
        figure.ratio,
        "none failed",
        met=not failed[0],
    )


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


def _share(value: float) -> str:
    return f"{value:.0%}"
