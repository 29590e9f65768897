"""Answers about classic load balancers and Auto Scaling groups."""

from typing import Any

from . import wire
from .answers import Paging, Params, answers, constant, detail, inventory, values
from .ec2_instances import TYPES, in_groups
from .estate import Place
from .ids import basics, digits, groups_of, vpc_of, zone_of

_BALANCER: dict[str, Any] = {
    "LoadBalancerName": "elb-%(here)s%(n)s",
    "DNSName": "elb-%(here)s%(n)s-1234567890.%(region)s.elb.amazonaws.com",
    "CanonicalHostedZoneName": "elb-%(here)s%(n)s-1234567890.%(region)s.elb.amazonaws.com",
    "CanonicalHostedZoneNameID": "Z35SXDOTRQ7X7K",
    "ListenerDescriptions": [
        {
            "Listener": {
                "Protocol": "HTTP",
                "LoadBalancerPort": 80,
                "InstanceProtocol": "HTTP",
                "InstancePort": 8080,
            },
            "PolicyNames": [],
        }
    ],
    "Policies": {"AppCookieStickinessPolicies": [], "LBCookieStickinessPolicies": [], "OtherPolicies": []},
    "BackendServerDescriptions": [],
    "AvailabilityZones": ["%(region)sa"],
    "Subnets": ["subnet-0%(here)s%(subnet)s"],
    "VPCId": "vpc-0%(here)s%(vpc)s",
    "Instances": "%(instances)s",
    "HealthCheck": {
        "Target": "HTTP:8080/health",
        "Interval": 30,
        "Timeout": 5,
        "UnhealthyThreshold": 2,
        "HealthyThreshold": 10,
    },
    "SourceSecurityGroup": {"OwnerAlias": "%(account)s", "GroupName": "group-%(group)s"},
    "SecurityGroups": ["sg-0%(here)s%(group)s"],
    "CreatedTime": "%(at)s",
    "Scheme": "internal",
}
_REGISTERED = wire.row(
    "elb", "DescribeLoadBalancers", "LoadBalancerDescriptions.Instances", {"InstanceId": "i-0%(here)s%(instance)s"}
)
_TAGS = wire.row(
    "elb",
    "DescribeTags",
    "TagDescriptions",
    {"LoadBalancerName": "%(name)s", "Tags": wire.tags(Environment="%(env)s", Owner="edge@example.com")},
)
_TAGGED = wire.body("elb", "DescribeTags", {"TagDescriptions": "%(rows)s"})
_AUTO: dict[str, Any] = {
    "AutoScalingGroupName": "asg-%(here)s%(n)s",
    "AutoScalingGroupARN": (
        "arn:aws:autoscaling:%(region)s:%(account)s:autoScalingGroup:00000000-0000-4000-8000-0000%(n)s:"
        "autoScalingGroupName/asg-%(here)s%(n)s"
    ),
    "LaunchTemplate": {
        "LaunchTemplateId": "lt-0%(here)s%(n)s",
        "LaunchTemplateName": "template-%(n)s",
        "Version": "$Latest",
    },
    "MinSize": 1,
    "MaxSize": 50,
    "DesiredCapacity": "%(count)s",
    "DefaultCooldown": 300,
    "AvailabilityZones": ["%(region)sa", "%(region)sb"],
    "LoadBalancerNames": [],
    "TargetGroupARNs": [],
    "HealthCheckType": "EC2",
    "HealthCheckGracePeriod": 300,
    "Instances": "%(instances)s",
    "CreatedTime": "%(at)s",
    "SuspendedProcesses": [],
    "VPCZoneIdentifier": "%(subnets)s",
    "EnabledMetrics": [],
    "Tags": [
        {
            "ResourceId": "asg-%(here)s%(n)s",
            "ResourceType": "auto-scaling-group",
            "Key": "Environment",
            "Value": "%(env)s",
            "PropagateAtLaunch": True,
        }
    ],
    "TerminationPolicies": ["Default"],
    "NewInstancesProtectedFromScaleIn": False,
    "ServiceLinkedRoleARN": (
        "arn:aws:iam::%(account)s:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
    ),
    "TrafficSources": [],
    "CapacityReservationSpecification": {"CapacityReservationPreference": "default"},
}
_MEMBER = wire.row(
    "autoscaling",
    "DescribeAutoScalingGroups",
    "AutoScalingGroups.Instances",
    {
        "InstanceId": "i-0%(here)s%(instance)s",
        "InstanceType": "%(type)s",
        "AvailabilityZone": "%(region)s%(zone)s",
        "LifecycleState": "InService",
        "HealthStatus": "Healthy",
        "LaunchTemplate": {
            "LaunchTemplateId": "lt-0%(here)s%(n)s",
            "LaunchTemplateName": "template-%(n)s",
            "Version": "1",
        },
        "ProtectedFromScaleIn": False,
    },
)


def _fields(place: Place, n: int) -> dict[str, str]:
    subnet, instances = n % place.n["aws_subnet"], place.n["aws_instance"]
    vpc = vpc_of(place, subnet)
    registered = {(3 * n + turn) % instances for turn in range(3)} if instances else set()
    rows = (place.fill(_REGISTERED, {"instance": digits(instance)}) for instance in sorted(registered))
    more = {"subnet": digits(subnet), "vpc": digits(vpc), "group": groups_of(place, vpc, n)[0]}
    return {**basics(place, n), **more, "instances": "".join(rows)}


def _auto_fields(place: Place, n: int) -> dict[str, str]:
    members = range(n, in_groups(place), place.n["aws_autoscaling_group"])
    fields = basics(place, n)
    rows = [
        place.fill(
            _MEMBER,
            {
                "n": fields["n"],
                "instance": digits(instance),
                "type": TYPES[instance % 5],
                "zone": zone_of(place, instance % place.n["aws_subnet"]),
            },
        )
        for instance in members
    ]
    subnets = sorted({instance % place.n["aws_subnet"] for instance in members[:3]} or {0})
    names = ",".join(f"subnet-0{place.here}{digits(subnet)}" for subnet in subnets)
    return {**fields, "count": str(len(rows)), "instances": "".join(rows), "subnets": names}


inventory(
    "elb",
    "DescribeLoadBalancers",
    "LoadBalancerDescriptions",
    "aws_elb",
    _BALANCER,
    Paging("PageSize", "Marker", "NextMarker", default=400, maximum=400),
    _fields,
)
detail(
    "elb",
    "DescribeLoadBalancerAttributes",
    "LoadBalancerName",
    "aws_elb",
    {
        "LoadBalancerAttributes": {
            "CrossZoneLoadBalancing": {"Enabled": True},
            "AccessLog": {"Enabled": False},
            "ConnectionDraining": {"Enabled": True, "Timeout": 300},
            "ConnectionSettings": {"IdleTimeout": 60},
        }
    },
    "LoadBalancerNotFound",
)
constant("elb", "DescribeLoadBalancerPolicies", {"PolicyDescriptions": []})
inventory(
    "autoscaling",
    "DescribeAutoScalingGroups",
    "AutoScalingGroups",
    "aws_autoscaling_group",
    _AUTO,
    Paging("MaxRecords", default=50, maximum=100),
    _auto_fields,
)
constant("autoscaling", "DescribeLaunchConfigurations", {"LaunchConfigurations": []})


@answers("elb", "DescribeTags")
def _tags(place: Place, params: Params) -> str:
    names = values(params, "LoadBalancerNames.member")
    rows = (place.fill(_TAGS, {**basics(place, place.number(name, 1 << 32) or 0), "name": name}) for name in names)
    return place.fill(_TAGGED, {"rows": "".join(rows)})
