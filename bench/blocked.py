"""Measures the latency of the event loop while the policies of a large account are analysed: `python -m bench.blocked`.

One account of 100,000 resources and 1,000 policies goes through the same code as in a run, including relationships,
while a task sleeps for a millisecond at a time. The same task without the analysis is measured as well, as the
baseline of the machine.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from typing import TYPE_CHECKING

from bench.analysis import SIZES, estate, policies
from bench.measure import ROUNDS
from collector.analysis.facts import Account, AnalysisLimits, Facts
from collector.graph.analysis_run import AnalysisRun
from collector.graph.entity_index import EntityIndex
from collector.model import GLOBAL, Scope, Target
from collector.report import Ledger

if TYPE_CHECKING:
    from collections.abc import Awaitable

ACCOUNT = "111122223333"
TARGET = 0.050
TICK = 0.001


async def analysed(facts: Facts, entities: EntityIndex) -> int:
    """Runs the analysis as a run does; returns the number of records."""
    ledger = Ledger("bench", "0")
    ledger.plan(Scope(ACCOUNT, GLOBAL, "iam"))
    target = Target("aws", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/bench", (), ())
    analysis = AnalysisRun(target, entities, ledger, {})
    return sum([len(list(step)) async for step in analysis.draw(facts, AnalysisLimits())])


async def watched(work: Awaitable[int]) -> tuple[float, float, int]:
    """The longest delay of a periodic task during the work, the duration of the work (seconds), and its result."""
    worst, done = 0.0, False

    async def tick() -> None:
        nonlocal worst
        while not done:
            start = time.perf_counter()
            await asyncio.sleep(TICK)
            worst = max(worst, time.perf_counter() - start - TICK)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    began = time.perf_counter()
    result = await work
    took = time.perf_counter() - began
    done = True
    await ticking
    return worst, took, result


async def idle(seconds: float) -> int:
    """Sleeps; the baseline."""
    await asyncio.sleep(seconds)
    return 0


def prepared() -> tuple[Facts, EntityIndex]:
    """The account's facts, and the index of its entities."""
    number, amount, _ = SIZES["small"]
    resources = estate(amount, [ACCOUNT])
    entities = EntityIndex()
    for key, type_ in resources[ACCOUNT]:
        entities.add(type_, key, ())
    owned = policies(number, [ACCOUNT], resources)[ACCOUNT]
    return Facts(Account(ACCOUNT), resources=entities.nameable(), policies=owned), entities


def main() -> int:
    facts, entities = prepared()
    gc.collect()
    gc.freeze()
    delays, idle_delays = [], []
    for _ in range(ROUNDS):
        worst, took, records = asyncio.run(watched(analysed(facts, entities)))
        delays.append(worst)
        idle_delays.append(asyncio.run(watched(idle(took)))[0])
        print(
            f"{records:,} records in {took:.2f} s; longest delay {worst * 1000:.1f} ms, idle {idle_delays[-1] * 1000:.1f} ms"
        )
    print(
        f"longest of all: {max(delays) * 1000:.1f} ms, idle {max(idle_delays) * 1000:.1f} ms (target: at most {TARGET * 1000:.0f})"
    )
    return 0 if max(delays) <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
