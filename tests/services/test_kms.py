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
def test_only_keys_of_one_kind_are_asked_for_their_rotation(different, may):
    assert kms.may_rotate.fn({"Detail": {"KeyMetadata": ROTATED | different}}) is may


def test_a_key_that_shuts_us_out_is_not_asked_for_its_rotation():
    assert kms.may_rotate.fn({"KeyId": "1"}) is False
