import pytest

from collector.services import kms

ROTATED = {"KeyManager": "CUSTOMER", "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT", "Origin": "AWS_KMS"}


@pytest.mark.parametrize(
    ("different", "may"),
    [
        ({}, True),
        ({"KeyManager": "AWS"}, False),
        ({"KeySpec": "RSA_2048"}, False),
        ({"KeyUsage": "GENERATE_VERIFY_MAC"}, False),
        ({"Origin": "EXTERNAL"}, False),
    ],
)
def test_rotation_is_read_only_for_keys_that_support_it(different, may):
    assert kms.may_rotate.fn({"Detail": {"KeyMetadata": ROTATED | different}}) is may


def test_rotation_is_not_read_for_a_key_without_details():
    assert kms.may_rotate.fn({"KeyId": "1"}) is False
