from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from collector.workers.messages import CollectAccount, CollectScopes
from collector.workers.pool import _Worker
from tests.runs import collect

HOME = "123456789012"
PARTNERS = ["222233334444", "333344445555", "444455556666"]
ACCOUNTS = ",".join([HOME, *PARTNERS])
OPTIONS: dict[str, Any] = {
    "services": "ec2,sqs,iam",
    "accounts": ACCOUNTS,
    "role_name": "audit",
    "regions": "us-east-1,eu-west-1",
}


def _kill_at_first(kind: type[CollectAccount | CollectScopes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill the worker that is sent the first task of a kind."""
    send, tasks = _Worker.send, []

    def send_and_kill(self, message):
        send(self, message)
        if isinstance(message, kind):
            tasks.append(message)
            if len(tasks) == 1:
                os.kill(self.process.pid, signal.SIGKILL)

    monkeypatch.setattr(_Worker, "send", send_and_kill)


async def test_two_processes_give_the_same_records_and_report_as_one(estate):
    one = await collect(**OPTIONS, processes=1)
    two = await collect(**OPTIONS, processes=2)
    assert two.by_key() == one.by_key()
    for name in ("status", "types", "partialDatasets", "dangling"):
        assert two.report[name] == one.report[name]
    unlike = {"batches", "retries"}
    assert {k: v for k, v in two.report["counts"].items() if k not in unlike} == {
        k: v for k, v in one.report["counts"].items() if k not in unlike
    }
    assert [(s["account"], s["region"], s["service"], s["status"]) for s in two.report["scopes"]] == [
        (s["account"], s["region"], s["service"], s["status"]) for s in one.report["scopes"]
    ]


async def test_batches_of_all_processes_are_numbered_in_one_sequence(estate):
    collected = await collect(**OPTIONS, processes=2)
    assert [batch.sequence for batch in collected.sink.batches] == list(range(1, len(collected.sink.batches) + 1))
    seen: set[str] = set()
    for record in collected.records:
        seen.add(record["_key"])
        if "_fromEntityKey" in record:
            assert {record["_fromEntityKey"], record["_toEntityKey"]} <= seen


async def test_a_worker_that_dies_fails_only_the_accounts_that_it_held(estate, monkeypatch):
    _kill_at_first(CollectAccount, monkeypatch)
    collected = await collect(**OPTIONS, processes=2, accounts_at_once=2)
    died = {
        scope["account"]
        for scope in collected.report["scopes"]
        for problem in scope["problems"]
        if problem["code"] == "WorkerDied"
    }
    assert len(died) == 1
    assert collected.report["status"] == "partial"
    collected_accounts = {record["accountId"] for record in collected.records if record["_type"] == "aws_sqs"}
    assert collected_accounts == {HOME, *PARTNERS} - died


async def test_an_account_that_denies_the_role_is_reported_by_its_worker(estate):
    from collector.demo.stub import Fault

    refusing = PARTNERS[1]
    estate.stub.faults.append(
        Fault(
            "sts",
            "AssumeRole",
            when=lambda request: f":{refusing}:" in request.params["RoleArn"],
            status=403,
            code="AccessDenied",
        )
    )
    collected = await collect(**OPTIONS, processes=2)
    problems = [(s["account"], p["operation"], p["reason"]) for s in collected.report["scopes"] for p in s["problems"]]
    assert problems == [(refusing, "sts:AssumeRole", "denied")]


@pytest.mark.parametrize("processes", [1, 2])
async def test_all_accounts_are_collected_one_at_a_time(estate, processes):
    collected = await collect(**{**OPTIONS, "services": "sqs"}, processes=processes, accounts_at_once=1)
    assert {record["accountId"] for record in collected.records if "accountId" in record} == {HOME, *PARTNERS}
