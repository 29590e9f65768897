from __future__ import annotations

import json
from typing import Any

import pytest

from collector.aws.rates import Allowance, Rates
from collector.cli.main import main
from collector.config import load_settings
from collector.demo.stub import Fault
from collector.model import Scope, Target
from collector.preflight.call_estimate import CallEstimate, CallKind, PlannedCall
from collector.preflight.plan_report import PlanReport

HOME, PARTNER = "123456789012", "222233334444"


def _planned(capsys, *words) -> tuple[Any, str, str]:
    with pytest.raises(SystemExit) as exited:
        main(["plan", "--regions", "us-east-1,eu-west-1", *words])
    return exited.value.code, *capsys.readouterr()


def test_a_plan_only_requests_the_caller_and_the_regions(estate, capsys):
    assert _planned(capsys)[0] == 0
    assert {f"{call.service}:{call.operation}" for call in estate.stub.calls} == {
        "sts:GetCallerIdentity",
        "ec2:DescribeRegions",
    }


def test_a_plan_counts_calls_by_service_and_names_per_row_operations(estate, capsys):
    _, out, _ = _planned(capsys, "--services", "sqs,elb")
    lines = out.splitlines()
    assert lines[0] == f"account {HOME}: 2 regions (us-east-1, eu-west-1), at least 10 calls"
    assert lines[2].split() == ["service", "scopes", "minimum", "once", "per", "row"]
    assert lines[3].split() == ["account", "1", "2", "0", "-"]
    assert lines[4].startswith(
        "elb                    3       6       0  elb:DescribeLoadBalancerAttributes, elb:DescribeTags"
    )
    assert lines[5].split() == ["sqs", "3", "2", "2", "sqs:GetQueueAttributes"]
    assert lines[7] == "1 account, 7 scopes: at least 10 calls"
    assert lines[9].startswith("at 0.5 of the known AWS rates, these calls take at least 0.0 seconds")


def test_the_json_plan_lists_the_operations_of_each_scope(estate, capsys):
    code, out, _ = _planned(capsys, "--services", "sqs", "--format", "json")
    plan = json.loads(out)
    (account,) = plan["accounts"]
    assert (code, plan["leastCalls"], account["leastCalls"], account["regions"]) == (
        0,
        4,
        4,
        ["us-east-1", "eu-west-1"],
    )
    (scope,) = [scope for scope in account["scopes"] if (scope["service"], scope["region"]) == ("sqs", "eu-west-1")]
    assert scope["least"] == {"sqs:ListQueues": 1}
    assert scope["once"] == {"resourcegroupstaggingapi:GetResources": 1}
    assert scope["byRow"] == ["sqs:GetQueueAttributes"]


def test_a_plan_names_what_aws_does_not_offer_and_counts_no_calls_for_it(estate, capsys):
    words = ("--regions", "us-east-1,us-east-2", "--services", "workspaces")
    _, out, _ = _planned(capsys, *words)
    assert f"account {HOME}: not offered by AWS: workspaces (us-east-2)" in out.splitlines()
    (account,) = json.loads(_planned(capsys, *words, "--format", "json")[1])["accounts"]
    assert account["unavailable"] == [{"region": "us-east-2", "service": "workspaces"}]
    assert ("us-east-2", "workspaces") not in {(scope["region"], scope["service"]) for scope in account["scopes"]}


def test_refused_accounts_and_disabled_regions_are_reported(estate, capsys):
    refused = lambda request: PARTNER in request.params["RoleArn"]  # noqa: E731
    estate.stub.faults.append(Fault("sts", "AssumeRole", status=403, code="AccessDenied", when=refused))
    words = (
        "--services",
        "sqs",
        "--accounts",
        f"{HOME},{PARTNER}",
        "--role-name",
        "audit",
        "--regions",
        "us-east-1,ap-south-1",
    )
    code, out, _ = _planned(capsys, *words)
    assert code == 3
    assert f"account {PARTNER}: refused: sts:AssumeRole: denied (AccessDenied)" in out
    assert f"account {HOME}: skipped: not enabled for the account (ap-south-1)" in out
    assert _planned(capsys, "--services", "sqs", "--role-arn", f"arn:aws:iam::{PARTNER}:role/audit")[0] == 4


def test_rejected_credentials_are_reported_in_one_line(estate, capsys):
    estate.stub.faults.append(Fault("sts", code="InvalidClientTokenId", status=403))
    code, out, err = _planned(capsys)
    assert (code, out, err.count("\n")) == (4, "", 1)


def _account(number: int, calls: int) -> CallEstimate:
    account = f"{number:012}"
    call = PlannedCall(Scope(account, "global", "iam"), "us-east-1", CallKind.CERTAIN, "iam", "list_users")
    return CallEstimate(Target("aws", account, "", (), ()), (call,) * calls, (call.scope,))


def test_the_minimum_time_of_accounts_is_the_slowest_or_the_total_divided_by_their_concurrency():
    rates = Rates({"iam": Allowance(2, 2)})
    one_slow = PlanReport(load_settings({"accounts_at_once": 4}), rates, [_account(1, 101), _account(2, 11)])
    assert one_slow.seconds() == (100.0, "iam")
    many = PlanReport(load_settings({"accounts_at_once": 2}), rates, [_account(number, 101) for number in range(6)])
    assert many.seconds() == (300.0, "iam")
    assert (
        list(many.lines())[-1] == "at 0.5 of the known AWS rates, these calls take at least 5.0 minutes (slowest: iam)"
    )
