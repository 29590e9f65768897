"""How the regions of an account are found out, whatever fails: whole runs over an AWS in memory, with their reports and exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path as File
from typing import Any, NamedTuple, Self, cast

import pytest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from collector.aws.availability import Availability
from collector.aws.calls import RetryPolicy
from collector.aws.clients import Client
from collector.aws.credentials import ISSUED
from collector.aws.paging import Paging
from collector.aws.session import open_session
from collector.catalog.permissions import api_of
from collector.cli.run_command import finish, run_into
from collector.config import ConfigurationError, Settings, load_settings
from collector.demo.process import SETTINGS as AWS_SETTINGS
from collector.report import Exit
from tests.aws.script import error
from tests.losses import Path, without
from tests.runs import MemorySink
from tests.waits import no_sleep

HOME, OTHER, DISABLED = "us-east-1", "eu-west-1", "ap-east-1"
"""The regions of the account. The third is not enabled."""

CALLER, MEMBER = "123456789012", "222233334444"
URL = "https://x.amazonaws.com"

DESCRIBE, LIST, PROBE = ("ec2", "describe_regions"), ("account", "list_regions"), ("sts", "get_caller_identity")
DENIED = error("AccessDenied", "not authorized", 403)

FAILURES = {
    "denied": DENIED,
    "denied_by_scp": error("AccessDenied", "with an explicit deny in a service control policy", 403),
    "throttled": error("Throttling"),
    "timeout": ReadTimeoutError(endpoint_url=URL),
    "endpoint_unreachable": EndpointConnectionError(endpoint_url=URL, error=OSError("refused")),
    "invalid_response": ResponseParserError("not XML"),
    "expired_credentials": error("ExpiredToken", "", 403),
    "error": ConnectionClosedError(endpoint_url=URL),
}
"""Every reason for which a call may fail that says nothing about its region."""

REJECTED = error("InvalidClientTokenId", "The security token included in the request is invalid", 403)
"""What STS says in a region that is not enabled."""

session = cache(open_session)
"""One session for all runs: opening it takes longer than a run."""

KINDS: dict[str, dict[str, Any]] = {
    "single": {},
    "role": {"role_arn": f"arn:aws:iam::{MEMBER}:role/audit"},
    "organization": {"org": True, "role_name": "audit"},
}


class Apis(dict[str, str]):
    """The API names of a client."""

    def __init__(self, client: str) -> None:
        super().__init__()
        self._client = client

    def __missing__(self, op: str) -> str:
        return api_of(self._client, op)


class FakeAws:
    """Answers for `Clients`. `faults` maps an operation, or `*`, and a region, or `*`, to what a call there raises.

    They concern only the account in question: that of the member, or the caller's if there is none.
    """

    def __init__(self, account: str) -> None:
        self.faults: dict[tuple[Any, str], Exception] = {(PROBE, DISABLED): REJECTED, ("*", DISABLED): REJECTED}
        self.answers: dict[tuple[str, str], Any] = {
            DESCRIBE: regions("OptInStatus", "opt-in-not-required", "not-opted-in"),
            LIST: regions("RegionOptStatus", "ENABLED_BY_DEFAULT", "DISABLED"),
            ("organizations", "list_accounts"): {"Accounts": [{"Id": CALLER}, {"Id": MEMBER}]},
        }
        self.omitted: tuple[tuple[str, str], Path] | None = None
        self.calls: list[tuple[tuple[str, str], str]] = []
        self.partition = [HOME, OTHER, DISABLED]
        self._account = account

    def __call__(self, *_: object) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    @property
    def availability(self) -> Availability:
        known = {"partition": "aws", "regions": self.partition, "regionRegex": r"(us|eu|ap)-\w+-\d", "services": {}}
        return Availability({"partitions": [known] if self.partition else []})

    async def warm(self, _: object) -> None:
        pass

    async def get(self, name: str) -> Client:
        return Client(name, cast("Any", None), Apis(name), cast("dict[str, Paging]", {}))

    async def call(self, client: Client, op: str, params: Any, target: Any) -> Any:
        answer = await self._answer((client.boto, op), params, target)
        called, path = self.omitted or (None, ())
        return without(answer, path) if called == (client.boto, op) else answer

    async def _answer(self, called: tuple[str, str], params: Any, target: Any) -> Any:
        region = target.region
        account = (await target.credentials.get_frozen_credentials()).access_key
        account = account if account.isdigit() else CALLER
        self.calls.append((called, region))
        if called == ("sts", "assume_role"):
            key = {"AccessKeyId": params["RoleArn"].split(":")[4], "SecretAccessKey": "s", "SessionToken": "t"}
            return {"Credentials": {**key, "Expiration": datetime.now(UTC) + timedelta(hours=1)}}
        if account == self._account and (fault := self._fault(called, region)):
            raise fault
        if called == PROBE:
            return {"Account": account, "Arn": f"arn:aws:sts::{account}:assumed-role/audit/collector"}
        return self.answers.get(called, {})

    def _fault(self, called: tuple[str, str], region: str) -> Exception | None:
        places = ((called, region), (called, "*"), ("*", region))
        return next((self.faults[place] for place in places if place in self.faults), None)


def regions(field: str, enabled: str, disabled: str) -> dict[str, Any]:
    states = {HOME: enabled, OTHER: enabled, DISABLED: disabled}
    return {"Regions": [{"RegionName": name, field: state} for name, state in states.items()]}


class Outcome(NamedTuple):
    """The exit code of a run, and its report."""

    code: int
    report: dict[str, Any]
    account: str

    @property
    def planned(self) -> set[str]:
        """The regions in which the account is collected."""
        return {scope["region"] for scope in self._scopes if scope["service"] == "sqs"} - {"global"}

    @property
    def skipped(self) -> set[str]:
        return {scope["region"] for scope in self._scopes if scope["status"] == "skipped"}

    def problems(self, region: str = "global") -> set[tuple[str, str]]:
        """The operations and reasons of the problems of the account in a region."""
        scopes = [scope for scope in self._scopes if scope["region"] == region]
        return {(each["operation"], each["reason"]) for scope in scopes for each in scope["problems"]}

    def status(self, region: str) -> str:
        (scope,) = [scope for scope in self._scopes if (scope["region"], scope["service"]) == (region, "sqs")]
        return str(scope["status"])

    @property
    def _scopes(self) -> list[dict[str, Any]]:
        return [scope for scope in self.report["scopes"] if scope["account"] == self.account]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """An AWS in memory for an account of its own; `run` sets which."""
    for name, value in AWS_SETTINGS.items():
        monkeypatch.setenv(name, value)
    fake = FakeAws(CALLER)
    monkeypatch.setattr("collector.engine.run.Clients", fake)
    monkeypatch.setattr("collector.engine.run.open_session", session)
    once = partial(RetryPolicy, sleep=no_sleep, throttle_attempts=1, other_attempts=1)
    monkeypatch.setattr("collector.engine.run.RetryPolicy", once)
    return fake


@pytest.fixture
def run(aws: FakeAws, tmp_path: File) -> Callable[..., Outcome]:
    """Makes a run and leaves with its exit code, as the command does."""

    def run(kind: str = "single", *, sink: MemorySink | None = None, **options: Any) -> Outcome:
        aws._account = CALLER if kind == "single" else MEMBER
        report = tmp_path / "report.json"
        settings: Settings = load_settings(
            {"services": "sqs", "processes": 1, "quiet": True, "report": report, **KINDS[kind], **options}
        )
        with pytest.raises(SystemExit) as exit_:
            finish(run_into(sink or MemorySink(), settings, unlimited=True))
        return Outcome(int(exit_.value.code or 0), json.loads(report.read_text()), aws._account)

    return run


each_kind = pytest.mark.parametrize("kind", KINDS)
each_reason = pytest.mark.parametrize("reason", FAILURES)
refusals = pytest.mark.parametrize("reason", ["denied", "denied_by_scp"])
other_failures = pytest.mark.parametrize("reason", sorted(FAILURES.keys() - {"denied", "denied_by_scp"}))
each_choice = pytest.mark.parametrize("chosen", [(), (HOME, OTHER)], ids=["every region", "--regions"])


@each_kind
@each_choice
def test_regions_that_are_not_disabled_are_collected(aws, run, kind, chosen):
    outcome = run(kind, regions=chosen)
    assert (outcome.planned, outcome.code, outcome.problems()) == ({HOME, OTHER}, Exit.COMPLETE, set())
    assert {call for call, _ in aws.calls} & {LIST} == set()


@each_kind
@each_choice
@refusals
def test_the_account_api_lists_the_regions_if_ec2_refuses(aws, run, kind, chosen, reason):
    aws.faults[DESCRIBE, "*"] = FAILURES[reason]
    outcome = run(kind, regions=chosen)
    assert (outcome.planned, outcome.code, outcome.problems()) == ({HOME, OTHER}, Exit.COMPLETE, set())


@each_kind
@other_failures
def test_a_run_of_every_region_fails_if_they_cannot_be_listed(aws, run, kind, reason):
    aws.faults[DESCRIBE, "*"] = FAILURES[reason]
    outcome = run(kind)
    assert outcome.problems() == {("ec2:DescribeRegions", reason)}
    assert outcome.planned == set()
    several = kind == "organization"
    assert (outcome.code, outcome.report["status"]) == (
        (Exit.PARTIAL, "partial") if several else (Exit.NO_ACCOUNT, "failed")
    )
    assert "aws_sqs_queue" in outcome.report["partialDatasets"]["types"]


@each_kind
@other_failures
def test_configured_regions_are_collected_though_the_regions_cannot_be_listed(aws, run, kind, reason):
    aws.faults[DESCRIBE, "*"] = FAILURES[reason]
    outcome = run(kind, regions=(HOME, OTHER))
    assert (outcome.planned, outcome.code) == ({HOME, OTHER}, Exit.COMPLETE)
    assert outcome.problems() == {("ec2:DescribeRegions", reason)}


@each_kind
@each_choice
@each_reason
def test_every_region_is_called_if_the_account_api_fails_too(aws, run, kind, chosen, reason):
    aws.faults[DESCRIBE, "*"] = DENIED
    aws.faults[LIST, "*"] = FAILURES[reason]
    outcome = run(kind, regions=chosen)
    assert (outcome.planned, outcome.code, outcome.problems()) == ({HOME, OTHER}, Exit.COMPLETE, set())


@pytest.fixture
def unlisted(aws: FakeAws) -> FakeAws:
    """Neither EC2 nor the Account API lists the regions."""
    aws.faults[DESCRIBE, "*"] = aws.faults[LIST, "*"] = DENIED
    return aws


@each_kind
@each_choice
@each_reason
def test_a_region_that_does_not_tell_whether_it_is_enabled_is_collected(unlisted, run, kind, chosen, reason):
    unlisted.faults[PROBE, OTHER] = FAILURES[reason]
    outcome = run(kind, regions=chosen)
    assert outcome.planned == {HOME, OTHER}
    assert outcome.problems() == {("sts:GetCallerIdentity", reason)}
    assert (outcome.status(OTHER), outcome.code) == ("complete", Exit.COMPLETE)


@each_kind
@each_choice
@each_reason
def test_a_region_in_which_everything_fails_is_reported_with_the_reason(unlisted, run, kind, chosen, reason):
    unlisted.faults["*", OTHER] = FAILURES[reason]
    outcome = run(kind, regions=chosen)
    assert outcome.planned == {HOME, OTHER}
    assert (outcome.status(HOME), outcome.status(OTHER)) == ("complete", "partial")
    assert outcome.problems(OTHER) == {("sqs:ListQueues", reason)}
    assert outcome.code == Exit.PARTIAL


@pytest.mark.parametrize("lists", [(), (DESCRIBE,), (DESCRIBE, LIST)], ids=["EC2", "Account API", "STS"])
def test_a_configured_region_that_is_disabled_is_skipped(aws, run, lists):
    aws.faults |= {(each, "*"): DENIED for each in lists}
    outcome = run(regions=(HOME, DISABLED))
    assert (outcome.planned, outcome.skipped, outcome.code) == ({HOME}, {DISABLED}, Exit.COMPLETE)
    assert outcome.problems(DISABLED) == {("ec2:DescribeRegions", "region_disabled")}


@pytest.mark.parametrize("state", ["ENABLING", "DISABLING", "SOMETHING_NEW", None])
def test_a_region_that_is_not_disabled_yet_or_no_more_is_collected(aws, run, state):
    aws.faults[DESCRIBE, "*"] = DENIED
    del aws.faults["*", DISABLED]
    aws.answers[LIST] = regions("RegionOptStatus", "ENABLED", state)
    assert run().planned == {HOME, OTHER, DISABLED}


NO_LISTS = [
    {},
    {"Regions": []},
    {"Regions": [{"OptInStatus": "opted-in"}]},
    {"Regions": [None]},
    {"Regions": [{"RegionName": OTHER, "OptInStatus": "not-opted-in", "RegionOptStatus": "DISABLED"}]},
]


@pytest.mark.parametrize("answer", NO_LISTS, ids=str)
def test_an_answer_without_an_enabled_region_is_no_list(aws, run, answer):
    aws.answers[DESCRIBE] = answer
    outcome = run()
    assert (outcome.problems(), outcome.code) == ({("ec2:DescribeRegions", "invalid_response")}, Exit.NO_ACCOUNT)
    assert run(regions=(HOME, OTHER)).planned == {HOME, OTHER}


@pytest.mark.parametrize("answer", NO_LISTS, ids=str)
def test_every_region_is_called_if_the_account_api_lists_none(aws, run, answer):
    aws.faults[DESCRIBE, "*"] = DENIED
    aws.answers[LIST] = answer
    outcome = run()
    assert (outcome.planned, outcome.code) == ({HOME, OTHER}, Exit.COMPLETE)


def test_an_account_in_which_every_region_rejects_the_credentials_is_not_an_account_without_regions(unlisted, run):
    unlisted.partition = [OTHER, DISABLED]
    unlisted.faults[PROBE, OTHER] = REJECTED
    outcome = run("role")
    assert (outcome.planned, outcome.code) == (set(), Exit.NO_ACCOUNT)
    assert outcome.problems() == {("ec2:DescribeRegions", "denied")}
    assert run("role", regions=(OTHER,)).planned == {OTHER}


def test_a_partition_without_known_regions_is_an_error_unless_they_are_configured(unlisted, run):
    unlisted.partition = []
    outcome = run()
    assert (outcome.problems(), outcome.code) == ({("ec2:DescribeRegions", "denied")}, Exit.NO_ACCOUNT)
    assert run(regions=(HOME, OTHER)).planned == {HOME, OTHER}


NEW = "eu-north-9"
"""A region that botocore does not know."""


@each_reason
def test_a_region_that_cannot_be_looked_up_is_collected_if_it_may_exist(unlisted, run, reason):
    unlisted.faults["*", NEW] = FAILURES[reason]
    outcome = run(regions=(HOME, NEW))
    assert (outcome.planned, outcome.status(NEW), outcome.code) == ({HOME, NEW}, "partial", Exit.PARTIAL)


@pytest.mark.parametrize("reason", FAILURES)
def test_a_region_is_unknown_if_neither_aws_nor_the_name_servers_know_it(aws, run, reason):
    aws.faults[DESCRIBE, "*"] = aws.faults[LIST, "*"] = FAILURES[reason]
    unknown_host = OSError("Name or service not known")
    aws.faults["*", NEW] = EndpointConnectionError(endpoint_url=URL, error=unknown_host)
    with pytest.raises(ConfigurationError, match=f"unknown region '{NEW}'"):
        run(regions=(HOME, NEW))


def test_a_region_that_aws_does_not_list_is_unknown(run):
    with pytest.raises(ConfigurationError, match=f"unknown region '{NEW}'"):
        run(regions=(HOME, NEW))


OMITTED: list[tuple[tuple[str, str], Path]] = [
    (PROBE, ("Account",)),
    (PROBE, ("Arn",)),
    (DESCRIBE, ("Regions",)),
    (DESCRIBE, ("Regions", "RegionName")),
    (DESCRIBE, ("Regions", "OptInStatus")),
    (("sts", "assume_role"), ("Credentials",)),
    *((("sts", "assume_role"), ("Credentials", name)) for name in ISSUED),
    *((("organizations", "list_accounts"), path) for path in (("Accounts",), ("Accounts", "Id"), ("Accounts", "Name"))),
    *((("organizations", "list_tags_for_resource"), path) for path in (("Tags",), ("Tags", "Key"), ("Tags", "Value"))),
]


@pytest.mark.parametrize(("called", "path"), OMITTED, ids=str)
def test_an_answer_without_a_member_is_reported_and_ends_no_run_with_a_bug(aws, run, called, path):
    aws.answers["organizations", "list_tags_for_resource"] = {"Tags": [{"Key": "j1-integration", "Value": "SKIP?"}]}
    aws.omitted = called, path
    outcome = run("organization")
    reasons = {each["reason"] for scope in outcome.report["scopes"] for each in scope["problems"]}
    if reasons:  # without a state, a region is called
        assert reasons == {"region_disabled" if path[-1:] == ("OptInStatus",) else "invalid_response"}
        assert outcome.code in (Exit.PARTIAL, Exit.NO_ACCOUNT)
    else:
        assert (outcome.planned >= {HOME, OTHER}, outcome.code) == (True, Exit.COMPLETE)


@each_choice
@pytest.mark.parametrize("way", [DESCRIBE, PROBE], ids=["EC2", "STS"])
def test_the_property_with_the_enabled_regions_is_left_out_and_reported_if_they_are_not_known(aws, run, way, chosen):
    if way == PROBE:
        aws.faults[DESCRIBE, "*"] = aws.faults[LIST, "*"] = DENIED
        aws.faults[PROBE, OTHER] = FAILURES["timeout"]
    elif chosen:
        aws.faults[DESCRIBE, "*"] = FAILURES["timeout"]
    sink = MemorySink()
    outcome = run(regions=chosen, services="account,sqs", sink=sink)
    records = [json.loads(line) for batch in sink.batches for line in batch.lines().splitlines()]
    (account,) = [each for each in records if each["_type"] == "aws_account"]
    is_known = way == DESCRIBE and not chosen
    assert account.get("enabledRegions") == ([OTHER, HOME] if is_known else None)
    assert ("timeout" in {reason for _, reason in outcome.problems()}) is not is_known
    assert ("aws_account" in outcome.report["partialDatasets"]["types"]) is not is_known
    assert outcome.code == (Exit.COMPLETE if is_known else Exit.PARTIAL)
