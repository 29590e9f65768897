"""EC2 answers about network interfaces, Elastic IPs, regions, zones and attributes."""

from itertools import product
from typing import Any

from . import wire
from .answers import UNPAGED, Params, answers, detail, every, listing, varied
from .ec2_instances import ATTACHED, PRIVATE, PUBLIC, groups_text, with_address
from .estate import Place
from .ids import basics, digits, public_address, seat_of, vpc_of, zone_of

_ASSOCIATED = {**PUBLIC, "AllocationId": "eipalloc-0%(here)s%(eip)s", "AssociationId": "eipassoc-0%(here)s%(eip)s"}
_INTERFACE: dict[str, Any] = {
    "AvailabilityZone": "%(region)s%(zone)s",
    "Groups": "%(groups)s",
    "InterfaceType": "interface",
    "Ipv6Addresses": [],
    "MacAddress": "0a:1b:%(mac)s",
    "NetworkInterfaceId": "eni-0%(here)s%(n)s",
    "OwnerId": "%(account)s",
    **PRIVATE,
    "SourceDestCheck": True,
    "Status": "in-use",
    "SubnetId": "subnet-0%(here)s%(subnet)s",
    "TagSet": wire.tags(Name="eni-%(n)s", Environment="%(env)s"),
    "VpcId": "vpc-0%(here)s%(vpc)s",
    "DenyAllIgwTraffic": False,
    "Operator": {"Managed": False},
}
_ATTACHMENT = {"AttachmentId": "eni-attach-0%(here)s%(n)s", "DeviceIndex": 0, "NetworkCardIndex": 0, **ATTACHED}
_USES: dict[str, dict[str, Any]] = {
    "instance": {
        "Description": "",
        "RequesterManaged": False,
        "Attachment": {**_ATTACHMENT, "InstanceId": "i-0%(here)s%(n)s", "InstanceOwnerId": "%(account)s"},
    },
    "nat": {
        "Description": "Interface for NAT Gateway nat-0%(here)s%(eip)s",
        "InterfaceType": "nat_gateway",
        "RequesterId": "amazon-nat",
        "RequesterManaged": True,
        "Attachment": {**_ATTACHMENT, "InstanceOwnerId": "amazon-aws"},
        "Groups": [],
    },
    "service": {
        "Description": "AWS Lambda VPC ENI-canned-%(n)s",
        "InterfaceType": "lambda",
        "RequesterId": "AROACANNED:%(account)s",
        "RequesterManaged": True,
        "Attachment": {**_ATTACHMENT, "InstanceOwnerId": "amazon-aws"},
    },
}


def _interface(use: str, address: dict[str, str]) -> dict[str, Any]:
    association = {"Association": address} if address else {}
    return {
        **_INTERFACE,
        **_USES[use],
        **association,
        "PrivateIpAddresses": [{**PRIVATE, "Primary": True, **association}],
    }


_INTERFACES = {
    (use, public): _interface(use, _ASSOCIATED if public else {}) for use, public in product(_USES, (False, True))
}
_ADDRESS: dict[str, Any] = {
    "AllocationId": "eipalloc-0%(here)s%(n)s",
    "Domain": "vpc",
    "NetworkBorderGroup": "%(region)s",
    "PublicIp": "%(public)s",
    "PublicIpv4Pool": "amazon",
    "Tags": wire.tags(Name="ip-%(n)s", Environment="%(env)s"),
}
_USED = {
    **_ADDRESS,
    "AssociationId": "eipassoc-0%(here)s%(n)s",
    "NetworkInterfaceId": "eni-0%(here)s%(eni)s",
    "NetworkInterfaceOwnerId": "%(account)s",
    "PrivateIpAddress": "%(ip)s",
}
_ADDRESSES = {
    "instance": {**_USED, "InstanceId": "i-0%(here)s%(eni)s"},
    "nat": _USED,
    "free": _ADDRESS,
}


def _use(place: Place, n: int) -> tuple[str, bool]:
    if n < place.n["aws_instance"]:
        return "instance", n < with_address(place)
    gateway = n < place.n["aws_instance"] + place.n["aws_nat_gateway"]
    return ("nat", True) if gateway else ("service", False)


def _interface_fields(place: Place, n: int) -> dict[str, str]:
    subnet, ip = seat_of(place, n)
    vpc = vpc_of(place, subnet)
    instances, gateways = place.n["aws_instance"], place.n["aws_nat_gateway"]
    eip = gateways + n if n < instances else n - instances
    public, number = public_address(place, eip), digits(n)
    mac = f"{number[:2]}:{number[2:4]}:{number[4:6]}:{number[6:]}"
    return {
        **basics(place, n),
        "subnet": digits(subnet),
        "vpc": digits(vpc),
        "zone": zone_of(place, subnet),
        "ip": ip,
        "dashed": ip.replace(".", "-"),
        "groups": groups_text(place, vpc, n),
        "mac": mac,
        "eip": digits(eip),
        "public": public,
        "public_dashed": public.replace(".", "-"),
    }


def _address_use(place: Place, n: int) -> str:
    gateways = place.n["aws_nat_gateway"]
    if n < gateways:
        return "nat"
    return "instance" if n - gateways < with_address(place) else "free"


def _address_fields(place: Place, n: int) -> dict[str, str]:
    fields = {**basics(place, n), "public": public_address(place, n)}
    use, gateways = _address_use(place, n), place.n["aws_nat_gateway"]
    if use != "free":
        eni = place.n["aws_instance"] + n if use == "nat" else n - gateways
        fields |= {"eni": digits(eni), "ip": seat_of(place, eni)[1]}
    return fields


_row = varied("ec2", "DescribeNetworkInterfaces", "NetworkInterfaces", _INTERFACES, _use, _interface_fields)
listing("ec2", "DescribeNetworkInterfaces", "NetworkInterfaces", _row, every("aws_eni"))
_row = varied("ec2", "DescribeAddresses", "Addresses", _ADDRESSES, _address_use, _address_fields)
listing("ec2", "DescribeAddresses", "Addresses", _row, every("aws_eip"), UNPAGED)

_REGION = wire.row(
    "ec2",
    "DescribeRegions",
    "Regions",
    {
        "OptInStatus": "opt-in-not-required",
        "RegionName": "%(name)s",
        "Endpoint": "ec2.%(name)s.amazonaws.com",
    },
)
_REGIONS = wire.body("ec2", "DescribeRegions", {"Regions": "%(rows)s"})
_ZONE = wire.row(
    "ec2",
    "DescribeAvailabilityZones",
    "AvailabilityZones",
    {
        "State": "available",
        "OptInStatus": "opt-in-not-required",
        "Messages": [],
        "RegionName": "%(region)s",
        "ZoneName": "%(region)s%(zone)s",
        "ZoneId": "canned-az%(zone)s",
        "GroupName": "%(region)s-zg-1",
        "NetworkBorderGroup": "%(region)s",
        "ZoneType": "availability-zone",
    },
)
_ZONES = wire.body("ec2", "DescribeAvailabilityZones", {"AvailabilityZones": "%(rows)s"})


@answers("ec2", "DescribeRegions")
def _regions(place: Place, _: Params) -> str:
    rows = (place.fill(_REGION, {"name": name}) for name in place.estate.regions)
    return place.fill(_REGIONS, {"rows": "".join(rows)})


@answers("ec2", "DescribeAvailabilityZones")
def _zones(place: Place, _: Params) -> str:
    return place.fill(_ZONES, {"rows": "".join(place.fill(_ZONE, {"zone": zone}) for zone in "abc")})


def _attribute(name: str, parameter: str, kind: str, missing: str, **value: Any) -> None:
    detail("ec2", name, parameter, kind, value, missing)


_attribute(
    "DescribeInstanceAttribute",
    "InstanceId",
    "aws_instance",
    "InvalidInstanceID.NotFound",
    InstanceId="i-0%(here)s%(n)s",
    DisableApiTermination={"Value": False},
)
_attribute(
    "DescribeVpcAttribute",
    "VpcId",
    "aws_vpc",
    "InvalidVpcID.NotFound",
    VpcId="vpc-0%(here)s%(n)s",
    EnableDnsHostnames={"Value": True},
    EnableDnsSupport={"Value": True},
    EnableNetworkAddressUsageMetrics={"Value": False},
)
_attribute(
    "DescribeSnapshotAttribute",
    "SnapshotId",
    "aws_ebs_snapshot",
    "InvalidSnapshot.NotFound",
    SnapshotId="snap-0%(here)s%(n)s",
    CreateVolumePermissions=[],
)
_attribute(
    "DescribeImageAttribute",
    "ImageId",
    "aws_ami",
    "InvalidAMIID.NotFound",
    ImageId="ami-0%(here)s%(n)s",
    LaunchPermissions=[],
)
