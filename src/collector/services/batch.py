"""AWS Batch. It keeps a job for about a week after the job has ended."""

from collector.schema.declarations import Call, Describe, Edge, Entity, Row, Service, Via, pick, service_node
from collector.schema.patterns import filled, guarded_by
from collector.schema.values import differs, is_one_of, last_segment


def container_secrets(*paths: str) -> tuple[str, ...]:
    """The paths of secrets in container definitions at these paths."""
    kept = (
        "environment[].value",
        "secrets[].valueFrom",
        "logConfiguration.options",
        "logConfiguration.secretOptions[].valueFrom",
    )
    return tuple(f"{path}.{field}" for path in paths for field in kept)


def pod_secrets(properties: str) -> tuple[str, ...]:
    """The paths of secrets in the pod of EKS properties."""
    return tuple(
        f"{properties}.podProperties.{containers}[].env[].value" for containers in ("containers", "initContainers")
    )


SECRETS = (
    *pod_secrets("eksProperties"),
    *pod_secrets("nodeProperties.nodeRangeProperties[].eksProperties"),
    *container_secrets(
        "ecsProperties.taskProperties[].containers[]",
        "nodeProperties.nodeRangeProperties[].container",
        "nodeProperties.nodeRangeProperties[].ecsProperties.taskProperties[].containers[]",
    ),
)
"""The paths of secrets that job definitions and jobs share."""


def in_order(environments: list[Row]) -> list[str]:
    """The compute environments of a job queue in the order in which it tries them."""
    return [one["computeEnvironment"] for one in sorted(environments, key=lambda one: one.get("order", 0))]


is_enabled = Via("state", lambda state: state == "ENABLED")
"""Whether a queue or compute environment accepts jobs."""

compute_environment = Entity(
    type="aws_batch_compute_environment",
    cls="Configuration",
    rows=Call("describe_compute_environments", "computeEnvironments", {"maxResults": 100}),
    when=differs("status", "DELETED"),
    key="computeEnvironmentArn",
    name="computeEnvironmentName",
    active=is_enabled,
    web="https://{console}/batch/home?region={region}#compute-environments/detail/{computeEnvironmentArn}",
    tags="tags",
    props=pick(
        "computeEnvironmentName", "ecsClusterArn", "type", "state", "status", "statusReason", "serviceRole",
        "containerOrchestrationType", "computeResources.minvCpus", "computeResources.maxvCpus",
        "computeResources.instanceTypes", "computeResources.instanceRole", "computeResources.spotIamFleetRole",
        "computeResources.ec2KeyPair", "computeResources.securityGroupIds",
        computeResourcesType="computeResources.type",
        subnetIds="computeResources.subnets",
    ),
    edges=(
        Edge("aws_batch_compute_environment", "USES", "aws_ecs_cluster", at="ecsClusterArn"),
        Edge("aws_batch_compute_environment", "ASSIGNED", "aws_iam_role", at="serviceRole"),
        Edge("aws_batch_compute_environment", "USES", "aws_iam_role", at="computeResources.spotIamFleetRole"),
        # The instance role is an instance profile, by ARN or by name; roles declare both as names.
        Edge(
            "aws_batch_compute_environment", "USES", "aws_iam_role", at="computeResources.instanceRole", by="profile",
            when=Via("computeResources.instanceRole", lambda profile: profile.startswith("arn:")),
        ),
        Edge(
            "aws_batch_compute_environment", "USES", "aws_iam_role", at="computeResources.instanceRole", by="profileName",
            when=Via("computeResources.instanceRole", lambda profile: not profile.startswith("arn:")),
        ),
        *guarded_by("aws_batch_compute_environment", "computeResources.securityGroupIds[]"),
    ),
)  # fmt: skip

job_queue = Entity(
    type="aws_batch_job_queue",
    cls="Queue",
    rows=Call("describe_job_queues", "jobQueues", {"maxResults": 100}),
    when=differs("status", "DELETED"),
    key="jobQueueArn",
    name="jobQueueName",
    active=is_enabled,
    web="https://{console}/batch/home?region={region}#queues/detail/{jobQueueArn}",
    tags="tags",
    props=pick(
        "jobQueueName", "state", "status", "statusReason", "priority", "schedulingPolicyArn",
        computeEnvironmentOrder=Via("computeEnvironmentOrder", in_order),
    ),
)  # fmt: skip

job = Entity(
    type="aws_batch_job",
    cls=("Process", "Task"),
    # Without a filter, only running jobs are listed; with a filter, a page holds 100.
    rows=Call(
        "list_jobs", "jobSummaryList", {"maxResults": 100, "filters": [{"name": "AFTER_CREATED_AT", "values": ["0"]}]},
        each="aws_batch_job_queue", args={"jobQueue": "jobQueueArn"},
        when=differs("jobQueueType", "SAGEMAKER_TRAINING"),  # their jobs are SageMaker's: `ListServiceJobs`
    ),
    describe=Describe("describe_jobs", "jobs", ids="jobs", size=100, by="jobId"),
    key="jobArn",
    id="jobId",
    name="jobName",
    created="createdAt",
    active=Via("status", lambda status: status not in ("SUCCEEDED", "FAILED")),
    web="https://{console}/batch/home?region={region}#jobs/detail/{jobId}",
    tags="tags",
    props=pick(
        "jobName", "jobQueue", "status", "statusReason", "jobDefinition", "isCancelled", "isTerminated",
        "container.image", "container.jobRoleArn", "container.exitCode", "container.logStreamName",
        startedAt=filled("startedAt"),
        stoppedAt=filled("stoppedAt"),
    ),
    secrets=(*container_secrets("container"), *SECRETS),
    edges=(Edge("aws_batch_job_queue", "HAS", "aws_batch_job", at="^.jobQueueArn"),),
)  # fmt: skip

job_definition = Entity(
    type="aws_batch_job_definition",
    cls=("Configuration", "Function"),
    rows=Call("describe_job_definitions", "jobDefinitions", {"status": "ACTIVE", "maxResults": 100}),
    key="jobDefinitionArn",
    name="jobDefinitionName",
    display=last_segment("jobDefinitionArn"),
    active=is_one_of("status", "ACTIVE"),
    web="https://{console}/batch/home?region={region}#job-definition/detail/{jobDefinitionArn}",
    tags="tags",
    props=pick(
        "jobDefinitionName", "revision", "status", "type", "schedulingPriority", "platformCapabilities",
        "timeout.attemptDurationSeconds", "containerProperties.image", "containerProperties.jobRoleArn",
        "containerProperties.executionRoleArn", "containerProperties.privileged",
        "containerProperties.readonlyRootFilesystem",
        id=last_segment("jobDefinitionArn"),
        retryAttempts="retryStrategy.attempts",
    ),
    secrets=(*container_secrets("containerProperties"), *SECRETS),
)  # fmt: skip

SERVICE = Service(
    name="batch",
    client="batch",
    title="Batch",
    node=service_node("aws_batch", "AWS Batch", category=("infrastructure",), function=("compute", "batch-processing")),
    has=("aws_batch_compute_environment", "aws_batch_job_definition", "aws_batch_job_queue"),
    entities=(compute_environment, job_queue, job, job_definition),
)
