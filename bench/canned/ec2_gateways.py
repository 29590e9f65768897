"""EC2 answers about network ACLs, route tables and gateways."""

from typing import Any

from . import wire
from .answers import UNPAGED, Paging, every, inventory, listing, varied
from .estate import Place
from .ids import basics, digits, public_address, seat_of, subnets_of, vpc_of

_TAGS = wire.tags(Name="net-%(n)s", Environment="%(env)s", Owner="network@example.com")


def _entry(number: int, action: str, *, egress: bool) -> dict[str, Any]:
    return {"RuleNumber": number, "RuleAction": action, "Egress": egress, "CidrBlock": "0.0.0.0/0", "Protocol": "-1"}


_ACL: dict[str, Any] = {
    "NetworkAclId": "acl-0%(here)s%(n)s",
    "VpcId": "vpc-0%(here)s%(vpc)s",
    "IsDefault": "%(main)s",
    "OwnerId": "%(account)s",
    "Entries": [_entry(n, a, egress=e) for e in (False, True) for n, a in ((100, "allow"), (32767, "deny"))],
    "Associations": "%(associations)s",
    "Tags": _TAGS,
}
_ACL_ASSOCIATION = wire.row(
    "ec2",
    "DescribeNetworkAcls",
    "NetworkAcls.Associations",
    {
        "NetworkAclAssociationId": "aclassoc-0%(here)s%(subnet)s",
        "NetworkAclId": "acl-0%(here)s%(n)s",
        "SubnetId": "subnet-0%(here)s%(subnet)s",
    },
)
_ROUTE = {"Origin": "CreateRoute", "State": "active"}
_LOCAL = {
    "DestinationCidrBlock": "10.%(second)s.0.0/16",
    "GatewayId": "local",
    "Origin": "CreateRouteTable",
    "State": "active",
}
_EXITS: dict[str, list[dict[str, Any]]] = {
    "internet": [{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-0%(here)s%(vpc)s", **_ROUTE}],
    "nat": [{"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-0%(here)s%(nat)s", **_ROUTE}],
    "none": [],
}
_TABLES = {
    exit_: {
        "RouteTableId": "rtb-0%(here)s%(n)s",
        "VpcId": "vpc-0%(here)s%(vpc)s",
        "OwnerId": "%(account)s",
        "PropagatingVgws": [],
        "Routes": [_LOCAL, *routes],
        "Associations": "%(associations)s",
        "Tags": _TAGS,
    }
    for exit_, routes in _EXITS.items()
}
_ASSOCIATED = {"RouteTableId": "rtb-0%(here)s%(n)s", "AssociationState": {"State": "associated"}}
_MAIN = wire.row(
    "ec2",
    "DescribeRouteTables",
    "RouteTables.Associations",
    {"Main": True, "RouteTableAssociationId": "rtbassoc-0%(here)s%(n)s", **_ASSOCIATED},
)
_ASSOCIATION = wire.row(
    "ec2",
    "DescribeRouteTables",
    "RouteTables.Associations",
    {
        "Main": False,
        "RouteTableAssociationId": "rtbassoc-1%(here)s%(subnet)s",
        "SubnetId": "subnet-0%(here)s%(subnet)s",
        **_ASSOCIATED,
    },
)
_INTERNET = {
    "Attachments": [{"State": "available", "VpcId": "vpc-0%(here)s%(n)s"}],
    "InternetGatewayId": "igw-0%(here)s%(n)s",
    "OwnerId": "%(account)s",
    "Tags": _TAGS,
}
_VPN: dict[str, Any] = {
    "AmazonSideAsn": 64512,
    "VpnGatewayId": "vgw-0%(here)s%(n)s",
    "State": "available",
    "Type": "ipsec.1",
    "VpcAttachments": [{"State": "attached", "VpcId": "vpc-0%(here)s%(vpc)s"}],
    "Tags": _TAGS,
}
_NAT: dict[str, Any] = {
    "CreateTime": "%(at)s",
    "NatGatewayAddresses": [
        {
            "AllocationId": "eipalloc-0%(here)s%(n)s",
            "NetworkInterfaceId": "eni-0%(here)s%(eni)s",
            "PrivateIp": "%(ip)s",
            "PublicIp": "%(public)s",
            "AssociationId": "eipassoc-0%(here)s%(n)s",
            "IsPrimary": True,
            "Status": "succeeded",
        }
    ],
    "NatGatewayId": "nat-0%(here)s%(n)s",
    "State": "available",
    "SubnetId": "subnet-0%(here)s%(subnet)s",
    "VpcId": "vpc-0%(here)s%(vpc)s",
    "ConnectivityType": "public",
    "Tags": _TAGS,
}


def _acl_fields(place: Place, n: int) -> dict[str, str]:
    vpcs = place.n["aws_vpc"]
    vpc, turn = n % vpcs, n // vpcs
    lists = len(range(vpc, place.n["aws_network_acl"], vpcs))
    covered = subnets_of(place, vpc)[turn::lists]
    rows = (place.fill(_ACL_ASSOCIATION, {"n": digits(n), "subnet": digits(subnet)}) for subnet in covered)
    more = {"main": str(turn == 0).lower(), "associations": "".join(rows)}
    return {**basics(place, n), **more, "vpc": digits(vpc)}


def _exit(place: Place, n: int) -> str:
    turn, vpc = divmod(n, place.n["aws_vpc"])
    if turn == 0:
        return "nat" if vpc < min(place.n["aws_nat_gateway"], place.n["aws_subnet"]) else "none"
    return "internet" if vpc < place.n["aws_internet_gateway"] else "none"


def _table_fields(place: Place, n: int) -> dict[str, str]:
    vpcs = place.n["aws_vpc"]
    vpc, turn = n % vpcs, n // vpcs
    tables = len(range(vpc, place.n["aws_route_table"], vpcs))
    fields = {**basics(place, n), "vpc": digits(vpc), "second": str(vpc % 256), "nat": digits(vpc)}
    # Subnets of the main table are not listed: their association is implicit.
    covered = subnets_of(place, vpc)[turn::tables] if turn else []
    rows = [place.fill(_ASSOCIATION, {"n": fields["n"], "subnet": digits(subnet)}) for subnet in covered]
    fields["associations"] = "".join(rows) if turn else place.fill(_MAIN, fields)
    return fields


def _nat_fields(place: Place, n: int) -> dict[str, str]:
    eni = place.n["aws_instance"] + n
    subnet, ip = seat_of(place, eni)
    where = {"subnet": digits(subnet), "vpc": digits(vpc_of(place, subnet)), "eni": digits(eni)}
    return {**basics(place, n), **where, "ip": ip, "public": public_address(place, n)}


def _vpn_fields(place: Place, n: int) -> dict[str, str]:
    return {**basics(place, n), "vpc": digits(n % place.n["aws_vpc"])}


inventory("ec2", "DescribeNetworkAcls", "NetworkAcls", "aws_network_acl", _ACL, fields=_acl_fields)
_table = varied("ec2", "DescribeRouteTables", "RouteTables", _TABLES, _exit, _table_fields)
listing("ec2", "DescribeRouteTables", "RouteTables", _table, every("aws_route_table"), Paging(default=100, maximum=100))
_internet = varied(
    "ec2",
    "DescribeInternetGateways",
    "InternetGateways",
    {True: _INTERNET, False: {**_INTERNET, "Attachments": []}},
    lambda place, n: n < place.n["aws_vpc"],
    basics,
)
listing("ec2", "DescribeInternetGateways", "InternetGateways", _internet, every("aws_internet_gateway"))
inventory("ec2", "DescribeNatGateways", "NatGateways", "aws_nat_gateway", _NAT, fields=_nat_fields)
inventory("ec2", "DescribeVpnGateways", "VpnGateways", "aws_vpn_gateway", _VPN, UNPAGED, _vpn_fields)
