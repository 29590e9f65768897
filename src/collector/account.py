"""One account, from its jobs to its last relationship. What is held in memory for it lives as long as this."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import anyio
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from collector.analysis.facts import Options as Bounds
from collector.assemble import AccountAssembler, Assembler
from collector.aws.accounts import Reached
from collector.aws.calls import Line, ScopeCalls
from collector.catalog import Catalog, affected
from collector.collect import Collection
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

log = structlog.get_logger()

Found: TypeAlias = tuple[Scope, Page | None]
"""A page of a scope, or the word that the scope is done."""

PAGES_WAITING = 16
"""Pages between collection and assembly: when the sink is slow, collection waits here."""

SCOPES_AT_ONCE = 64
"""Scopes of an account that are worked on at the same time."""

WIDEST = 32
"""Calls that one page of one scope may have in flight."""


@dataclass(frozen=True)
class Shop:
    """What all accounts of a run use: declarations, the line to AWS and the sink."""

    catalog: Catalog
    assembler: Assembler
    line: Line
    sink: Sink
    turn: anyio.Lock
    stall: float
    bounds: Bounds

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
        assembler = self._shop.assembler.account(self._reached.target, self._options, self._ledger)
        send, receive = anyio.create_memory_object_stream[Found](PAGES_WAITING)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._assemble, assembler, receive)
            async with send:
                await self._scopes(send)
        target, ledger = self._reached.target, self._ledger
        for finished in assembler.close(frozenset(ledger.harmed(target.account) | self._unasked())):
            await self._writer.add(finished)
        await self._conclude(assembler)
        await self._writer.flush_all()

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
        findings = conclusions.draw(assembler.facts.facts(assembler.graph.entities()), self._shop.bounds)
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
            await self._writer.add(finished)

    async def _scopes(self, send: MemoryObjectSendStream[Found]) -> None:
        one_at_a_time = self._shop.line.concurrency == 1
        window = anyio.CapacityLimiter(1 if one_at_a_time else SCOPES_AT_ONCE)
        with self._collecting:
            async with anyio.create_task_group() as tasks:
                for job in self._jobs:
                    tasks.start_soon(self._scope, job, send.clone(), window)

    async def _scope(self, job: Job, send: MemoryObjectSendStream[Found], window: anyio.CapacityLimiter) -> None:
        async with send, window:
            record = self._ledger.begin(job.scope)
            with structlog.contextvars.bound_contextvars(**job.scope._asdict()):
                await self._watched(job, record, send)
            self._ledger.end(job.scope)
            await _hand_on(send, (job.scope, None))

    async def _watched(self, job: Job, record: ScopeRecord, send: MemoryObjectSendStream[Found]) -> None:
        """A scope in which no call has ended for long is given up."""
        stall = self._shop.stall

        def alive() -> None:
            watch.deadline = anyio.current_time() + stall

        async def emit(page: Page) -> None:
            await _hand_on(send, (job.scope, page))

        with anyio.CancelScope(deadline=anyio.current_time() + stall) as watch:
            await self._guarded(job, record, emit, alive)
        if watch.cancelled_caught:
            self._fail(job, Failed(job.service.name, Reason.TIMEOUT, "Stalled", f"no call ended in {stall:g} s"))

    async def _guarded(
        self, job: Job, record: ScopeRecord, emit: Callable[[Page], Awaitable[None]], alive: Callable[[], None]
    ) -> None:
        """A bug costs its own scope, and the exit code; the rest of the run is still worth having."""
        line, reached = self._shop.line, self._reached
        calls = ScopeCalls(line, reached.identity, job.region, record, shared=reached.shared, alive=alive)
        try:
            await Collection(job, calls, record, emit, width=min(WIDEST, line.concurrency)).run()
        except Exception as error:
            self.bug = True
            log.exception("a bug ended this scope")
            for bug in error.exceptions if isinstance(error, ExceptionGroup) else (error,):
                self._fail(job, Failed(job.service.name, Reason.ERROR, type(bug).__name__, str(bug)))

    def _fail(self, job: Job, failure: Failed) -> None:
        types = {type_ for fetched in job.fetched for type_ in affected(job.service, fetched)}
        self._ledger.scopes[job.scope].fail(failure, types)

    async def _assemble(self, assembler: AccountAssembler, receive: MemoryObjectReceiveStream[Found]) -> None:
        async with receive:
            async for scope, page in receive:
                if page is None:
                    await self._writer.flush(scope)
                    continue
                for finished in assembler.take(page, scope):
                    await self._writer.add(finished)

    def _unasked(self) -> set[str]:
        """The types of services that were left out."""
        return set(Catalog.all().types) - set(self._shop.catalog.types)


async def _hand_on(send: MemoryObjectSendStream[Found], found: Found) -> None:
    """Give a page to assembly. If that has broken off, its error is on the way and ends us: wait for it."""
    try:
        await send.send(found)
    except anyio.BrokenResourceError:
        await anyio.sleep_forever()
