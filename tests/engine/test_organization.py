"""An organization of sixty accounts in three regions, with everything that goes wrong in one."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from collector.cli.main import Exit
from collector.demo.stub import Fault, StubError
from tests.runs import collect

HOME = "123456789012"
MEMBERS = [f"{700000000000 + number}" for number in range(59)]
SUSPENDED, TAGGED, REFUSING, EXPIRING = MEMBERS[5], MEMBERS[20], MEMBERS[30], MEMBERS[41]
REGIONS = "us-east-1,us-east-2,eu-west-1"

SECONDS = 120
"""More than the command takes; one that hangs fails its test."""


def _listed(request):
    """Pages of twenty, as Organizations gives them."""
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
    """One account refuses the role, and the credentials for another expire in the middle."""
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


def _told(report):
    """The problems of a report, by account."""
    return {(scope["account"], problem["code"]) for scope in report["scopes"] for problem in scope["problems"]}


ALL_TOLD = {(SUSPENDED, "SUSPENDED"), (TAGGED, "SkippedByTag"), (REFUSING, "AccessDenied")}


async def test_sixty_accounts_are_collected_and_all_that_went_wrong_is_told(troubled):
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
    assert _told(collected.report) == ALL_TOLD
    assert {each: states[each] for each in collected_accounts if states[each] != {"complete"}} == {}
    assert collected.report["status"] == "partial"
    assert (
        len([c for c in troubled.stub.calls if c.operation == "AssumeRole" and c.account == HOME]) == 58
    )  # the 57 that are asked, and one again when its keys had expired
    assert [c.operation for c in troubled.stub.calls].count(
        "ListAccounts"
    ) == 3 + 3  # the run's own, and the account entity's


@pytest.mark.parametrize("processes", ["1", "2"])
def test_one_command_collects_all_and_ends_with_three(troubled, tmp_path, monkeypatch, processes):
    monkeypatch.setenv("COLLECTOR_RATES", "organizations=1000")  # at AWS's own rate it takes a minute
    where = ("--services", "account,sqs,sns", "--regions", REGIONS, "--processes", processes)
    whereto = ("--output", str(tmp_path / "out.ndjson"), "--report", str(tmp_path / "report.json"))
    command = (sys.executable, "-m", "collector", "--org", "--role-name", "audit", *where, *whereto, "--no-progress")
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == Exit.PARTIAL, done.stderr
    assert "Traceback" not in done.stderr
    assert _told(json.loads((tmp_path / "report.json").read_text())) == ALL_TOLD
    records = [json.loads(line) for line in (tmp_path / "out.ndjson").read_text().splitlines()]
    queues = {record["accountId"] for record in records if record["_type"] == "aws_sqs"}
    assert queues == {HOME, *MEMBERS} - {SUSPENDED, TAGGED, REFUSING}


async def test_organizations_is_never_asked_twice_at_the_same_time_for_the_list(organization):
    await collect(services="sqs", org=True, role_name="audit", regions="us-east-1", max_concurrency=50)
    pages = [c for c in organization.stub.calls if c.operation == "ListAccounts"]
    assert len(pages) == 3


async def test_no_more_accounts_than_the_window_are_open_at_once(organization, monkeypatch):
    from collector.engine.account import AccountRun

    open_now, most = set(), 0
    begun = AccountRun.collect

    async def counted(self):
        nonlocal most
        open_now.add(id(self))
        most = max(most, len(open_now))
        try:
            await begun(self)
        finally:
            open_now.discard(id(self))

    monkeypatch.setattr(AccountRun, "collect", counted)
    await collect(services="sqs", org=True, role_name="audit", regions="us-east-1", accounts_at_once=3)
    assert most == 3
