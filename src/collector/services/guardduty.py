"""Amazon GuardDuty. A region has one detector, or none if GuardDuty is off. Archived findings are not collected."""

from typing import Any

from collector.schema.declarations import (
    Call,
    Computed,
    Describe,
    Edge,
    Entity,
    First,
    Fixed,
    Hydrate,
    Row,
    Service,
    Template,
    Via,
    pick,
    service_node,
)
from collector.schema.values import document, epoch, is_one_of, listed, negated, only

NOT_OURS = "BadRequestException: not owned"
KEYS = "Resource.AccessKeyDetails"
ACTION = "Service.Action"

LEVELS = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.0, "low"))
"""The lower bound of each severity level (source: GuardDuty documentation)."""

TARGETS = (
    "Resource.InstanceDetails.InstanceId",
    "Resource.EksClusterDetails.Arn",
    "Resource.EcsClusterDetails.Arn",
    "Resource.RdsDbInstanceDetails.DbInstanceArn",
    "Resource.LambdaDetails.FunctionArn",
)


def level(severity: float) -> str:
    """The severity level of a numeric severity."""
    return next(word for least, word in LEVELS if severity >= least)


def unique_id(prefix: str) -> Via:
    """The principal's unique id if it has this prefix, without the session name that follows a role's id."""
    return Via(f"{KEYS}.PrincipalId", lambda one: one.split(":")[0] if one.startswith(prefix) else None)


def enabled(features: list[dict[str, Any]]) -> list[str]:
    """The names of the enabled features."""
    return [feature["Name"] for feature in features if feature.get("Status") == "ENABLED" and "Name" in feature]


def targets(row: Row) -> list[str]:
    """The affected resources of a finding: an instance by id, other resources by ARN."""
    resource = row.get("Resource", {})
    buckets = [bucket.get("Arn") for bucket in resource.get("S3BucketDetails", ())]
    others = [resource.get(part, {}).get(name) for _, part, name in (path.split(".") for path in TARGETS)]
    return [one for one in (*others, *buckets) if one]


detector = Entity(
    type="aws_guardduty_detector",
    cls=("Assessment", "Scanner"),
    rows=Call("list_detectors", "DetectorIds", {"MaxResults": 50}, wrap="DetectorId"),
    hydrate=(Hydrate("get_detector", "Detail", {"DetectorId": "DetectorId"}, absent=(NOT_OURS,)),),
    key=Template("arn:{partition}:guardduty:{region}:{account}:detector/{DetectorId}"),
    id="DetectorId",
    name=Template("GuardDuty detector of {region}"),
    created=epoch("Detail.CreatedAt"),
    active=is_one_of("Detail.Status", "ENABLED"),
    web="https://{console}/guardduty/home?region={region}#/settings",
    tags="Detail.Tags",
    props=pick(
        "Detail.Status", "Detail.FindingPublishingFrequency", "Detail.ServiceRole",
        category=Fixed(["threat-detection"]),
        summary=Fixed("Threat detection by Amazon GuardDuty"),
        internal=Fixed(value=True),
        updatedOn=epoch("Detail.UpdatedAt"),
        dataSources=document("Detail.DataSources"),
        features=document("Detail.Features"),
        enabledFeatures=Via("Detail.Features", enabled),
    ),
    edges=(Edge("aws_guardduty_detector", "USES", "aws_iam_role", at="Detail.ServiceRole"),),
)  # fmt: skip

INVOLVED = pick(
    f"{KEYS}.AccessKeyId",
    f"{ACTION}.ActionType",
    username=listed(f"{KEYS}.UserName"),
    roleId=unique_id("AROA"),
    userId=unique_id("AIDA"),
    attackSource=First(
        f"{ACTION}.NetworkConnectionAction.RemoteIpDetails.IpAddressV4",
        f"{ACTION}.AwsApiCallAction.RemoteIpDetails.IpAddressV4",
        f"{ACTION}.KubernetesApiCallAction.RemoteIpDetails.IpAddressV4",
        f"{ACTION}.RdsLoginAttemptAction.RemoteIpDetails.IpAddressV4",
        only(f"{ACTION}.PortProbeAction.PortProbeDetails[].RemoteIpDetails.IpAddressV4"),
        f"{ACTION}.DnsRequestAction.Domain",
    ),
    threatList="Service.Evidence.ThreatIntelligenceDetails[].ThreatListName",
    targets=Computed(targets, (*TARGETS, "Resource.S3BucketDetails[].Arn")),
)

finding = Entity(
    type="aws_guardduty_finding",
    cls="Finding",
    rows=Call(
        "list_findings",
        "FindingIds",
        {"MaxResults": 50, "FindingCriteria": {"Criterion": {"service.archived": {"Eq": ["false"]}}}},
        each="aws_guardduty_detector",
        args={"DetectorId": "DetectorId"},
        absent=(NOT_OURS,),
    ),
    describe=Describe("get_findings", "Findings", ids="FindingIds", size=50, args={"DetectorId": "DetectorId"}),
    key="Arn",
    id="Id",
    owner="AccountId",
    name="Title",
    created=epoch("CreatedAt"),
    web="https://{console}/guardduty/home?region={region}#/findings?fId={Id}",
    props=INVOLVED
    | pick(
        "Type",
        "Description",
        "Confidence",
        "SchemaVersion",
        "Resource.ResourceType",
        "Resource.InstanceDetails.InstanceId",
        "Service.Archived",
        "Service.Count",
        "Service.DetectorId",
        category=Via("Type", lambda type_: [type_.split(":")[0]]),
        severity=Via("Severity", level),
        numericSeverity="Severity",
        open=negated("Service.Archived"),
        updatedOn=epoch("UpdatedAt"),
        findingAccountId="AccountId",
        findingRegion="Region",
        eventFirstSeen=epoch("Service.EventFirstSeen"),
        eventLastSeen=epoch("Service.EventLastSeen"),
    ),
    edges=(
        Edge("aws_guardduty_detector", "IDENTIFIED", "aws_guardduty_finding", at="^.DetectorId"),
        Edge("aws_instance", "HAS", "aws_guardduty_finding", at="Resource.InstanceDetails.InstanceId"),
    ),
)

SERVICE = Service(
    name="guardduty",
    client="guardduty",
    title="GuardDuty",
    node=service_node("aws_guardduty", "Amazon GuardDuty", category=("security",), function=("threat-detection",)),
    has=("aws_guardduty_detector",),
    entities=(detector, finding),
)
