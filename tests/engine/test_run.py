from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from random import Random
from typing import Any

import anyio
import pytest

from collector.aws.calls import RetryPolicy
from collector.aws.clients import Clients
from collector.catalog.catalog import Catalog
from collector.config import ConfigurationError
from collector.demo.places import ENABLED_REGIONS
from collector.demo.stub import Effect, Fault
from collector.engine.scopes import STALL
from collector.faults import CallFailed
from collector.sinks.base import ClosedError, DeliveryError
from tests.runs import Collected, MemorySink, collect
from tests.waits import no_sleep

SOME = "ec2,ecs,iam,lambda,s3,sns,sqs"
"""Services of every protocol."""


@pytest.fixture(scope="module")
def undisturbed_run(undisturbed: Callable[..., Collected]) -> Collected:
    return undisturbed(services=SOME)


def _without_times(records):
    return sorted(json.dumps(record, sort_keys=True) for record in records)


def test_the_sample_estate_is_collected_completely(sample):
    assert sample.report["status"] == "complete"
    assert sample.report["counts"]["entities"] > 100
    partial = {
        scope["service"]: scope["problems"] for scope in sample.report["scopes"] if scope["status"] != "complete"
    }
    assert partial == {}


@pytest.mark.parametrize("service", ["ecr", "efs", "kms", "lambda", "s3", "sns", "sqs"])
async def test_a_single_service_whose_policies_name_others_is_complete(estate, service):
    collected = await collect(services=service, regions="us-east-1")
    assert {scope["status"] for scope in collected.report["scopes"]} == {"complete"}


def test_keys_are_unique_and_relationships_follow_their_entities(sample):
    seen: set[str] = set()
    relationships = mapped = 0
    for record in sample.records:
        assert record["_key"] not in seen
        seen.add(record["_key"])
        if "_fromEntityKey" in record:
            relationships += 1
            assert {record["_fromEntityKey"], record["_toEntityKey"]} <= seen
        if "_mapping" in record:
            mapped += 1
            assert record["_mapping"]["sourceEntityKey"] in seen
    counts = sample.report["counts"]
    assert (relationships, mapped) == (counts["relationships"], counts["mappedRelationships"])
    assert min(relationships, mapped) > 0


def test_the_report_counts_match_the_delivered_records(sample):
    counts, records = sample.report["counts"], sample.records
    assert counts["entities"] == sum(isinstance(r["_class"], list) for r in records)
    assert counts["relationships"] == sum("_fromEntityKey" in r for r in records)
    assert counts["mappedRelationships"] == sum("_mapping" in r for r in records)
    assert counts["batches"] == len(sample.sink.batches)
    assert counts["bytes"] == sum(len(batch.lines()) for batch in sample.sink.batches)
    assert sum(scope["calls"] for scope in sample.report["scopes"]) == counts["apiCalls"] == len(sample.calls)
    assert sum(scope["entities"] for scope in sample.report["scopes"]) == counts["entities"]
    assert sample.sink.closed_with is not None


def test_no_secret_is_delivered_even_with_raw_data(sample):
    assert any("_rawData" in record for record in sample.records)
    assert "s3cr3t-" not in json.dumps(sample.records)
    assert "s3cr3t-" not in json.dumps(sample.report)


async def test_two_runs_with_one_call_at_a_time_deliver_the_same_bytes(estate):
    one, two = [await collect(max_concurrency=1, services="ec2,iam,sqs", regions="us-east-1") for _ in range(2)]
    assert [batch.lines() for batch in one.sink.batches] == [batch.lines() for batch in two.sink.batches]


async def test_a_denied_operation_makes_its_scope_partial_and_changes_nothing_else(undisturbed_run, estate):
    estate.stub.faults.append(
        Fault("ec2", "DescribeVolumes", region="us-east-1", status=403, code="UnauthorizedOperation")
    )
    denied = await collect(services=SOME)
    assert denied.report["status"] == "partial"
    scope = denied.scope("ec2", "us-east-1")
    assert scope["status"] == "partial"
    (problem,) = [each for each in scope["problems"] if each["operation"] == "ec2:DescribeVolumes"]
    assert (problem["reason"], problem["types"]) == ("denied", ["aws_ebs_volume"])
    assert {"aws_ebs_volume", "aws_instance_uses_ebs_volume"} <= set(denied.report["partialDatasets"]["types"])
    assert [s for s in denied.report["scopes"] if s["status"] != "complete"] == [scope]
    before, after = undisturbed_run.by_key(), denied.by_key()
    lost = before.keys() - after.keys()
    assert lost
    assert all(":volume/" in key for key in lost)
    assert all(after[key] == before[key] for key in before.keys() & after.keys())


async def test_throttling_a_third_of_all_calls_changes_only_the_counts(undisturbed_run, estate, monkeypatch):
    monkeypatch.setattr(estate.stub, "_random", Random(7))
    estate.stub.faults += [
        Fault(
            code="Throttling", message="Rate exceeded", probability=1 / 3, when=lambda request: request.service != "ec2"
        ),
        Fault("ec2", code="RequestLimitExceeded", status=503, probability=1 / 3),
    ]
    throttled = await collect(services=SOME, retry_policy=RetryPolicy(sleep=no_sleep, throttle_attempts=60))
    assert throttled.report["status"] == "complete"
    assert throttled.report["counts"]["throttles"] > 30
    assert _without_times(throttled.records) == _without_times(undisturbed_run.records)


@pytest.mark.parametrize("effect", [Effect.RESET, Effect.TRUNCATE, Effect.MALFORM])
async def test_broken_responses_are_retried(undisturbed_run, estate, effect, monkeypatch):
    monkeypatch.setattr(estate.stub, "_random", Random(3))
    # half of a bucket policy is valid text too: no client can detect it
    estate.stub.faults.append(
        Fault(effect=effect, probability=1 / 10, when=lambda request: request.operation != "GetBucketPolicy")
    )
    broken = await collect(services=SOME, retry_policy=RetryPolicy(sleep=no_sleep, other_attempts=20))
    assert broken.report["counts"]["retries"] > 5
    assert broken.report["status"] == "complete"
    assert _without_times(broken.records) == _without_times(undisturbed_run.records)


async def test_expired_credentials_are_reported_and_do_not_look_like_absence(estate):
    estate.stub.faults.append(Fault("sqs", code="ExpiredToken", status=403))
    collected = await collect(services="sqs,sns")
    assert collected.scope("sqs", "us-east-1")["problems"][0]["reason"] == "expired_credentials"
    assert collected.scope("sns", "us-east-1")["status"] == "complete"


async def test_an_account_in_which_every_call_is_denied_is_reported_as_partial(estate):
    estate.stub.faults.append(Fault(code="AccessDenied", status=403, when=lambda request: request.service != "sts"))
    collected = await collect(services="sqs,ec2,s3", regions="us-east-1")
    assert {scope["status"] for scope in collected.report["scopes"] if scope["region"] != "global"} == {"partial"}
    types = {record["_type"] for record in collected.records}
    assert types <= {"aws_ec2", "aws_sqs", "aws_s3"}
    assert "aws_sqs_queue" in collected.report["partialDatasets"]["types"]


async def test_types_of_unselected_services_are_partial_datasets(estate):
    collected = await collect(services="sqs", regions=",".join(ENABLED_REGIONS))
    partial = set(collected.report["partialDatasets"]["types"])
    assert collected.report["status"] == "complete"
    assert {"aws_instance", "aws_subnet_has_instance"} <= partial
    assert "aws_sqs_queue" not in partial


async def test_refused_credentials_raise(estate):
    estate.stub.faults.append(Fault("sts", code="InvalidClientTokenId", status=403))
    with pytest.raises(CallFailed, match="InvalidClientTokenId"):
        await collect(services="sqs")


async def test_an_unknown_region_raises_with_its_name(estate):
    with pytest.raises(ConfigurationError, match="unknown region 'us-east-77'"):
        await collect(services="sqs", regions="us-east-77")


async def test_all_enabled_regions_are_collected_by_default(estate):
    collected = await collect(services="sqs", regions="")
    assert {scope["region"] for scope in collected.report["scopes"]} > {
        "us-east-1",
        "us-east-2",
        "eu-west-1",
        "eu-central-1",
    }
    assert not any(scope["region"] == "ap-south-1" for scope in collected.report["scopes"])


async def test_a_closed_output_ends_the_run_without_an_error(estate):
    class Closing(MemorySink):
        async def write(self, batch):
            raise ClosedError("-")

    collected = await collect(services="sqs,sns", sink=Closing())
    assert collected.outcome.closed
    _assert_nothing_is_complete(collected)


async def test_a_failed_output_is_in_the_result_and_the_report_is_still_made(estate):
    class Full(MemorySink):
        async def write(self, batch):
            raise DeliveryError("cannot write x: No space left on device")

    collected = await collect(services="sqs,sns", sink=Full())
    assert collected.outcome.undelivered == "cannot write x: No space left on device"
    _assert_nothing_is_complete(collected)


def _assert_nothing_is_complete(collected):
    """The scopes had ended, but their records are lost."""
    assert collected.report["status"] == "partial"
    assert [s for s in collected.report["scopes"] if s["status"] != "partial"] == []
    assert {problem["code"] for scope in collected.report["scopes"] for problem in scope["problems"]} == {
        "OutputClosed"
    }
    assert {"aws_sqs_queue", "aws_sns_topic"} <= set(collected.report["partialDatasets"]["types"])


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_failed_output_leaves_no_account_out_of_the_report(estate, processes):
    class Full(MemorySink):
        async def write(self, batch):
            raise DeliveryError("cannot write x: No space left on device")

    accounts = {"123456789012", "222233334444", "333344445555"}
    options: dict[str, Any] = {"services": "sqs", "regions": "us-east-1", "role_name": "audit"}
    collected = await collect(
        **options, accounts=",".join(accounts), accounts_at_once=1, processes=processes, sink=Full()
    )
    assert {scope["account"] for scope in collected.report["scopes"]} == accounts
    assert [s for s in collected.report["scopes"] if s["status"] != "partial"] == []
    assert collected.report["status"] != "complete"


async def test_a_bug_in_a_declaration_makes_only_its_scope_partial(estate, monkeypatch):
    monkeypatch.setattr("collector.engine.listings.found", _raising_for("QueueUrls"))
    collected = await collect(services="sqs,sns")
    assert collected.outcome.bug
    assert collected.scope("sqs", "us-east-1")["status"] == "partial"
    assert collected.scope("sns", "us-east-1")["status"] == "complete"


def _raising_for(items: str):
    from collector.schema.paths import found

    def raising(answer, path):
        if path == items:
            raise ZeroDivisionError("a bug")
        return found(answer, path)

    return raising


async def test_a_stalled_scope_is_abandoned_and_the_others_complete(estate, monkeypatch):
    call = Clients.call

    async def hang_once(self, client, op, params, target):
        if (op, target.region) == ("list_queues", "us-east-1"):
            # one call at a time: no other scope is in progress when the clock of the loop jumps ahead
            monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: time.monotonic() + 2 * STALL)
            await anyio.sleep_forever()
        return await call(self, client, op, params, target)

    monkeypatch.setattr(Clients, "call", hang_once)
    endless = RetryPolicy(deadline=10 * STALL)
    collected = await collect(services="sqs,sns,ecs", max_concurrency=1, retry_policy=endless)
    assert collected.report["status"] == "partial"
    stalled = collected.scope("sqs", "us-east-1")
    assert [scope for scope in collected.report["scopes"] if scope["status"] != "complete"] == [stalled]
    (problem,) = stalled["problems"]
    assert (problem["reason"], problem["code"]) == ("timeout", "Stalled")
    assert "aws_sqs_queue" in collected.report["partialDatasets"]["types"]
    assert {"aws_sqs_queue", "aws_sns_topic"} <= {record["_type"] for record in collected.records}


async def test_regions_are_found_without_the_permission_to_describe_them(estate):
    estate.stub.faults.append(Fault("ec2", "DescribeRegions", code="UnauthorizedOperation", status=403))
    collected = await collect(services="sqs")
    assert collected.scope("sqs", "eu-west-1")["status"] == "complete"


async def test_an_empty_account_is_complete_and_holds_only_default_resources(estate):
    collected = await collect(
        accounts="555566667777", role_name="audit", regions="us-east-1", services="all,inspector,waf"
    )
    assert collected.report["status"] == "complete"
    found = {record["_type"] for record in collected.records if isinstance(record["_class"], list)}
    nodes = {service.node.type for service in Catalog.all().services if service.node}
    defaults = {
        "aws_account",
        "aws_vpc",
        "aws_subnet",
        "aws_security_group",
        "aws_network_acl",
        "aws_route_table",
        "aws_internet_gateway",
    }
    assert found - nodes <= defaults | {"aws_config_rule", "aws_cloudwatch_event_bus"}
    assert nodes <= found


async def test_the_reason_that_a_service_is_unavailable_is_reported(estate):
    estate.stub.faults += [
        Fault("sqs", code="OptInRequired", status=403),
        Fault("sns", code="AuthFailure", status=401),
        Fault(
            "ecs", code="AccessDeniedException", message="with an explicit deny in a service control policy", status=400
        ),
    ]
    collected = await collect(services="sqs,sns,ecs,ecr")
    reasons = {
        s["service"]: {p["reason"] for p in s["problems"]}
        for s in collected.report["scopes"]
        if s["region"] == "us-east-1"
    }
    assert (reasons["sqs"], reasons["sns"], reasons["ecs"]) == (
        {"not_subscribed"},
        {"region_disabled"},
        {"denied_by_scp"},
    )
    assert collected.scope("ecr", "us-east-1")["status"] == "complete"
    assert {"aws_sqs_queue", "aws_sns_topic", "aws_ecs_task"} <= set(collected.report["partialDatasets"]["types"])
