"""A worker process: collects what its parent names, whole accounts or shares of one, and hands everything back.

Run by `collector.workers.pool` as `python -m collector.workers.worker`; not meant to be run by hand.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import aioboto3
import anyio
import uvloop
from anyio.abc import TaskGroup

from collector import log
from collector.aws.accounts import Accounts, AccountSession, Caller
from collector.aws.calls import CallContext, SharedAnswers
from collector.aws.clients import Clients
from collector.aws.credentials import Identity, own
from collector.aws.limits import RateLimits
from collector.catalog.catalog import Catalog, clients_of
from collector.config import Settings, load_settings
from collector.engine.account import RunContext
from collector.engine.accounts import LocalAccounts
from collector.engine.plan import Job, jobs
from collector.engine.scopes import LocalScopes, ScopeContext, ScopeOutput
from collector.faults import CallFailed
from collector.graph.assemble import Page, PageConverter
from collector.model import HOMES, Batch, Scope, Target, __version__
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
    encode,
    receive,
)
from collector.workers.packing import pack


class ParentConnection:
    """The way back, over a stream. As a sink it hands on batches, and so feels the parent's pace."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        """The stream may hold so much before `drain` waits."""
        self._writer = writer
        writer.transport.set_write_buffer_limits(high=WAITING_BYTES)

    def send(self, word: Reply) -> None:
        """Have a word go out; words go out whole, in their order."""
        self._writer.write(encode(word))

    async def drain(self) -> None:
        """Wait while the parent has too much to take."""
        await self._writer.drain()

    async def open(self) -> None:
        """Nothing to make ready."""

    async def write(self, batch: Batch) -> None:
        """Hand a batch on."""
        self.send(Delivered(batch.scope.account, batch))
        await self.drain()

    async def close(self, report: Report | None) -> None:
        """The parent closes the real sink."""


class Worker:
    """What a worker does for its parent."""

    def __init__(
        self,
        known: Authenticate,
        settings: Settings,
        session: aioboto3.Session,
        shop: RunContext,
        parent: ParentConnection,
    ) -> None:
        """Whole accounts are collected into `shop`, whose sink is the parent; shares go to it row by row."""
        self._run_id, self._settings, self._session = known.run_id, settings, session
        self._shop, self._parent = shop, parent
        self._members = LocalAccounts(settings, session, shop)
        self._caller = Caller(Identity(known.account, own(session)), known.account, known.arn)
        self._plans: dict[Target, Mapping[Scope, Job]] = {}
        self._signers: dict[str, Identity] = {}
        self._sharing: set[LocalScopes] = set()
        self._stopped = False

    async def whole(self, task: CollectAccount) -> None:
        """Collect an account."""
        ledger = Ledger(self._run_id, __version__)
        try:
            await self._members.collect(task.member, self._caller, ledger)
        except CallFailed as failed:
            self._parent.send(AccountRefused(task.key, failed.operation, failed.reason, failed.code, failed.message))
        else:
            self._done(task.key, ledger, bug=self._members.bug)

    async def share(self, task: CollectScopes) -> None:
        """Collect some scopes of an account."""
        ledger = Ledger(self._run_id, __version__)
        options = replace(self._shop.options, account_name=self._shop.options.account_name or task.name)
        convert = PageConverter(self._shop.assembler, options)

        def take(page: Page, scope: Scope) -> None:
            self._parent.send(Rows(task.key, scope, list(pack(convert(page), line_of))))

        def done(scope: Scope) -> None:
            self._parent.send(ScopeEnded(task.key, scope, ledger.scopes.pop(scope)))

        outlet = ScopeOutput(take, self._parent.drain, done)
        scopes = LocalScopes(self._shop.means, self._reached(task, ledger), ledger, outlet)
        for scope in task.scopes:
            ledger.plan(scope)
        if not self._stopped:
            planned = self._planned(task.target)
            self._sharing.add(scopes)
            await scopes.run([planned[scope] for scope in task.scopes])
            self._sharing.remove(scopes)
        self._done(task.key, ledger, bug=scopes.bug)

    def stop(self, name: str) -> None:
        """Start no more calls; what is complete is still delivered."""
        self._stopped = True
        self._members.stop(name)
        for scopes in self._sharing:
            scopes.stop()

    def _planned(self, target: Target) -> Mapping[Scope, Job]:
        """The jobs of an account, by their scopes."""
        if target not in self._plans:
            self._plans[target] = {job.scope: job for job in jobs(self._shop.catalog, target)}
        return self._plans[target]

    def _reached(self, task: CollectScopes, ledger: Ledger) -> AccountSession:
        """The way into an account for all of its shares; its answers are shared within each of them only."""
        account = task.member.account
        accounts = Accounts(self._session, self._shop.means.line, ledger, self._settings, self._shop.catalog)
        if account not in self._signers:
            self._signers[account] = accounts.signer(task.member, self._caller)
        return AccountSession(
            task.target, self._signers[account], SharedAnswers(self._shop.catalog.repeated_calls()), task.name
        )

    def _done(self, key: str, ledger: Ledger, *, bug: bool) -> None:
        self._parent.send(Done(key, ledger, bug, self._shop.means.line.limits.used()))


async def serve() -> None:
    """Greet, collect what is named, end when the parent closes the line."""
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=os.dup(sys.stdin.fileno())))
    loop = asyncio.get_running_loop()
    hello = await receive(reader)
    if not isinstance(hello, Configure):
        raise TypeError("the first word is a greeting")
    chosen = load_settings(hello.settings)
    log.set_up(chosen.log_level, chosen.log_format)
    catalog = Catalog.all().choose(chosen.services, chosen.skip_services)
    session = aioboto3.Session()
    async with Clients(session, session.region_name or HOMES["aws"]) as clients:
        line = CallContext(clients, RateLimits.of(chosen, unlimited=hello.unlimited), chosen.max_concurrency)
        parent = ParentConnection(writer)
        shop = RunContext(catalog, chosen.options(), ScopeContext(line), parent)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # the parent decides what an interrupt means
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clients.warm, clients_of(catalog))
            with suppress(asyncio.IncompleteReadError):  # the parent has gone, or has no tasks any more
                known = await receive(reader)
                doing = Worker(known, chosen, session, shop, parent)
                loop.add_signal_handler(signal.SIGTERM, doing.stop, "SIGTERM")
                await _take_commands(reader, doing, tasks)
    writer.close()
    await writer.wait_closed()


async def _take_commands(reader: asyncio.StreamReader, doing: Worker, tasks: TaskGroup) -> None:
    """Take orders. Raises `IncompleteReadError` when the parent has none any more."""
    while True:
        match await receive(reader):
            case CollectAccount() as whole:
                tasks.start_soon(doing.whole, whole)
            case CollectScopes() as share:
                tasks.start_soon(doing.share, share)
            case Stop(name):
                doing.stop(name)


if __name__ == "__main__":
    uvloop.run(serve())
