from __future__ import annotations

from functools import partial

import boto3
import pytest

from collector.demo.stub import Effect, Fault
from collector.faults import CallFailed
from tests.runs import collect

HOME = "123456789012"
PARTNER = "222233334444"
ROLE = "collector-audit"

collect_sqs = partial(collect, services="sqs", regions="us-east-1")


def _assumes(account: str):
    return lambda request: request.operation == "AssumeRole" and f":{account}:" in str(request.params)


def _accounts(collected):
    return {record["accountId"] for record in collected.records if record["_type"] == "aws_sqs"}


def _scopes_of(collected, account):
    return [scope for scope in collected.report["scopes"] if scope["account"] == account]


async def test_a_role_in_another_account_is_assumed_and_its_account_is_collected(estate):
    arn = f"arn:aws:iam::{PARTNER}:role/{ROLE}"
    collected = await collect_sqs(role_arn=arn, external_id="ext-1")
    assert _accounts(collected) == {PARTNER}
    assert {call.region for call in estate.stub.calls if call.service == "sts"} == {"us-east-1"}  # not the global one
    (request,) = [call for call in estate.stub.calls if call.operation == "AssumeRole"]
    assert request.account == HOME


async def test_listed_accounts_are_collected_with_the_same_role_name_in_each(estate):
    collected = await collect_sqs(accounts=f"{HOME},{PARTNER}", role_name=ROLE)
    assert _accounts(collected) == {HOME, PARTNER}
    assert collected.report["status"] == "complete"


async def test_an_account_whose_role_is_denied_is_reported_and_the_others_are_complete(estate):
    estate.stub.faults.append(Fault("sts", "AssumeRole", when=_assumes(PARTNER), status=403, code="AccessDenied"))
    collected = await collect_sqs(accounts=f"{PARTNER},{HOME}", role_name=ROLE)
    assert collected.report["status"] == "partial"
    (scope,) = _scopes_of(collected, PARTNER)
    (problem,) = scope["problems"]
    assert (scope["status"], problem["operation"], problem["reason"]) == ("partial", "sts:AssumeRole", "denied")
    assert {each["status"] for each in _scopes_of(collected, HOME)} == {"complete"}
    assert "aws_sqs_queue" in collected.report["partialDatasets"]["types"]


async def test_the_run_fails_if_the_role_of_the_only_account_is_denied(estate):
    estate.stub.faults.append(Fault("sts", "AssumeRole", status=403, code="AccessDenied"))
    with pytest.raises(CallFailed, match="AssumeRole"):
        await collect_sqs(role_arn=f"arn:aws:iam::{PARTNER}:role/{ROLE}")


async def test_the_status_is_failed_if_every_account_is_denied(estate):
    estate.stub.faults.append(Fault("sts", "AssumeRole", status=403, code="AccessDenied"))
    collected = await collect_sqs(accounts=f"{PARTNER},333344445555", role_name=ROLE)
    assert collected.report["status"] == "failed"


async def test_a_role_is_assumed_through_an_intermediate_role(estate):
    arn, via = f"arn:aws:iam::{PARTNER}:role/{ROLE}", "arn:aws:iam::333344445555:role/hub"
    collected = await collect_sqs(role_arn=arn, via_role_arn=via)
    assert _accounts(collected) == {PARTNER}
    assert [call.account for call in estate.stub.calls if call.operation == "AssumeRole"] == [HOME, "333344445555"]


@pytest.fixture
def member(estate):
    """The organization's only member account; its tags are restored afterwards."""
    client = boto3.client("organizations")
    (account,) = [each for each in client.list_accounts()["Accounts"] if each["Id"] != HOME]
    estate.stub.clear_calls()
    yield account["Id"]
    client.untag_resource(ResourceId=account["Id"], TagKeys=["j1-integration"])


async def test_all_members_of_an_organization_are_collected_and_their_entities_carry_its_name(estate, member):
    collected = await collect_sqs(org=True, role_name=ROLE, tag_account_name=True)
    assert _accounts(collected) == {HOME, member}
    assert collected.report["status"] == "complete"
    names = {record.get("tag.AccountName") for record in collected.records if record["_type"] == "aws_sqs"}
    assert len(names) == 2
    assert None not in names


async def test_a_member_with_the_skip_tag_is_reported_as_skipped(estate, member):
    boto3.client("organizations").tag_resource(ResourceId=member, Tags=[{"Key": "j1-integration", "Value": "SKIP"}])
    collected = await collect_sqs(org=True, role_name=ROLE)
    assert _accounts(collected) == {HOME}
    (scope,) = _scopes_of(collected, member)
    assert (scope["status"], scope["problems"][0]["code"]) == ("skipped", "SkippedByTag")
    assert collected.report["status"] == "complete"


async def test_a_member_excluded_by_option_is_reported_as_skipped(estate, member):
    collected = await collect_sqs(org=True, role_name=ROLE, skip_accounts=member)
    (scope,) = _scopes_of(collected, member)
    assert (scope["status"], scope["problems"][0]["code"]) == ("skipped", "SkippedByOption")


@pytest.fixture
def states(estate, member):
    """Sets the state fields of the member in the answer of Organizations, without its own `Status`."""

    def listed(answer, request):
        accounts = [{**a, **fields} if a["Id"] == member else a for a in answer["Accounts"]]
        return {**answer, "Accounts": [{k: v for k, v in a.items() if v is not None} for a in accounts]}

    fields = {"Status": None, "State": None}
    estate.stub.patches["organizations", "ListAccounts"] = listed
    return fields


@pytest.mark.parametrize("state", ["PENDING_ACTIVATION", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"])
@pytest.mark.parametrize("status", [None, "ACTIVE"])
async def test_an_account_that_is_not_active_by_its_state_is_reported_and_not_called(
    estate, member, states, state, status
):
    states.update(State=state, Status=status)
    collected = await collect_sqs(org=True, role_name=ROLE)
    (scope,) = _scopes_of(collected, member)
    assert (scope["status"], scope["problems"][0]["code"]) == ("skipped", state)
    assert member not in {call.account for call in estate.stub.calls}


@pytest.mark.parametrize(
    "fields",
    [{"State": "ACTIVE"}, {"State": "ACTIVE", "Status": "SUSPENDED"}, {"Status": "ACTIVE"}, {}],
    ids=["state", "state before status", "status", "neither"],
)
async def test_an_account_that_is_not_known_to_be_inactive_is_collected(estate, member, states, fields):
    states.update(fields)
    collected = await collect_sqs(org=True, role_name=ROLE)
    assert _accounts(collected) == {HOME, member}


async def test_an_account_with_only_a_status_is_judged_by_it(estate, member, states):
    states["Status"] = "SUSPENDED"
    collected = await collect_sqs(org=True, role_name=ROLE)
    assert _accounts(collected) == {HOME}


async def test_accounts_of_the_organization_are_not_external_in_any_account(estate, member):
    collected = await collect(services="iam,account", regions="us-east-1", org=True, role_name=ROLE)
    trusts = [r for r in collected.records if r.get("_class") == "TRUSTS" and "external" in r]
    by_account = {r["_key"].split(":")[4] for r in trusts}
    assert by_account == {HOME, member}
    for trust in trusts:
        far = (
            trust.get("_mapping", {}).get("targetEntity", {}).get("accountId")
            or trust.get("_toEntityKey", "").split(":")[4]
        )
        assert trust["external"] == (far not in {HOME, member})


async def test_an_account_entity_has_the_name_that_the_organization_gives_it(estate, member):
    collected = await collect(services="account", regions="us-east-1", org=True, role_name=ROLE)
    names = {r["accountId"]: r["name"] for r in collected.records if r["_type"] == "aws_account"}
    assert len(names) == 2
    assert names[member] not in (member, "")


async def test_the_run_fails_if_the_organization_cannot_be_read(estate):
    estate.stub.faults.append(Fault("organizations", "ListAccounts", status=400, code="AccessDeniedException"))
    with pytest.raises(CallFailed, match="organizations:ListAccounts"):
        await collect_sqs(org=True, role_name=ROLE)


async def test_a_configured_region_that_is_disabled_is_reported_and_not_called(estate):
    collected = await collect_sqs(regions="us-east-1,ap-east-1")
    (scope,) = [each for each in collected.report["scopes"] if each["region"] == "ap-east-1"]
    assert (scope["status"], scope["problems"][0]["reason"]) == ("skipped", "region_disabled")
    assert "ap-east-1" not in {call.region for call in estate.stub.calls}


async def test_calls_that_services_share_are_made_once_and_their_failure_is_reported_by_each_service(estate):
    estate.stub.patches["s3", "ListBuckets"] = lambda answer, _: {**answer, "Buckets": []}
    estate.stub.faults.append(Fault("iam", "GetAccountSummary", status=403, code="AccessDenied"))
    collected = await collect(services="account,iam,s3", regions="us-east-1")
    calls = [(call.service, call.operation) for call in estate.stub.calls]
    for operation in ("GetCredentialReport", "GenerateCredentialReport", "GetAccountSummary", "ListVirtualMFADevices"):
        assert calls.count(("iam", operation)) == 1, operation
    assert calls.count(("s3control", "GetPublicAccessBlock")) == 1
    reported = {(s["service"], p["operation"]) for s in collected.report["scopes"] for p in s["problems"]}
    assert reported == {("account", "iam:GetAccountSummary"), ("iam", "iam:GetAccountSummary")}


async def test_a_connection_reset_while_assuming_a_role_is_retried(estate):
    estate.stub.faults.append(Fault("sts", "AssumeRole", effect=Effect.RESET, times=1))
    collected = await collect_sqs(accounts=PARTNER, role_name=ROLE)
    assert _accounts(collected) == {PARTNER}
