"""What a relationship says: which action goes with which resource, under which condition, and what denies it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.analysis.estate import allowed

LEVELS = ("read", "list", "write", "tagging", "permissions")
TLS = {"Bool": {"aws:SecureTransport": "true"}}
APP, OBJECTS = "arn:aws:s3:::app", "arn:aws:s3:::app/*"


def grants(target: str, *statements: str, **more: Any) -> Any:
    return json.loads(allowed(*statements, **more)[target]["grants"])


def levels(properties: dict[str, Any]) -> tuple[set[str], set[str]]:
    """Return the access levels of every request, and those of only some requests."""
    return (
        {level for level in LEVELS if properties[level]},
        {level for level in LEVELS if properties.get(f"conditional{level.capitalize()}")},
    )


def test_each_statement_keeps_its_own_actions_resources_and_condition():
    texts = f"Allow s3:ListBucket on {APP}", f"Allow s3:PutObject on {OBJECTS} when Bool aws:SecureTransport true"
    assert grants("app", *texts) == [
        {"statement": "[0]", "actions": ["s3:ListBucket"], "resources": [APP], "scope": "own"},
        {
            "statement": "[1]",
            "actions": ["s3:PutObject"],
            "resources": [OBJECTS],
            "condition": TLS,
            "scope": "below",
        },
    ]
    properties = allowed(*texts)["app"]
    assert levels(properties) == ({"list"}, {"write"})
    assert (properties["conditional"], properties["partlyConditional"], properties["scope"]) == (False, True, "both")


def test_terminating_tagged_instances_is_not_free_because_describing_them_is():
    texts = "Allow ec2:TerminateInstances on * when StringEquals aws:ResourceTag/team a", "Allow ec2:Describe* on *"
    properties = allowed(*texts)["aws_ec2"]
    assert properties["write"] is False
    assert properties["conditionalWrite"] is True
    assert properties["list"] is True
    assert (properties["conditional"], properties["partlyConditional"]) == (False, True)


def test_patterns_of_a_statement_that_are_granted_alike_are_one_element():
    assert grants("app", f"Allow s3:ListBucket on {APP},arn:aws:s3:::a*,arn:aws:s3:::audit") == [
        {"statement": "[0]", "actions": ["s3:ListBucket"], "resources": ["arn:aws:s3:::a*", APP], "scope": "own"}
    ]


def test_exceptions_keep_their_names():
    (grant,) = grants("account", "Allow not iam:*,sts:* on not arn:aws:s3:::audit")
    assert grant == {
        "statement": "[0]",
        "notActions": ["iam:*", "sts:*"],
        "notResources": ["arn:aws:s3:::audit"],
        "scope": "own",
    }


def test_a_variable_is_named_where_it_makes_a_grant_conditional():
    texts = "Allow s3:ListBucket on arn:aws:s3:::app-${aws:PrincipalTag/team},arn:aws:s3:::app-logs"
    assert [(each.get("variables"), each["resources"]) for each in grants("app-logs", texts)] == [
        (["aws:PrincipalTag/team"], ["arn:aws:s3:::app-${aws:PrincipalTag/team}"]),
        (None, ["arn:aws:s3:::app-logs"]),
    ]


def test_what_denies_a_grant_is_part_of_it():
    first, second = grants(
        "app",
        f"Allow s3:ListBucket,s3:DeleteBucket on {APP}",
        f"Allow s3:GetObject on {OBJECTS}",
        "Deny s3:DeleteBucket on *",
        f"Deny s3:Get*,sqs:* on {OBJECTS} when Bool aws:SecureTransport false",
        "Deny not s3:* on *",
    )
    assert first["denied"] == [{"statement": "[2]", "actions": ["s3:DeleteBucket"], "resources": ["*"], "wholly": True}]
    assert second["denied"] == [
        {
            "statement": "[3]",
            "actions": ["s3:Get*"],
            "resources": [OBJECTS],
            "condition": {"Bool": {"aws:SecureTransport": "false"}},
            "wholly": False,
        }
    ]


def test_the_exceptions_of_a_deny_keep_their_names():
    (grant,) = grants("app", f"Allow s3:* on {APP}", "Deny not s3:List* on not arn:aws:s3:::app/*")
    assert grant["denied"] == [
        {"statement": "[1]", "notActions": ["s3:List*"], "notResources": [OBJECTS], "wholly": True}
    ]


def test_a_grant_that_is_wholly_denied_is_listed_beside_the_others():
    found = grants("app", f"Allow s3:ListBucket on {APP}", f"Allow s3:GetObject on {OBJECTS}", "Deny s3:GetObject on *")
    assert [(each["actions"], [deny["wholly"] for deny in each.get("denied", ())]) for each in found] == [
        (["s3:ListBucket"], []),
        (["s3:GetObject"], [True]),
    ]


@pytest.mark.parametrize(
    ("statements", "certain", "possible"),
    [
        ((f"Allow s3:ListBucket,s3:DeleteBucket on {APP}",), {"list", "write"}, set()),
        ((f"Allow s3:ListBucket on {APP} when Bool a true",), set(), {"list"}),
        (("Allow s3:ListBucket on arn:aws:s3:::ap${aws:username}",), set(), {"list"}),
        ((f"Allow s3:ListBucket on {APP}", "Deny s3:ListBucket on * when Bool a true"), set(), {"list"}),
        ((f"Allow s3:ListBucket,s3:DeleteBucket on {APP}", "Deny s3:DeleteBucket on *"), {"list"}, set()),
        ((f"Allow s3:ListBucket on {APP}", f"Allow s3:ListBucket on {APP} when Bool a true"), {"list"}, set()),
        ((f"Allow s3:GetBucketAcl on {APP}", f"Allow s3:GetBucket* on {APP} when Bool a true"), {"read"}, {"read"}),
    ],
)
def test_access_levels_are_those_of_unconditional_undenied_grants(statements, certain, possible):
    found = levels(allowed(*statements)["app"])
    assert found[0] == certain
    assert found[1] >= possible
    assert bool(found[1]) == bool(possible)


@pytest.mark.parametrize(
    ("statement", "target", "scope"),
    [
        (f"Allow s3:* on {APP}", "app", "own"),
        (f"Allow s3:* on {OBJECTS}", "app", "below"),
        (f"Allow s3:* on {APP},{OBJECTS}", "app", "both"),
        ("Allow s3:* on arn:aws:s3:::app*", "app", "both"),
        ("Allow ec2:* on *", "aws_ec2", "own"),
        ("Allow ec2:* on arn:aws:ec2:*:*:instance/*", "aws_ec2", "below"),
        ("Allow * on *", "account", "own"),
        ("Allow sqs:* on arn:aws:sqs:us-east-1:C:q", "@333333333333", "below"),
    ],
)
def test_the_scope_keeps_apart_the_resource_and_what_is_below_it(statement, target, scope):
    properties = allowed(statement)[target]
    assert properties["scope"] == scope
    assert {each["scope"] for each in json.loads(properties["grants"])} == (
        {"own", "below"} if scope == "both" else {scope}
    )


def test_all_actions_on_objects_are_no_right_to_delete_the_bucket():
    everything, objects = (
        allowed(f"Allow s3:* on {APP}")["app"],
        allowed(f"Allow s3:DeleteBucket,s3:* on {OBJECTS}")["app"],
    )
    assert (everything["scope"], objects["scope"]) == ("own", "below")
    assert objects["actions"] == ["s3:*"]


def test_equal_grants_share_one_text():
    found = allowed("Allow s3:ListBucket on arn:aws:s3:::a*", "Deny s3:* on arn:aws:s3:::audit")
    assert len({id(found[name]["grants"]) for name in ("app", "app-logs", "app-A")}) == 1
