from __future__ import annotations

import boto3
import pytest

from collector.demo.stub import Effect, Fault
from collector.faults import CallFailed
from tests.runs import collect

HOME = "123456789012"
PARTNER = "222233334444"
ROLE = "collector-audit"


def _assumes(account: str):
    return lambda request: request.operation == "AssumeRole" and f":{account}:" in str(request.params)


def _accounts(collected):
    return {record["accountId"] for record in collected.records if record["_type"] == "aws_account"}


def _scopes_of(collected, account):
    return [scope for scope in collected.report["scopes"] if scope["account"] == account]


async def test_a_role_in_another_account_is_assumed_and_that_account_collected(estate):
    arn = f"arn:aws:iam::{PARTNER}:role/{ROLE}"
    collected = await collect(services="account,ec2", role_arn=arn, external_id="ext-1")
    assert _accounts(collected) == {PARTNER}
    (request,) = [call for call in estate.stub.calls if call.operation == "AssumeRole"]
    assert request.account == HOME


async def test_named_accounts_are_collected_with_the_same_role_in_each(estate):
    collected = await collect(services="account", accounts=f"{HOME},{PARTNER}", role_name=ROLE)
    assert _accounts(collected) == {HOME, PARTNER}
    assert collected.report["status"] == "complete"


async def test_one_account_that_refuses_is_one_line_and_the_others_are_complete(estate):
    estate.stub.faults.append(Fault("sts", "AssumeRole", when=_assumes(PARTNER), status=403, code="AccessDenied"))
    collected = await collect(services="account,sqs", accounts=f"{PARTNER},{HOME}", role_name=ROLE)
    assert collected.report["status"] == "partial"
    (scope,) = _scopes_of(collected, PARTNER)
    (problem,) = scope["problems"]
    assert (scope["status"], problem["operation"], problem["reason"]) == ("partial", "sts:AssumeRole", "denied")
    assert {each["status"] for each in _scopes_of(collected, HOME)} == {"complete"}
    assert "aws_sqs_queue" in collected.report["partialDatasets"]["types"]


async def test_the_only_account_refusing_means_that_nothing_could_be_collected(estate):
    estate.stub.faults.append(Fault("sts", "AssumeRole", status=403, code="AccessDenied"))
    with pytest.raises(CallFailed, match="AssumeRole"):
        await collect(services="sqs", role_arn=f"arn:aws:iam::{PARTNER}:role/{ROLE}")


async def test_every_account_refusing_is_a_failed_run(estate):
    estate.stub.faults.append(Fault("sts", "AssumeRole", status=403, code="AccessDenied"))
    collected = await collect(services="sqs", accounts=f"{PARTNER},333344445555", role_name=ROLE)
    assert collected.report["status"] == "failed"


async def test_a_role_is_assumed_by_way_of_another(estate):
    arn, via = f"arn:aws:iam::{PARTNER}:role/{ROLE}", "arn:aws:iam::333344445555:role/hub"
    collected = await collect(services="account", role_arn=arn, via_role_arn=via)
    assert _accounts(collected) == {PARTNER}
    assert [call.account for call in estate.stub.calls if call.operation == "AssumeRole"] == [HOME, "333344445555"]


async def test_roles_are_assumed_through_the_regional_endpoint_of_sts(estate):
    await collect(services="account", role_arn=f"arn:aws:iam::{PARTNER}:role/{ROLE}")
    assert {call.region for call in estate.stub.calls if call.service == "sts"} == {"us-east-1"}


@pytest.fixture
def member(estate):
    """The organization's one member account; its tags are restored."""
    client = boto3.client("organizations")
    (account,) = [each for each in client.list_accounts()["Accounts"] if each["Id"] != HOME]
    estate.stub.clear_calls()
    yield account["Id"]
    client.untag_resource(ResourceId=account["Id"], TagKeys=["j1-integration"])


async def test_an_organization_is_collected_member_by_member(estate, member):
    collected = await collect(services="account", org=True, role_name=ROLE)
    assert _accounts(collected) == {HOME, member}
    assert collected.report["status"] == "complete"


async def test_a_member_that_is_tagged_to_be_skipped_is_reported_as_skipped(estate, member):
    boto3.client("organizations").tag_resource(ResourceId=member, Tags=[{"Key": "j1-integration", "Value": "SKIP"}])
    collected = await collect(services="account", org=True, role_name=ROLE)
    assert _accounts(collected) == {HOME}
    (scope,) = _scopes_of(collected, member)
    assert (scope["status"], scope["problems"][0]["code"]) == ("skipped", "SkippedByTag")
    assert collected.report["status"] == "complete"


async def test_a_member_left_out_by_option_is_reported_as_skipped(estate, member):
    collected = await collect(services="account", org=True, role_name=ROLE, skip_accounts=member)
    (scope,) = _scopes_of(collected, member)
    assert (scope["status"], scope["problems"][0]["code"]) == ("skipped", "SkippedByOption")


async def test_a_suspended_member_is_reported_and_not_asked(estate, member):
    def suspend(answer, request):
        return {
            **answer,
            "Accounts": [
                {**a, "Status": "SUSPENDED" if a["Id"] == member else a["Status"]} for a in answer["Accounts"]
            ],
        }

    estate.stub.patches["organizations", "ListAccounts"] = suspend
    try:
        collected = await collect(services="account", org=True, role_name=ROLE)
    finally:
        del estate.stub.patches["organizations", "ListAccounts"]
    (scope,) = _scopes_of(collected, member)
    assert (scope["status"], scope["problems"][0]["code"]) == ("skipped", "SUSPENDED")
    assert member not in {call.account for call in estate.stub.calls}


async def test_an_organization_that_cannot_be_read_collects_nothing(estate):
    estate.stub.faults.append(Fault("organizations", "ListAccounts", status=400, code="AccessDeniedException"))
    with pytest.raises(CallFailed, match="organizations:ListAccounts"):
        await collect(services="sqs", org=True, role_name=ROLE)


async def test_the_accounts_names_stand_on_their_entities(estate, member):
    collected = await collect(services="sqs", org=True, role_name=ROLE, tag_account_name=True)
    names = {record.get("tag.AccountName") for record in collected.records if record["_type"] == "aws_sqs"}
    assert len(names) == 2
    assert None not in names


async def test_a_region_that_is_asked_for_but_disabled_is_reported_and_not_asked(estate):
    collected = await collect(services="sqs", regions="us-east-1,ap-east-1")
    (scope,) = [each for each in collected.report["scopes"] if each["region"] == "ap-east-1"]
    assert (scope["status"], scope["problems"][0]["reason"]) == ("skipped", "region_disabled")
    assert "ap-east-1" not in {call.region for call in estate.stub.calls}


async def test_facts_that_stand_in_two_services_are_asked_for_once(estate):
    await collect(services="account,iam,s3")
    asked = [(call.service, call.operation) for call in estate.stub.calls]
    for operation in ("GetCredentialReport", "GenerateCredentialReport", "GetAccountSummary", "ListVirtualMFADevices"):
        assert asked.count(("iam", operation)) == 1, operation
    assert asked.count(("s3control", "GetPublicAccessBlock")) == 1


async def test_a_shared_call_that_fails_is_told_by_everyone_who_needed_it(estate):
    estate.stub.faults.append(Fault("iam", "GetAccountSummary", status=403, code="AccessDenied"))
    collected = await collect(services="account,iam")
    told = {(s["service"], p["operation"]) for s in collected.report["scopes"] for p in s["problems"]}
    assert told == {("account", "iam:GetAccountSummary"), ("iam", "iam:GetAccountSummary")}


async def test_a_reset_in_the_middle_of_assuming_is_tried_again(estate):
    estate.stub.faults.append(Fault("sts", "AssumeRole", effect=Effect.RESET, times=1))
    collected = await collect(services="account", accounts=PARTNER, role_name=ROLE)
    assert _accounts(collected) == {PARTNER}
