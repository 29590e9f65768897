"""AWS CloudFormation. Parameters and outputs are left out: their values may be secrets, marked `NoEcho` or not."""

from collector.schema.declarations import Call, Entity, Service, Via, pick, service_node
from collector.schema.values import document, is_one_of

INACTIVE = ("DELETE_", "ROLLBACK_", "REVIEW_", "CREATE_FAILED")
"""Prefixes of the states in which a stack has no resources, lacks some, or is losing them."""


def is_active(status: str) -> bool:
    """Whether a stack in this state has its resources."""
    return not status.startswith(INACTIVE)


stack = Entity(
    type="aws_cloudformation_stack",
    cls="Configuration",
    rows=Call("describe_stacks", "Stacks"),
    key="StackId",
    name="StackName",
    created="CreationTime",
    active=Via("StackStatus", is_active),
    web="https://{console}/cloudformation/home?region={region}#/stacks/stackinfo?stackId={StackId}",
    tags="Tags",
    props=pick(
        "StackName", "Description", "StackStatus", "StackStatusReason", "Capabilities",
        "EnableTerminationProtection", "ParentId", "RootId",
        roleArn="RoleARN",
        updatedOn="LastUpdatedTime",
        driftStatus="DriftInformation.StackDriftStatus",
        drifted=is_one_of("DriftInformation.StackDriftStatus", "DRIFTED"),
        notificationArns="NotificationARNs",
        rollbackConfiguration=document("RollbackConfiguration"),
    ),
    secrets=("Parameters[].ParameterValue", "Parameters[].ResolvedValue", "Outputs[].OutputValue"),
)  # fmt: skip

SERVICE = Service(
    name="cloudformation",
    client="cloudformation",
    title="CloudFormation",
    node=service_node(
        "aws_cloudformation", "AWS CloudFormation", category=("infrastructure",), function=("management",)
    ),
    has=("aws_cloudformation_stack",),
    entities=(stack,),
)
