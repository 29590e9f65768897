"""Runs for tests: a sink that keeps its batches, and the result of a run with its records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from collector.aws.calls import RetryPolicy
from collector.catalog.catalog import Catalog
from collector.config import load_settings
from collector.demo.stub import Call
from collector.engine.run import Run, RunResult
from collector.model import Batch, Progress
from collector.report import Report
from collector.sinks.base import Delivery
from collector.workers.pool import worker_processes
from tests.waits import no_sleep

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

    def deliveries(self) -> Sequence[Delivery]:
        return ()


@dataclass
class Collected:
    """What a run delivered and reported, and its progress at the end. `calls` is set by the fixture `undisturbed`."""

    outcome: RunResult
    sink: MemorySink
    progress: Progress
    calls: Sequence[Call] = ()

    @property
    def report(self) -> Report:
        return self.outcome.report

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for batch in self.sink.batches for line in batch.lines().splitlines()]

    def by_key(self) -> dict[str, dict[str, Any]]:
        return {record["_key"]: record for record in self.records}

    def scope(self, service: str, region: str) -> dict[str, Any]:
        return next(
            scope for scope in self.report["scopes"] if (scope["service"], scope["region"]) == (service, region)
        )


async def collect(
    *, sink: Any = None, retry_policy: RetryPolicy | None = None, unlimited: bool = True, **options: Any
) -> Collected:
    """A run against the endpoint in the environment, by default in one process."""
    settings = load_settings({"regions": REGIONS, "max_concurrency": 20, "processes": 1, **options})
    sink = sink or MemorySink()
    run = Run(
        settings,
        Catalog.all().choose(settings.services, settings.skip_services),
        sink,
        processes=worker_processes(settings, unlimited=unlimited),
        retry_policy=retry_policy or RetryPolicy(sleep=no_sleep),
        unlimited=unlimited,
    )
    return Collected(await run(), sink, run.progress())
