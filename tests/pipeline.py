"""Runs a service's declarations over recorded answers, without AWS and without a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from collector.catalog.catalog import Catalog
from collector.engine.job import JobRun
from collector.engine.plan import jobs
from collector.graph.assemble import Assembler, Page
from collector.model import Options, Target
from collector.report import Ledger
from tests.fake import ANSWERS, FakeApi

ACCOUNT = "123456789012"
REGIONS = ("us-east-1", "eu-west-1")


@dataclass
class Outcome:
    """What came out, sorted as golden files hold it."""

    entities: list[dict[str, Any]] = field(default_factory=list)
    relationships: list[dict[str, Any]] = field(default_factory=list)
    pointers: list[str] = field(default_factory=list)
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)


async def collect(name: str, *, folder: str | None = None, raw: bool = False) -> Outcome:
    """The graph of one service, seen alone: `pointers` are the edges whose other end belongs to other services."""
    everything = Catalog.all()
    catalog = Catalog(tuple(service for service in everything.services if service.name == name))
    target = Target("aws", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/tester", REGIONS[:1], REGIONS)
    ledger = Ledger("run", "0")
    assembler = Assembler(catalog, Options(raw=raw))
    graph = assembler.account(target, Options(), ledger)
    outcome = Outcome()
    for job in jobs(catalog, target):
        api = FakeApi(ANSWERS / (folder or name), job.region)
        record = ledger.begin(job.scope)

        def emit(page: Page, scope=job.scope) -> None:
            outcome.pages.append(page)
            for finished in graph.take(page, scope):
                known = outcome.entities if isinstance(finished.record["_class"], list) else outcome.relationships
                known.append(finished.record)

        await JobRun(job, api, record, emit, width=1).run()
        ledger.end(job.scope)
        outcome.calls += api.calls
    outcome.pointers = sorted(_pointers(graph))
    outcome.relationships += [finished.record for finished in graph.close(frozenset())]
    outcome.entities.sort(key=lambda record: record["_key"])
    outcome.relationships.sort(key=lambda record: record["_key"])
    report = ledger.report(())
    outcome.problems = [problem for scope in report["scopes"] for problem in scope["problems"]]
    return outcome


def _pointers(graph: Any) -> list[str]:
    lines = [
        f"{pending.near} {ends.verb} resource by {ends.by} {pending.name}"
        for pending, _ in graph.graph._open
        for ends in [graph.graph._directory.edges[pending.edge]]
        if not graph.graph._everyone(ends, pending.name)
    ]
    for (types, by), names in graph.graph._waiting.items():
        for name, several in names.items():
            for pending, _ in several if isinstance(several, list) else [several]:
                ends = graph.graph._directory.edges[pending.edge]
                near = pending.near or pending.near_name
                arrow = (
                    f"{near} {ends.verb} {'|'.join(types)}" if ends.outward else f"{'|'.join(types)} {ends.verb} {near}"
                )
                lines.append(f"{arrow} by {by} {name}")
    return lines
