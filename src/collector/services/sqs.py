"""Amazon SQS."""

import json
from dataclasses import replace
from typing import Any

from collector.schema.declarations import Call, Edge, Entity, Hydrate, Row, Service, Template, Via, pick, service_node
from collector.schema.patterns import encrypted_with, tagged
from collector.schema.values import boolean, computed, document, epoch, integer, last_segment


@computed("Detail.Attributes.KmsMasterKeyId", "Detail.Attributes.SqsManagedSseEnabled")
def is_encrypted(row: Row) -> bool | None:
    """Whether messages are encrypted at rest, with a KMS key or an SQS-managed key; None without the attributes."""
    attributes = (row.get("Detail") or {}).get("Attributes")
    if attributes is None:
        return None
    return bool(attributes.get("KmsMasterKeyId")) or attributes.get("SqsManagedSseEnabled") == "true"


def redrive(name: str) -> Via:
    """A field of the redrive policy, which AWS returns as JSON text; None if it is malformed."""
    return Via("Detail.Attributes.RedrivePolicy", lambda text: _part(text, name))


def _part(text: str, name: str) -> Any:
    try:
        policy = json.loads(text)
    except ValueError:
        return None
    return policy.get(name) if isinstance(policy, dict) else None


NAME = last_segment("QueueUrl")

queue = Entity(
    type="aws_sqs_queue",
    cls="Queue",
    rows=Call("list_queues", "QueueUrls", {"MaxResults": 1000}, wrap="QueueUrl"),
    join=(replace(tagged("sqs", NAME), on=last_segment("ResourceARN", ":")),),
    hydrate=(Hydrate("get_queue_attributes", "Detail", {"QueueUrl": "QueueUrl"}, {"AttributeNames": ["All"]}),),
    key=Template("arn:{partition}:sqs:{region}:{account}:{name}", {"name": NAME}),
    name=NAME,
    also={"url": "QueueUrl"},
    created=epoch("Detail.Attributes.CreatedTimestamp"),
    web="https://{console}/sqs/v3/home?region={region}#/queues/{QueueUrl}",
    tags="Tagging[].Tags[]",
    props=pick(
        "Detail.Attributes.KmsMasterKeyId",
        url="QueueUrl",
        updatedOn=epoch("Detail.Attributes.LastModifiedTimestamp"),
        policy=document("Detail.Attributes.Policy"),
        encrypted=is_encrypted,
        sqsManagedSseEnabled=boolean("Detail.Attributes.SqsManagedSseEnabled"),
        fifo=boolean("Detail.Attributes.FifoQueue"),
        contentBasedDeduplication=boolean("Detail.Attributes.ContentBasedDeduplication"),
        delaySeconds=integer("Detail.Attributes.DelaySeconds"),
        visibilityTimeout=integer("Detail.Attributes.VisibilityTimeout"),
        retentionSeconds=integer("Detail.Attributes.MessageRetentionPeriod"),
        maximumMessageSize=integer("Detail.Attributes.MaximumMessageSize"),
        receiveWaitSeconds=integer("Detail.Attributes.ReceiveMessageWaitTimeSeconds"),
        redrivePolicy=document("Detail.Attributes.RedrivePolicy"),
        deadLetterQueueArn=redrive("deadLetterTargetArn"),
        maxReceiveCount=redrive("maxReceiveCount"),
    ),
    facts={"policy": "Detail.Attributes.Policy"},
    edges=(
        Edge("aws_sqs_queue", "USES", "aws_sqs_queue", at=redrive("deadLetterTargetArn")),
        *encrypted_with("aws_sqs_queue", "Detail.Attributes.KmsMasterKeyId"),
    ),
)

SERVICE = Service(
    name="sqs",
    client="sqs",
    title="SQS",
    node=service_node("aws_sqs", "Amazon SQS", category=("infrastructure",), function=("queuing",)),
    has=("aws_sqs_queue",),
    entities=(queue,),
)
