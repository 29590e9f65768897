"""One account shared by several processes: its scopes are collected in workers, and come together here.

What a row comes to is worked out where its page was parsed. What it is tied to is found here, in the one graph of the account.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

import anyio

from collector.assemble import Converted, Odd
from collector.aws.accounts import Member, Reached
from collector.aws.rates import is_everywhere
from collector.faults import Failed
from collector.frames import Ended, Parcel, Share
from collector.model import Scope
from collector.parcels import unpacked
from collector.plan import Job, together
from collector.report import Ledger
from collector.scopes import SCOPES_AT_ONCE, fail
from collector.work import WeightedSemaphore
from collector.workers import Workers


@dataclass(frozen=True, slots=True)
class Intake:
    """Where rows go. `room` is waited for before more are heard of, `done` is told of each scope that ended."""

    take: Callable[[Iterable[Converted | Odd], Scope], None]
    room: Callable[[], Awaitable[None]]
    done: Callable[[Scope], None]


class Shares:
    """Collects the scopes of one account in worker processes; to its caller the same as `Scopes`."""

    def __init__(self, workers: Workers, member: Member, reached: Reached, ledger: Ledger, intake: Intake) -> None:
        """Nothing is asked yet. The workers get into the account themselves, as `member` says."""
        self._workers, self._member = workers, member
        self._reached, self._ledger, self._intake = reached, ledger, intake
        self._stopped = False
        self.bug = False

    async def run(self, jobs: Sequence[Job]) -> None:
        """Collect these scopes, some at a time, in their order. Returns early when it is stopped."""
        window = WeightedSemaphore(SCOPES_AT_ONCE)
        async with anyio.create_task_group() as tasks:
            for number, group in enumerate(together(jobs, is_everywhere)):
                await window.acquire(len(group))
                if not self._stopped:
                    tasks.start_soon(self._share, number, group, window)

    def stop(self) -> None:
        """Hand out no more; the workers are told by whoever has them."""
        self._stopped = True

    async def _share(self, number: int, group: Sequence[Job], window: WeightedSemaphore) -> None:
        reached = self._reached
        scopes = tuple(job.scope for job in group)
        share = Share(f"{reached.target.account}/{number}", self._member, reached.target, reached.name, scopes)
        try:
            done = await self._workers.give(share, self._hear, len(group))
        except Failed as failure:  # a worker that died takes the scopes with it that it was at, not the account
            for job in group:
                if self._ledger.scopes[job.scope].ended is None:
                    fail(self._ledger, job, failure)
        else:
            self.bug = self.bug or done.bug
            self._ledger.take(done.ledger)
        finally:
            window.release(len(group))

    async def _hear(self, word: Parcel | Ended) -> None:
        match word:
            case Parcel(_, scope, rows):
                self._intake.take(unpacked(rows), scope)
                await self._intake.room()
            case Ended(_, scope, record):
                self._ledger.scopes[scope].add(record)
                self._intake.done(scope)
