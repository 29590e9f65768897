"""The totals of a run whose tasks are in worker processes."""

from __future__ import annotations

import os
import signal
from asyncio import StreamReader, ensure_future
from contextlib import asynccontextmanager
from threading import Event
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from collector.aws.accounts import Member
from collector.catalog.catalog import Catalog
from collector.config import load_settings
from collector.demo.stub import Effect, Fault
from collector.engine.run import Run
from collector.faults import CallFailed, Reason
from collector.model import Options, Progress, Scope, Target, Totals
from collector.report import Ledger
from collector.workers import pool as pool_module
from collector.workers import worker as worker_module
from collector.workers.messages import (
    AccountRefused,
    Authenticate,
    CollectAccount,
    CollectScopes,
    Done,
    ScopeEnded,
    TaskTotals,
    encode,
)
from collector.workers.pool import WorkerPool, _Worker, worker_processes
from collector.workers.spread_accounts import SpreadAccounts
from collector.workers.worker import Worker
from tests.runs import MemorySink, collect

ONE, TWO = "111122223333", "222233334444"
SQS, SNS = Scope(ONE, "us-east-1", "sqs"), Scope(ONE, "us-east-1", "sns")
AUTHENTICATE = Authenticate(ONE, f"arn:aws:iam::{ONE}:user/x", "run")
SECONDS = 10
UNUSED: Any = None


def _account(account: str, calls: int, entities: int) -> Ledger:
    """The ledger of an account that is complete."""
    ledger = Ledger("run", "0")
    scope = Scope(account, "us-east-1", "sqs")
    ledger.begin(scope).calls = calls
    ledger.end(scope)
    ledger.types["aws_sqs_queue"] = entities
    return ledger


def _process() -> Any:
    """A worker whose messages the test makes."""

    async def wait() -> int:
        return -9

    process: Any = SimpleNamespace(returncode=-9, wait=wait)
    writer: Any = SimpleNamespace(write=lambda data: None)
    return _Worker(process, StreamReader(), writer)


@asynccontextmanager
async def _spread(*workers: _Worker):
    """Accounts that these workers collect, and the totals of the run."""
    async with anyio.create_task_group() as tasks:
        pool = WorkerPool(UNUSED, workers, AUTHENTICATE, tasks)
        ledger, accounts = Ledger("run", "0"), SpreadAccounts(pool, MemorySink())

        def begin(account: str):
            return ensure_future(accounts.collect(Member(account), UNUSED, ledger))

        def totals() -> Totals:
            return ledger.totals() + pool.totals()

        yield begin, totals
        for worker in workers:
            worker.reader.feed_eof()


async def _receive(worker: _Worker, message: Any) -> None:
    worker.reader.feed_data(encode(message))
    await anyio.wait_all_tasks_blocked()


async def test_totals_are_the_sum_over_workers_and_the_records_that_have_arrived():
    first, second = _process(), _process()
    async with _spread(first, second) as (begin, totals):
        one, two = begin(ONE), begin(TWO)
        await anyio.wait_all_tasks_blocked()
        await _receive(first, TaskTotals(ONE, Totals(1, 10, 2, calls=5, throttles=1)))
        await _receive(second, TaskTotals(TWO, Totals(1, 10, 1, calls=7, entities=3)))
        assert totals() == Totals(2, 20, 3, entities=3, calls=12, throttles=1)
        await _receive(first, TaskTotals(ONE, Totals(1, 10, 9, calls=20, entities=4, throttles=1)))
        assert totals() == Totals(2, 20, 10, entities=7, calls=27, throttles=1)
        await _receive(first, Done(ONE, _account(ONE, calls=25, entities=6), bug=False))
        assert totals() == Totals(2, 11, 2, entities=9, calls=32)
        await _receive(second, Done(TWO, _account(TWO, calls=8, entities=3), bug=False))
        assert totals() == Totals(2, 2, 2, entities=9, calls=33)
        await one, await two


async def test_the_totals_of_a_worker_that_died_are_not_counted():
    first, second = _process(), _process()
    async with _spread(first, second) as (begin, totals):
        one, two = begin(ONE), begin(TWO)
        await anyio.wait_all_tasks_blocked()
        await _receive(first, TaskTotals(ONE, Totals(calls=5)))
        await _receive(second, TaskTotals(TWO, Totals(calls=7)))
        first.reader.feed_eof()
        with pytest.raises(CallFailed, match="its process ended"):
            await one
        assert totals() == Totals(calls=7)
        await _receive(second, Done(TWO, Ledger("run", "0"), bug=False))
        await two


class Parent:
    """Keeps what a worker sends."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def send(self, message: Any) -> None:
        self.messages.append(message)

    async def drain(self) -> None:
        pass


@pytest.fixture
def parent() -> Any:
    return Parent()


@pytest.fixture
def worker(parent) -> Worker:
    scopes = SimpleNamespace(calls=SimpleNamespace(limits=SimpleNamespace(used=list)))
    context: Any = SimpleNamespace(options=Options(), assembler=UNUSED, scopes=scopes, sink=parent)
    return Worker(AUTHENTICATE, load_settings({}), UNUSED, context, parent)


async def test_a_worker_sends_the_totals_of_an_account_when_they_have_changed_until_it_ends(worker, parent):
    async def collected(member, caller, ledger):
        worker.send_totals()
        ledger.begin(SQS).calls = 2
        ledger.types["aws_sqs_queue"] = 3
        worker.send_totals()
        worker.send_totals()
        ledger.end(SQS)
        worker.send_totals()

    worker._accounts = SimpleNamespace(collect=collected, bug=False)
    await worker.collect_account(CollectAccount(ONE, Member(ONE)))
    worker.send_totals()
    *totals, done = parent.messages
    assert totals == [
        TaskTotals(ONE, Totals(1, 1, 0, entities=3, calls=2)),
        TaskTotals(ONE, Totals(1, 1, 1, entities=3, calls=2)),
    ]
    assert done.ledger.totals() == totals[-1].totals


async def test_a_worker_sends_no_totals_of_a_task_that_has_ended(worker, parent):
    async def refused(member, caller, ledger):
        ledger.begin(SQS).calls = 2
        raise CallFailed("sts:AssumeRole", Reason.DENIED, "AccessDenied", "no")

    worker._accounts = SimpleNamespace(collect=refused)
    await worker.collect_account(CollectAccount(ONE, Member(ONE)))
    worker.send_totals()
    assert [type(message) for message in parent.messages] == [AccountRefused]


async def test_the_calls_of_a_scope_are_in_the_totals_of_its_task_or_in_its_record_but_never_in_both(
    worker, parent, monkeypatch
):
    class Scopes:
        bug = False

        def __init__(self, context, session, ledger, output) -> None:
            self._ledger, self._output = ledger, output

        async def run(self, jobs) -> None:
            for calls, scope in enumerate((SQS, SNS), start=2):
                self._ledger.begin(scope).calls = calls
            worker.send_totals()
            for scope in (SQS, SNS):
                self._ledger.end(scope)
                self._output.done(scope)

    monkeypatch.setattr(worker_module, "LocalScopes", Scopes)
    monkeypatch.setattr(worker, "_account_session", lambda task, ledger: None)
    monkeypatch.setattr(worker, "_jobs", lambda target: {SQS: None, SNS: None})
    target = Target("aws", ONE, "", ("us-east-1",), ("us-east-1",))
    await worker.collect_scopes(CollectScopes(ONE, Member(ONE), target, (SQS, SNS)))
    counted, current, recorded = [], 0, 0
    for message in parent.messages:
        match message:
            case TaskTotals(_, totals):
                assert totals == Totals(calls=totals.calls)  # the parent knows the rest
                current = totals.calls
            case ScopeEnded(_, _, record):
                recorded += record.calls
        counted.append(current + recorded)
    assert (counted[0], max(counted), counted[-1]) == (5, 5, 5)


PARTNERS = [TWO, "333344445555"]
OPTIONS: dict[str, Any] = {"services": "sqs", "regions": "us-east-1"}
SPREAD: dict[str, Any] = {**OPTIONS, "accounts": ",".join(PARTNERS), "role_name": "audit"}


async def test_progress_sums_the_calls_of_all_workers_while_they_run(estate, monkeypatch):
    released, seen = Event(), list[Progress]()
    monkeypatch.setattr(estate.stub, "_sleep", lambda _: released.wait(SECONDS))
    estate.stub.faults.append(Fault("sqs", "ListQueues", effect=Effect.NONE, delay=1))
    settings = load_settings({**SPREAD, "processes": 2})
    processes = worker_processes(settings, unlimited=True)
    run = Run(settings, Catalog.all().choose(("sqs",)), MemorySink(), processes=processes, unlimited=True)
    handle = pool_module._handle

    async def watch(worker, reply):
        await handle(worker, reply)
        calls = estate.stub.calls
        held = {call.account for call in calls if call.operation == "ListQueues"}
        if held == {*PARTNERS} and run.progress().totals.calls == len(calls):
            seen.append(run.progress())
            released.set()

    monkeypatch.setattr(pool_module, "_handle", watch)
    await run()
    assert seen, "the totals of the workers never came up to the calls that were made"
    assert (seen[0].accounts, seen[0].done, seen[0].waiting) == (2, 0, 0)
    assert seen[0].totals.accounts == 2
    assert 0 < seen[0].totals.ended < seen[0].totals.scopes


@pytest.fixture
def killed(monkeypatch):
    """Kills the first worker that gets a task."""
    send, workers = _Worker.send, list[_Worker]()

    def send_and_kill(self, message):
        send(self, message)
        if isinstance(message, CollectAccount | CollectScopes) and not workers:
            workers.append(self)
            os.kill(self.process.pid, signal.SIGKILL)

    monkeypatch.setattr(_Worker, "send", send_and_kill)
    return workers


@pytest.mark.parametrize("options", [SPREAD, OPTIONS], ids=["spread accounts", "one account"])
async def test_a_run_comes_to_its_end_although_a_worker_dies(options, estate, killed):
    collected = await collect(**options, processes=2)
    progress, counts = collected.progress, collected.report["counts"]
    assert killed
    assert progress.done == progress.accounts == len(options.get("accounts", ONE).split(","))
    assert progress.waiting == 0
    assert (progress.totals.calls, progress.totals.entities) == (counts["apiCalls"], counts["entities"])
    if options is OPTIONS:
        assert progress.totals.ended == progress.totals.scopes
