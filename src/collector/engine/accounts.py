"""Collects accounts in this process: opens a session in each, runs it, and logs the result."""

from __future__ import annotations

from typing import Protocol

import aioboto3
import structlog

from collector.aws.accounts import Accounts, Caller, Member
from collector.config import Settings
from collector.engine.account import AccountRun, RunContext
from collector.report import Ledger

log = structlog.get_logger()


class AccountCollector(Protocol):
    """Collects accounts, in this process or in workers. `bug` is set once a bug has ended a scope or an analysis."""

    bug: bool

    async def collect(self, member: Member, caller: Caller, ledger: Ledger) -> None:
        """Collect one account.

        Raises:
            CallFailed: when no session in the account can be opened, or its worker process died.
            DeliveryError: when the sink cannot take a batch.
        """

    def stop(self, signal: str) -> None:
        """Cancel the calls in flight and start no more; what was collected is still delivered. `signal` is its name."""

    def note_unfinished(self, code: str) -> None:
        """Record a failure with this code in every scope of a running account that did not end, or that may lack records."""


class LocalAccounts:
    """Collects accounts in this process. They share its clients, compiled declarations and sink."""

    def __init__(self, settings: Settings, session: aioboto3.Session, context: RunContext) -> None:
        self._settings, self._session, self._context = settings, session, context
        self._running: list[AccountRun] = []
        self._stopped_by: str | None = None
        self.bug = False

    async def collect(self, member: Member, caller: Caller, ledger: Ledger) -> None:
        """Collect one account into the sink and the ledger.

        Raises:
            CallFailed: when no session in the account can be opened.
            DeliveryError: when the sink cannot take a batch; inside an `ExceptionGroup`.
        """
        accounts = Accounts(self._session, self._context.scopes.calls, ledger, self._settings, self._context.catalog)
        session = await accounts.reach(member, caller)
        if session is None:
            return
        account = AccountRun(self._context, member, session, ledger)
        self._running.append(account)
        if self._stopped_by is not None:
            account.stop()
        await account.collect()
        if self._stopped_by is not None:
            account.note_unfinished(self._stopped_by)
        self._running.remove(account)
        self.bug = self.bug or account.bug
        _log_done(member, ledger)

    def stop(self, signal: str) -> None:
        """Cancel the calls in flight and start no more; what was collected is still delivered. `signal` is its name."""
        self._stopped_by = signal
        for account in self._running:
            account.stop()

    def note_unfinished(self, code: str) -> None:
        """Record a failure with this code in every scope of a running account that did not end, or that may lack records."""
        for account in self._running:
            account.note_unfinished(code)


def _log_done(member: Member, ledger: Ledger) -> None:
    records = ledger.of_account(member.account).values()
    log.info(
        "account done",
        account=member.account,
        entities=sum(record.entities for record in records),
        calls=sum(record.calls for record in records),
        throttles=sum(record.throttles for record in records),
        problems=sum(len(record.problems) for record in records),
    )
