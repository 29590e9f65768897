"""Amazon SNS topics, and the subscriptions of this account, including those to topics of other accounts."""

import re
from hashlib import sha256

from collector.schema.declarations import Call, Edge, Entity, First, Hydrate, Row, Service, Via, pick, service_node
from collector.schema.patterns import encrypted_with, tagged
from collector.schema.values import (
    boolean,
    computed,
    differs,
    document,
    integer,
    is_none_of,
    is_one_of,
    last_segment,
    present,
)

UNCONFIRMED = ("PendingConfirmation", "Deleted")
"""Texts that AWS returns in place of the ARN of an unconfirmed or deleted subscription."""
CONFIRMED = differs("SubscriptionArn", *UNCONFIRMED)


@computed("SubscriptionArn", "TopicArn", "Protocol", "Endpoint")
def subscription_key(row: Row) -> str:
    """The ARN of a subscription; without one, its topic, protocol and the SHA-256 digest of its endpoint."""
    arn: str | None = row.get("SubscriptionArn")
    if arn and arn not in UNCONFIRMED:
        return arn
    digest = sha256(str(row.get("Endpoint")).encode()).hexdigest()
    return f"{row.get('TopicArn')}:pending:{row.get('Protocol')}:{digest}"


@computed("TopicArn", "Protocol", "Endpoint")
def subscription_name(row: Row) -> str:
    """The topic, protocol and endpoint of a subscription; an endpoint with an ARN is named by its last part."""
    topic, protocol, endpoint = (str(row.get(name) or "") for name in ("TopicArn", "Protocol", "Endpoint"))
    if endpoint.startswith("arn:"):
        endpoint = re.split("[:/]", endpoint)[-1]
    protocol = "" if endpoint.startswith(f"{protocol}:") else protocol
    return " ".join(filter(None, (topic.rpartition(":")[2], "to", protocol, endpoint)))


topic = Entity(
    type="aws_sns_topic",
    cls="Channel",
    rows=Call("list_topics", "Topics"),
    join=(tagged("sns", "TopicArn"),),
    hydrate=(Hydrate("get_topic_attributes", "Detail", {"TopicArn": "TopicArn"}),),
    key="TopicArn",
    name=last_segment("TopicArn", ":"),
    display=First("Detail.Attributes.DisplayName", last_segment("TopicArn", ":")),
    web="https://{console}/sns/v3/home?region={region}#/topic/{TopicArn}",
    tags="Tagging[].Tags[]",
    props=pick(
        "Detail.Attributes.Owner", "Detail.Attributes.KmsMasterKeyId",
        "Detail.Attributes.SignatureVersion", "Detail.Attributes.TracingConfig",
        policy=document("Detail.Attributes.Policy"),
        deliveryPolicy=document("Detail.Attributes.DeliveryPolicy"),
        encrypted=present("Detail.Attributes.KmsMasterKeyId"),
        fifoTopic=boolean("Detail.Attributes.FifoTopic"),
        contentBasedDeduplication=boolean("Detail.Attributes.ContentBasedDeduplication"),
        subscriptionsConfirmed=integer("Detail.Attributes.SubscriptionsConfirmed"),
        subscriptionsPending=integer("Detail.Attributes.SubscriptionsPending"),
        subscriptionsDeleted=integer("Detail.Attributes.SubscriptionsDeleted"),
    ),
    facts={"policy": "Detail.Attributes.Policy"},
    edges=encrypted_with("aws_sns_topic", "Detail.Attributes.KmsMasterKeyId"),
)  # fmt: skip

subscription = Entity(
    type="aws_sns_subscription",
    cls="Subscription",
    rows=Call("list_subscriptions", "Subscriptions"),
    hydrate=(Hydrate("get_subscription_attributes", "Detail", {"SubscriptionArn": "SubscriptionArn"}, when=CONFIRMED),),
    key=subscription_key,
    arn=Via("SubscriptionArn", lambda arn: None if arn in UNCONFIRMED else arn),
    name=subscription_name,
    active=is_none_of("SubscriptionArn", *UNCONFIRMED),
    web="https://{console}/sns/v3/home?region={region}#/topic/{TopicArn}",
    props=pick(
        "Owner", "Protocol", "Endpoint", "TopicArn", "Detail.Attributes.SubscriptionRoleArn",
        id=Via("SubscriptionArn", lambda arn: None if arn in UNCONFIRMED else arn.rpartition(":")[2]),
        pending=is_one_of("SubscriptionArn", "PendingConfirmation"),
        authenticated=boolean("Detail.Attributes.ConfirmationWasAuthenticated"),
        rawMessageDelivery=boolean("Detail.Attributes.RawMessageDelivery"),
        filterPolicy=document("Detail.Attributes.FilterPolicy"),
        filterPolicyScope="Detail.Attributes.FilterPolicyScope",
        deliveryPolicy=document("Detail.Attributes.DeliveryPolicy"),
        redrivePolicy=document("Detail.Attributes.RedrivePolicy"),
    ),
    edges=(Edge("aws_sns_topic", "HAS", "aws_sns_subscription", at="TopicArn"),),
)  # fmt: skip

SERVICE = Service(
    name="sns",
    client="sns",
    title="SNS",
    node=service_node("aws_sns", "Amazon SNS", category=("infrastructure",), function=("notification",)),
    has=("aws_sns_topic",),
    entities=(topic, subscription),
)
