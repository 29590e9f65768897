"""Storage: S3, DynamoDB, RDS, Redshift, ElastiCache, OpenSearch, EFS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from collector.demo.estate.cloud import Cloud, Json, policy, tags
from collector.demo.places import SECOND_REGION

if TYPE_CHECKING:
    from collector.demo.estate.seeded import SeededIds

PASSWORD = "s3cr3t-Passw0rd"
CACHE_NODE = "cache.t3.micro"
SEARCH_DOMAIN = "catalogue"


def buckets(cloud: Cloud, ids: SeededIds) -> None:
    """A bucket with every setting, a public one, one for logs, and one in another region."""
    s3 = cloud.client("s3")
    for bucket in ("acme-data", "acme-public-site", "acme-logs"):
        s3.create_bucket(Bucket=bucket)
    cloud.client("s3", SECOND_REGION).create_bucket(
        Bucket="acme.backups.eu", CreateBucketConfiguration={"LocationConstraint": SECOND_REGION}
    )
    _allow_log_delivery(s3)
    _protect_data(s3, ids)
    _publish_site(s3)


def _allow_log_delivery(s3: Any) -> None:
    delivery = {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/s3/LogDelivery"}
    grants = [{"Grantee": delivery, "Permission": right} for right in ("WRITE", "READ_ACP")]
    owner = s3.get_bucket_acl(Bucket="acme-logs")["Owner"]
    s3.put_bucket_acl(Bucket="acme-logs", AccessControlPolicy={"Owner": {"ID": owner["ID"]}, "Grants": grants})


def _protect_data(s3: Any, ids: SeededIds) -> None:
    bucket = "acme-data"
    encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": ids.key}
    s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": encryption, "BucketKeyEnabled": True}]
        },
    )
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    everything = {"Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::acme-data/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=policy({**everything, "Effect": "Deny", "Condition": insecure}))
    switches = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(switches, True))
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags(Classification="confidential", Owner="data")})
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    rule = {"ID": "expire", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 30}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    target = {"TargetBucket": "acme-logs", "TargetPrefix": "s3/"}
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": target})


def _publish_site(s3: Any) -> None:
    bucket = "acme-public-site"
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    readable = {"Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(readable))


def table(cloud: Cloud, ids: SeededIds) -> None:
    """A table with encryption, point-in-time recovery and tags."""
    dynamodb = cloud.client("dynamodb")
    dynamodb.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": ids.key},
        Tags=tags(Classification="internal"),
    )
    dynamodb.update_continuous_backups(
        TableName="orders", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )


def databases(cloud: Cloud, ids: SeededIds) -> None:
    """A database instance and a cluster with a member, each with a snapshot."""
    rds = cloud.client("rds")
    rds.create_db_subnet_group(
        DBSubnetGroupName="shop", DBSubnetGroupDescription="Both zones", SubnetIds=[ids.subnet, ids.second_subnet]
    )
    common: Json = {
        "DBSubnetGroupName": "shop",
        "VpcSecurityGroupIds": [ids.data_group],
        "StorageEncrypted": True,
        "KmsKeyId": ids.key,
        "MasterUserPassword": PASSWORD,
    }
    database = rds.create_db_instance(
        DBInstanceIdentifier="orders",
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        DBName="orders",
        AllocatedStorage=20,
        MasterUsername="orders",
        PubliclyAccessible=False,
        Tags=tags(Environment="production"),
        **common,
    )
    ids.database_host = database["DBInstance"]["Endpoint"]["Address"]
    rds.create_db_snapshot(DBSnapshotIdentifier="orders-before-change", DBInstanceIdentifier="orders")
    engine = "aurora-postgresql"
    rds.create_db_cluster(DBClusterIdentifier="reports", Engine=engine, MasterUsername="reports", **common)
    rds.create_db_instance(
        DBInstanceIdentifier="reports-1", DBInstanceClass="db.r5.large", Engine=engine, DBClusterIdentifier="reports"
    )
    rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier="reports-monthly", DBClusterIdentifier="reports")


def warehouse(cloud: Cloud, ids: SeededIds) -> None:
    """A Redshift cluster in the VPC."""
    redshift = cloud.client("redshift")
    redshift.create_cluster_subnet_group(
        ClusterSubnetGroupName="shop", Description="First zone", SubnetIds=[ids.subnet]
    )
    redshift.create_cluster(
        ClusterIdentifier="warehouse",
        NodeType="ra3.large",
        MasterUsername="warehouse",
        MasterUserPassword=PASSWORD,
        ClusterSubnetGroupName="shop",
        VpcSecurityGroupIds=[ids.data_group],
        Encrypted=True,
        KmsKeyId=ids.key,
        Tags=tags(Classification="restricted"),
    )


def caches(cloud: Cloud, ids: SeededIds) -> None:
    """A Memcached cluster of two nodes, and a Redis replication group with one replica."""
    elasticache = cloud.client("elasticache")
    elasticache.create_cache_subnet_group(
        CacheSubnetGroupName="shop", CacheSubnetGroupDescription="First zone", SubnetIds=[ids.subnet]
    )
    common = {
        "CacheNodeType": CACHE_NODE,
        "CacheSubnetGroupName": "shop",
        "SecurityGroupIds": [ids.data_group],
        "Tags": tags(Team="platform"),
    }
    elasticache.create_cache_cluster(
        CacheClusterId="pages", Engine="memcached", EngineVersion="1.6.22", NumCacheNodes=2, **common
    )
    elasticache.create_replication_group(
        ReplicationGroupId="sessions",
        ReplicationGroupDescription="Sessions of customers",
        Engine="redis",
        EngineVersion="7.1",
        NumNodeGroups=1,
        ReplicasPerNodeGroup=1,
        AutomaticFailoverEnabled=True,
        AtRestEncryptionEnabled=True,
        TransitEncryptionEnabled=True,
        KmsKeyId=ids.key,
        **common,
    )


def search(cloud: Cloud, ids: SeededIds) -> None:
    """An Elasticsearch domain in the VPC."""
    cloud.client("opensearch").create_domain(
        DomainName=SEARCH_DOMAIN,
        EngineVersion="Elasticsearch_7.10",
        VPCOptions={"SubnetIds": [ids.subnet], "SecurityGroupIds": [ids.data_group]},
        EncryptionAtRestOptions={"Enabled": True, "KmsKeyId": ids.key},
        NodeToNodeEncryptionOptions={"Enabled": True},
        DomainEndpointOptions={"EnforceHTTPS": True, "TLSSecurityPolicy": "Policy-Min-TLS-1-2-2019-07"},
        AccessPolicies=policy({"Principal": {"AWS": ids.roles["web-server"]}, "Action": "es:*", "Resource": "*"}),
        TagList=tags(Team="search"),
    )


def files(cloud: Cloud, ids: SeededIds) -> None:
    """A file system with a mount target."""
    efs = cloud.client("efs")
    ids.file_system = efs.create_file_system(
        CreationToken="shared", Encrypted=True, KmsKeyId=ids.key, Tags=tags(Name="shared files")
    )["FileSystemId"]
    efs.create_mount_target(FileSystemId=ids.file_system, SubnetId=ids.subnet, SecurityGroups=[ids.data_group])
