"""One account, from its jobs to its last relationship. What is held in memory for it lives as long as this."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

import anyio
import structlog

from collector.analysis.facts import AnalysisLimits
from collector.aws.accounts import AccountSession, Member
from collector.catalog.catalog import Catalog
from collector.engine.plan import jobs
from collector.engine.scopes import LocalScopes, ScopeCollector, ScopeContext, ScopeOutput, fail
from collector.faults import CallFailed, Reason
from collector.graph.analysis_run import AnalysisRun
from collector.graph.assemble import Assembler, BadRow, ConvertedRow, OutgoingRecord, Page
from collector.graph.facts import POLICIES, PRINCIPALS
from collector.model import GLOBAL, Options, Scope
from collector.report import Ledger
from collector.sinks.base import Sink
from collector.sinks.writer import Writer

log = structlog.get_logger()


ShareScopes: TypeAlias = Callable[
    [Member, AccountSession, Ledger, ScopeOutput[Iterable[ConvertedRow | BadRow]]], ScopeCollector
]
"""Makes a collector that spreads the scopes of one account over worker processes."""


@dataclass(frozen=True)
class RunContext:
    """What all accounts of a run use: declarations, the line to AWS and the sink. With `share`, worker processes share an account.

    `turn` is taken for the sink. `analysis` is taken to draw conclusions: each time an index of the account is built for it, and
    accounts that think one after the other take no longer and hold one index.
    """

    catalog: Catalog
    options: Options
    means: ScopeContext
    sink: Sink
    share: ShareScopes | None = None
    bounds: AnalysisLimits = field(default_factory=AnalysisLimits)
    turn: anyio.Lock = field(default_factory=anyio.Lock)
    analysis: anyio.Lock = field(default_factory=anyio.Lock)

    @cached_property
    def assembler(self) -> Assembler:
        """The declarations, compiled once."""
        return Assembler(self.catalog, self.options)

    @cached_property
    def services(self) -> Mapping[str, str]:
        """The service of each entity type."""
        return {entity.type: service.name for service in self.catalog.services for entity in service.entities}


class AccountRun:
    """Collects one account that was reached."""

    def __init__(self, shop: RunContext, member: Member, reached: AccountSession, ledger: Ledger) -> None:
        """Plan the account: every scope stands in the ledger from now on."""
        self._shop, self._reached, self._ledger = shop, reached, ledger
        self._jobs = jobs(shop.catalog, reached.target)
        self._writer = Writer(shop.sink, ledger, shop.turn)
        options = replace(shop.options, account_name=shop.options.account_name or reached.name)
        self._assembler = shop.assembler.account(reached.target, options, ledger)
        self._scopes = self._shared(shop.share, member) if shop.share else self._own()
        self.bug = False
        for job in self._jobs:
            ledger.plan(job.scope)

    def _own(self) -> LocalScopes:
        def take(page: Page, scope: Scope) -> None:
            self._writer.take(self._assembler.take(page, scope))

        outlet = ScopeOutput(take, self._writer.drain, self._writer.flush)
        return LocalScopes(self._shop.means, self._reached, self._ledger, outlet)

    def _shared(self, share: ShareScopes, member: Member) -> ScopeCollector:
        def take(rows: Iterable[ConvertedRow | BadRow], scope: Scope) -> None:
            self._writer.take(self._assembler.place(rows, scope))

        return share(member, self._reached, self._ledger, ScopeOutput(take, self._writer.drain, self._writer.flush))

    async def collect(self) -> None:
        """Collect, and hand everything to the sink. Raises `DeliveryError` when the sink gives up."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._writer.deliver)
            await self._collect()
            self._writer.end()

    async def _collect(self) -> None:
        await self._scopes.run(self._jobs)
        self.bug = self._scopes.bug
        unseen = frozenset(self._ledger.incomplete_types(self._reached.target.account) | self._unasked())
        for finished in self._assembler.close(unseen):
            await self._write(finished)
        async with self._shop.analysis:
            await self._conclude()

    def stop(self) -> None:
        """Start no more calls; what is complete is still delivered."""
        self._scopes.stop()

    def note_unfinished(self, code: str) -> None:
        """Scopes that were planned and did not end say so."""
        for job in self._jobs:
            if self._ledger.scopes[job.scope].ended is None:
                failure = CallFailed(job.service.name, Reason.ERROR, code, "the run ended before this was collected")
                fail(self._ledger, job, failure)

    async def _conclude(self) -> None:
        """Draw what follows from all facts together. A bug there costs those relationships only."""
        target, ledger, assembler = self._reached.target, self._ledger, self._assembler
        conclusions = AnalysisRun(target, assembler.graph, ledger, self._shop.services)
        facts = assembler.facts.facts(assembler.graph.nameable())
        try:
            async for finished in conclusions.draw(facts, self._shop.bounds):
                self._writer.take(finished)
                await self._writer.drain()
        except Exception as error:
            self.bug = True
            log.exception("a bug ended the analysis", account=target.account)
            failure = CallFailed("analysis", Reason.ERROR, type(error).__name__, str(error))
            ledger.plan(Scope(target.account, GLOBAL, "iam")).fail(failure, POLICIES | PRINCIPALS)

    async def _write(self, finished: OutgoingRecord) -> None:
        """Write what no call is waited for: here the sink itself must slow us."""
        self._writer.take((finished,))
        await self._writer.drain()

    def _unasked(self) -> set[str]:
        """The types of services that were left out."""
        return set(Catalog.all().types) - set(self._shop.catalog.types)
