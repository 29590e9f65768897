"""Compute: instances with volumes and addresses, Auto Scaling groups, Lambda functions, Batch."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

from collector.demo.estate.cloud import Cloud, tags
from collector.demo.places import REGION, SECOND_REGION

if TYPE_CHECKING:
    from collector.demo.estate.seeded import SeededIds

USER_DATA = "#!/bin/sh\nexport DATABASE_PASSWORD=s3cr3t-user-data\n"
PUBLIC_KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZLQE6hSl0K3NposopxYvHfQ7wkau9mHxFwfO7iO8eT operators"
BASE_IMAGE = "ami-0abcdef1234567890"


def instance(cloud: Cloud, ids: SeededIds) -> None:
    """A web server with a role, a key pair, user data and tags that need escaping; an image of it."""
    ec2 = cloud.client("ec2")
    ec2.import_key_pair(
        KeyName="operators", PublicKeyMaterial=PUBLIC_KEY, TagSpecifications=_tagged("key-pair", Team="platform")
    )
    answer = ec2.run_instances(
        ImageId=BASE_IMAGE,
        MinCount=1,
        MaxCount=1,
        KeyName="operators",
        InstanceType="t3.micro",
        SubnetId=ids.subnet,
        SecurityGroupIds=[ids.web_group],
        IamInstanceProfile={"Name": "web-server"},
        MetadataOptions={"HttpTokens": "required", "HttpEndpoint": "enabled"},
        UserData=USER_DATA,
        TagSpecifications=_tagged("instance", Name="wéb «1» / \"shop\" & 'co'", Classification="internal"),
    )
    ids.instance = answer["Instances"][0]["InstanceId"]
    ids.instance_ip = answer["Instances"][0]["PrivateIpAddress"]
    ids.image = ec2.create_image(InstanceId=ids.instance, Name="web server, golden")["ImageId"]


def _tagged(kind: str, **values: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": tags(**values)}]


def disks(cloud: Cloud, ids: SeededIds) -> None:
    """An encrypted volume on the web server, a snapshot of it, and a volume from that snapshot."""
    ec2 = cloud.client("ec2")
    zone = f"{REGION}a"
    volume = ec2.create_volume(
        AvailabilityZone=zone,
        Size=8,
        Encrypted=True,
        KmsKeyId=ids.key,
        VolumeType="gp3",
        TagSpecifications=_tagged("volume", Name="web data"),
    )["VolumeId"]
    ec2.attach_volume(Device="/dev/sdf", InstanceId=ids.instance, VolumeId=volume)
    snapshot = ec2.create_snapshot(VolumeId=volume, Description="before the change")["SnapshotId"]
    ec2.create_volume(AvailabilityZone=zone, SnapshotId=snapshot)


def addresses(cloud: Cloud, ids: SeededIds) -> None:
    """An Elastic IP on the web server, and an unattached network interface."""
    ec2 = cloud.client("ec2")
    address = ec2.allocate_address(Domain="vpc")
    ids.address = address["PublicIp"]
    ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=ids.instance)
    interface = ec2.create_network_interface(SubnetId=ids.subnet, Groups=[ids.web_group], Description="spare")
    ids.spare_interface = interface["NetworkInterface"]["NetworkInterfaceId"]
    ids.spare_ip = interface["NetworkInterface"]["PrivateIpAddress"]


def instance_abroad(cloud: Cloud, _ids: SeededIds) -> None:
    """One instance in the second region, in that region's default VPC."""
    cloud.client("ec2", SECOND_REGION).run_instances(
        ImageId=BASE_IMAGE, MinCount=1, MaxCount=1, TagSpecifications=_tagged("instance", Name="standby")
    )


def scaling_group(cloud: Cloud, ids: SeededIds) -> None:
    """An Auto Scaling group of one instance."""
    autoscaling = cloud.client("autoscaling")
    autoscaling.create_launch_configuration(
        LaunchConfigurationName="worker",
        ImageId=ids.image,
        InstanceType="t3.micro",
        SecurityGroups=[ids.web_group],
        UserData=USER_DATA,
    )
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="workers",
        LaunchConfigurationName="worker",
        MinSize=1,
        MaxSize=2,
        DesiredCapacity=1,
        VPCZoneIdentifier=ids.subnet,
        Tags=[{"Key": "Name", "Value": "worker", "PropagateAtLaunch": True}],
    )


def functions(cloud: Cloud, ids: SeededIds) -> None:
    """A function in the VPC with a secret in its environment, and a Lambda@Edge function."""
    ids.function = _function(
        cloud,
        ids,
        "orders",
        VpcConfig={"SubnetIds": [ids.subnet], "SecurityGroupIds": [ids.web_group]},
        Environment={"Variables": {"DATABASE_PASSWORD": "s3cr3t-lambda", "STAGE": "production"}},
        KMSKeyArn=ids.key,
        Tags={"Team": "orders"},
    )
    cloud.client("lambda").add_permission(
        FunctionName="orders",
        StatementId="gateway",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    _function(cloud, ids, "headers")
    ids.edge_function = cloud.client("lambda").publish_version(FunctionName="headers")["FunctionArn"]


def _function(cloud: Cloud, ids: SeededIds, name: str, **settings: Any) -> str:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        # ZipInfo has a constant date, which makes the package reproducible.
        archive.writestr(zipfile.ZipInfo("app.py"), "def handle(event, context):\n    return event\n")
    answer = cloud.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=ids.roles["orders-function"],
        Handler="app.handle",
        Code={"ZipFile": package.getvalue()},
        **settings,
    )
    arn: str = answer["FunctionArn"]
    return arn


def batch(cloud: Cloud, ids: SeededIds) -> None:
    """A compute environment on Spot instances, a queue, a definition with a secret, and a finished job."""
    client = cloud.client("batch")
    environment = client.create_compute_environment(
        computeEnvironmentName="nightly",
        type="MANAGED",
        state="ENABLED",
        serviceRole=ids.roles["batch-service"],
        computeResources={
            "type": "SPOT",
            "minvCpus": 0,
            "maxvCpus": 4,
            "desiredvCpus": 0,
            "instanceTypes": ["t2.micro"],
            "subnets": [ids.subnet],
            "securityGroupIds": [ids.web_group],
            "instanceRole": ids.roles["web-server"].replace(":role/", ":instance-profile/"),
            "spotIamFleetRole": ids.roles["spot-fleet"],
        },
        tags={"Team": "reports"},
    )["computeEnvironmentArn"]
    queue = client.create_job_queue(
        jobQueueName="nightly",
        state="ENABLED",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
    )["jobQueueArn"]
    definition = client.register_job_definition(
        jobDefinitionName="report",
        type="container",
        containerProperties={
            "image": "busybox",
            "vcpus": 1,
            "memory": 128,
            "jobRoleArn": ids.roles["shop-task"],
            "environment": [{"name": "REPORT_TOKEN", "value": "s3cr3t-batch"}],
        },
    )["jobDefinitionArn"]
    client.submit_job(jobName="report-2026-01-01", jobQueue=queue, jobDefinition=definition)
