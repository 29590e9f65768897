"""Many accounts: peak memory of 6 and 60 accounts, and throughput of one and two worker processes.

Each run is a process of its own against the canned server, without rate limits, with its output discarded. Peak memory
is that of the largest process of a run. The server runs on the same machine: on two cores it competes with two workers,
but not with one. The time of two workers is therefore also reported without the server's share of the cores.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from bench.canned import Canned, canned_server

_CODE = """
import asyncio, json, resource, sys, time
import uvloop
from collector import log
from collector.catalog.catalog import Catalog
from collector.config import load_settings
from collector.engine.run import Run
from collector.workers.pool import worker_processes
from collector.sinks.ndjson import NdjsonSink

settings = load_settings({**json.loads(sys.argv[1]), "log_level": "error"})
log.set_up(settings.log_level, settings.log_format)
run = Run(
    settings,
    Catalog.all().choose(settings.services),
    NdjsonSink("/dev/null"),
    processes=worker_processes(settings, unlimited=True),
    unlimited=True,
)
began = time.perf_counter()
outcome = uvloop.run(run())
wall = time.perf_counter() - began
peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
cpu = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
counts = outcome.report["counts"]
print(json.dumps({"wall": wall, "cpu": cpu, "peak": peak / 1000, "status": outcome.report["status"], **counts}))
"""

ROUNDS = 5
MANY = 40
"""Enough accounts to outweigh the start of a worker, which takes nearly two seconds."""


class Measured(NamedTuple):
    """Medians of the runs: seconds, megabytes, and the result of the last run."""

    wall: float
    cpu: float
    peak: float
    entities: int
    relationships: int
    status: str
    served: float

    @property
    def without_server(self) -> float:
        """The wall time on two cores without the server's share of them."""
        return self.wall - self.served / 2


def measure(accounts: int, processes: int, rounds: int, **counts: int) -> Measured:
    """Collects a number of accounts of the small estate."""
    names = [f"{number:012d}" for number in range(1, accounts + 1)]
    settings = {"accounts": names, "role_name": "audit", "processes": processes, "accounts_at_once": 4}
    with canned_server("small", accounts=accounts, **counts) as server:
        runs = [_run(server, settings) for _ in range(rounds)]
    last = runs[-1]
    wall, cpu, peak, served = (
        statistics.median(run[name] for run in runs) for name in ("wall", "cpu", "peak", "served")
    )
    return Measured(wall, cpu, peak, last["entities"], last["relationships"], last["status"], served)


def _run(server: Canned, settings: dict[str, Any]) -> dict[str, Any]:
    environment = server.environment("000000000001", "us-east-1")
    command = [sys.executable, "-c", _CODE, json.dumps(settings)]
    root = Path(__file__).parent.parent
    path = os.pathsep.join((str(root / "src"), str(root)))
    start = server.stats()["cpu"]
    done = subprocess.run(
        command, env={**os.environ, **environment, "PYTHONPATH": path}, stdout=subprocess.PIPE, check=True
    )
    return {**json.loads(done.stdout), "served": server.stats()["cpu"] - start}


def main() -> None:
    few, many = measure(6, 1, 3), measure(60, 1, 1)
    print(f"  6 accounts: {few.peak:6.0f} MB peak, {few.entities:,} entities in {few.wall:.1f} s ({few.status})")
    print(f" 60 accounts: {many.peak:6.0f} MB peak, {many.entities:,} entities in {many.wall:.1f} s ({many.status})")
    print(f" memory of 60 / memory of 6: {many.peak / few.peak:.2f} (target: at most 1.25)")
    one, two = measure(MANY, 1, ROUNDS, aws_instance=600), measure(MANY, 2, ROUNDS, aws_instance=600)
    for name, run in (("one process", one), ("two processes", two)):
        records = f"{run.entities:,} entities, {run.relationships:,} relationships"
        print(
            f" {name}: {run.wall:.1f} s, {run.cpu:.1f} s CPU, server {run.served:.1f} s CPU; {records} ({run.status})"
        )
    print(f" throughput of two / throughput of one: {one.wall / two.wall:.2f} on two cores,")
    print(f" {one.wall / two.without_server:.2f} without the server's share of the cores (target: at least 1.7)")


if __name__ == "__main__":
    main()
