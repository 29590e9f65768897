"""Containers: the registry, ECS and EKS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from collector.demo.estate.cloud import Cloud, Json, policy, tags
from collector.demo.places import HOME, REGION

if TYPE_CHECKING:
    from collector.demo.estate.seeded import SeededIds

REPOSITORY = "shop/web"
SCANNED = "2026-01-02T03:04:05Z"
VULNERABILITIES: list[Json] = [
    {
        "name": "CVE-2026-0001",
        "severity": "CRITICAL",
        "description": "An invented flaw of an invented library.",
        "uri": "https://cve.example.com/CVE-2026-0001",
        "attributes": [{"key": "package_name", "value": "openssl"}, {"key": "package_version", "value": "3.0.1"}],
    },
    {
        "name": "CVE-2026-0002",
        "severity": "LOW",
        "uri": "https://cve.example.com/CVE-2026-0002",
        "attributes": [{"key": "package_name", "value": "zlib"}],
    },
]


def registry(cloud: Cloud, made: SeededIds) -> None:
    """A repository with one image that has been scanned."""
    ecr = cloud.client("ecr")
    ecr.create_repository(
        repositoryName=REPOSITORY,
        imageScanningConfiguration={"scanOnPush": True},
        encryptionConfiguration={"encryptionType": "KMS", "kmsKey": made.key},
        tags=tags(Team="web"),
    )
    pull = {"Principal": {"AWS": made.roles["shop-task-execution"]}, "Action": ["ecr:BatchGetImage"]}
    ecr.set_repository_policy(repositoryName=REPOSITORY, policyText=policy(pull))
    kinds = "application/vnd.docker"
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kinds}.distribution.manifest.v2+json",
        "config": {"mediaType": f"{kinds}.container.image.v1+json", "size": 1, "digest": f"sha256:{'a' * 64}"},
        "layers": [],
    }
    image = ecr.put_image(repositoryName=REPOSITORY, imageManifest=json.dumps(manifest), imageTag="latest")
    made.container_image = image["image"]["imageId"]["imageDigest"]
    ecr.start_image_scan(repositoryName=REPOSITORY, imageId={"imageDigest": made.container_image})


def cluster(cloud: Cloud, made: SeededIds) -> None:
    """An ECS cluster with the web server in it, a definition with a secret, a service and three tasks."""
    ecs = cloud.client("ecs")
    made.cluster = ecs.create_cluster(
        clusterName="shop",
        tags=[{"key": "Team", "value": "web"}],
        settings=[{"name": "containerInsights", "value": "enabled"}],
    )["cluster"]["clusterArn"]
    made.task_definition = _task_definition(ecs, made)
    document = json.dumps({"instanceId": made.instance, "region": REGION, "accountId": HOME})
    ecs.register_container_instance(cluster="shop", instanceIdentityDocument=document)
    placed = {"awsvpcConfiguration": {"subnets": [made.subnet], "securityGroups": [made.web_group]}}
    common = {"cluster": "shop", "taskDefinition": made.task_definition, "networkConfiguration": placed}
    ecs.create_service(serviceName="web", desiredCount=1, launchType="EC2", **common)
    # Moto's services start no tasks: these are started as the service would.
    ecs.run_task(launchType="EC2", startedBy="ecs-svc/1", group="service:web", **common)
    ecs.run_task(launchType="FARGATE", startedBy="ecs-svc/1", group="service:web", **common)
    ecs.run_task(launchType="FARGATE", startedBy="an operator", **common)


def _task_definition(ecs: Any, made: SeededIds) -> str:
    container = {
        "name": "web",
        "image": f"{HOME}.dkr.ecr.{REGION}.amazonaws.com/{REPOSITORY}:latest",
        "memory": 128,
        "essential": True,
        "environment": [{"name": "API_TOKEN", "value": "s3cr3t-ecs"}],
    }
    arn: str = ecs.register_task_definition(
        family="web",
        taskRoleArn=made.roles["shop-task"],
        executionRoleArn=made.roles["shop-task-execution"],
        networkMode="awsvpc",
        requiresCompatibilities=["EC2", "FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[container],
        tags=[{"key": "Team", "value": "web"}],
    )["taskDefinition"]["taskDefinitionArn"]
    return arn


def kubernetes(cloud: Cloud, made: SeededIds) -> None:
    """An EKS cluster with the security group that EKS makes for each."""
    cloud.client("ec2").create_security_group(
        GroupName="eks-cluster-sg-shop-1234567890", Description="EKS created security group", VpcId=made.vpc
    )
    cloud.client("eks").create_cluster(
        name="shop",
        roleArn=made.roles["eks-cluster"],
        resourcesVpcConfig={
            "subnetIds": [made.subnet, made.second_subnet],
            "securityGroupIds": [made.web_group],
        },
        encryptionConfig=[{"resources": ["secrets"], "provider": {"keyArn": made.key}}],
        tags={"Team": "platform"},
    )
