"""Gets into the accounts as a run would, and collects nothing: what `plan`, `doctor` and `policy --diff` begin with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import aioboto3

from collector.aws.accounts import Accounts, AccountSession, Caller, Member
from collector.aws.calls import CallContext, RetryPolicy, ScopeCalls
from collector.aws.clients import Clients
from collector.aws.limits import RateLimits
from collector.catalog.catalog import Catalog
from collector.concurrency import for_each
from collector.config import Settings
from collector.faults import CallFailed
from collector.model import HOMES, __version__
from collector.report import Ledger, ScopeRecord

Visit: TypeAlias = Callable[[Member, AccountSession | CallFailed], Awaitable[None]]

FIRM = RetryPolicy(deadline=60.0, patient_attempts=6, other_attempts=2, longest_wait=5.0)
"""A check that has to wait for long has found something."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The way to the accounts. What the accounts say of themselves on the way is in the ledger."""

    settings: Settings
    accounts: Accounts
    line: CallContext
    ledger: Ledger

    async def visit(self, caller: Caller, fn: Visit) -> None:
        """Go to every account that a run would collect, a few at a time, with what was reached there or why nothing was.

        Raises:
            Failed: when the organization cannot be read.
        """

        async def one(member: Member) -> None:
            try:
                reached = await self.accounts.reach(member, caller)
            except CallFailed as failed:
                await fn(member, failed)
            else:
                if reached is not None:
                    await fn(member, reached)

        members = [member async for member in self.accounts.members(caller)]
        await for_each(members, one, self.settings.accounts_at_once)

    def calls(self, reached: AccountSession, region: str) -> ScopeCalls:
        """Calls in an account and a region; they are in nobody's report."""
        return ScopeCalls(self.line, reached.identity, region, ScopeRecord())


@asynccontextmanager
async def reach(settings: Settings, catalog: Catalog, patience: RetryPolicy = FIRM) -> AsyncIterator[Reach]:
    """Open the way to the accounts; clients are closed with the context."""
    session = aioboto3.Session()
    ledger = Ledger("survey", __version__)
    async with Clients(session, session.region_name or HOMES["aws"]) as clients:
        line = CallContext(clients, RateLimits.of(settings), settings.max_concurrency, patience)
        yield Reach(settings, Accounts(session, line, ledger, settings, catalog), line, ledger)
