"""What resource policies allow: from each principal to the resource."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from collector.analysis.facts import Account, ResourcePolicyFact
from collector.analysis.principals import PrincipalIndex
from collector.analysis.resource_policies import ResourcePolicies
from collector.analysis.results import AnalysisProblem, MappedRelationship, Relationship, Result, ServiceNode
from collector.analysis.services import Services
from tests.analysis.estate import INDEX, KEYS, RESOURCES, A, B, C

BUCKET, OBJECTS = "arn:aws:s3:::app", "arn:aws:s3:::app/*"


def says(principal: Any, actions: Any, resources: Any = None, **more: Any) -> dict[str, Any]:
    """A statement of a resource policy."""
    said = {"Effect": "Allow", "Principal": principal, "Action": actions, "Resource": resources, **more}
    return {key: value for key, value in said.items() if value is not None}


def findings(name: str, *statements: Any) -> tuple[list[Result], Counter[str]]:
    counts: Counter[str] = Counter()
    account = Account(A)
    policies = ResourcePolicies(account, INDEX, PrincipalIndex(account, INDEX, {}), Services(A), counts)
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return list(policies.findings(ResourcePolicyFact(*RESOURCES[name], document))), counts


def allowed(name: str, *statements: Any) -> dict[str, dict[str, Any]]:
    """The properties of what is drawn, by source: a name of the estate, a service's type, or `@` and what is outside."""
    found = findings(name, *statements)[0]
    return {
        source(each): dict(each.properties) for each in found if isinstance(each, Relationship | MappedRelationship)
    }


def source(link: Relationship | MappedRelationship) -> str:
    if isinstance(link, MappedRelationship):
        return f"@{link.target['_type']}:{link.target['displayName']}"
    return link.source_type if ":service:" in link.source_key else KEYS[link.source_key]


CASES = [
    ("a bucket for an account", "app", says({"AWS": C}, "s3:ListBucket", BUCKET), {f"@aws_account:{C}"}),
    ("a bucket for the own account", "app", says({"AWS": A}, "s3:ListBucket", BUCKET), {"account"}),
    ("a bucket for a role", "app", says({"AWS": f"arn:aws:iam::{A}:role/admin"}, "s3:ListBucket", BUCKET), {"admin"}),
    ("a bucket for a role of another account", "app", says({"AWS": f"arn:aws:iam::{B}:role/x/b-role"}, "s3:GetObject", OBJECTS), {"b-role"}),
    ("a bucket for a role that is nowhere", "app", says({"AWS": f"arn:aws:iam::{A}:role/new"}, "s3:GetObject", OBJECTS), set()),
    ("a bucket for everyone", "app", says("*", "s3:GetObject", OBJECTS), {"@everyone:Everyone (Public Global)"}),
    ("a bucket for a service", "app", says({"Service": "delivery.logs.amazonaws.com"}, "s3:PutObject", OBJECTS), {"aws_delivery"}),
    ("objects by a bucket's name", "app", says({"AWS": C}, "s3:GetObject", BUCKET), set()),
    ("another bucket", "app", says({"AWS": C}, "s3:ListBucket", "arn:aws:s3:::audit"), set()),
    ("another service", "app", says({"AWS": C}, "sqs:SendMessage", BUCKET), set()),
    ("a key for its account", "key", says({"AWS": f"arn:aws:iam::{A}:root"}, "kms:*", "*"), {"account"}),
    ("a key by its ARN", "key", says({"AWS": C}, "kms:Decrypt", "arn:aws:kms:*:*:key/*"), {f"@aws_account:{C}"}),
    ("a queue for a topic", "jobs", says({"Service": "sns.amazonaws.com"}, "SQS:SendMessage", "*"), {"aws_sns"}),
    ("a queue by its ARN", "jobs", says({"AWS": C}, "sqs:*", f"arn:aws:sqs:us-east-1:{A}:jobs"), {f"@aws_account:{C}"}),
    ("a queue of another region", "jobs", says({"AWS": C}, "sqs:*", f"arn:aws:sqs:eu-west-1:{A}:jobs"), set()),
    ("a topic", "alerts", says({"AWS": C}, "SNS:Publish", f"arn:aws:sns:us-east-1:{A}:alerts"), {f"@aws_account:{C}"}),
    ("an action that the reference does not know", "alerts", says({"AWS": C}, "SNS:Receive", "*"), {f"@aws_account:{C}"}),
    ("a function for a service", "f", says({"Service": "events.amazonaws.com"}, "lambda:InvokeFunction", f"arn:aws:lambda:us-east-1:{A}:function:f"), {"aws_cloudwatch_events"}),
    ("an alias of a function", "f", says({"Service": "s3.amazonaws.com"}, "lambda:InvokeFunction", f"arn:aws:lambda:us-east-1:{A}:function:f:prod"), {"aws_s3"}),
    ("a repository, whose policies name no resource", "repo", says({"AWS": C}, "ecr:BatchGetImage"), {f"@aws_account:{C}"}),
    ("everyone of an organization", "app", says("*", "s3:GetObject", OBJECTS, Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}}), {"@aws_organization:o-1"}),
    ("all but one account", "app", says(None, "s3:GetObject", OBJECTS, NotPrincipal={"AWS": C}), {"@everyone:Everyone (Public Global)"}),
    ("all but some objects", "app", says({"AWS": C}, "s3:GetObject", None, NotResource="arn:aws:s3:::app/secret/*"), {f"@aws_account:{C}"}),
    ("several principals", "app", says({"AWS": [A, C], "Service": "ec2.amazonaws.com"}, "s3:GetObject", OBJECTS), {"account", f"@aws_account:{C}", "aws_ec2"}),
    ("a deleted principal", "app", says({"AWS": "AIDACKCEVSQ6C2EXAMPLE"}, "s3:GetObject", OBJECTS), set()),
    ("an identity of CloudFront", "app", says({"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"}, "s3:GetObject", OBJECTS), {"aws_cloudfront"}),
    ("a canonical user", "app", says({"CanonicalUser": "79a59df9"}, "s3:GetObject", OBJECTS), set()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "statement", "sources"), [each[1:] for each in CASES], ids=[each[0] for each in CASES]
)
def test_a_statement_is_drawn_from_its_principals(name, statement, sources):
    assert set(allowed(name, statement)) == sources


def test_a_plain_grant_says_all_that_there_is():
    assert allowed("app", says({"AWS": C}, "s3:GetObject", OBJECTS, Sid="Read")) == {
        f"@aws_account:{C}": {
            "principal": C,
            "effect": "Allow",
            "actions": "s3:GetObject",
            "normalizedActions": "s3:getobject",
            "resources": OBJECTS,
            "conditional": False,
            "admin": False,
            "read": True,
            "list": False,
            "write": False,
            "tagging": False,
            "permissions": False,
            "partial": False,
            "statement": "Read",
            "crossAccount": True,
        }
    }


def test_the_resource_is_the_target():
    link = next(
        each for each in findings("app", says({"AWS": A}, "s3:ListBucket", BUCKET))[0] if isinstance(each, Relationship)
    )
    assert (link.source_type, link.verb, link.target_key, link.target_type) == (
        "aws_account",
        "ALLOWS",
        BUCKET,
        "aws_s3_bucket",
    )


def test_a_principal_outside_is_mapped_towards_the_resource():
    link = next(
        each for each in findings("app", says("*", "s3:ListBucket", BUCKET))[0] if isinstance(each, MappedRelationship)
    )
    assert (link.source_key, link.direction, link.target["_key"]) == (BUCKET, "REVERSE", "global:everyone")


def test_a_service_is_asked_for_before_its_relationship():
    found = findings("jobs", says({"Service": "sns.amazonaws.com"}, "sqs:SendMessage", "*"))[0]
    assert [type(each) for each in found] == [ServiceNode, Relationship]


def test_statements_are_joined_by_principal():
    said = allowed(
        "app",
        says({"AWS": A}, "s3:GetObject", OBJECTS),
        says(
            {"AWS": f"arn:aws:iam::{A}:root"},
            "s3:ListBucket",
            BUCKET,
            Condition={"Bool": {"aws:SecureTransport": "true"}},
        ),
    )["account"]
    assert (said["actions"], said["conditional"], said["statement"]) == ("s3:GetObject,s3:ListBucket", False, "[0],[1]")
    assert said["principal"] == f"{A},arn:aws:iam::{A}:root"


@pytest.mark.parametrize(
    ("condition", "public"), [(None, True), ({"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}, False)]
)
def test_everyone_is_public_unless_there_is_a_condition(condition, public):
    found = allowed("app", says("*", "s3:GetObject", OBJECTS, Condition=condition))
    assert [said["public"] for said in found.values()] == [public]


def test_all_but_a_few_principals_are_partial():
    found = allowed("app", says(None, "s3:GetObject", OBJECTS, NotPrincipal={"AWS": C}))
    assert [said["partial"] for said in found.values()] == [True]


def test_what_a_service_acts_for_is_told():
    condition = {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::app"}, "StringEquals": {"aws:SourceAccount": A}}
    said = allowed("jobs", says({"Service": "s3.amazonaws.com"}, "sqs:SendMessage", "*", Condition=condition))["aws_s3"]
    assert (said["servicePrincipal"], said["sourceArn"], said["sourceAccount"]) == (
        "s3.amazonaws.com",
        "arn:aws:s3:::app",
        A,
    )


@pytest.mark.parametrize(
    ("denied", "left"),
    [
        (says("*", "s3:*", [BUCKET, OBJECTS], Effect="Deny"), {}),
        (says({"AWS": C}, "s3:GetObject", OBJECTS, Effect="Deny"), {}),
        (says({"AWS": A}, "s3:*", [BUCKET, OBJECTS], Effect="Deny"), {"s3:GetObject": False}),
        (says("*", "s3:PutObject", OBJECTS, Effect="Deny"), {"s3:GetObject": False}),
        (says("*", "s3:GetObject", "arn:aws:s3:::app/secret/*", Effect="Deny"), {"s3:GetObject": True}),
        (says({"AWS": f"arn:aws:iam::{C}:role/r"}, "s3:*", OBJECTS, Effect="Deny"), {"s3:GetObject": True}),
        (says(None, "s3:*", OBJECTS, Effect="Deny", NotPrincipal={"AWS": A}), {"s3:GetObject": True}),
        (
            says("*", "s3:*", OBJECTS, Effect="Deny", Condition={"Bool": {"aws:SecureTransport": "false"}}),
            {"s3:GetObject": True},
        ),
    ],
)
def test_deny_takes_away_or_leaves_it_partial(denied, left):
    found = allowed("app", says({"AWS": C}, ["s3:GetObject"], OBJECTS), denied)
    assert {said["actions"]: said["partial"] for said in found.values()} == left


def test_a_principal_that_is_none_is_named():
    found, counts = findings("app", says({"AWS": f"arn:aws:iam::{C}:role/*"}, "s3:GetObject", OBJECTS))
    assert found == [AnalysisProblem(BUCKET, "aws_s3_bucket", "unknown_principal", f"arn:aws:iam::{C}:role/*")]
    assert counts["unknownPrincipals"] == 1


@pytest.mark.parametrize("principal", [{"CanonicalUser": "79a59df9"}, {"AWS": f"arn:aws:iam::{A}:role/new"}])
def test_a_principal_that_cannot_be_drawn_is_counted(principal):
    assert findings("app", says(principal, "s3:GetObject", OBJECTS)) == ([], {"danglingPrincipals": 1})


def test_a_faulty_policy_is_named():
    found, counts = findings("app", {"Effect": "Allow", "Action": "s3:*", "Resource": BUCKET})
    assert found == [
        AnalysisProblem(BUCKET, "aws_s3_bucket", "invalid_resource_policy", "[0]: needs Principal or NotPrincipal")
    ]
    assert counts == {"invalidDocuments": 1}


def test_a_policy_of_a_type_that_no_policy_can_name_gives_nothing():
    policies = ResourcePolicies(Account(A), INDEX, PrincipalIndex(Account(A), INDEX, {}), Services(A), Counter())
    fact = ResourcePolicyFact("x", "aws_ecr_image", {"Statement": says("*", "ecr:*", "*")})
    assert list(policies.findings(fact)) == []
