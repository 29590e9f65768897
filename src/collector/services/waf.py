"""AWS WAF Classic, which AWS ended on 2025-09-30: for CloudFront (client `waf`) and regional (client `waf-regional`).

Not collected unless asked for. Which distributions an ACL protects, the distributions say themselves.
"""

from dataclasses import replace

from collector.schema.declarations import Call, Edge, Entity, Fixed, Hydrate, Service, Via, pick, service_node
from collector.schema.patterns import without_stage
from collector.schema.values import count, document

DETAIL = Hydrate("get_web_acl", "Detail", {"WebACLId": "WebACLId"})
NONE = ("WAFInvalidAccountException",)

web_acl = Entity(
    type="aws_waf_web_acl",
    cls="Firewall",
    client="waf",
    scope="global",
    rows=Call("list_web_acls", "WebACLs", {"Limit": 100}, absent=NONE),
    hydrate=(DETAIL,),
    key="Detail.WebACL.WebACLArn",
    id="WebACLId",
    name="Name",
    web="https://{console}/waf/home#/webacls/rules/{WebACLId}",
    props=pick(
        "Detail.WebACL.MetricName",
        webAclId="WebACLId",
        category=Fixed(["application"]),
        defaultAction="Detail.WebACL.DefaultAction.Type",
        rules=document("Detail.WebACL.Rules"),
        ruleIds="Detail.WebACL.Rules[].RuleId",
        rulesCount=count("Detail.WebACL.Rules"),
    ),
)  # fmt: skip


def guarded(kind: str, at: str) -> Hydrate:
    """The resources of a kind that a regional ACL protects."""
    return Hydrate("list_resources_for_web_acl", at, {"WebACLId": "WebACLId"}, {"ResourceType": kind})


def without_stages(arns: list[str]) -> list[str]:
    """The REST APIs to which stages belong."""
    return [without_stage(arn) for arn in arns]


regional_web_acl = replace(
    web_acl,
    client="waf-regional",
    scope="regional",
    rows=Call("list_web_acls", "WebACLs", {"Limit": 100}, token="NextMarker", absent=NONE),  # noqa: S106
    hydrate=(DETAIL, guarded("APPLICATION_LOAD_BALANCER", "Balancers"), guarded("API_GATEWAY", "Stages")),
    web="https://{console}/waf/home?region={region}#/webacls/rules/{WebACLId}",
    edges=(
        Edge("aws_waf_web_acl", "PROTECTS", "aws_alb", at="Balancers.ResourceArns"),
        Edge(
            "aws_waf_web_acl", "PROTECTS", "aws_api_gateway_rest_api", at=Via("Stages.ResourceArns[]", without_stages)
        ),
    ),
)

SERVICE = Service(
    name="waf",
    client="waf",
    title="WAF",
    default=False,
    node=service_node("aws_waf", "AWS WAF Classic", category=("security",), function=("WAF",)),
    has=("aws_waf_web_acl",),
    entities=(web_acl, regional_web_acl),
)
