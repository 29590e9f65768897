"""A pool of worker processes, started ahead of their tasks. A worker that dies fails the tasks that it held."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import structlog
from anyio.abc import TaskGroup

from collector.aws.accounts import AccountSession, Caller, Member
from collector.config import Settings
from collector.engine.scopes import ScopeOutput
from collector.faults import CallFailed, Reason
from collector.graph.assemble import BadRow, ConvertedRow
from collector.model import Totals
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
    TaskTotals,
    encode,
    receive,
)
from collector.workers.shared_account import SharedAccount
from collector.workers.spread_accounts import SpreadAccounts

log = structlog.get_logger()

READ_AHEAD = 2**20
"""Bytes that are read ahead from a worker."""


@dataclass(slots=True)
class _RunningTask:
    """A task that a worker holds. `totals` count until its records are merged, or it fails."""

    weight: int
    on_message: OnMessage
    done: asyncio.Future[Done]
    totals: Totals = field(default_factory=Totals)


@dataclass(slots=True)
class _Worker:
    """A process and the tasks that it holds. `gone` is set once it has ended."""

    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    tasks: dict[str, _RunningTask] = field(default_factory=dict)
    buckets: Sequence[Mapping[str, Any]] = ()
    gone: bool = False

    @property
    def load(self) -> int:
        """The weight of all its tasks."""
        return sum(task.weight for task in self.tasks.values())

    def send(self, message: Command) -> None:
        """Send a message, unless the process has ended."""
        if not self.gone:
            self.writer.write(encode(message))

    def fail_tasks(self) -> None:
        """Fail the tasks that it held when its process ended."""
        self.gone = True
        message = f"its process ended with {self.process.returncode}"
        for task in self.tasks.values():
            if not task.done.done():
                task.done.set_exception(CallFailed("worker", Reason.ERROR, "WorkerDied", message))


class WorkerProcesses:
    """The `count` worker processes of a run. Each may make its part of the calls in flight. None outlives the context.

    `unlimited` switches rate limits off.
    """

    def __init__(self, settings: Settings, count: int, *, unlimited: bool = False) -> None:
        concurrency = max(1, settings.max_concurrency // count)
        options = {**settings.model_dump(exclude_defaults=True), "max_concurrency": concurrency}
        self._configure, self._count = Configure(options, unlimited), count
        self._started: list[_Worker] = []

    async def __aenter__(self) -> Self:
        """Start the processes, which load while the run authenticates."""
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
        """Send them the identity of the caller, and receive their messages in `tasks`."""
        return WorkerPool(self, self._started, Authenticate(caller.account, caller.arn, run_id), tasks)

    async def start(self) -> _Worker:
        """Start one more process and configure it."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "collector.workers.worker", stdin=theirs.fileno(), stdout=sys.stderr
            )
        worker = _Worker(process, *await asyncio.open_connection(sock=ours, limit=READ_AHEAD))
        worker.send(self._configure)
        self._started.append(worker)
        return worker


class WorkerPool:
    """Worker processes that are authenticated and take tasks. One that died is replaced."""

    def __init__(
        self, processes: WorkerProcesses, workers: Iterable[_Worker], authenticate: Authenticate, tasks: TaskGroup
    ) -> None:
        self._processes, self._authenticate, self._tasks = processes, authenticate, tasks
        self._workers = list(workers)
        self._count = len(self._workers)
        self._starting = asyncio.Lock()
        self._buckets: list[Mapping[str, Any]] = []
        for worker in self._workers:
            self._add(worker)

    def account_collector(self, sink: Sink) -> SpreadAccounts:
        """A collector that gives each account to one of the processes."""
        return SpreadAccounts(self, sink)

    def scope_collector(
        self,
        member: Member,
        session: AccountSession,
        ledger: Ledger,
        output: ScopeOutput[Iterable[ConvertedRow | BadRow]],
    ) -> SharedAccount:
        """A collector that distributes the scopes of one account over the processes."""
        return SharedAccount(self, member, session, ledger, output)

    async def run(self, task: Task, on_message: OnMessage, weight: int = 1) -> Done:
        """Run a task in the worker whose tasks weigh least. Workers that died are replaced first.

        Raises:
            CallFailed: when the account could not be collected, or the worker died.
        """
        running = _RunningTask(weight, on_message, asyncio.get_running_loop().create_future())
        worker = await self._assign(task.key, running)
        if worker.gone:
            worker.fail_tasks()
        worker.send(task)
        try:
            done = await running.done
        finally:
            worker.tasks.pop(task.key, None)
        worker.buckets = done.buckets
        return done

    def stop(self, signal: str) -> None:
        """Have every worker cancel its calls in flight and start no more."""
        for worker in self._workers:
            worker.send(Stop(signal))

    def used(self) -> list[Mapping[str, Any]]:
        """The use of the rate limits of all workers, as `RateLimits.used` returns it."""
        buckets = [*self._buckets, *(bucket for worker in self._workers for bucket in worker.buckets)]
        return sorted(buckets, key=lambda bucket: (bucket["account"], bucket["region"], bucket["bucket"]))

    def totals(self) -> Totals:
        """The totals of the running tasks, as far as the workers have sent them. May be called from another thread."""
        tasks = [task for worker in self._workers for task in tuple(worker.tasks.values())]
        return sum((task.totals for task in tasks), Totals())

    async def close(self) -> None:
        """Close the streams to the workers, and wait for the processes to end."""
        for worker in self._workers:
            worker.writer.write_eof()
            await worker.process.wait()

    async def _assign(self, key: str, task: _RunningTask) -> _Worker:
        async with self._starting:
            self._buckets += [bucket for worker in self._workers if worker.gone for bucket in worker.buckets]
            self._workers = [worker for worker in self._workers if not worker.gone]
            while len(self._workers) < self._count:
                worker = await self._processes.start()
                self._add(worker)
                self._workers.append(worker)
            worker = min(self._workers, key=lambda worker: worker.load)
            worker.tasks[key] = task
            return worker

    def _add(self, worker: _Worker) -> None:
        worker.send(self._authenticate)
        self._tasks.start_soon(self._receive, worker)

    async def _receive(self, worker: _Worker) -> None:
        while True:
            try:
                await _handle(worker, await receive(worker.reader))
            except (asyncio.IncompleteReadError, ConnectionError):
                break
        code = await worker.process.wait()
        if worker.tasks:
            log.error("a worker process died", code=code, tasks=list(worker.tasks))
        worker.fail_tasks()


async def _handle(worker: _Worker, reply: Reply) -> None:
    task = worker.tasks[reply.key]
    match reply:
        case Delivered() | Rows() | ScopeEnded():
            await task.on_message(reply)
        case TaskTotals(_, totals):
            task.totals = totals
        case Done():
            task.done.set_result(reply)
        case AccountRefused(_, operation, reason, code, message):
            task.done.set_exception(CallFailed(operation, reason, code, message))


def worker_processes(settings: Settings, *, unlimited: bool = False) -> WorkerProcesses | None:
    """The worker processes that the settings ask for, None if it is one: by default one a core for several accounts."""
    count = settings.processes or (os.cpu_count() or 1 if settings.several_accounts else 1)
    count = min(count, settings.max_concurrency)  # one call at a time is made by one process
    if settings.accounts and settings.several_accounts:
        count = min(count, len(settings.accounts))
    return WorkerProcesses(settings, count, unlimited=unlimited) if count > 1 else None
