"""Amazon ElastiCache. A Redis or Valkey cluster is a replication group, or a cache cluster outside of one.

Security groups and subnets are properties of the member cache clusters, not of the replication group.
"""

from dataclasses import replace

from collector.schema.declarations import (
    Call,
    Edge,
    Entity,
    First,
    Hydrate,
    Join,
    Nested,
    Row,
    SameAnswer,
    Service,
    Template,
    Via,
    pick,
    service_node,
)
from collector.schema.patterns import encrypted_with, guarded_by
from collector.schema.values import boolean, computed, document, equals, is_one_of, lower, only

CLUSTERS = Call("describe_cache_clusters", "CacheClusters", {"ShowCacheNodeInfo": True, "MaxRecords": 100})
NODES = SameAnswer(CLUSTERS, "CacheClusters[].CacheNodes[]")
NODE_NAME, NODE_NAME_BELOW = Template("{CacheClusterId}/{CacheNodeId}"), Template("{^.CacheClusterId}/{CacheNodeId}")
SUBNET_GROUPS = Call("describe_cache_subnet_groups", "CacheSubnetGroups", {"MaxRecords": 100})
TAGGING = Hydrate(
    "list_tags_for_resource", "Tagging", {"ResourceName": "ARN"},
    absent=("CacheClusterNotFound", "ReplicationGroupNotFoundFault", "InvalidReplicationGroupState"),
)  # fmt: skip


@computed("Engine", "ReplicationGroupId")
def is_standalone(row: Row) -> bool:
    """Whether a cache cluster is a Redis or Valkey cluster outside of a replication group."""
    return row.get("Engine") in ("redis", "valkey") and not row.get("ReplicationGroupId")


def first_label(path: str) -> Via:
    """The first label of a domain name, or of the first in a list."""
    return Via(path, lambda name: (name if isinstance(name, str) else "".join(name[:1])).partition(".")[0] or None)


def names(path: str) -> Via:
    """A domain name as a list of one, as the class `Host` requires."""
    return Via(path, lambda name: [name.lower()])


memcached = Entity(
    type="aws_elasticache_memcached_cluster",
    cls=("Database", "DataStore", "Cluster"),
    rows=CLUSTERS,
    when=equals("Engine", "memcached"),
    join=(Join(SUBNET_GROUPS, "Subnets", on="CacheSubnetGroupName", to="CacheSubnetGroupName"),),
    hydrate=(TAGGING,),
    key="ARN",
    name="CacheClusterId",
    also={"name": "CacheClusterId", "dns": lower("ConfigurationEndpoint.Address")},
    created="CacheClusterCreateTime",
    active=is_one_of("CacheClusterStatus", "available"),
    web="https://{console}/elasticache/home?region={region}#/memcached/{CacheClusterId}",
    tags="Tagging.TagList",
    props=pick(
        "Engine", "EngineVersion", "CacheNodeType", "NumCacheNodes", "PreferredAvailabilityZone",
        "CacheSubnetGroupName", "AutoMinorVersionUpgrade", "TransitEncryptionEnabled", "CacheClusterStatus",
        id="CacheClusterId",
        encrypted="AtRestEncryptionEnabled",
        hostname="ConfigurationEndpoint.Address",
        securityGroupIds="SecurityGroups[].SecurityGroupId",
        vpcId=only("Subnets[].VpcId"),
    ),
    edges=guarded_by("aws_elasticache_memcached_cluster", "SecurityGroups[].SecurityGroupId"),
)  # fmt: skip

redis = Entity(
    type="aws_elasticache_redis_cluster",
    cls=("Database", "DataStore", "Cluster"),
    rows=Call("describe_replication_groups", "ReplicationGroups", {"MaxRecords": 100}),
    join=(
        Join(CLUSTERS, "Members", on="ReplicationGroupId", to="ReplicationGroupId"),
        Join(SUBNET_GROUPS, "Subnets", on="CacheSubnetGroupName", to="Members[].CacheSubnetGroupName"),
    ),
    hydrate=(TAGGING,),
    key="ARN",
    name="ReplicationGroupId",
    also={
        "name": "ReplicationGroupId",
        "dns": First(lower("ConfigurationEndpoint.Address"), "NodeGroups[].PrimaryEndpoint.Address"),
    },
    created="ReplicationGroupCreateTime",
    active=is_one_of("Status", "available"),
    web="https://{console}/elasticache/home?region={region}#/redis/{ReplicationGroupId}",
    tags="Tagging.TagList",
    props=pick(
        "Description", "Status", "MemberClusters", "ClusterEnabled", "CacheNodeType", "AuthTokenEnabled",
        "TransitEncryptionEnabled", "KmsKeyId", "SnapshotRetentionLimit", "AutomaticFailover", "Engine",
        id="ReplicationGroupId",
        multiAZ=boolean("MultiAZ"),
        encrypted="AtRestEncryptionEnabled",
        engineVersion=only("Members[].EngineVersion"),
        nodeGroups=document("NodeGroups"),
        hostname=First("ConfigurationEndpoint.Address", only("NodeGroups[].PrimaryEndpoint.Address")),
        vpcId=only("Subnets[].VpcId"),
    ),
    edges=(
        *guarded_by("aws_elasticache_redis_cluster", "Members[].SecurityGroups[].SecurityGroupId"),
        *encrypted_with("aws_elasticache_redis_cluster", "KmsKeyId"),
    ),
)  # fmt: skip

single_redis = replace(
    memcached,
    type="aws_elasticache_redis_cluster",
    when=is_standalone,
    web="https://{console}/elasticache/home?region={region}#/redis/{CacheClusterId}",
    also={"name": "CacheClusterId", "dns": "CacheNodes[].Endpoint.Address"},
    props={
        **memcached.props,
        **pick("AuthTokenEnabled", "SnapshotRetentionLimit", hostname=only("CacheNodes[].Endpoint.Address")),
    },
    edges=guarded_by("aws_elasticache_redis_cluster", "SecurityGroups[].SecurityGroupId"),
)

member = Entity(
    type="aws_elasticache_cluster_node",
    cls=("Database", "DataStore", "Host"),
    rows=Nested("aws_elasticache_redis_cluster", "NodeGroups[].NodeGroupMembers[]"),
    join=(Join(NODES, "Nodes", on=NODE_NAME_BELOW, to=NODE_NAME),),
    key=Template("arn:{partition}:elasticache:{region}:{account}:cluster:{CacheClusterId}/node/{CacheNodeId}"),
    arn=None,
    name=NODE_NAME,
    also={"dns": "Nodes[].Endpoint.Address"},
    created=only("Nodes[].CacheNodeCreateTime"),
    active=Via("Nodes[].CacheNodeStatus", lambda states: "available" in states if states else None),
    props=pick(
        "CacheClusterId", "CacheNodeId", "PreferredAvailabilityZone", "CurrentRole",
        cacheNodeStatus=only("Nodes[].CacheNodeStatus"),
        address=First("ReadEndpoint.Address", only("Nodes[].Endpoint.Address")),
        port=First("ReadEndpoint.Port", only("Nodes[].Endpoint.Port")),
        fqdn=First(names("ReadEndpoint.Address"), "Nodes[].Endpoint.Address"),
        hostname=First(first_label("ReadEndpoint.Address"), first_label("Nodes[].Endpoint.Address")),
        encrypted="^.^.AtRestEncryptionEnabled",
    ),
    edges=(Edge("aws_elasticache_redis_cluster", "HAS", "aws_elasticache_cluster_node", at="^.^.ARN"),),
)  # fmt: skip

node = Entity(
    type="aws_elasticache_cluster_node",
    cls=("Database", "DataStore", "Host"),
    rows=NODES,
    when=equals("^.ReplicationGroupId", None, ""),
    key=Template("arn:{partition}:elasticache:{region}:{account}:cluster:{^.CacheClusterId}/node/{CacheNodeId}"),
    arn=None,
    name=NODE_NAME_BELOW,
    also={"dns": lower("Endpoint.Address")},
    created="CacheNodeCreateTime",
    active=is_one_of("CacheNodeStatus", "available"),
    props=pick(
        "^.CacheClusterId", "CacheNodeId", "CacheNodeStatus",
        preferredAvailabilityZone="CustomerAvailabilityZone",
        address="Endpoint.Address",
        port="Endpoint.Port",
        fqdn=names("Endpoint.Address"),
        hostname=first_label("Endpoint.Address"),
        encrypted="^.AtRestEncryptionEnabled",
    ),
    edges=(
        Edge(("aws_elasticache_memcached_cluster", "aws_elasticache_redis_cluster"),
             "HAS", "aws_elasticache_cluster_node", at="^.ARN"),
    ),
)  # fmt: skip

SERVICE = Service(
    name="elasticache",
    client="elasticache",
    title="ElastiCache",
    node=service_node(
        "aws_elasticache", "Amazon ElastiCache", category=("platform",), function=("database", "caching")
    ),
    has=("aws_elasticache_memcached_cluster", "aws_elasticache_redis_cluster"),
    entities=(memcached, redis, single_redis, member, node),
)
