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
