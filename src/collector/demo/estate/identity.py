"""The organization, the account and IAM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector.demo.estate.cloud import Cloud, Json, policy, tags, trust
from collector.demo.places import HOME, PARTNER, STRANGER

if TYPE_CHECKING:
    from collector.demo.estate.seeded import SeededIds

READ_DATA = policy(
    {
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": ["arn:aws:s3:::acme-data", "arn:aws:s3:::acme-data/*"],
    },
    {"Action": "dynamodb:Query", "Resource": f"arn:aws:dynamodb:us-east-1:{HOME}:table/orders"},
)
ALL_OF_S3 = policy({"Sid": "TooMuch", "Action": "s3:*", "Resource": "*"})
NO_DELETION = policy({"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"})

AWS_POLICIES = ("AdministratorAccess", "ReadOnlyAccess", "SecurityAudit")
"""The AWS managed policies that are attached to an identity."""

SERVICE_ROLES = {
    "batch-service": "batch.amazonaws.com",
    "config-recorder": "config.amazonaws.com",
    "eks-cluster": "eks.amazonaws.com",
    "flow-logs": "vpc-flow-logs.amazonaws.com",
    "orders-function": "lambda.amazonaws.com",
    "shop-task": "ecs-tasks.amazonaws.com",
    "shop-task-execution": "ecs-tasks.amazonaws.com",
    "spot-fleet": "spotfleet.amazonaws.com",
    "transfer-access": "transfer.amazonaws.com",
    "web-server": "ec2.amazonaws.com",
}
"""Service roles, each with the service that it trusts."""


def organization(cloud: Cloud, ids: SeededIds) -> None:
    """An organization with one member besides the collected account."""
    organizations = cloud.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    status = organizations.create_account(Email="sandbox@example.com", AccountName="Acme Sandbox")
    ids.member_account = status["CreateAccountStatus"]["AccountId"]
    organizations.tag_resource(ResourceId=ids.member_account, Tags=tags(Environment="sandbox"))


def account(cloud: Cloud, _ids: SeededIds) -> None:
    """The account's settings: alias, password policy, alternate contact, public access block."""
    iam = cloud.client("iam")
    iam.create_account_alias(AccountAlias="acme-prod")
    iam.update_account_password_policy(
        MinimumPasswordLength=14,
        RequireSymbols=True,
        RequireNumbers=True,
        MaxPasswordAge=90,
        PasswordReusePrevention=24,
    )
    cloud.client("account").put_alternate_contact(
        AlternateContactType="SECURITY",
        EmailAddress="security@example.com",
        Name="Security desk",
        PhoneNumber="+1 555 0100",
        Title="On call",
    )
    block = {"BlockPublicAcls": True, "IgnorePublicAcls": True}
    cloud.client("s3control").put_public_access_block(
        AccountId=HOME, PublicAccessBlockConfiguration={**block, "BlockPublicPolicy": False}
    )


def policies(cloud: Cloud, ids: SeededIds) -> None:
    """A policy that names resources, one that allows all of S3, and one that denies."""
    iam = cloud.client("iam")
    answer = iam.create_policy(PolicyName="read-data", PolicyDocument=READ_DATA, Tags=tags(Team="data"))
    ids.data_policy = answer["Policy"]["Arn"]
    iam.create_policy(PolicyName="all-of-s3", PolicyDocument=ALL_OF_S3, Path="/storage/")
    iam.create_policy(PolicyName="no-deletion", PolicyDocument=NO_DELETION)


def users(cloud: Cloud, ids: SeededIds) -> None:
    """A person with password, access key and MFA device in a group, and a machine user."""
    iam = cloud.client("iam")
    ids.user = "alice@example.com"
    user = iam.create_user(UserName=ids.user, Tags=tags(Email=ids.user, Team="platform"))
    ids.user_arn = user["User"]["Arn"]
    iam.create_login_profile(UserName=ids.user, Password="s3cr3t-Password-1!")
    iam.create_access_key(UserName=ids.user)
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="alice")["VirtualMFADevice"]
    iam.enable_mfa_device(
        UserName=ids.user,
        SerialNumber=device["SerialNumber"],
        AuthenticationCode1="123456",
        AuthenticationCode2="654321",
    )
    iam.create_group(GroupName="developers")
    iam.add_user_to_group(GroupName="developers", UserName=ids.user)
    iam.attach_user_policy(UserName=ids.user, PolicyArn=ids.data_policy)
    iam.put_user_policy(UserName=ids.user, PolicyName="own-reads", PolicyDocument=READ_DATA)
    iam.attach_group_policy(GroupName="developers", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    iam.attach_group_policy(GroupName="developers", PolicyArn=f"arn:aws:iam::{HOME}:policy/storage/all-of-s3")
    iam.put_group_policy(GroupName="developers", PolicyName="group-denials", PolicyDocument=NO_DELETION)
    iam.create_user(UserName="build+deploy=ci", Path="/machines/")
    iam.create_access_key(UserName="build+deploy=ci")


def roles(cloud: Cloud, ids: SeededIds) -> None:
    """The service roles, with policies on some of them."""
    iam = cloud.client("iam")
    ids.roles = {}
    for name, service in SERVICE_ROLES.items():
        document = trust({"Service": service})
        answer = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, Tags=tags(Team="platform"))
        ids.roles[name] = answer["Role"]["Arn"]
    iam.put_role_policy(RoleName="orders-function", PolicyName="orders-data", PolicyDocument=READ_DATA)
    iam.attach_role_policy(RoleName="orders-function", PolicyArn=ids.data_policy)
    iam.attach_role_policy(RoleName="web-server", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    iam.put_role_permissions_boundary(RoleName="shop-task", PermissionsBoundary=ids.data_policy)
    iam.create_instance_profile(InstanceProfileName="web-server")
    iam.add_role_to_instance_profile(InstanceProfileName="web-server", RoleName="web-server")


def trusted_outsiders(cloud: Cloud, ids: SeededIds) -> None:
    """Identity providers, and roles that trust them, other accounts, users and roles."""
    iam = cloud.client("iam")
    metadata = '<EntityDescriptor entityID="https://idp.example.com"/>'.ljust(1000)
    ids.saml_provider = iam.create_saml_provider(Name="okta", SAMLMetadataDocument=metadata)["SAMLProviderArn"]
    actions = "token.actions.githubusercontent.com"
    provider = iam.create_open_id_connect_provider(Url=f"https://{actions}", ThumbprintList=["a" * 40])
    ids.oidc_provider = provider["OpenIDConnectProviderArn"]
    external_id: Json = {"StringEquals": {"sts:ExternalId": "acme-partner-7"}}
    trusts = {
        "people": trust({"Federated": ids.saml_provider}, action="sts:AssumeRoleWithSAML"),
        "pipelines": trust(
            {"Federated": ids.oidc_provider},
            {"StringLike": {f"{actions}:sub": "repo:acme/*"}},
            "sts:AssumeRoleWithWebIdentity",
        ),
        "partner-audit": trust({"AWS": f"arn:aws:iam::{PARTNER}:root"}, external_id),
        "break-glass": trust({"AWS": [ids.user_arn, ids.roles["web-server"]]}),
        "vendor": trust({"AWS": [f"arn:aws:iam::{STRANGER}:role/scanner", f"arn:aws:iam::{STRANGER}:user/bob"]}),
    }
    for name, document in trusts.items():
        answer = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
        ids.roles[name] = answer["Role"]["Arn"]
    iam.attach_role_policy(RoleName="partner-audit", PolicyArn="arn:aws:iam::aws:policy/SecurityAudit")


def credential_report(cloud: Cloud, _ids: SeededIds) -> None:
    """The credential report, generated last so that it contains all users."""
    cloud.client("iam").generate_credential_report()
