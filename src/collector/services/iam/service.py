"""AWS IAM. `GetAccountAuthorizationDetails` returns users, groups, roles and policies together.

It lists AWS managed policies only if they are attached. Names of users, groups and roles are unique in the account.
"""

from dataclasses import replace

from collector.model import AWS
from collector.schema.declarations import (
    Call,
    Computed,
    Edge,
    Entity,
    First,
    Fixed,
    Hydrate,
    Join,
    MappedEntity,
    Row,
    SameAnswer,
    Service,
    Source,
    Template,
    Via,
    pick,
    service_node,
)
from collector.schema.values import account_of, boolean, count, document, is_one_of, last_segment, listed, only
from collector.services.iam.credential_report import (
    ROOT,
    any_flag,
    credential_report,
    is_use_unknown,
    last_used,
    last_used_on,
    latest_time,
    may_have_access_keys,
    not_false,
    report_field,
)
from collector.services.iam.policies import (
    default_document,
    default_grants_everything,
    deleted_principals,
    email,
    entity_id,
    grants_everything,
)

DETAILS = Call("get_account_authorization_details", "@", {"MaxItems": 200})
REPORT = credential_report()
KEYS_ACTIVE = ("access_key_1_active", "access_key_2_active")
KEYS_LAST_USED = ("access_key_1_last_used_date", "access_key_2_last_used_date")
ADDRESS = email("UserName", "Tags")


def is_aws_managed(arn: str) -> bool:
    """Whether a policy is an AWS managed one, by its ARN."""
    return account_of(arn) == AWS


def aws_only(arn: str) -> str | None:
    """The owner of an AWS managed policy, which all accounts see; None of other policies."""
    return AWS if is_aws_managed(arn) else None


def is_used(row: Row) -> bool:
    """Whether a policy is attached, or used as a permissions boundary."""
    return bool(row.get("AttachmentCount") or row.get("PermissionsBoundaryUsageCount"))


def is_collected(row: Row) -> bool:
    """Whether a policy is customer managed, or an AWS managed one in use."""
    return is_used(row) or not is_aws_managed(row.get("Arn", ""))


def unless_not_applicable(value: str) -> str | None:
    """The value, or None for the `N/A` of IAM."""
    return None if value == "N/A" else value


def list_per_user(op: str, items: str, when: Source) -> Call:
    """A list operation that is called once per user for whom `when` is true."""
    return Call(op, items, {"MaxItems": 100}, each="aws_iam_user", args={"UserName": "UserName"}, when=when)


def attached_policies(type_: str) -> Edge:
    """HAS its attached managed policies."""
    return Edge(type_, "HAS", "aws_iam_policy", at="AttachedManagedPolicies[].PolicyArn")


user = Entity(
    type="aws_iam_user",
    cls="User",
    rows=SameAnswer(DETAILS, "UserDetailList"),
    join=(Join(REPORT, "Report", on="arn", to="Arn"),),
    key="Arn",
    id="UserId",
    also={"name": "UserName"},
    name="UserName",
    created="CreateDate",
    active=any_flag("Report", "password_enabled", *KEYS_ACTIVE),
    web="https://{console}/iam/home#/users/details/{UserName}",
    tags="Tags",
    props=pick(
        "Path",
        "GroupList",
        "PermissionsBoundary.PermissionsBoundaryArn",
        username=listed("UserName"),
        email=listed(ADDRESS),
        attachedManagedPolicies="AttachedManagedPolicies[].PolicyArn",
        passwordEnabled=report_field("Report", "password_enabled"),
        passwordLastUsed=latest_time("Report", "password_last_used"),
        passwordLastChanged=latest_time("Report", "password_last_changed"),
        passwordNextRotation=latest_time("Report", "password_next_rotation"),
        mfaEnabled=report_field("Report", "mfa_active"),
        accessKeyEnabled=any_flag("Report", *KEYS_ACTIVE),
        accessKeyLastUsed=latest_time("Report", *KEYS_LAST_USED),
    ),
    edges=(
        Edge("aws_iam_group", "CONTAINS", "aws_iam_user", at="GroupList[]", by="name"),
        attached_policies("aws_iam_user"),
        Edge(
            "aws_iam_user",
            "IS",
            "Person",
            outside=MappedEntity(
                {"_class": Fixed("Person"), "email": ADDRESS}, match=(("_class", "email"),), create=False
            ),
        ),
    ),
)

group = Entity(
    type="aws_iam_group",
    cls="UserGroup",
    rows=SameAnswer(DETAILS, "GroupDetailList"),
    key="Arn",
    id="GroupId",
    also={"name": "GroupName"},
    name="GroupName",
    created="CreateDate",
    web="https://{console}/iam/home#/groups/details/{GroupName}",
    props=pick("GroupName", "Path", attachedManagedPolicies="AttachedManagedPolicies[].PolicyArn"),
    edges=(attached_policies("aws_iam_group"),),
)

role = Entity(
    type="aws_iam_role",
    cls="AccessRole",
    rows=SameAnswer(DETAILS, "RoleDetailList"),
    key="Arn",
    id="RoleId",
    also={
        "name": "RoleName",
        "profile": "InstanceProfileList[].Arn",
        "profileName": "InstanceProfileList[].InstanceProfileName",
    },
    name="RoleName",
    created="CreateDate",
    web="https://{console}/iam/home#/roles/details/{RoleName}",
    tags="Tags",
    props=pick(
        "RoleName",
        "Path",
        "PermissionsBoundary.PermissionsBoundaryArn",
        systemRole=Via("Path", lambda path: path.startswith("/aws-service-role/")),
        assumeRolePolicyDocument=document("AssumeRolePolicyDocument"),
        danglingTrustedPrincipals=deleted_principals("AssumeRolePolicyDocument"),
        instanceProfileId=only("InstanceProfileList[].InstanceProfileId"),
        instanceProfileArn=only("InstanceProfileList[].Arn"),
        attachedManagedPolicies="AttachedManagedPolicies[].PolicyArn",
        lastUsedOn="RoleLastUsed.LastUsedDate",
        lastUsedRegion="RoleLastUsed.Region",
    ),
    facts={"trust": document("AssumeRolePolicyDocument")},
    edges=(attached_policies("aws_iam_role"),),
)

policy = Entity(
    type="aws_iam_policy",
    cls="AccessPolicy",
    rows=SameAnswer(DETAILS, "Policies"),
    when=Computed(is_collected, ("Arn", "AttachmentCount", "PermissionsBoundaryUsageCount")),
    key="Arn",
    id="PolicyId",
    owner=Via("Arn", aws_only),
    also={"name": "PolicyName"},
    name="PolicyName",
    created="CreateDate",
    web="https://{console}/iam/home#/policies/details/{Arn}",
    props=pick(
        "PolicyName",
        "Path",
        "Description",
        "DefaultVersionId",
        "AttachmentCount",
        "PermissionsBoundaryUsageCount",
        "IsAttachable",
        updatedOn="UpdateDate",
        versionCount=count("PolicyVersionList"),
        policyDocument=default_document("PolicyVersionList"),
        admin=default_grants_everything("PolicyVersionList"),
        vendorManaged=Via("Arn", is_aws_managed),
        inUse=Computed(is_used, ("AttachmentCount", "PermissionsBoundaryUsageCount")),
    ),
    facts={
        "policy": default_document("PolicyVersionList"),
        "version": "DefaultVersionId",
        "attached": "AttachmentCount",
    },
)


def inline_policy(type_: str, owner: str, details: str) -> Entity:
    """The inline policies of users, groups or roles."""
    return Entity(
        type=type_,
        cls="AccessPolicy",
        rows=SameAnswer(DETAILS, details),
        key=Template("{^.Arn}/inline-policy/{PolicyName}"),
        arn=None,
        name="PolicyName",
        props=pick(
            "PolicyName",
            ownerArn="^.Arn",
            policyDocument=document("PolicyDocument"),
            admin=grants_everything("PolicyDocument"),
            vendorManaged=Fixed(value=False),
        ),
        facts={"policy": document("PolicyDocument")},
        edges=(Edge(owner, "HAS", type_, at="^.Arn"),),
    )


user_policy = inline_policy("aws_iam_user_policy", "aws_iam_user", "UserDetailList[].UserPolicyList")
group_policy = inline_policy("aws_iam_group_policy", "aws_iam_group", "GroupDetailList[].GroupPolicyList")
role_policy = inline_policy("aws_iam_role_policy", "aws_iam_role", "RoleDetailList[].RolePolicyList")

access_key = Entity(
    type="aws_iam_access_key",
    cls="AccessKey",
    rows=list_per_user("list_access_keys", "AccessKeyMetadata", when=may_have_access_keys("Report")),
    hydrate=(Hydrate("get_access_key_last_used", "Use", {"AccessKeyId": "AccessKeyId"}, when=is_use_unknown),),
    key=Template("arn:{partition}:iam::{account}:user/{UserName}/access-key/{AccessKeyId}"),
    arn=None,
    id="AccessKeyId",
    name="AccessKeyId",
    created="CreateDate",
    active=is_one_of("Status", "Active"),
    web="https://{console}/iam/home#/users/details/{UserName}?section=security_credentials",
    props=pick(
        "Status",
        username=listed("UserName"),
        lastUsedOn=First(last_used_on, "Use.AccessKeyLastUsed.LastUsedDate"),
        lastUsedServiceName=First(
            last_used("last_used_service"), Via("Use.AccessKeyLastUsed.ServiceName", unless_not_applicable)
        ),
        lastUsedRegion=First(last_used("last_used_region"), Via("Use.AccessKeyLastUsed.Region", unless_not_applicable)),
    ),
    edges=(Edge("aws_iam_user", "HAS", "aws_iam_access_key", at="^.Arn"),),
)

virtual_mfa_device = Entity(
    type="mfa_device",
    cls="AccessKey",
    rows=Call("list_virtual_mfa_devices", "VirtualMFADevices", {"AssignmentStatus": "Assigned", "MaxItems": 1000}),
    key="SerialNumber",
    id="SerialNumber",
    name=last_segment("SerialNumber"),
    tags="Tags",
    props=pick("SerialNumber", "EnableDate", username=listed("User.UserName"), kind=Fixed("virtual")),
    secrets=("Base32StringSeed", "QRCodePNG"),
    edges=(Edge(("aws_iam_user", "aws_account"), "HAS", "mfa_device", at="User.Arn"),),
)


def is_physical(serial: str) -> bool:
    """Whether a serial number is not that of a virtual device. Virtual devices are listed for the whole account."""
    return ":mfa/" not in serial


def fido_arn(serial: str) -> str | None:
    """The ARN of a FIDO security key; None for other hardware, which has a bare serial number."""
    return serial if serial.startswith("arn:") else None


# A user may have virtual and other devices at once, and the report tells only whether there is any.
mfa_device = replace(
    virtual_mfa_device,
    rows=list_per_user("list_mfa_devices", "MFADevices", when=not_false("Report", "mfa_active")),
    when=Via("SerialNumber", is_physical),
    key=First(Via("SerialNumber", fido_arn), Template("{account}:mfa:{SerialNumber}")),
    arn=Via("SerialNumber", fido_arn),
    tags=None,
    props=pick(
        "SerialNumber",
        "EnableDate",
        username=listed("UserName"),
        kind=Via("SerialNumber", lambda serial: "fido" if fido_arn(serial) else "hardware"),
    ),
    secrets=(),
    edges=(Edge("aws_iam_user", "HAS", "mfa_device", at="^.Arn"),),
)

password_policy = Entity(
    type="aws_iam_account_password_policy",
    cls="PasswordPolicy",
    rows=Call("get_account_password_policy", "PasswordPolicy", absent=("NoSuchEntity",)),
    key=Template("arn:{partition}:iam::{account}:account-password-policy"),
    arn=None,
    name=Fixed("account-password-policy"),
    web="https://{console}/iam/home#/account_settings",
    props=pick(
        "AllowUsersToChangePassword",
        "ExpirePasswords",
        "HardExpiry",
        "RequireSymbols",
        "RequireNumbers",
        minLength="MinimumPasswordLength",
        requireUppercase="RequireUppercaseCharacters",
        requireLowercase="RequireLowercaseCharacters",
        maxAgeDays="MaxPasswordAge",
        historyCount="PasswordReusePrevention",
    ),
)

saml_provider = Entity(
    type="aws_iam_saml_provider",
    cls="Service",
    rows=Call("list_saml_providers", "SAMLProviderList"),
    hydrate=(Hydrate("get_saml_provider", "Detail", {"SAMLProviderArn": "Arn"}),),
    key="Arn",
    name=last_segment("Arn"),
    created="CreateDate",
    web="https://{console}/iam/home#/identity_providers/details/SAML/{Arn}",
    tags="Detail.Tags",
    props=pick(
        category=Fixed(["security"]),
        function=Fixed(["IAM"]),
        expiresOn="ValidUntil",
        samlProviderUuid="Detail.SAMLProviderUUID",
        assertionEncryptionMode="Detail.AssertionEncryptionMode",
        entityId=entity_id("Detail.SAMLMetadataDocument"),
        samlMetadataDocument="Detail.SAMLMetadataDocument",
    ),
)

oidc_provider = Entity(
    type="aws_iam_oidc_provider",
    cls="Service",
    rows=Call("list_open_id_connect_providers", "OpenIDConnectProviderList"),
    hydrate=(Hydrate("get_open_id_connect_provider", "Detail", {"OpenIDConnectProviderArn": "Arn"}),),
    key="Arn",
    name="Detail.Url",
    created="Detail.CreateDate",
    web="https://{console}/iam/home#/identity_providers/details/OPENID/{Arn}",
    tags="Detail.Tags",
    props=pick(
        category=Fixed(["security"]),
        function=Fixed(["IAM"]),
        url="Detail.Url",
        clientIds="Detail.ClientIDList",
        thumbprints="Detail.ThumbprintList",
    ),
)

node = service_node(
    "aws_iam",
    "AWS Identity and Access Management",
    category=("security",),
    function=("IAM",),
    hydrate=(Hydrate("get_account_summary", "Summary"),),
    join=(Join(REPORT, "Report", on="arn", to=ROOT),),
    props=pick(
        "Summary.SummaryMap.Users",
        "Summary.SummaryMap.Groups",
        "Summary.SummaryMap.Roles",
        "Summary.SummaryMap.Policies",
        "Summary.SummaryMap.Providers",
        "Summary.SummaryMap.ServerCertificates",
        mfaDevices="Summary.SummaryMap.MFADevices",
        mfaDevicesInUse="Summary.SummaryMap.MFADevicesInUse",
        accountMfaEnabled=boolean("Summary.SummaryMap.AccountMFAEnabled"),
        accountAccessKeysPresent="Summary.SummaryMap.AccountAccessKeysPresent",
        rootUserMfaEnabled=report_field("Report", "mfa_active"),
        rootUserAccessKeyEnabled=any_flag("Report", *KEYS_ACTIVE),
        rootUserAccessKeyLastUsed=latest_time("Report", *KEYS_LAST_USED),
        rootUserPasswordLastUsed=latest_time("Report", "password_last_used"),
    ),
)

SERVICE = Service(
    name="iam",
    client="iam",
    title="IAM",
    scope="global",
    node=node,
    has=(
        "aws_iam_user",
        "aws_iam_group",
        "aws_iam_role",
        "aws_iam_policy",
        "aws_iam_user_policy",
        "aws_iam_group_policy",
        "aws_iam_role_policy",
        "aws_iam_account_password_policy",
        "aws_iam_saml_provider",
        "aws_iam_oidc_provider",
    ),
    entities=(
        user,
        group,
        role,
        policy,
        user_policy,
        group_policy,
        role_policy,
        access_key,
        virtual_mfa_device,
        mfa_device,
        password_policy,
        saml_provider,
        oidc_provider,
    ),
)
