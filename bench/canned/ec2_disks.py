"""EC2 answers about volumes, snapshots, images and key pairs."""

from typing import Any

from . import wire
from .answers import UNPAGED, Params, constant, every, inventory, listing, shaped, values, varied
from .ec2_instances import with_data
from .estate import Place
from .ids import basics, digits, zone_of
from .kms import KEY

_SIZES = ("8", "50", "100", "500")
_ENCRYPTED = {"Encrypted": True, "KmsKeyId": KEY}
_PLAIN = {"Encrypted": False}
_TAGS = wire.tags(Name="data-%(n)s", Environment="%(env)s", Owner="platform@example.com", CostCenter="12345")
_VOLUME: dict[str, Any] = {
    "VolumeId": "vol-0%(here)s%(n)s",
    "Size": "%(size)s",
    "SnapshotId": "snap-0%(here)s%(snapshot)s",
    "AvailabilityZone": "%(region)s%(zone)s",
    "CreateTime": "%(at)s",
    "Attachments": [],
    "Iops": 3000,
    "Tags": _TAGS,
    "VolumeType": "gp3",
    "MultiAttachEnabled": False,
    "Throughput": 125,
    "Operator": {"Managed": False},
    "State": "available",
}
_USED = {
    "State": "in-use",
    "Attachments": [
        {
            "VolumeId": "vol-0%(here)s%(n)s",
            "InstanceId": "i-0%(here)s%(instance)s",
            "Device": "%(device)s",
            "State": "attached",
            "AttachTime": "%(at)s",
            "DeleteOnTermination": True,
        }
    ],
}
_VOLUMES = {
    (used, coded): {**_VOLUME, **(_USED if used else {}), **(_ENCRYPTED if coded else _PLAIN)}
    for used in (False, True)
    for coded in (False, True)
}
_SNAPSHOT: dict[str, Any] = {
    "SnapshotId": "snap-0%(here)s%(n)s",
    "VolumeId": "%(volume)s",
    "State": "completed",
    "StartTime": "%(at)s",
    "CompletionTime": "%(at)s",
    "Progress": "100%",
    "OwnerId": "%(account)s",
    "Description": "Created for policy: policy-0123456789abcdef0 schedule: Daily",
    "VolumeSize": "%(size)s",
    "FullSnapshotSizeInBytes": 8589934592,
    "StorageTier": "standard",
    "TransferType": "standard",
    "Tags": _TAGS,
}
_IMAGE: dict[str, Any] = {
    "ImageId": "ami-0%(here)s%(n)s",
    "ImageLocation": "%(account)s/base-%(n)s",
    "ImageType": "machine",
    "Public": False,
    "OwnerId": "%(account)s",
    "PlatformDetails": "Linux/UNIX",
    "UsageOperation": "RunInstances",
    "State": "available",
    "CreationDate": "%(at)s",
    "Architecture": "x86_64",
    "Name": "base-%(n)s",
    "Description": "Base image %(n)s",
    "RootDeviceType": "ebs",
    "RootDeviceName": "/dev/xvda",
    "VirtualizationType": "hvm",
    "Hypervisor": "xen",
    "EnaSupport": True,
    "SriovNetSupport": "simple",
    "ImdsSupport": "v2.0",
    "BootMode": "uefi-preferred",
    "DeprecationTime": "2027-01-01T00:00:00.000Z",
    "BlockDeviceMappings": [
        {
            "DeviceName": "/dev/xvda",
            "Ebs": {
                "DeleteOnTermination": True,
                "Iops": 3000,
                "SnapshotId": "snap-0%(here)s%(snapshot)s",
                "VolumeSize": 8,
                "VolumeType": "gp3",
                "Throughput": 125,
                "Encrypted": False,
            },
        }
    ],
    "Tags": _TAGS,
}
_KEY_PAIR: dict[str, Any] = {
    "KeyPairId": "key-0%(here)s%(n)s",
    "KeyFingerprint": "1f:51:ae:28:bf:89:e9:d8:1f:25:5d:37:2d:7d:b8:ca:9f:f5:f1:6f",
    "KeyName": "key-%(here)s%(n)s",
    "KeyType": "rsa",
    "CreateTime": "%(at)s",
    "Tags": wire.tags(Environment="%(env)s"),
}


def _volume_fields(place: Place, n: int) -> dict[str, str]:
    instance = n % place.n["aws_instance"] if place.n["aws_instance"] else 0
    fields = basics(place, n)
    fields["instance"] = digits(instance)
    fields["device"] = "/dev/xvda" if n < place.n["aws_instance"] else "/dev/sdb"
    fields["size"] = _SIZES[n & 3]
    fields["snapshot"] = digits(n % place.n["aws_ebs_snapshot"])
    fields["zone"] = zone_of(place, instance % place.n["aws_subnet"]) if place.n["aws_subnet"] else "a"
    fields["key"] = digits(n % place.n["aws_kms_key"])
    return fields


def _volume_shape(place: Place, n: int) -> tuple[bool, bool]:
    return n < place.n["aws_instance"] + with_data(place), n % 3 == 0


def _snapshot_fields(place: Place, n: int) -> dict[str, str]:
    volume = n % place.n["aws_ebs_volume"]
    # Every other snapshot is a copy; AWS returns the same volume id for all of those.
    source = f"vol-0{place.here}{digits(volume)}" if n % 2 else "vol-ffffffff"
    key, size = digits(volume % place.n["aws_kms_key"]), _SIZES[volume & 3]
    return {**basics(place, n), "volume": source, "key": key, "size": size}


def _image_fields(place: Place, n: int) -> dict[str, str]:
    return {**basics(place, n), "snapshot": digits(n % place.n["aws_ebs_snapshot"])}


def _snapshots(place: Place, params: Params) -> range:
    # No snapshot is public or shared by another account.
    foreign = {*values(params, "RestorableBy"), *(set(values(params, "Owner")) - {"self", place.account})}
    return range(0 if foreign else place.n["aws_ebs_snapshot"])


def _images(place: Place, params: Params) -> list[int] | range:
    ids = values(params, "ImageId")
    for key, value in params.items():
        if key.startswith("Filter.") and value == "image-id":
            ids += values(params, key.replace(".Name", ".Value"))
    if ids:
        found = (place.number(name, place.n["aws_ami"]) for name in ids)
        return [number for number in found if number is not None]
    foreign = set(values(params, "Owner")) - {"self", place.account}
    return range(0 if foreign else place.n["aws_ami"])


_volume = varied("ec2", "DescribeVolumes", "Volumes", _VOLUMES, _volume_shape, _volume_fields)
_snapshot = varied(
    "ec2",
    "DescribeSnapshots",
    "Snapshots",
    {True: {**_SNAPSHOT, **_ENCRYPTED}, False: {**_SNAPSHOT, **_PLAIN}},
    lambda place, n: n % place.n["aws_ebs_volume"] % 3 == 0,
    _snapshot_fields,
)
_image = shaped("ec2", "DescribeImages", "Images", _IMAGE, _image_fields)
listing("ec2", "DescribeVolumes", "Volumes", _volume, every("aws_ebs_volume"))
listing("ec2", "DescribeSnapshots", "Snapshots", _snapshot, _snapshots)
listing("ec2", "DescribeImages", "Images", _image, _images)
inventory("ec2", "DescribeKeyPairs", "KeyPairs", "aws_key_pair", _KEY_PAIR, UNPAGED)
constant("ec2", "GetEbsEncryptionByDefault", {"EbsEncryptionByDefault": True})
