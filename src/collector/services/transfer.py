"""AWS Transfer Family. Only servers with service-managed users can list their users."""

from collector.model import domain_of
from collector.schema.declarations import (
    Call,
    Computed,
    Edge,
    Entity,
    Fixed,
    Hydrate,
    Row,
    Service,
    Via,
    pick,
    service_node,
)
from collector.schema.patterns import guarded_by
from collector.schema.values import document, equals, is_one_of, listed

SERVER = "Detail.Server"
USER = "Detail.User"


def is_public(row: Row) -> bool:
    """Whether the server is reachable from the internet: by its endpoint type, or by Elastic IP addresses in a VPC."""
    server = row.get("Detail", {}).get("Server", row)
    return server.get("EndpointType") == "PUBLIC" or bool(server.get("EndpointDetails", {}).get("AddressAllocationIds"))


def endpoints(arn: str) -> list[str]:
    """The host name of a server from its ARN, as a list of one (source: Transfer Family documentation)."""
    _, partition, _, region, _, resource = arn.split(":", 5)
    return [f"{resource.rpartition('/')[2]}.server.transfer.{region}.{domain_of(partition)}"]


def buckets(row: Row) -> list[str]:
    """The buckets of a user's home directory: the first segments of its paths."""
    user = row.get("Detail", {}).get("User", {})
    if user.get("HomeDirectoryType") == "LOGICAL":
        paths = [mapping.get("Target", "") for mapping in user.get("HomeDirectoryMappings", ())]
    else:
        paths = [user.get("HomeDirectory", "")]
    names = (path.lstrip("/").split("/")[0] for path in paths)
    return list(dict.fromkeys(name for name in names if name))


server = Entity(
    type="aws_transfer_server",
    cls=("Host", "Gateway"),
    rows=Call("list_servers", "Servers", {"MaxResults": 1000}),
    hydrate=(Hydrate("describe_server", "Detail", {"ServerId": "ServerId"}),),
    key="Arn",
    id="ServerId",
    also={"dns": Via("Arn", endpoints)},
    name="ServerId",
    active=is_one_of("State", "ONLINE"),
    web="https://{console}/transfer/home?region={region}#/servers/{ServerId}",
    tags=f"{SERVER}.Tags",
    props=pick(
        "State",
        "EndpointType",
        "IdentityProviderType",
        "Domain",
        "LoggingRole",
        "UserCount",
        f"{SERVER}.Protocols",
        f"{SERVER}.HostKeyFingerprint",
        f"{SERVER}.Certificate",
        f"{SERVER}.SecurityPolicyName",
        f"{SERVER}.EndpointDetails.VpcId",
        f"{SERVER}.EndpointDetails.VpcEndpointId",
        f"{SERVER}.EndpointDetails.SubnetIds",
        f"{SERVER}.EndpointDetails.SecurityGroupIds",
        category=Fixed(["data"]),
        function=Fixed(["other"]),
        public=Computed(is_public, (f"{SERVER}.EndpointType", f"{SERVER}.EndpointDetails.AddressAllocationIds")),
        fqdn=Via("Arn", endpoints),
        identityProviderUrl=f"{SERVER}.IdentityProviderDetails.Url",
        invocationRole=f"{SERVER}.IdentityProviderDetails.InvocationRole",
    ),
    edges=(
        *guarded_by("aws_transfer_server", f"{SERVER}.EndpointDetails.SecurityGroupIds"),
        Edge("aws_iam_role", "ASSIGNED", "aws_transfer_server", at="LoggingRole"),
        Edge("aws_iam_role", "ASSIGNED", "aws_transfer_server", at=f"{SERVER}.IdentityProviderDetails.InvocationRole"),
    ),
)

user = Entity(
    type="aws_transfer_user",
    cls="User",
    rows=Call(
        "list_users",
        "Users",
        {"MaxResults": 1000},
        each="aws_transfer_server",
        args={"ServerId": "ServerId"},
        when=equals("IdentityProviderType", "SERVICE_MANAGED"),
    ),
    hydrate=(Hydrate("describe_user", "Detail", {"ServerId": "^.ServerId", "UserName": "UserName"}),),
    key="Arn",
    name="UserName",
    web="https://{console}/transfer/home?region={region}#/servers/{^.ServerId}/users/{UserName}",
    tags=f"{USER}.Tags",
    props=pick(
        "Role",
        "HomeDirectory",
        "HomeDirectoryType",
        "SshPublicKeyCount",
        username=listed("UserName"),
        serverId="^.ServerId",
        homeDirectoryMappings=document(f"{USER}.HomeDirectoryMappings"),
        policy=f"{USER}.Policy",
        posixUid=f"{USER}.PosixProfile.Uid",
        posixGid=f"{USER}.PosixProfile.Gid",
        sshPublicKeyIds=f"{USER}.SshPublicKeys[].SshPublicKeyId",
    ),
    secrets=(f"{USER}.SshPublicKeys[].SshPublicKeyBody",),
    edges=(
        Edge("aws_transfer_server", "HAS", "aws_transfer_user", at="^.Arn"),
        Edge("aws_iam_role", "ASSIGNED", "aws_transfer_user", at="Role"),
        Edge(
            "aws_s3_bucket",
            "ALLOWS",
            "aws_transfer_user",
            at=Computed(
                buckets,
                (f"{USER}.HomeDirectory", f"{USER}.HomeDirectoryType", f"{USER}.HomeDirectoryMappings[].Target"),
            ),
            when=equals("^.Domain", "S3"),
        ),
    ),
)

SERVICE = Service(
    name="transfer",
    client="transfer",
    title="Transfer",
    node=service_node("aws_transfer", "AWS Transfer Family", category=("infrastructure",), function=("file-transfer",)),
    has=("aws_transfer_server",),
    entities=(server, user),
)
