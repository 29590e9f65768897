"""EC2 network interfaces and Elastic IP addresses."""

from __future__ import annotations

from collector.schema.declarations import Call, Edge, Entity, First, Row, Template, pick
from collector.schema.paths import found
from collector.schema.patterns import guarded_by
from collector.schema.values import computed, entry, equals, lower, present
from collector.services.ec2.listings import NAME, non_empty


@computed(
    "PrivateIpAddress",
    "PrivateIpAddresses[].PrivateIpAddress",
    "PrivateIpAddresses[].Association.PublicIp",
    "Association.PublicIp",
    "Ipv6Addresses[].Ipv6Address",
)
def addresses(row: Row) -> list[str]:
    """Every address of a network interface, the globally unique public ones first."""
    public = found(row, "Association.PublicIp") + found(row, "PrivateIpAddresses[].Association.PublicIp")
    ipv6 = found(row, "Ipv6Addresses[].Ipv6Address")
    private = found(row, "PrivateIpAddress") + found(row, "PrivateIpAddresses[].PrivateIpAddress")
    return [one for one in dict.fromkeys((*public, *ipv6, *private)) if one]


@computed("VpcId", "PrivateIpAddresses[].PrivateIpAddress", "Ipv6Addresses[].Ipv6Address")
def vpc_addresses(row: Row) -> list[str]:
    """The addresses inside the VPC as `<VPC id>/<address>`, since private ranges of VPCs overlap."""
    private, ipv6 = found(row, "PrivateIpAddresses[].PrivateIpAddress"), found(row, "Ipv6Addresses[].Ipv6Address")
    inside = [*private, *ipv6]
    return [f"{row.get('VpcId')}/{one}" for one in inside]


eni = Entity(
    type="aws_eni",
    cls="NetworkInterface",
    rows=Call("describe_network_interfaces", "NetworkInterfaces", {"IncludeManagedResources": True, "MaxResults": 200}),
    key=Template("arn:{partition}:ec2:{region}:{OwnerId|account}:network-interface/{NetworkInterfaceId}"),
    id="NetworkInterfaceId",
    name=entry("TagSet", "Name"),
    also={"address": addresses, "vpcAddress": vpc_addresses},
    active=equals("Status", "in-use"),
    web="https://{console}/ec2/home?region={region}#NetworkInterface:networkInterfaceId={NetworkInterfaceId}",
    tags="TagSet",
    props=pick(
        "OwnerId", "Description", "InterfaceType", "Status", "PrivateDnsName", "RequesterId", "RequesterManaged",
        "SourceDestCheck", "SubnetId", "VpcId", "AvailabilityZone", "PrivateIpAddress", "Attachment.AttachmentId",
        "Attachment.InstanceId", "Association.AllocationId",
        macAddress=lower("MacAddress"),
        privateIp="PrivateIpAddress",
        privateIpAddresses="PrivateIpAddresses[].PrivateIpAddress",
        ipv6Addresses="Ipv6Addresses[].Ipv6Address",
        publicIp="Association.PublicIp", publicIpAddress="Association.PublicIp",
        securityGroupIds="Groups[].GroupId", securityGroupNames="Groups[].GroupName",
    ),
    edges=guarded_by("aws_eni", "Groups[].GroupId"),
    facts={"vpc": "VpcId", "addresses": addresses},
)  # fmt: skip

eip = Entity(
    type="aws_eip",
    cls="IpAddress",
    rows=Call("describe_addresses", "Addresses"),
    key=Template("arn:{partition}:ec2:{region}:{account}:elastic-ip/{AllocationId}"),
    id="AllocationId",
    name=First(NAME, "PublicIp"),
    also={"address": "PublicIp", "privateAddress": Template("{region}/{PrivateIpAddress}")},
    active=present("AssociationId"),
    web="https://{console}/ec2/home?region={region}#ElasticIpDetails:AllocationId={AllocationId}",
    tags="Tags",
    props=pick(
        "AssociationId", "PrivateIpAddress", "Domain", "NetworkInterfaceId", "NetworkInterfaceOwnerId",
        "NetworkBorderGroup", "PublicIpv4Pool",
        instanceId=non_empty("InstanceId"),
        ipAddress="PublicIp",
        publicIpAddress="PublicIp",
    ),
    edges=(
        Edge("aws_instance", "USES", "aws_eip", at="InstanceId"),
        Edge("aws_eni", "USES", "aws_eip", at="NetworkInterfaceId"),
    ),
    facts={"addresses": "PublicIp"},
)  # fmt: skip
