"""One account shared by several processes: its scopes are collected in workers, and come together here.

What a row comes to is worked out where its page was parsed. What it is tied to is found here, in the one graph of the account.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import anyio

from collector.aws.accounts import AccountSession, Member
from collector.aws.rates import is_everywhere
from collector.concurrency import WeightedSemaphore
from collector.engine.plan import Job, sharing_limits
from collector.engine.scopes import SCOPES_AT_ONCE, ScopeOutput, fail
from collector.faults import CallFailed
from collector.graph.assemble import BadRow, ConvertedRow
from collector.report import Ledger
from collector.workers.messages import CollectScopes, Rows, ScopeEnded, TaskRunner
from collector.workers.packing import unpack


class SharedAccount:
    """Collects the scopes of one account in worker processes; to its caller the same as `Scopes`."""

    def __init__(
        self,
        workers: TaskRunner,
        member: Member,
        reached: AccountSession,
        ledger: Ledger,
        outlet: ScopeOutput[Iterable[ConvertedRow | BadRow]],
    ) -> None:
        """Nothing is asked yet. The workers get into the account themselves, as `member` says."""
        self._workers, self._member = workers, member
        self._reached, self._ledger, self._outlet = reached, ledger, outlet
        self._stopped = False
        self.bug = False

    async def run(self, jobs: Sequence[Job]) -> None:
        """Collect these scopes, some at a time, in their order. Returns early when it is stopped."""
        window = WeightedSemaphore(SCOPES_AT_ONCE)
        async with anyio.create_task_group() as tasks:
            for number, group in enumerate(sharing_limits(jobs, is_everywhere)):
                await window.acquire(len(group))
                if not self._stopped:
                    tasks.start_soon(self._share, number, group, window)

    def stop(self) -> None:
        """Hand out no more; the workers are told by whoever has them."""
        self._stopped = True

    async def _share(self, number: int, group: Sequence[Job], window: WeightedSemaphore) -> None:
        reached = self._reached
        scopes = tuple(job.scope for job in group)
        share = CollectScopes(f"{reached.target.account}/{number}", self._member, reached.target, reached.name, scopes)
        try:
            done = await self._workers.run(share, self._on_message, len(group))
        except CallFailed as failure:  # a worker that died takes the scopes with it that it was at, not the account
            for job in group:
                if self._ledger.scopes[job.scope].ended is None:
                    fail(self._ledger, job, failure)
        else:
            self.bug = self.bug or done.bug
            self._ledger.take(done.ledger)
        finally:
            window.release(len(group))

    async def _on_message(self, word: Rows | ScopeEnded) -> None:
        match word:
            case Rows(_, scope, rows):
                self._outlet.take(unpack(rows), scope)
                await self._outlet.drain()
            case ScopeEnded(_, scope, record):
                self._ledger.scopes[scope].add(record)
                self._outlet.done(scope)
