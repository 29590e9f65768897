"""EC2 answers about VPCs, flow logs, peering, subnets, security groups and prefix lists."""

from typing import Any

from . import wire
from .answers import Paging, Params, constant, every, inventory, listing, shaped, varied
from .estate import Place
from .ids import basics, digits, groups_of, vpc_of, zone_of

_TAGS = wire.tags(Name="net-%(n)s", Environment="%(env)s", Owner="network@example.com")
_VPC: dict[str, Any] = {
    "CidrBlock": "10.%(second)s.0.0/16",
    "DhcpOptionsId": "dopt-0%(here)s00000000",
    "State": "available",
    "VpcId": "vpc-0%(here)s%(n)s",
    "OwnerId": "%(account)s",
    "InstanceTenancy": "default",
    "CidrBlockAssociationSet": [
        {
            "AssociationId": "vpc-cidr-assoc-0%(here)s%(n)s",
            "CidrBlock": "10.%(second)s.0.0/16",
            "CidrBlockState": {"State": "associated"},
        }
    ],
    "IsDefault": False,
    "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"},
    "Tags": _TAGS,
}
_SUBNET: dict[str, Any] = {
    "AvailabilityZone": "%(region)s%(zone)s",
    "AvailabilityZoneId": "use1-az%(zone_number)s",
    "AvailableIpAddressCount": 4000,
    "CidrBlock": "%(cidr)s",
    "DefaultForAz": False,
    "MapPublicIpOnLaunch": False,
    "MapCustomerOwnedIpOnLaunch": False,
    "State": "available",
    "SubnetId": "subnet-0%(here)s%(n)s",
    "VpcId": "vpc-0%(here)s%(vpc)s",
    "OwnerId": "%(account)s",
    "AssignIpv6AddressOnCreation": False,
    "Ipv6CidrBlockAssociationSet": [],
    "SubnetArn": "arn:aws:ec2:%(region)s:%(account)s:subnet/subnet-0%(here)s%(n)s",
    "EnableDns64": False,
    "Ipv6Native": False,
    "PrivateDnsNameOptionsOnLaunch": {
        "HostnameType": "ip-name",
        "EnableResourceNameDnsARecord": False,
        "EnableResourceNameDnsAAAARecord": False,
    },
    "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"},
    "Tags": _TAGS,
}


def _rule(port: int, **source: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}
    return {"FromPort": port, "ToPort": port, "IpProtocol": "tcp", **empty, **source}


_FROM_GROUP = [{"GroupId": "sg-0%(here)s%(peer)s", "UserId": "%(account)s", "Description": "from the front"}]
_OPEN = _rule(443, IpRanges=[{"CidrIp": "0.0.0.0/0", "Description": "all"}], Ipv6Ranges=[{"CidrIpv6": "::/0"}])
_OFFICE = _rule(443, IpRanges=[{"CidrIp": "10.0.0.0/8", "Description": "inside"}, {"CidrIp": "198.51.100.0/24"}])
_EGRESS = {
    "IpProtocol": "-1",
    "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
    "Ipv6Ranges": [],
    "PrefixListIds": [],
    "UserIdGroupPairs": [],
}
_GROUP: dict[str, Any] = {
    "GroupId": "sg-0%(here)s%(n)s",
    "SecurityGroupArn": "arn:aws:ec2:%(region)s:%(account)s:security-group/sg-0%(here)s%(n)s",
    "GroupName": "group-%(n)s",
    "Description": "Group %(n)s",
    "OwnerId": "%(account)s",
    "VpcId": "vpc-0%(here)s%(vpc)s",
    "IpPermissionsEgress": [_EGRESS],
    "Tags": _TAGS,
}
_GROUPS = {
    public: {**_GROUP, "IpPermissions": [_OPEN if public else _OFFICE, _rule(5432, UserIdGroupPairs=_FROM_GROUP)]}
    for public in (False, True)
}


_FLOW_LOG: dict[str, Any] = {
    "CreationTime": "%(at)s",
    "DeliverLogsStatus": "SUCCESS",
    "FlowLogId": "fl-0%(here)s%(n)s",
    "FlowLogStatus": "ACTIVE",
    "ResourceId": "vpc-0%(here)s%(n)s",
    "TrafficType": "ALL",
    "LogFormat": "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${action}",
    "MaxAggregationInterval": 600,
    "Tags": [],
}
_FLOW_LOGS = {
    "group": {
        **_FLOW_LOG,
        "LogDestinationType": "cloud-watch-logs",
        "LogGroupName": "/canned/%(here)s%(target)s",
        "LogDestination": "arn:aws:logs:%(region)s:%(account)s:log-group:/canned/%(here)s%(target)s",
        "DeliverLogsPermissionArn": "arn:aws:iam::%(account)s:role/flow-logs",
    },
    "bucket": {
        **_FLOW_LOG,
        "LogDestinationType": "s3",
        "LogDestination": "arn:aws:s3:::data-%(global)s%(target)s/flow-logs",
    },
}


def _side(vpc: str) -> dict[str, Any]:
    options = ("AllowDnsResolutionFromRemoteVpc", "AllowEgressFromLocalClassicLinkToRemoteVpc")
    return {
        "CidrBlock": f"10.%({vpc}_second)s.0.0/16",
        "CidrBlockSet": [{"CidrBlock": f"10.%({vpc}_second)s.0.0/16"}],
        "OwnerId": "%(account)s",
        "PeeringOptions": dict.fromkeys(options, False),
        "VpcId": f"vpc-0%(here)s%({vpc})s",
        "Region": "%(region)s",
    }


_PEERING = {
    "AccepterVpcInfo": _side("accepter"),
    "RequesterVpcInfo": _side("requester"),
    "Status": {"Code": "active", "Message": "Active"},
    "Tags": [],
    "VpcPeeringConnectionId": "pcx-0%(here)s%(n)s",
}
_PREFIX_LIST = {
    "PrefixListId": "pl-0%(here)s%(n)s",
    "AddressFamily": "IPv4",
    "State": "create-complete",
    "PrefixListArn": "arn:aws:ec2:%(region)s:aws:prefix-list/pl-0%(here)s%(n)s",
    "PrefixListName": "com.amazonaws.%(region)s.s3",
    "Version": 1,
    "Tags": [],
    "OwnerId": "AWS",
}


def _vpc_fields(place: Place, n: int) -> dict[str, str]:
    return {**basics(place, n), "second": str(n % 256)}


def _subnet_fields(place: Place, n: int) -> dict[str, str]:
    vpc = vpc_of(place, n)
    zone, third = zone_of(place, n), n // place.n["aws_vpc"] % 16 * 16
    more = {"zone": zone, "zone_number": str("abc".index(zone) + 1), "cidr": f"10.{vpc % 256}.{third}.0/20"}
    return {**basics(place, n), **more, "vpc": digits(vpc)}


def _group_fields(place: Place, n: int) -> dict[str, str]:
    vpc = n % place.n["aws_vpc"]
    return {**basics(place, n), "vpc": digits(vpc), "peer": groups_of(place, vpc, n + 1)[1]}


def _flow_log_target(place: Place, n: int) -> str:
    return "group" if place.n["aws_cloudwatch_log_group"] and n % 2 == 0 else "bucket"


def _flow_log_fields(place: Place, n: int) -> dict[str, str]:
    targets = place.n["aws_cloudwatch_log_group"], place.global_place.n["aws_s3_bucket"]
    count = targets[_flow_log_target(place, n) == "bucket"]
    return {**basics(place, n), "target": digits(n % count), "global": place.global_place.here}


def _logged(place: Place, _: Params) -> range:
    return range(
        place.n["aws_vpc"] if place.n["aws_cloudwatch_log_group"] and place.global_place.n["aws_s3_bucket"] else 0
    )


def _peering_fields(place: Place, n: int) -> dict[str, str]:
    requester, accepter = 2 * n, 2 * n + 1
    seconds = {"requester_second": str(requester % 256), "accepter_second": str(accepter % 256)}
    return {**basics(place, n), "requester": digits(requester), "accepter": digits(accepter), **seconds}


inventory("ec2", "DescribeVpcs", "Vpcs", "aws_vpc", _VPC, fields=_vpc_fields)
inventory("ec2", "DescribeSubnets", "Subnets", "aws_subnet", _SUBNET, fields=_subnet_fields)
_group = varied("ec2", "DescribeSecurityGroups", "SecurityGroups", _GROUPS, lambda _, n: n % 10 == 1, _group_fields)
listing("ec2", "DescribeSecurityGroups", "SecurityGroups", _group, every("aws_security_group"))
_flow_log = varied("ec2", "DescribeFlowLogs", "FlowLogs", _FLOW_LOGS, _flow_log_target, _flow_log_fields)
listing("ec2", "DescribeFlowLogs", "FlowLogs", _flow_log, _logged)
_peering = shaped("ec2", "DescribeVpcPeeringConnections", "VpcPeeringConnections", _PEERING, _peering_fields)
listing(
    "ec2",
    "DescribeVpcPeeringConnections",
    "VpcPeeringConnections",
    _peering,
    lambda place, _: range(place.n["aws_vpc"] // 4),
)
_prefix_list = shaped("ec2", "DescribeManagedPrefixLists", "PrefixLists", _PREFIX_LIST)
listing(
    "ec2",
    "DescribeManagedPrefixLists",
    "PrefixLists",
    _prefix_list,
    lambda *_: range(1),
    Paging(default=100, maximum=100),
)
constant(
    "ec2",
    "GetManagedPrefixListEntries",
    {"Entries": [{"Cidr": "52.216.0.0/15"}, {"Cidr": "3.5.0.0/19", "Description": ""}]},
)
