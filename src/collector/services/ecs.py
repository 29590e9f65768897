"""Amazon ECS. List operations return ARNs only. Resources are described in batches, task definitions one by one."""

import re

from collector.schema.declarations import (
    Call,
    Describe,
    Edge,
    Entity,
    Failures,
    First,
    Fixed,
    Hydrate,
    Row,
    Service,
    Template,
    Via,
    pick,
    service_node,
)
from collector.schema.patterns import encrypted_with, guarded_by
from collector.schema.values import computed, differs, document, entry, last_segment, listed, unique

CONTAINERS = "Detail.taskDefinition.containerDefinitions"
FAILURES = (Failures("failures[]", code="reason", message="detail", id="arn"),)


def in_cluster(op: str, items: str) -> Call:
    """A list operation that returns ARNs, called once per cluster."""
    return Call(op, items, {"maxResults": 100}, each="aws_ecs_cluster", args={"cluster": "clusterArn"})


def described(op: str, items: str, *, size: int = 100, include: tuple[str, ...] = ("TAGS",)) -> Describe:
    """The description of a cluster's resources by their ARNs, `size` per call."""
    return Describe(
        op, items, ids=items, size=size, params={"include": list(include)}, args={"cluster": "clusterArn"}, failures=FAILURES
    )  # fmt: skip


def values_of(path: str, name: str) -> Via:
    """All values of one name in the list of name-value pairs at the path."""
    return Via(
        path, lambda pairs: [found for pair in pairs if pair.get("name") == name and (found := pair.get("value"))]
    )


QUANTITY = re.compile(r"\s*(\d*\.?\d+)\s*(vcpu|gb)?\s*", re.IGNORECASE)
"""CPU or memory as AWS documents it: a number of units or MiB, or one of vCPUs or gigabytes (`1 vCPU`, `0.5 GB`)."""


def cpu_units(text: str) -> int | None:
    """CPU units, of which 1024 are a vCPU; None if the text is no quantity."""
    found = QUANTITY.fullmatch(text)
    return round(float(found[1]) * (1024 if found[2] else 1)) if found else None


def mebibytes(text: str) -> int | None:
    """Memory in MiB; None if the text is no quantity."""
    return cpu_units(text)  # 1024 of the small unit make one of the large here, too


@computed("taskArn", "taskDefinitionArn")
def task_name(row: Row) -> str | None:
    """The family and revision of a task's definition, and the start of the task's id: `orders:7 2c3d4e5f`."""
    task, definition = (str(row.get(name, "")).rpartition("/")[2] for name in ("taskArn", "taskDefinitionArn"))
    return f"{definition} {task[:8]}".strip() or None


is_active = Via("status", lambda status: status == "ACTIVE")

cluster = Entity(
    type="aws_ecs_cluster",
    cls="Cluster",
    rows=Call("list_clusters", "clusterArns", {"maxResults": 100}),
    describe=Describe(
        "describe_clusters", "clusters", ids="clusters", size=100,
        params={"include": ["TAGS", "SETTINGS", "CONFIGURATIONS"]}, failures=FAILURES,
    ),
    when=differs("status", "INACTIVE"),
    key="clusterArn",
    name="clusterName",
    active=is_active,
    web="https://{console}/ecs/v2/clusters/{clusterName}?region={region}",
    tags="tags",
    props=pick(
        "clusterName", "status", "registeredContainerInstancesCount", "runningTasksCount", "pendingTasksCount",
        "activeServicesCount", "capacityProviders",
        containerInsights=entry("settings", "containerInsights", name="name", value="value"),
        executeCommandKmsKeyId="configuration.executeCommandConfiguration.kmsKeyId",
        executeCommandLogging="configuration.executeCommandConfiguration.logging",
        defaultCapacityProviderStrategy=document("defaultCapacityProviderStrategy"),
        serviceConnectNamespace="serviceConnectDefaults.namespace",
    ),
    edges=encrypted_with("aws_ecs_cluster", "configuration.executeCommandConfiguration.kmsKeyId"),
)  # fmt: skip

service = Entity(
    type="aws_ecs_service",
    cls="Service",
    rows=in_cluster("list_services", "serviceArns"),
    describe=described("describe_services", "services", size=10),
    key="serviceArn",
    also={"group": Template("{clusterArn}/service:{serviceName}")},
    name="serviceName",
    created="createdAt",
    active=is_active,
    web="https://{console}/ecs/v2/clusters/{^.clusterName}/services/{serviceName}?region={region}",
    tags="tags",
    props=pick(
        "serviceName", "clusterArn", "status", "desiredCount", "runningCount", "pendingCount", "launchType",
        "platformVersion", "taskDefinition", "roleArn", "createdBy", "schedulingStrategy", "enableECSManagedTags",
        "enableExecuteCommand",
        category=Fixed(["infrastructure"]),
        function=Fixed(["compute"]),
        deployments="deployments[].id",
        deploymentController="deploymentController.type",
        subnetIds="networkConfiguration.awsvpcConfiguration.subnets",
        securityGroupIds="networkConfiguration.awsvpcConfiguration.securityGroups",
        assignPublicIp="networkConfiguration.awsvpcConfiguration.assignPublicIp",
        LoadBalancerNames="loadBalancers[].loadBalancerName",
        targetGroupARNs="loadBalancers[].targetGroupArn",
    ),
    secrets=(
        "deployments[].serviceConnectConfiguration.logConfiguration.options",
        "deployments[].serviceConnectConfiguration.logConfiguration.secretOptions[].valueFrom",
    ),
    edges=(
        Edge("aws_ecs_cluster", "HAS", "aws_ecs_service", at="clusterArn"),
        Edge("aws_ecs_task_definition", "DEFINES", "aws_ecs_service", at="taskDefinition"),
        *guarded_by("aws_ecs_service", "networkConfiguration.awsvpcConfiguration.securityGroups[]"),
    ),
)  # fmt: skip

container_instance = Entity(
    type="aws_ecs_container_instance",
    cls=("Host", "Container"),
    rows=in_cluster("list_container_instances", "containerInstanceArns"),
    describe=described("describe_container_instances", "containerInstances", include=("TAGS", "CONTAINER_INSTANCE_HEALTH")),
    key="containerInstanceArn",
    name=First("ec2InstanceId", last_segment("containerInstanceArn")),
    created="registeredAt",
    active=is_active,
    web="https://{console}/ecs/v2/clusters/{^.clusterName}/infrastructure?region={region}",
    tags="tags",
    props=pick(
        "ec2InstanceId", "statusReason", "agentConnected", "runningTasksCount", "pendingTasksCount",
        "versionInfo.agentVersion", "versionInfo.dockerVersion", "capacityProviderName",
        id=last_segment("containerInstanceArn"),
        # The class `Host` restricts `status` to values of its own.
        state="status",
        healthStatus="healthStatus.overallStatus",
        deviceId=listed("ec2InstanceId"),
        osType=entry("attributes", "ecs.os-type", name="name", value="value"),
        instanceType=entry("attributes", "ecs.instance-type", name="name", value="value"),
        availabilityZone=entry("attributes", "ecs.availability-zone", name="name", value="value"),
    ),
    edges=(
        Edge("aws_ecs_cluster", "HAS", "aws_ecs_container_instance", at="^.clusterArn"),
        # External instances (`mi-…`) are managed instances of Systems Manager, not of EC2.
        Edge(
            "aws_instance", "RUNS", "aws_ecs_container_instance",
            at="ec2InstanceId", when=Via("ec2InstanceId", lambda instance: instance.startswith("i-")),
        ),
    ),
)  # fmt: skip

task = Entity(
    type="aws_ecs_task",
    cls=("Task", "Process"),
    rows=in_cluster("list_tasks", "taskArns"),
    describe=described("describe_tasks", "tasks"),
    key="taskArn",
    name=task_name,
    created="createdAt",
    active=Via("lastStatus", lambda status: status == "RUNNING"),
    web="https://{console}/ecs/v2/clusters/{^.clusterName}/tasks?region={region}",
    tags="tags",
    props=pick(
        "taskDefinitionArn", "clusterArn", "containerInstanceArn", "lastStatus", "desiredStatus", "launchType",
        "platformVersion", "group", "startedBy", "startedAt", "stoppedReason", "connectivity",
        "healthStatus", "enableExecuteCommand", "availabilityZone",
        id=last_segment("taskArn"),
        cpu=Via("cpu", cpu_units),
        memory=Via("memory", mebibytes),
        containerImages=unique("containers[].image"),
        networkInterfaceIds=values_of("attachments[].details[]", "networkInterfaceId"),
        subnetIds=values_of("attachments[].details[]", "subnetId"),
        privateIpAddresses=values_of("attachments[].details[]", "privateIPv4Address"),
    ),
    secrets=("overrides.containerOverrides[].environment[].value",),
    edges=(
        Edge("aws_ecs_cluster", "RUNS", "aws_ecs_task", at="clusterArn"),
        Edge("aws_ecs_container_instance", "RUNS", "aws_ecs_task", at="containerInstanceArn"),
        Edge("aws_ecs_task_definition", "DEFINES", "aws_ecs_task", at="taskDefinitionArn"),
        # The group of a service's task is `service:<name>`; that of other tasks is `family:<name>` by default.
        Edge(
            "aws_ecs_service", "TRIGGERS", "aws_ecs_task",
            at=Template("{clusterArn}/{group}"), by="group", when=Via("group", lambda group: group.startswith("service:")),
        ),
    ),
)  # fmt: skip

task_definition = Entity(
    type="aws_ecs_task_definition",
    cls=("Function", "Configuration"),
    rows=Call("list_task_definitions", "taskDefinitionArns", {"status": "ACTIVE", "maxResults": 100}, wrap="Arn"),
    hydrate=(
        Hydrate(
            "describe_task_definition", "Detail", {"taskDefinition": "Arn"}, {"include": ["TAGS"]},
            gone=("ClientException: Unable to describe task definition",),
        ),
    ),
    key="Arn",
    name=last_segment("Arn"),
    created="Detail.taskDefinition.registeredAt",
    active=Via("Detail.taskDefinition.status", lambda status: status == "ACTIVE"),
    web="https://{console}/ecs/v2/task-definitions/{Detail.taskDefinition.family}/{Detail.taskDefinition.revision}?region={region}",
    tags="Detail.tags",
    props=pick(
        "Detail.taskDefinition.family", "Detail.taskDefinition.revision", "Detail.taskDefinition.status",
        "Detail.taskDefinition.taskRoleArn", "Detail.taskDefinition.executionRoleArn",
        "Detail.taskDefinition.networkMode", "Detail.taskDefinition.pidMode",
        "Detail.taskDefinition.ipcMode", "Detail.taskDefinition.compatibilities", "Detail.taskDefinition.registeredBy",
        "Detail.taskDefinition.requiresCompatibilities",
        id=last_segment("Arn"),
        cpu=Via("Detail.taskDefinition.cpu", cpu_units),
        memory=Via("Detail.taskDefinition.memory", mebibytes),
        containerNames=f"{CONTAINERS}[].name",
        containerImages=unique(f"{CONTAINERS}[].image"),
        containerUsers=unique(f"{CONTAINERS}[].user"),
        logDrivers=unique(f"{CONTAINERS}[].logConfiguration.logDriver"),
        privileged=Via(CONTAINERS, lambda containers: any(one.get("privileged") for one in containers)),
        readonlyRootFilesystem=Via(CONTAINERS, lambda containers: all(one.get("readonlyRootFilesystem") for one in containers)),
    ),
    secrets=(
        f"{CONTAINERS}[].environment[].value",
        f"{CONTAINERS}[].secrets[].valueFrom",
        f"{CONTAINERS}[].logConfiguration.options",
        f"{CONTAINERS}[].logConfiguration.secretOptions[].valueFrom",
    ),
    edges=(
        Edge("aws_ecs_task_definition", "ASSIGNED", "aws_iam_role", at="Detail.taskDefinition.taskRoleArn"),
        Edge("aws_ecs_task_definition", "USES", "aws_iam_role", at="Detail.taskDefinition.executionRoleArn"),
    ),
)  # fmt: skip

SERVICE = Service(
    name="ecs",
    client="ecs",
    title="ECS",
    node=service_node("aws_ecs", "Amazon ECS", category=("infrastructure",), function=("compute", "containers")),
    has=("aws_ecs_cluster", "aws_ecs_task_definition"),
    entities=(cluster, service, container_instance, task, task_definition),
)
