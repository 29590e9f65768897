"""Amazon Elastic File System (EFS)."""

from collector.model import domain_of
from collector.schema.declarations import Call, Edge, Entity, Hydrate, Row, Service, Template, Via, pick, service_node
from collector.schema.patterns import encrypted_with, guarded_by
from collector.schema.values import computed, differs, equals, is_one_of, listed

FILE_SYSTEM = {"FileSystemId": "FileSystemId"}
SETTLED = differs("LifeCycleState", "creating", "deleting", "deleted", "error")


@computed("FileSystemArn", "FileSystemId")
def domain_name(row: Row) -> str | None:
    """The DNS name that clients mount (source: EFS documentation)."""
    arn, id_ = row.get("FileSystemArn"), row.get("FileSystemId")
    if not arn or not id_:
        return None
    _, partition, _, region, *_ = arn.split(":")
    return f"{id_}.efs.{region}.{domain_of(partition)}"


file_system = Entity(
    type="aws_efs_file_system",
    cls="DataStore",
    rows=Call("describe_file_systems", "FileSystems", {"MaxItems": 100}),
    hydrate=(
        Hydrate("describe_file_system_policy", "Access", FILE_SYSTEM, when=SETTLED, absent=("PolicyNotFound",)),
        Hydrate("describe_backup_policy", "Backup", FILE_SYSTEM, when=SETTLED, absent=("PolicyNotFound",)),
    ),
    key="FileSystemArn",
    id="FileSystemId",
    name="Name",
    also={"dns": domain_name},
    created="CreationTime",
    active=is_one_of("LifeCycleState", "available"),
    web="https://{console}/efs/home?region={region}#/file-systems/{FileSystemId}",
    tags="Tags",
    props=pick(
        "OwnerId", "LifeCycleState", "NumberOfMountTargets", "PerformanceMode", "Encrypted", "KmsKeyId",
        "ThroughputMode", "AvailabilityZoneName", "Access.Policy",
        sizeInBytes="SizeInBytes.Value",
        fqdn=listed(domain_name),
        backupPolicyStatus="Backup.BackupPolicy.Status",
        hasBackup=Via("Backup.BackupPolicy.Status", lambda status: status in ("ENABLED", "ENABLING")),
    ),
    facts={"policy": "Access.Policy"},
    edges=encrypted_with("aws_efs_file_system", "KmsKeyId"),
)  # fmt: skip

mount_target = Entity(
    type="aws_efs_mount_target",
    cls="NetworkEndpoint",
    rows=Call(
        "describe_mount_targets", "MountTargets", {"MaxItems": 100}, each="aws_efs_file_system",
        args=FILE_SYSTEM, when=Via("NumberOfMountTargets", bool),
    ),
    hydrate=(
        Hydrate(
            "describe_mount_target_security_groups", "Guards", {"MountTargetId": "MountTargetId"},
            when=equals("LifeCycleState", "available"), absent=("IncorrectMountTargetState",),
        ),
    ),
    key=Template("arn:{partition}:elasticfilesystem:{region}:{account}:mount-target/{MountTargetId}"),
    arn=None,
    id="MountTargetId",
    name="MountTargetId",
    active=is_one_of("LifeCycleState", "available"),
    web="https://{console}/efs/home?region={region}#/file-systems/{FileSystemId}?tabId=mounts",
    props=pick(
        "FileSystemId", "SubnetId", "VpcId", "LifeCycleState", "IpAddress", "NetworkInterfaceId",
        "AvailabilityZoneName", "OwnerId",
        securityGroupIds="Guards.SecurityGroups",
    ),
    edges=(
        Edge("aws_efs_file_system", "HAS", "aws_efs_mount_target", at="FileSystemId"),
        Edge("aws_efs_mount_target", "USES", "aws_eni", at="NetworkInterfaceId"),
        Edge("aws_subnet", "HAS", "aws_efs_mount_target", at="SubnetId"),
        *guarded_by("aws_efs_mount_target", "Guards.SecurityGroups"),
    ),
)  # fmt: skip

SERVICE = Service(
    name="efs",
    client="efs",
    title="EFS",
    node=service_node("aws_efs", "Amazon EFS", category=("infrastructure",), function=("storage",)),
    has=("aws_efs_file_system",),
    entities=(file_system, mount_target),
)
