"""Collects the scopes of one account concurrently. A scope that stalls or hits a bug is incomplete alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import anyio
import structlog

from collector.aws.accounts import AccountSession
from collector.aws.calls import CallContext, ScopeCalls
from collector.catalog.catalog import affected
from collector.engine.job import JobRun, RowBudgets
from collector.engine.plan import Job
from collector.faults import CallFailed, Reason
from collector.graph.assemble import Page
from collector.model import Scope
from collector.report import Ledger, ScopeRecord

log = structlog.get_logger()

SCOPES_AT_ONCE = 32
"""Scopes of an account that are collected at the same time."""

STALL = 1800.0
"""Seconds without a finished call after which a scope is abandoned."""

MAX_WIDTH = 128
"""Calls in flight for the rows of one page."""


@dataclass(frozen=True, slots=True)
class ScopeContext:
    """What all scopes of a process share. `stall` is in seconds, `budgets` bound the rows in memory."""

    calls: CallContext
    stall: float = STALL
    budgets: RowBudgets = field(default_factory=RowBudgets)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ScopeOutput(Generic[T]):
    """Takes the results of scopes: pages or converted rows. `done` is called for each scope that ended.

    `drain` is backpressure, as in `asyncio.StreamWriter.drain`: it waits until the consumer has caught up.
    """

    take: Callable[[T, Scope], None]
    drain: Callable[[], Awaitable[None]]
    done: Callable[[Scope], None] = lambda _: None


class ScopeCollector(Protocol):
    """Collects scopes of one account, in this process or in workers. `bug` is set once a bug has ended a scope."""

    bug: bool

    async def run(self, jobs: Sequence[Job]) -> None:
        """Collect these scopes, some at a time, in order. Returns early when stopped."""

    def stop(self) -> None:
        """Start no more calls."""


class LocalScopes:
    """Collects scopes of one account in this process, into an output and a ledger."""

    def __init__(
        self, context: ScopeContext, session: AccountSession, ledger: Ledger, output: ScopeOutput[Page]
    ) -> None:
        self._context, self._session, self._ledger, self._output = context, session, ledger, output
        self._collecting = anyio.CancelScope()
        self.bug = False

    async def run(self, jobs: Sequence[Job]) -> None:
        """Collect these scopes, some at a time, in order. Returns early when stopped."""
        window = asyncio.Semaphore(1 if self._context.calls.concurrency == 1 else SCOPES_AT_ONCE)
        with self._collecting:
            async with anyio.create_task_group() as tasks:
                for job in jobs:
                    tasks.start_soon(self._scope, job, window)

    def stop(self) -> None:
        """Cancel the scopes being collected and start no more."""
        self._collecting.cancel()

    async def _scope(self, job: Job, window: asyncio.Semaphore) -> None:
        async with window:
            record = self._ledger.begin(job.scope)
            with structlog.contextvars.bound_contextvars(**job.scope._asdict()):
                await self._until_stalled(job, record)
            self._ledger.end(job.scope)
            self._output.done(job.scope)

    async def _until_stalled(self, job: Job, record: ScopeRecord) -> None:
        """Abandon the scope when no call in it has ended for `stall` seconds."""
        stall = self._context.stall
        with anyio.CancelScope(deadline=anyio.current_time() + stall) as stall_scope:

            def extend() -> None:
                stall_scope.deadline = anyio.current_time() + stall

            await self._guarded(job, record, extend)
        if stall_scope.cancelled_caught:
            failure = CallFailed(job.service.name, Reason.TIMEOUT, "Stalled", f"no call ended in {stall:g} s")
            fail(self._ledger, job, failure)

    async def _guarded(self, job: Job, record: ScopeRecord, extend: Callable[[], None]) -> None:
        """Record a bug as a failure of its scope and let the run go on; the exit code reports it."""
        context, session, output = self._context, self._session, self._output
        calls = ScopeCalls(
            context.calls,
            session.identity,
            job.region,
            record,
            shared=session.shared,
            on_call_end=extend,
            drain=output.drain,
        )

        def emit(page: Page) -> None:
            output.take(page, job.scope)

        try:
            width = min(MAX_WIDTH, context.calls.concurrency)
            await JobRun(job, calls, record, emit, width=width, budgets=context.budgets).run()
        except Exception as error:
            self.bug = True
            log.exception("a bug ended this scope")
            for bug in error.exceptions if isinstance(error, ExceptionGroup) else (error,):
                fail(self._ledger, job, CallFailed(job.service.name, Reason.ERROR, type(bug).__name__, str(bug)))


def fail(ledger: Ledger, job: Job, failure: CallFailed) -> None:
    """Record a failure that affects every entity type of a scope."""
    types = {type_ for declaration in job.declarations for type_ in affected(job.service, declaration)}
    ledger.scopes[job.scope].fail(failure, types)
