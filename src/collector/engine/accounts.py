"""Collects accounts in this process: gets into each, runs it, and tells the log how it went."""

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
    """Collects accounts: in this process, or in others."""

    bug: bool

    async def collect(self, member: Member, caller: Caller, ledger: Ledger) -> None:
        """Collect one account.

        Raises:
            Failed: when the account refuses, or its worker process died.
            DeliveryError: when the sink gives up.
        """

    def stop(self, signal: str) -> None:
        """Start no more calls; what is complete is still delivered."""

    def note_unfinished(self, code: str) -> None:
        """What was running when the run broke off says so."""


class LocalAccounts:
    """The accounts of one process. They share its clients, its compiled declarations and its sink."""

    def __init__(self, settings: Settings, session: aioboto3.Session, shop: RunContext) -> None:
        """Nothing is asked yet."""
        self._settings, self._session, self._shop = settings, session, shop
        self._running: list[AccountRun] = []
        self._stopped_by: str | None = None
        self.bug = False

    async def collect(self, member: Member, caller: Caller, ledger: Ledger) -> None:
        """Collect one account into the sink and the ledger.

        Raises:
            Failed: when the account refuses.
            DeliveryError: when the sink gives up.
        """
        accounts = Accounts(self._session, self._shop.means.line, ledger, self._settings, self._shop.catalog)
        reached = await accounts.reach(member, caller)
        if reached is None:
            return
        account = AccountRun(self._shop, member, reached, ledger)
        self._running.append(account)
        if self._stopped_by is not None:
            account.stop()
        await account.collect()
        if self._stopped_by is not None:
            account.note_unfinished(self._stopped_by)
        self._running.remove(account)
        self.bug = self.bug or account.bug
        _tell(member, ledger)

    def stop(self, signal: str) -> None:
        """Start no more calls; what is complete is still delivered."""
        self._stopped_by = signal
        for account in self._running:
            account.stop()

    def note_unfinished(self, code: str) -> None:
        """What was running when the run broke off says so."""
        for account in self._running:
            account.note_unfinished(code)


def _tell(member: Member, ledger: Ledger) -> None:
    records = [record for scope, record in ledger.scopes.items() if scope.account == member.account]
    log.info(
        "account done",
        account=member.account,
        entities=sum(record.entities for record in records),
        calls=sum(record.calls for record in records),
        throttles=sum(record.throttles for record in records),
        problems=sum(len(record.problems) for record in records),
    )
