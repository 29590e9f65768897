"""Responses for the parts of the sample estate that moto cannot hold: findings, compliance, WAF Classic, and others.

The fixtures refer to seeded resources. They answer for the home account in its main region and are empty elsewhere.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from collector.demo import findings
from collector.demo.estate.access import BUNDLE
from collector.demo.estate.containers import SCANNED, VULNERABILITIES
from collector.demo.estate.delivery import CLASSIC_ACL
from collector.demo.estate.operations import ACCOUNT_RULE, BUCKET_RULE
from collector.demo.places import HOME, REGION
from collector.demo.wire import Request, Value, empty

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.demo.estate.seeded import SeededIds
    from collector.demo.stub import Fixture, Key, Patch

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
REGIONAL_ACL = "b2c3d4e5-6789-0abc-def1-234567890abc"


def fixtures(ids: SeededIds) -> dict[Key, Fixture]:
    """The estate's fixtures by service and operation."""
    answers: dict[Key, Callable[[Request], Value]] = {
        **findings.access_analyzer(ids),
        **findings.guardduty(ids),
        **findings.inspector_classic(ids),
        **findings.inspector(ids),
        **_compliance(ids),
        **_classic_firewalls(ids),
        ("ecr", "DescribeImageScanFindings"): _scan_findings,
        ("lambda", "ListFunctionUrlConfigs"): lambda request: _function_url(ids, request),
        ("route53domains", "ListTagsForDomain"): lambda _: {"TagList": [{"Key": "Team", "Value": "platform"}]},
        ("workspaces", "DescribeWorkspaceBundles"): _bundles,
    }
    return {key: _at_home(answer) for key, answer in answers.items()}


def patches(ids: SeededIds) -> dict[Key, Patch]:
    """What the estate adds to moto's responses, by service and operation."""
    return {("ecr", "DescribeImages"): lambda answer, _: _with_scan(answer, ids)}


def _at_home(answer: Callable[[Request], Value]) -> Callable[[Request], Value]:
    def at_home(request: Request) -> Value:
        return answer(request) if (request.account, request.region) == (HOME, REGION) else empty(request)

    return at_home


def _compliance(ids: SeededIds) -> dict[Key, Callable[[Request], Value]]:
    results = {
        BUCKET_RULE: [
            ("AWS::S3::Bucket", "acme-data", "COMPLIANT"),
            ("AWS::S3::Bucket", "acme-public-site", "NON_COMPLIANT"),
            ("AWS::EC2::Instance", ids.instance, "COMPLIANT"),
        ],
        ACCOUNT_RULE: [("AWS::::Account", HOME, "COMPLIANT")],
    }

    def by_rule(request: Request) -> Value:
        rules = request.params.get("ConfigRuleNames") or list(results)
        verdicts = {
            rule: "NON_COMPLIANT" if any(verdict == "NON_COMPLIANT" for *_, verdict in results[rule]) else "COMPLIANT"
            for rule in rules
            if rule in results
        }
        return {
            "ComplianceByConfigRules": [
                {"ConfigRuleName": rule, "Compliance": {"ComplianceType": verdict}}
                for rule, verdict in verdicts.items()
            ]
        }

    def details(request: Request) -> Value:
        rule = request.params["ConfigRuleName"]
        return {"EvaluationResults": [_evaluation(rule, *result) for result in results.get(rule, [])]}

    return {
        ("config", "DescribeComplianceByConfigRule"): by_rule,
        ("config", "GetComplianceDetailsByConfigRule"): details,
    }


def _evaluation(rule: str, kind: str, resource: str, verdict: str) -> Value:
    qualifier = {"ConfigRuleName": rule, "ResourceType": kind, "ResourceId": resource}
    return {
        "EvaluationResultIdentifier": {"EvaluationResultQualifier": qualifier, "OrderingTimestamp": NOW},
        "ComplianceType": verdict,
        "ResultRecordedTime": NOW,
    }


def _classic_firewalls(ids: SeededIds) -> dict[Key, Callable[[Request], Value]]:
    def described(name: str, identifier: str) -> Value:
        return {
            "WebACLId": identifier,
            "Name": name,
            "MetricName": name,
            "DefaultAction": {"Type": "ALLOW"},
            "Rules": [],
            "WebACLArn": f"arn:aws:waf::{HOME}:webacl/{identifier}",
        }

    def protected(request: Request) -> Value:
        balancers = request.params.get("ResourceType", "APPLICATION_LOAD_BALANCER") == "APPLICATION_LOAD_BALANCER"
        return {"ResourceArns": [ids.load_balancer] if balancers else []}

    return {
        ("waf", "ListWebACLs"): lambda _: {"WebACLs": [{"WebACLId": CLASSIC_ACL, "Name": "old"}]},
        ("waf", "GetWebACL"): lambda _: {"WebACL": described("old", CLASSIC_ACL)},
        ("waf-regional", "ListWebACLs"): lambda _: {"WebACLs": [{"WebACLId": REGIONAL_ACL, "Name": "oldRegional"}]},
        ("waf-regional", "GetWebACL"): lambda _: {"WebACL": described("oldRegional", REGIONAL_ACL)},
        ("waf-regional", "ListResourcesForWebACL"): protected,
    }


def _scan_findings(request: Request) -> Value:
    return {
        "registryId": HOME,
        "repositoryName": request.params["repositoryName"],
        "imageId": request.params["imageId"],
        "imageScanStatus": {"status": "COMPLETE", "description": "The scan was completed successfully."},
        "imageScanFindings": {**_scan_summary(), "findings": VULNERABILITIES},
    }


def _scan_summary() -> Value:
    severities = Counter(str(finding["severity"]) for finding in VULNERABILITIES)
    return {
        "imageScanCompletedAt": SCANNED,
        "vulnerabilitySourceUpdatedAt": SCANNED,
        "findingSeverityCounts": dict(severities),
    }


def _with_scan(answer: Value, ids: SeededIds) -> Value:
    """Adds the scan status and summary of the scanned image, which moto leaves out."""
    for image in answer["imageDetails"]:
        if image["imageDigest"] == ids.container_image:
            image["imageScanStatus"] = {"status": "COMPLETE"}
            image["imageScanFindingsSummary"] = _scan_summary()
    return answer


def _function_url(ids: SeededIds, request: Request) -> Value:
    if request.params["FunctionName"] not in ("orders", ids.function):
        return empty(request)
    url = {
        "FunctionUrl": f"https://abcdefghij.lambda-url.{REGION}.on.aws/",
        "FunctionArn": ids.function,
        "AuthType": "NONE",
        "CreationTime": NOW.isoformat(),
        "LastModifiedTime": NOW.isoformat(),
    }
    return {"FunctionUrlConfigs": [url]}


def _bundles(request: Request) -> Value:
    own = _bundle(BUNDLE, "Support", HOME)
    amazon = _bundle("wsb-gk1wpk43z", "Standard with Windows 10", "AMAZON")
    identifiers = request.params.get("BundleIds")
    if identifiers:
        return {"Bundles": [bundle for bundle in (own, amazon) if bundle["BundleId"] in identifiers]}
    return {"Bundles": [amazon if request.params.get("Owner") == "AMAZON" else own]}


def _bundle(identifier: str, name: str, owner: str) -> Value:
    return {
        "BundleId": identifier,
        "Name": name,
        "Owner": owner,
        "Description": f"{name}, 50 GB",
        "ComputeType": {"Name": "STANDARD"},
        "UserStorage": {"Capacity": "50"},
        "RootStorage": {"Capacity": "80"},
        "State": "AVAILABLE",
        "BundleType": "REGULAR",
        "CreationTime": NOW,
        "LastUpdatedTime": NOW,
    }
