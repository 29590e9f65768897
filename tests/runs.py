"""Whole runs in tests: a sink that remembers, and what a run gave."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from collector.aws.calls import RetryPolicy
from collector.catalog.catalog import Catalog
from collector.config import load_settings
from collector.engine.run import Run, RunResult
from collector.model import Batch
from collector.report import Report
from collector.workers.pool import worker_processes

REGIONS = "us-east-1,eu-west-1"


class MemorySink:
    """Keeps every batch."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.closed_with: Report | None = None

    async def open(self) -> None:
        self.batches.clear()

    async def write(self, batch: Batch) -> None:
        self.batches.append(batch)

    async def close(self, report: Report | None) -> None:
        self.closed_with = report


@dataclass
class Collected:
    outcome: RunResult
    sink: MemorySink

    @property
    def report(self) -> Report:
        return self.outcome.report

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for batch in self.sink.batches for line in batch.lines().splitlines()]

    def by_key(self) -> dict[str, dict[str, Any]]:
        return {record["_key"]: record for record in self.records}

    def scope(self, service: str, region: str) -> dict[str, Any]:
        return next(
            scope for scope in self.report["scopes"] if (scope["service"], scope["region"]) == (service, region)
        )


async def no_sleep(_: float) -> None:
    """Waiting is not what these tests are about."""


async def collect(
    *, sink: Any = None, patience: RetryPolicy | None = None, unlimited: bool = True, **given: Any
) -> Collected:
    """A whole run in this process, against whatever the environment points at."""
    chosen = load_settings({"regions": REGIONS, "max_concurrency": 20, "processes": 1, **given})
    kept = sink or MemorySink()
    catalog = Catalog.all().choose(chosen.services, chosen.skip_services)
    processes = worker_processes(chosen, unlimited=unlimited)
    run = Run(
        chosen,
        catalog,
        kept,
        processes=processes,
        patience=patience or RetryPolicy(sleep=no_sleep),
        unlimited=unlimited,
    )
    return Collected(await run(), kept)
