"""Amazon CloudFront: a global service in us-east-1, the region of its certificates and Lambda@Edge functions too."""

import re

from collector.schema.declarations import (
    Call,
    Edge,
    Entity,
    Fixed,
    Hydrate,
    Nested,
    Row,
    Service,
    Source,
    Template,
    Via,
    pick,
    service_node,
)
from collector.schema.patterns import filled, tagged
from collector.schema.values import computed, lower

BUCKET = re.compile(
    r"(?P<bucket>.+)\.s3(?:-website)?(?:[.-](?:dualstack\.)?[a-z]{2}[a-z-]*-\d)?\.amazonaws\.com(?P<china>\.cn)?"
)
"""The host name of an S3 REST or website endpoint, in all its spellings. Bucket names may contain dots."""

API = re.compile(r"[a-z0-9]+\.execute-api\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?")

ASSOCIATIONS = (
    "DefaultCacheBehavior.LambdaFunctionAssociations.Items[].LambdaFunctionARN",
    "CacheBehaviors.Items[].LambdaFunctionAssociations.Items[].LambdaFunctionARN",
)


def bucket_name(domain: str) -> str | None:
    """The bucket name in the host name of an S3 endpoint; None for other hosts."""
    found = BUCKET.fullmatch(domain)
    return found["bucket"] if found else None


def bucket_arn(domain: str) -> str | None:
    """The ARN of the bucket in the host name of an S3 endpoint; None for other hosts."""
    found = BUCKET.fullmatch(domain)
    return f"arn:{'aws-cn' if found['china'] else 'aws'}:s3:::{found['bucket']}" if found else None


def api_host(domain: str) -> str | None:
    """An origin's domain name, if it is that of an API Gateway API. The id in it is unique in its region only."""
    return domain if API.fullmatch(domain) else None


@computed(*ASSOCIATIONS)
def edge_functions(row: Row) -> list[str]:
    """The ARNs of the Lambda@Edge functions of all cache behaviors, without the version that they always end in."""
    behaviors = [row.get("DefaultCacheBehavior") or {}, *((row.get("CacheBehaviors") or {}).get("Items") or ())]
    linked = [one for each in behaviors for one in (each.get("LambdaFunctionAssociations") or {}).get("Items") or ()]
    return [one["LambdaFunctionARN"].rpartition(":")[0] for one in linked]


def connects(type_: str, at: Source, by: str = "id", outside: Source | None = None) -> Edge:
    """CONNECTS to the resource behind each origin of the distribution."""
    return Edge("aws_cloudfront_distribution", "CONNECTS", type_, each="Origins.Items[]", at=at, by=by, outside=outside)


def protected(type_: str, when: Source) -> Edge:
    """The web ACL PROTECTS the distribution, if `when` applies."""
    return Edge(type_, "PROTECTS", "aws_cloudfront_distribution", at="WebACLId", when=when)


LOGGING: dict[str, Source] = pick(
    loggingEnabled="Detail.DistributionConfig.Logging.Enabled",
    loggingTargetBucket=Via("Detail.DistributionConfig.Logging.Bucket", bucket_name),
    loggingTargetPrefix=filled("Detail.DistributionConfig.Logging.Prefix"),
    loggingIncludesCookies="Detail.DistributionConfig.Logging.IncludeCookies",
)

distribution = Entity(
    type="aws_cloudfront_distribution",
    cls="Gateway",
    rows=Call("list_distributions", "DistributionList.Items", {"MaxItems": "100"}),
    join=(tagged("cloudfront:distribution", "ARN"),),
    hydrate=(Hydrate("get_distribution_config", "Detail", {"Id": "Id"}),),
    key="ARN",
    id="Id",
    also={"dns": lower("DomainName")},
    name="DomainName",
    active="Enabled",
    web="https://{console}/cloudfront/v4/home#/distributions/{Id}",
    tags="Tagging[].Tags[]",
    props=pick(
        "Status", "DomainName", "Comment", "PriceClass", "Enabled", "HttpVersion", "IsIPV6Enabled", "Staging",
        "ViewerCertificate.MinimumProtocolVersion", "ViewerCertificate.CloudFrontDefaultCertificate",
        "DefaultCacheBehavior.ViewerProtocolPolicy",
        category=Fixed(["network"]),
        function=Fixed(["content-distribution"]),
        public=Fixed(value=True),
        updatedOn="LastModifiedTime",
        aliases="Aliases.Items",
        defaultRootObject=filled("Detail.DistributionConfig.DefaultRootObject"),
        webAclId=filled("WebACLId"),
        acmCertificateArn="ViewerCertificate.ACMCertificateArn",
        geoRestrictionType="Restrictions.GeoRestriction.RestrictionType",
        **LOGGING,
    ),
    # Custom origin headers often hold a shared secret.
    secrets=(
        "Origins.Items[].CustomHeaders.Items[].HeaderValue",
        "Detail.DistributionConfig.Origins.Items[].CustomHeaders.Items[].HeaderValue",
    ),
    edges=(
        connects("aws_api_gateway_rest_api", Via("DomainName", api_host), by="dns"),
        connects("aws_s3_bucket", Via("DomainName", bucket_arn), outside=Via("DomainName", bucket_arn)),
        Edge("aws_cloudfront_distribution", "TRIGGERS", "aws_lambda_function", at=edge_functions),
        Edge("aws_cloudfront_distribution", "USES", "aws_acm_certificate", at="ViewerCertificate.ACMCertificateArn"),
        # AWS WAF ACLs are referenced by ARN, WAF Classic ACLs by id.
        protected("aws_waf_v2_web_acl", when=Via("WebACLId", lambda acl: acl.startswith("arn:"))),
        protected("aws_waf_web_acl", when=Via("WebACLId", lambda acl: not acl.startswith("arn:"))),
    ),
)  # fmt: skip

origin = Entity(
    type="aws_cloudfront_distribution_origin",
    cls="Configuration",
    rows=Nested("aws_cloudfront_distribution", "Origins.Items"),
    key=Template("{^.ARN}:origin/{Id}"),
    arn=None,
    name="Id",
    web="https://{console}/cloudfront/v4/home#/distributions/{^.Id}/origins",
    props=pick(
        "Id", "DomainName",
        "CustomOriginConfig.OriginProtocolPolicy", "ConnectionAttempts", "ConnectionTimeout",
        originPath=filled("OriginPath"),
        originAccessControlId=filled("OriginAccessControlId"),
        originAccessIdentity=filled("S3OriginConfig.OriginAccessIdentity"),
        originSslProtocols="CustomOriginConfig.OriginSslProtocols.Items",
        originShieldEnabled="OriginShield.Enabled",
    ),
    secrets=("CustomHeaders.Items[].HeaderValue",),
    edges=(Edge("aws_cloudfront_distribution", "HAS", "aws_cloudfront_distribution_origin", at="^.ARN"),),
)  # fmt: skip

SERVICE = Service(
    name="cloudfront",
    client="cloudfront",
    title="CloudFront",
    scope="global",
    node=service_node("aws_cloudfront", "Amazon CloudFront", category=("network",), function=("content-distribution",)),
    has=("aws_cloudfront_distribution",),
    entities=(distribution, origin),
)
