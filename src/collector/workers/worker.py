"""A worker process: collects accounts, or some scopes of one, for its parent, and sends back all results.

Started by `collector.workers.pool` as `python -m collector.workers.worker`; not meant to be run by hand.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

import aioboto3
import anyio
import uvloop
from anyio.abc import TaskGroup

from collector import log
from collector.aws.accounts import Accounts, AccountSession, Caller
from collector.aws.calls import CallContext, SharedAnswers
from collector.aws.clients import Clients
from collector.aws.credentials import Identity, default_provider
from collector.aws.limits import RateLimits
from collector.aws.session import open_session
from collector.catalog.catalog import Catalog, clients_of
from collector.config import Settings, load_settings
from collector.engine.account import RunContext, analysis_limits
from collector.engine.accounts import LocalAccounts
from collector.engine.plan import Job, plan_account
from collector.engine.scopes import LocalScopes, ScopeContext, ScopeOutput
from collector.faults import CallFailed
from collector.graph.assemble import Page, PageConverter
from collector.model import HOMES, Batch, Scope, Target, Totals, __version__
from collector.report import Ledger, Report
from collector.sinks.writer import WAITING_BYTES, line_of
from collector.workers.messages import (
    AccountRefused,
    Authenticate,
    CollectAccount,
    CollectScopes,
    Configure,
    Delivered,
    Done,
    Reply,
    Rows,
    ScopeEnded,
    Stop,
    TaskTotals,
    encode,
    receive,
)
from collector.workers.packing import pack

TOTALS_SECONDS = 0.5
"""How often the totals of running tasks are sent."""


class ParentConnection:
    """The stream to the parent, also as a sink. A slow parent slows the worker through `drain`."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        writer.transport.set_write_buffer_limits(high=WAITING_BYTES)

    def send(self, message: Reply) -> None:
        """Queue a message. Messages are sent in order."""
        self._writer.write(encode(message))

    async def drain(self) -> None:
        """Wait until the parent has caught up: at most `WAITING_BYTES` may be buffered."""
        await self._writer.drain()

    async def open(self) -> None:
        """Nothing to do."""

    async def write(self, batch: Batch) -> None:
        """Send a batch to the parent."""
        self.send(Delivered(batch.account, batch))
        await self.drain()

    async def close(self, report: Report | None) -> None:
        """Nothing to do: the parent closes the real sink."""


class Worker:
    """Runs the tasks of a worker.

    Accounts are collected into the sink of `context`, which is the parent. The rows of scopes are sent page by page.
    """

    def __init__(
        self,
        caller: Authenticate,
        settings: Settings,
        session: aioboto3.Session,
        context: RunContext,
        parent: ParentConnection,
    ) -> None:
        self._run_id, self._settings, self._session = caller.run_id, settings, session
        self._context, self._parent = context, parent
        self._accounts = LocalAccounts(settings, session, context)
        self._caller = Caller(Identity(caller.account, default_provider(session)), caller.account, caller.arn)
        self._plans: dict[Target, Mapping[Scope, Job]] = {}
        self._identities: dict[str, Identity] = {}
        self._running: set[LocalScopes] = set()
        self._totals: dict[str, Callable[[], Totals]] = {}
        self._sent: dict[str, Totals] = {}
        self._stopped = False

    async def collect_account(self, task: CollectAccount) -> None:
        """Collect an account; its batches, then `Done` or `AccountRefused`, are sent to the parent."""
        ledger = Ledger(self._run_id, __version__)
        self._totals[task.key] = ledger.totals
        try:
            await self._accounts.collect(task.member, self._caller, ledger)
        except CallFailed as failed:
            self._end(AccountRefused(task.key, failed.operation, failed.reason, failed.code, failed.message))
        else:
            self._done(task.key, ledger, bug=self._accounts.bug)

    async def collect_scopes(self, task: CollectScopes) -> None:
        """Collect some scopes of an account; their rows and records, then `Done`, are sent to the parent."""
        ledger = Ledger(self._run_id, __version__)
        convert = PageConverter(self._context.assembler, self._context.options.for_account(task.target.name))

        def take(page: Page, scope: Scope) -> None:
            self._parent.send(Rows(task.key, scope, list(pack(convert(page), line_of))))

        def done(scope: Scope) -> None:
            record = ledger.pop(scope)
            self.send_totals()  # without this scope, so that the parent never counts it twice
            self._parent.send(ScopeEnded(task.key, scope, record))

        self._totals[task.key] = partial(_calls, ledger)
        output = ScopeOutput(take, self._parent.drain, done)
        scopes = LocalScopes(self._context.scopes, self._account_session(task, ledger), ledger, output)
        for scope in task.scopes:
            ledger.plan(scope)
        if not self._stopped:
            planned = self._jobs(task.target)
            self._running.add(scopes)
            await scopes.run([planned[scope] for scope in task.scopes])
            self._running.remove(scopes)
        self._done(task.key, ledger, bug=scopes.bug)

    def stop(self, name: str) -> None:
        """Cancel the calls in flight and start no more; what was collected is still sent. `name` is the signal's."""
        self._stopped = True
        self._accounts.stop(name)
        for scopes in self._running:
            scopes.stop()

    async def send_totals_regularly(self) -> None:
        """Send the totals of running tasks until it is cancelled."""
        while True:
            await anyio.sleep(TOTALS_SECONDS)
            self.send_totals()

    def send_totals(self) -> None:
        """Send the totals of running tasks that have changed."""
        totals = {key: current() for key, current in self._totals.items()}
        for key, current in totals.items():
            if current != self._sent.get(key, Totals()):
                self._parent.send(TaskTotals(key, current))
        self._sent = totals

    def _jobs(self, target: Target) -> Mapping[Scope, Job]:
        """The jobs of an account, by their scopes."""
        if target not in self._plans:
            plan = plan_account(self._context.catalog, target, self._context.scopes.calls.availability)
            self._plans[target] = {job.scope: job for job in plan.jobs}
        return self._plans[target]

    def _account_session(self, task: CollectScopes, ledger: Ledger) -> AccountSession:
        """A session in the account. Its tasks share one identity; answers are shared within a task only."""
        account, catalog = task.member.account, self._context.catalog
        if account not in self._identities:
            accounts = Accounts(self._session, self._context.scopes.calls, ledger, self._settings, catalog)
            self._identities[account] = accounts.identity_for(task.member, self._caller)
        return AccountSession(task.target, self._identities[account], SharedAnswers(catalog.repeated_calls()))

    def _done(self, key: str, ledger: Ledger, *, bug: bool) -> None:
        self._end(Done(key, ledger, bug, self._context.scopes.calls.limits.used()))

    def _end(self, message: Done | AccountRefused) -> None:
        """Send the last message of a task."""
        del self._totals[message.key]
        self._parent.send(message)


def _calls(ledger: Ledger) -> Totals:
    """The calls of scopes that the parent has planned, and whose entities it counts."""
    totals = ledger.totals()
    return Totals(calls=totals.calls, throttles=totals.throttles)


async def serve() -> None:
    """Serve one parent: configure, authenticate, run tasks. Ends when the parent closes the stream."""
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=os.dup(sys.stdin.fileno())))
    loop = asyncio.get_running_loop()
    configure = await receive(reader)
    if not isinstance(configure, Configure):
        raise TypeError("the first message must be Configure")
    settings = load_settings(configure.settings)
    in_progress = settings.progress and not settings.quiet
    log.set_up(settings.effective_log_level, settings.log_format, over_progress=in_progress)
    catalog = Catalog.all().choose(settings.services, settings.skip_services)
    session = open_session()
    async with Clients(session, session.region_name or HOMES["aws"]) as clients:
        limits = RateLimits.of(settings, unlimited=configure.unlimited)
        calls = CallContext(clients, limits, settings.max_concurrency, availability=clients.availability)
        parent = ParentConnection(writer)
        context = RunContext(
            catalog, settings.options(), ScopeContext(calls), parent, analysis_limits=analysis_limits(settings)
        )
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # the parent decides what an interrupt means
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clients.warm, clients_of(catalog))
            with suppress(asyncio.IncompleteReadError):  # the parent has ended, or has no more tasks
                worker = Worker(await receive(reader), settings, session, context, parent)
                loop.add_signal_handler(signal.SIGTERM, worker.stop, "SIGTERM")
                await _run_commands(reader, worker, tasks)
    writer.close()
    await writer.wait_closed()


async def _run_commands(reader: asyncio.StreamReader, worker: Worker, tasks: TaskGroup) -> None:
    """Run the parent's commands. Raises `IncompleteReadError` when it closes the stream."""
    sending = asyncio.create_task(worker.send_totals_regularly())
    try:
        while True:
            match await receive(reader):
                case CollectAccount() as task:
                    tasks.start_soon(worker.collect_account, task)
                case CollectScopes() as task:
                    tasks.start_soon(worker.collect_scopes, task)
                case Stop(name):
                    worker.stop(name)
    finally:
        sending.cancel()


if __name__ == "__main__":
    uvloop.run(serve())
