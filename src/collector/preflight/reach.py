"""Access to the accounts of a run without collecting anything, for `plan`, `doctor` and `policy --diff`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

from collector.aws.accounts import Accounts, AccountSession, Caller, Member
from collector.aws.calls import CallContext, RetryPolicy, ScopeCalls
from collector.aws.clients import Clients
from collector.aws.limits import RateLimits
from collector.aws.session import open_session
from collector.catalog.catalog import Catalog
from collector.concurrency import for_each
from collector.config import Settings
from collector.faults import CallFailed
from collector.model import HOMES, __version__
from collector.report import Ledger, ScopeRecord

Visit: TypeAlias = Callable[[Member, AccountSession | CallFailed], Awaitable[None]]

QUICK_RETRIES = RetryPolicy(deadline=60.0, throttle_attempts=6, other_attempts=2, longest_wait=5.0)
"""Gives up sooner than a run does: to a check, an endpoint that is this slow is a finding."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Open access to the accounts. The ledger holds the account scopes, with skipped accounts and regions."""

    settings: Settings
    accounts: Accounts
    context: CallContext
    ledger: Ledger

    async def visit(self, caller: Caller, fn: Visit) -> None:
        """Call `fn` for every account that a run would collect, with its session or with the failure to reach it.

        At most `accounts_at_once` accounts are visited at the same time. Accounts skipped by their tag are left out.

        Raises:
            CallFailed: when the organization cannot be read.
        """

        async def one(member: Member) -> None:
            try:
                session = await self.accounts.reach(member, caller)
            except CallFailed as failure:
                await fn(member, failure)
            else:
                if session is not None:
                    await fn(member, session)

        members = await self.accounts.members(caller)
        try:
            await for_each(members, one, self.settings.accounts_at_once)
        except ExceptionGroup as group:  # the first one, as if the accounts had been visited one by one
            raise group.exceptions[0] from group

    def calls(self, session: AccountSession, region: str) -> ScopeCalls:
        """Calls in an account and a region that appear in no report."""
        return ScopeCalls(self.context, session.identity, region, ScopeRecord())


@asynccontextmanager
async def open_reach(
    settings: Settings, catalog: Catalog, retry_policy: RetryPolicy = QUICK_RETRIES
) -> AsyncIterator[Reach]:
    """Open access to the accounts; the clients are closed when the context exits."""
    session = open_session()
    ledger = Ledger("preflight", __version__)
    async with Clients(session, session.region_name or HOMES["aws"]) as clients:
        limits = RateLimits.of(settings)
        context = CallContext(
            clients, limits, settings.max_concurrency, retry_policy, availability=clients.availability
        )
        yield Reach(settings, Accounts(session, context, ledger, settings, catalog), context, ledger)
