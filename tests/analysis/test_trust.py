"""Whom a role trusts: every form of principal, what is told of it, and what is not drawn."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from collector.analysis.facts import Account, EntityRef, TrustFact
from collector.analysis.principals import PrincipalIndex
from collector.analysis.results import (
    AnalysisProblem,
    EntityProperties,
    MappedRelationship,
    Relationship,
    Result,
    ServiceNode,
)
from collector.analysis.services import Services
from collector.analysis.trust import Trusts, deleted_principals
from tests.analysis.estate import INDEX, KEYS, A, B, C

ROLE = f"arn:aws:iam::{A}:role/ci/deploy"
GONE = "AIDACKCEVSQ6C2EXAMPLE"
KNOWN = "AROADBQP57FF2AEXAMPLE"
IDS = {KNOWN: EntityRef(f"arn:aws:iam::{A}:role/admin", "aws_iam_role")}
ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
EXTERNAL = {"StringEquals": {"sts:ExternalId": "secret"}}


def trust(principal: Any, condition: Any = None, action: Any = "sts:AssumeRole", **more: Any) -> dict[str, Any]:
    """A statement of a trust policy."""
    said = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": action,
        **({"Condition": condition} if condition else {}),
        **more,
    }
    return {key: value for key, value in said.items() if value is not None}


def findings(*statements: Any, organization: frozenset[str] = frozenset()) -> tuple[list[Result], Counter[str]]:
    account = Account(A, organization=organization)
    counts: Counter[str] = Counter()
    trusts = Trusts(account, PrincipalIndex(account, INDEX, IDS), Services(A), counts)
    return list(trusts.findings(TrustFact(ROLE, {"Version": "2012-10-17", "Statement": list(statements)}))), counts


def trusted(*statements: Any, organization: frozenset[str] = frozenset()) -> dict[str, dict[str, Any]]:
    """The properties of what is drawn, by target: a name of the estate, a service's type, or `@` and what is outside."""
    found = findings(*statements, organization=organization)[0]
    return {
        target(each): dict(each.properties) for each in found if isinstance(each, Relationship | MappedRelationship)
    }


def target(link: Relationship | MappedRelationship) -> str:
    if isinstance(link, Relationship):
        return link.target_type if ":service:" in link.target_key else KEYS[link.target_key]
    described = link.target
    return f"@{described['_type']}:{described.get('_key') or described.get('id') or described['roleName']}"


PRINCIPALS = [
    # what is being said, the principal, the targets
    ("the own account by its id", {"AWS": A}, {"account"}),
    ("the own account by its root", {"AWS": f"arn:aws:iam::{A}:root"}, {"account"}),
    ("an account id that is a number", {"AWS": int(A)}, {"account"}),
    ("a principal that is only text", A, {"account"}),
    ("another account that was collected", {"AWS": B}, {"b-account"}),
    ("another account that was not", {"AWS": C}, {f"@aws_account:arn:aws:iam::{C}:root"}),
    ("another account by its root", {"AWS": f"arn:aws:iam::{C}:root"}, {f"@aws_account:arn:aws:iam::{C}:root"}),
    ("a number with leading zeros", {"AWS": 12345}, {"@aws_account:arn:aws:iam::000000012345:root"}),
    ("several principals", {"AWS": [A, C]}, {"account", f"@aws_account:arn:aws:iam::{C}:root"}),
    ("a user", {"AWS": f"arn:aws:iam::{A}:user/ada"}, {"ada"}),
    ("a user with a path", {"AWS": f"arn:aws:iam::{A}:user/team/bob"}, {"bob"}),
    ("a role of the same account", {"AWS": f"arn:aws:iam::{A}:role/admin"}, {"admin"}),
    ("a role with a path", {"AWS": ROLE}, {"deploy"}),
    ("a user that was not collected", {"AWS": f"arn:aws:iam::{A}:user/new"}, set()),
    ("a user of another account that was collected", {"AWS": f"arn:aws:iam::{B}:user/b-user"}, {"b-user"}),
    ("a role of another account that was collected", {"AWS": f"arn:aws:iam::{B}:role/x/b-role"}, {"b-role"}),
    ("a role of an account that was not", {"AWS": f"arn:aws:iam::{C}:role/x/r"}, {f"@aws_iam_role:arn:aws:iam::{C}:role/x/r"}),
    ("a user of an account that was not", {"AWS": f"arn:aws:iam::{C}:user/u"}, {f"@aws_iam_user:arn:aws:iam::{C}:user/u"}),
    ("a session, whose ARN leaves the role's path out", {"AWS": f"arn:aws:sts::{A}:assumed-role/deploy/build"}, {"deploy"}),
    ("a session of a role that was not collected", {"AWS": f"arn:aws:sts::{A}:assumed-role/new/build"}, set()),
    ("a session in another account that was collected", {"AWS": f"arn:aws:sts::{B}:assumed-role/b-role/s"}, {"b-role"}),
    ("a session in an account that was not", {"AWS": f"arn:aws:sts::{C}:assumed-role/r/s"}, {"@aws_iam_role:r"}),
    ("a federated user is his account", {"AWS": f"arn:aws:sts::{A}:federated-user/eve"}, {"account"}),
    ("everyone", "*", {"@everyone:global:everyone"}),
    ("everyone as an AWS principal", {"AWS": "*"}, {"@everyone:global:everyone"}),
    ("a deleted principal", {"AWS": GONE}, set()),
    ("a unique id that is known", {"AWS": KNOWN}, {"admin"}),
    ("a session by a unique id", {"AWS": f"{KNOWN}:session"}, {"admin"}),
    ("a service", {"Service": "ec2.amazonaws.com"}, {"aws_ec2"}),
    ("a service in a region", {"Service": "logs.us-east-1.amazonaws.com"}, {"aws_cloudwatch_logs"}),
    ("a service in China", {"Service": "ec2.amazonaws.com.cn"}, {"aws_ec2"}),
    ("a service with hyphens", {"Service": "eks-fargate-pods.amazonaws.com"}, {"aws_eksfargate-pods"}),
    ("a part of a service", {"Service": "ecs-tasks.amazonaws.com"}, {"aws_ecs"}),
    ("functions at the edge", {"Service": ["lambda.amazonaws.com", "edgelambda.amazonaws.com"]}, {"aws_lambda"}),
    ("enhanced monitoring", {"Service": "monitoring.rds.amazonaws.com"}, {"aws_rds"}),
    ("flow logs", {"Service": "vpc-flow-logs.amazonaws.com"}, {"aws_ec2_vpc"}),
    ("a part of a service that has no name of its own", {"Service": "replicator.lambda.amazonaws.com"}, {"aws_replicator"}),
    ("what is no service", {"Service": "example.org"}, set()),
    ("a SAML provider", {"Federated": f"arn:aws:iam::{A}:saml-provider/corp"}, {"saml"}),
    ("a SAML provider that was not collected", {"Federated": f"arn:aws:iam::{A}:saml-provider/new"}, set()),
    ("an OIDC provider", {"Federated": f"arn:aws:iam::{A}:oidc-provider/token.actions.githubusercontent.com"}, {"github"}),
    ("an OIDC provider that was not collected", {"Federated": f"arn:aws:iam::{A}:oidc-provider/x.org"}, {f"@aws_iam_oidc_provider:arn:aws:iam::{A}:oidc-provider/x.org"}),
    ("Cognito", {"Federated": "cognito-identity.amazonaws.com"}, {"@amazon_cognito_login:amazon_cognito_login:cognito-identity.amazonaws.com"}),
    ("Google", {"Federated": "accounts.google.com"}, {"@google_login:google_login:accounts.google.com"}),
    ("another provider", {"Federated": "login.example.org"}, {"@identity_provider:identity_provider:login.example.org"}),
    ("several kinds", {"Service": "ec2.amazonaws.com", "AWS": A}, {"aws_ec2", "account"}),
    ("a canonical user", {"CanonicalUser": "79a59df9"}, set()),
    ("a pattern, which IAM does not take", {"AWS": f"arn:aws:iam::{C}:role/*"}, set()),
    ("a group, which cannot be trusted", {"AWS": f"arn:aws:iam::{A}:group/devs"}, set()),
    ("an unknown kind of principal", {"Martian": "x"}, set()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("principal", "targets"), [each[1:] for each in PRINCIPALS], ids=[each[0] for each in PRINCIPALS]
)
def test_a_principal_is_drawn_to_what_it_means(principal, targets):
    assert set(trusted(trust(principal))) == targets


@pytest.mark.parametrize(
    ("action", "drawn"),
    [
        ("sts:AssumeRole", True),
        ("STS:assumerole", True),
        ("sts:AssumeRoleWithSAML", True),
        ("sts:AssumeRoleWithWebIdentity", True),
        ("sts:Assume*", True),
        ("sts:*", True),
        ("*", True),
        (["sts:TagSession", "sts:AssumeRole"], True),
        ("sts:TagSession", False),
        ("sts:SetSourceIdentity", False),
        ("s3:*", False),
    ],
)
def test_only_taking_on_the_role_is_trust(action, drawn):
    assert set(trusted(trust({"AWS": A}, action=action))) == ({"account"} if drawn else set())


@pytest.mark.parametrize(("spared", "drawn"), [("sts:TagSession", True), ("sts:Assume*", False)])
def test_all_but_some_actions_may_be_trust(spared, drawn):
    found = trusted(trust({"AWS": A}, action=None, NotAction=spared))
    assert bool(found) is drawn
    assert all("actions" not in said for said in found.values())


def test_all_but_a_few_are_everyone():
    said = trusted(trust(None, NotPrincipal={"AWS": C}))["@everyone:global:everyone"]
    assert (said["partial"], said["public"]) == (True, True)


def test_a_plain_trust_says_all_that_there_is():
    assert trusted(trust({"AWS": A})) == {
        "account": {
            "principal": A,
            "actions": "sts:AssumeRole",
            "roleName": "deploy",
            "conditional": False,
            "crossAccount": False,
            "partial": False,
            "statement": "[0]",
        }
    }


def test_the_external_id_is_told():
    said = trusted(trust({"AWS": C}, EXTERNAL))[f"@aws_account:arn:aws:iam::{C}:root"]
    assert (said["externalId"], said["conditional"]) == ("secret", True)
    assert said["conditions"] == '[{"StringEquals":{"sts:ExternalId":"secret"}}]'


def test_an_external_id_that_one_statement_does_without_is_not_told():
    said = trusted(trust({"AWS": C}, EXTERNAL), trust({"AWS": C}, {"Bool": {"aws:MultiFactorAuthPresent": "true"}}))
    assert "externalId" not in said[f"@aws_account:arn:aws:iam::{C}:root"]


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"StringEquals": {"STS:EXTERNALID": ["b", "a"]}}, {"externalId": "a,b"}),
        ({"StringLike": {"sts:ExternalId": "a*"}}, {"externalId": "a*"}),
        ({"StringNotEquals": {"sts:ExternalId": "a"}}, {}),
        ({"StringEqualsIfExists": {"sts:ExternalId": "a"}}, {}),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, {"mfa": True}),
        ({"Bool": {"aws:MultiFactorAuthPresent": True}}, {"mfa": True}),
        ({"Bool": {"aws:MultiFactorAuthPresent": "false"}}, {"mfa": False}),
        ({"StringEquals": {"aws:SourceAccount": A}}, {"sourceAccount": A}),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::app"}}, {"sourceArn": "arn:aws:s3:::app"}),
        ({"ForAnyValue:StringEquals": {"aws:PrincipalOrgID": "o-1"}}, {"orgIds": "o-1"}),
        ({"ArnEquals": {"aws:PrincipalArn": ROLE}}, {"principalArn": ROLE}),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {}),
    ],
)
def test_well_known_demands_are_properties_of_their_own(condition, said):
    names = ("externalId", "mfa", "sourceAccount", "sourceArn", "orgIds", "principalArn")
    found = trusted(trust({"AWS": A}, condition))["account"]
    assert {name: found[name] for name in names if name in found} == said


def test_everyone_within_an_organization_is_the_organization():
    said = trusted(trust("*", ORGANIZATION))
    assert set(said) == {"@aws_organization:o-1"}
    assert "public" not in said["@aws_organization:o-1"]


def test_an_account_within_an_organization_stays_an_account():
    assert set(trusted(trust({"AWS": A}, ORGANIZATION))) == {"account"}


@pytest.mark.parametrize(("condition", "public"), [(None, True), (EXTERNAL, False)])
def test_everyone_is_public_unless_there_is_a_condition(condition, public):
    assert trusted(trust("*", condition))["@everyone:global:everyone"]["public"] is public


def test_statements_are_joined_by_target():
    found = trusted(
        trust({"AWS": A}, EXTERNAL, Sid="One"),
        trust({"AWS": f"arn:aws:iam::{A}:root"}, action="sts:AssumeRoleWithSAML"),
        trust({"Service": "ec2.amazonaws.com"}),
    )
    assert set(found) == {"account", "aws_ec2"}
    said = found["account"]
    assert said["principal"] == f"{A},arn:aws:iam::{A}:root"
    assert (said["actions"], said["statement"]) == ("sts:AssumeRole,sts:AssumeRoleWithSAML", "One,[1]")
    assert said["conditional"] is False


@pytest.mark.parametrize(
    ("principal", "cross"),
    [
        ({"AWS": A}, False),
        ({"AWS": B}, True),
        ({"AWS": C}, True),
        ({"Service": "ec2.amazonaws.com"}, False),
        ("*", False),
    ],
)
def test_other_accounts_are_marked(principal, cross):
    assert [said["crossAccount"] for said in trusted(trust(principal)).values()] == [cross]


@pytest.mark.parametrize(("organization", "external"), [({A, B}, True), ({A, C}, False)])
def test_an_account_outside_of_the_organization_is_marked(organization, external):
    said = trusted(trust({"AWS": C}), organization=frozenset(organization))
    assert [each["external"] for each in said.values()] == [external]


def test_without_a_known_organization_nothing_is_said_of_it():
    assert all("external" not in each for each in trusted(trust({"AWS": C})).values())


def test_sessions_services_and_federated_users_are_told():
    session = f"arn:aws:sts::{A}:assumed-role/admin/"
    found = trusted(
        trust({"AWS": [session + "one", session + "two", f"arn:aws:sts::{A}:federated-user/eve"]}),
        trust({"Service": ["lambda.amazonaws.com", "edgelambda.amazonaws.com"]}),
    )
    assert found["admin"]["sessionName"] == "one,two"
    assert found["account"]["federatedUser"] == "eve"
    assert found["aws_lambda"]["servicePrincipal"] == "lambda.amazonaws.com,edgelambda.amazonaws.com"


def test_deleted_principals_are_listed_on_the_role_and_not_drawn():
    found, counts = findings(trust({"AWS": [GONE, GONE, KNOWN]}))
    assert [each for each in found if isinstance(each, EntityProperties)] == [
        EntityProperties(ROLE, "aws_iam_role", {"danglingTrustedPrincipals": (GONE,)})
    ]
    assert counts["deletedPrincipals"] == 1


def test_deleted_principals_are_also_told_without_the_rest():
    document = {"Statement": [trust({"AWS": [GONE, A]}), trust({"AWS": GONE}), trust({"AWS": KNOWN}, Effect="Deny")]}
    assert deleted_principals(document) == (GONE,)


def test_a_principal_that_is_none_is_named():
    found, counts = findings(trust({"AWS": f"arn:aws:iam::{C}:role/*"}))
    assert found == [AnalysisProblem(ROLE, "aws_iam_role", "unknown_principal", f"arn:aws:iam::{C}:role/*")]
    assert counts["unknownPrincipals"] == 1


def test_a_principal_that_was_not_collected_is_counted():
    assert findings(trust({"AWS": f"arn:aws:iam::{A}:user/new"}))[1] == {"danglingPrincipals": 1}


def test_a_service_is_asked_for_before_its_relationship():
    found = findings(trust({"Service": "ec2.amazonaws.com"}))[0]
    assert [type(each) for each in found] == [ServiceNode, Relationship]


def test_a_foreign_role_is_found_by_its_key_or_by_its_name():
    found = findings(trust({"AWS": [f"arn:aws:iam::{C}:role/x/r", f"arn:aws:sts::{C}:assumed-role/r/s"]}))[0]
    links = [each for each in found if isinstance(each, MappedRelationship)]
    assert [each.filter_keys for each in links] == [(("_type", "_key"),), (("_type", "roleName", "accountId"),)]
    assert all(each.direction == "FORWARD" and set(each.filter_keys[0]) <= set(each.target) for each in links)


@pytest.mark.parametrize(
    ("denied", "left"),
    [
        (trust({"AWS": A}, Effect="Deny"), {}),
        (trust({"AWS": f"arn:aws:iam::{A}:root"}, Effect="Deny"), {}),
        (trust("*", Effect="Deny"), {}),
        (trust({"AWS": A}, Effect="Deny", action="sts:AssumeRoleWithSAML"), {"account": False}),
        (trust({"AWS": A}, Effect="Deny", action="sts:TagSession"), {"account": False}),
        (trust({"AWS": C}, Effect="Deny"), {"account": False}),
        (trust({"AWS": f"arn:aws:iam::{A}:user/ada"}, Effect="Deny"), {"account": True}),
        (trust({"AWS": A}, EXTERNAL, Effect="Deny"), {"account": True}),
        (trust(None, NotPrincipal={"AWS": A}, Effect="Deny"), {"account": True}),
    ],
)
def test_deny_takes_trust_away_or_leaves_it_partial(denied, left):
    assert {name: said["partial"] for name, said in trusted(trust({"AWS": A}), denied).items()} == left


def test_denying_an_account_denies_its_users():
    assert trusted(trust({"AWS": f"arn:aws:iam::{A}:user/ada"}), trust({"AWS": A}, Effect="Deny")) == {}


@pytest.mark.parametrize(
    ("statement", "detail"),
    [
        ({"Effect": "Allow", "Action": "sts:AssumeRole"}, "[0]: needs Principal or NotPrincipal"),
        ({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": ["x"]}, "[0]: Principal is not an object"),
        ({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": [None]}}, "[0]: a principal is not text"),
    ],
)
def test_a_faulty_trust_policy_is_named(statement, detail):
    found, counts = findings(statement)
    assert found == [AnalysisProblem(ROLE, "aws_iam_role", "invalid_trust_policy", detail)]
    assert counts == {"invalidDocuments": 1}


def test_the_tables_hold_a_case_for_every_rule():
    assert len(PRINCIPALS) >= 40
