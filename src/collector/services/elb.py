"""Elastic Load Balancing: classic load balancers (client `elb`), application and network load balancers (client `elbv2`).

Application and network load balancers share one list operation. Gateway load balancers are not in the data model.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from collector.schema.declarations import (
    Call,
    Computed,
    Edge,
    Entity,
    Fixed,
    Gather,
    Hydrate,
    Row,
    Service,
    Source,
    Template,
    Via,
    pick,
    service_node,
)
from collector.schema.patterns import guarded_by, lambda_functions
from collector.schema.values import as_json, computed, document, entry, equals, integer, is_one_of, lower, only, unique

BALANCERS = Call("describe_load_balancers", "LoadBalancers", {"PageSize": 400})
ADDITIONAL = "Detail.LoadBalancerAttributes.AdditionalAttributes"
ATTRIBUTES = Hydrate("describe_load_balancer_attributes", "Detail", {"LoadBalancerArn": "LoadBalancerArn"})


def tagging(arn: str) -> Gather:
    """The tags of resources by the ARN in this field, at most 20 per call."""
    return Gather("describe_tags", "Tagging", "TagDescriptions", ids="ResourceArns", by=arn, on="ResourceArn", size=20)


def attribute(key: str, convert: Callable[[str], Any] = str) -> Via:
    """The value of a load balancer attribute; None if this type of load balancer does not have it."""
    return Via(
        "Detail.Attributes",
        lambda pairs: next(
            (convert(value) for pair in pairs if pair.get("Key") == key and (value := pair.get("Value"))), None
        ),
    )


def flag(key: str) -> Via:
    """The value of a boolean load balancer attribute."""
    return attribute(key, lambda value: value == "true")


def actions(path: str) -> Via:
    """The actions of a listener or a rule as JSON text, without the client secret of OpenID Connect."""
    return Via(path, lambda items: as_json([_without_secret(action) for action in items]))


def _without_secret(action: Row) -> Row:
    login = action.get("AuthenticateOidcConfig")
    if not login:
        return action
    return {
        **action,
        "AuthenticateOidcConfig": {name: value for name, value in login.items() if name != "ClientSecret"},
    }


CERTIFICATES = ("Certificates[].CertificateArn", "Sni[].CertificateArn")


def certificates(row: Row) -> list[str]:
    """The ARNs of a listener's default certificate and its SNI certificates, each once."""
    every = (*(row.get("Certificates") or ()), *(row.get("Sni") or ()))
    return list(dict.fromkeys(arn for one in every if (arn := one.get("CertificateArn"))))


@computed(*CERTIFICATES)
def acm_certificates(row: Row) -> list[str]:
    """The ARNs of a listener's ACM certificates; it may also use server certificates of IAM."""
    return [arn for arn in certificates(row) if arn.split(":")[2] == "acm"]


def listeners_of(balancer: str) -> Call:
    """The listeners of each load balancer of this type."""
    arn = {"LoadBalancerArn": "LoadBalancerArn"}
    return Call("describe_listeners", "Listeners", {"PageSize": 400}, each=balancer, args=arn)


def target(kind: str, type_: str, *, at: Source = "Target.Id", by: str = "id") -> Edge:
    """HAS its registered targets, for target groups with this target type."""
    return Edge(
        "aws_lb_target_group",
        "HAS",
        type_,
        each="Health.TargetHealthDescriptions",
        when=equals("^.TargetType", kind),
        at=at,
        by=by,
        vpc="^.VpcId",
        props=pick("Target.Port", "TargetHealth.State"),
    )


BALANCER = pick(
    "DNSName", "Scheme", "CanonicalHostedZoneId", "VpcId", "Type", "IpAddressType",
    ownerId=Template("{account}"),
    state="State.Code",
    function=Fixed(["load-balancing"]),
    public=is_one_of("Scheme", "internet-facing"),
    availabilityZones="AvailabilityZones[].ZoneName",
    subnetIds="AvailabilityZones[].SubnetId",
    securityGroupIds="SecurityGroups",
    deletionProtection=flag("deletion_protection.enabled"),
    crossZone=flag("load_balancing.cross_zone.enabled"),
    loggingEnabled=flag("access_logs.s3.enabled"),
    loggingTargetBucket=attribute("access_logs.s3.bucket"),
    loggingTargetPrefix=attribute("access_logs.s3.prefix"),
)  # fmt: skip
"""The properties that application and network load balancers share."""

alb = Entity(
    type="aws_alb",
    cls="Gateway",
    client="elbv2",
    rows=BALANCERS,
    when=equals("Type", "application"),
    gather=(tagging("LoadBalancerArn"),),
    hydrate=(ATTRIBUTES,),
    key="LoadBalancerArn",
    name="LoadBalancerName",
    also={"dns": lower("DNSName")},
    created="CreatedTime",
    active=is_one_of("State.Code", "active", "active_impaired"),
    web="https://{console}/ec2/home?region={region}#LoadBalancer:loadBalancerArn={LoadBalancerArn}",
    tags="Tagging[].Tags[]",
    props=BALANCER
    | pick(
        category=Fixed(["application"]),
        dualstackDnsName=Template("dualstack.{DNSName}"),
        idleTimeoutSeconds=attribute("idle_timeout.timeout_seconds", int),
        desyncMitigationMode=attribute("routing.http.desync_mitigation_mode"),
        dropInvalidHeaders=flag("routing.http.drop_invalid_header_fields.enabled"),
        http2=flag("routing.http2.enabled"),
        tlsVersionEnabled=flag("routing.http.x_amzn_tls_version_and_cipher_suite.enabled"),
        tlsCipherSuiteEnabled=flag("routing.http.x_amzn_tls_version_and_cipher_suite.enabled"),
        xffClientPortEnabled=flag("routing.http.xff_client_port.enabled"),
        wafFailOpen=flag("waf.fail_open.enabled"),
    ),
    edges=guarded_by("aws_alb", "SecurityGroups"),
)

nlb = replace(
    alb,
    type="aws_nlb",
    when=equals("Type", "network"),
    also={
        "dns": lower("DNSName"),
        "address": "AvailabilityZones[].LoadBalancerAddresses[].IpAddress",
        "privateAddress": "AvailabilityZones[].LoadBalancerAddresses[].PrivateIPv4Address",
    },
    vpc="VpcId",
    props=BALANCER
    | pick(
        category=Fixed(["network"]),
        publicIpAddresses="AvailabilityZones[].LoadBalancerAddresses[].IpAddress",
        privateIpAddresses="AvailabilityZones[].LoadBalancerAddresses[].PrivateIPv4Address",
    ),
    edges=guarded_by("aws_nlb", "SecurityGroups"),
)

elb = Entity(
    type="aws_elb",
    cls="Gateway",
    rows=Call("describe_load_balancers", "LoadBalancerDescriptions", {"PageSize": 400}),
    gather=(Gather("describe_tags", "Tagging", "TagDescriptions", "LoadBalancerNames", "LoadBalancerName", "LoadBalancerName", 20),),
    hydrate=(Hydrate("describe_load_balancer_attributes", "Detail", {"LoadBalancerName": "LoadBalancerName"}),),
    key=Template("arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/{LoadBalancerName}"),
    name="LoadBalancerName",
    also={"name": "LoadBalancerName", "dns": lower("DNSName")},
    created="CreatedTime",
    web="https://{console}/ec2/home?region={region}#LoadBalancer:loadBalancerArn={LoadBalancerName}",
    tags="Tagging[].Tags[]",
    props=pick(
        "DNSName", "CanonicalHostedZoneName", "CanonicalHostedZoneNameID", "Scheme", "VPCId", "AvailabilityZones",
        category=Fixed(["network", "application"]),
        function=Fixed(["load-balancing"]),
        public=is_one_of("Scheme", "internet-facing"),
        ownerId=Template("{account}"),
        dualstackDnsName=Template("dualstack.{DNSName}"),
        subnetIds="Subnets",
        securityGroupIds="SecurityGroups",
        sourceSecurityGroup="SourceSecurityGroup.GroupName",
        instanceIds="Instances[].InstanceId",
        listeners=document("ListenerDescriptions"),
        listenerProtocols=unique("ListenerDescriptions[].Listener.Protocol"),
        healthCheck=document("HealthCheck"),
        crossZone="Detail.LoadBalancerAttributes.CrossZoneLoadBalancing.Enabled",
        idleTimeoutSeconds="Detail.LoadBalancerAttributes.ConnectionSettings.IdleTimeout",
        desyncMitigationMode=entry(ADDITIONAL, "elb.http.desyncmitigationmode"),
        loggingEnabled="Detail.LoadBalancerAttributes.AccessLog.Enabled",
        loggingTargetBucket="Detail.LoadBalancerAttributes.AccessLog.S3BucketName",
        loggingTargetPrefix="Detail.LoadBalancerAttributes.AccessLog.S3BucketPrefix",
    ),
    edges=(
        Edge("aws_elb", "CONNECTS", "aws_instance", at="Instances[].InstanceId"),
        *guarded_by("aws_elb", "SecurityGroups"),
    ),
)  # fmt: skip

target_group = Entity(
    type="aws_lb_target_group",
    cls="Group",
    client="elbv2",
    rows=Call("describe_target_groups", "TargetGroups", {"PageSize": 400}),
    gather=(tagging("TargetGroupArn"),),
    hydrate=(Hydrate("describe_target_health", "Health", {"TargetGroupArn": "TargetGroupArn"}),),
    key="TargetGroupArn",
    name="TargetGroupName",
    web="https://{console}/ec2/home?region={region}#TargetGroup:targetGroupArn={TargetGroupArn}",
    tags="Tagging[].Tags[]",
    props=pick(
        "Protocol", "ProtocolVersion", "Port", "VpcId", "TargetType", "IpAddressType", "LoadBalancerArns",
        "HealthCheckProtocol", "HealthCheckPath", "HealthCheckPort", "HealthCheckEnabled",
        targets="Health.TargetHealthDescriptions[].Target.Id",
        targetHealthStates="Health.TargetHealthDescriptions[].TargetHealth.State",
    ),
    edges=(
        Edge(("aws_alb", "aws_nlb"), "CONNECTS", "aws_lb_target_group", at="LoadBalancerArns"),
        target("instance", "aws_instance"),
        target("lambda", "aws_lambda_function", at=lambda_functions("Target.Id")),
        target("ip", "aws_eni", by="privateAddress"),
        target("ip", "aws_eip", by="privateAddress"),
    ),
)  # fmt: skip

listener = Entity(
    type="aws_lb_listener",
    cls="ApplicationEndpoint",
    client="elbv2",
    rows=listeners_of("aws_alb"),
    gather=(tagging("ListenerArn"),),
    hydrate=(
        Hydrate(
            "describe_listener_certificates", "Sni", {"ListenerArn": "ListenerArn"}, {"PageSize": 400},
            items="Certificates", when=equals("Protocol", "HTTPS", "TLS"),
        ),
    ),
    key="ListenerArn",
    name=Template("{Protocol}:{Port}"),
    display=Template("{^.LoadBalancerName} {Protocol}:{Port}"),
    web="https://{console}/ec2/home?region={region}#ELBListenerV2:listenerArn={ListenerArn}",
    tags="Tagging[].Tags[]",
    props=pick(
        "LoadBalancerArn", "Port", "Protocol", "SslPolicy", "AlpnPolicy",
        address=Template("{^.DNSName}:{Port}"),
        certificateArns=Computed(certificates, CERTIFICATES),
        defaultAction=Via("DefaultActions[].Type", lambda types: types[-1] if types else None),
        defaultActions=actions("DefaultActions"),
        redirectProtocol=only("DefaultActions[].RedirectConfig.Protocol"),
    ),
    secrets=("DefaultActions[].AuthenticateOidcConfig.ClientSecret",),
    edges=(
        Edge(("aws_alb", "aws_nlb"), "CONNECTS", "aws_lb_listener", at="LoadBalancerArn"),
        Edge(("aws_alb", "aws_nlb"), "USES", "aws_acm_certificate", at=acm_certificates, of="LoadBalancerArn"),
    ),
)  # fmt: skip

nlb_listener = replace(listener, rows=listeners_of("aws_nlb"))

rule = Entity(
    type="aws_lb_listener_rule",
    cls="Rule",
    client="elbv2",
    rows=Call(
        "describe_rules", "Rules", {"PageSize": 400}, each="aws_lb_listener", args={"ListenerArn": "ListenerArn"},
        absent=("UnsupportedProtocol",),
    ),
    gather=(tagging("RuleArn"),),
    key="RuleArn",
    name=Template("{^.Protocol}:{^.Port} {Priority}"),
    web="https://{console}/ec2/home?region={region}#ListenerRuleDetails:ruleArn={RuleArn}",
    tags="Tagging[].Tags[]",
    props=pick(
        "IsDefault",
        priority=integer("Priority"),  # the default rule has none: it is tried last
        conditions=document("Conditions"),
        conditionFields="Conditions[].Field",
        actions=actions("Actions"),
        actionTypes="Actions[].Type",
    ),
    secrets=("Actions[].AuthenticateOidcConfig.ClientSecret",),
    edges=(Edge("aws_lb_listener", "HAS", "aws_lb_listener_rule", at="^.ListenerArn"),),
)  # fmt: skip

SERVICE = Service(
    name="elb",
    client="elb",
    title="ELB",
    node=service_node(
        "aws_elasticloadbalancing", "Elastic Load Balancing", category=("network",), function=("load-balancing",)
    ),
    has=("aws_alb", "aws_nlb", "aws_elb", "aws_lb_target_group"),
    entities=(alb, nlb, elb, target_group, listener, nlb_listener, rule),
)
