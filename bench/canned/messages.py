"""SNS and SQS answers."""

from . import wire
from .answers import HANDLERS, Paging, Params, answers, detail, every, inventory, listing, named, shaped, varied
from .estate import Place
from .functions import FUNCTION
from .ids import basics, digits
from .kms import KEY_ID

_TOPIC = "arn:aws:sns:%(region)s:%(account)s:topic-%(here)s%(topic)s"
_OWN_TOPIC = _TOPIC.replace("%(topic)s", "%(n)s")
_SUBSCRIPTION_ARN = f"{_TOPIC}:00000000-0000-4000-8000-0000%(n)s"
_QUEUE = "arn:aws:sqs:%(region)s:%(account)s:queue-%(here)s%(queue)s"
_OWN_QUEUE = _QUEUE.replace("%(queue)s", "%(n)s")
_QUEUE_URL = "https://sqs.%(region)s.amazonaws.com/%(account)s/queue-%(here)s%(n)s"
_TAGS = {"Environment": "%(env)s", "Owner": "messages@example.com"}
_PAGE = Paging("", default=100, maximum=100)


def _owner(action: str, resource: str) -> str:
    return wire.policy(
        {
            "Sid": "Owner",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::%(account)s:root"},
            "Action": action,
            "Resource": resource,
        }
    )


_TOPIC_ATTRIBUTES: dict[str, str] = {
    "TopicArn": _OWN_TOPIC,
    "Owner": "%(account)s",
    "Policy": _owner("sns:Publish", _OWN_TOPIC),
    "DisplayName": "",
    "SubscriptionsConfirmed": "%(subscribed)s",
    "SubscriptionsPending": "0",
    "SubscriptionsDeleted": "0",
    "EffectiveDeliveryPolicy": '{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20}}}',
}
_SUBSCRIPTION = {
    "SubscriptionArn": _SUBSCRIPTION_ARN,
    "Owner": "%(account)s",
    "TopicArn": _TOPIC,
}
_ENDS = {
    "queue": {"Protocol": "sqs", "Endpoint": _QUEUE},
    "function": {"Protocol": "lambda", "Endpoint": FUNCTION},
    "person": {"Protocol": "email", "Endpoint": "user-%(n)s@example.com"},
}
_SUBSCRIPTIONS = {end: {**_SUBSCRIPTION, **more} for end, more in _ENDS.items()}
_SUBSCRIPTION_TEXTS = {
    end: wire.body(
        "sns",
        "GetSubscriptionAttributes",
        {
            "Attributes": {
                **value,
                "RawMessageDelivery": "false",
                "PendingConfirmation": "false",
                "ConfirmationWasAuthenticated": "true",
                "SubscriptionPrincipal": "arn:aws:iam::%(account)s:root",
            }
        },
    )
    for end, value in _SUBSCRIPTIONS.items()
}
_QUEUE_ATTRIBUTES: dict[str, str] = {
    "QueueArn": _OWN_QUEUE,
    "ApproximateNumberOfMessages": "0",
    "ApproximateNumberOfMessagesNotVisible": "0",
    "ApproximateNumberOfMessagesDelayed": "0",
    "CreatedTimestamp": "%(seconds)s",
    "LastModifiedTimestamp": "%(seconds)s",
    "VisibilityTimeout": "30",
    "MaximumMessageSize": "262144",
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "Policy": _owner("sqs:*", _OWN_QUEUE),
    "ReceiveMessageWaitTimeSeconds": "0",
}
_ENCRYPTED = {"KmsMasterKeyId": KEY_ID, "KmsDataKeyReusePeriodSeconds": "300", "SqsManagedSseEnabled": "false"}
_DEAD_LETTERS = (
    '{"deadLetterTargetArn":"arn:aws:sqs:%(region)s:%(account)s:queue-%(here)s00000000","maxReceiveCount":5}'
)
_QUEUES = {
    (encrypted, dead): wire.body(
        "sqs",
        "GetQueueAttributes",
        {
            "Attributes": {
                **_QUEUE_ATTRIBUTES,
                **(_ENCRYPTED if encrypted else {"SqsManagedSseEnabled": "true"}),
                **({"RedrivePolicy": _DEAD_LETTERS} if dead else {}),
            }
        },
    )
    for encrypted in (False, True)
    for dead in (False, True)
}


def _topic_fields(place: Place, n: int) -> dict[str, str]:
    keys, subscriptions = place.n["aws_kms_key"], range(n, place.n["aws_sns_subscription"], place.n["aws_sns_topic"])
    return {**basics(place, n), "subscribed": str(len(subscriptions)), "key": digits(n % keys) if keys else ""}


def _subscription_fields(place: Place, n: int) -> dict[str, str]:
    return {
        **basics(place, n),
        "topic": digits(n % place.n["aws_sns_topic"]),
        "queue": digits(n % max(1, place.n["aws_sqs_queue"])),
        "function": digits(n % max(1, place.n["aws_lambda_function"])),
    }


def _end(place: Place, n: int) -> str:
    if place.n["aws_sqs_queue"] and n % 3:
        return "queue"
    return "function" if place.n["aws_lambda_function"] and n % 2 else "person"


def _queue(place: Place, params: Params) -> int:
    return named(place, params["QueueUrl"], "aws_sqs_queue", "QueueDoesNotExist")


inventory("sns", "ListTopics", "Topics", "aws_sns_topic", {"TopicArn": _OWN_TOPIC}, _PAGE)
detail(
    "sns",
    "GetTopicAttributes",
    "TopicArn",
    "aws_sns_topic",
    {"Attributes": _TOPIC_ATTRIBUTES},
    "NotFound",
    _topic_fields,
)
detail("sns", "ListTagsForResource", "ResourceArn", "aws_sns_topic", {"Tags": wire.tags(**_TAGS)}, "ResourceNotFound")
_row = varied("sns", "ListSubscriptions", "Subscriptions", _SUBSCRIPTIONS, _end, _subscription_fields)
listing("sns", "ListSubscriptions", "Subscriptions", _row, every("aws_sns_subscription"), _PAGE)


@answers("sns", "GetSubscriptionAttributes")
def _subscription(place: Place, params: Params) -> str:
    number = named(place, params["SubscriptionArn"], "aws_sns_subscription", "NotFound")
    return place.fill(_SUBSCRIPTION_TEXTS[_end(place, number)], _subscription_fields(place, number))


# Without MaxResults, SQS returns at most a thousand queues and no token.
_url = shaped("sqs", "ListQueues", "QueueUrls", _QUEUE_URL)
_ALL = wire.body("sqs", "ListQueues", {"QueueUrls": "%(rows)s"})
listing("sqs", "ListQueues", "QueueUrls", _url, every("aws_sqs_queue"))
_paged = HANDLERS["sqs", "ListQueues"]


@answers("sqs", "ListQueues")
def _queues(place: Place, params: Params) -> str:
    if "MaxResults" in params:
        return _paged(place, params)
    return place.fill(_ALL, {"rows": ",".join([_url(place, n) for n in range(min(1000, place.n["aws_sqs_queue"]))])})


@answers("sqs", "GetQueueAttributes")
def _attributes(place: Place, params: Params) -> str:
    number, keys = _queue(place, params), place.n["aws_kms_key"]
    fields = basics(place, number)
    fields["seconds"] = fields["epoch"].partition(".")[0]
    fields["key"] = digits(number % keys) if keys else ""
    return place.fill(_QUEUES[number % 2 == 0 and keys > 0, number % 4 == 1], fields)


detail("sqs", "ListQueueTags", "QueueUrl", "aws_sqs_queue", {"Tags": _TAGS}, "QueueDoesNotExist")
