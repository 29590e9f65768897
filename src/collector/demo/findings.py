"""Fixtures: findings of the security services about seeded resources. Moto implements none of these operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from collector.demo.places import HOME, PARTNER, REGION
from collector.demo.stub import Key, StubError
from collector.demo.wire import Request, Value

if TYPE_CHECKING:
    from collector.demo.estate.seeded import SeededIds

Answers: TypeAlias = Mapping[Key, Callable[[Request], Value]]

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DAY = WHEN.isoformat().replace("+00:00", "Z")
PUBLIC_BUCKET = "arn:aws:s3:::acme-public-site"


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{HOME}:{resource}"


def _matching(items: list[Value], name: str, values: list[str]) -> list[Value]:
    return [item for item in items if item[name] in values]


# --- Access Analyzer ------------------------------------------------------------------------------------------

EXTERNAL = _arn("access-analyzer", "analyzer/external")
UNUSED = _arn("access-analyzer", "analyzer/unused")
FINDING = {
    "status": "ACTIVE",
    "resourceOwnerAccount": HOME,
    "analyzedAt": WHEN,
    "createdAt": WHEN,
    "updatedAt": WHEN,
}


def access_analyzer(ids: SeededIds) -> Answers:
    """Two analyzers: findings on the public bucket and the partner's role, and on an unused role."""
    external = _external_findings(ids)
    unused = [{**FINDING, "id": "unused", "resource": ids.roles["vendor"], "resourceType": "AWS::IAM::Role"}]
    findings_v2 = {
        EXTERNAL: [_finding_v2(finding, "ExternalAccess") for finding in external],
        UNUSED: [_finding_v2(finding, "UnusedIAMRole") for finding in unused],
    }

    def list_findings(request: Request) -> Value:
        if request.params["analyzerArn"] != EXTERNAL:
            raise StubError(400, "ValidationException", "This operation is for analyzers of external access.")
        return {"findings": external}

    def list_findings_v2(request: Request) -> Value:
        return {"findings": findings_v2[request.params["analyzerArn"]]}

    def get_finding_v2(request: Request) -> Value:
        (found,) = _matching(findings_v2[request.params["analyzerArn"]], "id", [request.params["id"]])
        return {**found, "findingDetails": []}

    return {
        ("accessanalyzer", "ListAnalyzers"): lambda _: {"analyzers": [_analyzer(EXTERNAL), _analyzer(UNUSED)]},
        ("accessanalyzer", "ListFindings"): list_findings,
        ("accessanalyzer", "ListFindingsV2"): list_findings_v2,
        ("accessanalyzer", "GetFindingV2"): get_finding_v2,
    }


def _external_findings(ids: SeededIds) -> list[Value]:
    bucket = {
        "id": "public-bucket",
        "resource": PUBLIC_BUCKET,
        "resourceType": "AWS::S3::Bucket",
        "principal": {"AWS": "*"},
        "action": ["s3:GetObject"],
        "condition": {},
        "isPublic": True,
    }
    role = {
        "id": "partner-role",
        "resource": ids.roles["partner-audit"],
        "resourceType": "AWS::IAM::Role",
        "principal": {"AWS": PARTNER},
        "action": ["sts:AssumeRole"],
        "condition": {"sts:ExternalId": "acme-partner-7"},
        "isPublic": False,
    }
    return [{**FINDING, **bucket}, {**FINDING, **role}]


def _finding_v2(finding: Value, kind: str) -> Value:
    """A finding as ListFindingsV2 returns it: without the details specific to its type."""
    details = ("principal", "action", "condition", "isPublic")
    return {"findingType": kind, **{name: value for name, value in finding.items() if name not in details}}


def _analyzer(arn: str) -> Value:
    return {
        "arn": arn,
        "name": arn.rsplit("/", 1)[1],
        "type": "ACCOUNT" if arn == EXTERNAL else "ACCOUNT_UNUSED_ACCESS",
        "createdAt": WHEN,
        "status": "ACTIVE",
        "tags": {"Team": "security"},
    }


# --- GuardDuty ------------------------------------------------------------------------------------------------


def guardduty(ids: SeededIds) -> Answers:
    """Findings of an attack on the web server and of a suspicious use of an access key; their ids are paginated."""
    attack = {"ResourceType": "Instance", "InstanceDetails": {"InstanceId": ids.instance, "InstanceType": "t3.micro"}}
    misuse = {"ResourceType": "AccessKey", "AccessKeyDetails": {"UserName": ids.user, "UserType": "IAMUser"}}
    findings = [
        _guardduty_finding(ids, "attack", "UnauthorizedAccess:EC2/SSHBruteForce", 8.0, attack),
        _guardduty_finding(ids, "misuse", "Discovery:IAMUser/AnomalousBehavior", 2.0, misuse),
    ]

    def list_findings(request: Request) -> Value:
        identifiers = [str(finding["Id"]) for finding in findings]
        first = int(request.params.get("NextToken") or 0)
        end = first + (request.params.get("MaxResults") or 50)
        page: Value = {"FindingIds": identifiers[first:end]}
        return {**page, "NextToken": str(end)} if end < len(identifiers) else page

    return {
        ("guardduty", "ListFindings"): list_findings,
        ("guardduty", "GetFindings"): lambda request: {
            "Findings": _matching(findings, "Id", request.params["FindingIds"])
        },
    }


def _guardduty_finding(ids: SeededIds, identifier: str, kind: str, severity: float, resource: Value) -> Value:
    return {
        "AccountId": HOME,
        "Arn": _arn("guardduty", f"detector/{ids.detector}/finding/{identifier}"),
        "Id": identifier,
        "Region": REGION,
        "Partition": "aws",
        "SchemaVersion": "2.0",
        "Severity": severity,
        "Title": f"{kind} seen",
        "Description": "An invented finding.",
        "Type": kind,
        "CreatedAt": DAY,
        "UpdatedAt": DAY,
        "Resource": resource,
        "Service": {
            "ServiceName": "guardduty",
            "Archived": False,
            "Count": 3,
            "DetectorId": ids.detector,
            "EventFirstSeen": DAY,
            "EventLastSeen": DAY,
        },
    }


# --- Inspector ------------------------------------------------------------------------------------------------

RUN = _arn("inspector", "target/0-aaaaaaaa/template/0-bbbbbbbb/run/0-cccccccc")
RUN_FINDING = f"{RUN}/finding/0-dddddddd"


def inspector_classic(ids: SeededIds) -> Answers:
    """One assessment run with one finding on the web server."""

    def described(name: str, item: Value, parameter: str) -> Callable[[Request], Value]:
        return lambda request: {name: _matching([item], "arn", request.params[parameter]), "failedItems": {}}

    return {
        ("inspector", "ListAssessmentRuns"): lambda _: {"assessmentRunArns": [RUN]},
        ("inspector", "DescribeAssessmentRuns"): described("assessmentRuns", _run(), "assessmentRunArns"),
        ("inspector", "ListFindings"): lambda _: {"findingArns": [RUN_FINDING]},
        ("inspector", "DescribeFindings"): described("findings", _run_finding(ids), "findingArns"),
    }


def _run() -> Value:
    return {
        "arn": RUN,
        "name": "monthly",
        "assessmentTemplateArn": RUN.split("/run/", 1)[0],
        "state": "COMPLETED",
        "durationInSeconds": 3600,
        "rulesPackageArns": [],
        "userAttributesForFindings": [],
        "createdAt": WHEN,
        "startedAt": WHEN,
        "completedAt": WHEN,
        "stateChangedAt": WHEN,
        "dataCollected": True,
        "stateChanges": [],
        "notifications": [],
        "findingCounts": {"High": 1},
    }


def _run_finding(ids: SeededIds) -> Value:
    return {
        "arn": RUN_FINDING,
        "service": "Inspector",
        "serviceAttributes": {"schemaVersion": 1, "assessmentRunArn": RUN},
        "assetType": "ec2-instance",
        "assetAttributes": {"schemaVersion": 1, "agentId": ids.instance, "tags": []},
        "id": "CVE-2026-0001",
        "title": "The web server has an invented flaw",
        "description": "An invented finding.",
        "recommendation": "Update it.",
        "severity": "High",
        "numericSeverity": 9.0,
        "confidence": 10,
        "attributes": [{"key": "CVE_ID", "value": "CVE-2026-0001"}],
        "userAttributes": [],
        "createdAt": WHEN,
        "updatedAt": WHEN,
    }


def inspector(ids: SeededIds) -> Answers:
    """One finding on the web server, and its coverage."""
    resource = {"id": ids.instance, "type": "AWS_EC2_INSTANCE", "region": REGION, "partition": "aws"}
    finding = {
        "findingArn": _arn("inspector2", "finding/0123456789abcdef"),
        "awsAccountId": HOME,
        "type": "PACKAGE_VULNERABILITY",
        "title": "CVE-2026-0001 - openssl",
        "description": "An invented finding.",
        "severity": "HIGH",
        "status": "ACTIVE",
        "inspectorScore": 8.1,
        "remediation": {"recommendation": {"text": "Update it."}},
        "firstObservedAt": WHEN,
        "lastObservedAt": WHEN,
        "updatedAt": WHEN,
        "resources": [resource],
        "packageVulnerabilityDetails": {
            "vulnerabilityId": "CVE-2026-0001",
            "source": "NVD",
            "vulnerablePackages": [{"name": "openssl", "version": "3.0.1"}],
        },
    }
    covered = {
        "accountId": HOME,
        "resourceId": ids.instance,
        "resourceType": "AWS_EC2_INSTANCE",
        "scanType": "PACKAGE",
        "scanStatus": {"statusCode": "ACTIVE", "reason": "SUCCESSFUL"},
        "lastScannedAt": WHEN,
    }
    return {
        ("inspector2", "ListFindings"): lambda _: {"findings": [finding]},
        ("inspector2", "ListCoverage"): lambda _: {"coveredResources": [covered]},
        ("inspector2", "ListCoverageStatistics"): lambda _: {"totalCounts": 1, "countsByGroup": []},
    }
