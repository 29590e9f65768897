"""Amazon SQS."""

from collector.spec import Call, Entity, Hydrate, Service, pick, service_node
from collector.values import boolean, epoch, integer, last_segment, present

queue = Entity(
    type="aws_sqs_queue",
    cls="Queue",
    rows=Call("list_queues", "QueueUrls", {"MaxResults": 1000}, wrap="QueueUrl"),
    hydrate=(
        Hydrate("get_queue_attributes", "Detail", {"QueueUrl": "QueueUrl"}, {"AttributeNames": ["All"]}),
        Hydrate("list_queue_tags", "Tagging", {"QueueUrl": "QueueUrl"}),
    ),
    key="Detail.Attributes.QueueArn",
    name=last_segment("QueueUrl"),
    created=epoch("Detail.Attributes.CreatedTimestamp"),
    web="https://{console}/sqs/v3/home?region={region}#/queues/{QueueUrl}",
    tags="Tagging.Tags",
    props=pick(
        "Detail.Attributes.KmsMasterKeyId",
        url="QueueUrl",
        updatedOn=epoch("Detail.Attributes.LastModifiedTimestamp"),
        fifo=boolean("Detail.Attributes.FifoQueue"),
        encrypted=present("Detail.Attributes.KmsMasterKeyId"),
        delaySeconds=integer("Detail.Attributes.DelaySeconds"),
        visibilityTimeout=integer("Detail.Attributes.VisibilityTimeout"),
        retentionSeconds=integer("Detail.Attributes.MessageRetentionPeriod"),
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
