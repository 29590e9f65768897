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
from collector.preflight.doctor import Check, Diagnosis, Finding, diagnose
from collector.preflight.policy import GATEWAY, required_actions
from collector.preflight.reach import QUICK_RETRIES
from collector.sinks.check import check
from tests.sinks.endpoint import Endpoint, serving
from tests.waits import no_sleep

PARTNER = "222233334444"
ROLE = f"arn:aws:iam::{PARTNER}:role/audit"
QUICK = {"ec2": 1000, "iam": 1000, "organizations": 1000, "route53": 1000, "sts": 1000}
"""Rates so high that no call waits for a token."""


async def _diagnosed(**options: Any) -> Diagnosis:
    settings = load_settings({"regions": "us-east-1", "rates": QUICK, **options})
    catalog = Catalog.all().choose(settings.services, settings.skip_services)
    return await diagnose(settings, catalog, replace(QUICK_RETRIES, sleep=no_sleep))


def _closed_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def _external_id(required):
    """AssumeRole fails as for a role whose trust policy requires this external id."""
    return Fault(
        "sts",
        "AssumeRole",
        status=403,
        code="AccessDenied",
        message="User is not authorized to perform: sts:AssumeRole on the role",
        when=lambda request: request.params.get("ExternalId") != required,
    )


# One fault of each kind --------------------------------------------------------------------------------------------


async def test_a_bad_external_id_is_found_with_its_remedy(estate):
    estate.stub.faults.append(_external_id("right"))
    diagnosis = await _diagnosed(role_arn=ROLE, external_id="wrong")
    (finding,) = diagnosis.findings
    assert (finding.check, finding.subject) == ("role", f"{ROLE} in {PARTNER}")
    assert "sts:AssumeRole: denied (AccessDenied)" in finding.fault
    assert "--external-id must match the external id in its trust policy" in finding.remedy
    assert set(Catalog.all().choose().types) == set(finding.missing)
    assert diagnosis.exit_code == 4
    assert (await _diagnosed(services="sqs", role_arn=ROLE, external_id="right")).exit_code == 0


async def test_a_denied_action_is_found_with_the_missing_types(estate):
    estate.stub.faults.append(Fault("ec2", "DescribeVolumes", status=403, code="UnauthorizedOperation"))
    diagnosis = await _diagnosed(services="ec2")
    (finding,) = diagnosis.findings
    assert (finding.check, finding.subject) == ("permission", "ec2:DescribeVolumes in 123456789012")
    assert (finding.fault, finding.missing) == ("AWS denied the call", ("aws_ebs_volume",))
    assert "`collector policy` prints the whole policy" in finding.remedy
    assert diagnosis.exit_code == 3


async def test_a_disabled_region_is_found_with_its_remedy(estate):
    diagnosis = await _diagnosed(services="sqs,iam", regions="us-east-1,ap-south-1")
    (finding,) = diagnosis.findings
    assert (finding.check, finding.subject, finding.fault) == (
        "region",
        "ap-south-1 in 123456789012",
        "not enabled for the account",
    )
    assert "account:EnableRegion" in finding.remedy
    assert "aws_sqs_queue" in finding.missing
    assert "aws_iam_user" not in finding.missing
    assert diagnosis.exit_code == 3


async def test_an_endpoint_that_cannot_be_reached_is_found_with_its_remedy(estate, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", _closed_port())
    diagnosis = await _diagnosed(services="sqs,sns")
    (finding,) = diagnosis.findings
    assert (finding.check, finding.subject) == ("endpoint", "sqs in us-east-1 of 123456789012")
    assert finding.fault.startswith("sqs:ListQueues: endpoint_unreachable")
    assert finding.missing == ("aws_sqs_queue",)
    assert "AWS_ENDPOINT_URL_SQS" in finding.remedy
    assert diagnosis.exit_code == 3


async def test_a_bad_upload_token_is_found_with_its_remedy(estate):
    endpoint = Endpoint()
    endpoint.token = "right"
    async with serving(endpoint.handle) as url:
        diagnosis = await _diagnosed(services="sqs", output=url, upload_token="wr0ng-s3cret")
        (finding,) = diagnosis.findings
        assert (finding.check, finding.subject) == ("output", url)
        assert finding.fault == "the token is rejected: 401 UNAUTHORIZED no"
        assert finding.remedy == "set a valid COLLECTOR_UPLOAD_TOKEN"
        assert diagnosis.exit_code == 3
        assert "wr0ng-s3cret" not in "\n".join(diagnosis.lines())
        assert await _output_faults(output=url, upload_token="right") == []
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


async def test_rejected_credentials_are_found(estate):
    estate.stub.faults.append(Fault("sts", code="InvalidClientTokenId", status=403))
    diagnosis = await _diagnosed()
    (finding,) = diagnosis.findings
    assert (finding.check, diagnosis.exit_code) == ("credentials", 4)
    assert finding.remedy == "renew the credentials, and check that AWS_PROFILE names the right profile"


async def test_an_unreachable_sts_endpoint_is_found(estate, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", _closed_port())
    diagnosis = await _diagnosed()
    (finding,) = diagnosis.findings
    assert (finding.check, diagnosis.exit_code) == ("credentials", 4)
    assert "AWS_ENDPOINT_URL" in finding.remedy


async def test_a_missing_external_id_is_found(estate):
    estate.stub.faults.append(_external_id("right"))
    (finding,) = (await _diagnosed(role_arn=ROLE)).findings
    assert "--external-id must be passed if its trust policy requires an external id" in finding.remedy


async def test_a_caller_without_permission_to_assume_roles_is_found(estate):
    why = "because no identity-based policy allows the sts:AssumeRole action"
    estate.stub.faults.append(Fault("sts", "AssumeRole", status=403, code="AccessDenied", message=why))
    (finding,) = (await _diagnosed(role_arn=ROLE)).findings
    assert finding.remedy.endswith("sts:AssumeRole on the role: `collector policy --caller` prints the policy")


async def test_a_refused_account_does_not_stop_the_others(estate):
    refused = lambda request: PARTNER in request.params["RoleArn"]  # noqa: E731
    estate.stub.faults.append(Fault("sts", "AssumeRole", status=403, code="AccessDenied", when=refused))
    diagnosis = await _diagnosed(services="sqs", accounts=f"123456789012,{PARTNER}", role_name="audit")
    (finding,) = diagnosis.findings
    assert (finding.check, diagnosis.exit_code, [*diagnosis.accounts]) == ("role", 3, ["123456789012"])


async def test_an_organization_that_cannot_be_read_is_found(estate):
    estate.stub.faults.append(Fault("organizations", "ListAccounts", code="AccessDeniedException"))
    diagnosis = await _diagnosed(services="sqs", org=True, role_name="audit")
    (finding,) = diagnosis.findings
    assert (finding.check, finding.subject, diagnosis.exit_code) == ("organization", "organizations:ListAccounts", 4)


# Regions and endpoints --------------------------------------------------------------------------------------------


async def test_an_unknown_region_is_found(estate):
    diagnosis = await _diagnosed(regions="us-east-77")
    assert [finding.fault for finding in diagnosis.findings] == ["unknown region 'us-east-77' in partition aws"]


async def test_regions_that_reject_the_credentials_or_do_not_answer_are_found(estate):
    estate.stub.faults.append(Fault("sts", code="RegionDisabledException", status=403, region="eu-west-1"))
    estate.stub.faults.append(Fault("sts", effect=Effect.RESET, region="us-east-2"))
    diagnosis = await _diagnosed(services="sqs", regions="us-east-1,us-east-2,eu-west-1")
    findings = {finding.subject: finding for finding in diagnosis.findings if finding.check == "region"}
    assert findings.keys() == {"eu-west-1 in 123456789012", "us-east-2 in 123456789012"}
    rejecting, silent = (findings[f"{region} in 123456789012"] for region in ("eu-west-1", "us-east-2"))
    assert rejecting.remedy == "enable the region, and STS in it, or leave it out of --regions"
    assert silent.remedy.startswith("check the network path")
    assert rejecting.missing == silent.missing == ("aws_sqs_queue",)


async def test_failures_of_one_endpoint_are_one_finding_with_the_remedy_for_its_reason(estate):
    estate.stub.faults.append(Fault("rds", code="InternalFailure", status=500))
    estate.stub.faults.append(Fault("sqs", code="OptInRequired", status=403))
    failing, closed = (await _diagnosed(services="rds,sqs")).findings
    assert failing.subject == "rds in us-east-1 of 123456789012"
    assert {"aws_db_instance", "aws_rds_cluster", "aws_db_snapshot"} <= set(failing.missing)
    assert failing.remedy.startswith("try again; if the failure persists")
    assert closed.remedy == "subscribe the account to the service, or leave the service out with --skip-services"


# Permissions ----------------------------------------------------------------------------------------------------


@pytest.fixture
def simulation(estate):
    """IAM's policy simulator, which moto lacks. Returns the decisions by action, to be filled in, and the requests."""
    decisions: dict[str, dict[str, Any]] = {}
    requests: list[dict[str, Any]] = []

    def simulate(request):
        requests.append(request.params)
        results = [
            {"EvalActionName": action, "EvalDecision": "allowed", **decisions.get(action, {})}
            for action in request.params["ActionNames"]
        ]
        return {"EvaluationResults": results, "IsTruncated": False}

    estate.stub.fixtures["iam", "SimulatePrincipalPolicy"] = simulate
    return decisions, requests


async def test_every_permission_is_simulated_if_simulation_is_allowed(simulation, monkeypatch):
    monkeypatch.setattr("collector.preflight.probes.SIMULATED_AT_ONCE", 10)
    _, requests = simulation
    diagnosis = await _diagnosed(services="apigateway,s3,iam", role_arn=ROLE)
    required = required_actions(Catalog.all().choose(["apigateway", "s3", "iam"]))
    assert diagnosis.exit_code == 0
    assert "all permissions simulated" in diagnosis.accounts[PARTNER]
    assert {params["PolicySourceArn"] for params in requests} == {ROLE}
    assert sorted(action for params in requests for action in params["ActionNames"]) == sorted(required.types)
    (gateway,) = [params for params in requests if params["ActionNames"] == [GATEWAY]]
    assert "arn:aws:apigateway:us-east-1::/restapis/x/stages" in gateway["ResourceArns"]


DECISIONS = {
    "s3:GetBucketAcl": ({"EvalDecision": "implicitDeny"}, "no policy allows it", f"allow {ROLE} s3:GetBucketAcl"),
    "s3:GetBucketLogging": ({"EvalDecision": "explicitDeny"}, "a policy denies it", f"allow {ROLE} s3:GetBucketLogging"),
    "s3:GetBucketPolicy": (
        {"EvalDecision": "implicitDeny", "OrganizationsDecisionDetail": {"AllowedByOrganizations": False}},
        "a service control policy (SCP) denies it",
        "have s3:GetBucketPolicy allowed in the service control policies (SCP) of the organization",
    ),
    "s3:GetBucketTagging": (
        {"EvalDecision": "implicitDeny", "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}},
        "the permissions boundary does not allow it",
        f"add s3:GetBucketTagging to the permissions boundary of {ROLE}",
    ),
}  # fmt: skip


async def test_simulation_finds_denied_per_row_actions_and_the_reasons(simulation):
    decisions, _ = simulation
    decisions |= {action: decision for action, (decision, _, _) in DECISIONS.items()}
    findings = (await _diagnosed(services="s3", role_arn=ROLE)).findings
    assert [finding.subject for finding in findings] == [f"{action} in {PARTNER}" for action in DECISIONS]
    for finding, (_, fault, remedy) in zip(findings, DECISIONS.values(), strict=True):
        assert finding.fault == fault
        assert finding.missing == ("aws_s3_bucket",)
        assert finding.remedy.startswith(remedy)


async def test_the_role_of_a_session_is_simulated_by_its_full_arn(simulation, estate):
    _, requests = simulation
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
    await _diagnosed(services="sqs")
    assert {params["PolicySourceArn"] for params in requests} == {arn}


async def test_a_denial_by_an_scp_differs_from_a_missing_permission(estate):
    why = "with an explicit deny in a service control policy"
    estate.stub.faults.append(Fault("sqs", "ListQueues", status=403, code="AccessDenied", message=why))
    (finding,) = (await _diagnosed(services="sqs")).findings
    assert (finding.fault, "(SCP)" in finding.remedy) == ("a service control policy (SCP) denies it", True)


async def test_a_healthy_estate_is_probed_with_small_pages_and_no_per_row_call_and_has_no_finding(estate):
    pages: list[dict[str, Any]] = []

    def remember(request):
        pages.append(request.params)
        return False

    estate.stub.faults.append(Fault("ec2", effect=Effect.NONE, when=remember))
    diagnosis = await _diagnosed(services="all,inspector,waf", regions="us-east-1,eu-west-1")
    assert (diagnosis.findings, diagnosis.exit_code) == ([], 0)
    assert list(diagnosis.lines())[-1] == "✓ no problems found"
    target = Target("aws", "123456789012", "arn:aws:iam::123456789012:root", ("us-east-1", "eu-west-1"), ())
    estimate = estimate_calls(Catalog.all(), target)
    certain = {call.name for call in estimate.of_kind(CallKind.CERTAIN)}
    per_row = {call.name for call in estimate.of_kind(CallKind.PER_ROW)} - certain
    made = Counter(f"{call.service}:{call.operation}" for call in estate.stub.calls)
    assert not made.keys() & per_row
    assert made["ec2:DescribeVpcs"] == 1
    assert all(params.get("MaxResults", 5) == 5 for params in pages)
    assert sum(made.values()) < 130


# Outputs ----------------------------------------------------------------------------------------------------------


async def _output_faults(**options: Any) -> list[tuple[str, str]]:
    return [(fault, remedy) for _, fault, remedy in await check(load_settings(options))]


@pytest.mark.parametrize(
    ("status", "faults"),
    [
        (200, []),
        (400, []),
        (403, ["the token is rejected: 403 no"]),
        (404, ["no upload endpoint at this address: 404 no"]),
        (503, ["the request failed: 503 no"]),
    ],
)
async def test_an_upload_endpoint_is_checked_with_an_empty_batch(status, faults):
    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Collector-Event"] == "check"
        assert await request.read() == b""
        return web.Response(status=status, text="no")

    async with serving(answer) as url:
        assert [fault for fault, _ in await _output_faults(output=url)] == faults


async def test_a_page_of_html_from_an_upload_endpoint_is_shown_by_its_text():
    page = f"<!DOCTYPE html><html><head><style>{'x ' * 200}</style><title>Forbidden</title></head><body>Ask\nIT.</html>"

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=403, text=page, content_type="text/html")

    async with serving(answer) as url:
        ((fault, _),) = await _output_faults(output=url)
    assert fault == "the token is rejected: 403 Forbidden Ask IT."


async def test_an_unreachable_upload_endpoint_is_found():
    ((fault, remedy),) = await _output_faults(output=_closed_port())
    assert fault.startswith("the request failed")
    assert remedy == "check the address, and any proxy or firewall on the way"


async def test_an_unencrypted_upload_address_is_found():
    ((fault, _),) = await _output_faults(output="http://collector.example/in")
    assert "is not encrypted" in fault


@pytest.mark.parametrize(("status", "faults"), [(404, 0), (401, 1), (200, 0)])
async def test_jupiterone_is_checked_with_a_job_that_does_not_exist(status, faults):
    requests: list[tuple[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        requests.append((request.method, request.headers["JupiterOne-Account"]))
        return web.json_response({"job": {"status": "FINISHED"}}, status=status)

    async with serving(answer) as url:
        credentials = {"jupiterone_api_key": "k", "jupiterone_account": "acme"}
        found = await _output_faults(output=f"jupiterone+{url}", **credentials)
    assert len(found) == faults
    assert requests == [("GET", "acme")]


async def test_a_jupiterone_output_without_a_key_is_found():
    ((fault, _),) = await _output_faults(output="jupiterone+https://api.us.jupiterone.io")
    assert "needs JUPITERONE_API_KEY" in fault


async def test_files_that_cannot_be_written_are_found(estate, tmp_path):
    missing = tmp_path / "none"
    files = {"output": f"{missing}/a.ndjson,{tmp_path}/b.ndjson", "report": missing / "report.json"}
    diagnosis = await _diagnosed(services="sqs", **files)
    assert [finding.fault for finding in diagnosis.findings] == [f"{missing} is not a directory"] * 2


async def test_a_file_with_an_unknown_suffix_is_found_and_a_device_is_none(estate):
    (finding,) = (await _diagnosed(services="sqs", output="x.parquet")).findings
    assert finding.fault.startswith("--output: 'x.parquet' has no known suffix")
    assert finding.remedy == "correct the name"
    assert (await _diagnosed(services="sqs", output="/dev/null")).findings == []


# Findings -----------------------------------------------------------------------------------------------------------


def test_findings_are_grouped_by_check_the_worst_first_and_the_verdict_is_last():
    found = [Finding(check, name, "broken", "mend it", missing) for check, name, missing in FOUND]
    diagnosis = Diagnosis(found, {"111122223333": "1 region"})
    headings = [line for line in diagnosis.lines() if line.endswith(":")]
    assert headings == ["output:", "region:", "permission:"]
    subjects = [line.split()[1].rstrip(":") for line in diagnosis.lines() if line.startswith("  ✗")]
    assert subjects == ["o", "r", "p3", "p2", "p1"]
    assert [each["subject"] for each in diagnosis.as_json()["findings"]] == subjects
    verdict = "✗ 5 findings (1 output, 1 region, 3 permission): the output could not be written"
    assert [*diagnosis.lines()][-1] == diagnosis.as_json()["verdict"] == verdict


FOUND = [
    (Check.PERMISSION, "p2", ("aws_a", "aws_b")),
    (Check.REGION, "r", ()),
    (Check.PERMISSION, "p1", ("aws_a",)),
    (Check.OUTPUT, "o", ()),
    (Check.PERMISSION, "p3", ("aws_a", "aws_b", "aws_c")),
]


@pytest.mark.parametrize(
    ("findings", "accounts", "code", "verdict"),
    [
        ([], {"1": ""}, 0, "✓ no problems found"),
        ([FOUND[1]], {"1": ""}, 3, "✗ 1 finding (1 region): a run would be incomplete"),
        ([FOUND[1]], {}, 4, "✗ nothing can be reached: a run would collect nothing"),
    ],
)
def test_the_verdict_and_the_exit_code_agree(findings, accounts, code, verdict):
    diagnosis = Diagnosis([Finding(each[0], each[1], "", "") for each in findings], accounts)
    assert (diagnosis.exit_code, [*diagnosis.lines()][-1]) == (code, verdict)


def test_doctor_says_in_one_line_on_standard_error_that_nothing_can_be_reached(estate, capsys):
    estate.stub.faults.append(Fault("sts", code="InvalidClientTokenId", status=403))
    with pytest.raises(SystemExit) as exited:
        main(["doctor", "--services", "sqs", "--regions", "us-east-1", "--format", "json"])
    out, err = capsys.readouterr()
    assert (exited.value.code, json.loads(out)["findings"][0]["check"]) == (4, "credentials")
    assert err.startswith("collector: nothing can be reached: sts:GetCallerIdentity")
    assert err.count("\n") == 1


# The command --------------------------------------------------------------------------------------------------------


def test_doctor_prints_findings_in_lines_and_sets_the_exit_code(estate, capsys):
    estate.stub.faults.append(Fault("sqs", "ListQueues", status=403, code="AccessDenied"))
    with pytest.raises(SystemExit) as exited:
        main(["doctor", "--services", "sqs,sns", "--regions", "us-east-1"])
    out, err = capsys.readouterr()
    assert (exited.value.code, err) == (3, "")
    account, check, finding, missing, remedy, verdict = out.splitlines()
    assert account.startswith("✓ account 123456789012: 1 region, permissions tried")
    assert check == "permission:"
    assert finding == "  ✗ sqs:ListQueues in 123456789012: AWS denied the call"
    assert missing == "      missing: aws_sqs_queue"
    assert remedy.startswith("      remedy: allow arn:aws:sts::123456789012:user/moto sqs:ListQueues")
    assert verdict == "✗ 1 finding (1 permission): a run would be incomplete"


def test_doctor_prints_json(estate, capsys):
    with pytest.raises(SystemExit) as exited:
        main(["doctor", "--services", "sqs", "--regions", "us-east-1", "--format", "json"])
    diagnosis = json.loads(capsys.readouterr().out)
    assert (exited.value.code, diagnosis["findings"], [*diagnosis["accounts"]]) == (0, [], ["123456789012"])


def test_missing_types_beyond_the_first_eight_are_counted():
    types = tuple(f"aws_{number}" for number in range(15))
    lines = Diagnosis([Finding(Check.REGION, "x", "not enabled", "enable it", types)]).lines()
    assert f"      missing: {', '.join(types[:8])} and 7 more types" in [*lines]
