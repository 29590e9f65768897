"""Containers: ECR, ECS and EKS."""

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


def registry(cloud: Cloud, ids: SeededIds) -> None:
    """A repository with one scanned image."""
    ecr = cloud.client("ecr")
    ecr.create_repository(
        repositoryName=REPOSITORY,
        imageScanningConfiguration={"scanOnPush": True},
        encryptionConfiguration={"encryptionType": "KMS", "kmsKey": ids.key},
        tags=tags(Team="web"),
    )
    pull = {"Principal": {"AWS": ids.roles["shop-task-execution"]}, "Action": ["ecr:BatchGetImage"]}
    ecr.set_repository_policy(repositoryName=REPOSITORY, policyText=policy(pull))
    kinds = "application/vnd.docker"
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kinds}.distribution.manifest.v2+json",
        "config": {"mediaType": f"{kinds}.container.image.v1+json", "size": 1, "digest": f"sha256:{'a' * 64}"},
        "layers": [],
    }
    image = ecr.put_image(repositoryName=REPOSITORY, imageManifest=json.dumps(manifest), imageTag="latest")
    ids.container_image = image["image"]["imageId"]["imageDigest"]
    ecr.start_image_scan(repositoryName=REPOSITORY, imageId={"imageDigest": ids.container_image})


def cluster(cloud: Cloud, ids: SeededIds) -> None:
    """An ECS cluster with a container instance, a task definition with a secret, a service and three tasks."""
    ecs = cloud.client("ecs")
    ids.cluster = ecs.create_cluster(
        clusterName="shop",
        tags=[{"key": "Team", "value": "web"}],
        settings=[{"name": "containerInsights", "value": "enabled"}],
    )["cluster"]["clusterArn"]
    ids.task_definition = _task_definition(ecs, ids)
    document = json.dumps({"instanceId": ids.instance, "region": REGION, "accountId": HOME})
    ecs.register_container_instance(cluster="shop", instanceIdentityDocument=document)
    placed = {"awsvpcConfiguration": {"subnets": [ids.subnet], "securityGroups": [ids.web_group]}}
    common = {"cluster": "shop", "taskDefinition": ids.task_definition, "networkConfiguration": placed}
    ecs.create_service(serviceName="web", desiredCount=1, launchType="EC2", **common)
    # Moto's services start no tasks, so these are started with the parameters that ECS would use.
    ecs.run_task(launchType="EC2", startedBy="ecs-svc/1", group="service:web", **common)
    ecs.run_task(launchType="FARGATE", startedBy="ecs-svc/1", group="service:web", **common)
    ecs.run_task(launchType="FARGATE", startedBy="an operator", **common)


def _task_definition(ecs: Any, ids: SeededIds) -> str:
    container = {
        "name": "web",
        "image": f"{HOME}.dkr.ecr.{REGION}.amazonaws.com/{REPOSITORY}:latest",
        "memory": 128,
        "essential": True,
        "environment": [{"name": "API_TOKEN", "value": "s3cr3t-ecs"}],
    }
    arn: str = ecs.register_task_definition(
        family="web",
        taskRoleArn=ids.roles["shop-task"],
        executionRoleArn=ids.roles["shop-task-execution"],
        networkMode="awsvpc",
        requiresCompatibilities=["EC2", "FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[container],
        tags=[{"key": "Team", "value": "web"}],
    )["taskDefinition"]["taskDefinitionArn"]
    return arn


def kubernetes(cloud: Cloud, ids: SeededIds) -> None:
    """An EKS cluster with the security group that EKS creates for it."""
    cloud.client("ec2").create_security_group(
        GroupName="eks-cluster-sg-shop-1234567890", Description="EKS created security group", VpcId=ids.vpc
    )
    cloud.client("eks").create_cluster(
        name="shop",
        roleArn=ids.roles["eks-cluster"],
        resourcesVpcConfig={
            "subnetIds": [ids.subnet, ids.second_subnet],
            "securityGroupIds": [ids.web_group],
        },
        encryptionConfig=[{"resources": ["secrets"], "provider": {"keyArn": ids.key}}],
        tags={"Team": "platform"},
    )
