"""The stub as seen by boto3 without retries."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.parsers import ResponseParserError
from werkzeug.test import EnvironBuilder, run_wsgi_app

from collector.demo.estate.cloud import Cloud
from collector.demo.places import HOME, PARTNER
from collector.demo.stub import Call, Effect, Fault, StubError

BUCKET = {"Bucket": "acme"}

READS = [
    # Service, method, operation, parameters; the first six have different protocols.
    ("sqs", "list_queues", "ListQueues", {}),
    ("lambda", "list_functions", "ListFunctions", {}),
    ("iam", "list_users", "ListUsers", {}),
    ("ec2", "describe_vpcs", "DescribeVpcs", {}),
    ("s3", "list_buckets", "ListBuckets", {}),
    ("route53", "list_hosted_zones", "ListHostedZones", {}),
    # Services that share a signing name or sign with another name than their own.
    ("accessanalyzer", "list_analyzers", "ListAnalyzers", {}),
    ("apigateway", "get_rest_apis", "GetRestApis", {}),
    ("apigateway", "get_resources", "GetResources", {"restApiId": "a", "embed": ["methods"]}),
    ("apigatewayv2", "get_apis", "GetApis", {}),
    ("apigatewayv2", "get_routes", "GetRoutes", {"ApiId": "a"}),
    ("cloudhsmv2", "describe_clusters", "DescribeClusters", {}),
    ("cloudwatch", "describe_alarms", "DescribeAlarms", {}),
    ("dynamodb", "list_tables", "ListTables", {}),
    ("efs", "describe_file_systems", "DescribeFileSystems", {}),
    ("elb", "describe_load_balancers", "DescribeLoadBalancers", {}),
    ("elbv2", "describe_load_balancers", "DescribeLoadBalancers", {}),
    ("es", "list_domain_names", "ListDomainNames", {}),
    ("events", "list_event_buses", "ListEventBuses", {}),
    ("inspector", "list_assessment_runs", "ListAssessmentRuns", {}),
    ("inspector2", "list_findings", "ListFindings", {}),
    ("logs", "describe_log_groups", "DescribeLogGroups", {}),
    ("opensearch", "list_domain_names", "ListDomainNames", {}),
    ("route53domains", "list_domains", "ListDomains", {}),
    ("s3control", "get_public_access_block", "GetPublicAccessBlock", {"AccountId": HOME}),
    ("ses", "list_identities", "ListIdentities", {}),
    ("waf", "list_web_acls", "ListWebACLs", {}),
    ("waf-regional", "list_web_acls", "ListWebACLs", {}),
    ("wafv2", "list_web_acls", "ListWebACLs", {"Scope": "REGIONAL"}),
    # Operations that differ in the query string only.
    ("s3", "get_bucket_acl", "GetBucketAcl", BUCKET),
    ("s3", "get_bucket_policy", "GetBucketPolicy", BUCKET),
    ("s3", "get_bucket_policy_status", "GetBucketPolicyStatus", BUCKET),
    ("s3", "get_bucket_lifecycle_configuration", "GetBucketLifecycleConfiguration", BUCKET),
    ("s3", "list_objects_v2", "ListObjectsV2", BUCKET),
    (
        "cloudfront",
        "list_tags_for_resource",
        "ListTagsForResource",
        {"Resource": "arn:aws:cloudfront::1:distribution/E"},
    ),
    ("cloudfront", "get_distribution_config", "GetDistributionConfig", {"Id": "E"}),
]
PROTOCOLS = READS[:6]


@pytest.fixture
def stub(running_estate):
    stub = running_estate.stub
    fixtures, patches = dict(stub.fixtures), dict(stub.patches)
    stub.clear_calls()
    yield stub
    stub.fixtures, stub.patches, stub.faults = fixtures, patches, []


def call(cloud: Cloud, service: str, method: str, params: dict[str, Any], region: str = "us-east-1") -> Any:
    answer = getattr(cloud.client(service, region), method)(**params)
    answer.pop("ResponseMetadata")
    return answer


@pytest.mark.parametrize(("service", "method", "operation", "params"), READS)
def test_a_call_is_logged_with_service_and_operation(cloud, stub, service, method, operation, params):
    with suppress(ClientError):
        call(cloud, service, method, params)

    assert stub.calls == [Call(service, operation, "us-east-1", HOME)]


def test_a_call_is_logged_with_region_and_account_and_the_log_can_be_cleared(cloud, stub):
    partner = cloud.of_account(PARTNER)
    stub.clear_calls()

    call(partner, "ec2", "describe_vpcs", {}, "eu-west-1")

    assert stub.calls == [("ec2", "DescribeVpcs", "eu-west-1", PARTNER)]
    stub.clear_calls()
    assert stub.calls == []


@pytest.mark.parametrize(("service", "method", "operation", "params"), PROTOCOLS)
def test_an_error_has_the_format_of_the_protocol(cloud, stub, service, method, operation, params):
    stub.faults.append(
        Fault(service, operation, status=503, code="SlowDown", message="<slow> & steady", headers={"Retry-After": "7"})
    )

    with pytest.raises(ClientError) as caught:
        call(cloud, service, method, params)

    error, metadata = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    assert (error["Code"], error["Message"]) == ("SlowDown", "<slow> & steady")
    assert metadata["HTTPStatusCode"] == 503
    assert metadata["HTTPHeaders"]["retry-after"] == "7"


@pytest.mark.parametrize(("service", "method", "operation", "params"), PROTOCOLS)
def test_reset_closes_the_connection_without_a_response(cloud, stub, service, method, operation, params):
    stub.faults.append(Fault(service, operation, Effect.RESET))

    with pytest.raises(ConnectionClosedError):
        call(cloud, service, method, params)


@pytest.mark.parametrize(("service", "method", "operation", "params"), PROTOCOLS)
def test_a_truncated_response_is_shorter_than_its_content_length(cloud, stub, service, method, operation, params):
    stub.faults.append(Fault(service, operation, Effect.TRUNCATE))

    with pytest.raises(ConnectionClosedError) as caught:
        call(cloud, service, method, params)

    assert "IncompleteRead" in str(caught.value.kwargs["error"])


@pytest.mark.parametrize(("service", "method", "operation", "params"), [*PROTOCOLS[2:4], PROTOCOLS[5]])
def test_malformed_xml_cannot_be_parsed(cloud, stub, service, method, operation, params):
    stub.faults.append(Fault(service, operation, Effect.MALFORM))

    with pytest.raises(ResponseParserError):
        call(cloud, service, method, params)


def test_malformed_json_is_a_success_to_boto3(cloud, stub):
    stub.faults.append(Fault("sqs", "ListQueues", Effect.MALFORM))

    assert "QueueUrls" not in call(cloud, "sqs", "list_queues", {})


def test_a_delayed_response_is_the_real_one(cloud, stub, monkeypatch):
    delays: list[float] = []
    monkeypatch.setattr(stub, "_sleep", delays.append)
    stub.faults.append(Fault("sts", effect=Effect.NONE, delay=30))

    assert call(cloud, "sts", "get_caller_identity", {})["Account"] == HOME
    assert delays == [30]


def test_a_fault_applies_a_limited_number_of_times(cloud, stub):
    stub.faults.append(Fault("ec2", "DescribeVpcs", code="RequestLimitExceeded", status=503, times=2))

    outcomes = [fails(cloud, "ec2", "describe_vpcs") for _ in range(4)]

    assert outcomes == [True, True, False, False]


def test_a_fault_with_a_probability_depends_on_the_seed_only(cloud, stub, monkeypatch):
    stub.faults.append(Fault(code="Throttling", probability=0.5))

    def outcomes() -> list[bool]:
        monkeypatch.setattr(stub, "_random", Random(7))
        return [fails(cloud, "sts", "get_caller_identity") for _ in range(10)]

    first = outcomes()
    assert set(first) == {True, False}
    assert outcomes() == first


def fails(cloud: Cloud, service: str, method: str, region: str = "us-east-1") -> bool:
    try:
        call(cloud, service, method, {}, region)
    except ClientError:
        return True
    return False


def test_a_fault_can_be_limited_to_a_region_or_account(cloud, stub):
    partner = cloud.of_account(PARTNER)
    stub.faults += [Fault("ec2", region="eu-west-1"), Fault("sqs", account=PARTNER)]

    assert not fails(cloud, "ec2", "describe_vpcs")
    assert fails(cloud, "ec2", "describe_vpcs", "eu-west-1")
    assert not fails(cloud, "sqs", "list_queues")
    assert fails(partner, "sqs", "list_queues")


def test_a_fault_can_depend_on_the_parameters(cloud, stub):
    wrong = Fault(
        "sts",
        "AssumeRole",
        status=403,
        code="AccessDenied",
        when=lambda request: request.params["ExternalId"] != "demo",
    )
    stub.faults.append(wrong)
    role = {"RoleArn": f"arn:aws:iam::{PARTNER}:role/Reader", "RoleSessionName": "test"}

    assert call(cloud, "sts", "assume_role", {**role, "ExternalId": "demo"})["Credentials"]
    with pytest.raises(ClientError, match="AccessDenied"):
        call(cloud, "sts", "assume_role", {**role, "ExternalId": "guessed"})


@pytest.mark.parametrize(
    ("service", "operation", "method", "params", "fixture"),
    [
        ("workspaces", "DescribeWorkspaceBundles", "describe_workspace_bundles", {}, {"Bundles": [{"Name": "é"}]}),
        ("batch", "DescribeJobQueues", "describe_job_queues", {}, {"jobQueues": [{"priority": 3}]}),
        ("iam", "ListAccountAliases", "list_account_aliases", {}, {"AccountAliases": ["a", "b"], "IsTruncated": False}),
        ("ec2", "DescribeVpcs", "describe_vpcs", {}, {"Vpcs": [{"VpcId": "vpc-1", "IsDefault": True}]}),
        ("s3", "GetBucketLocation", "get_bucket_location", BUCKET, {"LocationConstraint": "EU"}),
        ("route53", "GetDNSSEC", "get_dnssec", {"HostedZoneId": "Z1"}, {"Status": {"ServeSignature": "SIGNING"}}),
    ],
)
def test_a_fixture_is_serialized_in_every_protocol(cloud, stub, service, operation, method, params, fixture):
    stub.fixtures[service, operation] = fixture

    answer = call(cloud, service, method, params)

    assert {name: answer[name] for name in fixture} == fixture


def test_a_fixture_can_be_a_function_of_the_request(cloud, stub):
    identifiers = [f"finding-{number}" for number in range(120)]

    def page(request):
        first = int(request.params.get("NextToken") or 0)
        end = first + request.params["MaxResults"]
        more = {"NextToken": str(end)} if end < len(identifiers) else {}
        return {"FindingIds": identifiers[first:end], **more}

    stub.fixtures["guardduty", "ListFindings"] = page
    pages = cloud.client("guardduty").get_paginator("list_findings")

    found = pages.paginate(DetectorId="d", PaginationConfig={"PageSize": 50}).build_full_result()

    assert found["FindingIds"] == identifiers
    assert len(stub.calls) == 3


def test_a_fixture_can_raise_an_aws_error(cloud, stub):
    def fail(_request):
        raise StubError(404, "NoSuchThing", "there is none")

    stub.fixtures["route53", "ListHostedZones"] = fail

    with pytest.raises(ClientError, match="NoSuchThing"):
        call(cloud, "route53", "list_hosted_zones", {})


def test_a_fixture_with_a_member_that_the_operation_lacks_is_rejected(stub):
    stub.fixtures["ec2", "DescribeVpcs"] = {"Vpcs": [{"VpcID": "vpc-1"}]}
    request = EnvironBuilder(
        method="POST",
        data={"Action": "DescribeVpcs", "Version": "2016-11-15"},
        headers={
            "Authorization": "AWS4-HMAC-SHA256 Credential=testing/20260102/us-east-1/ec2/aws4_request, Signature=0"
        },
    )

    with pytest.raises(LookupError, match=r"DescribeVpcs\.Vpcs\[\]: Vpc has no VpcID"):
        run_wsgi_app(stub, request.get_environ())


@pytest.mark.parametrize(
    ("service", "operation", "method", "change"),
    [
        ("sts", "GetCallerIdentity", "get_caller_identity", {"UserId": "AIDA"}),
        ("ec2", "DescribeVpcs", "describe_vpcs", {"NextToken": "more"}),
        ("sqs", "ListQueues", "list_queues", {"NextToken": "more"}),
        ("lambda", "ListFunctions", "list_functions", {"NextMarker": "more"}),
        ("route53", "ListHostedZones", "list_hosted_zones", {"Marker": "more"}),
    ],
)
def test_a_patch_changes_the_response(cloud, stub, service, operation, method, change):
    # The patch of the estate, if there is one, would not be applied to the second response.
    stub.patches.pop((service, operation), None)
    original = call(cloud, service, method, {})
    stub.patches[service, operation] = lambda answer, _request: {**answer, **change}

    assert call(cloud, service, method, {}) == {**original, **change}


def test_a_patch_is_not_applied_to_errors(cloud, stub):
    stub.patches["s3", "GetBucketPolicy"] = lambda _answer, _request: pytest.fail("not for errors")

    with pytest.raises(ClientError, match="NoSuchBucket"):
        call(cloud, "s3", "get_bucket_policy", {"Bucket": "nowhere"})


@pytest.mark.parametrize(
    ("service", "method", "params"),
    [
        ("ec2", "describe_stale_security_groups", {"VpcId": "vpc-1"}),
        ("eks", "list_insights", {"clusterName": "shop"}),
        ("detective", "list_graphs", {}),
    ],
)
def test_an_operation_that_moto_lacks_fails_permanently(cloud, stub, service, method, params):
    with pytest.raises(ClientError) as caught:
        call(cloud, service, method, params)

    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_region_that_moto_does_not_know_is_empty(cloud, stub):
    assert call(cloud, "workspaces", "describe_workspaces", {}, "us-east-2") == {"Workspaces": []}


def test_an_unsigned_request_is_forwarded_to_moto(stub):
    chunks, status, _ = run_wsgi_app(stub, EnvironBuilder(path="/moto-api/").get_environ())

    assert status == "200 OK"
    assert b"Moto" in b"".join(chunks)
    assert stub.calls == []
