"""EC2 answers about instances."""

from functools import cache
from itertools import product
from typing import Any

from . import wire
from .answers import AwsError, Params, listing, values
from .estate import Place
from .ids import ENVIRONMENTS, digits, groups_of, moment, public_address, seat_of, vpc_of, zone_of

TYPES = ("m5.xlarge", "t3.medium", "c6g.2xlarge", "r6i.large", "m7g.large")
ATTACHED = {"Status": "attached", "AttachTime": "%(at)s", "DeleteOnTermination": True}
_GROUP = wire.row(
    "ec2",
    "DescribeInstances",
    "Reservations.Instances.SecurityGroups",
    {"GroupId": "sg-0%(here)s%(group)s", "GroupName": "group-%(group)s"},
)
PRIVATE = {"PrivateIpAddress": "%(ip)s", "PrivateDnsName": "ip-%(dashed)s.%(region)s.compute.internal"}
PUBLIC_NAME = "ec2-%(public_dashed)s.%(region)s.compute.amazonaws.com"
PUBLIC = {"PublicIp": "%(public)s", "PublicDnsName": PUBLIC_NAME, "IpOwnerId": "%(account)s"}

_INTERFACE: dict[str, Any] = {
    "NetworkInterfaceId": "eni-0%(here)s%(n)s",
    "SubnetId": "subnet-0%(here)s%(subnet)s",
    "VpcId": "vpc-0%(here)s%(vpc)s",
    "Description": "",
    "OwnerId": "%(account)s",
    "Status": "in-use",
    "MacAddress": "0a:1b:%(mac)s",
    **PRIVATE,
    "SourceDestCheck": True,
    "Groups": "%(groups)s",
    "Attachment": {"AttachmentId": "eni-attach-0%(here)s%(n)s", "DeviceIndex": 0, "NetworkCardIndex": 0, **ATTACHED},
    "PrivateIpAddresses": [{**PRIVATE, "Primary": True}],
    "Ipv6Addresses": [],
    "InterfaceType": "interface",
    "Operator": {"Managed": False},
}
_PUBLIC_INTERFACE = {
    **_INTERFACE,
    "Association": PUBLIC,
    "PrivateIpAddresses": [{**PRIVATE, "Primary": True, "Association": PUBLIC}],
}
_DISK = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeId": "vol-0%(here)s%(n)s", **ATTACHED}}
_DATA_DISK = {"DeviceName": "/dev/sdb", "Ebs": {"VolumeId": "vol-0%(here)s%(data)s", **ATTACHED}}
_INSTANCE: dict[str, Any] = {
    "InstanceId": "i-0%(here)s%(n)s",
    "ImageId": "ami-0%(here)s%(image)s",
    "State": {"Code": 16, "Name": "running"},
    **PRIVATE,
    "StateTransitionReason": "",
    "KeyName": "key-%(here)s%(key)s",
    "AmiLaunchIndex": 0,
    "ProductCodes": [],
    "InstanceType": "%(type)s",
    "LaunchTime": "%(at)s",
    "Placement": {"AvailabilityZone": "%(region)s%(zone)s", "GroupName": "", "Tenancy": "default"},
    "Monitoring": {"State": "disabled"},
    "SubnetId": "subnet-0%(here)s%(subnet)s",
    "VpcId": "vpc-0%(here)s%(vpc)s",
    "SourceDestCheck": True,
    "SecurityGroups": "%(groups)s",
    "Architecture": "x86_64",
    "RootDeviceType": "ebs",
    "RootDeviceName": "/dev/xvda",
    "VirtualizationType": "hvm",
    "ClientToken": "b0a1c2d3-e4f5-6789-abcd-0000%(n)s",
    "Hypervisor": "xen",
    "IamInstanceProfile": {
        "Arn": "arn:aws:iam::%(account)s:instance-profile/app-%(global)s%(profile)s",
        "Id": "AIPA%(profile_upper)s",
    },
    "EbsOptimized": True,
    "EnaSupport": True,
    "CpuOptions": {"CoreCount": 2, "ThreadsPerCore": 2},
    "CapacityReservationSpecification": {"CapacityReservationPreference": "open"},
    "HibernationOptions": {"Configured": False},
    "EnclaveOptions": {"Enabled": False},
    "MetadataOptions": {
        "State": "applied",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 2,
        "HttpEndpoint": "enabled",
        "HttpProtocolIpv6": "disabled",
        "InstanceMetadataTags": "disabled",
    },
    "PlatformDetails": "Linux/UNIX",
    "UsageOperation": "RunInstances",
    "UsageOperationUpdateTime": "%(at)s",
    "PrivateDnsNameOptions": {
        "HostnameType": "ip-name",
        "EnableResourceNameDnsARecord": False,
        "EnableResourceNameDnsAAAARecord": False,
    },
    "MaintenanceOptions": {"AutoRecovery": "default"},
    "CurrentInstanceBootMode": "legacy-bios",
}
_TAGS = {"Name": "web-%(n)s", "Environment": "%(env)s", "Owner": "platform@example.com", "CostCenter": "12345"}


def _text(data: bool, public: bool, grouped: bool) -> str:  # noqa: FBT001 - unpacked from a product of flags
    group = {"aws:autoscaling:groupName": "asg-%(here)s%(asg)s"} if grouped else {}
    instance = {
        **_INSTANCE,
        "PublicDnsName": PUBLIC_NAME if public else "",
        **({"PublicIpAddress": "%(public)s"} if public else {}),
        "BlockDeviceMappings": [_DISK, _DATA_DISK] if data else [_DISK],
        "NetworkInterfaces": [_PUBLIC_INTERFACE if public else _INTERFACE],
        "Tags": wire.tags(**_TAGS, **group),
    }
    reservation = {"ReservationId": "r-0%(here)s%(n)s", "OwnerId": "%(account)s", "Groups": [], "Instances": [instance]}
    return wire.row("ec2", "DescribeInstances", "Reservations", reservation)


_TEXTS = {which: _text(*which) for which in product((False, True), repeat=3)}


@cache
def with_data(place: Place) -> int:
    """How many instances, counted from number 0, have a second volume. Its number is ``instances + n``."""
    return min(place.n["aws_instance"], (place.n["aws_ebs_volume"] - place.n["aws_instance"]) * 3 // 4)


@cache
def with_address(place: Place) -> int:
    """How many instances, counted from number 0, have an Elastic IP. Its number is ``gateways + n``."""
    return min(place.n["aws_instance"], (place.n["aws_eip"] - place.n["aws_nat_gateway"]) * 9 // 10)


@cache
def in_groups(place: Place) -> int:
    """How many instances, counted from number 0, belong to an Auto Scaling group. Its number is ``n % groups``."""
    return place.n["aws_instance"] // 2 if place.n["aws_autoscaling_group"] else 0


@cache
def profiles(place: Place) -> int:
    """How many roles of the account, counted from number 0, have an instance profile."""
    return max(1, place.global_place.n["aws_iam_role"] // 10)


def groups_text(place: Place, vpc: int, interface: int) -> str:
    """The security groups of a network interface and of its instance: two for every fourth interface, else one."""
    first, second = groups_of(place, vpc, interface)
    text = place.fill(_GROUP, {"group": first})
    return text if interface & 3 else text + place.fill(_GROUP, {"group": second})


def _instance(place: Place, n: int) -> str:
    counts = place.n
    subnet, ip = seat_of(place, n)
    vpc = vpc_of(place, subnet)
    number, profile, global_here = digits(n), digits(n % profiles(place)), place.global_place.here
    fields = {
        "n": number,
        "image": digits(n % counts["aws_ami"]),
        "key": digits(n % counts["aws_key_pair"]),
        "type": TYPES[n % 5],
        "at": moment(n),
        "zone": zone_of(place, subnet),
        "subnet": digits(subnet),
        "vpc": digits(vpc),
        "ip": ip,
        "dashed": ip.replace(".", "-"),
        "groups": groups_text(place, vpc, n),
        "env": ENVIRONMENTS[n & 3],
        "profile": profile,
        "profile_upper": f"{global_here}{profile}".upper(),
        "global": global_here,
        "mac": f"{number[:2]}:{number[2:4]}:{number[4:6]}:{number[6:]}",
    }
    data, public, grouped = n < with_data(place), n < with_address(place), n < in_groups(place)
    if data:
        fields["data"] = digits(counts["aws_instance"] + n)
    if public:
        address = fields["public"] = public_address(place, counts["aws_nat_gateway"] + n)
        fields["public_dashed"] = address.replace(".", "-")
    if grouped:
        fields["asg"] = digits(n % counts["aws_autoscaling_group"])
    return place.fill(_TEXTS[data, public, grouped], fields)


def _selected(place: Place, params: Params) -> range | list[int]:
    ids = values(params, "InstanceId")
    if not ids:
        return range(place.n["aws_instance"])
    found = [place.number(name, place.n["aws_instance"]) for name in ids]
    if None in found:
        raise AwsError("InvalidInstanceID.NotFound", f"The instance IDs {', '.join(ids)} do not exist")
    return [number for number in found if number is not None]


listing("ec2", "DescribeInstances", "Reservations", _instance, _selected)
