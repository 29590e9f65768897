"""Amazon OpenSearch Service, formerly Amazon Elasticsearch Service: one API serves the domains of both engines."""

from collector.schema.declarations import Call, Describe, Entity, First, Hydrate, Row, Service, pick, service_node
from collector.schema.patterns import encrypted_with, guarded_by
from collector.schema.values import computed, document


@computed("Created", "Deleted")
def is_active(row: Row) -> bool:
    """Whether the domain is created and is not being deleted."""
    return bool(row.get("Created")) and not row.get("Deleted")


@computed("Endpoint", "EndpointV2", "Endpoints{}")
def endpoints(row: Row) -> list[str]:
    """The host names of the domain in lower case: outside of VPCs, in them, and the one that aliases point to."""
    hosts = [row.get("Endpoint"), row.get("EndpointV2"), *(row.get("Endpoints") or {}).values()]
    return list(dict.fromkeys(host.lower() for host in hosts if host))


domain = Entity(
    type="aws_elasticsearch_domain",
    cls=("Database", "DataStore", "Cluster"),
    rows=Call("list_domain_names", "DomainNames"),
    describe=Describe("describe_domains", "DomainStatusList", ids="DomainNames", size=5, by="DomainName"),
    hydrate=(Hydrate("list_tags", "Tagging", {"ARN": "ARN"}),),
    key="ARN",
    id="DomainId",
    name="DomainName",
    also={"dns": endpoints},
    active=is_active,
    web="https://{console}/aos/home?region={region}#opensearch/domains/{DomainName}",
    tags="Tagging.TagList",
    props=pick(
        "EngineVersion", "Created", "Deleted", "Processing", "AccessPolicies", "ClusterConfig.InstanceType",
        "ClusterConfig.InstanceCount", "ClusterConfig.DedicatedMasterEnabled", "ClusterConfig.ZoneAwarenessEnabled",
        "EBSOptions.EBSEnabled", "VPCOptions.VPCId", "EncryptionAtRestOptions.KmsKeyId",
        "DomainEndpointOptions.EnforceHTTPS", "DomainEndpointOptions.TLSSecurityPolicy",
        endpoint=First("Endpoint", "Endpoints.vpc"),
        endpointV2="EndpointV2",
        endpoints=document("Endpoints"),
        subnetIds="VPCOptions.SubnetIds",
        securityGroupIds="VPCOptions.SecurityGroupIds",
        encrypted="EncryptionAtRestOptions.Enabled",
        nodeToNodeEncryptionEnabled="NodeToNodeEncryptionOptions.Enabled",
        advancedSecurityEnabled="AdvancedSecurityOptions.Enabled",
        logPublishingOptions=document("LogPublishingOptions"),
    ),
    facts={"policy": "AccessPolicies"},
    edges=(
        *guarded_by("aws_elasticsearch_domain", "VPCOptions.SecurityGroupIds"),
        *encrypted_with("aws_elasticsearch_domain", "EncryptionAtRestOptions.KmsKeyId"),
    ),
)  # fmt: skip

SERVICE = Service(
    name="elasticsearch",
    client="opensearch",
    title="Elasticsearch",
    node=service_node(
        "aws_elasticsearch", "Amazon OpenSearch Service", category=("platform",), function=("search", "database")
    ),
    has=("aws_elasticsearch_domain",),
    entities=(domain,),
)
