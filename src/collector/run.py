"""Joins the stages: reach → plan → collect → assemble → batch → sink, and the report. It alone knows them all."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import aioboto3
import anyio
import structlog
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from collector import __version__
from collector.assemble import AccountAssembler, Assembler
from collector.aws.accounts import Reached, UnknownRegionError, reach
from collector.aws.calls import Line, Patience, ScopeCalls
from collector.aws.clients import Clients
from collector.aws.limits import Limits
from collector.catalog import Catalog, affected, declarations, operations
from collector.collect import Collection, Page
from collector.config import ConfigurationError, Settings
from collector.faults import Failed, Reason
from collector.model import Scope
from collector.output import Writer
from collector.plan import HOMES, Job, jobs
from collector.report import Ledger, Report
from collector.sinks.base import ClosedError, DeliveryError, Sink

log = structlog.get_logger()

Found: TypeAlias = tuple[Scope, Page | None]
"""A page of a scope, or the word that the scope is done."""

PAGES_WAITING = 16
"""Pages between collection and assembly: when the sink is slow, collection waits here."""

SCOPES_AT_ONCE = 64
"""Scopes of an account that are worked on at the same time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    report: Report
    stopped_by: int | None = None
    closed: bool = False
    undelivered: str | None = None
    bug: bool = False


class Run:
    """One run over one account."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        sink: Sink,
        *,
        patience: Patience | None = None,
        unlimited: bool = False,
        stall: float = 1800.0,
    ) -> None:
        """`stall`: seconds without any finished call after which a scope is given up. `unlimited` switches rates off."""
        self._settings, self._catalog, self._sink = settings, catalog, sink
        self._patience = patience or Patience()
        self._unlimited = unlimited
        self._stall = stall
        self.ledger = Ledger(str(uuid.uuid4()), __version__)
        self._writer = Writer(sink, self.ledger)
        self._jobs: list[Job] = []
        self._stopped_by: int | None = None
        self._bug = False

    async def __call__(self) -> Outcome:
        """Collect, deliver, report.

        Raises:
            Failed: when no account could be reached.
            ConfigurationError: when something was asked for that AWS does not have.
            DeliveryError: when the output cannot be opened.
        """
        session = aioboto3.Session()
        home = session.region_name or HOMES["aws"]
        refused: DeliveryError | None = None
        await self._sink.open()
        async with Clients(session, home) as clients:
            limits = Limits(self._settings.rate_share, unlimited=self._unlimited)
            line = Line(clients, limits, self._settings.max_concurrency, self._patience)
            try:
                reached = await reach(session, line, self.ledger, self._settings.regions, home)
            except UnknownRegionError as error:
                raise ConfigurationError(str(error)) from error
            try:
                await self._account(reached, line)
                await self._sink.close(self._report())
            except (DeliveryError, ExceptionGroup) as error:
                refused = _refusal(error)
            self.ledger.buckets = limits.used()
        if refused is not None:
            self._note_unfinished("OutputClosed")
        closed = isinstance(refused, ClosedError)
        return Outcome(self._report(), self._stopped_by, closed, None if closed or not refused else str(refused), self._bug)

    async def _account(self, reached: Reached, line: Line) -> None:
        """Collect one account: its graph lives as long as this."""
        self._jobs = jobs(self._catalog, reached.target)
        for job in self._jobs:
            self.ledger.plan(job.scope)
        assembler = Assembler(self._catalog, self._settings.options(), self.ledger).account()
        send, receive = anyio.create_memory_object_stream[Found](PAGES_WAITING)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(line.clients.warm, _clients(self._catalog))
            tasks.start_soon(self._assemble, assembler, receive)
            async with send, self._until_stopped() as collecting:
                window = anyio.CapacityLimiter(1 if self._settings.max_concurrency == 1 else SCOPES_AT_ONCE)
                for job in self._jobs:
                    collecting.start_soon(self._scope, job, reached, line, send.clone(), window)
        if self._stopped_by is not None:
            self._note_unfinished(signal.Signals(self._stopped_by).name)
        unseen = frozenset(self.ledger.harmed() | self._unasked())
        for finished in assembler.close(reached.target.account, unseen):
            await self._writer.add(finished)
        await self._writer.flush_all()

    @asynccontextmanager
    async def _until_stopped(self) -> AsyncIterator[TaskGroup]:
        """A task group whose work ends at SIGINT or SIGTERM; a second signal ends the process at once."""
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                    async for number in signals:
                        if self._stopped_by is not None:
                            os._exit(128 + number)
                        self._stopped_by = number
                        self.ledger.stopped = True
                        log.warning("stopping", signal=signal.Signals(number).name)
                        collecting.cancel_scope.cancel()

            tasks.start_soon(watch)
            async with anyio.create_task_group() as collecting:
                yield collecting
            tasks.cancel_scope.cancel()

    async def _scope(
        self, job: Job, reached: Reached, line: Line, send: MemoryObjectSendStream[Found], window: anyio.CapacityLimiter
    ) -> None:
        async with send, window:
            record = self.ledger.begin(job.scope)

            async def emit(page: Page) -> None:
                await send.send((job.scope, page))

            def alive() -> None:
                watch.deadline = anyio.current_time() + self._stall

            with structlog.contextvars.bound_contextvars(**job.scope._asdict()):
                with anyio.CancelScope(deadline=anyio.current_time() + self._stall) as watch:
                    calls = ScopeCalls(line, reached.identity, job.region, record, alive)
                    width = 1 if line.concurrency == 1 else min(32, line.concurrency)
                    await self._guarded(job, Collection(job, calls, record, emit, width=width))
                if watch.cancelled_caught:
                    self._fail(job, Failed(job.service.name, Reason.TIMEOUT, "Stalled", f"no call ended in {self._stall:g} s"))
            self.ledger.end(job.scope)
            await send.send((job.scope, None))

    async def _guarded(self, job: Job, collection: Collection) -> None:
        """A bug costs its own scope, and the exit code; the rest of the run is still worth having."""
        try:
            await collection.run()
        except Exception as error:
            bugs = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
            self._bug = True
            log.exception("a bug ended this scope")
            for bug in bugs:
                self._fail(job, Failed(job.service.name, Reason.ERROR, type(bug).__name__, str(bug)))

    def _fail(self, job: Job, failure: Failed) -> None:
        types = {type_ for fetched in job.fetched for type_ in affected(job.service, fetched)}
        self.ledger.scopes[job.scope].fail(failure, types)

    async def _assemble(self, assembler: AccountAssembler, receive: MemoryObjectReceiveStream[Found]) -> None:
        async with receive:
            async for scope, page in receive:
                if page is None:
                    await self._writer.flush(scope)
                    continue
                for finished in assembler.take(page, scope):
                    await self._writer.add(finished)

    def _note_unfinished(self, code: str) -> None:
        """Scopes that were planned and did not end say so."""
        for job in self._jobs:
            if self.ledger.scopes[job.scope].ended is None:
                self._fail(job, Failed(job.service.name, Reason.ERROR, code, "the run ended before this was collected"))

    def _unasked(self) -> set[str]:
        """The types of services that were left out."""
        chosen = set(self._catalog.types)
        return set(Catalog.all().types) - chosen

    def _report(self) -> Report:
        everything = Catalog.all()
        return self.ledger.report(everything.touched(self.ledger.harmed() | self._unasked()))


def _refusal(error: DeliveryError | ExceptionGroup[Exception]) -> DeliveryError:
    """What the sink said, out of the task groups around it. Anything else is a bug and goes on."""
    if isinstance(error, DeliveryError):
        return error
    first = error.exceptions[0]
    if len(error.exceptions) == 1 and isinstance(first, DeliveryError | ExceptionGroup):
        return _refusal(first)
    raise error


def _clients(catalog: Catalog) -> Sequence[str]:
    return sorted({
        client for service in catalog.services for each in declarations(service) for client, _ in operations(service, each)
    })
