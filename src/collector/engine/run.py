"""Runs a collection: several accounts at a time into one sink, with one report."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import aioboto3
import anyio
import structlog
from anyio.abc import TaskGroup

from collector.aws.accounts import Accounts, AccountSession, Caller, Member
from collector.aws.calls import CallContext, RetryPolicy
from collector.aws.clients import Clients
from collector.aws.limits import RateLimits
from collector.aws.session import open_session
from collector.catalog.catalog import Catalog, clients_of
from collector.catalog.partial import partial_datasets
from collector.config import Settings
from collector.engine.account import RunContext, analysis_limits
from collector.engine.accounts import AccountCollector, LocalAccounts
from collector.engine.scopes import STALL, ScopeCollector, ScopeContext, ScopeOutput
from collector.faults import CallFailed, Reason
from collector.graph.assemble import BadRow, ConvertedRow
from collector.model import GLOBAL, HOMES, Progress, Scope, Totals, __version__
from collector.report import SIGNAL_BASE, Ledger, Report
from collector.sinks.base import ClosedError, DeliveryError, Sink, close_on_error
from collector.sinks.unique import UniqueRecords

UNKNOWN = "unknown"
"""Stands for the account id in the report of a run whose credentials were refused."""

log = structlog.get_logger()

E = TypeVar("E", bound=Exception)


class TaskPool(Protocol):
    """Worker processes that are authenticated and take tasks."""

    def account_collector(self, sink: Sink) -> AccountCollector:
        """A collector that gives each account to one of the processes."""

    def scope_collector(
        self,
        member: Member,
        session: AccountSession,
        ledger: Ledger,
        output: ScopeOutput[Iterable[ConvertedRow | BadRow]],
    ) -> ScopeCollector:
        """A collector that distributes the scopes of one account over the processes."""

    def stop(self, signal: str) -> None:
        """Have every process cancel its calls in flight and start no more. `signal` is its name."""

    def used(self) -> list[Mapping[str, Any]]:
        """The use of the rate limits of all processes, as `RateLimits.used` returns it."""

    def totals(self) -> Totals:
        """The totals of the running tasks, as far as the processes have sent them. May be called from another thread."""

    async def close(self) -> None:
        """Let the processes end, and wait for them."""


class StartedProcesses(Protocol):
    """Worker processes that are started ahead of the first call to AWS."""

    def authenticate(self, caller: Caller, run_id: str, tasks: TaskGroup) -> TaskPool:
        """Send them the identity of the caller, and receive their messages in `tasks`."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended.

    `stopped_by` is the number of the signal that stopped it. `closed` is set if the reader of the output has gone, and
    `undelivered` is the sink's message if it failed otherwise. `bug` is set if a bug has cost a part of the result.
    """

    report: Report
    stopped_by: int | None = None
    closed: bool = False
    undelivered: str | None = None
    bug: bool = False


class Run:
    """One run. Call it once.

    `stall` is in seconds: a scope in which no call ends for so long is abandoned. `unlimited` switches rate limits off.
    With `processes`, several accounts are distributed over them, or the scopes of a single account.
    Without `handle_signals`, SIGINT and SIGTERM are left to the caller.
    """

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        sink: Sink,
        *,
        processes: AbstractAsyncContextManager[StartedProcesses, bool | None] | None = None,
        retry_policy: RetryPolicy | None = None,
        unlimited: bool = False,
        stall: float = STALL,
        handle_signals: bool = True,
    ) -> None:
        self._settings, self._catalog, self._sink = settings, catalog, sink
        self._processes = processes
        self._retry_policy = retry_policy or RetryPolicy()
        self._unlimited = unlimited
        self._stall, self._handle_signals = stall, handle_signals
        self.ledger = Ledger(str(uuid.uuid4()), __version__)
        self._pool: TaskPool | None = None
        self._stopped_by: int | None = None
        self._accounts = self._waiting = 0
        self._unfinished: set[str] = set()

    async def __call__(self) -> RunResult:
        """Collect, deliver, report.

        Raises:
            CallFailed: when no account could be reached.
            ConfigurationError: when a region was requested that AWS does not have, or AWS settings cannot be used.
            DeliveryError: when the output cannot be opened.
        """
        session = open_session()
        refused: DeliveryError | None = None
        failure: CallFailed | None = None
        limits = RateLimits.of(self._settings, unlimited=self._unlimited)
        await self._sink.open()
        async with (
            close_on_error(self._sink),
            self._processes or nullcontext() as processes,
            Clients(session, session.region_name or HOMES["aws"]) as clients,
        ):
            calls = CallContext(
                clients,
                limits,
                self._settings.max_concurrency,
                self._retry_policy,
                availability=clients.availability,
            )
            accounts = Accounts(session, calls, self.ledger, self._settings, self._catalog)
            caller = await accounts.caller()
            await accounts.check_regions(caller)
            try:
                async with anyio.create_task_group() as tasks, close_on_error(self._sink):
                    pool = processes.authenticate(caller, self.ledger.run_id, tasks) if processes else None
                    self._pool = pool
                    unique = UniqueRecords(self._sink, self.ledger)
                    collector = self._account_collector(pool, session, calls, unique)
                    if self._handle_signals:
                        tasks.start_soon(self._stop_on_signal, collector, pool)
                    warm = partial(clients.warm, () if pool else clients_of(self._catalog))
                    await self._collect(collector, accounts, caller, unique, warm)
                    await unique.finish()
                    if pool:
                        await pool.close()
                    self.ledger.buckets = _used(limits, pool)
                    await self._sink.close(self._report())
                    tasks.cancel_scope.cancel()
            except* DeliveryError as group:
                refused = _first(group)
            except* CallFailed as group:
                failure = _first(group)
            if failure is not None:
                raise failure
            self.ledger.buckets = _used(limits, pool)
        return self._result(collector, refused)

    def _account_collector(
        self, pool: TaskPool | None, session: aioboto3.Session, calls: CallContext, sink: Sink
    ) -> AccountCollector:
        if pool and self._settings.several_accounts:
            return pool.account_collector(sink)
        scopes = ScopeContext(calls, self._stall)
        in_workers = pool.scope_collector if pool else None
        limits = analysis_limits(self._settings)
        context = RunContext(self._catalog, self._settings.options(), scopes, sink, in_workers, limits)
        return LocalAccounts(self._settings, session, context)

    async def _collect(
        self,
        collector: AccountCollector,
        accounts: Accounts,
        caller: Caller,
        unique: UniqueRecords,
        warm: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        """Collect all accounts, a bounded number at a time, so that memory does not grow with their number."""
        window = asyncio.Semaphore(1 if self._settings.max_concurrency == 1 else self._settings.accounts_at_once)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(warm)
            members = await accounts.members(caller)
            self._unfinished = {member.account for member in members}
            unique.begin(self._unfinished)
            self._accounts = self._waiting = len(self._unfinished)
            for member in members:
                await window.acquire()
                tasks.start_soon(self._member, collector, member, caller, window)

    async def _member(
        self, collector: AccountCollector, member: Member, caller: Caller, window: asyncio.Semaphore
    ) -> None:
        self._waiting -= 1
        try:
            if self._stopped_by is None:
                await collector.collect(member, caller, self.ledger)
            else:
                self._refuse(
                    member, CallFailed("sts:AssumeRole", Reason.ERROR, self._signal, "the run ended before its turn")
                )
        except CallFailed as failed:
            if self._stopped_by is None and (member.role is None or self._settings.role_arn):
                raise  # it is the only account of the run
            self._refuse(member, failed)
        finally:
            window.release()
        self._unfinished.discard(member.account)
        self.ledger.settle(member.account)

    def progress(self) -> Progress:
        """How far the run is, over all of its processes. May be called from another thread."""
        totals = self.ledger.totals() + (self._pool.totals() if self._pool else Totals())
        return Progress(totals, self._accounts, self._accounts - len(self._unfinished), self._waiting)

    def failed(self, failure: CallFailed) -> Report:
        """The report of a run that raised `failure`: nothing was collected, and every type may be incomplete."""
        if not self.ledger.scopes:  # the account id is unknown
            self.ledger.plan(Scope(UNKNOWN, GLOBAL, "account"))
        for scope in list(self.ledger.scopes):
            self.ledger.begin(scope).fail(failure, self._catalog.types)
        return self._report()

    def _refuse(self, member: Member, failure: CallFailed) -> None:
        """Record an account that cannot be collected: one scope, in which every type may be incomplete."""
        self.ledger.plan(Scope(member.account, GLOBAL, "account")).fail(failure, self._catalog.types)
        log.warning("account refused", account=member.account, reason=failure.reason, code=failure.code)

    async def _stop_on_signal(self, collector: AccountCollector, pool: TaskPool | None) -> None:
        """Stop collecting at the first SIGINT or SIGTERM, and end the process at the second."""
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for number in signals:
                if self._stopped_by is not None:
                    os._exit(SIGNAL_BASE + number)
                self._stopped_by = number
                self.ledger.stopped = True
                log.warning("stopping", signal=self._signal)
                collector.stop(self._signal)
                if pool:
                    pool.stop(self._signal)

    @property
    def _signal(self) -> str:
        return signal.Signals(self._stopped_by or 0).name

    def _result(self, collector: AccountCollector, refused: DeliveryError | None) -> RunResult:
        if refused is not None:
            self._note_unfinished(collector, "OutputClosed")
        closed = isinstance(refused, ClosedError)
        undelivered = None if closed or refused is None else str(refused)
        return RunResult(self._report(), self._stopped_by, closed, undelivered, collector.bug)

    def _note_unfinished(self, collector: AccountCollector, code: str) -> None:
        """Record a failure with this code for every account whose records were not all written, or never begun."""
        collector.note_unfinished(code)
        failure = CallFailed("account", Reason.ERROR, code, "the run ended before all of this was delivered")
        for account in self._unfinished:
            self.ledger.plan(Scope(account, GLOBAL, "account")).fail(failure, self._catalog.types)

    def _report(self) -> Report:
        everything = Catalog.all()
        unselected = everything.types.keys() - self._catalog.types.keys()
        incomplete = self.ledger.incomplete_types() | self.ledger.left_out | unselected
        return self.ledger.report(*partial_datasets(everything, incomplete))


def _used(limits: RateLimits, pool: TaskPool | None) -> list[Mapping[str, Any]]:
    """The use of the rate limits of this process and of its workers."""
    return [*limits.used(), *(pool.used() if pool else ())]


def _first(group: ExceptionGroup[E]) -> E:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error
