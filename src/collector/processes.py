"""Accounts spread over worker processes: one core parses one account while another parses the next.

Each worker collects several accounts at a time; their batches come back through pipes to the one sink, so a slow sink slows
every worker. A worker that dies costs the accounts that it held; another takes its place.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass, field

import anyio
import structlog
from anyio.abc import TaskGroup

from collector.aws.accounts import Caller, Member
from collector.config import Settings
from collector.faults import Failed, Reason
from collector.frames import Delivered, Done, Hello, Refused, Word, framed, heard
from collector.report import Ledger
from collector.sinks.base import Sink

log = structlog.get_logger()


@dataclass(slots=True)
class _Worker:
    """A process and the accounts that it holds, each with what its collector waits for."""

    process: asyncio.subprocess.Process
    held: dict[str, asyncio.Future[Done]] = field(default_factory=dict)
    gone: bool = False

    def lose(self) -> None:
        """What a worker held when its process ended is lost."""
        self.gone = True
        for waiting in self.held.values():
            if not waiting.done():
                code = self.process.returncode
                waiting.set_exception(Failed("worker", Reason.ERROR, "WorkerDied", f"its process ended with {code}"))


class Processes:
    """Collects accounts in worker processes; to its caller the same as `Members`."""

    def __init__(
        self, settings: Settings, run_id: str, sink: Sink, count: int, tasks: TaskGroup, *, unlimited: bool
    ) -> None:
        """`count` workers, started when they are needed. `tasks` is where they are listened to."""
        self._settings, self._run_id, self._sink, self._tasks = settings, run_id, sink, tasks
        self._count, self._unlimited = count, unlimited
        self._workers: list[_Worker] = []
        self._starting = anyio.Lock()
        self._turn = anyio.Lock()
        self._batches = 0
        self.bug = False

    async def collect(self, member: Member, caller: Caller, ledger: Ledger) -> None:
        """Collect one account in a worker; its part of the ledger is added to `ledger`.

        Raises:
            Failed: when the account refuses, or its worker died.
        """
        waiting: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        worker = await self._reserved(member, caller, waiting)
        if worker.gone:
            worker.lose()
        else:
            self._say(worker, member)
        try:
            done = await waiting
        finally:
            worker.held.pop(member.account, None)
        self.bug = self.bug or done.bug
        ledger.take(done.ledger)

    def stop(self, signal_name: str) -> None:
        """Let every worker deliver what is complete and end."""
        for worker in self._workers:
            if not worker.gone:
                worker.process.send_signal(signal.Signals[signal_name])

    def note_unfinished(self, code: str) -> None:
        """Workers tell this themselves."""

    async def close(self) -> None:
        """Let the workers go: their line is closed, and they end."""
        for worker in self._workers:
            if worker.process.stdin is not None:
                worker.process.stdin.close()
            await worker.process.wait()

    async def _reserved(self, member: Member, caller: Caller, waiting: asyncio.Future[Done]) -> _Worker:
        """The worker with the fewest accounts, which now holds this one too; a new one while there may be more."""
        async with self._starting:
            self._workers = [worker for worker in self._workers if not worker.gone]
            if len(self._workers) < self._count:
                self._workers.append(await self._start(caller))
            living = [worker for worker in self._workers if not worker.gone] or self._workers
            worker = min(living, key=lambda worker: len(worker.held))
            worker.held[member.account] = waiting
            return worker

    async def _start(self, caller: Caller) -> _Worker:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "collector.worker", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        worker = _Worker(process)
        share = max(1, self._settings.max_concurrency // self._count)
        given = {**self._settings.model_dump(exclude_defaults=True), "max_concurrency": share}
        self._say(worker, Hello(given, caller.account, caller.arn, self._run_id, self._unlimited))
        self._tasks.start_soon(self._listen, worker)
        return worker

    def _say(self, worker: _Worker, word: Word) -> None:
        if worker.process.stdin is not None:
            worker.process.stdin.write(framed(word))

    async def _listen(self, worker: _Worker) -> None:
        if worker.process.stdout is None:
            return
        while True:
            try:
                await self._heard(worker, await heard(worker.process.stdout))
            except asyncio.IncompleteReadError:
                break
        code = await worker.process.wait()
        if worker.held:
            log.error("a worker process died", code=code, accounts=list(worker.held))
        worker.lose()

    async def _heard(self, worker: _Worker, word: Word) -> None:
        match word:
            case Delivered(batch):
                async with self._turn:
                    self._batches += 1
                    batch.sequence = self._batches
                    await self._sink.write(batch)
            case Done(member):
                worker.held[member.account].set_result(word)
            case Refused(member, operation, reason, code, message):
                worker.held[member.account].set_exception(Failed(operation, reason, code, message))
