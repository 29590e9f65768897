"""Amazon EBS: volumes and snapshots."""

from __future__ import annotations

from collector.schema.declarations import Call, Edge, Entity, Join, Template, pick
from collector.schema.patterns import encrypted_with
from collector.schema.values import differs, document, is_one_of, present
from collector.services.ec2.listings import NAME

COPIED = "vol-ffffffff"
"""The volume id that EC2 returns for a copied snapshot."""

PUBLIC_SNAPSHOTS = Call(
    "describe_snapshots", "Snapshots", {"OwnerIds": ["self"], "RestorableByUserIds": ["all"], "MaxResults": 200}
)

volume = Entity(
    type="aws_ebs_volume",
    cls=("DataStore", "Disk"),
    rows=Call("describe_volumes", "Volumes", {"IncludeManagedResources": True, "MaxResults": 200}),
    key=Template("arn:{partition}:ec2:{region}:{account}:volume/{VolumeId}"),
    id="VolumeId",
    name=NAME,
    created="CreateTime",
    active=is_one_of("State", "in-use"),
    web="https://{console}/ec2/v2/home?region={region}#Volumes:search={VolumeId}",
    tags="Tags",
    props=pick(
        "VolumeId", "State", "Size", "VolumeType", "Iops", "Throughput", "Encrypted", "KmsKeyId", "AvailabilityZone",
        "MultiAttachEnabled", "SnapshotId",
        attachments=document("Attachments"),
    ),
    edges=(
        Edge(
            "aws_ebs_volume", "USES", "aws_ebs_snapshot", at="SnapshotId",
            outside=Template("arn:{partition}:ec2:{region}::snapshot/{SnapshotId}"),
        ),
        *encrypted_with("aws_ebs_volume", "KmsKeyId"),
    ),
)  # fmt: skip

snapshot = Entity(
    type="aws_ebs_snapshot",
    cls=("DataStore", "Disk", "Image"),
    rows=Call("describe_snapshots", "Snapshots", {"OwnerIds": ["self"], "MaxResults": 200}),
    join=(Join(PUBLIC_SNAPSHOTS, "Public", on="SnapshotId", to="SnapshotId"),),
    key=Template("arn:{partition}:ec2:{region}::snapshot/{SnapshotId}"),
    id="SnapshotId",
    name=NAME,
    created="StartTime",
    active=is_one_of("State", "completed"),
    web="https://{console}/ec2/home?region={region}#SnapshotDetails:snapshotId={SnapshotId}",
    tags="Tags",
    props=pick(
        "VolumeId", "State", "Progress", "OwnerId", "Description", "VolumeSize", "Encrypted", "KmsKeyId", "StorageTier",
        public=present("Public"),
    ),
    edges=(
        Edge("aws_ebs_volume", "HAS", "aws_ebs_snapshot", at="VolumeId", when=differs("VolumeId", COPIED)),
        *encrypted_with("aws_ebs_snapshot", "KmsKeyId"),
    ),
)  # fmt: skip
