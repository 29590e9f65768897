"""An organization of sixty accounts in three regions, with the failures that organizations have."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from collector.demo.stub import Fault, StubError
from collector.report import Exit
from tests.runs import collect

HOME = "123456789012"
MEMBERS = [f"{700000000000 + number}" for number in range(59)]
SUSPENDED, TAGGED, REFUSING, EXPIRING = MEMBERS[5], MEMBERS[20], MEMBERS[30], MEMBERS[41]
REGIONS = "us-east-1,us-east-2,eu-west-1"

SECONDS = 120
"""The timeout of a command; far more than it takes."""


def _listed(request):
    """Pages of twenty accounts, as Organizations returns them."""
    if request.account != HOME:
        raise StubError(400, "AccessDeniedException", "You don't have permissions to access this resource.")
    start = int(request.params.get("NextToken") or 0)
    accounts = [
        {
            "Id": each,
            "Arn": f"arn:aws:organizations::{HOME}:account/o-acme/{each}",
            "Name": f"acme {each}",
            "Email": f"{each}@acme.example",
            "Status": "SUSPENDED" if each == SUSPENDED else "ACTIVE",
        }
        for each in [HOME, *MEMBERS]
    ]
    following = {"NextToken": str(start + 20)} if start + 20 < len(accounts) else {}
    return {"Accounts": accounts[start : start + 20], **following}


def _tags(request):
    skip = request.params["ResourceId"] == TAGGED
    return {"Tags": [{"Key": "j1-integration", "Value": "SKIP"}] if skip else []}


@pytest.fixture
def organization(estate):
    fixtures = {
        ("organizations", "ListParents"): {"Parents": [{"Id": "r-acme", "Type": "ROOT"}]},
        ("organizations", "ListAccounts"): _listed,
        ("organizations", "ListTagsForResource"): _tags,
    }
    kept = {key: estate.stub.fixtures.get(key) for key in fixtures}
    estate.stub.fixtures.update(fixtures)
    yield estate
    for key, fixture in kept.items():
        estate.stub.fixtures.pop(key) if fixture is None else estate.stub.fixtures.update({key: fixture})


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


async def test_sixty_accounts_are_collected_and_every_problem_is_reported(troubled):
    collected = await collect(
        services="account,sqs,sns", org=True, role_name="audit", regions=REGIONS, max_concurrency=50
    )
    collected_accounts = {record["accountId"] for record in collected.records if record["_type"] == "aws_sqs"}
    assert collected_accounts == {HOME, *MEMBERS} - {SUSPENDED, TAGGED, REFUSING}
    states: dict[str, set[str]] = {}
    for scope in collected.report["scopes"]:
        states.setdefault(scope["account"], set()).add(scope["status"])
    assert states[SUSPENDED] == states[TAGGED] == {"skipped"}
    assert states[REFUSING] == {"partial"}
    assert _problems(collected.report) == ALL_PROBLEMS
    assert {each: states[each] for each in collected_accounts if states[each] != {"complete"}} == {}
    assert collected.report["status"] == "partial"
    assert (
        len([c for c in troubled.stub.calls if c.operation == "AssumeRole" and c.account == HOME]) == 58
    )  # the 57 accounts, and once more when keys had expired
    assert [c.operation for c in troubled.stub.calls].count(
        "ListAccounts"
    ) == 3 + 3  # of the run, and of the account entity


@pytest.mark.parametrize("processes", ["1", "2"])
def test_the_command_collects_all_accounts_and_exits_with_partial(troubled, tmp_path, monkeypatch, processes):
    monkeypatch.setenv("COLLECTOR_RATES", "organizations=1000")  # the default rate would take a minute
    scope = ("--services", "account,sqs,sns", "--regions", REGIONS, "--processes", processes)
    outputs = ("--output", str(tmp_path / "out.ndjson"), "--report", str(tmp_path / "report.json"))
    command = (sys.executable, "-m", "collector", "--org", "--role-name", "audit", *scope, *outputs, "--no-progress")
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == Exit.PARTIAL, done.stderr
    assert "Traceback" not in done.stderr
    assert _problems(json.loads((tmp_path / "report.json").read_text())) == ALL_PROBLEMS
    records = [json.loads(line) for line in (tmp_path / "out.ndjson").read_text().splitlines()]
    queues = {record["accountId"] for record in records if record["_type"] == "aws_sqs"}
    assert queues == {HOME, *MEMBERS} - {SUSPENDED, TAGGED, REFUSING}


async def test_accounts_are_listed_once(organization):
    await collect(services="sqs", org=True, role_name="audit", regions="us-east-1", max_concurrency=50)
    pages = [c for c in organization.stub.calls if c.operation == "ListAccounts"]
    assert len(pages) == 3


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
    await collect(services="sqs", org=True, role_name="audit", regions="us-east-1", accounts_at_once=3)
    assert most == 3
