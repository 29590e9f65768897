"""A run: the accounts, a few at a time, one sink, one report. It alone knows all stages."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aioboto3
import anyio
import structlog
from anyio.abc import TaskGroup

from collector import __version__
from collector.account import Shop
from collector.aws.accounts import Accounts, Caller, Member
from collector.aws.calls import Line, Patience
from collector.aws.clients import Clients
from collector.aws.limits import Limits
from collector.catalog import Catalog, clients_of
from collector.config import Settings
from collector.faults import Failed, Reason
from collector.members import Members
from collector.model import GLOBAL, Scope
from collector.plan import HOMES
from collector.processes import Processes
from collector.report import Ledger, Report
from collector.scopes import Means
from collector.sinks.base import ClosedError, DeliveryError, Sink, finishing
from collector.workers import Workers

UNKNOWN = "unknown"
"""Stands for the account's number in the report where the credentials themselves were refused."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
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
        self._hands: Members | Processes
        self._workers: Workers | None = None
        self._stopped_by: int | None = None

    async def __call__(self) -> Outcome:
        """Collect, deliver, report.

        Raises:
            Failed: when no account could be reached.
            ConfigurationError: when something was asked for that AWS does not have.
            DeliveryError: when the output cannot be opened.
        """
        session = aioboto3.Session()
        refused: DeliveryError | None = None
        limits = Limits.of(self._settings, unlimited=self._unlimited)
        await self._sink.open()
        home = session.region_name or HOMES["aws"]
        async with finishing(self._sink), self._more_cores() as self._workers, Clients(session, home) as clients:
            line = Line(clients, limits, self._settings.max_concurrency, self._patience)
            accounts = Accounts(session, line, self.ledger, self._settings, self._catalog)
            caller = await accounts.caller()
            await accounts.check_regions(caller)
            try:
                async with self._heeding_signals() as tasks, finishing(self._sink):
                    if self._workers:
                        self._workers.attend(caller, tasks)
                    self._hands = self._made_for(session, line)
                    await self._collect(accounts, caller, clients)
                    if self._workers:
                        await self._workers.close()
                    self.ledger.buckets = self._used(limits)
                    await self._sink.close(self._report())
            except (DeliveryError, ExceptionGroup) as error:
                refused = _refusal(error)
            self.ledger.buckets = self._used(limits)
        return self._outcome(refused)

    @asynccontextmanager
    async def _more_cores(self) -> AsyncIterator[Workers | None]:
        """Worker processes: where there are several accounts one for each core, unless told otherwise."""
        settings = self._settings
        count = settings.processes or (os.cpu_count() or 1 if self._several else 1)
        count = min(count, settings.max_concurrency)  # one call at a time is made by one process
        if settings.accounts and self._several:
            count = min(count, len(settings.accounts))
        if count == 1:
            yield None
            return
        async with Workers(settings, self.ledger.run_id, count, unlimited=self._unlimited) as workers:
            yield workers

    def _made_for(self, session: aioboto3.Session, line: Line) -> Members | Processes:
        """Who collects: several accounts are spread over the workers, a single one is shared by them."""
        if self._workers and self._several:
            return Processes(self._workers, self._sink)
        means = Means(line, self._stall)
        return Members(
            self._settings, session, Shop(self._catalog, self._settings.options(), means, self._sink, self._workers)
        )

    @property
    def _several(self) -> bool:
        return self._settings.org or len(self._settings.accounts) > 1

    def _used(self, limits: Limits) -> list[Mapping[str, Any]]:
        """What the rate limits of this process and of its workers were asked for."""
        return [*limits.used(), *(self._workers.used() if self._workers else ())]

    async def _collect(self, accounts: Accounts, caller: Caller, clients: Clients) -> None:
        """All accounts, a bounded number at a time: what is held in memory does not grow with their number."""
        at_once = 1 if self._settings.max_concurrency == 1 else self._settings.accounts_at_once
        window = anyio.Semaphore(at_once)
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clients.warm, () if self._workers else clients_of(self._catalog))
            try:
                async for member in accounts.members(caller):
                    await window.acquire()
                    tasks.start_soon(self._member, member, caller, window)
            except Failed as failed:  # inside a task group it would come out wrapped
                failure = failed
        if failure is not None:
            raise failure

    async def _member(self, member: Member, caller: Caller, window: anyio.Semaphore) -> None:
        try:
            if self._stopped_by is None:
                await self._hands.collect(member, caller, self.ledger)
            else:
                self._refuse(
                    member, Failed("sts:AssumeRole", Reason.ERROR, self._signal, "the run ended before its turn")
                )
        except Failed as failed:
            if self._stopped_by is None and (member.role is None or self._settings.role_arn):
                raise  # the only account there is
            self._refuse(member, failed)
        finally:
            window.release()

    def failed(self, failure: Failed) -> Report:
        """The report of a run that raised: nothing was collected, and every type proves nothing."""
        if not self.ledger.scopes:  # AWS did not even say which account this is
            self.ledger.plan(Scope(UNKNOWN, GLOBAL, "account"))
        for scope in list(self.ledger.scopes):
            self.ledger.begin(scope).fail(failure, self._catalog.types)
        return self._report()

    def _refuse(self, member: Member, failure: Failed) -> None:
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
        self._hands.stop(self._signal)
        if self._workers:
            self._workers.stop(self._signal)

    @property
    def _signal(self) -> str:
        return signal.Signals(self._stopped_by or 0).name

    def _outcome(self, refused: DeliveryError | None) -> Outcome:
        if refused is not None:
            self._hands.note_unfinished("OutputClosed")
        closed = isinstance(refused, ClosedError)
        undelivered = None if closed or refused is None else str(refused)
        return Outcome(self._report(), self._stopped_by, closed, undelivered, self._hands.bug)

    def _report(self) -> Report:
        everything = Catalog.all()
        unasked = set(everything.types) - set(self._catalog.types)
        return self.ledger.report(everything.touched(self.ledger.harmed() | unasked))


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
