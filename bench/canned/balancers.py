"""ELBv2 answers: application and network load balancers, and their target groups.

The first balancers are application load balancers, the others network load balancers.
"""

from typing import Any

from . import wire
from .answers import AwsError, Paging, Params, answers, constant, listing, named, one_of, shaped, values, varied
from .estate import Place
from .ids import basics, digits, groups_of, seat_of, subnets_of, vpc_of

MARKERS = Paging("PageSize", "Marker", "NextMarker", default=400, maximum=400)
ARN = "arn:aws:elasticloadbalancing:%(region)s:%(account)s"
# Placeholders: the kind (app/alb or net/nlb) and the number of the balancer.
BALANCER_PATH = "%(kind)s-%(here)s%(balancer)s/%(here)s%(balancer)s"
GROUP_ARN = f"{ARN}:targetgroup/tg-%(here)s%(target)s/%(here)s%(target)s"
BALANCER_DNS = "%(short)s-%(here)s%(balancer)s-1234567890.%(region)s.elb.amazonaws.com"
_TARGETS = 3

_BALANCER: dict[str, Any] = {
    "LoadBalancerArn": f"{ARN}:loadbalancer/{BALANCER_PATH}",
    "DNSName": BALANCER_DNS,
    "CanonicalHostedZoneId": "Z35SXDOTRQ7X7K",
    "CreatedTime": "%(at)s",
    "LoadBalancerName": "%(short)s-%(here)s%(balancer)s",
    "Scheme": "internet-facing",
    "VpcId": "vpc-0%(here)s%(vpc)s",
    "State": {"Code": "active"},
    "AvailabilityZones": "%(zones)s",
    "IpAddressType": "ipv4",
    "EnablePrefixForIpv6SourceNat": "off",
}
_BALANCERS = {
    True: {
        **_BALANCER,
        "Type": "application",
        "SecurityGroups": ["sg-0%(here)s%(group)s", "sg-0%(here)s%(other)s"],
    },
    False: {**_BALANCER, "Type": "network", "SecurityGroups": []},
}
_ZONE = wire.row(
    "elbv2",
    "DescribeLoadBalancers",
    "LoadBalancers.AvailabilityZones",
    {"ZoneName": "%(region)s%(letter)s", "SubnetId": "subnet-0%(here)s%(subnet)s", "LoadBalancerAddresses": []},
)
_GROUP: dict[str, Any] = {
    "TargetGroupArn": GROUP_ARN,
    "TargetGroupName": "tg-%(here)s%(target)s",
    "Protocol": "HTTP",
    "Port": 8080,
    "VpcId": "vpc-0%(here)s%(vpc)s",
    "HealthCheckProtocol": "HTTP",
    "HealthCheckPort": "traffic-port",
    "HealthCheckEnabled": True,
    "HealthCheckIntervalSeconds": 30,
    "HealthCheckTimeoutSeconds": 5,
    "HealthyThresholdCount": 5,
    "UnhealthyThresholdCount": 2,
    "HealthCheckPath": "/health",
    "Matcher": {"HttpCode": "200"},
    "LoadBalancerArns": [f"{ARN}:loadbalancer/{BALANCER_PATH}"],
    "TargetType": "%(type)s",
    "ProtocolVersion": "HTTP1",
    "IpAddressType": "ipv4",
}
_HEALTH = wire.row(
    "elbv2",
    "DescribeTargetHealth",
    "TargetHealthDescriptions",
    {
        "Target": {"Id": "%(id)s", "Port": 8080},
        "HealthCheckPort": "8080",
        "TargetHealth": {"State": "healthy"},
        "AdministrativeOverride": {"State": "no_override", "Reason": "AdministrativeOverride.NoOverride"},
    },
)
_HEALTHS = wire.body("elbv2", "DescribeTargetHealth", {"TargetHealthDescriptions": "%(rows)s"})
_ATTRIBUTES = {
    "DescribeLoadBalancerAttributes": {
        "deletion_protection.enabled": "true",
        "access_logs.s3.enabled": "false",
        "access_logs.s3.bucket": "",
        "access_logs.s3.prefix": "",
        "idle_timeout.timeout_seconds": "60",
        "routing.http2.enabled": "true",
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "load_balancing.cross_zone.enabled": "true",
    },
    "DescribeTargetGroupAttributes": {
        "stickiness.enabled": "false",
        "deregistration_delay.timeout_seconds": "300",
        "load_balancing.algorithm.type": "round_robin",
    },
}


def balancers(place: Place) -> int:
    """The number of load balancers of both kinds."""
    return place.n["aws_alb"] + place.n["aws_nlb"]


def is_application(place: Place, balancer: int) -> bool:
    """Whether that balancer is an application load balancer."""
    return balancer < place.n["aws_alb"]


def balancer_fields(place: Place, balancer: int) -> dict[str, str]:
    """The placeholders that identify a balancer in other rows."""
    short = "alb" if is_application(place, balancer) else "nlb"
    kind = "app/alb" if is_application(place, balancer) else "net/nlb"
    return {"kind": kind, "short": short, "balancer": digits(balancer)}


def balancer_of(place: Place, params: Params) -> int:
    """The number of the balancer whose ARN the request contains."""
    return one_of(place, params.get("LoadBalancerArn", ""), balancers(place), "LoadBalancerNotFound")


def target_groups(place: Place, balancer: int) -> range:
    """The target groups of a balancer."""
    return range(balancer, place.n["aws_lb_target_group"], balancers(place))


def _vpc(place: Place, balancer: int) -> int:
    return vpc_of(place, balancer % place.n["aws_subnet"])


def _fields(place: Place, n: int) -> dict[str, str]:
    vpc = _vpc(place, n)
    group, other = groups_of(place, vpc, n)
    subnets = zip("abc", subnets_of(place, vpc), strict=False)
    zones = [place.fill(_ZONE, {"letter": letter, "subnet": digits(subnet)}) for letter, subnet in subnets]
    more = {"vpc": digits(vpc), "group": group, "other": other, "zones": "".join(zones)}
    return {**basics(place, n), **balancer_fields(place, n), **more}


def _type(place: Place, n: int) -> str:
    turn = n % 8
    if turn < 5 and place.n["aws_instance"]:  # noqa: PLR2004 - five of eight
        return "instance"
    served = is_application(place, n % balancers(place)) and place.n["aws_lambda_function"]
    return "lambda" if turn > 6 and served else "ip"  # noqa: PLR2004 - one of eight


def _group_fields(place: Place, n: int) -> dict[str, str]:
    balancer = n % balancers(place)
    more = {"target": digits(n), "vpc": digits(_vpc(place, balancer)), "type": _type(place, n)}
    return {**balancer_fields(place, balancer), **more}


def _targets(place: Place, n: int) -> list[str]:
    kind = _type(place, n)
    if kind == "lambda":
        function = digits(n % place.n["aws_lambda_function"])
        return [f"arn:aws:lambda:{place.region}:{place.account}:function:fn-{place.here}{function}"]
    if kind == "instance":
        count = place.n["aws_instance"]
        return [f"i-0{place.here}{digits((n * _TARGETS + turn) % count)}" for turn in range(_TARGETS)]
    subnet = n % balancers(place) % place.n["aws_subnet"]
    seats = range(subnet, place.n["aws_instance"] or place.n["aws_eni"], place.n["aws_subnet"])
    return [seat_of(place, interface)[1] for interface in seats[:_TARGETS]]


def _selected(place: Place, params: Params) -> list[int] | range:
    arns = values(params, "LoadBalancerArns.member") + values(params, "Names.member")
    if arns:
        return [one_of(place, arn, balancers(place), "LoadBalancerNotFound") for arn in arns]
    return range(balancers(place))


def _selected_groups(place: Place, params: Params) -> list[int] | range:
    if "LoadBalancerArn" in params:
        return target_groups(place, balancer_of(place, params))
    arns = values(params, "TargetGroupArns.member")
    if arns:
        return [named(place, arn, "aws_lb_target_group", "TargetGroupNotFound") for arn in arns]
    return range(place.n["aws_lb_target_group"])


_row = varied("elbv2", "DescribeLoadBalancers", "LoadBalancers", _BALANCERS, is_application, _fields)
listing("elbv2", "DescribeLoadBalancers", "LoadBalancers", _row, _selected, MARKERS)
_row = shaped("elbv2", "DescribeTargetGroups", "TargetGroups", _GROUP, _group_fields)
listing("elbv2", "DescribeTargetGroups", "TargetGroups", _row, _selected_groups, MARKERS)
for _name, _values in _ATTRIBUTES.items():
    constant("elbv2", _name, {"Attributes": wire.tags(**_values)})


@answers("elbv2", "DescribeTargetHealth")
def _health(place: Place, params: Params) -> str:
    number = named(place, params["TargetGroupArn"], "aws_lb_target_group", "TargetGroupNotFound")
    rows = (place.fill(_HEALTH, {"id": target}) for target in _targets(place, number))
    return place.fill(_HEALTHS, {"rows": "".join(rows)})


_TAGS = wire.row(
    "elbv2",
    "DescribeTags",
    "TagDescriptions",
    {"ResourceArn": "%(arn)s", "Tags": wire.tags(Environment="%(env)s", Name="lb-%(n)s", Owner="edge@example.com")},
)
_TAGGED = wire.body("elbv2", "DescribeTags", {"TagDescriptions": "%(rows)s"})


@answers("elbv2", "DescribeTags")
def _tags(place: Place, params: Params) -> str:
    arns = values(params, "ResourceArns.member")
    if len(arns) > 20:  # noqa: PLR2004 - AWS's own limit
        raise AwsError("ValidationError", "Cannot have more than 20 resources described")
    rows = (place.fill(_TAGS, {**basics(place, place.number(arn, 1 << 32) or 0), "arn": arn}) for arn in arns)
    return place.fill(_TAGGED, {"rows": "".join(rows)})
