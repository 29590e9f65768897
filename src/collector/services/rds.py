"""Amazon RDS and Aurora. The API also returns resources of Neptune and DocumentDB, which are left out."""

from collections.abc import Callable
from dataclasses import replace

from collector.schema.declarations import (
    Call,
    Computed,
    Edge,
    Entity,
    Hydrate,
    Join,
    Row,
    Service,
    Source,
    Template,
    Via,
    pick,
    service_node,
)
from collector.schema.paths import walker
from collector.schema.patterns import encrypted_with, guarded_by
from collector.schema.values import computed, differs, equals, is_none_of, is_one_of, listed, lower, only, present

IS_RDS = differs("Engine", "neptune", "docdb")
DOWN = ("creating", "deleting", "failed", "inaccessible-encryption-credentials", "restore-error", "stopped", "stopping")
PAGE = {"MaxRecords": 100}
EVERYONE = "all"
"""The account id in the attributes of a public snapshot."""


@computed("Endpoint", "ReaderEndpoint", "CustomEndpoints")
def cluster_endpoints(row: Row) -> list[str]:
    """All DNS names of a cluster, in lower case."""
    names = (row.get("Endpoint"), row.get("ReaderEndpoint"), *(row.get("CustomEndpoints") or ()))
    return [name.lower() for name in names if name]


def first_label(name: str) -> str | None:
    """The first label of a DNS name; None if it is shorter than the two characters that the class `Host` requires."""
    label = name.partition(".")[0]
    return label if len(label) > 1 else None


def attributes(op: str, identifier: str) -> Hydrate:
    """With whom a snapshot is shared. AWS returns it for manual snapshots only."""
    return Hydrate(op, "Detail", {identifier: identifier}, when=equals("SnapshotType", "manual"))


def shared_with(attributes: str) -> dict[str, Computed]:
    """With whom a snapshot is shared. Only a manual one can be; None if its attributes could not be read."""
    walk = walker(attributes)

    def of(value: Callable[[list[str]], bool | list[str]]) -> Computed:
        def read(row: Row) -> bool | list[str] | None:
            attributes = walk(row) if row.get("SnapshotType") == "manual" else []
            return None if attributes is None else value(_restorers(attributes))

        return Computed(read, ("SnapshotType", attributes))

    return {
        "public": of(lambda accounts: EVERYONE in accounts),
        "shared": of(bool),
        "sharedWithAccounts": of(lambda accounts: [account for account in accounts if account != EVERYONE]),
    }


def _restorers(attributes: list[Row]) -> list[str]:
    named = (one for one in attributes if one.get("AttributeName") == "restore")
    return [account for one in named for account in one.get("AttributeValues") or ()]


DATABASE: dict[str, Source] = pick(
    securityGroupIds="VpcSecurityGroups[].VpcSecurityGroupId",
    public="PubliclyAccessible",
    encrypted="StorageEncrypted",
    retentionPeriod="BackupRetentionPeriod",
    hasBackup=Via("BackupRetentionPeriod", bool),
    loggingEnabled=present("EnabledCloudwatchLogsExports"),
)
"""The properties that clusters and instances share."""

cluster = Entity(
    type="aws_rds_cluster",
    cls=("DataStore", "Database", "Cluster"),
    rows=Call("describe_db_clusters", "DBClusters", PAGE),
    when=IS_RDS,
    join=(Join(Call("describe_db_subnet_groups", "DBSubnetGroups", PAGE), "Subnets", "DBSubnetGroupName", "DBSubnetGroup"),),
    key="DBClusterArn",
    id="DbClusterResourceId",
    name="DBClusterIdentifier",
    also={
        "name": "DBClusterIdentifier",
        "resource": Template("{DBClusterIdentifier}/{DbClusterResourceId}"),
        "dns": cluster_endpoints,
    },
    created="ClusterCreateTime",
    active=is_none_of("Status", *DOWN),
    web="https://{console}/rds/home?region={region}#database:id={DBClusterIdentifier};is-cluster=true",
    tags="TagList",
    props=pick(
        "Engine", "EngineVersion", "EngineMode", "Status", "Endpoint", "ReaderEndpoint", "Port", "MultiAZ",
        "MasterUsername", "DatabaseName", "AvailabilityZones", "KmsKeyId", "BackupRetentionPeriod", "DeletionProtection",
        "IAMDatabaseAuthenticationEnabled", "EnabledCloudwatchLogsExports", "AllocatedStorage",
        dbInstanceClass="DBClusterInstanceClass",
        hostname="Endpoint",
        dbSubnetGroup="DBSubnetGroup",
        vpcId=only("Subnets[].VpcId"),
        members="DBClusterMembers[].DBInstanceIdentifier",
        **DATABASE,
    ),
    secrets=("PendingModifiedValues.MasterUserPassword",),
    edges=(
        Edge(
            "aws_rds_cluster", "CONTAINS", "aws_db_instance", each="DBClusterMembers",
            at="DBInstanceIdentifier", by="name", props=pick(writer="IsClusterWriter"),
        ),
        *encrypted_with("aws_rds_cluster", "KmsKeyId"),
        *guarded_by("aws_rds_cluster", "VpcSecurityGroups[].VpcSecurityGroupId"),
    ),
)  # fmt: skip

instance = Entity(
    type="aws_db_instance",
    cls=("DataStore", "Database", "Host"),
    rows=Call("describe_db_instances", "DBInstances", PAGE),
    when=IS_RDS,
    key="DBInstanceArn",
    id="DbiResourceId",
    name="DBInstanceIdentifier",
    also={
        "name": "DBInstanceIdentifier",
        "resource": Template("{DBInstanceIdentifier}/{DbiResourceId}"),
        "dns": lower("Endpoint.Address"),
    },
    created="InstanceCreateTime",
    active=is_none_of("DBInstanceStatus", *DOWN),
    web="https://{console}/rds/home?region={region}#database:id={DBInstanceIdentifier};is-cluster=false",
    tags="TagList",
    props=pick(
        "DbiResourceId", "DBInstanceClass", "Engine", "EngineVersion", "DBClusterIdentifier", "AllocatedStorage",
        "MasterUsername", "AvailabilityZone", "LicenseModel", "MultiAZ", "KmsKeyId", "BackupRetentionPeriod",
        "AutoMinorVersionUpgrade", "DeletionProtection", "IAMDatabaseAuthenticationEnabled", "CACertificateIdentifier",
        "EnabledCloudwatchLogsExports",
        "Endpoint.Address", "Endpoint.Port",
        fqdn=listed("Endpoint.Address"),
        hostname=Via("Endpoint.Address", first_label),
        status="DBInstanceStatus",
        databaseName="DBName",
        vpcId="DBSubnetGroup.VpcId",
        dbSubnetGroup="DBSubnetGroup.DBSubnetGroupName",
        **DATABASE,
    ),
    secrets=("PendingModifiedValues.MasterUserPassword",),
    edges=(
        *encrypted_with("aws_db_instance", "KmsKeyId"),
        *guarded_by("aws_db_instance", "VpcSecurityGroups[].VpcSecurityGroupId"),
    ),
)  # fmt: skip

snapshot = Entity(
    type="aws_db_snapshot",
    cls=("DataStore", "Database", "Image"),
    rows=Call("describe_db_snapshots", "DBSnapshots", PAGE),
    when=IS_RDS,
    hydrate=(attributes("describe_db_snapshot_attributes", "DBSnapshotIdentifier"),),
    key="DBSnapshotArn",
    name="DBSnapshotIdentifier",
    also={"name": "DBSnapshotIdentifier"},
    created="SnapshotCreateTime",
    active=is_one_of("Status", "available"),
    web="https://{console}/rds/home?region={region}#db-snapshot:engine={Engine};id={DBSnapshotIdentifier}",
    tags="TagList",
    props=pick(
        "DBInstanceIdentifier", "DbiResourceId", "SnapshotType", "Status", "Engine", "EngineVersion", "AllocatedStorage",
        "Encrypted", "KmsKeyId", "VpcId", "AvailabilityZone",
    ) | shared_with("Detail.DBSnapshotAttributesResult.DBSnapshotAttributes"),
    edges=(
        Edge(
            "aws_db_instance", "CONTAINS", "aws_db_snapshot",
            at=Template("{DBInstanceIdentifier}/{DbiResourceId}"), by="resource",
        ),
        *encrypted_with("aws_db_snapshot", "KmsKeyId"),
    ),
)  # fmt: skip

cluster_snapshot = replace(
    snapshot,
    type="aws_db_cluster_snapshot",
    rows=Call("describe_db_cluster_snapshots", "DBClusterSnapshots", PAGE),
    hydrate=(attributes("describe_db_cluster_snapshot_attributes", "DBClusterSnapshotIdentifier"),),
    key="DBClusterSnapshotArn",
    name="DBClusterSnapshotIdentifier",
    also={"name": "DBClusterSnapshotIdentifier"},
    web="https://{console}/rds/home?region={region}#db-snapshot:engine={Engine};id={DBClusterSnapshotIdentifier}",
    props=pick(
        "DBClusterIdentifier", "DbClusterResourceId", "SnapshotType", "Status", "Engine", "EngineVersion",
        "AllocatedStorage", "KmsKeyId", "VpcId", "AvailabilityZones",
        encrypted="StorageEncrypted",
    ) | shared_with("Detail.DBClusterSnapshotAttributesResult.DBClusterSnapshotAttributes"),
    edges=(
        Edge(
            "aws_rds_cluster", "CONTAINS", "aws_db_cluster_snapshot",
            at=Template("{DBClusterIdentifier}/{DbClusterResourceId}"), by="resource",
        ),
        Edge(
            "aws_rds_cluster", "CONTAINS", "aws_db_cluster_snapshot",
            at="DBClusterIdentifier", by="name", when=equals("DbClusterResourceId", None),
        ),
        *encrypted_with("aws_db_cluster_snapshot", "KmsKeyId"),
    ),
)  # fmt: skip

SERVICE = Service(
    name="rds",
    client="rds",
    title="RDS",
    node=service_node("aws_rds", "Amazon RDS", category=("platform",), function=("database",)),
    has=("aws_rds_cluster", "aws_db_instance", "aws_db_snapshot", "aws_db_cluster_snapshot"),
    entities=(cluster, instance, snapshot, cluster_snapshot),
)
