"""One account whose scopes are collected in several processes."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace
from typing import Any

import anyio

from collector.catalog.catalog import Catalog
from collector.demo.stub import Fault
from collector.engine.plan import jobs
from collector.engine.scopes import SCOPES_AT_ONCE
from collector.faults import CallFailed, Reason
from collector.model import Target
from collector.report import Ledger
from collector.workers.messages import CollectScopes, Done, OnMessage, Task
from collector.workers.pool import _Worker
from collector.workers.shared_account import SharedAccount
from tests.runs import Collected, collect

PARTNER = "222233334444"
OPTIONS: dict[str, Any] = {"services": "account,iam,s3,sqs", "raw": True}


def _scopes(collected: Collected, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(scope[name] for name in ("region", "service", *names)) for scope in collected.report["scopes"]]


def test_two_processes_give_the_same_records_calls_and_report_as_one(undisturbed):
    one, two = undisturbed(**OPTIONS), undisturbed(**OPTIONS, processes=2)
    assert two.by_key() == one.by_key()
    assert sorted(two.calls) == sorted(one.calls)
    for name in ("status", "types", "partialDatasets", "dangling"):
        assert two.report[name] == one.report[name]
    assert {**two.report["counts"], "batches": 0} == {**one.report["counts"], "batches": 0}
    assert _scopes(two, "status", "entities", "calls") == _scopes(one, "status", "entities", "calls")
    assert all(scope["seconds"] > 0 for scope in two.report["scopes"])


def test_relationships_follow_their_entities(undisturbed):
    seen: set[str] = set()
    relationships = 0
    for record in undisturbed(**OPTIONS, processes=2).records:
        seen.add(record["_key"])
        if "_fromEntityKey" in record:
            relationships += 1
            assert {record["_fromEntityKey"], record["_toEntityKey"]} <= seen
    assert relationships


def test_raw_data_is_delivered(undisturbed):
    queues = [record for record in undisturbed(**OPTIONS, processes=2).records if record["_type"] == "aws_sqs_queue"]
    assert queues
    assert all(queue["_rawData"][0]["rawData"]["QueueUrl"] for queue in queues)


async def test_one_call_at_a_time_is_made_by_one_process(estate, monkeypatch):
    def none(*_: object) -> None:
        raise AssertionError("a worker was started")

    monkeypatch.setattr("collector.workers.pool.WorkerProcesses.__aenter__", none)
    collected = await collect(services="sqs", max_concurrency=1, processes=2)
    assert collected.report["status"] == "complete"


async def test_every_worker_assumes_the_role_and_reports_its_denied_and_its_throttled_calls(estate):
    estate.stub.faults += [
        Fault("sqs", "ListQueues", region="eu-west-1", status=403, code="AccessDenied"),
        Fault("sqs", "ListQueues", region="us-east-1", status=400, code="RequestThrottled", times=1),
    ]
    role: dict[str, Any] = {"role_arn": f"arn:aws:iam::{PARTNER}:role/audit", "account_name": "partner"}
    collected = await collect(services="sqs", processes=2, unlimited=False, tag_account_name=True, **role)
    assert [call.operation for call in estate.stub.calls].count("AssumeRole") == 3  # one by this process
    assert {call.account for call in estate.stub.calls if call.service == "sqs"} == {PARTNER}
    entities = [record for record in collected.records if isinstance(record["_class"], list)]
    assert {record["tag.AccountName"] for record in entities} == {"partner"}
    partial = {(region, service) for region, service, status in _scopes(collected, "status") if status != "complete"}
    assert partial == {("eu-west-1", "sqs")}
    (problem,) = collected.scope("sqs", "eu-west-1")["problems"]
    assert (problem["operation"], problem["reason"]) == ("sqs:ListQueues", "denied")
    assert "aws_sqs_queue" in collected.report["partialDatasets"]["types"]
    throttled = [(each["region"], each["bucket"]) for each in collected.report["buckets"] if each["throttles"]]
    assert (throttled, collected.report["counts"]["throttles"]) == ([("us-east-1", "sqs:ListQueues")], 1)


async def test_a_record_that_is_too_large_is_reported(estate, monkeypatch):
    monkeypatch.setattr("collector.sinks.writer.MAX_BATCH_BYTES", 1_000)  # in this process, which makes the batches
    small = await collect(services="sqs", regions="us-east-1", raw=True, processes=2)
    codes = {problem["code"] for scope in small.report["scopes"] for problem in scope["problems"]}
    assert codes == {"RecordTooLarge"}


async def test_a_worker_that_dies_fails_only_the_scopes_that_it_held(estate, monkeypatch):
    send, killed = _Worker.send, list[_Worker]()

    def send_and_kill(self, message):
        send(self, message)
        if isinstance(message, CollectScopes) and not killed:
            killed.append(self)
            os.kill(self.process.pid, signal.SIGKILL)

    monkeypatch.setattr(_Worker, "send", send_and_kill)
    collected = await collect(services="sqs", processes=2)
    died = {
        (scope["region"], scope["service"])
        for scope in collected.report["scopes"]
        for problem in scope["problems"]
        if problem["code"] == "WorkerDied"
    }
    assert died
    assert collected.report["status"] == "partial"
    complete = {(region, service) for region, service, status in _scopes(collected, "status") if status == "complete"}
    assert complete == {(region, service) for region, service in _scopes(collected)} - died
    assert complete


async def test_a_stopped_run_begins_no_more_scopes_and_ends():
    regions = ("us-east-1", "eu-west-1", "eu-central-1")
    target = Target("aws", PARTNER, "arn:aws:iam::222233334444:role/audit", regions, regions)
    planned, ledger = jobs(Catalog.all(), target), Ledger("run", "0")
    begun: list[Task] = []
    for job in planned:
        ledger.plan(job.scope)

    class Stopping:
        async def run(self, task: Task, on_message: OnMessage, weight: int = 1) -> Done:
            begun.append(task)
            shared.stop()
            raise CallFailed("worker", Reason.ERROR, "WorkerDied", "it was stopped")

    session: Any = SimpleNamespace(target=target)
    unused: Any = None
    shared = SharedAccount(Stopping(), unused, session, ledger, unused)
    with anyio.fail_after(5):
        await shared.run(planned)
    assert len(planned) > 2 * SCOPES_AT_ONCE
    assert 0 < len(begun) <= SCOPES_AT_ONCE
