"""AWS CloudTrail. A trail is no entity: its properties are on the relationships from the service to its destinations.

Event selectors and tags are available in a trail's home region only, and only to the account that owns the trail.
"""

from collector.schema.declarations import (
    Call,
    Computed,
    Edge,
    Fixed,
    Gather,
    Hydrate,
    Join,
    Links,
    Row,
    Service,
    Source,
    Template,
    pick,
    service_node,
)
from collector.schema.values import account_of, computed, document, without_suffix

NODE = Template("{account}:service:aws_cloudtrail")
SELECTORS = ("Selectors.EventSelectors", "Selectors.AdvancedEventSelectors")


def records(row: Row, kind: str, flag: str) -> bool | None:
    """Whether any event selector records events of this kind; None if there are no selectors."""
    selectors = row.get("Selectors") or {}
    plain, advanced = selectors.get("EventSelectors") or (), selectors.get("AdvancedEventSelectors") or ()
    if not plain and not advanced:
        return None
    is_plain = any(selector.get("ReadWriteType", "All") in ("All", kind) for selector in plain)
    return is_plain or any(_lets_through(selector, flag) for selector in advanced)


def _lets_through(selector: Row, flag: str) -> bool:
    """An advanced selector without the field `readOnly` records both reads and writes."""
    limits = [field.get("Equals") or () for field in selector["FieldSelectors"] if field["Field"] == "readOnly"]
    return not limits or any(flag in limit for limit in limits)


reading = Computed(lambda row: records(row, "ReadOnly", "true"), SELECTORS)
writing = Computed(lambda row: records(row, "WriteOnly", "false"), SELECTORS)


@computed("TrailARN", "Caller[].Account")
def is_foreign(row: Row) -> bool:
    """Whether another account owns the trail: the management account of the organization."""
    owner = account_of(row.get("TrailARN", ""))
    return bool(owner) and any(owner != caller.get("Account") for caller in row["Caller"])


FACTS: dict[str, Source] = pick(
    "Name", "TrailARN", "S3BucketName", "S3KeyPrefix", "IncludeGlobalServiceEvents", "IsMultiRegionTrail", "HomeRegion",
    "LogFileValidationEnabled", "CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn", "KmsKeyId", "IsOrganizationTrail",
    "HasCustomEventSelectors", "HasInsightSelectors", "Status.IsLogging", "Status.LatestDeliveryError",
    webLink=Template("https://{console}/cloudtrailv2/home?region={HomeRegion}#/trails/{TrailARN}"),
)  # fmt: skip

DETAILS: dict[str, Source] = pick(
    read=reading,
    write=writing,
    eventSelectors=document("Selectors.EventSelectors"),
    advancedEventSelectors=document("Selectors.AdvancedEventSelectors"),
    trailTags=document("Tagging[].TagsList[]"),
)

STATUS = Hydrate("get_trail_status", "Status", {"Name": "TrailARN"})


def logs(facts: dict[str, Source]) -> tuple[Edge, ...]:
    """Edges to a trail's bucket, log group and KMS key; the first two carry these properties."""
    bucket = Template("arn:{partition}:s3:::{S3BucketName}")
    group = without_suffix("CloudWatchLogsLogGroupArn", ":*")
    return (
        Edge(
            "aws_cloudtrail", "LOGS", "aws_s3_bucket", of=NODE, at=bucket, outside=bucket, key="TrailARN", props=facts
        ),
        Edge("aws_cloudtrail", "LOGS", "aws_cloudwatch_log_group", of=NODE, at=group, key="TrailARN", props=facts),
        Edge("aws_cloudtrail", "USES", "aws_kms_key", of=NODE, at="KmsKeyId", key="TrailARN"),
    )


trails = Links(
    title="Trails",
    rows=Call("describe_trails", "trailList", {"includeShadowTrails": False}),
    gather=(Gather("list_tags", "Tagging", "ResourceTagList", "ResourceIdList", "TrailARN", "ResourceId", 20),),
    hydrate=(STATUS, Hydrate("get_event_selectors", "Selectors", {"TrailName": "TrailARN"})),
    edges=logs(FACTS | DETAILS),
)

# Member accounts see the organization's trail as a shadow trail only.
organization_trails = Links(
    title="Trails of the organization",
    scope="global",
    rows=Call("describe_trails", "trailList", {"includeShadowTrails": True}),
    join=(Join(Call("get_caller_identity", "@", client="sts"), "Caller", on=Fixed("all"), to=Fixed("all")),),
    when=is_foreign,
    hydrate=(STATUS,),
    edges=logs(FACTS),
)

SERVICE = Service(
    name="cloudtrail",
    client="cloudtrail",
    title="CloudTrail",
    node=service_node("aws_cloudtrail", "AWS CloudTrail", category=("security",), function=("logging", "monitoring")),
    entities=(),
    links=(trails, organization_trails),
)
