"""Security services, and access for people and partners: GuardDuty, Inspector, Transfer, WorkSpaces, CloudHSM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector.demo.estate.cloud import Cloud, tags
from collector.demo.places import HOME

if TYPE_CHECKING:
    from collector.demo.estate.seeded import SeededIds

BUNDLE = "wsb-bh8rsxt14"


def threat_detection(cloud: Cloud, made: SeededIds) -> None:
    """A GuardDuty detector, and Inspector switched on for instances; their findings are fixtures."""
    made.detector = cloud.client("guardduty").create_detector(
        Enable=True, FindingPublishingFrequency="FIFTEEN_MINUTES", Tags={"Team": "security"}
    )["DetectorId"]
    cloud.client("inspector2").enable(accountIds=[HOME], resourceTypes=["EC2"])


def file_transfer(cloud: Cloud, made: SeededIds) -> None:
    """An SFTP server with one user by path and one by mapping."""
    transfer = cloud.client("transfer")
    role = made.roles["transfer-access"]
    made.server = transfer.create_server(
        Protocols=["SFTP"],
        Domain="S3",
        IdentityProviderType="SERVICE_MANAGED",
        EndpointType="PUBLIC",
        LoggingRole=role,
        Tags=tags(Team="partners"),
    )["ServerId"]
    transfer.create_user(
        ServerId=made.server, UserName="supplier", Role=role, HomeDirectory="/acme-data/in", HomeDirectoryType="PATH"
    )
    transfer.create_user(
        ServerId=made.server,
        UserName="auditor",
        Role=role,
        HomeDirectoryType="LOGICAL",
        HomeDirectoryMappings=[{"Entry": "/", "Target": "/acme-logs/audit"}],
    )


def desktop(cloud: Cloud, made: SeededIds) -> None:
    """A directory and a workspace in it."""
    made.directory = cloud.client("ds").create_directory(
        Name="corp.example.com",
        Password="s3cr3t-Directory1",
        Size="Small",
        VpcSettings={"VpcId": made.vpc, "SubnetIds": [made.subnet, made.second_subnet]},
    )["DirectoryId"]
    workspaces = cloud.client("workspaces")
    workspaces.register_workspace_directory(DirectoryId=made.directory)
    workspaces.create_workspaces(
        Workspaces=[
            {
                "DirectoryId": made.directory,
                "UserName": "Administrator",
                "BundleId": BUNDLE,
                "UserVolumeEncryptionEnabled": True,
                "VolumeEncryptionKey": made.key,
                "Tags": tags(Team="support"),
            }
        ]
    )


def hardware_security(cloud: Cloud, made: SeededIds) -> None:
    """A CloudHSM cluster with the security group that CloudHSM makes for each."""
    hsm = cloud.client("cloudhsmv2").create_cluster(HsmType="hsm1.medium", SubnetIds=[made.subnet])
    cloud.client("ec2").create_security_group(
        GroupName=f"cloudhsm-{hsm['Cluster']['ClusterId']}-sg", Description="CloudHSM", VpcId=made.vpc
    )
