"""Ingress: certificates, load balancers, API Gateway, WAF, CloudFront."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from collector.demo.estate.cloud import Cloud, Json, tags
from collector.demo.places import REGION

if TYPE_CHECKING:
    from collector.demo.estate.seeded import SeededIds

CLASSIC_ACL = "a1b2c3d4-5678-90ab-cdef-1234567890ab"
"""The id of the WAF Classic web ACL, which moto does not support."""


def certificates(cloud: Cloud, ids: SeededIds) -> None:
    """A wildcard certificate, and one for a single name."""
    acm = cloud.client("acm")
    ids.certificate = acm.request_certificate(
        DomainName="example.com",
        SubjectAlternativeNames=["*.example.com"],
        ValidationMethod="DNS",
        Tags=tags(Team="platform"),
    )["CertificateArn"]
    ids.second_certificate = acm.request_certificate(DomainName="shop.example.com", ValidationMethod="DNS")[
        "CertificateArn"
    ]


def load_balancers(cloud: Cloud, ids: SeededIds) -> None:
    """An application and a network load balancer, with listeners, a rule and targets of each type."""
    elbv2 = cloud.client("elbv2")
    web = _load_balancer(elbv2, ids, "shop-web", "application", "internet-facing")
    ids.load_balancer = web["LoadBalancerArn"]
    ids.load_balancer_host = web["DNSName"]
    ids.load_balancer_zone = web["CanonicalHostedZoneId"]
    ids.network_load_balancer = _load_balancer(elbv2, ids, "shop-tcp", "network", "internal")["LoadBalancerArn"]
    ids.target_group = _target_group(elbv2, "web", {"Id": ids.instance, "Port": 80}, VpcId=ids.vpc)
    addresses = _target_group(elbv2, "by-address", {"Id": ids.spare_ip}, VpcId=ids.vpc, TargetType="ip")
    elbv2.register_targets(TargetGroupArn=addresses, Targets=[{"Id": ids.instance_ip}])
    function = _target_group(elbv2, "orders", {"Id": ids.function}, TargetType="lambda")
    ids.listener = elbv2.create_listener(
        LoadBalancerArn=ids.load_balancer,
        Protocol="HTTPS",
        Port=443,
        SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
        Certificates=[{"CertificateArn": ids.certificate}],
        DefaultActions=[_forward(ids.target_group)],
    )["Listeners"][0]["ListenerArn"]
    elbv2.add_listener_certificates(ListenerArn=ids.listener, Certificates=[{"CertificateArn": ids.second_certificate}])
    path = {"Field": "path-pattern", "Values": ["/orders/*"]}
    elbv2.create_rule(ListenerArn=ids.listener, Priority=10, Conditions=[path], Actions=[_forward(function)])
    elbv2.create_listener(
        LoadBalancerArn=ids.network_load_balancer,
        Protocol="TCP",
        Port=5432,
        DefaultActions=[_forward(addresses)],
    )


def _load_balancer(elbv2: Any, ids: SeededIds, name: str, kind: str, scheme: str) -> Json:
    balancer: Json = elbv2.create_load_balancer(
        Name=name,
        Type=kind,
        Scheme=scheme,
        Subnets=[ids.subnet, ids.second_subnet],
        SecurityGroups=[ids.web_group],
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


def classic_load_balancer(cloud: Cloud, ids: SeededIds) -> None:
    """A classic load balancer in front of the web server."""
    elb = cloud.client("elb")
    elb.create_load_balancer(
        LoadBalancerName="legacy",
        Listeners=[{"Protocol": "HTTP", "LoadBalancerPort": 80, "InstanceProtocol": "HTTP", "InstancePort": 80}],
        Subnets=[ids.subnet],
        SecurityGroups=[ids.web_group],
        Tags=tags(Team="web"),
    )
    elb.register_instances_with_load_balancer(LoadBalancerName="legacy", Instances=[{"InstanceId": ids.instance}])


def rest_api(cloud: Cloud, ids: SeededIds) -> None:
    """A REST API that invokes a function."""
    gateway = cloud.client("apigateway")
    ids.rest_api = gateway.create_rest_api(
        name="orders", tags={"Team": "orders"}, endpointConfiguration={"types": ["REGIONAL"]}
    )["id"]
    root = gateway.get_resources(restApiId=ids.rest_api)["items"][0]["id"]
    method = {"restApiId": ids.rest_api, "resourceId": root, "httpMethod": "GET"}
    gateway.put_method(**method, authorizationType="NONE")
    call = _invocation(ids)
    gateway.put_integration(**method, type="AWS_PROXY", integrationHttpMethod="POST", uri=call)
    deployment = gateway.create_deployment(restApiId=ids.rest_api)["id"]
    gateway.create_stage(restApiId=ids.rest_api, stageName="prod", deploymentId=deployment)
    gateway.create_authorizer(
        restApiId=ids.rest_api,
        name="tokens",
        type="TOKEN",
        authorizerUri=call,
        identitySource="method.request.header.Authorization",
    )


def _invocation(ids: SeededIds) -> str:
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{ids.function}/invocations"


def http_api(cloud: Cloud, ids: SeededIds) -> None:
    """An HTTP API with routes to a function, behind an authorizer, and to the load balancer."""
    gateway = cloud.client("apigatewayv2")
    api = gateway.create_api(Name="shop", ProtocolType="HTTP", Tags={"Team": "web"})["ApiId"]
    function = gateway.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=ids.function, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    balancer = gateway.create_integration(
        ApiId=api, IntegrationType="HTTP_PROXY", IntegrationMethod="ANY", IntegrationUri=ids.listener
    )["IntegrationId"]
    authorizer = gateway.create_authorizer(
        ApiId=api,
        Name="tokens",
        AuthorizerType="REQUEST",
        IdentitySource=["$request.header.Authorization"],
        AuthorizerPayloadFormatVersion="2.0",
        AuthorizerUri=_invocation(ids),
    )["AuthorizerId"]
    guard = {"AuthorizationType": "CUSTOM", "AuthorizerId": authorizer}
    gateway.create_route(ApiId=api, RouteKey="GET /orders", Target=f"integrations/{function}", **guard)
    gateway.create_route(ApiId=api, RouteKey="$default", Target=f"integrations/{balancer}")
    gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    host = f"d-shop.execute-api.{REGION}.amazonaws.com"
    gateway.create_domain_name(
        DomainName="api.example.com",
        DomainNameConfigurations=[{"ApiGatewayDomainName": host, "EndpointType": "REGIONAL"}],
    )
    gateway.create_api_mapping(ApiId=api, ApiMappingKey="shop", DomainName="api.example.com", Stage="$default")


def web_firewalls(cloud: Cloud, ids: SeededIds) -> None:
    """A regional web ACL on the load balancer and a global one for CloudFront."""
    wafv2 = cloud.client("wafv2")
    seen = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "shop"}
    regional = wafv2.create_web_acl(
        Name="shop", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=seen, Tags=tags(Team="web")
    )
    ids.regional_acl = regional["Summary"]["ARN"]
    everywhere = wafv2.create_web_acl(
        Name="site", Scope="CLOUDFRONT", DefaultAction={"Block": {}}, VisibilityConfig=seen
    )
    ids.global_acl = everywhere["Summary"]["ARN"]
    wafv2.associate_web_acl(WebACLArn=ids.regional_acl, ResourceArn=ids.load_balancer)


def distributions(cloud: Cloud, ids: SeededIds) -> None:
    """A site with bucket, API, certificate and edge function, and an old distribution under a WAF Classic web ACL."""
    cloudfront = cloud.client("cloudfront")
    bucket = _origin("site", "acme-public-site.s3.us-east-1.amazonaws.com", S3OriginConfig={"OriginAccessIdentity": ""})
    secure = {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}
    api = _origin("orders", f"{ids.rest_api}.execute-api.{REGION}.amazonaws.com", CustomOriginConfig=secure)
    site = cloudfront.create_distribution_with_tags(
        DistributionConfigWithTags={
            "Tags": {"Items": tags(Team="web")},
            "DistributionConfig": {
                **_distribution("site", [bucket, api], edge_function=ids.edge_function),
                "DefaultRootObject": "index.html",
                "WebACLId": ids.global_acl,
                "Aliases": {"Quantity": 1, "Items": ["www.example.com"]},
                "Logging": {
                    "Enabled": True,
                    "IncludeCookies": False,
                    "Bucket": "acme-logs.s3.amazonaws.com",
                    "Prefix": "cdn/",
                },
                "ViewerCertificate": {
                    "ACMCertificateArn": ids.certificate,
                    "SSLSupportMethod": "sni-only",
                    "MinimumProtocolVersion": "TLSv1.2_2021",
                },
            },
        }
    )["Distribution"]
    ids.distribution = site["Id"]
    ids.distribution_host = site["DomainName"]
    old = cloudfront.create_distribution(
        DistributionConfig={**_distribution("old", [bucket]), "WebACLId": CLASSIC_ACL, "Enabled": False}
    )
    ids.legacy_distribution = old["Distribution"]["Id"]


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
