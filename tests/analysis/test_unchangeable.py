"""Policies that AWS manages and roles that AWS reserves: no relationship says that a customer may change them."""

from __future__ import annotations

import json

import pytest

from collector.analysis.facts import AnalysisLimits
from tests.analysis.estate import allowed
from tests.analysis.test_grants import levels

EXPANDED = AnalysisLimits(wildcards="expand", type_wide="expand")
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
SSO = "arn:aws:iam::A:role/aws-reserved/*"
LINKED = "arn:aws:iam::A:role/aws-service-role/*"


@pytest.mark.parametrize("resource", [READ_ONLY, SSO, LINKED])
@pytest.mark.parametrize(
    "actions", ["iam:DeletePolicyVersion,iam:DeleteRole", "iam:TagRole,iam:TagPolicy", "iam:PassRole", "sts:AssumeRole"]
)
def test_a_grant_to_change_them_is_not_drawn(resource, actions):
    assert allowed(f"Allow {actions} on {resource}") == {}


@pytest.mark.parametrize(("resource", "target"), [(READ_ONLY, "ReadOnly"), (SSO, "sso"), (LINKED, "linked")])
@pytest.mark.parametrize("actions", ["iam:*", "*", "not s3:*", "iam:Get*,iam:Put*,iam:Delete*,iam:Attach*"])
def test_a_grant_of_everything_is_one_to_read_them(resource, target, actions):
    properties = allowed(f"Allow {actions} on {resource}", options=EXPANDED)[target]
    certain, possible = levels(properties)
    assert {"read"} <= certain <= {"read", "list"}
    assert possible == set()
    assert [each["levels"] for each in json.loads(properties["grants"])] == [["list", "read"]]


def test_a_statement_that_would_only_change_them_is_no_part_of_the_relationship():
    properties = allowed(f"Allow iam:GetPolicy on {READ_ONLY}", f"Allow iam:DeletePolicy on {READ_ONLY}")["ReadOnly"]
    assert (properties["statement"], properties["actions"]) == ("[0]", ["iam:GetPolicy"])


def test_a_condition_stays_one():
    properties = allowed(f"Allow iam:* on {READ_ONLY} when Bool a true")["ReadOnly"]
    assert levels(properties)[0] == set()
    assert levels(properties)[1] >= {"read"}


def test_an_action_that_is_missing_from_the_reference_may_be_one_that_changes():
    assert allowed(f"Allow iam:FutureAction on {READ_ONLY}") == {}


@pytest.mark.parametrize(
    ("statement", "target"),
    [
        ("Allow iam:DeleteRole on arn:aws:iam::A:role/admin", "admin"),
        ("Allow iam:DeletePolicy on arn:aws:iam::A:policy/custom", "custom"),
        ("Allow iam:DeleteRole on arn:aws:iam::A:role/*", "admin"),
    ],
)
def test_roles_and_policies_of_customers_can_be_changed(statement, target):
    found = allowed(statement, options=EXPANDED)
    assert found[target]["write"] is True
    assert "levels" not in found[target]["grants"]
    assert not {"sso", "linked", "ReadOnly"} & set(found)


def test_a_deny_beside_a_grant_to_read_them_is_named():
    properties = allowed(f"Allow iam:* on {READ_ONLY}", "Deny iam:GetPolicy on *")["ReadOnly"]
    assert [deny["wholly"] for deny in json.loads(properties["grants"])[0]["denied"]] == [True]
    assert "partial" in properties
