"""Accounts spread over worker processes: one core parses one account while another parses the next.

Each worker collects several accounts at a time; their batches come back through pipes to the one sink, so a slow sink slows
every worker.
"""

from __future__ import annotations

import anyio

from collector.aws.accounts import Caller, Member
from collector.report import Ledger
from collector.sinks.base import Sink
from collector.workers.messages import CollectAccount, Delivered, TaskRunner


class SpreadAccounts:
    """Collects accounts in worker processes; to its caller the same as `Members`."""

    def __init__(self, workers: TaskRunner, sink: Sink) -> None:
        """Everything that the workers deliver goes into the sink."""
        self._workers, self._sink = workers, sink
        self._turn = anyio.Lock()
        self._batches = 0
        self.bug = False

    async def collect(self, member: Member, _: Caller, ledger: Ledger) -> None:
        """Collect one account in a worker; its part of the ledger is added to `ledger`.

        Raises:
            Failed: when the account refuses, or its worker died.
        """
        done = await self._workers.run(CollectAccount(member.account, member), self._deliver)
        self.bug = self.bug or done.bug
        ledger.take(done.ledger)

    def stop(self, signal: str) -> None:
        """Nothing runs here; the workers are told by whoever has them."""

    def note_unfinished(self, code: str) -> None:
        """Workers tell this themselves."""

    async def _deliver(self, word: Delivered) -> None:
        async with self._turn:
            self._batches += 1
            word.batch.sequence = self._batches
            await self._sink.write(word.batch)
