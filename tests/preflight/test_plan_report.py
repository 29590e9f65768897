from __future__ import annotations

import json
from typing import Any

import pytest

from collector.aws.rates import Allowance, Rates
from collector.cli.main import main
from collector.config import load_settings
from collector.demo.stub import Fault
from collector.model import Scope, Target
from collector.preflight.call_estimate import Asked, CallEstimate, CallKind
from collector.preflight.plan_report import PlanReport

HOME, PARTNER = "123456789012", "222233334444"


def _planned(capsys, *words) -> tuple[Any, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["plan", "--regions", "us-east-1,eu-west-1", *words])
    return ended.value.code, *capsys.readouterr()


def test_a_plan_calls_nothing_but_who_we_are_and_which_regions_there_are(estate, capsys):
    assert _planned(capsys)[0] == 0
    assert {f"{call.service}:{call.operation}" for call in estate.stub.calls} == {
        "sts:GetCallerIdentity",
        "ec2:DescribeRegions",
    }


def test_a_plan_counts_calls_by_service_and_names_those_by_row(estate, capsys):
    _, out, _ = _planned(capsys, "--services", "sqs,elb")
    lines = out.splitlines()
    assert lines[0] == f"account {HOME}: 2 regions (us-east-1, eu-west-1), at least 10 calls"
    assert lines[2].split() == ["service", "scopes", "least", "once", "by", "row"]
    assert lines[3].split() == ["account", "1", "2", "0", "-"]
    assert lines[4].startswith(
        "elb                    3       6       0  elb:DescribeLoadBalancerAttributes, elb:DescribeTags"
    )
    assert lines[5].split() == ["sqs", "3", "2", "2", "sqs:GetQueueAttributes"]
    assert lines[7] == "1 account, 7 scopes: at least 10 calls,"
    assert lines[9].startswith("at 0.5 of the known rates these take at least 0.0 seconds")


def test_a_plan_tells_a_script_each_scope_with_its_operations(estate, capsys):
    code, out, _ = _planned(capsys, "--services", "sqs", "--format", "json")
    told = json.loads(out)
    (account,) = told["accounts"]
    assert (code, told["leastCalls"], account["leastCalls"], account["regions"]) == (
        0,
        4,
        4,
        ["us-east-1", "eu-west-1"],
    )
    (scope,) = [scope for scope in account["scopes"] if (scope["service"], scope["region"]) == ("sqs", "eu-west-1")]
    assert scope["least"] == {"sqs:ListQueues": 1}
    assert scope["once"] == {"resourcegroupstaggingapi:GetResources": 1}
    assert scope["byRow"] == ["sqs:GetQueueAttributes"]


def test_accounts_that_refuse_and_regions_that_are_not_enabled_are_told(estate, capsys):
    refuses = lambda request: PARTNER in request.params["RoleArn"]  # noqa: E731
    estate.stub.faults.append(Fault("sts", "AssumeRole", status=403, code="AccessDenied", when=refuses))
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
    assert f"account {HOME}: left out: not enabled for the account (ap-south-1)" in out
    assert _planned(capsys, "--services", "sqs", "--role-arn", f"arn:aws:iam::{PARTNER}:role/audit")[0] == 4


def test_refused_credentials_are_one_line(estate, capsys):
    estate.stub.faults.append(Fault("sts", code="InvalidClientTokenId", status=403))
    code, out, err = _planned(capsys)
    assert (code, out, err.count("\n")) == (4, "", 1)


def _account(number: int, calls: int) -> CallEstimate:
    account = f"{number:012}"
    asked = Asked(Scope(account, "global", "iam"), "us-east-1", CallKind.SURE, "iam", "list_users")
    return CallEstimate(Target("aws", account, "", (), ()), (asked,) * calls, (asked.scope,))


def test_the_least_time_of_several_accounts_is_that_of_the_slowest_or_of_all_in_turn():
    rates = Rates({"iam": Allowance(2, 2)})
    one_slow = PlanReport(load_settings({"accounts_at_once": 4}), rates, [_account(1, 101), _account(2, 11)])
    assert one_slow.seconds() == (100.0, "iam")
    many = PlanReport(load_settings({"accounts_at_once": 2}), rates, [_account(number, 101) for number in range(6)])
    assert many.seconds() == (300.0, "iam")
    assert list(many.lines())[-1] == "at 0.5 of the known rates these take at least 5.0 minutes (slowest: iam)"
