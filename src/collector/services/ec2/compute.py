"""EC2 instances, machine images (AMIs) and key pairs."""

from __future__ import annotations

import re

from collector.analysis.networks import is_public
from collector.schema.declarations import Call, Edge, Entity, Hydrate, Row, Template, Via, pick
from collector.schema.paths import found
from collector.schema.patterns import guarded_by
from collector.schema.values import boolean, computed, document, epoch, equals, is_one_of, listed, lower, milliseconds
from collector.services.ec2.listings import NAME

IPV6 = "NetworkInterfaces[].Ipv6Addresses[].Ipv6Address"
AMI_KEY = Template("arn:{partition}:ec2:{region}::image/{ImageId}")

ami = Entity(
    type="aws_ami",
    cls="Image",
    rows=Call("describe_images", "Images", {"Owners": ["self"], "IncludeDisabled": True, "MaxResults": 200}),
    hydrate=(
        Hydrate(
            "describe_image_attribute", "Permissions", {"ImageId": "ImageId"}, {"Attribute": "launchPermission"},
            when=equals("State", "available"), absent=("InvalidAMIID.Unavailable",),
        ),
    ),
    key=AMI_KEY,
    id="ImageId",
    name="Name",
    created=epoch("CreationDate"),
    active=is_one_of("State", "available"),
    web="https://{console}/ec2/home?region={region}#ImageDetails:imageId={ImageId}",
    tags="Tags",
    props=pick(
        "ImageId", "Description", "OwnerId", "State", "Public", "Architecture", "Platform", "PlatformDetails",
        "ImageType", "RootDeviceType", "VirtualizationType", "EnaSupport", "ImdsSupport", "SourceInstanceId",
        deprecationTime=epoch("DeprecationTime"),
        blockDeviceMappings=document("BlockDeviceMappings"),
        sharedWithAccounts="Permissions.LaunchPermissions[].UserId",
    ),
)  # fmt: skip


@computed("SecurityGroups[].GroupId", "NetworkInterfaces[].Groups[].GroupId")
def security_groups(row: Row) -> list[str]:
    """The security group ids of the instance and all its network interfaces, each once."""
    groups = list(row.get("SecurityGroups") or ())
    for interface in row.get("NetworkInterfaces") or ():
        groups += interface.get("Groups") or ()
    return list(dict.fromkeys(id_ for group in groups if (id_ := group.get("GroupId"))))


@computed("PublicIpAddress", "NetworkInterfaces[].PrivateIpAddresses[].Association.PublicIp")
def public_addresses(row: Row) -> list[str]:
    """The instance's public IPv4 addresses, the primary one first."""
    others = found(row, "NetworkInterfaces[].PrivateIpAddresses[].Association.PublicIp")
    return [one for one in dict.fromkeys((row.get("PublicIpAddress"), *others)) if one]


@computed("PrivateIpAddress", "NetworkInterfaces[].PrivateIpAddresses[].PrivateIpAddress")
def private_addresses(row: Row) -> list[str]:
    """The instance's private IPv4 addresses, the primary one first."""
    others = found(row, "NetworkInterfaces[].PrivateIpAddresses[].PrivateIpAddress")
    return [one for one in dict.fromkeys((row.get("PrivateIpAddress"), *others)) if one]


@computed(*public_addresses.reads, *private_addresses.reads)
def ipv4_addresses(row: Row) -> list[str]:
    """All IPv4 addresses of the instance, public ones first."""
    return [*public_addresses.fn(row), *private_addresses.fn(row)]


@computed(*public_addresses.reads, IPV6)
def internet_addresses(row: Row) -> list[str]:
    """The addresses that only this instance has: the public ones."""
    return [*public_addresses.fn(row), *filter(is_public, found(row, IPV6))]


@computed(*private_addresses.reads, IPV6)
def vpc_addresses(row: Row) -> list[str]:
    """The addresses that only this instance has in its VPC."""
    return [*private_addresses.fn(row), *found(row, IPV6)]


@computed(*ipv4_addresses.reads, IPV6)
def addresses(row: Row) -> list[str]:
    """All IPv4 and IPv6 addresses of the instance."""
    return [*ipv4_addresses.fn(row), *found(row, IPV6)]


@computed("PublicDnsName", "PrivateDnsName")
def domain_names(row: Row) -> list[str]:
    """The DNS names of the instance in lower case, the public one first."""
    return [name.lower() for name in (row.get("PublicDnsName"), row.get("PrivateDnsName")) if name]


@computed("Platform", "Architecture")
def os_type(row: Row) -> str:
    """The operating system family. EC2 marks only Windows instances and Mac hardware; the rest counts as Linux."""
    if str(row.get("Platform")).lower() == "windows":
        return "windows"
    return "darwin" if str(row.get("Architecture")).endswith("_mac") else "linux"


@computed("StateTransitionReason")
def state_changed(row: Row) -> int | None:
    """When the state last changed, read from the reason text: `User initiated (2026-01-02 03:04:05 GMT)`."""
    moment = re.search(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) GMT\)", row.get("StateTransitionReason") or "")
    return milliseconds(moment[1]) if moment else None


@computed("StateTransitionReason", "State.Name")
def stopped(row: Row) -> int | None:
    """When a stopped instance was stopped; None in other states."""
    moment: int | None = state_changed.fn(row)
    return moment if row.get("State", {}).get("Name") == "stopped" else None


HOST = pick(
    ipv4Addresses=ipv4_addresses,
    ipv6Addresses=IPV6,
    publicIpAddresses=public_addresses,
    privateIpAddresses=private_addresses,
    macAddresses=Via("NetworkInterfaces[].MacAddress", lambda addresses: [one.lower() for one in addresses]),
    fqdn=domain_names,
    hostname=Via("PrivateDnsName", lambda name: name.partition(".")[0] or None),
    deviceId=listed("InstanceId"),
    osType=os_type,
    osDetails="PlatformDetails",
)
"""The properties of the class `Host`."""

instance = Entity(
    type="aws_instance",
    cls="Host",
    rows=Call("describe_instances", "Reservations[].Instances[]", {"IncludeManagedResources": True, "MaxResults": 100}),
    key=Template("arn:{partition}:ec2:{region}:{^.OwnerId|account}:instance/{InstanceId}"),
    id="InstanceId",
    name=NAME,
    also={
        "dns": lower("PublicDnsName"),
        "privateDns": lower("PrivateDnsName"),
        "address": internet_addresses,
        "privateAddress": vpc_addresses,
    },
    vpc="VpcId",
    created="LaunchTime",
    active=is_one_of("State.Name", "running"),
    web="https://{console}/ec2/home?region={region}#InstanceDetails:instanceId={InstanceId}",
    tags="Tags",
    props=pick(
        "InstanceId", "ImageId", "InstanceType", "LaunchTime", "Platform", "PlatformDetails", "Architecture", "VpcId",
        "SubnetId", "KeyName", "PrivateIpAddress", "PublicIpAddress", "EbsOptimized", "RootDeviceType",
        "SourceDestCheck", "PrivateDnsName", "PublicDnsName", "Placement.Tenancy", "Placement.AvailabilityZone", "MetadataOptions.HttpTokens",
        "MetadataOptions.HttpPutResponseHopLimit", "^.OwnerId",
        state="State.Name",
        stateChangedOn=state_changed,
        stoppedOn=stopped,
        monitoringState="Monitoring.State",
        metadataOptionsState="MetadataOptions.State",
        httpEndpointEnabled=boolean("MetadataOptions.HttpEndpoint"),
        enclaveOptionsEnabled="EnclaveOptions.Enabled",
        hibernationOptionsConfigured="HibernationOptions.Configured",
        iamInstanceProfileArn="IamInstanceProfile.Arn",
        iamInstanceProfileId="IamInstanceProfile.Id",
        securityGroupIds=security_groups,
        **HOST,
    ),
    edges=(
        Edge("aws_subnet", "HAS", "aws_instance", at="SubnetId"),
        Edge("aws_instance", "USES", "aws_ebs_volume", at="BlockDeviceMappings[].Ebs.VolumeId"),
        Edge("aws_instance", "USES", "aws_eni", at="NetworkInterfaces[].NetworkInterfaceId"),
        Edge("aws_instance", "USES", "aws_ami", at="ImageId", outside=AMI_KEY),
        Edge("aws_instance", "USES", "aws_key_pair", at="KeyName", by="name"),
        Edge("aws_instance", "USES", "aws_iam_role", at="IamInstanceProfile.Arn", by="profile"),
        *guarded_by("aws_instance", security_groups),
    ),
    facts={"vpc": "VpcId", "addresses": addresses},
)  # fmt: skip

key_pair = Entity(
    type="aws_key_pair",
    cls="AccessKey",
    rows=Call("describe_key_pairs", "KeyPairs"),
    key=Template("arn:{partition}:ec2:{region}:{account}:key-pair/{KeyPairId}"),
    id="KeyPairId",
    name="KeyName",
    also={"name": "KeyName"},
    created="CreateTime",
    web="https://{console}/ec2/home?region={region}#KeyPairs:keyName={KeyName}",
    tags="Tags",
    props=pick("KeyFingerprint", "KeyType"),
    facts={"arn": Template("arn:{partition}:ec2:{region}:{account}:key-pair/{KeyName}")},  # policies use the key name
)
