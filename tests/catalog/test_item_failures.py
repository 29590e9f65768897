"""Failures inside a successful answer: each member that can report one is declared at the call, or is harmless."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from collector.catalog.catalog import Catalog, call_of, client_of, declarations, describing_client, operations
from collector.schema.declarations import Call, Custom, Declaration, Describe, Failures, Gather, Hydrate, Service
from tests.declarations import operation, shape_of, walk

CATALOG = Catalog.all()

TELLING = frozenset({
    "denied", "error", "errors", "exception", "exceptions", "fail", "failed", "failure", "failures", "inaccessible", "incomplete",
    "invalid", "malformed", "missing", "omitted", "rejected", "skipped", "unavailable", "unprocessed", "unsuccessful", "unsupported",
    "warning", "warnings",
})  # fmt: skip
"""Words in the name of a member that can tell of a failure."""

STATE = "the state of the resource itself; nothing in the answer is missing because of it"
SETTING = "a setting of the resource"

BENIGN = {
    "accessanalyzer FindingSummary.error": STATE,
    "accessanalyzer FindingSummaryV2.error": STATE,
    "acm CertificateDetail.FailureReason": STATE,
    "apigateway RestApi.warnings": "about the import of the API's definition",
    "apigatewayv2 Api.Warnings": "about the import of the API's definition",
    "apigatewayv2 MutualTlsAuthentication.TruststoreWarnings": "about the certificates in the domain's trust store",
    "cloudfront DistributionConfig.CustomErrorResponses": SETTING,
    "cloudfront DistributionSummary.CustomErrorResponses": SETTING,
    "cloudtrail GetTrailStatusResponse.LatestCloudWatchLogsDeliveryError": STATE,
    "cloudtrail GetTrailStatusResponse.LatestDeliveryError": STATE,
    "cloudtrail GetTrailStatusResponse.LatestDigestDeliveryError": STATE,
    "cloudtrail GetTrailStatusResponse.LatestNotificationError": STATE,
    "cloudwatch MetricAlarm.TreatMissingData": SETTING,
    "config ConfigurationRecorderStatus.lastErrorCode": STATE,
    "config ConfigurationRecorderStatus.lastErrorMessage": STATE,
    "dynamodb ReplicaDescription.ReplicaInaccessibleDateTime": STATE,
    "dynamodb SSEDescription.InaccessibleEncryptionDateTime": STATE,
    "ec2 FlowLog.DeliverLogsErrorMessage": STATE,
    "ec2 NatGateway.FailureCode": STATE,
    "ec2 NatGateway.FailureMessage": STATE,
    "ec2 NatGatewayAddress.FailureMessage": STATE,
    "ecs Deployment.failedTasks": STATE,
    "guardduty AwsApiCallAction.ErrorCode": "the answer to the call that the finding is about",
    "guardduty EbsVolumeDetails.SkippedVolumeDetails": "volumes that the malware scan of the finding did not read",
    "guardduty LoginAttribute.FailedLoginAttempts": "the log-ins that the finding is about",
    "inspector AssessmentRunNotification.error": "about a notification of the run",
    "inspector2 State.errorCode": STATE,
    "inspector2 State.errorMessage": STATE,
    "lambda EnvironmentResponse.Error": "environment variables could not be decrypted; they are never collected",
    "lambda ImageConfigResponse.Error": "the settings of the container image, which no declaration reads",
    "lambda RuntimeVersionConfig.Error": "the exact version of the runtime, which no declaration reads",
    "opensearch AutoTuneOptionsOutput.ErrorMessage": STATE,
    "redshift ClusterParameterStatus.ParameterApplyErrorDescription": STATE,
    "redshift LoggingStatus.LastFailureMessage": STATE,
    "redshift LoggingStatus.LastFailureTime": STATE,
    "s3 Condition.HttpErrorCodeReturnedEquals": SETTING,
    "s3 GetBucketWebsiteOutput.ErrorDocument": SETTING,
    "s3 LifecycleRule.AbortIncompleteMultipartUpload": SETTING,
    "wafv2 JsonBody.InvalidFallbackBehavior": SETTING,
    "wafv2 ResponseInspectionBodyContains.FailureStrings": SETTING,
    "wafv2 ResponseInspectionHeader.FailureValues": SETTING,
    "wafv2 ResponseInspectionJson.FailureValues": SETTING,
    "wafv2 ResponseInspectionStatusCode.FailureCodes": SETTING,
    "workspaces Workspace.ErrorCode": STATE,
    "workspaces Workspace.ErrorMessage": STATE,
    "workspaces WorkspaceDirectory.ErrorMessage": STATE,
}
"""Members of shapes that tell of failures, but not of a failure to read something that is collected; with the reason."""

Site = tuple[str, str, tuple[Failures, ...], str]
"""A call in a declaration: its client, operation and declared failures, and where it is."""


def sites(catalog: Catalog) -> Iterator[Site]:
    for service in catalog.services:
        for declaration in declarations(service):
            where = getattr(declaration, "type", "") or f"{service.name} links {getattr(declaration, 'title', '')}"
            for client, call in calls_of(service, declaration):
                if isinstance(call, str):
                    yield client, call, (), where
                else:
                    yield client, call.op, call.failures, where


def calls_of(
    service: Service, declaration: Declaration
) -> Iterator[tuple[str, Call | Hydrate | Gather | Describe | str]]:
    """Every call of a declaration with its client; the calls of a `Custom`, which can declare nothing, by name."""
    for rows in (declaration.rows, *(join.rows for join in declaration.join)):
        if isinstance(rows, Custom):
            yield from ((client_of(service, declaration, rows.client), op) for op in rows.ops)
        elif call := call_of(rows):
            yield client_of(service, declaration, call.client), call
    further: tuple[Hydrate | Gather, ...] = (*declaration.hydrate, *declaration.gather)
    yield from ((client_of(service, declaration, each.client), each) for each in further)
    if declaration.describe:
        yield describing_client(service, declaration), declaration.describe


def telling_members(shape: Any, seen: set[str] | None = None) -> Iterator[tuple[str, str]]:
    """The (shape, member) pairs below a shape whose names can tell of failures; what is inside of one is a part of it."""
    seen = set() if seen is None else seen
    if shape is None:
        return
    if shape.type_name == "list":
        yield from telling_members(shape.member, seen)
    elif shape.type_name == "map":
        yield from telling_members(shape.value, seen)
    elif shape.type_name == "structure" and shape.name not in seen:
        seen.add(shape.name)
        for name, member in shape.members.items():
            if TELLING & words(name):
                yield shape.name, name
            else:
                yield from telling_members(member, seen)


def words(name: str) -> set[str]:
    """The words of a member's name, in lower case: `unprocessed` and `keys` of `UnprocessedKeys`."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def declared_member(shape: Any, path: str) -> tuple[str, str]:
    """The (shape, member) pair that a path to failures names."""
    *outer, last = path.split(".")
    for part in outer:
        shape = shape.members[part.rstrip("[]{}")]
        shape = shape.member if part.endswith("[]") else shape.value if part.endswith("{}") else shape
    return shape.name, last.rstrip("[]{}")


def undeclared(catalog: Catalog) -> list[str]:
    problems = []
    for client, op, failures, where in sites(catalog):
        shape = operation(client, op).output_shape
        known = {declared_member(shape, each.items) for each in failures}
        for name, member in telling_members(shape):
            if (name, member) not in known and f"{client} {name}.{member}" not in BENIGN:
                problems.append(
                    f"{where}: {client}.{op} can tell of a failure in {name}.{member}: declare it in `failures` of the call,"
                    " or say in BENIGN why nothing that is collected is missing because of it"
                )
    return problems


def test_every_member_that_tells_of_failures_is_declared_or_harmless():
    assert undeclared(CATALOG) == []


def test_the_calls_examined_are_those_of_the_catalogue():
    listed = {operation for s in CATALOG.services for each in declarations(s) for operation in operations(s, each)}
    assert {(client, op) for client, op, _, _ in sites(CATALOG)} == listed


def test_every_harmless_member_exists_and_is_called():
    members = {
        f"{client} {name}.{member}"
        for client, op, _, _ in sites(CATALOG)
        for name, member in telling_members(operation(client, op).output_shape)
    }
    assert set(BENIGN) - members == set()


DECLARED = [
    pytest.param(client, op, each, id=f"{where}-{op}")
    for client, op, failures, where in sites(CATALOG)
    for each in failures
]


@pytest.mark.parametrize(("client", "op", "failures"), DECLARED)
def test_declared_failures_are_in_the_model(client, op, failures):
    at = walk(shape_of(operation(client, op).output_shape), failures.items)
    item = at.item if at.kind == "list" else at
    assert item is not None
    for path in (failures.code, failures.message, failures.id):
        if path is not None:
            walk(item, path)


@pytest.mark.parametrize(
    "service",
    [service for service in CATALOG.services if any(failures for _, _, failures, _ in sites(Catalog((service,))))],
    ids=lambda service: service.name,
)
def test_a_call_that_forgets_its_failures_is_found(service):
    def forgetful(declaration: Any) -> Any:
        describe = declaration.describe and replace(declaration.describe, failures=())
        return replace(
            declaration, describe=describe, hydrate=tuple(replace(each, failures=()) for each in declaration.hydrate)
        )

    forgotten = replace(service, entities=tuple(forgetful(entity) for entity in service.entities))
    assert undeclared(Catalog((service,))) == []
    assert undeclared(Catalog((forgotten,))) != []
