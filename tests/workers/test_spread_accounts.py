from __future__ import annotations

import os
import signal
from typing import Any

from collector.demo.stub import Fault
from collector.workers.messages import CollectAccount
from collector.workers.pool import _Worker
from tests.runs import collect

HOME = "123456789012"
PARTNERS = ["222233334444", "333344445555", "444455556666"]
SQS: dict[str, Any] = {
    "services": "sqs",
    "accounts": ",".join([HOME, *PARTNERS]),
    "role_name": "audit",
    "regions": "us-east-1",
}
OPTIONS = {**SQS, "services": "ec2,sqs"}


def test_two_processes_give_the_same_records_and_report_as_one(undisturbed):
    one, two = undisturbed(**OPTIONS, accounts_at_once=1), undisturbed(**OPTIONS, processes=2)
    assert {record["accountId"] for record in one.records if "accountId" in record} == {HOME, *PARTNERS}
    assert two.by_key() == one.by_key()
    for name in ("status", "types", "partialDatasets", "dangling"):
        assert two.report[name] == one.report[name]
    for name in ("entities", "relationships", "mappedRelationships", "duplicates", "dangling", "bytes"):
        assert two.report["counts"][name] == one.report["counts"][name]
    calls = [run.report["counts"]["apiCalls"] - run.report["counts"]["retries"] for run in (one, two)]
    assert calls[0] == calls[1]  # a busy machine may drop a connection of the sample estate
    assert [(s["account"], s["region"], s["service"], s["status"]) for s in two.report["scopes"]] == [
        (s["account"], s["region"], s["service"], s["status"]) for s in one.report["scopes"]
    ]


def test_batches_of_all_processes_are_numbered_in_one_sequence(undisturbed):
    collected = undisturbed(**OPTIONS, processes=2)
    assert [batch.sequence for batch in collected.sink.batches] == list(range(1, len(collected.sink.batches) + 1))
    seen: set[str] = set()
    for record in collected.records:
        seen.add(record["_key"])
        if "_fromEntityKey" in record:
            assert {record["_fromEntityKey"], record["_toEntityKey"]} <= seen


async def test_accounts_are_collected_one_at_a_time_and_their_denials_and_throttles_are_reported(estate):
    refusing = PARTNERS[1]
    estate.stub.faults += [
        Fault("sts", "AssumeRole", status=403, code="AccessDenied", when=lambda request: refusing in request.params["RoleArn"]),
        Fault("sqs", "ListQueues", account=HOME, code="RequestThrottled", times=1),
    ]  # fmt: skip
    collected = await collect(**SQS, processes=2, accounts_at_once=1, unlimited=False)
    assert {record["accountId"] for record in collected.records if "accountId" in record} == {HOME, *PARTNERS} - {
        refusing
    }
    problems = [(s["account"], p["operation"], p["reason"]) for s in collected.report["scopes"] for p in s["problems"]]
    assert problems == [(refusing, "sts:AssumeRole", "denied")]
    throttled = [(each["account"], each["bucket"]) for each in collected.report["buckets"] if each["throttles"]]
    assert (throttled, collected.report["counts"]["throttles"]) == ([(HOME, "sqs:ListQueues")], 1)


async def test_a_worker_that_dies_fails_only_the_accounts_that_it_held(estate, monkeypatch):
    send, killed = _Worker.send, list[_Worker]()

    def send_and_kill(self, message):
        send(self, message)
        if isinstance(message, CollectAccount) and not killed:
            killed.append(self)
            os.kill(self.process.pid, signal.SIGKILL)

    monkeypatch.setattr(_Worker, "send", send_and_kill)
    collected = await collect(**SQS, processes=2, accounts_at_once=2)
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
