"""What the sample estate has that moto cannot hold: findings, compliance, classic firewalls, and the like.

The fixtures refer to what has been seeded. They answer for the home account in its main region; anywhere else
there is nothing.
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
from collector.demo.wire import Request, Value, nothing

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.demo.estate.seeded import SeededIds
    from collector.demo.stub import Fixture, Key, Patch

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
REGIONAL_ACL = "b2c3d4e5-6789-0abc-def1-234567890abc"


def fixtures(made: SeededIds) -> dict[Key, Fixture]:
    """The estate's fixtures by service and operation."""
    everything: dict[Key, Callable[[Request], Value]] = {
        **findings.access_analyzer(made),
        **findings.guardduty(made),
        **findings.inspector_classic(made),
        **findings.inspector(made),
        **_compliance(made),
        **_classic_firewalls(made),
        ("ecr", "DescribeImageScanFindings"): _scan_findings,
        ("lambda", "ListFunctionUrlConfigs"): lambda request: _function_url(made, request),
        ("route53domains", "ListTagsForDomain"): lambda _: {"TagList": [{"Key": "Team", "Value": "platform"}]},
        ("workspaces", "DescribeWorkspaceBundles"): _bundles,
    }
    return {key: _at_home(answer) for key, answer in everything.items()}


def patches(made: SeededIds) -> dict[Key, Patch]:
    """What the estate adds to answers of moto."""
    return {("ecr", "DescribeImages"): lambda answer, _: _with_scan(answer, made)}


def _at_home(answer: Callable[[Request], Value]) -> Callable[[Request], Value]:
    def at_home(request: Request) -> Value:
        return answer(request) if (request.account, request.region) == (HOME, REGION) else nothing(request)

    return at_home


def _compliance(made: SeededIds) -> dict[Key, Callable[[Request], Value]]:
    results = {
        BUCKET_RULE: [
            ("AWS::S3::Bucket", "acme-data", "COMPLIANT"),
            ("AWS::S3::Bucket", "acme-public-site", "NON_COMPLIANT"),
            ("AWS::EC2::Instance", made.instance, "COMPLIANT"),
        ],
        ACCOUNT_RULE: [("AWS::::Account", HOME, "COMPLIANT")],
    }

    def by_rule(request: Request) -> Value:
        wanted = request.params.get("ConfigRuleNames") or list(results)
        verdicts = {
            rule: "NON_COMPLIANT" if any(verdict == "NON_COMPLIANT" for *_, verdict in results[rule]) else "COMPLIANT"
            for rule in wanted
            if rule in results
        }
        told = [
            {"ConfigRuleName": rule, "Compliance": {"ComplianceType": verdict}} for rule, verdict in verdicts.items()
        ]
        return {"ComplianceByConfigRules": told}

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


def _classic_firewalls(made: SeededIds) -> dict[Key, Callable[[Request], Value]]:
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
        return {"ResourceArns": [made.load_balancer] if balancers else []}

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


def _with_scan(answer: Value, made: SeededIds) -> Value:
    """Moto does not tell with an image that it has been scanned."""
    for image in answer["imageDetails"]:
        if image["imageDigest"] == made.container_image:
            image["imageScanStatus"] = {"status": "COMPLETE"}
            image["imageScanFindingsSummary"] = _scan_summary()
    return answer


def _function_url(made: SeededIds, request: Request) -> Value:
    if request.params["FunctionName"] not in ("orders", made.function):
        return nothing(request)
    url = {
        "FunctionUrl": f"https://abcdefghij.lambda-url.{REGION}.on.aws/",
        "FunctionArn": made.function,
        "AuthType": "NONE",
        "CreationTime": NOW.isoformat(),
        "LastModifiedTime": NOW.isoformat(),
    }
    return {"FunctionUrlConfigs": [url]}


def _bundles(request: Request) -> Value:
    own = _bundle(BUNDLE, "Support", HOME)
    amazon = _bundle("wsb-gk1wpk43z", "Standard with Windows 10", "AMAZON")
    wanted = request.params.get("BundleIds")
    if wanted:
        return {"Bundles": [bundle for bundle in (own, amazon) if bundle["BundleId"] in wanted]}
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
