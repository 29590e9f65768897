"""Scopes of one account at work: each begun, watched, ended, and its failure its own."""

from __future__ import annotations

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
"""Scopes of an account that are worked on at the same time."""

STALL = 1800.0
"""Seconds without any finished call after which a scope is given up."""

MAX_WIDTH = 128
"""Calls that one page of one scope may have in flight."""


@dataclass(frozen=True, slots=True)
class ScopeContext:
    """What all scopes of a process share: its line to AWS, and the bounds on the rows that it has in hand."""

    line: CallContext
    stall: float = STALL
    budgets: RowBudgets = field(default_factory=RowBudgets)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ScopeOutput(Generic[T]):
    """Where the results of scopes go. `drain` waits while there are too many, `done` is called for each scope that ended."""

    take: Callable[[T, Scope], None]
    drain: Callable[[], Awaitable[None]]
    done: Callable[[Scope], None]


class ScopeCollector(Protocol):
    """Collects scopes of one account: in this process, or in others."""

    bug: bool

    async def run(self, jobs: Sequence[Job]) -> None:
        """Collect these scopes, some at a time, in their order. Returns early when it is stopped."""

    def stop(self) -> None:
        """Start no more calls."""


class LocalScopes:
    """Collects scopes of one account into an outlet and a ledger."""

    def __init__(self, means: ScopeContext, reached: AccountSession, ledger: Ledger, outlet: ScopeOutput[Page]) -> None:
        """Nothing is asked yet."""
        self._means, self._reached, self._ledger, self._outlet = means, reached, ledger, outlet
        self._collecting = anyio.CancelScope()
        self.bug = False

    async def run(self, jobs: Sequence[Job]) -> None:
        """Collect these scopes, some at a time, in their order. Returns early when it is stopped."""
        window = anyio.CapacityLimiter(1 if self._means.line.concurrency == 1 else SCOPES_AT_ONCE)
        with self._collecting:
            async with anyio.create_task_group() as tasks:
                for job in jobs:
                    tasks.start_soon(self._scope, job, window)

    def stop(self) -> None:
        """Start no more calls."""
        self._collecting.cancel()

    async def _scope(self, job: Job, window: anyio.CapacityLimiter) -> None:
        async with window:
            record = self._ledger.begin(job.scope)
            with structlog.contextvars.bound_contextvars(**job.scope._asdict()):
                await self._watched(job, record)
            self._ledger.end(job.scope)
            self._outlet.done(job.scope)

    async def _watched(self, job: Job, record: ScopeRecord) -> None:
        """A scope in which no call has ended for long is given up."""
        stall = self._means.stall
        with anyio.CancelScope(deadline=anyio.current_time() + stall) as silence:

            def alive() -> None:
                silence.deadline = anyio.current_time() + stall

            await self._guarded(job, record, alive)
        if silence.cancelled_caught:
            silent = CallFailed(job.service.name, Reason.TIMEOUT, "Stalled", f"no call ended in {stall:g} s")
            fail(self._ledger, job, silent)

    async def _guarded(self, job: Job, record: ScopeRecord, alive: Callable[[], None]) -> None:
        """A bug costs its own scope, and the exit code; the rest of the run is still worth having."""
        line, reached, outlet = self._means.line, self._reached, self._outlet
        calls = ScopeCalls(
            line, reached.identity, job.region, record, shared=reached.shared, alive=alive, drain=outlet.drain
        )

        def emit(page: Page) -> None:
            outlet.take(page, job.scope)

        try:
            width = min(MAX_WIDTH, line.concurrency)
            await JobRun(job, calls, record, emit, width=width, budgets=self._means.budgets).run()
        except Exception as error:
            self.bug = True
            log.exception("a bug ended this scope")
            for bug in error.exceptions if isinstance(error, ExceptionGroup) else (error,):
                fail(self._ledger, job, CallFailed(job.service.name, Reason.ERROR, type(bug).__name__, str(bug)))


def fail(ledger: Ledger, job: Job, failure: CallFailed) -> None:
    """Note what keeps a whole scope from being complete: all that it collects is touched."""
    types = {type_ for declaration in job.declaration for type_ in affected(job.service, declaration)}
    ledger.scopes[job.scope].fail(failure, types)
