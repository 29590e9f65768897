"""Amazon Inspector Classic. AWS has discontinued it, so it is not among the default services."""

from collector.schema.declarations import (
    Call,
    Computed,
    Describe,
    Edge,
    Entity,
    Failures,
    Fixed,
    Row,
    Service,
    Source,
    pick,
    service_node,
)
from collector.schema.values import document, entry, integer, lower

FAILURES = (Failures("failedItems{}", code="failureCode"),)


def attribute(name: str) -> Source:
    """An attribute of a finding. Which ones exist depends on the rule."""
    return entry("attributes", name, name="key", value="value")


def number(name: str) -> Source:
    """An attribute of a finding, as an integer."""
    return integer(entry("attributes", name, name="key", value="value"))


def targets(row: Row) -> list[str]:
    """The id, host name and IPv4 addresses of the assessed instance."""
    asset = row.get("assetAttributes", {})
    named = (asset.get("agentId"), asset.get("hostname"), *asset.get("ipv4Addresses", ()))
    return [one for one in named if one]


assessment = Entity(
    type="aws_inspector_assessment",
    cls="Assessment",
    rows=Call("list_assessment_runs", "assessmentRunArns", {"maxResults": 100}),
    describe=Describe(
        "describe_assessment_runs", "assessmentRuns", ids="assessmentRunArns", size=10, failures=FAILURES
    ),
    key="arn",
    name="name",
    created="createdAt",
    web="https://{console}/inspector/home?region={region}#/run",
    props=pick(
        "assessmentTemplateArn",
        "durationInSeconds",
        "rulesPackageArns",
        "stateChangedAt",
        "dataCollected",
        category=Fixed(["vulnerability-assessment"]),
        summary=Fixed("Assessment run of Amazon Inspector Classic"),
        internal=Fixed(value=True),
        status="state",
        startedOn="startedAt",
        completedOn="completedAt",
        findingCounts=document("findingCounts"),
    ),
)

NETWORK = pick(
    ruleType=attribute("RULE_TYPE"),
    protocol=attribute("PROTOCOL"),
    port=number("PORT"),
    tcpPorts=attribute("TCP_PORTS"),
    udpPorts=attribute("UDP_PORTS"),
    acl=attribute("ACL"),
    eni=attribute("ENI"),
    igw=attribute("IGW"),
    securityGroup=attribute("SECURITY_GROUP"),
    vpc=attribute("VPC"),
)

finding = Entity(
    type="aws_inspector_finding",
    cls="Finding",
    rows=Call("list_findings", "findingArns", {"maxResults": 100}),
    describe=Describe("describe_findings", "findings", ids="findingArns", size=10, failures=FAILURES),
    key="arn",
    id="id",
    name="title",
    created="createdAt",
    web="https://{console}/inspector/home?region={region}#/finding",
    props=NETWORK
    | pick(
        "description",
        "recommendation",
        "numericSeverity",
        "confidence",
        "indicatorOfCompromise",
        "service",
        "assetType",
        "assetAttributes.agentId",
        "assetAttributes.amiId",
        "assetAttributes.hostname",
        "serviceAttributes.assessmentRunArn",
        "serviceAttributes.rulesPackageArn",
        category=Fixed(["host"]),
        severity=lower("severity"),
        open=Fixed(value=True),
        updatedOn="updatedAt",
        instanceId="assetAttributes.agentId",
        targets=Computed(
            targets, ("assetAttributes.agentId", "assetAttributes.hostname", "assetAttributes.ipv4Addresses")
        ),
    ),
    edges=(
        Edge(
            "aws_inspector_assessment", "IDENTIFIED", "aws_inspector_finding", at="serviceAttributes.assessmentRunArn"
        ),
        Edge("aws_instance", "HAS", "aws_inspector_finding", at="assetAttributes.agentId"),
    ),
)

SERVICE = Service(
    name="inspector",
    client="inspector",
    title="Inspector Classic",
    default=False,
    node=service_node(
        "aws_inspector", "Amazon Inspector", category=("security",), function=("vulnerability-scanning",)
    ),
    has=("aws_inspector_assessment",),
    entities=(assessment, finding),
)
