import pytest

from collector.services import sqs


@pytest.mark.parametrize(
    ("attributes", "encrypted"),
    [
        ({"KmsMasterKeyId": "alias/main"}, True),
        ({"SqsManagedSseEnabled": "true"}, True),
        ({"SqsManagedSseEnabled": "false"}, False),
        ({"KmsMasterKeyId": ""}, False),
        ({}, False),
        (None, None),
    ],
)
def test_either_kind_of_key_encrypts_a_queue(attributes, encrypted):
    row = {} if attributes is None else {"Detail": {"Attributes": attributes}}
    assert sqs.is_encrypted.fn(row) is encrypted


@pytest.mark.parametrize(
    ("text", "arn"),
    [
        (
            '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead", "maxReceiveCount": 5}',
            "arn:aws:sqs:us-east-1:123456789012:dead",
        ),
        ("{}", None),
        ("", None),
        ("[]", None),
    ],
)
def test_the_dead_letter_queue_is_read_from_the_redrive_policy(text, arn):
    assert sqs.redrive("deadLetterTargetArn").fn(text) == arn
