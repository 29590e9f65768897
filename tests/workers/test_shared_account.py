"""One account whose scopes are collected in several processes."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from collector.demo.stub import Fault
from collector.workers.messages import CollectScopes
from collector.workers.pool import _Worker
from tests.runs import Collected, collect

OPTIONS: dict[str, Any] = {"services": "account,iam,s3,ec2,elb,sqs,sns,apigateway", "regions": "us-east-1,eu-west-1"}


def _scopes(collected: Collected, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(scope[name] for name in ("region", "service", *names)) for scope in collected.report["scopes"]]


async def test_two_processes_give_the_same_records_calls_and_report_as_one(estate):
    one = await collect(**OPTIONS)
    calls = sorted(estate.stub.calls)
    estate.stub.clear_calls()
    two = await collect(**OPTIONS, processes=2)
    assert two.by_key() == one.by_key()
    assert sorted(estate.stub.calls) == calls
    for name in ("status", "types", "partialDatasets", "dangling"):
        assert two.report[name] == one.report[name]
    assert {**two.report["counts"], "batches": 0} == {**one.report["counts"], "batches": 0}
    assert _scopes(two, "status", "entities", "calls") == _scopes(one, "status", "entities", "calls")
    assert all(scope["seconds"] > 0 for scope in two.report["scopes"])


async def test_relationships_follow_their_entities(estate):
    seen: set[str] = set()
    for record in (await collect(**OPTIONS, processes=2)).records:
        seen.add(record["_key"])
        if "_fromEntityKey" in record:
            assert {record["_fromEntityKey"], record["_toEntityKey"]} <= seen


async def test_one_call_at_a_time_is_made_by_one_process(estate, monkeypatch):
    def none(*_: object) -> None:
        raise AssertionError("a worker was started")

    monkeypatch.setattr("collector.workers.pool.WorkerProcesses.__aenter__", none)
    collected = await collect(services="sqs", max_concurrency=1, processes=2)
    assert collected.report["status"] == "complete"


async def test_every_worker_assumes_the_role_of_the_account(estate):
    options: dict[str, Any] = {
        "services": "ec2,sqs",
        "role_arn": "arn:aws:iam::222233334444:role/audit",
        "account_name": "partner",
    }
    one = await collect(**options, tag_account_name=True)
    two = await collect(**options, tag_account_name=True, processes=2)
    assert two.by_key() == one.by_key()
    assert {record["tag.AccountName"] for record in two.records if isinstance(record["_class"], list)} == {"partner"}


async def test_a_denied_call_makes_only_its_scope_partial(estate):
    estate.stub.faults.append(Fault("sqs", "ListQueues", region="eu-west-1", status=403, code="AccessDenied"))
    collected = await collect(**OPTIONS, processes=2)
    partial = {(region, service) for region, service, status in _scopes(collected, "status") if status != "complete"}
    assert partial == {("eu-west-1", "sqs")}
    (problem,) = collected.scope("sqs", "eu-west-1")["problems"]
    assert (problem["operation"], problem["reason"]) == ("sqs:ListQueues", "denied")
    assert "aws_sqs_queue" in collected.report["partialDatasets"]["types"]


async def test_raw_data_is_delivered_and_a_record_that_is_too_large_is_reported(estate, monkeypatch):
    collected = await collect(services="sqs", raw=True, processes=2)
    queues = [record for record in collected.records if record["_type"] == "aws_sqs_queue"]
    assert queues
    assert all(queue["_rawData"][0]["rawData"]["QueueUrl"] for queue in queues)
    monkeypatch.setattr("collector.sinks.writer.MAX_BATCH_BYTES", 1_000)  # in this process, which makes the batches
    small = await collect(services="sqs", raw=True, processes=2)
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
    collected = await collect(**OPTIONS, processes=2)
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


@pytest.mark.parametrize(
    "options", [{}, {"processes": 2}, {"processes": 2, "accounts": "123456789012,222233334444", "role_name": "audit"}]
)
async def test_the_report_lists_the_throttles_of_every_process(estate, options):
    estate.stub.faults.append(
        Fault("sqs", "ListQueues", region="us-east-1", status=400, code="RequestThrottled", times=1)
    )
    collected = await collect(services="sqs", regions="us-east-1", unlimited=False, **options)
    throttled = {bucket["bucket"] for bucket in collected.report["buckets"] if bucket["throttles"]}
    assert throttled == {"sqs:ListQueues"}
    assert (collected.report["status"], collected.report["counts"]["throttles"]) == ("complete", 1)
