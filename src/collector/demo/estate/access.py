"""GuardDuty, Inspector, Transfer Family, WorkSpaces and CloudHSM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector.demo.estate.cloud import Cloud, tags
from collector.demo.places import HOME

if TYPE_CHECKING:
    from collector.demo.estate.seeded import SeededIds

BUNDLE = "wsb-bh8rsxt14"


def threat_detection(cloud: Cloud, ids: SeededIds) -> None:
    """A GuardDuty detector, and Inspector enabled for EC2; their findings are fixtures."""
    ids.detector = cloud.client("guardduty").create_detector(
        Enable=True, FindingPublishingFrequency="FIFTEEN_MINUTES", Tags={"Team": "security"}
    )["DetectorId"]
    cloud.client("inspector2").enable(accountIds=[HOME], resourceTypes=["EC2"])


def file_transfer(cloud: Cloud, ids: SeededIds) -> None:
    """An SFTP server with one user by path and one by logical mapping."""
    transfer = cloud.client("transfer")
    role = ids.roles["transfer-access"]
    ids.server = transfer.create_server(
        Protocols=["SFTP"],
        Domain="S3",
        IdentityProviderType="SERVICE_MANAGED",
        EndpointType="PUBLIC",
        LoggingRole=role,
        Tags=tags(Team="partners"),
    )["ServerId"]
    transfer.create_user(
        ServerId=ids.server, UserName="supplier", Role=role, HomeDirectory="/acme-data/in", HomeDirectoryType="PATH"
    )
    transfer.create_user(
        ServerId=ids.server,
        UserName="auditor",
        Role=role,
        HomeDirectoryType="LOGICAL",
        HomeDirectoryMappings=[{"Entry": "/", "Target": "/acme-logs/audit"}],
    )


def desktop(cloud: Cloud, ids: SeededIds) -> None:
    """A directory and a workspace in it."""
    ids.directory = cloud.client("ds").create_directory(
        Name="corp.example.com",
        Password="s3cr3t-Directory1",
        Size="Small",
        VpcSettings={"VpcId": ids.vpc, "SubnetIds": [ids.subnet, ids.second_subnet]},
    )["DirectoryId"]
    workspaces = cloud.client("workspaces")
    workspaces.register_workspace_directory(DirectoryId=ids.directory)
    workspaces.create_workspaces(
        Workspaces=[
            {
                "DirectoryId": ids.directory,
                "UserName": "Administrator",
                "BundleId": BUNDLE,
                "UserVolumeEncryptionEnabled": True,
                "VolumeEncryptionKey": ids.key,
                "Tags": tags(Team="support"),
            }
        ]
    )


def hardware_security(cloud: Cloud, ids: SeededIds) -> None:
    """A CloudHSM cluster with the security group that CloudHSM creates for it."""
    hsm = cloud.client("cloudhsmv2").create_cluster(HsmType="hsm1.medium", SubnetIds=[ids.subnet])
    cloud.client("ec2").create_security_group(
        GroupName=f"cloudhsm-{hsm['Cluster']['ClusterId']}-sg", Description="CloudHSM", VpcId=ids.vpc
    )
