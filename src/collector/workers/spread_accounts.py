"""Distributes accounts over worker processes, so that their responses are parsed on several cores.

Each worker collects several accounts at a time and sends their batches to one sink, so a slow sink slows all workers.
"""

from __future__ import annotations

import asyncio

from collector.aws.accounts import Caller, Member
from collector.report import Ledger
from collector.sinks.base import Sink
from collector.workers.messages import CollectAccount, Delivered, TaskRunner


class SpreadAccounts:
    """An `AccountCollector` that gives each account to a worker process."""

    def __init__(self, workers: TaskRunner, sink: Sink) -> None:
        self._workers, self._sink = workers, sink
        self._sink_lock = asyncio.Lock()
        self.bug = False

    async def collect(self, member: Member, _: Caller, ledger: Ledger) -> None:
        """Collect one account in a worker, and merge its ledger into `ledger`.

        Raises:
            CallFailed: when the account could not be collected, or its worker died.
        """
        done = await self._workers.run(CollectAccount(member.account, member), self._deliver)
        self.bug = self.bug or done.bug
        ledger.merge(done.ledger)

    def stop(self, signal: str) -> None:
        """Nothing to do: the pool stops its workers."""

    def note_unfinished(self, code: str) -> None:
        """Nothing to do: workers record it when a signal stops them, and the run when the output fails."""

    async def _deliver(self, message: Delivered) -> None:
        async with self._sink_lock:
            await self._sink.write(message.batch)
