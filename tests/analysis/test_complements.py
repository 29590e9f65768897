"""NotAction and NotResource: two complements grant what either grants, and what covers everything leaves nothing."""

from __future__ import annotations

import pytest

from tests.analysis.estate import allowed
from tests.analysis.test_grants import levels
from tests.analysis.test_resource_policies import BUCKET, OBJECTS
from tests.analysis.test_resource_policies import allowed as allowed_by_resource
from tests.analysis.test_resource_policies import statement as by

ALL_BUT_APP = "Allow s3:* on not arn:aws:s3:::app"


@pytest.mark.parametrize(
    ("first", "second", "left_out"),
    [
        ("s3:Delete*,s3:Put*", "s3:Put*,s3:Get*", ["s3:Put*"]),
        ("s3:Delete*", "s3:Put*", None),
        ("s3:*", "s3:Put*", ["s3:Put*"]),
        ("S3:PUT*", "s3:PutObject", ["s3:PutObject"]),
        ("s3:Put*", "s3:Put*", ["s3:Put*"]),
    ],
)
def test_two_not_actions_leave_out_only_what_both_leave_out(first, second, left_out):
    on = "on arn:aws:s3:::app,arn:aws:s3:::app/*"
    properties = allowed(f"Allow not {first} {on}", f"Allow not {second} {on}")["app"]
    assert properties.get("notActions") == left_out


def test_two_not_actions_on_one_bucket_grant_what_either_grants():
    on = "on arn:aws:s3:::app"
    one, both = f"Allow not s3:*Policy {on}", (f"Allow not s3:*Policy {on}", f"Allow not s3:DeleteBucket {on}")
    assert "s3:DeleteBucketPolicy" not in allowed(one)["app"]["grants"]
    properties = allowed(*both)["app"]
    assert "notActions" not in properties
    assert properties["permissions"] is True


@pytest.mark.parametrize(
    ("second", "left_out"),
    [
        ("arn:aws:s3:::app", "arn:aws:s3:::app"),
        ("arn:aws:s3:::audit", None),
        ("arn:aws:s3:::*", "arn:aws:s3:::app"),
    ],
)
def test_two_not_resources_leave_out_only_what_both_leave_out(second, left_out):
    properties = allowed(ALL_BUT_APP, f"Allow s3:* on not {second}")["aws_s3"]
    assert properties.get("notResources") == left_out
    assert properties["partial"] is True


@pytest.mark.parametrize(
    "statement",
    [
        "Allow s3:* on not *",
        "Allow s3:* on not **",
        "Allow s3:* on not arn:aws:s3:::app,*",
        "Allow s3:* on not arn:aws:*",
        "Allow * on not *",
        "Allow not iam:* on not *",
        "Allow s3:FutureAction on not *",
        "Allow s3:DeleteBucket on not arn:aws:s3:::*",
        "Allow sqs:SendMessage on not arn:aws:sqs:*:*:*",
        "Allow sqs:SendMessage on not arn:aws:sqs:*:A:*",
    ],
)
def test_a_not_resource_that_covers_everything_reaches_nothing(statement):
    assert allowed(statement) == {}


@pytest.mark.parametrize(
    ("statement", "target", "granted"),
    [
        ("Allow s3:* on not arn:aws:s3:::*/*", "aws_s3", {"list", "permissions", "read", "tagging", "write"}),
        ("Allow s3:ListBucket,s3:ListAllMyBuckets on not arn:aws:s3:::*", "aws_s3", {"list"}),
        ("Allow sqs:SendMessage on not arn:aws:sqs:us-east-1:*:*", "aws_sqs", {"write"}),
        ("Allow ec2:StopInstances on not arn:aws:ec2:*:*:volume/*", "aws_ec2", {"write"}),
        ("Allow s3:GetObject on not arn:aws:s3:::*", "aws_s3", {"read"}),  # access points are left
        ("Allow sqs:SendMessage on not arn:aws-cn:sqs:*:*:*", "aws_sqs", {"write"}),
    ],
)
def test_a_not_resource_that_leaves_some_resources_reaches_them(statement, target, granted):
    assert levels(allowed(statement)[target]) == (granted, set())


def test_a_variable_in_a_not_resource_makes_the_grant_conditional():
    properties = allowed("Allow s3:ListBucket on not arn:aws:s3:::${aws:username},arn:aws:s3:::app")["aws_s3"]
    assert (properties["conditional"], properties["variables"]) == (True, "aws:username")
    assert (properties["list"], properties["conditionalList"]) == (False, True)


@pytest.mark.parametrize("text", ["arn:aws:sqs:*:*:${aws:PrincipalTag/x}", "${aws:PrincipalTag/x}"])
def test_a_variable_that_could_be_everything_exempts_nothing_for_certain(text):
    assert allowed(f"Allow sqs:SendMessage on not {text}")["aws_sqs"]["conditional"] is True


@pytest.mark.parametrize(
    ("excepted", "certain", "possible"),
    [
        ([BUCKET, OBJECTS], None, None),
        (["*"], None, None),
        ([BUCKET], {"read"}, set()),
        ([OBJECTS], {"list"}, set()),
        (["arn:aws:s3:::audit"], {"read", "list"}, set()),
        (["arn:aws:s3:::app/secret/*"], {"read", "list"}, set()),
        (["arn:aws:s3:::app/${aws:username}/*"], set(), {"read", "list"}),
        (["arn:aws:s3:::${aws:username}"], set(), {"read", "list"}),
    ],
)
def test_a_not_resource_of_a_bucket_policy_reaches_what_it_does_not_cover(excepted, certain, possible):
    statement = by("*", ["s3:GetObject", "s3:ListBucket"], None, NotResource=excepted)
    found = allowed_by_resource("app", statement)
    shown = [levels(properties) for properties in found.values()]
    assert shown == ([] if certain is None else [(certain, possible)])


def test_a_deny_on_all_but_a_bucket_and_its_objects_spares_them():
    texts = "Allow s3:* on arn:aws:s3:::app*", "Deny s3:* on not arn:aws:s3:::app,arn:aws:s3:::app/*"
    found = allowed(*texts)
    assert set(found) == {"app"}
    assert (found["app"]["partial"], found["app"]["write"]) == (False, True)


def test_a_deny_on_all_but_a_bucket_makes_what_its_service_allows_conditional():
    properties = allowed("Allow s3:* on *", "Deny s3:* on not arn:aws:s3:::app,arn:aws:s3:::app/*")["aws_s3"]
    assert levels(properties) == (set(), {"read", "list", "write", "tagging", "permissions"})


def test_a_deny_on_all_but_everything_denies_nothing():
    assert allowed("Allow s3:* on *", "Deny s3:* on not *")["aws_s3"]["partial"] is False
