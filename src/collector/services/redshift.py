"""Amazon Redshift."""

from collector.schema.declarations import (
    Call,
    Edge,
    Entity,
    First,
    Hydrate,
    Join,
    Service,
    Template,
    Via,
    pick,
    service_node,
)
from collector.schema.patterns import encrypted_with, guarded_by
from collector.schema.values import boolean, is_none_of, lower, only

PAGE = {"MaxRecords": 100}
SUBNET_GROUPS = Call("describe_cluster_subnet_groups", "ClusterSubnetGroups", PAGE)
IDENTIFIER = {"ClusterIdentifier": "ClusterIdentifier"}
LOGGING = Hydrate("describe_logging_status", "Logging", IDENTIFIER, absent=("UnsupportedOperation",))
VPC = First("VpcId", only("Subnets[].VpcId"))

cluster = Entity(
    type="aws_redshift_cluster",
    cls=("DataStore", "Database", "Cluster"),
    rows=Call("describe_clusters", "Clusters", PAGE),
    join=(Join(SUBNET_GROUPS, "Subnets", on="ClusterSubnetGroupName", to="ClusterSubnetGroupName"),),
    hydrate=(LOGGING,),
    key=Template("arn:{partition}:redshift:{region}:{account}:cluster:{ClusterIdentifier}"),
    name="ClusterIdentifier",
    also={
        "name": "ClusterIdentifier",
        "dns": lower("Endpoint.Address"),
        "address": "ClusterNodes[].PublicIPAddress",
        "privateAddress": "ClusterNodes[].PrivateIPAddress",
    },
    vpc=VPC,
    created="ClusterCreateTime",
    active=is_none_of("ClusterStatus", "creating", "deleting", "final-snapshot", "hardware-failure", "paused", "pausing"),
    web="https://{console}/redshiftv2/home?region={region}#/cluster-details?cluster={ClusterIdentifier}",
    tags="Tags",
    props=pick(
        "NodeType", "NumberOfNodes", "MasterUsername", "AvailabilityZone", "ClusterSubnetGroupName", "KmsKeyId",
        "EnhancedVpcRouting", "AllowVersionUpgrade", "AutomatedSnapshotRetentionPeriod", "ClusterVersion", "ClusterNamespaceArn",
        "Encrypted", "Endpoint.Address", "Endpoint.Port",
        status="ClusterStatus",
        hostname="Endpoint.Address",
        databaseName="DBName",
        vpcId=VPC,
        securityGroupIds="VpcSecurityGroups[].VpcSecurityGroupId",
        iamRoleArns="IamRoles[].IamRoleArn",
        public="PubliclyAccessible",
        multiAZ=boolean("MultiAZ"),
        retentionPeriod="AutomatedSnapshotRetentionPeriod",
        hasBackup=Via("AutomatedSnapshotRetentionPeriod", bool),
        loggingEnabled="Logging.LoggingEnabled",
        loggingTargetBucket="Logging.BucketName",
        loggingTargetPrefix="Logging.S3KeyPrefix",
    ),
    secrets=("PendingModifiedValues.MasterUserPassword",),
    edges=(
        Edge("aws_vpc", "HAS", "aws_redshift_cluster", at=VPC),
        *encrypted_with("aws_redshift_cluster", "KmsKeyId"),
        *guarded_by("aws_redshift_cluster", "VpcSecurityGroups[].VpcSecurityGroupId"),
    ),
)  # fmt: skip

SERVICE = Service(
    name="redshift",
    client="redshift",
    title="RedShift",
    node=service_node("aws_redshift", "Amazon Redshift", category=("platform",), function=("database",)),
    has=("aws_redshift_cluster",),
    entities=(cluster,),
)
