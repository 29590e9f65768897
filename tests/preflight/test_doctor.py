from __future__ import annotations

import json
import socket
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from collector.catalog.catalog import Catalog
from collector.cli.main import main
from collector.config import load_settings
from collector.demo.process import SETTINGS
from collector.demo.stub import Effect, Fault
from collector.model import Target
from collector.preflight.call_estimate import CallKind, estimate_calls
from collector.preflight.doctor import Diagnosis, diagnose
from collector.preflight.policy import GATEWAY, needs
from collector.preflight.reach import FIRM
from tests.runs import no_sleep
from tests.sinks.endpoint import Endpoint, serving

PARTNER = "222233334444"
ROLE = f"arn:aws:iam::{PARTNER}:role/audit"
QUICK = {"ec2": 1000, "iam": 1000, "organizations": 1000, "route53": 1000, "sts": 1000}
"""Rates that nobody waits for."""


async def _diagnosed(**given: Any) -> Diagnosis:
    chosen = load_settings({"regions": "us-east-1,eu-west-1", "rates": QUICK, **given})
    catalog = Catalog.all().choose(chosen.services, chosen.skip_services)
    return await diagnose(chosen, catalog, replace(FIRM, sleep=no_sleep))


def _closed_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def _external_id(wanted):
    """What a role does that trusts whoever names the right external id."""
    return Fault(
        "sts",
        "AssumeRole",
        status=403,
        code="AccessDenied",
        message="User is not authorized to perform: sts:AssumeRole on the role",
        when=lambda request: request.params.get("ExternalId") != wanted,
    )


async def test_a_healthy_estate_has_no_fault(estate):
    diagnosis = await _diagnosed(services="all,inspector,waf")
    assert (diagnosis.findings, diagnosis.exit_code) == ([], 0)
    assert list(diagnosis.lines())[-1] == "✓ no fault was found"


# The five faults --------------------------------------------------------------------------------------------


async def test_a_bad_external_id_is_found_with_its_remedy(estate):
    estate.stub.faults.append(_external_id("right"))
    diagnosis = await _diagnosed(role_arn=ROLE, external_id="wrong")
    (finding,) = diagnosis.findings
    assert (finding.check, finding.subject) == ("role", f"{ROLE} in {PARTNER}")
    assert "sts:AssumeRole: denied (AccessDenied)" in finding.fault
    assert "the external id must be the one that its trust policy names (--external-id)" in finding.remedy
    assert set(Catalog.all().choose().types) == set(finding.missing)
    assert diagnosis.exit_code == 4
    assert (await _diagnosed(services="sqs", role_arn=ROLE, external_id="right")).exit_code == 0


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "AccessDenied"])
async def test_a_denied_action_is_found_with_the_types_that_it_costs(estate, code):
    estate.stub.faults.append(Fault("ec2", "DescribeVolumes", status=403, code=code))
    diagnosis = await _diagnosed(services="ec2,sqs")
    (finding,) = diagnosis.findings
    assert (finding.check, finding.subject) == ("permission", "ec2:DescribeVolumes in 123456789012")
    assert (finding.fault, finding.missing) == ("AWS denies it", ("aws_ebs_volume",))
    assert "`collector policy` prints the whole policy" in finding.remedy
    assert diagnosis.exit_code == 2


async def test_a_disabled_region_is_found_with_its_remedy(estate):
    diagnosis = await _diagnosed(services="ec2,iam", regions="us-east-1,ap-south-1")
    (finding,) = diagnosis.findings
    assert (finding.check, finding.subject, finding.fault) == (
        "region",
        "ap-south-1 in 123456789012",
        "not enabled for the account",
    )
    assert "account:EnableRegion" in finding.remedy
    assert "aws_instance" in finding.missing
    assert "aws_iam_user" not in finding.missing
    assert diagnosis.exit_code == 2


async def test_an_endpoint_that_cannot_be_reached_is_found_with_its_remedy(estate, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", _closed_port())
    diagnosis = await _diagnosed(services="sqs,sns")
    (finding,) = diagnosis.findings
    assert (finding.check, finding.subject) == ("endpoint", "sqs in us-east-1 of 123456789012")
    assert finding.fault.startswith("sqs:ListQueues: endpoint_unreachable")
    assert finding.missing == ("aws_sqs_queue",)
    assert "AWS_ENDPOINT_URL_SQS" in finding.remedy
    assert diagnosis.exit_code == 2


async def test_a_bad_upload_token_is_found_with_its_remedy(estate):
    endpoint = Endpoint()
    endpoint.token = "right"
    async with serving(endpoint.handle) as url:
        diagnosis = await _diagnosed(services="sqs", output=url, upload_token="wr0ng-s3cret")
        (finding,) = diagnosis.findings
        assert (finding.check, finding.subject) == ("output", url)
        assert finding.fault == "the token is refused: 401 UNAUTHORIZED no"
        assert finding.remedy == "give the right COLLECTOR_UPLOAD_TOKEN"
        assert diagnosis.exit_code == 2
        assert "wr0ng-s3cret" not in "\n".join(diagnosis.lines())
        assert (await _diagnosed(services="sqs", output=url, upload_token="right")).exit_code == 0
    assert not any(endpoint.accepted.values())
    assert endpoint.reports == []


# Credentials, roles, accounts ----------------------------------------------------------------------------------


async def test_missing_credentials_are_found(estate, monkeypatch):
    for name in SETTINGS:
        if "KEY" in name or "TOKEN" in name:
            monkeypatch.delenv(name)
    diagnosis = await _diagnosed()
    (finding,) = diagnosis.findings
    assert (finding.check, diagnosis.exit_code) == ("credentials", 4)
    assert "AWS_PROFILE" in finding.remedy


async def test_refused_credentials_are_found(estate):
    estate.stub.faults.append(Fault("sts", code="InvalidClientTokenId", status=403))
    diagnosis = await _diagnosed()
    (finding,) = diagnosis.findings
    assert (finding.check, diagnosis.exit_code) == ("credentials", 4)
    assert finding.remedy == "renew the credentials, and see that AWS_PROFILE names the right ones"


async def test_an_aws_that_cannot_be_reached_at_all_is_found(estate, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", _closed_port())
    diagnosis = await _diagnosed()
    (finding,) = diagnosis.findings
    assert (finding.check, diagnosis.exit_code) == ("credentials", 4)
    assert "AWS_ENDPOINT_URL" in finding.remedy


async def test_a_role_that_asks_for_an_external_id_where_none_is_given_is_found(estate):
    estate.stub.faults.append(_external_id("right"))
    (finding,) = (await _diagnosed(role_arn=ROLE)).findings
    assert "an external id, if its trust policy names one, must be given (--external-id)" in finding.remedy


async def test_a_caller_that_may_not_assume_any_role_is_told_so(estate):
    why = "because no identity-based policy allows the sts:AssumeRole action"
    estate.stub.faults.append(Fault("sts", "AssumeRole", status=403, code="AccessDenied", message=why))
    (finding,) = (await _diagnosed(role_arn=ROLE)).findings
    assert finding.remedy.endswith("sts:AssumeRole on the role: `collector policy --caller` prints the policy")


async def test_one_account_of_several_that_refuses_is_a_fault_and_not_the_end(estate):
    refuses = lambda request: PARTNER in request.params["RoleArn"]  # noqa: E731
    estate.stub.faults.append(Fault("sts", "AssumeRole", status=403, code="AccessDenied", when=refuses))
    diagnosis = await _diagnosed(services="sqs", accounts=f"123456789012,{PARTNER}", role_name="audit")
    (finding,) = diagnosis.findings
    assert (finding.check, diagnosis.exit_code, [*diagnosis.accounts]) == ("role", 2, ["123456789012"])


async def test_an_organization_that_cannot_be_read_is_found(estate):
    estate.stub.faults.append(Fault("organizations", "ListAccounts", code="AccessDeniedException"))
    diagnosis = await _diagnosed(services="sqs", org=True, role_name="audit")
    (finding,) = diagnosis.findings
    assert (finding.check, finding.subject, diagnosis.exit_code) == ("organization", "organizations:ListAccounts", 4)


# Regions and endpoints --------------------------------------------------------------------------------------------


async def test_an_unknown_region_is_found(estate):
    diagnosis = await _diagnosed(regions="us-east-77")
    assert [finding.fault for finding in diagnosis.findings] == ["unknown region 'us-east-77' in partition aws"]


async def test_a_region_that_does_not_take_the_credentials_is_found(estate):
    estate.stub.faults.append(Fault("sts", code="RegionDisabledException", status=403, region="eu-west-1"))
    (finding,) = (await _diagnosed(services="sqs")).findings
    assert (finding.check, finding.subject) == ("region", "eu-west-1 in 123456789012")
    assert finding.remedy == "enable the region, and STS in it, or leave it out of --regions"
    assert finding.missing == ("aws_sqs_queue",)


async def test_a_region_that_does_not_answer_is_found(estate):
    estate.stub.faults.append(Fault("sts", effect=Effect.RESET, region="eu-west-1"))
    (finding,) = (await _diagnosed(services="sqs")).findings
    assert (finding.check, finding.subject) == ("region", "eu-west-1 in 123456789012")


async def test_a_service_that_the_account_has_not_subscribed_to_is_found(estate):
    estate.stub.faults.append(Fault("sqs", code="OptInRequired", status=403))
    (finding,) = (await _diagnosed(services="sqs")).findings
    assert finding.remedy == "subscribe the account to the service, or leave the service out with --skip-services"


async def test_several_operations_of_one_endpoint_that_fails_are_one_finding(estate):
    estate.stub.faults.append(Fault("rds", code="InternalFailure", status=500))
    (finding,) = (await _diagnosed(services="rds")).findings
    assert finding.subject == "rds in us-east-1 of 123456789012"
    assert {"aws_db_instance", "aws_rds_cluster", "aws_db_snapshot"} <= set(finding.missing)


# Permissions ----------------------------------------------------------------------------------------------------


@pytest.fixture
def simulation(estate):
    """IAM's simulator, which moto has not; `decisions` are those of the actions that are not allowed."""
    decisions: dict[str, dict[str, Any]] = {}
    asked: list[dict[str, Any]] = []

    def simulate(request):
        asked.append(request.params)
        results = [
            {"EvalActionName": action, "EvalDecision": "allowed", **decisions.get(action, {})}
            for action in request.params["ActionNames"]
        ]
        return {"EvaluationResults": results, "IsTruncated": False}

    estate.stub.fixtures["iam", "SimulatePrincipalPolicy"] = simulate
    yield decisions, asked
    del estate.stub.fixtures["iam", "SimulatePrincipalPolicy"]


async def test_where_simulation_is_allowed_every_permission_is_simulated(simulation):
    _, asked = simulation
    diagnosis = await _diagnosed(role_arn=ROLE)
    needed = needs(Catalog.all().choose())
    assert diagnosis.exit_code == 0
    assert "all permissions simulated" in diagnosis.accounts[PARTNER]
    assert {params["PolicySourceArn"] for params in asked} == {ROLE}
    assert sorted(action for params in asked for action in params["ActionNames"]) == sorted(needed.types)
    (gateway,) = [params for params in asked if params["ActionNames"] == [GATEWAY]]
    assert "arn:aws:apigateway:us-east-1::/restapis/x/stages" in gateway["ResourceArns"]


@pytest.mark.parametrize(
    ("decision", "fault", "remedy"),
    [
        ({"EvalDecision": "implicitDeny"}, "no policy allows it", f"allow {ROLE} s3:GetBucketAcl"),
        ({"EvalDecision": "explicitDeny"}, "a policy denies it", f"allow {ROLE} s3:GetBucketAcl"),
        (
            {"EvalDecision": "implicitDeny", "OrganizationsDecisionDetail": {"AllowedByOrganizations": False}},
            "a policy of the organization (SCP) denies it",
            "have s3:GetBucketAcl allowed where the organization's policies (SCP) are kept",
        ),
        (
            {"EvalDecision": "implicitDeny", "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}},
            "the permissions boundary does not allow it",
            f"add s3:GetBucketAcl to the permissions boundary of {ROLE}",
        ),
    ],
)  # fmt: skip
async def test_simulation_finds_what_only_a_resource_would_show_and_why(simulation, decision, fault, remedy):
    decisions, _ = simulation
    decisions["s3:GetBucketAcl"] = decision
    (finding,) = (await _diagnosed(services="s3", role_arn=ROLE)).findings
    assert (finding.subject, finding.fault) == (f"s3:GetBucketAcl in {PARTNER}", fault)
    assert finding.missing == ("aws_s3_bucket",)
    assert finding.remedy.startswith(remedy)


async def test_a_sessions_role_is_simulated_by_its_whole_arn(simulation, estate):
    _, asked = simulation
    arn = "arn:aws:iam::123456789012:role/security/audit"
    role = {
        "RoleName": "audit",
        "Arn": arn,
        "Path": "/security/",
        "RoleId": "AROAEXAMPLE",
        "CreateDate": "2026-01-01T00:00:00Z",
    }
    session = {
        "Account": "123456789012",
        "UserId": "AROAEXAMPLE:me",
        "Arn": "arn:aws:sts::123456789012:assumed-role/audit/me",
    }
    estate.stub.fixtures |= {("iam", "GetRole"): {"Role": role}, ("sts", "GetCallerIdentity"): session}
    try:
        await _diagnosed(services="sqs")
    finally:
        del estate.stub.fixtures["iam", "GetRole"], estate.stub.fixtures["sts", "GetCallerIdentity"]
    assert {params["PolicySourceArn"] for params in asked} == {arn}


async def test_an_scp_that_denies_a_call_is_told_from_a_missing_permission(estate):
    why = "with an explicit deny in a service control policy"
    estate.stub.faults.append(Fault("sqs", "ListQueues", status=403, code="AccessDenied", message=why))
    (finding,) = (await _diagnosed(services="sqs")).findings
    assert (finding.fault, "(SCP)" in finding.remedy) == ("a policy of the organization (SCP) denies it", True)


async def test_what_is_tried_is_each_listing_once_with_a_small_page_and_nothing_by_row(estate):
    pages: list[dict[str, Any]] = []

    def remember(request):
        pages.append(request.params)
        return False

    estate.stub.faults.append(Fault("ec2", effect=Effect.NONE, when=remember))
    await _diagnosed()
    target = Target("aws", "123456789012", "arn:aws:iam::123456789012:root", ("us-east-1", "eu-west-1"), ())
    foreseen = estimate_calls(Catalog.all().choose(), target)
    by_row = {asked.name for asked in foreseen.of_kind(CallKind.ROWS)} - {
        asked.name for asked in foreseen.of_kind(CallKind.SURE)
    }
    made = Counter(f"{call.service}:{call.operation}" for call in estate.stub.calls)
    assert not made.keys() & by_row
    assert made["ec2:DescribeVpcs"] == 1
    assert all(params.get("MaxResults", 5) == 5 for params in pages)
    assert sum(made.values()) < 130


# Outputs ----------------------------------------------------------------------------------------------------------


async def _output_faults(**given: Any) -> list[tuple[str, str]]:
    diagnosis = await _diagnosed(services="sqs", regions="us-east-1", **given)
    return [(finding.fault, finding.remedy) for finding in diagnosis.findings if finding.check == "output"]


@pytest.mark.parametrize(
    ("status", "faults"),
    [
        (200, []),
        (400, []),
        (403, ["the token is refused: 403 no"]),
        (404, ["nothing takes uploads there: 404 no"]),
        (503, ["it does not answer usefully: 503 no"]),
    ],
)
async def test_what_an_endpoint_answers_to_an_empty_batch_tells_whether_it_takes_ours(estate, status, faults):
    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Collector-Event"] == "check"
        assert await request.read() == b""
        return web.Response(status=status, text="no")

    async with serving(answer) as url:
        assert [fault for fault, _ in await _output_faults(output=url)] == faults


async def test_an_endpoint_that_nobody_listens_at_is_found(estate):
    ((fault, remedy),) = await _output_faults(output=_closed_port())
    assert fault.startswith("it does not answer usefully")
    assert remedy == "see to the address and to the way there (proxy, firewall)"


async def test_an_address_that_cannot_be_meant_is_found(estate):
    ((fault, _),) = await _output_faults(output="http://collector.example/in")
    assert "is not encrypted" in fault


@pytest.mark.parametrize(("status", "faults"), [(404, 0), (401, 1), (200, 0)])
async def test_jupiterone_is_asked_for_a_job_that_does_not_exist(estate, status, faults):
    asked: list[tuple[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.method, request.headers["JupiterOne-Account"]))
        return web.json_response({"job": {"status": "FINISHED"}}, status=status)

    async with serving(answer) as url:
        given = {"jupiterone_api_key": "k", "jupiterone_account": "acme"}
        found = await _output_faults(output=f"jupiterone+{url}", **given)
    assert len(found) == faults
    assert asked == [("GET", "acme")]


async def test_a_jupiterone_output_without_a_key_is_found(estate, monkeypatch):
    monkeypatch.delenv("JUPITERONE_API_KEY", raising=False)
    ((fault, _),) = await _output_faults(output="jupiterone+https://api.us.jupiterone.io")
    assert "needs JUPITERONE_API_KEY" in fault


async def test_files_that_cannot_be_written_are_found(estate, tmp_path):
    nowhere = tmp_path / "none"
    found = await _output_faults(output=str(nowhere / "a.ndjson"), report=nowhere / "report.json")
    assert [fault for fault, _ in found] == [f"{nowhere} is no folder that can be written to"] * 2
    assert await _output_faults(output=str(tmp_path / "a.ndjson")) == []


# The command --------------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setenv("COLLECTOR_RATES", ",".join(f"{name}={rate}" for name, rate in QUICK.items()))


def test_the_command_tells_faults_in_lines_and_by_its_exit_code(estate, quick, capsys):
    estate.stub.faults.append(Fault("sqs", "ListQueues", status=403, code="AccessDenied"))
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--services", "sqs,sns", "--regions", "us-east-1"])
    out, err = capsys.readouterr()
    assert (ended.value.code, err) == (2, "")
    lines = out.splitlines()
    assert lines[0] == "✗ permission sqs:ListQueues in 123456789012: AWS denies it"
    assert lines[1] == "    missing: aws_sqs_queue"
    assert lines[2].startswith("    remedy: allow arn:aws:sts::123456789012:user/moto sqs:ListQueues")
    assert lines[3].startswith("✓ account 123456789012: 1 region, permissions tried")


def test_the_command_tells_a_script_in_json(estate, quick, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--services", "sqs", "--regions", "us-east-1", "--format", "json"])
    told = json.loads(capsys.readouterr().out)
    assert (ended.value.code, told["findings"], [*told["accounts"]]) == (0, [], ["123456789012"])


def test_many_missing_types_are_counted(estate, quick, capsys):
    with pytest.raises(SystemExit):
        main(["doctor", "--services", "ec2", "--regions", "us-east-1,ap-south-1"])
    assert "and 7 more types" in capsys.readouterr().out
