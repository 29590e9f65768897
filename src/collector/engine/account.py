"""Collects one account, from its jobs to its last relationship, and holds its graph in memory for as long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import anyio
import structlog

from collector.analysis.facts import AnalysisLimits
from collector.aws.accounts import AccountSession, Member
from collector.catalog.catalog import Catalog
from collector.catalog.partial import analysed_types
from collector.config import Settings
from collector.engine.offers import judge_unresolved
from collector.engine.plan import plan_account
from collector.engine.scopes import LocalScopes, ScopeCollector, ScopeContext, ScopeOutput, fail
from collector.faults import CallFailed, Reason
from collector.graph.analysis_run import AnalysisRun
from collector.graph.assemble import Assembler, BadRow, ConvertedRow, Page
from collector.model import GLOBAL, Options, Scope
from collector.report import Ledger
from collector.sinks.base import Sink
from collector.sinks.writer import Writer

log = structlog.get_logger()


ScopeCollectorFactory: TypeAlias = Callable[
    [Member, AccountSession, Ledger, ScopeOutput[Iterable[ConvertedRow | BadRow]]], ScopeCollector
]
"""Makes a collector that distributes the scopes of one account over worker processes."""


def analysis_limits(settings: Settings) -> AnalysisLimits:
    """The settings that the analysis needs."""
    return AnalysisLimits(
        wildcards="expand" if settings.expand_wildcards else "collapse",
        type_wide="expand" if settings.expand_types else "collapse",
        max_edges_per_pattern=settings.max_edges_per_pattern,
        cross_account=settings.cross_account,
        deny_edges=settings.deny_edges,
    )


@dataclass(frozen=True)
class RunContext:
    """What all accounts of a run share. With `in_workers`, scopes are collected in worker processes.

    `sink_lock` serializes writes to the sink. `analysis_lock` serializes analysis, which is CPU-bound: it takes no longer,
    and only one account at a time holds its index in memory.
    """

    catalog: Catalog
    options: Options
    scopes: ScopeContext
    sink: Sink
    in_workers: ScopeCollectorFactory | None = None
    analysis_limits: AnalysisLimits = field(default_factory=AnalysisLimits)
    sink_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    analysis_lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @cached_property
    def assembler(self) -> Assembler:
        """The declarations, compiled once."""
        return Assembler(self.catalog, self.options)

    @cached_property
    def services(self) -> Mapping[str, str]:
        """The service of each entity type."""
        return {entity.type: service.name for service in self.catalog.services for entity in service.entities}


class AccountRun:
    """Collects one account. All of its scopes are planned in the ledger from the start."""

    def __init__(self, context: RunContext, member: Member, session: AccountSession, ledger: Ledger) -> None:
        self._context, self._session, self._ledger = context, session, ledger
        plan = plan_account(context.catalog, session.target, context.scopes.calls.availability)
        self._jobs = plan.jobs
        self._writer = Writer(session.target.account, context.sink, ledger, context.sink_lock)
        options = context.options.for_account(session.target.name)
        self._assembler = context.assembler.account(session.target, options, ledger)
        self._scopes = self._scope_collector(member)
        self.bug = self._written = False
        target = session.target
        if not target.knows_enabled or not set(target.enabled).issubset(target.regions):
            ledger.left_out |= context.catalog.affected_by_regions
        for job in self._jobs:
            ledger.plan(job.scope)
        for scope in plan.unavailable:
            ledger.plan(scope).unavailable = True
        for scope, clients in plan.not_offered.items():
            ledger.plan(scope).not_offered.update(clients)

    def _scope_collector(self, member: Member) -> ScopeCollector:
        context, writer = self._context, self._writer

        def take_page(page: Page, scope: Scope) -> None:
            writer.take(self._assembler.take(page, scope))

        def take_rows(rows: Iterable[ConvertedRow | BadRow], scope: Scope) -> None:
            writer.take(self._assembler.place(rows, scope))

        if context.in_workers is None:
            output = ScopeOutput(take_page, writer.drain)
            return LocalScopes(context.scopes, self._session, self._ledger, output)
        rows_output = ScopeOutput(take_rows, writer.drain)
        return context.in_workers(member, self._session, self._ledger, rows_output)

    async def collect(self) -> None:
        """Collect the account into the sink.

        Raises:
            DeliveryError: when the sink cannot take a batch; inside an `ExceptionGroup`.
        """
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._writer.deliver)
            await self._collect()
            self._writer.end()
        self._written = True

    async def _collect(self) -> None:
        await self._scopes.run(self._jobs)
        self.bug = self._scopes.bug
        account = self._session.target.account
        records, availability = self._ledger.of_account(account), self._context.scopes.calls.availability
        for scope, clients in judge_unresolved(records, self._jobs, availability):
            log.info("not offered here", **scope._asdict(), clients=clients)
        unselected = set(Catalog.all().types) - set(self._context.catalog.types)
        incomplete = self._ledger.incomplete_types(account)
        for record in self._assembler.close(frozenset(incomplete | unselected)):
            self._writer.take((record,))
            await self._writer.drain()  # no call, which would wait for the sink, comes between
        async with self._context.analysis_lock:
            await self._analyse()

    def stop(self) -> None:
        """Cancel the calls in flight and start no more; what was collected is still delivered."""
        self._scopes.stop()

    def note_unfinished(self, code: str) -> None:
        """Record a failure with this code in every scope that did not end, or in all if not all batches were written."""
        for job in self._jobs:
            if not self._written or self._ledger.scopes[job.scope].ended is None:
                failure = CallFailed(
                    job.service.name, Reason.ERROR, code, "the run ended before all of this was delivered"
                )
                fail(self._ledger, job, failure)

    async def _analyse(self) -> None:
        """Write the relationships that follow from policies and firewall rules. A bug loses only those."""
        target, ledger, assembler = self._session.target, self._ledger, self._assembler
        analysis = AnalysisRun(target, assembler.graph.entities, ledger, self._context.services)
        facts = assembler.facts.facts(assembler.graph.entities.nameable())
        try:
            async for records in analysis.draw(facts, self._context.analysis_limits):
                self._writer.take(records)
                await self._writer.drain()
        except Exception as error:
            self.bug = True
            log.exception("a bug ended the analysis", account=target.account)
            failure = CallFailed("analysis", Reason.ERROR, type(error).__name__, str(error))
            ledger.plan(Scope(target.account, GLOBAL, "iam")).fail(failure, analysed_types(self._context.catalog))
