"""AWS WAF: regional web ACLs, and web ACLs for CloudFront, which are in us-east-1.

Other protected resources need one call per resource type; distributions reference their ACL themselves.
"""

from dataclasses import replace

from collector.schema.declarations import (
    RESOURCE,
    Call,
    Edge,
    Entity,
    Fixed,
    Hydrate,
    Join,
    Row,
    Service,
    Via,
    pick,
    service_node,
)
from collector.schema.patterns import without_stage
from collector.schema.values import as_json, computed, present

KINDS = {
    "Balancers": "APPLICATION_LOAD_BALANCER",
    "Stages": "API_GATEWAY",
    "GraphApis": "APPSYNC",
    "UserPools": "COGNITO_USER_POOL",
    "AppRunners": "APP_RUNNER_SERVICE",
    "VerifiedAccess": "VERIFIED_ACCESS_INSTANCE",
    "AmplifyApps": "AMPLIFY",
}
"""The resource types that a regional ACL can protect, by the row field for their answer. Each takes one call."""


def web_acls(scope: str) -> Call:
    """The web ACLs of a scope."""
    return Call("list_web_acls", "WebACLs", {"Scope": scope, "Limit": 100}, token="NextMarker")  # noqa: S106


def log_destinations(scope: str) -> Join:
    """The log destinations of each web ACL of a scope."""
    params = {"Scope": scope, "Limit": 100}
    return Join(
        Call(
            "list_logging_configurations", "LoggingConfigurations", params, token="NextMarker",  # noqa: S106
            absent=("WAFNonexistentItemException",),
        ),
        "Logging", on="ResourceArn", to="ARN",
    )  # fmt: skip


def details(scope: str) -> tuple[Hydrate, Hydrate]:
    """The rules and tags of a web ACL."""
    return (
        Hydrate("get_web_acl", "Detail", {"Name": "Name", "Id": "Id"}, {"Scope": scope}),
        Hydrate("list_tags_for_resource", "Tagging", {"ResourceARN": "ARN"}, {"Limit": 100}),
    )


def rules(path: str) -> Via:
    """Rules as JSON text without their statements, which may match on a secret header of a proxy."""
    kept = ("Name", "Priority", "Action", "OverrideAction")
    return Via(path, lambda items: as_json([{name: rule[name] for name in kept if name in rule} for rule in items]))


@computed(*(f"{at}.ResourceArns" for at in KINDS))
def protected(row: Row) -> list[str]:
    """The ARNs of the resources that a web ACL protects; for a stage, the ARN of its REST API."""
    arns = (arn for at in KINDS for arn in (row.get(at) or {}).get("ResourceArns") or ())
    return list(dict.fromkeys(without_stage(arn) for arn in arns))


web_acl = Entity(
    type="aws_waf_v2_web_acl",
    cls="Firewall",
    rows=web_acls("REGIONAL"),
    join=(log_destinations("REGIONAL"),),
    hydrate=(
        *details("REGIONAL"),
        *(Hydrate("list_resources_for_web_acl", at, {"WebACLArn": "ARN"}, {"ResourceType": kind}) for at, kind in KINDS.items()),
    ),
    key="ARN",
    id="Id",
    name="Name",
    web="https://{console}/wafv2/homev2/web-acl/{Name}/{Id}/overview?region={region}",
    tags="Tagging.TagInfoForResource.TagList",
    props=pick(
        "Description", "Detail.WebACL.Capacity", "Detail.WebACL.LabelNamespace", "Detail.WebACL.ManagedByFirewallManager",
        "Detail.WebACL.VisibilityConfig.CloudWatchMetricsEnabled", "Detail.WebACL.VisibilityConfig.MetricName",
        "Detail.WebACL.VisibilityConfig.SampledRequestsEnabled",
        category=Fixed(["application"]),
        scope=Fixed("REGIONAL"),
        defaultAction=Via("Detail.WebACL.DefaultAction", lambda action: next(iter(action), "").lower()),
        rules=rules("Detail.WebACL.Rules"),
        ruleNames="Detail.WebACL.Rules[].Name",
        loggingEnabled=present("Logging"),
        logDestinations="Logging[].LogDestinationConfigs[]",
        protectedResourceArns=protected,
    ),
    secrets=("Detail.WebACL.Rules[].Statement",),
    edges=(Edge("aws_waf_v2_web_acl", "PROTECTS", RESOURCE, at=protected),),
)  # fmt: skip

global_web_acl = replace(
    web_acl,
    scope="global",
    rows=web_acls("CLOUDFRONT"),
    join=(log_destinations("CLOUDFRONT"),),
    hydrate=details("CLOUDFRONT"),
    web="https://{console}/wafv2/homev2/web-acl/{Name}/{Id}/overview?region=global",
    props={name: source for name, source in web_acl.props.items() if name != "protectedResourceArns"}
    | pick(scope=Fixed("CLOUDFRONT")),
    edges=(),
)

SERVICE = Service(
    name="wafv2",
    client="wafv2",
    title="WAF V2",
    node=service_node("aws_waf_v2", "AWS WAF", category=("security",), function=("WAF",)),
    has=("aws_waf_v2_web_acl",),
    entities=(web_acl, global_web_acl),
)
