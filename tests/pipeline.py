"""Runs a service's declarations over recorded responses, without AWS and without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from collector.analysis.facts import Facts
from collector.catalog.catalog import Catalog
from collector.engine.context import Api
from collector.engine.job import JobRun
from collector.engine.plan import jobs
from collector.graph.assemble import Assembler, Page
from collector.graph.resolve import AccountGraph
from collector.model import Options, Scope, Target
from collector.report import Ledger
from collector.schema.declarations import RESOURCE
from collector.schema.names import NAME_KINDS
from tests.fake import ANSWERS, FakeApi

ACCOUNT = "123456789012"
TARGET = Target("aws", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/tester", ("us-east-1",), ("us-east-1", "eu-west-1"))


@dataclass
class Outcome:
    """The result of a run over recorded responses, sorted as in the golden files."""

    entities: list[dict[str, Any]] = field(default_factory=list)
    relationships: list[dict[str, Any]] = field(default_factory=list)
    pointers: list[str] = field(default_factory=list)
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    facts: Facts | None = None


async def collect(name: str, *others: str, folder: str | None = None, raw: bool = False) -> Outcome:
    """The graph of one service on its own, or with others; `folder` has the answers of the first one, if not its name.

    `pointers` are the edges whose missing end belongs to another service; `facts` are those for the analysis.
    """
    catalog = Catalog(tuple(service for service in Catalog.all().services if service.name in (name, *others)))
    ledger = Ledger("run", "0")
    assembler = Assembler(catalog, Options(raw=raw)).account(TARGET, Options(), ledger)
    outcome = Outcome()

    def answers(service: str, region: str) -> FakeApi:
        api = FakeApi(ANSWERS / (folder if folder and service == name else service), region)
        api.calls = outcome.calls
        return api

    def take(page: Page, scope: Scope) -> None:
        outcome.pages.append(page)
        for outgoing in assembler.take(page, scope):
            is_entity = isinstance(outgoing.record["_class"], list)
            (outcome.entities if is_entity else outcome.relationships).append(outgoing.record)

    await run_jobs(catalog, ledger, answers, take)
    outcome.pointers = sorted(_pointers(assembler.graph))
    outcome.relationships += [outgoing.record for outgoing in assembler.close(frozenset())]
    outcome.facts = assembler.facts.facts([(entity["_key"], entity["_type"]) for entity in outcome.entities])
    outcome.entities.sort(key=lambda record: record["_key"])
    outcome.relationships.sort(key=lambda record: record["_key"])
    report = ledger.report(())
    outcome.problems = [problem for scope in report["scopes"] for problem in scope["problems"]]
    return outcome


async def run_jobs(
    catalog: Catalog, ledger: Ledger, api: Callable[[str, str], Api], take: Callable[[Page, Scope], None]
) -> None:
    """Run the jobs of `TARGET` one after the other. `api` gives the answers for a service in a region; `take` gets the pages."""
    for job in jobs(catalog, TARGET):

        def emit(page: Page, scope: Scope = job.scope) -> None:
            take(page, scope)

        await JobRun(job, api(job.service.name, job.region), ledger.begin(job.scope), emit, width=1).run()
        ledger.end(job.scope)


def _pointers(graph: AccountGraph) -> Iterator[str]:
    for (pending, _), name, meaning in graph.remaining():
        ends = graph.index.edges[pending.edge]
        near = pending.near or (pending.near_name or ("", ""))[1]
        types, kind = (ends.far, ends.by) if pending.near else (ends.near, "id")
        missing = RESOURCE if RESOURCE in types or NAME_KINDS[kind].bearers == "some" else "|".join(types)
        source, target = (near, missing) if ends.outward else (missing, near)
        if not meaning.keys:
            yield f"{source} {ends.verb} {target} by {kind} {name}"
