"""TRUSTS relationships: every form of principal, the properties, and what is not drawn."""

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
from collector.analysis.trust import Trusts
from tests.analysis.estate import INDEX, KEYS, A, B, C

ROLE = f"arn:aws:iam::{A}:role/ci/deploy"
DELETED_ID = "AIDACKCEVSQ6C2EXAMPLE"
EXISTING_ID = "AROADBQP57FF2AEXAMPLE"
IDS = {EXISTING_ID: EntityRef(f"arn:aws:iam::{A}:role/admin", "aws_iam_role")}
ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
EXTERNAL = {"StringEquals": {"sts:ExternalId": "secret"}}


def trust(principal: Any, condition: Any = None, action: Any = "sts:AssumeRole", **more: Any) -> dict[str, Any]:
    """Build a statement of a trust policy."""
    fields = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": action,
        **({"Condition": condition} if condition else {}),
        **more,
    }
    return {key: value for key, value in fields.items() if value is not None}


def findings(*statements: Any, organization: frozenset[str] = frozenset()) -> tuple[list[Result], Counter[str]]:
    account = Account(A, organization=organization)
    counts: Counter[str] = Counter()
    trusts = Trusts(account, PrincipalIndex(account, INDEX, IDS), Services(A), counts)
    return list(trusts.findings(TrustFact(ROLE, {"Version": "2012-10-17", "Statement": list(statements)}))), counts


def trusted(*statements: Any, organization: frozenset[str] = frozenset()) -> dict[str, dict[str, Any]]:
    """Return the properties of the relationships by target: a name of the estate, a service's type, or `@` and a mapped entity."""
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
    # case, principal, targets
    ("the own account by its id", {"AWS": A}, {"account"}),
    ("the own account by its root", {"AWS": f"arn:aws:iam::{A}:root"}, {"account"}),
    ("an account id that is a number", {"AWS": int(A)}, {"account"}),
    ("a principal that is a plain string", A, {"account"}),
    ("another collected account", {"AWS": B}, {"b-account"}),
    ("an account that was not collected", {"AWS": C}, {f"@aws_account:arn:aws:iam::{C}:root"}),
    ("another account by its root", {"AWS": f"arn:aws:iam::{C}:root"}, {f"@aws_account:arn:aws:iam::{C}:root"}),
    ("a number with leading zeros", {"AWS": 12345}, {"@aws_account:arn:aws:iam::000000012345:root"}),
    ("two principals", {"AWS": [A, C]}, {"account", f"@aws_account:arn:aws:iam::{C}:root"}),
    ("a user", {"AWS": f"arn:aws:iam::{A}:user/ada"}, {"ada"}),
    ("a user with a path", {"AWS": f"arn:aws:iam::{A}:user/team/bob"}, {"bob"}),
    ("a role of the same account", {"AWS": f"arn:aws:iam::{A}:role/admin"}, {"admin"}),
    ("a role with a path", {"AWS": ROLE}, {"deploy"}),
    ("a user that was not collected", {"AWS": f"arn:aws:iam::{A}:user/new"}, set()),
    ("a user of another collected account", {"AWS": f"arn:aws:iam::{B}:user/b-user"}, {"b-user"}),
    ("a role of another collected account", {"AWS": f"arn:aws:iam::{B}:role/x/b-role"}, {"b-role"}),
    ("a role of an account that was not collected", {"AWS": f"arn:aws:iam::{C}:role/x/r"}, {f"@aws_iam_role:arn:aws:iam::{C}:role/x/r"}),
    ("a user of an account that was not collected", {"AWS": f"arn:aws:iam::{C}:user/u"}, {f"@aws_iam_user:arn:aws:iam::{C}:user/u"}),
    ("a session, whose ARN omits the path of the role", {"AWS": f"arn:aws:sts::{A}:assumed-role/deploy/build"}, {"deploy"}),
    ("a session of a role that was not collected", {"AWS": f"arn:aws:sts::{A}:assumed-role/new/build"}, set()),
    ("a session in another collected account", {"AWS": f"arn:aws:sts::{B}:assumed-role/b-role/s"}, {"b-role"}),
    ("a session in an account that was not collected", {"AWS": f"arn:aws:sts::{C}:assumed-role/r/s"}, {"@aws_iam_role:r"}),
    ("a federated user, represented by the account", {"AWS": f"arn:aws:sts::{A}:federated-user/eve"}, {"account"}),
    ("everyone", "*", {"@everyone:global:everyone"}),
    ("everyone as an AWS principal", {"AWS": "*"}, {"@everyone:global:everyone"}),
    ("a deleted principal", {"AWS": DELETED_ID}, set()),
    ("a unique id of a collected role", {"AWS": EXISTING_ID}, {"admin"}),
    ("a session by a unique id", {"AWS": f"{EXISTING_ID}:session"}, {"admin"}),
    ("a service", {"Service": "ec2.amazonaws.com"}, {"aws_ec2"}),
    ("a service in a region", {"Service": "logs.us-east-1.amazonaws.com"}, {"aws_cloudwatch_logs"}),
    ("a service in China", {"Service": "ec2.amazonaws.com.cn"}, {"aws_ec2"}),
    ("a service with hyphens", {"Service": "eks-fargate-pods.amazonaws.com"}, {"aws_eksfargate_pods"}),
    ("a part of a service", {"Service": "ecs-tasks.amazonaws.com"}, {"aws_ecs"}),
    ("Lambda@Edge", {"Service": ["lambda.amazonaws.com", "edgelambda.amazonaws.com"]}, {"aws_lambda"}),
    ("enhanced monitoring", {"Service": "monitoring.rds.amazonaws.com"}, {"aws_rds"}),
    ("flow logs", {"Service": "vpc-flow-logs.amazonaws.com"}, {"aws_ec2_vpc"}),
    ("an unknown part of a service", {"Service": "replicator.lambda.amazonaws.com"}, {"aws_replicator"}),
    ("an invalid service principal", {"Service": "example.org"}, set()),
    ("a SAML provider", {"Federated": f"arn:aws:iam::{A}:saml-provider/corp"}, {"saml"}),
    ("a SAML provider that was not collected", {"Federated": f"arn:aws:iam::{A}:saml-provider/new"}, set()),
    ("an OIDC provider", {"Federated": f"arn:aws:iam::{A}:oidc-provider/token.actions.githubusercontent.com"}, {"github"}),
    ("an OIDC provider that was not collected", {"Federated": f"arn:aws:iam::{A}:oidc-provider/x.org"}, {f"@aws_iam_oidc_provider:arn:aws:iam::{A}:oidc-provider/x.org"}),
    ("Cognito", {"Federated": "cognito-identity.amazonaws.com"}, {"@amazon_cognito_login:amazon_cognito_login:cognito-identity.amazonaws.com"}),
    ("Google", {"Federated": "accounts.google.com"}, {"@google_login:google_login:accounts.google.com"}),
    ("another provider", {"Federated": "login.example.org"}, {"@identity_provider:identity_provider:login.example.org"}),
    ("two kinds of principal", {"Service": "ec2.amazonaws.com", "AWS": A}, {"aws_ec2", "account"}),
    ("a canonical user", {"CanonicalUser": "79a59df9"}, set()),
    ("a pattern, which IAM does not accept", {"AWS": f"arn:aws:iam::{C}:role/*"}, set()),
    ("a group, which cannot be trusted", {"AWS": f"arn:aws:iam::{A}:group/devs"}, set()),
    ("an unknown kind of principal", {"Martian": "x"}, set()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("principal", "targets"), [each[1:] for each in PRINCIPALS], ids=[each[0] for each in PRINCIPALS]
)
def test_a_principal_is_resolved_to_its_target(principal, targets):
    assert set(trusted(trust(principal, action="sts:*"))) == targets


@pytest.mark.parametrize(
    ("action", "drawn"),
    [
        ("sts:AssumeRole", True),
        ("STS:assumerole", True),
        ("sts:Assume*", True),
        ("sts:*", True),
        ("*", True),
        (["sts:TagSession", "sts:AssumeRole"], True),
        ("sts:TagSession", False),
        ("sts:SetSourceIdentity", False),
        ("s3:*", False),
    ],
)
def test_only_actions_that_assume_the_role_are_trust(action, drawn):
    assert set(trusted(trust({"AWS": A}, action=action))) == ({"account"} if drawn else set())


@pytest.mark.parametrize(("spared", "drawn"), [("sts:TagSession", True), ("sts:Assume*", False)])
def test_a_not_action_can_be_trust(spared, drawn):
    found = trusted(trust({"AWS": A}, action=None, NotAction=spared))
    assert bool(found) is drawn
    assert all("actions" not in properties for properties in found.values())


def test_a_not_principal_is_everyone():
    properties = trusted(trust(None, NotPrincipal={"AWS": C}))["@everyone:global:everyone"]
    assert (properties["partial"], properties["public"], properties["notPrincipal"]) == (True, True, C)


SAML, OIDC = (
    f"arn:aws:iam::{A}:saml-provider/corp",
    f"arn:aws:iam::{A}:oidc-provider/token.actions.githubusercontent.com",
)


@pytest.mark.parametrize(
    ("principal", "action", "drawn"),
    [
        ({"Federated": SAML}, "sts:AssumeRole", False),
        ({"Federated": SAML}, "sts:AssumeRoleWithSAML", True),
        ({"Federated": SAML}, "sts:AssumeRoleWithWebIdentity", False),
        ({"Federated": OIDC}, "sts:AssumeRole", False),
        ({"Federated": OIDC}, "sts:AssumeRoleWithWebIdentity", True),
        ({"Federated": "accounts.google.com"}, "sts:AssumeRole", False),
        ({"Federated": "accounts.google.com"}, "sts:AssumeRoleWithWebIdentity", True),
        ({"AWS": A}, "sts:AssumeRoleWithSAML", False),
        ({"AWS": A}, "sts:AssumeRoleWithWebIdentity", False),
        ({"AWS": f"arn:aws:iam::{A}:role/admin"}, "sts:AssumeRoleWithSAML", False),
        ({"Service": "ec2.amazonaws.com"}, "sts:AssumeRoleWithSAML", False),
        ({"CanonicalUser": "79a59df9"}, "sts:AssumeRole", False),
        ("*", "sts:AssumeRoleWithWebIdentity", True),
    ],
)
def test_a_principal_that_an_action_is_not_for_is_let_in_by_nothing_and_counted(principal, action, drawn):
    found, counts = findings(trust(principal, action=action))
    assert any(isinstance(each, Relationship | MappedRelationship) for each in found) is drawn
    assert counts == ({} if drawn else {"impossibleTrusts": 1})


def test_two_not_principals_leave_out_only_those_whom_both_leave_out():
    found = trusted(trust(None, NotPrincipal={"AWS": [A, C]}), trust(None, NotPrincipal={"AWS": [B, C]}))
    assert found["@everyone:global:everyone"]["notPrincipal"] == C
    found = trusted(trust(None, NotPrincipal={"AWS": A}), trust(None, NotPrincipal={"AWS": C}))
    assert "notPrincipal" not in found["@everyone:global:everyone"]


SESSION, OF_ROLE = f"arn:aws:sts::{A}:assumed-role/deploy/s", f"arn:aws:iam::{A}:role/ci/deploy"


@pytest.mark.parametrize(
    ("allowed", "denied", "left"),
    [
        (SESSION, OF_ROLE, {}),
        (OF_ROLE, SESSION, {"deploy": True}),
        (SESSION, SESSION, {}),
        (SESSION, SESSION + "2", {"deploy": False}),
        (SESSION, f"arn:aws:iam::{A}:role/admin", {"deploy": False}),
        (SESSION, f"arn:aws:iam::{C}:role/ci/deploy", {"deploy": False}),
        (f"arn:aws:iam::{A}:role/admin", SESSION, {"admin": False}),
        (SESSION, A, {}),
        (A, SESSION, {"account": True}),
    ],
)
def test_a_session_is_related_to_its_role(allowed, denied, left):
    found = trusted(trust({"AWS": allowed}), trust({"AWS": denied}, Effect="Deny"))
    assert {name: properties["partial"] for name, properties in found.items()} == left


def test_everyone_narrowed_to_a_principal_that_does_not_exist_is_dangling():
    condition = {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{A}:role/new"}}
    assert findings(trust("*", condition)) == ([], {"danglingPrincipals": 1})


def test_a_plain_trust_has_all_properties():
    assert trusted(trust({"AWS": A})) == {
        "account": {
            "principal": A,
            "actions": ["sts:AssumeRole"],
            "roleName": "deploy",
            "conditional": False,
            "crossAccount": False,
            "partial": False,
            "statement": "[0]",
        }
    }


def test_the_external_id_is_a_property():
    properties = trusted(trust({"AWS": C}, EXTERNAL))[f"@aws_account:arn:aws:iam::{C}:root"]
    assert (properties["externalId"], properties["conditional"]) == ("secret", True)
    assert properties["conditions"] == '[{"StringEquals":{"sts:ExternalId":"secret"}}]'


def test_an_external_id_that_one_statement_does_not_require_is_omitted():
    properties = trusted(
        trust({"AWS": C}, EXTERNAL), trust({"AWS": C}, {"Bool": {"aws:MultiFactorAuthPresent": "true"}})
    )
    assert "externalId" not in properties[f"@aws_account:arn:aws:iam::{C}:root"]


@pytest.mark.parametrize(
    ("condition", "expected"),
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
def test_well_known_condition_keys_are_separate_properties(condition, expected):
    names = ("externalId", "mfa", "sourceAccount", "sourceArn", "orgIds", "principalArn")
    found = trusted(trust({"AWS": A}, condition))["account"]
    assert {name: found[name] for name in names if name in found} == expected


def test_everyone_restricted_to_an_organization_is_the_organization():
    properties = trusted(trust("*", ORGANIZATION))
    assert set(properties) == {"@aws_organization:o-1"}
    assert "public" not in properties["@aws_organization:o-1"]


def test_an_account_restricted_to_an_organization_stays_an_account():
    assert set(trusted(trust({"AWS": A}, ORGANIZATION))) == {"account"}


@pytest.mark.parametrize(("condition", "public"), [(None, True), (EXTERNAL, False)])
def test_everyone_is_public_unless_there_is_a_condition(condition, public):
    assert trusted(trust("*", condition))["@everyone:global:everyone"]["public"] is public


def test_statements_are_joined_by_target():
    found = trusted(
        trust({"AWS": A}, EXTERNAL, Sid="One"),
        trust({"AWS": f"arn:aws:iam::{A}:root"}, action="sts:Assume*"),
        trust({"Service": "ec2.amazonaws.com"}),
    )
    assert set(found) == {"account", "aws_ec2"}
    properties = found["account"]
    assert properties["principal"] == f"{A},arn:aws:iam::{A}:root"
    assert (properties["actions"], properties["statement"]) == (["sts:Assume*", "sts:AssumeRole"], "One,[1]")
    assert properties["conditional"] is False


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
    assert [properties["crossAccount"] for properties in trusted(trust(principal)).values()] == [cross]


@pytest.mark.parametrize(("organization", "external"), [({A, B}, True), ({A, C}, False)])
def test_an_account_outside_of_the_organization_is_marked(organization, external):
    properties = trusted(trust({"AWS": C}), organization=frozenset(organization))
    assert [each["external"] for each in properties.values()] == [external]


def test_external_is_omitted_if_the_organization_is_unknown():
    assert all("external" not in each for each in trusted(trust({"AWS": C})).values())


def test_session_service_and_federated_user_names_are_properties():
    session = f"arn:aws:sts::{A}:assumed-role/admin/"
    found = trusted(
        trust({"AWS": [session + "one", session + "two", f"arn:aws:sts::{A}:federated-user/eve"]}),
        trust({"Service": ["lambda.amazonaws.com", "edgelambda.amazonaws.com"]}),
    )
    assert found["admin"]["sessionName"] == "one,two"
    assert found["account"]["federatedUser"] == "eve"
    assert found["aws_lambda"]["servicePrincipal"] == "lambda.amazonaws.com,edgelambda.amazonaws.com"


def test_deleted_principals_are_listed_on_the_role_and_not_drawn():
    found, counts = findings(trust({"AWS": [DELETED_ID, DELETED_ID, EXISTING_ID]}))
    assert [each for each in found if isinstance(each, EntityProperties)] == [
        EntityProperties(ROLE, "aws_iam_role", {"danglingTrustedPrincipals": (DELETED_ID,)})
    ]
    assert counts["deletedPrincipals"] == 1


def test_an_invalid_principal_is_reported():
    found, counts = findings(trust({"AWS": f"arn:aws:iam::{C}:role/*"}))
    assert found == [AnalysisProblem(ROLE, "aws_iam_role", "unknown_principal", f"arn:aws:iam::{C}:role/*")]
    assert counts["unknownPrincipals"] == 1


def test_a_principal_that_was_not_collected_is_counted():
    assert findings(trust({"AWS": f"arn:aws:iam::{A}:user/new"}))[1] == {"danglingPrincipals": 1}


def test_a_service_is_requested_before_its_relationship():
    found = findings(trust({"Service": "ec2.amazonaws.com"}))[0]
    assert [type(each) for each in found] == [ServiceNode, Relationship]


def test_a_foreign_role_is_mapped_by_its_key_or_by_its_name():
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
def test_deny_removes_trust_or_marks_it_partial(denied, left):
    assert {name: properties["partial"] for name, properties in trusted(trust({"AWS": A}), denied).items()} == left


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
def test_a_malformed_trust_policy_is_reported(statement, detail):
    found, counts = findings(statement)
    assert found == [AnalysisProblem(ROLE, "aws_iam_role", "invalid_trust_policy", detail)]
    assert counts == {"invalidDocuments": 1}
