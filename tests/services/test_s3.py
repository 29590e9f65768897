from __future__ import annotations

import json

import pytest

from collector.schema.declarations import Computed
from collector.services.s3.access import (
    AUTHORIZED,
    EVERYONE,
    NOT_PUBLIC,
    OBJECTS_CAN_BE_PUBLIC,
    PUBLIC,
    access_of,
    is_public,
    policy_blocked_by,
    public_grant,
    requires_tls,
)
from collector.services.s3.service import hosts, region_of
from tests.pipeline import collect

CLOSED: dict[str, object] = {
    "Acl": {"Grants": [{"Grantee": {"Type": "CanonicalUser", "ID": "me"}, "Permission": "FULL_CONTROL"}]}
}
OPEN: dict[str, object] = {"Acl": {"Grants": [{"Grantee": {"Type": "Group", "URI": EVERYONE}, "Permission": "READ"}]}}


def policy(*, public: bool) -> dict[str, object]:
    return {"Policy": {"Policy": "{}"}, "PolicyStatus": {"PolicyStatus": {"IsPublic": public}}}


def block(*names: str) -> dict[str, object]:
    return {"Block": {"PublicAccessBlockConfiguration": dict.fromkeys(names, True)}}


def owner(word: str) -> dict[str, object]:
    return {"Ownership": {"OwnershipControls": {"Rules": [{"ObjectOwnership": word}]}}}


@pytest.mark.parametrize(
    ("row", "access", "public"),
    [
        (CLOSED, OBJECTS_CAN_BE_PUBLIC, False),
        (CLOSED | owner("BucketOwnerPreferred"), OBJECTS_CAN_BE_PUBLIC, False),
        (CLOSED | owner("BucketOwnerEnforced"), NOT_PUBLIC, False),
        (CLOSED | block("IgnorePublicAcls"), NOT_PUBLIC, False),
        (CLOSED | block("BlockPublicAcls"), OBJECTS_CAN_BE_PUBLIC, False),
        (CLOSED | {"^": block("IgnorePublicAcls")}, NOT_PUBLIC, False),
        (OPEN, PUBLIC, True),
        (OPEN | owner("BucketOwnerEnforced"), NOT_PUBLIC, False),
        (OPEN | block("IgnorePublicAcls"), NOT_PUBLIC, False),
        (OPEN | {"^": block("IgnorePublicAcls")}, NOT_PUBLIC, False),
        (CLOSED | policy(public=True), PUBLIC, True),
        (CLOSED | policy(public=True) | block("IgnorePublicAcls"), PUBLIC, True),
        (CLOSED | policy(public=True) | block("RestrictPublicBuckets"), AUTHORIZED, False),
        (CLOSED | policy(public=True) | {"^": block("RestrictPublicBuckets")}, AUTHORIZED, False),
        (OPEN | policy(public=True) | block("RestrictPublicBuckets"), PUBLIC, True),
        (CLOSED | policy(public=False) | owner("BucketOwnerEnforced"), NOT_PUBLIC, False),
    ],
)
def test_access_follows_from_acl_policy_ownership_and_blocks(row, access, public):
    assert access_of(row) == access
    assert is_public().fn(row) is public


@pytest.mark.parametrize(
    ("row", "blocked_by"),
    [
        (OPEN, None),
        (OPEN | block("IgnorePublicAcls"), "publicAccessBlock"),
        (OPEN | {"^": block("IgnorePublicAcls")}, "publicAccessBlock"),
        (OPEN | block("RestrictPublicBuckets", "BlockPublicAcls"), None),
        (OPEN | owner("BucketOwnerEnforced"), "objectOwnership"),
        (OPEN | owner("ObjectWriter"), None),
    ],
)
def test_a_grant_of_the_acl_that_is_blocked_is_not_public(row, blocked_by):
    grant = {"^": row}
    found = {name: source.fn(grant) for name, source in public_grant().items() if isinstance(source, Computed)}
    assert found == {"public": blocked_by is None, "blockedBy": blocked_by}


@pytest.mark.parametrize(
    ("row", "blocked_by"),
    [
        (policy(public=True), None),
        (policy(public=True) | block("RestrictPublicBuckets"), "publicAccessBlock"),
        (policy(public=True) | {"^": block("RestrictPublicBuckets")}, "publicAccessBlock"),
        (policy(public=True) | block("IgnorePublicAcls", "BlockPublicPolicy"), None),
        (policy(public=False) | block("RestrictPublicBuckets"), None),
    ],
)
def test_a_public_policy_is_blocked_for_everyone_by_the_access_block(row, blocked_by):
    assert policy_blocked_by().fn(row) == blocked_by


DENY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::logs", "arn:aws:s3:::logs/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (DENY, True),
        (DENY | {"Principal": {"AWS": ["*"]}, "Action": ["*"], "Resource": "*"}, True),
        (DENY | {"Condition": {"BoolIfExists": {"AWS:securetransport": ["false"]}}}, True),
        (DENY | {"Condition": {"Bool": {"aws:SecureTransport": False}}}, True),
        (DENY | {"Effect": "Allow"}, False),
        (DENY | {"Principal": {"AWS": "123456789012"}}, False),
        (DENY | {"Action": "s3:PutObject"}, False),
        (DENY | {"Resource": "arn:aws:s3:::logs"}, False),
        (DENY | {"Resource": "arn:aws:s3:::logs/private/*"}, False),
        (DENY | {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, False),
        (DENY | {"Condition": DENY["Condition"] | {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}, False),  # type: ignore[operator]
        ({key: value for key, value in DENY.items() if key != "Condition"}, False),
    ],
)
def test_tls_is_required_by_an_unrestricted_deny_only(statement, expected):
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert requires_tls().fn({"Name": "logs", "Policy": {"Policy": text}}) is expected


@pytest.mark.parametrize("row", [{"Name": "logs"}, {"Name": "logs", "Policy": {"Policy": "not JSON"}}])
def test_a_missing_or_malformed_policy_does_not_require_tls(row):
    assert requires_tls().fn(row) is False


@pytest.mark.parametrize(
    ("row", "region"),
    [
        ({"BucketRegion": "ap-south-1"}, "ap-south-1"),
        ({"Location": {}}, "us-east-1"),
        ({"Location": {"LocationConstraint": ""}}, "us-east-1"),
        ({"Location": {"LocationConstraint": "EU"}}, "eu-west-1"),
        ({"Location": {"LocationConstraint": "eu-north-1"}}, "eu-north-1"),
        ({}, None),
    ],
)
def test_the_region_of_a_bucket_comes_from_the_list_or_its_location(row, region):
    assert region_of(row) == region


def test_the_hosts_of_a_bucket():
    assert list(hosts({"Name": "a.b", "BucketRegion": "eu-west-1"})) == [
        "a.b.s3.amazonaws.com",
        "a.b.s3.eu-west-1.amazonaws.com",
        "a.b.s3-eu-west-1.amazonaws.com",
        "a.b.s3-website-eu-west-1.amazonaws.com",
        "a.b.s3-website.eu-west-1.amazonaws.com",
    ]
    assert next(hosts({"Name": "b", "BucketRegion": "cn-north-1"})) == "b.s3.cn-north-1.amazonaws.com.cn"


async def test_further_calls_are_made_only_if_they_can_return_something():
    outcome = await collect("s3")
    calls = {(op, params.get("Bucket")) for _, op, params in outcome.calls}
    assert {bucket for op, bucket in calls if op == "get_bucket_location"} == {"acme-plain"}
    assert {bucket for op, bucket in calls if op == "get_object_lock_configuration"} == {"acme-logs"}
    assert {bucket for op, bucket in calls if op == "get_bucket_policy_status"} == {"acme-logs", "acme.public.site"}


async def test_properties_of_denied_calls_are_left_out():
    outcome = await collect("s3", folder="s3-denied")
    [bucket] = [record for record in outcome.entities if record["_type"] == "aws_s3_bucket"]
    assert not {"public", "access", "secureTransport", "versioningEnabled", "objectLockEnabled"} & set(bucket)
    assert bucket["encrypted"] is None
    assert bucket["lifecycleEnabled"] is False
