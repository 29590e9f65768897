"""IAM Access Analyzer. External access findings come from `ListFindings`, all others from `ListFindingsV2`."""

from dataclasses import replace

from collector.schema.declarations import Call, Edge, Entity, First, Fixed, Service, Template, pick, service_node
from collector.schema.values import differs, document, equals

EXTERNAL = ("ACCOUNT", "ORGANIZATION")
"""The analyzer types that `ListFindings` accepts; it rejects the others (source: Access Analyzer documentation)."""

EXTERNAL_FINDINGS = Call(
    "list_findings",
    "findings",
    {"maxResults": 100},
    each="aws_accessanalyzer_analyzer",
    args={"analyzerArn": "arn"},
    when=equals("type", *EXTERNAL),
)

analyzer = Entity(
    type="aws_accessanalyzer_analyzer",
    cls=("Assessment", "Scanner"),
    rows=Call("list_analyzers", "analyzers", {"maxResults": 100}),
    key="arn",
    name="name",
    created="createdAt",
    active=equals("status", "ACTIVE"),
    web="https://{console}/access-analyzer/home?region={region}#/analyzer/{name}",
    tags="tags",
    props=pick(
        "type",
        "status",
        "lastResourceAnalyzed",
        "lastResourceAnalyzedAt",
        category=Fixed("access-analysis"),
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
    name=First("resource", "id"),
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
        category=Fixed("ExternalAccess"),
        findingType=Fixed("ExternalAccess"),
        open=equals("status", "ACTIVE"),
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
    rows=replace(EXTERNAL_FINDINGS, op="list_findings_v2", when=differs("type", *EXTERNAL)),
    props=pick(
        "resource",
        "resourceType",
        "resourceOwnerAccount",
        "findingType",
        "status",
        "analyzedAt",
        "error",
        category="findingType",
        open=equals("status", "ACTIVE"),
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
