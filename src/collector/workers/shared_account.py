"""Distributes the scopes of one account over worker processes.

Workers convert the rows. Relationships are resolved in the parent process, which holds the one graph of the account.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import anyio

from collector.aws.accounts import AccountSession, Member
from collector.aws.rates import is_account_wide
from collector.concurrency import WeightedSemaphore
from collector.engine.plan import Job, sharing_limits
from collector.engine.scopes import SCOPES_AT_ONCE, ScopeOutput, fail
from collector.faults import CallFailed
from collector.graph.assemble import BadRow, ConvertedRow
from collector.report import Ledger
from collector.workers.messages import CollectScopes, Rows, ScopeEnded, TaskRunner
from collector.workers.packing import unpack


class SharedAccount:
    """A `ScopeCollector` that distributes the scopes of one account over worker processes.

    The workers open their own sessions in the account, from `member`.
    """

    def __init__(
        self,
        workers: TaskRunner,
        member: Member,
        session: AccountSession,
        ledger: Ledger,
        output: ScopeOutput[Iterable[ConvertedRow | BadRow]],
    ) -> None:
        self._workers, self._member = workers, member
        self._session, self._ledger, self._output = session, ledger, output
        self._stopped = False
        self.bug = False

    async def run(self, jobs: Sequence[Job]) -> None:
        """Collect these scopes, some at a time, in order. Returns early when stopped."""
        window = WeightedSemaphore(SCOPES_AT_ONCE)
        async with anyio.create_task_group() as tasks:
            for number, group in enumerate(sharing_limits(jobs, is_account_wide)):
                await window.acquire(len(group))
                if self._stopped:
                    break  # nobody would release what is acquired
                tasks.start_soon(self._collect, number, group, window)

    def stop(self) -> None:
        """Start no more tasks; the pool stops its workers."""
        self._stopped = True

    async def _collect(self, number: int, group: Sequence[Job], window: WeightedSemaphore) -> None:
        session = self._session
        scopes = tuple(job.scope for job in group)
        task = CollectScopes(f"{session.target.account}/{number}", self._member, session.target, scopes)
        try:
            done = await self._workers.run(task, self._on_message, len(group))
        except CallFailed as failure:  # the worker died: only scopes that it has not completed are lost
            for job in group:
                if self._ledger.scopes[job.scope].ended is None:
                    fail(self._ledger, job, failure)
                    self._ledger.end(job.scope)
        else:
            self.bug = self.bug or done.bug
            self._ledger.merge(done.ledger)
        finally:
            window.release(len(group))

    async def _on_message(self, message: Rows | ScopeEnded) -> None:
        match message:
            case Rows(_, scope, rows):
                self._output.take(unpack(rows), scope)
                await self._output.drain()
            case ScopeEnded(_, scope, record):
                self._ledger.scopes[scope].add(record)
