"""A worker process: collects the accounts that its parent names, and hands everything back through standard output.

Run by `collector.processes` as `python -m collector.worker`; not meant to be run by hand.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import aioboto3
import anyio
import uvloop
from anyio import to_thread

from collector import __version__, log
from collector.aws.accounts import Caller, Member
from collector.aws.calls import Line
from collector.aws.clients import Clients
from collector.aws.credentials import Identity, own
from collector.aws.limits import Limits
from collector.catalog import Catalog, clients_of
from collector.config import settings
from collector.faults import Failed
from collector.frames import Delivered, Done, Hello, Refused, Word, framed, heard
from collector.members import Members
from collector.model import Batch
from collector.plan import HOMES
from collector.report import Ledger, Report

STALL = 1800.0


class Parent:
    """The way back: words go out whole, one after the other. As a sink it hands on batches, and so feels their pace."""

    def __init__(self) -> None:
        """Keep standard output for words; whatever else prints goes to standard error."""
        self._out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self._turn = anyio.Lock()

    async def say(self, word: Word) -> None:
        """Write a word; waits while the parent is busy."""
        data = framed(word)
        async with self._turn:
            await to_thread.run_sync(self._write, data)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._out.write(view) :]

    async def open(self) -> None:
        """Nothing to make ready."""

    async def write(self, batch: Batch) -> None:
        """Hand a batch on."""
        await self.say(Delivered(batch))

    async def close(self, report: Report | None) -> None:
        """The parent closes the real sink."""


async def work() -> None:
    """Greet, collect what is named, end when the parent closes the line."""
    reader = asyncio.StreamReader(limit=2**20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    hello = await heard(reader)
    if not isinstance(hello, Hello):
        raise TypeError("the first word is a greeting")
    chosen = settings(hello.settings)
    log.set_up(chosen.log_level, chosen.log_format)
    catalog = Catalog.all().choose(chosen.services, chosen.skip_services)
    session = aioboto3.Session()
    async with Clients(session, session.region_name or HOMES["aws"]) as clients:
        line = Line(clients, Limits.of(chosen, unlimited=hello.unlimited), chosen.max_concurrency)
        parent = Parent()
        members = Members(chosen, catalog, session, line, parent, STALL)
        loop.add_signal_handler(signal.SIGTERM, members.stop, "SIGTERM")
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # the parent decides what an interrupt means
        caller = Caller(Identity(hello.account, own(session)), hello.account, hello.arn)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clients.warm, clients_of(catalog))
            while (member := await _next(reader)) is not None:
                tasks.start_soon(_collect, members, member, caller, hello, parent)


async def _next(reader: asyncio.StreamReader) -> Member | None:
    try:
        word = await heard(reader)
    except asyncio.IncompleteReadError:
        return None
    return word if isinstance(word, Member) else None


async def _collect(members: Members, member: Member, caller: Caller, hello: Hello, parent: Parent) -> None:
    ledger = Ledger(hello.run_id, __version__)
    try:
        await members.collect(member, caller, ledger)
    except Failed as failed:
        await parent.say(Refused(member, failed.operation, failed.reason, failed.code, failed.message))
    else:
        await parent.say(Done(member, ledger, members.bug))


if __name__ == "__main__":
    uvloop.run(work())
