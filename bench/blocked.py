"""How long the event loop is kept from its turn while the policies of a large account are analysed: `python -m bench.blocked`.

One account of 100,000 resources and 1,000 policies goes through the code that a run uses, relationships and all, while a task
asks for its turn every millisecond. The same task without the analysis beside it tells what the machine itself costs.
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
from collector.catalog.catalog import Catalog
from collector.graph.analysis_run import AnalysisRun
from collector.graph.assemble import Assembler
from collector.graph.resolve import AccountGraph
from collector.model import GLOBAL, Options, Scope, Target
from collector.report import Ledger

if TYPE_CHECKING:
    from collections.abc import Awaitable

ACCOUNT = "111122223333"
WANTED = 0.050
TICK = 0.001


async def analysed(facts: Facts, graph: AccountGraph) -> int:
    """Draw everything, as a run does; the number of records."""
    ledger = Ledger("bench", "0")
    ledger.plan(Scope(ACCOUNT, GLOBAL, "iam"))
    target = Target("aws", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/bench", (), ())
    conclusions = AnalysisRun(target, graph, ledger, {})
    return sum([len(list(several)) async for several in conclusions.draw(facts, AnalysisLimits())])


async def watched(work: Awaitable[int]) -> tuple[float, float, int]:
    """The longest wait of a task that wants its turn all the time, the seconds that the work took, and what it gave."""
    worst, done = 0.0, False

    async def tick() -> None:
        nonlocal worst
        while not done:
            before = time.perf_counter()
            await asyncio.sleep(TICK)
            worst = max(worst, time.perf_counter() - before - TICK)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    began = time.perf_counter()
    given = await work
    took = time.perf_counter() - began
    done = True
    await ticking
    return worst, took, given


async def idle(seconds: float) -> int:
    """Nothing, for as long."""
    await asyncio.sleep(seconds)
    return 0


def prepared() -> tuple[Facts, AccountGraph]:
    """The account's facts, and the graph that knows its entities."""
    number, amount, _ = SIZES["small"]
    resources = estate(amount, [ACCOUNT])
    graph = AccountGraph(Assembler(Catalog.all(), Options()).directory)
    for key, type_ in resources[ACCOUNT]:
        graph.add(type_, key, ())
    owned = policies(number, [ACCOUNT], resources)[ACCOUNT]
    return Facts(Account(ACCOUNT), resources=graph.nameable(), policies=owned), graph


def main() -> int:
    facts, graph = prepared()
    gc.collect()
    gc.freeze()
    waits, without = [], []
    for _ in range(ROUNDS):
        worst, took, records = asyncio.run(watched(analysed(facts, graph)))
        waits.append(worst)
        without.append(asyncio.run(watched(idle(took)))[0])
        print(
            f"{records:,} records in {took:.2f} s; longest wait {worst * 1000:.1f} ms, alone {without[-1] * 1000:.1f} ms"
        )
    print(
        f"longest of all: {max(waits) * 1000:.1f} ms, alone {max(without) * 1000:.1f} ms (wanted: at most {WANTED * 1000:.0f})"
    )
    return 0 if max(waits) <= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
