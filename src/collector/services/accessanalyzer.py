"""IAM Access Analyzer. External access findings come from `ListFindings`, all others from `ListFindingsV2`."""

import re
from dataclasses import replace

from collector.schema.declarations import Call, Edge, Entity, Fixed, Row, Service, Template, pick, service_node
from collector.schema.values import computed, document, is_one_of, listed

EXTERNAL = ("ACCOUNT", "ORGANIZATION")
"""The analyzer types that `ListFindings` accepts; it rejects the others (source: Access Analyzer documentation)."""


@computed("type", "status")
def has_external_findings(row: Row) -> bool:
    """Whether the analyzer looks for external access and is active: the others refuse to list findings."""
    return row.get("status") == "ACTIVE" and row.get("type") in EXTERNAL


@computed("type", "status")
def has_other_findings(row: Row) -> bool:
    """Whether the analyzer looks for something else, such as unused access, and is active."""
    return row.get("status") == "ACTIVE" and row.get("type") not in EXTERNAL


EXTERNAL_FINDINGS = Call(
    "list_findings",
    "findings",
    {"maxResults": 100},
    each="aws_accessanalyzer_analyzer",
    args={"analyzerArn": "arn"},
    when=has_external_findings,
)

KINDS = {
    "InternalAccess": "Internal access",
    "UnusedIAMRole": "Unused role",
    "UnusedIAMUserAccessKey": "Unused access key",
    "UnusedIAMUserPassword": "Unused password",
    "UnusedPermission": "Unused permission",
}
"""Finding types in words."""


def last_part(arn: str | None) -> str:
    """The last part of a resource's ARN."""
    return re.split("[:/]", arn or "")[-1]


@computed("resource", "isPublic")
def external_title(row: Row) -> str:
    """What is accessible and how widely: `Public access to acme-logs`."""
    return f"{'Public' if row.get('isPublic') else 'External'} access to {last_part(row.get('resource'))}"


@computed("resource", "findingType")
def other_title(row: Row) -> str:
    """The type and the resource of a finding: `Unused role: deploy`."""
    kind = row.get("findingType", "")
    return f"{KINDS.get(kind, kind)}: {last_part(row.get('resource'))}"


analyzer = Entity(
    type="aws_accessanalyzer_analyzer",
    cls=("Assessment", "Scanner"),
    rows=Call("list_analyzers", "analyzers", {"maxResults": 100}),
    key="arn",
    name="name",
    created="createdAt",
    active=is_one_of("status", "ACTIVE"),
    web="https://{console}/access-analyzer/home?region={region}#/analyzer/{name}",
    tags="tags",
    props=pick(
        "type",
        "status",
        "lastResourceAnalyzed",
        "lastResourceAnalyzedAt",
        category=Fixed(["access-analysis"]),
        summary=Template("Access Analyzer of type {type}"),
        internal=Fixed(value=True),
        statusReasonCode="statusReason.code",
        unusedAccessAge="configuration.unusedAccess.unusedAccessAge",
    ),
)

external_finding = Entity(
    type="aws_accessanalyzer_finding",
    cls="Finding",
    rows=EXTERNAL_FINDINGS,
    key=Template("{^.arn}/finding/{id}"),
    arn=None,
    id="id",
    name=external_title,
    created="createdAt",
    web="https://{console}/access-analyzer/home?region={region}#/findings/details/{id}",
    props=pick(
        "resource",
        "resourceType",
        "resourceOwnerAccount",
        "isPublic",
        "action",
        "status",
        "analyzedAt",
        "error",
        category=Fixed(["ExternalAccess"]),
        findingType=Fixed("ExternalAccess"),
        open=is_one_of("status", "ACTIVE"),
        public="isPublic",
        principal=document("principal"),
        condition=document("condition"),
        sources="sources[].type",
        updatedOn="updatedAt",
    ),
    edges=(Edge("aws_accessanalyzer_analyzer", "IDENTIFIED", "aws_accessanalyzer_finding", at="^.arn"),),
)

other_finding = replace(
    external_finding,
    name=other_title,
    rows=replace(EXTERNAL_FINDINGS, op="list_findings_v2", when=has_other_findings),
    props=pick(
        "resource",
        "resourceType",
        "resourceOwnerAccount",
        "findingType",
        "status",
        "analyzedAt",
        "error",
        category=listed("findingType"),
        open=is_one_of("status", "ACTIVE"),
        updatedOn="updatedAt",
    ),
)

SERVICE = Service(
    name="accessanalyzer",
    client="accessanalyzer",
    title="Access Analyzer",
    node=service_node(
        "aws_accessanalyzer", "AWS IAM Access Analyzer", category=("security",), function=("access-analysis",)
    ),
    has=("aws_accessanalyzer_analyzer",),
    entities=(analyzer, external_finding, other_finding),
)
