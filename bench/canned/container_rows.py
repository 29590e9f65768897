"""Rows of ECS resources, with placeholders."""

from typing import Any

from . import wire

_ARN = "arn:aws:ecs:%(region)s:%(account)s"
CLUSTER_ARN = f"{_ARN}:cluster/cluster-%(here)s%(cluster)s"
_OWNED = "cluster-%(here)s%(cluster)s"
HOST_ARN = f"{_ARN}:container-instance/{_OWNED}/host-%(here)s%(host)s"
SERVICE_ARN = f"{_ARN}:service/{_OWNED}/service-%(here)s%(service)s"
TASK_ARN = f"{_ARN}:task/{_OWNED}/%(here)s0000000000000000%(n)s"
DEFINITION_ARN = f"{_ARN}:task-definition/family-%(here)s%(definition)s:1"
TAGS = wire.tags("key", "value", Environment="%(env)s", Owner="containers@example.com")

CLUSTER: dict[str, Any] = {
    "clusterArn": CLUSTER_ARN,
    "clusterName": _OWNED,
    "status": "ACTIVE",
    "registeredContainerInstancesCount": 3,
    "runningTasksCount": 10,
    "pendingTasksCount": 0,
    "activeServicesCount": 5,
    "statistics": [{"name": "runningEC2TasksCount", "value": "5"}, {"name": "runningFargateTasksCount", "value": "5"}],
    "tags": TAGS,
    "settings": [{"name": "containerInsights", "value": "enabled"}],
    "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
    "defaultCapacityProviderStrategy": [],
}
HOST: dict[str, Any] = {
    "containerInstanceArn": HOST_ARN,
    "ec2InstanceId": "i-0%(here)s%(host)s",
    "version": 7,
    "versionInfo": {"agentVersion": "1.98.0", "agentHash": "0a1b2c3d", "dockerVersion": "DockerVersion: 25.0.8"},
    "remainingResources": [{"name": "CPU", "type": "INTEGER", "integerValue": 1024}],
    "registeredResources": [
        {"name": "CPU", "type": "INTEGER", "integerValue": 2048},
        {"name": "MEMORY", "type": "INTEGER", "integerValue": 7764},
        {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22", "2376", "2375", "51678", "51679"]},
    ],
    "status": "ACTIVE",
    "agentConnected": True,
    "runningTasksCount": 2,
    "pendingTasksCount": 0,
    "attributes": [
        {"name": f"com.amazonaws.ecs.capability.{name}"} for name in ("ecr-auth", "task-iam-role", "task-eni")
    ],
    "registeredAt": "%(epoch)s",
    "attachments": [],
    "tags": TAGS,
    "healthStatus": {"overallStatus": "OK", "details": []},
}
_NETWORK = {
    "awsvpcConfiguration": {
        "subnets": ["subnet-0%(here)s%(subnet)s"],
        "securityGroups": ["sg-0%(here)s%(group)s"],
        "assignPublicIp": "DISABLED",
    }
}
SERVICE: dict[str, Any] = {
    "serviceArn": SERVICE_ARN,
    "serviceName": "service-%(here)s%(service)s",
    "clusterArn": CLUSTER_ARN,
    "loadBalancers": [],
    "serviceRegistries": [],
    "status": "ACTIVE",
    "desiredCount": 2,
    "runningCount": 2,
    "pendingCount": 0,
    "launchType": "FARGATE",
    "platformVersion": "LATEST",
    "platformFamily": "Linux",
    "taskDefinition": DEFINITION_ARN,
    "deploymentConfiguration": {
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
    },
    "deployments": [
        {
            "id": "ecs-svc/%(service)s",
            "status": "PRIMARY",
            "taskDefinition": DEFINITION_ARN,
            "desiredCount": 2,
            "pendingCount": 0,
            "runningCount": 2,
            "failedTasks": 0,
            "createdAt": "%(epoch)s",
            "updatedAt": "%(epoch)s",
            "launchType": "FARGATE",
            "platformVersion": "1.4.0",
            "networkConfiguration": _NETWORK,
            "rolloutState": "COMPLETED",
        }
    ],
    "roleArn": "arn:aws:iam::%(account)s:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
    "events": [{"id": "00000000-%(service)s", "createdAt": "%(epoch)s", "message": "has reached a steady state."}],
    "createdAt": "%(epoch)s",
    "placementConstraints": [],
    "placementStrategy": [],
    "networkConfiguration": _NETWORK,
    "schedulingStrategy": "REPLICA",
    "deploymentController": {"type": "ECS"},
    "createdBy": "arn:aws:iam::%(account)s:role/deployer",
    "enableECSManagedTags": True,
    "propagateTags": "NONE",
    "enableExecuteCommand": False,
    "tags": TAGS,
}
DEFINITION: dict[str, Any] = {
    "taskDefinitionArn": DEFINITION_ARN,
    "containerDefinitions": [
        {
            "name": name,
            "image": "%(image)s",
            "cpu": 256,
            "memory": 512,
            "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}],
            "essential": True,
            "environment": [{"name": f"SETTING_{number}", "value": f"value-{number}"} for number in range(6)],
            "mountPoints": [],
            "volumesFrom": [],
            "readonlyRootFilesystem": True,
            "user": "1000",
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": "/ecs/canned", "awslogs-region": "%(region)s"},
            },
            "systemControls": [],
        }
        for name in ("app", "proxy")
    ],
    "family": "family-%(here)s%(definition)s",
    "taskRoleArn": "arn:aws:iam::%(account)s:role/role-%(global)s%(role)s",
    "executionRoleArn": "arn:aws:iam::%(account)s:role/role-%(global)s%(helper)s",
    "networkMode": "awsvpc",
    "revision": 1,
    "volumes": [],
    "status": "ACTIVE",
    "requiresAttributes": [{"name": f"com.amazonaws.ecs.capability.{name}"} for name in ("task-iam-role", "task-eni")],
    "placementConstraints": [],
    "compatibilities": ["EC2", "FARGATE"],
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "512",
    "memory": "1024",
    "registeredAt": "%(epoch)s",
    "registeredBy": "arn:aws:iam::%(account)s:role/deployer",
}
TASK: dict[str, Any] = {
    "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
    "availabilityZone": "%(region)sa",
    "clusterArn": CLUSTER_ARN,
    "connectivity": "CONNECTED",
    "connectivityAt": "%(epoch)s",
    "containers": [
        {
            "containerArn": f"{_ARN}:container/{_OWNED}/%(here)s0000000000000000%(n)s/{name}",
            "taskArn": TASK_ARN,
            "name": name,
            "image": "%(image)s",
            "imageDigest": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "runtimeId": "%(n)s-527074092",
            "lastStatus": "RUNNING",
            "networkBindings": [],
            "networkInterfaces": [],
            "healthStatus": "HEALTHY",
            "cpu": "256",
            "memory": "512",
        }
        for name in ("app", "proxy")
    ],
    "cpu": "512",
    "createdAt": "%(epoch)s",
    "desiredStatus": "RUNNING",
    "enableExecuteCommand": False,
    "group": "%(owner)s",
    "healthStatus": "HEALTHY",
    "lastStatus": "RUNNING",
    "memory": "1024",
    "overrides": {"containerOverrides": [{"name": "app"}], "inferenceAcceleratorOverrides": []},
    "pullStartedAt": "%(epoch)s",
    "pullStoppedAt": "%(epoch)s",
    "startedAt": "%(epoch)s",
    "startedBy": "ecs-svc/%(service)s",
    "tags": TAGS,
    "taskArn": TASK_ARN,
    "taskDefinitionArn": DEFINITION_ARN,
    "version": 3,
}
ON_FARGATE: dict[str, Any] = {
    "launchType": "FARGATE",
    "platformVersion": "1.4.0",
    "platformFamily": "Linux",
    "ephemeralStorage": {"sizeInGiB": 20},
    "attachments": [
        {
            "id": "00000000-0000-4000-8000-0000%(n)s",
            "type": "ElasticNetworkInterface",
            "status": "ATTACHED",
            "details": [
                {"name": "subnetId", "value": "subnet-0%(here)s%(subnet)s"},
                {"name": "networkInterfaceId", "value": "eni-0%(here)s%(eni)s"},
            ],
        }
    ],
}
ON_HOST: dict[str, Any] = {"launchType": "EC2", "containerInstanceArn": HOST_ARN, "attachments": []}
