import pytest

from collector.services import sns

TOPIC = "arn:aws:sns:us-east-1:123456789012:ops"


@pytest.mark.parametrize("literal", ["PendingConfirmation", "Deleted"])
def test_the_key_of_an_unconfirmed_subscription_hides_its_endpoint(literal):
    row = {"SubscriptionArn": literal, "TopicArn": TOPIC, "Protocol": "email", "Endpoint": "ops@example.com"}
    key = sns.subscription_key.fn(row)
    assert key.startswith(f"{TOPIC}:pending:email:")
    assert "ops@example.com" not in key
    assert key != sns.subscription_key.fn(row | {"Endpoint": "dev@example.com"})


def test_the_key_of_a_confirmed_subscription_is_its_arn():
    assert sns.subscription_key.fn({"SubscriptionArn": f"{TOPIC}:8a21"}) == f"{TOPIC}:8a21"


@pytest.mark.parametrize(
    ("protocol", "endpoint", "name"),
    [
        ("sqs", "arn:aws:sqs:us-east-1:123456789012:orders", "ops to sqs orders"),
        ("firehose", "arn:aws:firehose:us-east-1:123456789012:deliverystream/audit", "ops to firehose audit"),
        ("email", "ops@example.com", "ops to email ops@example.com"),
        ("https", "https://hooks.example.com/sns", "ops to https://hooks.example.com/sns"),
        ("sms", None, "ops to sms"),
    ],
)
def test_a_subscription_is_named_after_its_topic_and_endpoint(protocol, endpoint, name):
    assert sns.subscription_name.fn({"TopicArn": TOPIC, "Protocol": protocol, "Endpoint": endpoint}) == name
