"""AWS WAF Classic for CloudFront (client `waf`) and for regional resources (client `waf-regional`).

AWS discontinued it on 2025-09-30, so it is not among the default services. Distributions reference their ACL themselves.
"""

from dataclasses import replace

from collector.schema.declarations import Call, Edge, Entity, Fixed, Hydrate, Service, Template, Via, pick, service_node
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
    key=Template("arn:{partition}:waf::{account}:webacl/{WebACLId}"),
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


def protected(kind: str, at: str) -> Hydrate:
    """The resources of this type that a regional ACL protects."""
    return Hydrate("list_resources_for_web_acl", at, {"WebACLId": "WebACLId"}, {"ResourceType": kind})


regional_web_acl = replace(
    web_acl,
    client="waf-regional",
    scope="regional",
    rows=Call("list_web_acls", "WebACLs", {"Limit": 100}, token="NextMarker", absent=NONE),  # noqa: S106
    key=Template("arn:{partition}:waf-regional:{region}:{account}:webacl/{WebACLId}"),
    hydrate=(DETAIL, protected("APPLICATION_LOAD_BALANCER", "Balancers"), protected("API_GATEWAY", "Stages")),
    web="https://{console}/waf/home?region={region}#/webacls/rules/{WebACLId}",
    edges=(
        Edge("aws_waf_web_acl", "PROTECTS", "aws_alb", at="Balancers.ResourceArns"),
        Edge(
            "aws_waf_web_acl",
            "PROTECTS",
            "aws_api_gateway_rest_api",
            at=Via("Stages.ResourceArns[]", lambda arns: [without_stage(arn) for arn in arns]),
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
