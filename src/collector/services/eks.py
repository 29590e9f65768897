"""Amazon Elastic Kubernetes Service (EKS)."""

from collector.schema.declarations import (
    Call,
    Computed,
    Entity,
    Hydrate,
    Row,
    Service,
    Template,
    Via,
    pick,
    service_node,
)
from collector.schema.patterns import encrypted_with, guarded_by
from collector.schema.values import computed, document, is_one_of

NETWORK = "Detail.cluster.resourcesVpcConfig"
LOGGING = "Detail.cluster.logging.clusterLogging"


def log_enabled(kind: str) -> Computed:
    """Whether the cluster has this type of control plane log enabled."""

    @computed(f"{LOGGING}[].types", f"{LOGGING}[].enabled")
    def is_logged(row: Row) -> bool:
        setups = (row["Detail"].get("cluster", {}).get("logging") or {}).get("clusterLogging") or ()
        return any(setup.get("enabled") and kind in (setup.get("types") or ()) for setup in setups)

    return is_logged


@computed(f"{NETWORK}.securityGroupIds", f"{NETWORK}.clusterSecurityGroupId")
def security_groups(row: Row) -> list[str]:
    """The security groups given by the user, and the cluster security group that EKS created."""
    network = row["Detail"].get("cluster", {}).get("resourcesVpcConfig") or {}
    found = (*(network.get("securityGroupIds") or ()), network.get("clusterSecurityGroupId"))
    return [group for group in dict.fromkeys(found) if group]


cluster = Entity(
    type="aws_eks_cluster",
    cls="Cluster",
    # Connected clusters too, which run elsewhere.
    rows=Call("list_clusters", "clusters", {"maxResults": 100, "include": ["all"]}, wrap="Name"),
    hydrate=(Hydrate("describe_cluster", "Detail", {"name": "Name"}),),
    key=Template("arn:{partition}:eks:{region}:{account}:cluster/{Name}"),
    name="Name",
    also={
        "name": "Name",
        "dns": Via("Detail.cluster.endpoint", lambda url: url.removeprefix("https://").lower()),
    },
    created="Detail.cluster.createdAt",
    active=is_one_of("Detail.cluster.status", "ACTIVE"),
    web="https://{console}/eks/home?region={region}#/clusters/{Name}",
    tags="Detail.cluster.tags",
    props=pick(
        "Detail.cluster.version", "Detail.cluster.platformVersion", "Detail.cluster.status", "Detail.cluster.endpoint",
        "Detail.cluster.roleArn",
        vpcId=f"{NETWORK}.vpcId",
        subnetIds=f"{NETWORK}.subnetIds",
        securityGroupIds=f"{NETWORK}.securityGroupIds",
        clusterSecurityGroupId=f"{NETWORK}.clusterSecurityGroupId",
        vpcEndpointPublicAccess=f"{NETWORK}.endpointPublicAccess",
        endpointPrivateAccess=f"{NETWORK}.endpointPrivateAccess",
        publicAccessCidrs=f"{NETWORK}.publicAccessCidrs",
        clusterLoggingApi=log_enabled("api"),
        clusterLoggingAudit=log_enabled("audit"),
        clusterLoggingAuthenticator=log_enabled("authenticator"),
        clusterLoggingControllerManager=log_enabled("controllerManager"),
        clusterLoggingScheduler=log_enabled("scheduler"),
        encryptionConfig=document("Detail.cluster.encryptionConfig"),
        oidcIssuer="Detail.cluster.identity.oidc.issuer",
    ),
    edges=(
        *guarded_by("aws_eks_cluster", security_groups),
        *encrypted_with("aws_eks_cluster", "Detail.cluster.encryptionConfig[].provider.keyArn"),
    ),
)  # fmt: skip

SERVICE = Service(
    name="eks",
    client="eks",
    title="EKS",
    node=service_node("aws_eks", "Amazon EKS", category=("infrastructure",), function=("compute", "containers")),
    has=("aws_eks_cluster",),
    entities=(cluster,),
)
