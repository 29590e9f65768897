"""An organization of sixty accounts, or of ten, with the failures that organizations have."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from collector.demo.stub import Fault, StubError
from tests.runs import collect

HOME = "123456789012"
MEMBERS = [f"{700000000000 + number}" for number in range(59)]
SUSPENDED, TAGGED, REFUSING, EXPIRING = MEMBERS[5], MEMBERS[20], MEMBERS[30], MEMBERS[41]
OPTIONS: dict[str, Any] = {"services": "sqs", "org": True, "role_name": "audit", "regions": "us-east-1"}


def _lister(members):
    """ListAccounts in pages of twenty, as Organizations returns them."""
    accounts = [
        {
            "Id": each,
            "Arn": f"arn:aws:organizations::{HOME}:account/o-acme/{each}",
            "Name": f"acme {each}",
            "Email": f"{each}@acme.example",
            "Status": "SUSPENDED" if each == SUSPENDED else "ACTIVE",
        }
        for each in [HOME, *members]
    ]

    def page(request):
        if request.account != HOME:
            raise StubError(400, "AccessDeniedException", "You don't have permissions to access this resource.")
        start = int(request.params.get("NextToken") or 0)
        following = {"NextToken": str(start + 20)} if start + 20 < len(accounts) else {}
        return {"Accounts": accounts[start : start + 20], **following}

    return page


def _tags(request):
    skip = request.params["ResourceId"] == TAGGED
    return {"Tags": [{"Key": "j1-integration", "Value": "SKIP"}] if skip else []}


@pytest.fixture
def members():
    return [SUSPENDED, TAGGED, REFUSING, EXPIRING, *MEMBERS[:5]]


@pytest.fixture
def organization(estate, members):
    estate.stub.fixtures |= {
        ("organizations", "ListParents"): {"Parents": [{"Id": "r-acme", "Type": "ROOT"}]},
        ("organizations", "ListAccounts"): _lister(members),
        ("organizations", "ListTagsForResource"): _tags,
    }
    return estate


@pytest.fixture
def troubled(organization):
    """One account denies the role, and the credentials for another expire during the run."""
    organization.stub.faults += [
        Fault(
            "sts",
            "AssumeRole",
            when=lambda request: f":{REFUSING}:" in request.params["RoleArn"],
            status=403,
            code="AccessDenied",
        ),
        Fault("sqs", account=EXPIRING, times=1, status=403, code="ExpiredToken"),
    ]
    return organization


def _problems(report):
    """The account and code of each problem in a report."""
    return {(scope["account"], problem["code"]) for scope in report["scopes"] for problem in scope["problems"]}


ALL_PROBLEMS = {(SUSPENDED, "SUSPENDED"), (TAGGED, "SkippedByTag"), (REFUSING, "AccessDenied")}


def _check_accounts(collected, members):
    """Every account is complete except those with a problem, which is reported."""
    states: dict[str, set[str]] = {}
    for scope in collected.report["scopes"]:
        states.setdefault(scope["account"], set()).add(scope["status"])
    complete = {account: {"complete"} for account in [HOME, *members]}
    assert states == {**complete, SUSPENDED: {"skipped"}, TAGGED: {"skipped"}, REFUSING: {"partial"}}
    assert _problems(collected.report) == ALL_PROBLEMS
    assert collected.report["status"] == "partial"
    collected_accounts = {record["accountId"] for record in collected.records if record["_type"] == "aws_sqs"}
    assert collected_accounts == {HOME, *members} - {SUSPENDED, TAGGED, REFUSING}


@pytest.mark.parametrize("members", [MEMBERS])
async def test_sixty_accounts_are_collected_and_every_problem_is_reported(troubled, members):
    _check_accounts(await collect(**OPTIONS, max_concurrency=50), members)
    operations = Counter(call.operation for call in troubled.stub.calls if call.account == HOME)
    assert operations["AssumeRole"] == 58  # the 57 accounts, and once more when keys had expired
    assert operations["ListAccounts"] == 3  # the pages


async def test_two_processes_collect_all_accounts_and_report_every_problem(troubled, members):
    _check_accounts(await collect(**OPTIONS, processes=2), members)


async def test_no_more_than_accounts_at_once_are_collected_at_the_same_time(organization, monkeypatch):
    from collector.engine.account import AccountRun

    running, most = set(), 0
    collect_account = AccountRun.collect

    async def counted(self):
        nonlocal most
        running.add(id(self))
        most = max(most, len(running))
        try:
            await collect_account(self)
        finally:
            running.discard(id(self))

    monkeypatch.setattr(AccountRun, "collect", counted)
    await collect(**OPTIONS, accounts_at_once=3)
    assert most == 3


SHARED_VPC = f"arn:aws:ec2:us-east-1:{MEMBERS[1]}:vpc/vpc-0shared"


def _vpcs(request):
    """One VPC, which an account shares with all others. Only the owner sees its flow logs."""
    return {"Vpcs": [{"VpcId": "vpc-0shared", "OwnerId": MEMBERS[1], "CidrBlock": "10.0.0.0/16", "State": "available"}]}


def _subnets(request):
    arn = f"arn:aws:ec2:us-east-1:{MEMBERS[1]}:subnet/subnet-0shared"
    subnet = {"SubnetId": "subnet-0shared", "SubnetArn": arn, "VpcId": "vpc-0shared", "OwnerId": MEMBERS[1]}
    return {"Subnets": [{**subnet, "CidrBlock": "10.0.1.0/24", "State": "available"}]}


def _flow_logs(request):
    log = {"FlowLogId": "fl-1", "ResourceId": "vpc-0shared", "FlowLogStatus": "ACTIVE", "LogGroupName": "flows"}
    return {"FlowLogs": [log] if request.account == MEMBERS[1] else []}


@pytest.fixture
def sharing(organization):
    organization.stub.fixtures |= {
        ("ec2", "DescribeVpcs"): _vpcs,
        ("ec2", "DescribeSubnets"): _subnets,
        ("ec2", "DescribeFlowLogs"): _flow_logs,
    }
    return organization


def _of_shared_vpc(collected):
    [vpc] = [record for record in collected.records if record["_key"] == SHARED_VPC]
    return vpc


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_shared_vpc_is_one_record_in_a_run_and_its_owners(sharing, processes):
    collected = await collect(**OPTIONS | {"services": "ec2,iam"}, processes=processes)
    keys = Counter(record["_key"] for record in collected.records)
    assert [key for key, count in keys.items() if count > 1] == []
    vpc = _of_shared_vpc(collected)
    assert (vpc["accountId"], vpc["loggingEnabled"]) == (MEMBERS[1], True)
    counts = collected.report["counts"]
    records = counts["entities"] + counts["relationships"] + counts["mappedRelationships"]
    assert (len(collected.records), counts["copies"] > 5) == (records - counts["copies"], True)


async def test_without_its_owner_the_first_record_is_kept_without_what_only_the_owner_sees(sharing):
    options: dict[str, Any] = {
        "accounts": f"{HOME},{MEMBERS[0]}",
        "role_name": "audit",
        "regions": "us-east-1",
        "services": "ec2",
    }
    vpc = _of_shared_vpc(await collect(**options))
    assert vpc["accountId"] == MEMBERS[1]
    assert {"loggingEnabled", "flowLogStatus"}.isdisjoint(vpc)


async def test_if_the_owner_cannot_be_read_the_copy_of_another_account_is_kept(sharing):
    sharing.stub.faults.append(
        Fault("ec2", "DescribeVpcs", account=MEMBERS[1], status=403, code="UnauthorizedOperation")
    )
    collected = await collect(**OPTIONS | {"services": "ec2"})
    vpc = _of_shared_vpc(collected)
    assert (vpc["accountId"], "loggingEnabled" in vpc) == (MEMBERS[1], False)
    assert {record["_key"] for record in collected.records if "shared" in record["_key"]} >= {
        f"{SHARED_VPC}|contains|arn:aws:ec2:us-east-1:{MEMBERS[1]}:subnet/subnet-0shared"
    }
