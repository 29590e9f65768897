"""EC2 network interfaces and Elastic IP addresses."""

from __future__ import annotations

from collector.analysis.networks import is_public
from collector.schema.declarations import Call, Edge, Entity, First, Gather, Row, Template, pick
from collector.schema.paths import found
from collector.schema.patterns import guarded_by
from collector.schema.values import computed, entry, is_one_of, lower, only, present
from collector.services.ec2.listings import NAME


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


@computed("Association.PublicIp", "PrivateIpAddresses[].Association.PublicIp", "Ipv6Addresses[].Ipv6Address")
def internet_addresses(row: Row) -> list[str]:
    """The addresses that only this interface has: the public ones."""
    public = found(row, "Association.PublicIp") + found(row, "PrivateIpAddresses[].Association.PublicIp")
    return list(dict.fromkeys((*public, *filter(is_public, found(row, "Ipv6Addresses[].Ipv6Address")))))


@computed("PrivateIpAddress", "PrivateIpAddresses[].PrivateIpAddress", "Ipv6Addresses[].Ipv6Address")
def vpc_addresses(row: Row) -> list[str]:
    """The addresses that only this interface has in its VPC."""
    private = found(row, "PrivateIpAddress") + found(row, "PrivateIpAddresses[].PrivateIpAddress")
    return list(dict.fromkeys((*private, *found(row, "Ipv6Addresses[].Ipv6Address"))))


eni = Entity(
    type="aws_eni",
    cls="NetworkInterface",
    rows=Call("describe_network_interfaces", "NetworkInterfaces", {"IncludeManagedResources": True, "MaxResults": 200}),
    key=Template("arn:{partition}:ec2:{region}:{OwnerId|account}:network-interface/{NetworkInterfaceId}"),
    id="NetworkInterfaceId",
    owner="OwnerId",
    name=entry("TagSet", "Name"),
    also={"address": internet_addresses, "privateAddress": vpc_addresses, "privateDns": lower("PrivateDnsName")},
    vpc="VpcId",
    active=is_one_of("Status", "in-use"),
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
    # Its interface says in which VPC its private address is.
    gather=(
        Gather(
            "describe_network_interfaces", "Interfaces", "NetworkInterfaces",
            ids="NetworkInterfaceIds", by="NetworkInterfaceId", on="NetworkInterfaceId", size=200,
            params={"IncludeManagedResources": True},
        ),
    ),
    key=Template("arn:{partition}:ec2:{region}:{account}:elastic-ip/{AllocationId}"),
    id="AllocationId",
    name=First(NAME, "PublicIp"),
    also={"address": "PublicIp", "privateAddress": "PrivateIpAddress"},
    vpc=only("Interfaces[].VpcId"),
    active=present("AssociationId"),
    web="https://{console}/ec2/home?region={region}#ElasticIpDetails:AllocationId={AllocationId}",
    tags="Tags",
    props=pick(
        "AssociationId", "PrivateIpAddress", "Domain", "NetworkInterfaceId", "NetworkInterfaceOwnerId",
        "NetworkBorderGroup", "PublicIpv4Pool", "InstanceId",
        vpcId=only("Interfaces[].VpcId"),
        ipAddress="PublicIp",
        publicIpAddress="PublicIp",
    ),
    edges=(
        Edge("aws_instance", "USES", "aws_eip", at="InstanceId"),
        Edge("aws_eni", "USES", "aws_eip", at="NetworkInterfaceId"),
    ),
    facts={"addresses": "PublicIp"},
)  # fmt: skip
