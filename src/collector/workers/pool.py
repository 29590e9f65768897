"""Worker processes: started ahead of their tasks, given some, listened to. One that dies costs the tasks that it held."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import anyio
import structlog
from anyio.abc import TaskGroup

from collector.aws.accounts import AccountSession, Caller, Member
from collector.config import Settings
from collector.engine.scopes import ScopeOutput
from collector.faults import CallFailed, Reason
from collector.graph.assemble import BadRow, ConvertedRow
from collector.report import Ledger
from collector.sinks.base import Sink
from collector.workers.messages import (
    AccountRefused,
    Authenticate,
    Command,
    Configure,
    Delivered,
    Done,
    OnMessage,
    Reply,
    Rows,
    ScopeEnded,
    Stop,
    Task,
    encode,
    receive,
)
from collector.workers.shared_account import SharedAccount
from collector.workers.spread_accounts import SpreadAccounts

log = structlog.get_logger()

AHEAD = 2**20
"""Bytes that are read ahead from a worker."""


@dataclass(slots=True)
class _Held:
    """A task in the hands of a worker."""

    weight: int
    on_message: OnMessage
    done: asyncio.Future[Done]


@dataclass(slots=True)
class _Worker:
    """A process and the tasks that it holds."""

    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    held: dict[str, _Held] = field(default_factory=dict)
    buckets: Sequence[Mapping[str, Any]] = ()
    gone: bool = False

    @property
    def load(self) -> int:
        """What it has to do."""
        return sum(each.weight for each in self.held.values())

    def send(self, word: Command) -> None:
        """Tell it something."""
        if not self.gone:
            self.writer.write(encode(word))

    def lose(self) -> None:
        """What a worker held when its process ended is lost."""
        self.gone = True
        for each in self.held.values():
            if not each.done.done():
                code = self.process.returncode
                each.done.set_exception(
                    CallFailed("worker", Reason.ERROR, "WorkerDied", f"its process ended with {code}")
                )


class WorkerProcesses:
    """The worker processes of a run. Each may have a share of the calls in flight. None outlives the context."""

    def __init__(self, settings: Settings, count: int, *, unlimited: bool = False) -> None:
        """`count` processes at a time. `unlimited` switches rates off."""
        share = max(1, settings.max_concurrency // count)
        given = {**settings.model_dump(exclude_defaults=True), "max_concurrency": share}
        self._hello, self._count = Configure(given, unlimited), count
        self._started: list[_Worker] = []

    async def __aenter__(self) -> Self:
        """Start them: while they make themselves ready it is found out who we are."""
        for _ in range(self._count):
            await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for worker in self._started:
            if worker.process.returncode is None:
                worker.process.kill()
            await worker.process.wait()
            worker.writer.close()

    def authenticate(self, caller: Caller, run_id: str, tasks: TaskGroup) -> WorkerPool:
        """Tell them who we are, and listen to them in `tasks`."""
        return WorkerPool(self, self._started, Authenticate(caller.account, caller.arn, run_id), tasks)

    async def start(self) -> _Worker:
        """One more process."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "collector.workers.worker", stdin=theirs.fileno(), stdout=sys.stderr
            )
        worker = _Worker(process, *await asyncio.open_connection(sock=ours, limit=AHEAD))
        worker.send(self._hello)
        self._started.append(worker)
        return worker


class WorkerPool:
    """Processes that take tasks. One that died is replaced."""

    def __init__(
        self, processes: WorkerProcesses, workers: Iterable[_Worker], known: Authenticate, tasks: TaskGroup
    ) -> None:
        """Tell the workers who we are."""
        self._processes, self._known, self._tasks = processes, known, tasks
        self._workers = list(workers)
        self._count = len(self._workers)
        self._starting = anyio.Lock()
        self._buckets: list[Mapping[str, Any]] = []
        for worker in self._workers:
            self._introduce(worker)

    def spread(self, sink: Sink) -> SpreadAccounts:
        """Collect each account in one of the processes."""
        return SpreadAccounts(self, sink)

    def share(
        self,
        member: Member,
        reached: AccountSession,
        ledger: Ledger,
        outlet: ScopeOutput[Iterable[ConvertedRow | BadRow]],
    ) -> SharedAccount:
        """Collect the scopes of one account in all of them."""
        return SharedAccount(self, member, reached, ledger, outlet)

    async def run(self, task: Task, on_message: OnMessage, weight: int = 1) -> Done:
        """Have a task done by the worker that has the least to do, in weights. One that died is replaced.

        Raises:
            Failed: when the account refuses, or the worker died.
        """
        held = _Held(weight, on_message, asyncio.get_running_loop().create_future())
        worker = await self._reserved(task.key, held)
        if worker.gone:
            worker.lose()
        worker.send(task)
        try:
            done = await held.done
        finally:
            worker.held.pop(task.key, None)
        worker.buckets = done.buckets
        return done

    def stop(self, signal: str) -> None:
        """Let every worker finish what it can without further calls."""
        for worker in self._workers:
            worker.send(Stop(signal))

    def used(self) -> list[Mapping[str, Any]]:
        """What the rate limits of all workers were asked for, as `Limits.used` tells it."""
        told = [*self._buckets, *(bucket for worker in self._workers for bucket in worker.buckets)]
        return sorted(told, key=lambda bucket: (bucket["account"], bucket["region"], bucket["bucket"]))

    async def close(self) -> None:
        """Let the workers go: their line is closed, and they end."""
        for worker in self._workers:
            worker.writer.write_eof()
            await worker.process.wait()

    async def _reserved(self, key: str, held: _Held) -> _Worker:
        async with self._starting:
            self._forget_the_dead()
            while len(self._workers) < self._count:
                worker = await self._processes.start()
                self._introduce(worker)
                self._workers.append(worker)
            worker = min(self._workers, key=lambda worker: worker.load)
            worker.held[key] = held
            return worker

    def _forget_the_dead(self) -> None:
        self._buckets += [bucket for worker in self._workers if worker.gone for bucket in worker.buckets]
        self._workers = [worker for worker in self._workers if not worker.gone]

    def _introduce(self, worker: _Worker) -> None:
        worker.send(self._known)
        self._tasks.start_soon(self._listen, worker)

    async def _listen(self, worker: _Worker) -> None:
        while True:
            try:
                await _handle(worker, await receive(worker.reader))
            except (asyncio.IncompleteReadError, ConnectionError):
                break
        code = await worker.process.wait()
        if worker.held:
            log.error("a worker process died", code=code, tasks=list(worker.held))
        worker.lose()


async def _handle(worker: _Worker, word: Reply) -> None:
    held = worker.held[word.key]
    match word:
        case Delivered() | Rows() | ScopeEnded():
            await held.on_message(word)
        case Done():
            held.done.set_result(word)
        case AccountRefused(_, operation, reason, code, message):
            held.done.set_exception(CallFailed(operation, reason, code, message))


def worker_processes(settings: Settings, *, unlimited: bool = False) -> WorkerProcesses | None:
    """The worker processes that the settings ask for: where there are several accounts one for each core, unless told otherwise."""
    count = settings.processes or (os.cpu_count() or 1 if settings.several_accounts else 1)
    count = min(count, settings.max_concurrency)  # one call at a time is made by one process
    if settings.accounts and settings.several_accounts:
        count = min(count, len(settings.accounts))
    return WorkerProcesses(settings, count, unlimited=unlimited) if count > 1 else None
