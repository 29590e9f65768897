"""The way in from outside: certificates, load balancers, APIs, web firewalls, CloudFront."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from collector.demo.estate.cloud import Cloud, Json, tags
from collector.demo.places import REGION

if TYPE_CHECKING:
    from collector.demo.estate.seeded import SeededIds

CLASSIC_ACL = "a1b2c3d4-5678-90ab-cdef-1234567890ab"
"""The web ACL of the first generation, of which moto knows nothing."""


def certificates(cloud: Cloud, made: SeededIds) -> None:
    """A certificate for everything, and one for a single name."""
    acm = cloud.client("acm")
    made.certificate = acm.request_certificate(
        DomainName="example.com",
        SubjectAlternativeNames=["*.example.com"],
        ValidationMethod="DNS",
        Tags=tags(Team="platform"),
    )["CertificateArn"]
    made.second_certificate = acm.request_certificate(DomainName="shop.example.com", ValidationMethod="DNS")[
        "CertificateArn"
    ]


def load_balancers(cloud: Cloud, made: SeededIds) -> None:
    """An application and a network load balancer, with listeners, a rule and targets of each kind."""
    elbv2 = cloud.client("elbv2")
    web = _load_balancer(elbv2, made, "shop-web", "application", "internet-facing")
    made.load_balancer = web["LoadBalancerArn"]
    made.load_balancer_host = web["DNSName"]
    made.load_balancer_zone = web["CanonicalHostedZoneId"]
    made.network_load_balancer = _load_balancer(elbv2, made, "shop-tcp", "network", "internal")["LoadBalancerArn"]
    made.target_group = _target_group(elbv2, "web", {"Id": made.instance, "Port": 80}, VpcId=made.vpc)
    addresses = _target_group(elbv2, "by-address", {"Id": made.spare_ip}, VpcId=made.vpc, TargetType="ip")
    elbv2.register_targets(TargetGroupArn=addresses, Targets=[{"Id": made.instance_ip}])
    function = _target_group(elbv2, "orders", {"Id": made.function}, TargetType="lambda")
    made.listener = elbv2.create_listener(
        LoadBalancerArn=made.load_balancer,
        Protocol="HTTPS",
        Port=443,
        SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
        Certificates=[{"CertificateArn": made.certificate}],
        DefaultActions=[_forward(made.target_group)],
    )["Listeners"][0]["ListenerArn"]
    elbv2.add_listener_certificates(
        ListenerArn=made.listener, Certificates=[{"CertificateArn": made.second_certificate}]
    )
    path = {"Field": "path-pattern", "Values": ["/orders/*"]}
    elbv2.create_rule(ListenerArn=made.listener, Priority=10, Conditions=[path], Actions=[_forward(function)])
    elbv2.create_listener(
        LoadBalancerArn=made.network_load_balancer,
        Protocol="TCP",
        Port=5432,
        DefaultActions=[_forward(addresses)],
    )


def _load_balancer(elbv2: Any, made: SeededIds, name: str, kind: str, scheme: str) -> Json:
    balancer: Json = elbv2.create_load_balancer(
        Name=name,
        Type=kind,
        Scheme=scheme,
        Subnets=[made.subnet, made.second_subnet],
        SecurityGroups=[made.web_group],
        Tags=tags(Environment="production"),
    )["LoadBalancers"][0]
    return balancer


def _target_group(elbv2: Any, name: str, target: Json, **settings: Any) -> str:
    listening = {} if settings.get("TargetType") == "lambda" else {"Protocol": "HTTP", "Port": 80}
    group: str = elbv2.create_target_group(Name=name, **listening, **settings)["TargetGroups"][0]["TargetGroupArn"]
    elbv2.register_targets(TargetGroupArn=group, Targets=[target])
    return group


def _forward(target_group: str) -> Json:
    return {"Type": "forward", "TargetGroupArn": target_group}


def classic_load_balancer(cloud: Cloud, made: SeededIds) -> None:
    """A load balancer of the first generation in front of the web server."""
    elb = cloud.client("elb")
    elb.create_load_balancer(
        LoadBalancerName="legacy",
        Listeners=[{"Protocol": "HTTP", "LoadBalancerPort": 80, "InstanceProtocol": "HTTP", "InstancePort": 80}],
        Subnets=[made.subnet],
        SecurityGroups=[made.web_group],
        Tags=tags(Team="web"),
    )
    elb.register_instances_with_load_balancer(LoadBalancerName="legacy", Instances=[{"InstanceId": made.instance}])


def rest_api(cloud: Cloud, made: SeededIds) -> None:
    """A REST API that calls a function."""
    gateway = cloud.client("apigateway")
    made.rest_api = gateway.create_rest_api(
        name="orders", tags={"Team": "orders"}, endpointConfiguration={"types": ["REGIONAL"]}
    )["id"]
    root = gateway.get_resources(restApiId=made.rest_api)["items"][0]["id"]
    method = {"restApiId": made.rest_api, "resourceId": root, "httpMethod": "GET"}
    gateway.put_method(**method, authorizationType="NONE")
    call = _invocation(made)
    gateway.put_integration(**method, type="AWS_PROXY", integrationHttpMethod="POST", uri=call)
    deployment = gateway.create_deployment(restApiId=made.rest_api)["id"]
    gateway.create_stage(restApiId=made.rest_api, stageName="prod", deploymentId=deployment)
    gateway.create_authorizer(
        restApiId=made.rest_api,
        name="tokens",
        type="TOKEN",
        authorizerUri=call,
        identitySource="method.request.header.Authorization",
    )


def _invocation(made: SeededIds) -> str:
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{made.function}/invocations"


def http_api(cloud: Cloud, made: SeededIds) -> None:
    """An HTTP API with routes to a function, behind an authorizer, and to the load balancer."""
    gateway = cloud.client("apigatewayv2")
    api = gateway.create_api(Name="shop", ProtocolType="HTTP", Tags={"Team": "web"})["ApiId"]
    function = gateway.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=made.function, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    balancer = gateway.create_integration(
        ApiId=api, IntegrationType="HTTP_PROXY", IntegrationMethod="ANY", IntegrationUri=made.listener
    )["IntegrationId"]
    authorizer = gateway.create_authorizer(
        ApiId=api,
        Name="tokens",
        AuthorizerType="REQUEST",
        IdentitySource=["$request.header.Authorization"],
        AuthorizerPayloadFormatVersion="2.0",
        AuthorizerUri=_invocation(made),
    )["AuthorizerId"]
    guard = {"AuthorizationType": "CUSTOM", "AuthorizerId": authorizer}
    gateway.create_route(ApiId=api, RouteKey="GET /orders", Target=f"integrations/{function}", **guard)
    gateway.create_route(ApiId=api, RouteKey="$default", Target=f"integrations/{balancer}")
    gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)


def web_firewalls(cloud: Cloud, made: SeededIds) -> None:
    """A regional web ACL on the load balancer and a global one for CloudFront."""
    wafv2 = cloud.client("wafv2")
    seen = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "shop"}
    regional = wafv2.create_web_acl(
        Name="shop", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=seen, Tags=tags(Team="web")
    )
    made.regional_acl = regional["Summary"]["ARN"]
    everywhere = wafv2.create_web_acl(
        Name="site", Scope="CLOUDFRONT", DefaultAction={"Block": {}}, VisibilityConfig=seen
    )
    made.global_acl = everywhere["Summary"]["ARN"]
    wafv2.associate_web_acl(WebACLArn=made.regional_acl, ResourceArn=made.load_balancer)


def distributions(cloud: Cloud, made: SeededIds) -> None:
    """The site with its bucket, API, certificate and edge function, and an old one under a classic web ACL."""
    cloudfront = cloud.client("cloudfront")
    bucket = _origin("site", "acme-public-site.s3.us-east-1.amazonaws.com", S3OriginConfig={"OriginAccessIdentity": ""})
    secure = {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}
    api = _origin("orders", f"{made.rest_api}.execute-api.{REGION}.amazonaws.com", CustomOriginConfig=secure)
    site = cloudfront.create_distribution_with_tags(
        DistributionConfigWithTags={
            "Tags": {"Items": tags(Team="web")},
            "DistributionConfig": {
                **_distribution("site", [bucket, api], edge_function=made.edge_function),
                "DefaultRootObject": "index.html",
                "WebACLId": made.global_acl,
                "Aliases": {"Quantity": 1, "Items": ["www.example.com"]},
                "Logging": {
                    "Enabled": True,
                    "IncludeCookies": False,
                    "Bucket": "acme-logs.s3.amazonaws.com",
                    "Prefix": "cdn/",
                },
                "ViewerCertificate": {
                    "ACMCertificateArn": made.certificate,
                    "SSLSupportMethod": "sni-only",
                    "MinimumProtocolVersion": "TLSv1.2_2021",
                },
            },
        }
    )["Distribution"]
    made.distribution = site["Id"]
    made.distribution_host = site["DomainName"]
    old = cloudfront.create_distribution(
        DistributionConfig={**_distribution("old", [bucket]), "WebACLId": CLASSIC_ACL, "Enabled": False}
    )
    made.legacy_distribution = old["Distribution"]["Id"]


def _origin(name: str, host: str, **settings: Any) -> Json:
    return {"Id": name, "DomainName": host, "OriginPath": "", "CustomHeaders": {"Quantity": 0}, **settings}


def _distribution(name: str, origins: list[Json], edge_function: str = "") -> Json:
    behaviour: Json = {
        "TargetOriginId": origins[0]["Id"],
        "ViewerProtocolPolicy": "redirect-to-https",
        "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
        "MinTTL": 0,
    }
    if edge_function:
        call = {"LambdaFunctionARN": edge_function, "EventType": "viewer-response", "IncludeBody": False}
        behaviour["LambdaFunctionAssociations"] = {"Quantity": 1, "Items": [call]}
    return {
        "CallerReference": name,
        "Comment": name,
        "Enabled": True,
        "Origins": {"Quantity": len(origins), "Items": origins},
        "DefaultCacheBehavior": behaviour,
    }
