"""Collects accounts in this process: gets into each, runs it, and tells the log how it went."""

from __future__ import annotations

from dataclasses import replace

import aioboto3
import anyio
import structlog

from collector.account import AccountRun, Shop
from collector.analysis.facts import Options as Bounds
from collector.assemble import Assembler
from collector.aws.accounts import Accounts, Caller, Member
from collector.aws.calls import Line
from collector.catalog import Catalog
from collector.config import Settings
from collector.report import Ledger
from collector.sinks.base import Sink

log = structlog.get_logger()


class Members:
    """The accounts of one process. They share its clients, its compiled declarations and its sink."""

    def __init__(
        self, settings: Settings, catalog: Catalog, session: aioboto3.Session, line: Line, sink: Sink, stall: float
    ) -> None:
        """Compile the declarations once."""
        self._settings, self._catalog, self._session = settings, catalog, session
        self._shop = Shop(catalog, Assembler(catalog, settings.options()), line, sink, anyio.Lock(), stall, Bounds())
        self._running: list[AccountRun] = []
        self._stopped_by: str | None = None
        self.bug = False

    async def collect(self, member: Member, caller: Caller, ledger: Ledger) -> None:
        """Collect one account into the sink and the ledger.

        Raises:
            Failed: when the account refuses.
            DeliveryError: when the sink gives up.
        """
        accounts = Accounts(self._session, self._shop.line, ledger, self._settings, self._catalog)
        reached = await accounts.reach(member, caller)
        if reached is None:
            return
        options = replace(self._settings.options(), account_name=self._settings.account_name or reached.name)
        account = AccountRun(self._shop, reached, options, ledger)
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

    async def close(self) -> None:
        """Nothing of its own is left open."""

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
