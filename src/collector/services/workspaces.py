"""Amazon WorkSpaces. The account's own bundles are listed; Amazon's bundles are described if a workspace uses them."""

from dataclasses import replace

from collector.model import AWS
from collector.schema.declarations import (
    Call,
    Describe,
    Edge,
    Entity,
    Fixed,
    Join,
    Service,
    Template,
    Via,
    pick,
    service_node,
)
from collector.schema.patterns import encrypted_with, guarded_by, tagged
from collector.schema.values import equals, listed, only

WORKSPACES = Call("describe_workspaces", "Workspaces", {"Limit": 25})
DIRECTORIES = Call("describe_workspace_directories", "Directories", {"Limit": 25})


def os_type(name: str) -> str | None:
    """The operating system family: `windows` for `WINDOWS_…`, `linux` for the rest, None for `UNKNOWN`."""
    if name == "UNKNOWN":
        return None
    return "windows" if name.startswith("WINDOWS_") else "linux"


workspace = Entity(
    type="aws_workspace",
    cls="Host",
    rows=WORKSPACES,
    join=(
        tagged("workspaces:workspace", Template("arn:{partition}:workspaces:{region}:{account}:workspace/{WorkspaceId}")),
        Join(DIRECTORIES, "Directory", on="DirectoryId", to="DirectoryId"),
    ),
    key=Template("arn:{partition}:workspaces:{region}:{account}:workspace/{WorkspaceId}"),
    id="WorkspaceId",
    name="WorkspaceId",
    display=Template("{UserName} {WorkspaceId}"),
    active=Via("State", lambda state: state == "AVAILABLE"),
    web="https://{console}/workspaces/v2/workspaces/{WorkspaceId}?region={region}",
    tags="Tagging[].Tags[]",
    props=pick(
        "WorkspaceId", "DirectoryId", "IpAddress", "State", "BundleId", "SubnetId", "VolumeEncryptionKey",
        "UserVolumeEncryptionEnabled", "RootVolumeEncryptionEnabled",
        "WorkspaceProperties.RunningMode", "WorkspaceProperties.ComputeTypeName",
        username=listed("UserName"),
        deviceId=listed("WorkspaceId"),
        hostname="ComputerName",
        ipv4Addresses=listed("IpAddress"),
        ipv6Addresses=listed("Ipv6Address"),
        privateIpAddresses=listed("IpAddress"),
        osName="WorkspaceProperties.OperatingSystemName",
        osType=Via("WorkspaceProperties.OperatingSystemName", os_type),
        directoryName=only("Directory[].DirectoryName"),
        securityGroupIds="Directory[].WorkspaceSecurityGroupId",
    ),
    edges=(
        Edge("aws_workspace", "USES", "aws_workspaces_bundle", at="BundleId"),
        Edge("aws_subnet", "HAS", "aws_workspace", at="SubnetId"),
        *guarded_by("aws_workspace", "Directory[].WorkspaceSecurityGroupId"),
        *encrypted_with("aws_workspace", "VolumeEncryptionKey"),
    ),
)  # fmt: skip

bundle = Entity(
    type="aws_workspaces_bundle",
    cls="Configuration",
    rows=Call("describe_workspace_bundles", "Bundles"),
    key=Template("arn:{partition}:workspaces:{region}:{account}:workspacebundle/{BundleId}"),
    id="BundleId",
    name="Name",
    created="CreationTime",
    active=Via("State", lambda state: state == "AVAILABLE"),
    web="https://{console}/workspaces/v2/bundles/{BundleId}?region={region}",
    props=pick(
        "BundleId", "Description", "BundleType", "ImageId", "State",
        updatedOn="LastUpdatedTime",
        ownerId="Owner",
        computeType="ComputeType.Name",
        rootStorageCapacity="RootStorage.Capacity",
        userStorageCapacity="UserStorage.Capacity",
    ),
)  # fmt: skip

amazon_bundle = replace(
    bundle,
    rows=WORKSPACES,
    describe=Describe("describe_workspace_bundles", "Bundles", ids="BundleIds", size=25, by="BundleId"),
    when=equals("Owner", "AMAZON"),
    owner=Fixed(AWS),
    key=Template("arn:{partition}:workspaces:{region}::workspacebundle/{BundleId}"),
)

SERVICE = Service(
    name="workspaces",
    client="workspaces",
    title="WorkSpaces",
    node=service_node("aws_workspaces", "Amazon WorkSpaces", category=("infrastructure",), function=("compute",)),
    has=("aws_workspace", "aws_workspaces_bundle"),
    entities=(workspace, bundle, amazon_bundle),
)
