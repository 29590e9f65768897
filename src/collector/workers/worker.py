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
from collector.aws.accounts import Accounts, Caller, Reached
from collector.aws.calls import Line, Shared
from collector.aws.clients import Clients
from collector.aws.credentials import Identity, own
from collector.aws.limits import Limits
from collector.catalog.catalog import Catalog, clients_of
from collector.config import Settings, settings
from collector.engine.account import Shop
from collector.engine.accounts import Members
from collector.engine.plan import Job, jobs
from collector.engine.scopes import Means, Outlet, Scopes
from collector.faults import Failed
from collector.graph.assemble import Page, PageConverter
from collector.model import HOMES, Batch, Scope, Target, __version__
from collector.report import Ledger, Report
from collector.sinks.writer import WAITING_BYTES, line_of
from collector.workers.messages import (
    Answer,
    Delivered,
    Done,
    Ended,
    Hello,
    Known,
    Parcel,
    Refused,
    Share,
    Stop,
    Whole,
    framed,
    heard,
)
from collector.workers.packing import packed


class Parent:
    """The way back, over a stream. As a sink it hands on batches, and so feels the parent's pace."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        """The stream may hold so much before `room` waits."""
        self._writer = writer
        writer.transport.set_write_buffer_limits(high=WAITING_BYTES)

    def say(self, word: Answer) -> None:
        """Have a word go out; words go out whole, in their order."""
        self._writer.write(framed(word))

    async def room(self) -> None:
        """Wait while the parent has too much to take."""
        await self._writer.drain()

    async def open(self) -> None:
        """Nothing to make ready."""

    async def write(self, batch: Batch) -> None:
        """Hand a batch on."""
        self.say(Delivered(batch.scope.account, batch))
        await self.room()

    async def close(self, report: Report | None) -> None:
        """The parent closes the real sink."""


class Work:
    """What a worker does for its parent."""

    def __init__(self, known: Known, settings: Settings, session: aioboto3.Session, shop: Shop, parent: Parent) -> None:
        """Whole accounts are collected into `shop`, whose sink is the parent; shares go to it row by row."""
        self._run_id, self._settings, self._session = known.run_id, settings, session
        self._shop, self._parent = shop, parent
        self._members = Members(settings, session, shop)
        self._caller = Caller(Identity(known.account, own(session)), known.account, known.arn)
        self._plans: dict[Target, Mapping[Scope, Job]] = {}
        self._signers: dict[str, Identity] = {}
        self._sharing: set[Scopes] = set()
        self._stopped = False

    async def whole(self, task: Whole) -> None:
        """Collect an account."""
        ledger = Ledger(self._run_id, __version__)
        try:
            await self._members.collect(task.member, self._caller, ledger)
        except Failed as failed:
            self._parent.say(Refused(task.key, failed.operation, failed.reason, failed.code, failed.message))
        else:
            self._done(task.key, ledger, bug=self._members.bug)

    async def share(self, task: Share) -> None:
        """Collect some scopes of an account."""
        ledger = Ledger(self._run_id, __version__)
        options = replace(self._shop.options, account_name=self._shop.options.account_name or task.name)
        convert = PageConverter(self._shop.assembler, options)

        def take(page: Page, scope: Scope) -> None:
            self._parent.say(Parcel(task.key, scope, list(packed(convert(page), line_of))))

        def done(scope: Scope) -> None:
            self._parent.say(Ended(task.key, scope, ledger.scopes.pop(scope)))

        outlet = Outlet(take, self._parent.room, done)
        scopes = Scopes(self._shop.means, self._reached(task, ledger), ledger, outlet)
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

    def _reached(self, task: Share, ledger: Ledger) -> Reached:
        """The way into an account for all of its shares; its answers are shared within each of them only."""
        account = task.member.account
        accounts = Accounts(self._session, self._shop.means.line, ledger, self._settings, self._shop.catalog)
        if account not in self._signers:
            self._signers[account] = accounts.signer(task.member, self._caller)
        return Reached(task.target, self._signers[account], Shared(self._shop.catalog.repeated_calls()), task.name)

    def _done(self, key: str, ledger: Ledger, *, bug: bool) -> None:
        self._parent.say(Done(key, ledger, bug, self._shop.means.line.limits.used()))


async def work() -> None:
    """Greet, collect what is named, end when the parent closes the line."""
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=os.dup(sys.stdin.fileno())))
    loop = asyncio.get_running_loop()
    hello = await heard(reader)
    if not isinstance(hello, Hello):
        raise TypeError("the first word is a greeting")
    chosen = settings(hello.settings)
    log.set_up(chosen.log_level, chosen.log_format)
    catalog = Catalog.all().choose(chosen.services, chosen.skip_services)
    session = aioboto3.Session()
    async with Clients(session, session.region_name or HOMES["aws"]) as clients:
        line = Line(clients, Limits.of(chosen, unlimited=hello.unlimited), chosen.max_concurrency)
        parent = Parent(writer)
        shop = Shop(catalog, chosen.options(), Means(line), parent)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # the parent decides what an interrupt means
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clients.warm, clients_of(catalog))
            with suppress(asyncio.IncompleteReadError):  # the parent has gone, or has no tasks any more
                known = await heard(reader)
                doing = Work(known, chosen, session, shop, parent)
                loop.add_signal_handler(signal.SIGTERM, doing.stop, "SIGTERM")
                await _heed(reader, doing, tasks)
    writer.close()
    await writer.wait_closed()


async def _heed(reader: asyncio.StreamReader, doing: Work, tasks: TaskGroup) -> None:
    """Take orders. Raises `IncompleteReadError` when the parent has none any more."""
    while True:
        match await heard(reader):
            case Whole() as whole:
                tasks.start_soon(doing.whole, whole)
            case Share() as share:
                tasks.start_soon(doing.share, share)
            case Stop(name):
                doing.stop(name)


if __name__ == "__main__":
    uvloop.run(work())
