"""A run: the accounts, a few at a time, one sink, one report. It alone knows all stages."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import aioboto3
import anyio
import structlog
from anyio.abc import TaskGroup

from collector.aws.accounts import Accounts, AccountSession, Caller, Member
from collector.aws.calls import CallContext, RetryPolicy
from collector.aws.clients import Clients
from collector.aws.limits import RateLimits
from collector.catalog.catalog import Catalog, clients_of
from collector.config import Settings
from collector.engine.account import RunContext
from collector.engine.accounts import AccountCollector, LocalAccounts
from collector.engine.scopes import STALL, ScopeCollector, ScopeContext, ScopeOutput
from collector.faults import CallFailed, Reason
from collector.graph.assemble import BadRow, ConvertedRow
from collector.model import GLOBAL, HOMES, Scope, __version__
from collector.report import Ledger, Report
from collector.sinks.base import ClosedError, DeliveryError, Sink, finishing

UNKNOWN = "unknown"
"""Stands for the account's number in the report where the credentials themselves were refused."""

log = structlog.get_logger()


class TaskPool(Protocol):
    """Worker processes that know who the caller is and take tasks."""

    def spread(self, sink: Sink) -> AccountCollector:
        """Collect each account in one of the processes."""

    def share(
        self,
        member: Member,
        reached: AccountSession,
        ledger: Ledger,
        outlet: ScopeOutput[Iterable[ConvertedRow | BadRow]],
    ) -> ScopeCollector:
        """Collect the scopes of one account in all of them."""

    def stop(self, signal: str) -> None:
        """Let every process finish what it can without further calls."""

    def used(self) -> list[Mapping[str, Any]]:
        """What the rate limits of all processes were asked for, as `Limits.used` tells it."""

    async def close(self) -> None:
        """Let the processes end."""


class StartedProcesses(Protocol):
    """Worker processes that were started before anything is known of AWS."""

    def authenticate(self, caller: Caller, run_id: str, tasks: TaskGroup) -> TaskPool:
        """Tell them who the caller is, and listen to them in `tasks`."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended."""

    report: Report
    stopped_by: int | None = None
    closed: bool = False
    undelivered: str | None = None
    bug: bool = False


class Run:
    """One run. Call it once."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        sink: Sink,
        *,
        processes: AbstractAsyncContextManager[StartedProcesses, bool | None] | None = None,
        patience: RetryPolicy | None = None,
        unlimited: bool = False,
        stall: float = STALL,
    ) -> None:
        """`stall`: seconds without any finished call after which a scope is given up. `unlimited` switches rates off.

        With `processes`, several accounts are spread over them and a single one is shared by them.
        """
        self._settings, self._catalog, self._sink = settings, catalog, sink
        self._processes = processes
        self._patience = patience or RetryPolicy()
        self._unlimited = unlimited
        self._stall = stall
        self.ledger = Ledger(str(uuid.uuid4()), __version__)
        self._collector: AccountCollector | None = None
        self._pool: TaskPool | None = None
        self._stopped_by: int | None = None

    async def __call__(self) -> RunResult:
        """Collect, deliver, report.

        Raises:
            Failed: when no account could be reached.
            ConfigurationError: when something was asked for that AWS does not have.
            DeliveryError: when the output cannot be opened.
        """
        session = aioboto3.Session()
        refused: DeliveryError | None = None
        limits = RateLimits.of(self._settings, unlimited=self._unlimited)
        await self._sink.open()
        home = session.region_name or HOMES["aws"]
        async with (
            finishing(self._sink),
            self._processes or nullcontext() as processes,
            Clients(session, home) as clients,
        ):
            line = CallContext(clients, limits, self._settings.max_concurrency, self._patience)
            accounts = Accounts(session, line, self.ledger, self._settings, self._catalog)
            caller = await accounts.caller()
            await accounts.check_regions(caller)
            try:
                async with self._heeding_signals() as tasks, finishing(self._sink):
                    if processes:
                        self._pool = processes.authenticate(caller, self.ledger.run_id, tasks)
                    self._collector = self._made_for(session, line)
                    await self._collect(self._collector, accounts, caller, clients)
                    if self._pool:
                        await self._pool.close()
                    self.ledger.buckets = self._used(limits)
                    await self._sink.close(self._report())
            except (DeliveryError, ExceptionGroup) as error:
                refused = _refusal(error)
            self.ledger.buckets = self._used(limits)
        return self._outcome(refused)

    def _made_for(self, session: aioboto3.Session, line: CallContext) -> AccountCollector:
        """Who collects: several accounts are spread over the workers, a single one is shared by them."""
        if self._pool and self._settings.several_accounts:
            return self._pool.spread(self._sink)
        means = ScopeContext(line, self._stall)
        share = self._pool.share if self._pool else None
        shop = RunContext(self._catalog, self._settings.options(), means, self._sink, share)
        return LocalAccounts(self._settings, session, shop)

    def _used(self, limits: RateLimits) -> list[Mapping[str, Any]]:
        """What the rate limits of this process and of its workers were asked for."""
        return [*limits.used(), *(self._pool.used() if self._pool else ())]

    async def _collect(self, collector: AccountCollector, accounts: Accounts, caller: Caller, clients: Clients) -> None:
        """All accounts, a bounded number at a time: what is held in memory does not grow with their number."""
        at_once = 1 if self._settings.max_concurrency == 1 else self._settings.accounts_at_once
        window = anyio.Semaphore(at_once)
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clients.warm, () if self._pool else clients_of(self._catalog))
            try:
                async for member in accounts.members(caller):
                    await window.acquire()
                    tasks.start_soon(self._member, collector, member, caller, window)
            except CallFailed as failed:  # inside a task group it would come out wrapped
                failure = failed
        if failure is not None:
            raise failure

    async def _member(
        self, collector: AccountCollector, member: Member, caller: Caller, window: anyio.Semaphore
    ) -> None:
        try:
            if self._stopped_by is None:
                await collector.collect(member, caller, self.ledger)
            else:
                self._refuse(
                    member, CallFailed("sts:AssumeRole", Reason.ERROR, self._signal, "the run ended before its turn")
                )
        except CallFailed as failed:
            if self._stopped_by is None and (member.role is None or self._settings.role_arn):
                raise  # the only account there is
            self._refuse(member, failed)
        finally:
            window.release()

    def failed(self, failure: CallFailed) -> Report:
        """The report of a run that raised: nothing was collected, and every type proves nothing."""
        if not self.ledger.scopes:  # AWS did not even say which account this is
            self.ledger.plan(Scope(UNKNOWN, GLOBAL, "account"))
        for scope in list(self.ledger.scopes):
            self.ledger.begin(scope).fail(failure, self._catalog.types)
        return self._report()

    def _refuse(self, member: Member, failure: CallFailed) -> None:
        """An account that cannot be collected is one line of the report; all of its types prove nothing."""
        self.ledger.plan(Scope(member.account, GLOBAL, "account")).fail(failure, self._catalog.types)
        log.warning("account refused", account=member.account, reason=failure.reason, code=failure.code)

    @asynccontextmanager
    async def _heeding_signals(self) -> AsyncIterator[TaskGroup]:
        """SIGINT and SIGTERM end collection; a second one ends the process at once."""
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                    async for number in signals:
                        if self._stopped_by is not None:
                            os._exit(128 + number)
                        self._stop(number)

            tasks.start_soon(watch)
            yield tasks
            tasks.cancel_scope.cancel()

    def _stop(self, number: int) -> None:
        self._stopped_by = number
        self.ledger.stopped = True
        log.warning("stopping", signal=self._signal)
        for each in (self._collector, self._pool):
            if each is not None:
                each.stop(self._signal)

    @property
    def _signal(self) -> str:
        return signal.Signals(self._stopped_by or 0).name

    def _outcome(self, refused: DeliveryError | None) -> RunResult:
        if refused is not None and self._collector is not None:
            self._collector.note_unfinished("OutputClosed")
        closed = isinstance(refused, ClosedError)
        undelivered = None if closed or refused is None else str(refused)
        return RunResult(
            self._report(), self._stopped_by, closed, undelivered, self._collector is not None and self._collector.bug
        )

    def _report(self) -> Report:
        everything = Catalog.all()
        unasked = set(everything.types) - set(self._catalog.types)
        return self.ledger.report(everything.affected_types(self.ledger.incomplete_types() | unasked))


def _refusal(error: DeliveryError | ExceptionGroup[Exception]) -> DeliveryError:
    """What the sink said, out of the task groups around it. Anything else is raised, alone if it is alone."""
    if isinstance(error, DeliveryError):
        return error
    refused, rest = error.split(DeliveryError)
    if refused is None or rest is not None:
        raise _leaf(error) if len(error.exceptions) == 1 else error
    leaf = _leaf(refused)
    assert isinstance(leaf, DeliveryError)  # noqa: S101  (split says so)
    return leaf


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
