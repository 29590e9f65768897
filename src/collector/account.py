"""One account, from its jobs to its last relationship. What is held in memory for it lives as long as this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import anyio
import structlog

from collector.analysis.facts import Options as Bounds
from collector.assemble import AccountAssembler, Assembler, Finished
from collector.aws.accounts import Reached
from collector.aws.calls import Line, ScopeCalls
from collector.catalog import Catalog, affected
from collector.collect import ROWS_IN_HAND, Collection
from collector.conclude import Conclusions
from collector.convert import Options
from collector.factbook import POLICIES, PRINCIPALS
from collector.faults import Failed, Reason
from collector.listings import Page
from collector.model import GLOBAL, Scope
from collector.output import Writer
from collector.plan import Job, jobs
from collector.report import Ledger, ScopeRecord
from collector.sinks.base import Sink
from collector.work import Watchdog, WeightedSemaphore

log = structlog.get_logger()

SCOPES_AT_ONCE = 32
"""Scopes of an account that are worked on at the same time."""

WIDEST = 128
"""Calls that one page of one scope may have in flight."""


@dataclass(frozen=True)
class Shop:
    """What all accounts of a run use: declarations, the line to AWS and the sink.

    `turn` is taken for the sink. `analysis` is taken to draw conclusions: each time an index of the account is built for it, and
    accounts that think one after the other take no longer and hold one index.
    """

    catalog: Catalog
    assembler: Assembler
    line: Line
    sink: Sink
    turn: anyio.Lock
    stall: float
    bounds: Bounds
    analysis: anyio.Lock = field(default_factory=anyio.Lock)
    in_hand: WeightedSemaphore = field(default_factory=lambda: WeightedSemaphore(ROWS_IN_HAND))

    @cached_property
    def services(self) -> Mapping[str, str]:
        """The service of each entity type."""
        return {entity.type: service.name for service in self.catalog.services for entity in service.entities}


class AccountRun:
    """Collects one account that was reached."""

    def __init__(self, shop: Shop, reached: Reached, options: Options, ledger: Ledger) -> None:
        """Plan the account: every scope stands in the ledger from now on."""
        self._shop, self._reached, self._ledger = shop, reached, ledger
        self._jobs = jobs(shop.catalog, reached.target)
        self._options = options
        self._writer = Writer(shop.sink, ledger, shop.turn)
        self._collecting = anyio.CancelScope()
        self.bug = False
        for job in self._jobs:
            ledger.plan(job.scope)

    async def collect(self) -> None:
        """Collect, and hand everything to the sink. Raises `DeliveryError` when the sink gives up."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._writer.deliver)
            await self._collect(self._shop.assembler.account(self._reached.target, self._options, self._ledger))
            self._writer.end()

    async def _collect(self, assembler: AccountAssembler) -> None:
        await self._scopes(assembler)
        unseen = frozenset(self._ledger.harmed(self._reached.target.account) | self._unasked())
        for finished in assembler.close(unseen):
            await self._write(finished)
        async with self._shop.analysis:
            await self._conclude(assembler)

    def stop(self) -> None:
        """Start no more calls; what is complete is still delivered."""
        self._collecting.cancel()

    def note_unfinished(self, code: str) -> None:
        """Scopes that were planned and did not end say so."""
        for job in self._jobs:
            if self._ledger.scopes[job.scope].ended is None:
                self._fail(job, Failed(job.service.name, Reason.ERROR, code, "the run ended before this was collected"))

    async def _conclude(self, assembler: AccountAssembler) -> None:
        """Draw what follows from all facts together. A bug there costs those relationships only."""
        target, ledger = self._reached.target, self._ledger
        conclusions = Conclusions(target, assembler.graph, ledger, self._shop.services)
        findings = conclusions.draw(assembler.facts.facts(assembler.graph.nameable()), self._shop.bounds)
        while True:
            try:
                finished = await anext(findings, None)
            except Exception as error:
                self.bug = True
                log.exception("a bug ended the analysis", account=target.account)
                failure = Failed("analysis", Reason.ERROR, type(error).__name__, str(error))
                ledger.plan(Scope(target.account, GLOBAL, "iam")).fail(failure, POLICIES | PRINCIPALS)
                return
            if finished is None:
                return
            await self._write(finished)

    async def _write(self, finished: Finished) -> None:
        """Write what no call is waited for: here the sink itself must slow us."""
        self._writer.take((finished,))
        await self._writer.room()

    async def _scopes(self, assembler: AccountAssembler) -> None:
        one_at_a_time = self._shop.line.concurrency == 1
        window = anyio.CapacityLimiter(1 if one_at_a_time else SCOPES_AT_ONCE)
        with self._collecting:
            async with anyio.create_task_group() as tasks:
                for job in self._jobs:
                    tasks.start_soon(self._scope, job, assembler, window)

    async def _scope(self, job: Job, assembler: AccountAssembler, window: anyio.CapacityLimiter) -> None:
        async with window:
            record = self._ledger.begin(job.scope)
            with structlog.contextvars.bound_contextvars(**job.scope._asdict()):
                await self._watched(job, assembler, record)
            self._ledger.end(job.scope)
            self._writer.flush(job.scope)

    async def _watched(self, job: Job, assembler: AccountAssembler, record: ScopeRecord) -> None:
        """A scope in which no call has ended for long is given up."""
        stall = self._shop.stall
        with Watchdog(stall) as watch:
            await self._guarded(job, assembler, record, watch.alive)
        if watch.barked:
            self._fail(job, Failed(job.service.name, Reason.TIMEOUT, "Stalled", f"no call ended in {stall:g} s"))

    async def _guarded(
        self, job: Job, assembler: AccountAssembler, record: ScopeRecord, alive: Callable[[], None]
    ) -> None:
        """A bug costs its own scope, and the exit code; the rest of the run is still worth having."""
        line, reached, writer = self._shop.line, self._reached, self._writer
        calls = ScopeCalls(
            line, reached.identity, job.region, record, shared=reached.shared, alive=alive, room=writer.room
        )

        async def pace() -> None:
            await writer.room()
            await line.slots.ease()

        def emit(page: Page) -> None:
            writer.take(assembler.take(page, job.scope))

        try:
            width = min(WIDEST, line.concurrency)
            await Collection(job, calls, record, emit, width=width, pace=pace, in_hand=self._shop.in_hand).run()
        except Exception as error:
            self.bug = True
            log.exception("a bug ended this scope")
            for bug in error.exceptions if isinstance(error, ExceptionGroup) else (error,):
                self._fail(job, Failed(job.service.name, Reason.ERROR, type(bug).__name__, str(bug)))

    def _fail(self, job: Job, failure: Failed) -> None:
        types = {type_ for fetched in job.fetched for type_ in affected(job.service, fetched)}
        self._ledger.scopes[job.scope].fail(failure, types)

    def _unasked(self) -> set[str]:
        """The types of services that were left out."""
        return set(Catalog.all().types) - set(self._shop.catalog.types)
