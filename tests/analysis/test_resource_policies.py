"""Relationships from the principals of a resource policy to the resource."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from collector.analysis.facts import Account, EntityRef, ResourcePolicyFact
from collector.analysis.principals import PrincipalIndex
from collector.analysis.resource_policies import ResourcePolicies
from collector.analysis.results import AnalysisProblem, MappedRelationship, Relationship, Result, ServiceNode
from collector.analysis.services import Services
from tests.analysis.estate import INDEX, KEYS, RESOURCES, A, B, C

BUCKET, OBJECTS = "arn:aws:s3:::app", "arn:aws:s3:::app/*"
CANONICAL = "b1946ac9"
IDS = {CANONICAL: EntityRef(f"arn:aws:iam::{A}:root", "aws_account")}
EVERYONE = {"@everyone:Everyone (Public Global)"}


def statement(principal: Any, actions: Any, resources: Any = None, **more: Any) -> dict[str, Any]:
    """Build a statement of a resource policy."""
    fields = {"Effect": "Allow", "Principal": principal, "Action": actions, "Resource": resources, **more}
    return {key: value for key, value in fields.items() if value is not None}


def json_of(*values: Any) -> str:
    """Return values as a JSON array without spaces."""
    return json.dumps(values, separators=(",", ":"))


def findings(name: str, *statements: Any, blocked_by: str | None = None) -> tuple[list[Result], Counter[str]]:
    counts: Counter[str] = Counter()
    account = Account(A)
    policies = ResourcePolicies(account, INDEX, PrincipalIndex(account, INDEX, IDS), Services(A), counts)
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return list(policies.findings(ResourcePolicyFact(*RESOURCES[name], document, blocked_by))), counts


def allowed(name: str, *statements: Any) -> dict[str, dict[str, Any]]:
    """Return the properties of the relationships by source: a name of the estate, a service's type, or `@` and a mapped entity."""
    found = findings(name, *statements)[0]
    return {
        source(each): dict(each.properties) for each in found if isinstance(each, Relationship | MappedRelationship)
    }


def source(link: Relationship | MappedRelationship) -> str:
    if isinstance(link, MappedRelationship):
        return f"@{link.target['_type']}:{link.target['displayName']}"
    return link.source_type if ":service:" in link.source_key else KEYS[link.source_key]


CASES = [
    ("a bucket for an account", "app", statement({"AWS": C}, "s3:ListBucket", BUCKET), {f"@aws_account:{C}"}),
    ("a bucket for its own account", "app", statement({"AWS": A}, "s3:ListBucket", BUCKET), {"account"}),
    ("a bucket for a role", "app", statement({"AWS": f"arn:aws:iam::{A}:role/admin"}, "s3:ListBucket", BUCKET), {"admin"}),
    ("a bucket for a role of another account", "app", statement({"AWS": f"arn:aws:iam::{B}:role/x/b-role"}, "s3:GetObject", OBJECTS), {"b-role"}),
    ("a bucket for a role that does not exist", "app", statement({"AWS": f"arn:aws:iam::{A}:role/new"}, "s3:GetObject", OBJECTS), set()),
    ("a bucket for everyone", "app", statement("*", "s3:GetObject", OBJECTS), {"@everyone:Everyone (Public Global)"}),
    ("a bucket for a service", "app", statement({"Service": "delivery.logs.amazonaws.com"}, "s3:PutObject", OBJECTS), {"aws_delivery"}),
    ("an object action on the bucket ARN", "app", statement({"AWS": C}, "s3:GetObject", BUCKET), set()),
    ("another bucket", "app", statement({"AWS": C}, "s3:ListBucket", "arn:aws:s3:::audit"), set()),
    ("another service", "app", statement({"AWS": C}, "sqs:SendMessage", BUCKET), set()),
    ("a key for its account", "key", statement({"AWS": f"arn:aws:iam::{A}:root"}, "kms:*", "*"), {"account"}),
    ("a key by its ARN", "key", statement({"AWS": C}, "kms:Decrypt", "arn:aws:kms:*:*:key/*"), {f"@aws_account:{C}"}),
    ("a queue for a topic", "jobs", statement({"Service": "sns.amazonaws.com"}, "SQS:SendMessage", "*"), {"aws_sns"}),
    ("a queue by its ARN", "jobs", statement({"AWS": C}, "sqs:*", f"arn:aws:sqs:us-east-1:{A}:jobs"), {f"@aws_account:{C}"}),
    ("a queue of another region", "jobs", statement({"AWS": C}, "sqs:*", f"arn:aws:sqs:eu-west-1:{A}:jobs"), set()),
    ("a topic", "alerts", statement({"AWS": C}, "SNS:Publish", f"arn:aws:sns:us-east-1:{A}:alerts"), {f"@aws_account:{C}"}),
    ("an action that is missing from the reference", "alerts", statement({"AWS": C}, "SNS:Receive", "*"), {f"@aws_account:{C}"}),
    ("a function for a service", "f", statement({"Service": "events.amazonaws.com"}, "lambda:InvokeFunction", f"arn:aws:lambda:us-east-1:{A}:function:f"), {"aws_cloudwatch_events"}),
    ("an alias of a function", "f", statement({"Service": "s3.amazonaws.com"}, "lambda:InvokeFunction", f"arn:aws:lambda:us-east-1:{A}:function:f:prod"), {"aws_s3"}),
    ("a repository, whose policy has no Resource", "repo", statement({"AWS": C}, "ecr:BatchGetImage"), {f"@aws_account:{C}"}),
    ("everyone in an organization", "app", statement("*", "s3:GetObject", OBJECTS, Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}}), {"@aws_organization:o-1"}),
    ("all accounts but one", "app", statement(None, "s3:GetObject", OBJECTS, NotPrincipal={"AWS": C}), {"@everyone:Everyone (Public Global)"}),
    ("all objects but some", "app", statement({"AWS": C}, "s3:GetObject", None, NotResource="arn:aws:s3:::app/secret/*"), {f"@aws_account:{C}"}),
    ("three principals", "app", statement({"AWS": [A, C], "Service": "ec2.amazonaws.com"}, "s3:GetObject", OBJECTS), {"account", f"@aws_account:{C}", "aws_ec2"}),
    ("a deleted principal", "app", statement({"AWS": "AIDACKCEVSQ6C2EXAMPLE"}, "s3:GetObject", OBJECTS), set()),
    ("an origin access identity of CloudFront", "app", statement({"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"}, "s3:GetObject", OBJECTS), {"aws_cloudfront"}),
    ("the stages of a REST API", "rest", statement({"AWS": C}, "execute-api:Invoke", f"arn:aws:execute-api:us-east-1:{A}:r1/prod/*"), {f"@aws_account:{C}"}),
    ("the stages of another REST API", "rest", statement({"AWS": C}, "execute-api:Invoke", f"arn:aws:execute-api:us-east-1:{A}:r2/*"), set()),
    ("a file system, whose policy needs no Resource", "files", statement({"AWS": C}, "elasticfilesystem:ClientMount"), {f"@aws_account:{C}"}),
    ("the paths of a search domain", "search", statement({"AWS": C}, "es:ESHttpGet", f"arn:aws:es:us-east-1:{A}:domain/search/*"), {f"@aws_account:{C}"}),
    ("a canonical user", "app", statement({"CanonicalUser": "79a59df9"}, "s3:GetObject", OBJECTS), {"@aws_account:79a59df9"}),
    ("the canonical user of the own account", "app", statement({"CanonicalUser": CANONICAL}, "s3:GetObject", OBJECTS), {"account"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "statement", "sources"), [each[1:] for each in CASES], ids=[each[0] for each in CASES]
)
def test_a_statement_is_drawn_from_its_principals(name, statement, sources):
    assert set(allowed(name, statement)) == sources


def test_a_plain_grant_has_all_properties():
    assert allowed("app", statement({"AWS": C}, "s3:GetObject", OBJECTS, Sid="Read")) == {
        f"@aws_account:{C}": {
            "principal": C,
            "effect": "Allow",
            "actions": ["s3:GetObject"],
            "normalizedActions": ["s3:getobject"],
            "resources": OBJECTS,
            "conditional": False,
            "scope": "below",
            "admin": False,
            "read": True,
            "list": False,
            "write": False,
            "tagging": False,
            "permissions": False,
            "partial": False,
            "statement": "Read",
            "grants": json_of({"sid": "Read", "actions": ["s3:GetObject"], "resources": [OBJECTS], "scope": "below"}),
            "crossAccount": True,
        }
    }


def test_the_resource_is_the_target():
    link = next(
        each
        for each in findings("app", statement({"AWS": A}, "s3:ListBucket", BUCKET))[0]
        if isinstance(each, Relationship)
    )
    assert (link.source_type, link.verb, link.target_key, link.target_type) == (
        "aws_account",
        "ALLOWS",
        BUCKET,
        "aws_s3_bucket",
    )


def test_a_foreign_principal_is_mapped_in_reverse():
    link = next(
        each
        for each in findings("app", statement("*", "s3:ListBucket", BUCKET))[0]
        if isinstance(each, MappedRelationship)
    )
    assert (link.source_key, link.direction, link.target["_key"]) == (BUCKET, "REVERSE", "global:everyone")


def test_a_service_is_requested_before_its_relationship():
    found = findings("jobs", statement({"Service": "sns.amazonaws.com"}, "sqs:SendMessage", "*"))[0]
    assert [type(each) for each in found] == [ServiceNode, Relationship]


def test_statements_are_joined_by_principal():
    properties = allowed(
        "app",
        statement({"AWS": A}, "s3:GetObject", OBJECTS),
        statement(
            {"AWS": f"arn:aws:iam::{A}:root"},
            "s3:ListBucket",
            BUCKET,
            Condition={"Bool": {"aws:SecureTransport": "true"}},
        ),
    )["account"]
    assert (properties["actions"], properties["statement"]) == (["s3:GetObject", "s3:ListBucket"], "[0],[1]")
    assert (properties["conditional"], properties["partlyConditional"]) == (False, True)
    assert properties["principal"] == f"{A},arn:aws:iam::{A}:root"


@pytest.mark.parametrize(
    ("condition", "public"), [(None, True), ({"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}, False)]
)
def test_everyone_is_public_unless_there_is_a_condition(condition, public):
    found = allowed("app", statement("*", "s3:GetObject", OBJECTS, Condition=condition))
    shown = [(properties["public"], "conditionalPublic" in properties) for properties in found.values()]
    assert shown == [(public, not public)]


@pytest.mark.parametrize(
    ("denied", "public"),
    [
        (statement("*", "s3:GetObject", OBJECTS, Effect="Deny", Condition={"Bool": {"aws:SecureTransport": "false"}}), False),
        (statement({"AWS": C}, "s3:*", OBJECTS, Effect="Deny"), False),
        (statement("*", "s3:PutObject", OBJECTS, Effect="Deny"), True),
    ],
)  # fmt: skip
def test_everyone_is_public_only_by_what_no_deny_limits(denied, public):
    found = allowed("app", statement("*", "s3:GetObject", OBJECTS), denied)
    assert [properties["public"] for properties in found.values()] == [public]


def test_public_is_what_no_condition_limits():
    """What everyone may do without a condition is public, and what they may do from some addresses is told apart."""
    condition = {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}
    found = allowed(
        "app",
        statement("*", "s3:GetObject", OBJECTS),
        statement("*", "s3:PutObject", OBJECTS, Condition=condition),
    )["@everyone:Everyone (Public Global)"]
    assert (found["public"], found["read"], found["write"], found["conditionalWrite"]) == (True, True, False, True)
    assert json.loads(found["grants"])[1]["condition"] == condition


def test_an_action_that_is_missing_from_the_reference_can_be_public():
    found = allowed("alerts", statement("*", "SNS:Receive", "*"))
    assert [properties["public"] for properties in found.values()] == [True]


def test_a_blocked_policy_is_drawn_but_not_public():
    statements = statement("*", "s3:GetObject", OBJECTS), statement({"AWS": C}, "s3:GetObject", OBJECTS)
    found = findings("app", *statements, blocked_by="publicAccessBlock")[0]
    shown = {
        source(each): (each.properties.get("public"), each.properties.get("blockedBy"))
        for each in found
        if isinstance(each, MappedRelationship)
    }
    assert shown == {
        "@everyone:Everyone (Public Global)": (False, "publicAccessBlock"),
        f"@aws_account:{C}": (None, None),
    }


def test_a_not_principal_is_partial():
    found = allowed("app", statement(None, "s3:GetObject", OBJECTS, NotPrincipal={"AWS": C}))
    assert [(each["partial"], each["notPrincipal"]) for each in found.values()] == [(True, C)]
    assert [json.loads(each["grants"])[0]["notPrincipal"] for each in found.values()] == [[C]]


def test_source_conditions_of_a_service_are_properties():
    condition = {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::app"}, "StringEquals": {"aws:SourceAccount": A}}
    properties = allowed(
        "jobs", statement({"Service": "s3.amazonaws.com"}, "sqs:SendMessage", "*", Condition=condition)
    )["aws_s3"]
    assert (properties["servicePrincipal"], properties["sourceArn"], properties["sourceAccount"]) == (
        "s3.amazonaws.com",
        "arn:aws:s3:::app",
        A,
    )


@pytest.mark.parametrize(
    ("denied", "left"),
    [
        (statement("*", "s3:*", [BUCKET, OBJECTS], Effect="Deny"), {}),
        (statement({"AWS": C}, "s3:GetObject", OBJECTS, Effect="Deny"), {}),
        (statement({"AWS": A}, "s3:*", [BUCKET, OBJECTS], Effect="Deny"), {"s3:GetObject": False}),
        (statement("*", "s3:PutObject", OBJECTS, Effect="Deny"), {"s3:GetObject": False}),
        (statement("*", "s3:GetObject", "arn:aws:s3:::app/secret/*", Effect="Deny"), {"s3:GetObject": True}),
        (statement({"AWS": f"arn:aws:iam::{C}:role/r"}, "s3:*", OBJECTS, Effect="Deny"), {"s3:GetObject": True}),
        (statement(None, "s3:*", OBJECTS, Effect="Deny", NotPrincipal={"AWS": A}), {"s3:GetObject": True}),
        (
            statement("*", "s3:*", OBJECTS, Effect="Deny", Condition={"Bool": {"aws:SecureTransport": "false"}}),
            {"s3:GetObject": True},
        ),
    ],
)
def test_deny_removes_a_grant_or_marks_it_partial(denied, left):
    found = allowed("app", statement({"AWS": C}, ["s3:GetObject"], OBJECTS), denied)
    assert {",".join(properties["actions"]): properties["partial"] for properties in found.values()} == left


def test_an_invalid_principal_is_reported():
    found, counts = findings("app", statement({"AWS": f"arn:aws:iam::{C}:role/*"}, "s3:GetObject", OBJECTS))
    assert found == [AnalysisProblem(BUCKET, "aws_s3_bucket", "unknown_principal", f"arn:aws:iam::{C}:role/*")]
    assert counts["unknownPrincipals"] == 1


def test_an_unresolved_principal_is_counted():
    principal = {"AWS": f"arn:aws:iam::{A}:role/new"}
    assert findings("app", statement(principal, "s3:GetObject", OBJECTS)) == ([], {"danglingPrincipals": 1})


def test_a_canonical_user_is_mapped_by_its_id_and_belongs_to_another_account():
    (link,) = findings("app", statement({"CanonicalUser": "79a59df9"}, "s3:GetObject", OBJECTS))[0]
    assert isinstance(link, MappedRelationship)
    assert link.filter_keys == (("_type", "canonicalUserId"),)
    assert (link.target["canonicalUserId"], link.properties["crossAccount"]) == ("79a59df9", True)
    (own,) = findings("app", statement({"CanonicalUser": CANONICAL}, "s3:GetObject", OBJECTS))[0]
    assert isinstance(own, Relationship)
    assert own.properties["crossAccount"] is False


NARROWING = [
    ("StringEquals", "kms:CallerAccount", C, {f"@aws_account:{C}"}),
    ("StringEquals", "aws:SourceOwner", C, {f"@aws_account:{C}"}),
    ("StringEquals", "aws:SourceAccount", C, {f"@aws_account:{C}"}),
    ("StringEquals", "aws:PrincipalAccount", C, {f"@aws_account:{C}"}),
    ("StringLike", "aws:PrincipalAccount", C, {f"@aws_account:{C}"}),
    ("StringEquals", "AWS:PRINCIPALACCOUNT", A, {"account"}),
    ("StringEquals", "aws:PrincipalAccount", [A, C], {"account", f"@aws_account:{C}"}),
    ("ArnEquals", "aws:PrincipalArn", f"arn:aws:iam::{A}:role/admin", {"admin"}),
    ("ArnLike", "aws:PrincipalArn", [f"arn:aws:iam::{A}:user/ada", f"arn:aws:iam::{A}:root"], {"ada", "account"}),
    ("ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{C}:role/app-*", {f"@aws_account:{C}"}),
    ("StringEquals", "aws:PrincipalOrgID", "o-1", {"@aws_organization:o-1"}),
    ("StringLike", "aws:PrincipalOrgID", "o-1", {"@aws_organization:o-1"}),
    ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-1/r-1/ou-1/*", {"@aws_organization:o-1"}),
    ("ForAnyValue:StringEquals", "aws:PrincipalOrgPaths", ["o-1/r-1/", "o-2/r-2/"], {"@aws_organization:o-1", "@aws_organization:o-2"}),
    ("StringLike", "aws:PrincipalOrgID", "*", EVERYONE),
    ("StringLike", "aws:PrincipalOrgID", "o-*", EVERYONE),
    ("StringLike", "aws:PrincipalOrgID", ["o-1", "o-*"], EVERYONE),
    ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "*", EVERYONE),
    ("StringLike", "aws:PrincipalAccount", "11*", EVERYONE),
    ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/app", EVERYONE),
    ("StringNotEquals", "aws:PrincipalAccount", C, EVERYONE),
    ("StringEqualsIfExists", "aws:PrincipalAccount", C, EVERYONE),
    ("ForAllValues:StringEquals", "aws:PrincipalOrgPaths", "o-1/r-1/", EVERYONE),
    ("IpAddress", "aws:SourceIp", "198.51.100.0/24", EVERYONE),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "key", "value", "sources"), NARROWING)
def test_everyone_is_whom_the_condition_leaves(operator, key, value, sources):
    found = allowed("app", statement("*", "s3:GetObject", OBJECTS, Condition={operator: {key: value}}))
    assert set(found) == sources
    assert all(properties["conditional"] for properties in found.values())
    assert {properties.get("public") for properties in found.values()} == ({False} if sources == EVERYONE else {None})


def test_the_narrowest_of_several_keys_counts():
    condition = {
        "StringEquals": {"aws:PrincipalOrgID": "o-1", "aws:PrincipalAccount": A},
        "ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{A}:role/admin"},
    }
    assert set(allowed("app", statement("*", "s3:GetObject", OBJECTS, Condition=condition))) == {"admin"}
    del condition["ArnEquals"]
    assert set(allowed("app", statement("*", "s3:GetObject", OBJECTS, Condition=condition))) == {"account"}


def test_a_named_principal_is_not_narrowed():
    condition = {"StringEquals": {"aws:PrincipalAccount": A}}
    assert set(allowed("app", statement({"AWS": C}, "s3:GetObject", OBJECTS, Condition=condition))) == {
        f"@aws_account:{C}"
    }


@pytest.mark.parametrize(
    ("denied", "left"),
    [
        (f"arn:aws:iam::{A}:role/admin", {}),
        (f"arn:aws:sts::{A}:assumed-role/admin/s", {}),
        (f"arn:aws:sts::{A}:assumed-role/admin/t", {"admin": False}),
    ],
)
def test_a_deny_on_a_role_takes_its_sessions(denied, left):
    session = {"AWS": f"arn:aws:sts::{A}:assumed-role/admin/s"}
    found = allowed(
        "app", statement(session, "s3:*", OBJECTS), statement({"AWS": denied}, "s3:*", OBJECTS, Effect="Deny")
    )
    assert {name: properties["partial"] for name, properties in found.items()} == left


def test_a_deny_on_a_session_makes_its_role_partial():
    found = allowed(
        "app",
        statement({"AWS": f"arn:aws:iam::{A}:role/admin"}, "s3:*", OBJECTS),
        statement({"AWS": f"arn:aws:sts::{A}:assumed-role/admin/s"}, "s3:*", OBJECTS, Effect="Deny"),
    )
    assert [properties["partial"] for properties in found.values()] == [True]


def test_a_malformed_policy_is_reported():
    found, counts = findings("app", {"Effect": "Allow", "Action": "s3:*", "Resource": BUCKET})
    assert found == [
        AnalysisProblem(BUCKET, "aws_s3_bucket", "invalid_resource_policy", "[0]: needs Principal or NotPrincipal")
    ]
    assert counts == {"invalidDocuments": 1}


def test_a_policy_of_a_resource_without_an_arn_is_ignored():
    policies = ResourcePolicies(Account(A), INDEX, PrincipalIndex(Account(A), INDEX, {}), Services(A), Counter())
    fact = ResourcePolicyFact("x", "aws_ecr_image", {"Statement": statement("*", "ecr:*", "*")})
    assert list(policies.findings(fact)) == []
