"""IAM answers about access keys, MFA devices, the credential report, providers and account settings."""

import base64
from functools import lru_cache

from . import wire
from .answers import UNPAGED, Numbers, Params, answers, constant, detail, inventory, listing, named, shaped
from .estate import Place
from .iam import MARKERS
from .ids import basics, digits, moment

_USER = {
    "Path": "/",
    "UserName": "user-%(here)s%(user)s",
    "UserId": "AIDA%(user_upper)s",
    "Arn": "arn:aws:iam::%(account)s:user/user-%(here)s%(user)s",
    "CreateDate": "%(at)s",
}
_KEY = {
    "UserName": "user-%(here)s%(user)s",
    "AccessKeyId": "AKIA%(upper)s",
    "Status": "Active",
    "CreateDate": "%(at)s",
}
_USED = wire.body(
    "iam",
    "GetAccessKeyLastUsed",
    {
        "UserName": "user-%(here)s%(user)s",
        "AccessKeyLastUsed": {"LastUsedDate": "%(at)s", "ServiceName": "s3", "Region": "%(home_region)s"},
    },
)
_SERIAL = "arn:aws:iam::%(account)s:mfa/mfa-%(here)s%(n)s"
_DEVICE = {"UserName": "user-%(here)s%(user)s", "SerialNumber": _SERIAL, "EnableDate": "%(at)s"}
_SAML = "arn:aws:iam::%(account)s:saml-provider/saml-%(here)s%(n)s"
_METADATA = (
    '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example.com/%(n)s">'
    "<IDPSSODescriptor></IDPSSODescriptor></EntityDescriptor>"
)
_COLUMNS = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,"
    "mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,"
    "access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,"
    "access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,"
    "cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
)
_NO_KEY = "false,N/A,N/A,N/A,N/A"


def _fields(place: Place, n: int) -> dict[str, str]:
    user = digits(n % place.n["aws_iam_user"])
    return {
        **basics(place, n),
        "user": user,
        "user_upper": f"{place.here}{user}".upper(),
        "home_region": place.home.region,
    }


def _of_user(kind: str) -> Numbers:
    def numbers(place: Place, params: Params) -> range:
        user = named(place, params.get("UserName", ""), "aws_iam_user", "NoSuchEntity")
        return range(user, place.n[kind], place.n["aws_iam_user"])

    return numbers


def _owned(name: str, items: str, kind: str, value: dict[str, str]) -> None:
    listing("iam", name, items, shaped("iam", name, items, value, _fields), _of_user(kind), MARKERS)


inventory("iam", "ListUsers", "Users", "aws_iam_user", {**_USER, "PasswordLastUsed": "%(at)s"}, MARKERS, _fields)
_owned("ListAccessKeys", "AccessKeyMetadata", "aws_iam_access_key", _KEY)
_owned("ListMFADevices", "MFADevices", "mfa_device", _DEVICE)
inventory(
    "iam",
    "ListVirtualMFADevices",
    "VirtualMFADevices",
    "mfa_device",
    {"SerialNumber": _SERIAL, "EnableDate": "%(at)s", "User": _USER},
    MARKERS,
    _fields,
)
inventory(
    "iam",
    "ListSAMLProviders",
    "SAMLProviderList",
    "aws_iam_saml_provider",
    {"Arn": _SAML, "ValidUntil": "2126-01-01T00:00:00.000Z", "CreateDate": "%(at)s"},
    UNPAGED,
)
detail(
    "iam",
    "GetSAMLProvider",
    "SAMLProviderArn",
    "aws_iam_saml_provider",
    {
        "SAMLProviderUUID": "SAMLSPCANNED%(n)s",
        "SAMLMetadataDocument": _METADATA,
        "CreateDate": "%(at)s",
        "ValidUntil": "2126-01-01T00:00:00.000Z",
        "Tags": [],
        "AssertionEncryptionMode": "Allowed",
    },
    "NoSuchEntity",
)
constant("iam", "ListOpenIDConnectProviders", {"OpenIDConnectProviderList": []})
constant("iam", "ListAccountAliases", {"AccountAliases": ["canned-%(account)s"], "IsTruncated": False})
constant(
    "iam",
    "GetAccountPasswordPolicy",
    {
        "PasswordPolicy": {
            "MinimumPasswordLength": 14,
            "RequireSymbols": True,
            "RequireNumbers": True,
            "RequireUppercaseCharacters": True,
            "RequireLowercaseCharacters": True,
            "AllowUsersToChangePassword": True,
            "ExpirePasswords": True,
            "MaxPasswordAge": 90,
            "PasswordReusePrevention": 24,
            "HardExpiry": False,
        }
    },
)
constant("iam", "GenerateCredentialReport", {"State": "COMPLETE"})
_REPORT = wire.body(
    "iam",
    "GetCredentialReport",
    {"Content": "%(content)s", "ReportFormat": "text/csv", "GeneratedTime": "2026-11-23T00:00:00Z"},
)
_SUMMARY = wire.body(
    "iam",
    "GetAccountSummary",
    {
        "SummaryMap": {
            "Users": "%(users)s",
            "Groups": "%(groups)s",
            "Roles": "%(roles)s",
            "Policies": "%(policies)s",
            "MFADevices": "%(devices)s",
            "MFADevicesInUse": "%(devices)s",
            "AccountMFAEnabled": 1,
            "AccountAccessKeysPresent": 0,
            "AccountSigningCertificatesPresent": 0,
            "UsersQuota": 5000,
            "GroupsQuota": 300,
            "RolesQuota": 1000,
            "PoliciesQuota": 1500,
            "AttachedPoliciesPerUserQuota": 10,
        }
    },
)


@answers("iam", "GetAccessKeyLastUsed")
def _last_used(place: Place, params: Params) -> str:
    number = named(place, str(params["AccessKeyId"]).lower(), "aws_iam_access_key", "NoSuchEntity")
    return place.fill(_USED, _fields(place, number))


@answers("iam", "GetAccountSummary")
def _summary(place: Place, _: Params) -> str:
    kinds = {
        "users": "aws_iam_user",
        "groups": "aws_iam_group",
        "roles": "aws_iam_role",
        "policies": "aws_iam_policy",
        "devices": "mfa_device",
    }
    return place.fill(_SUMMARY, {field: str(place.n[kind]) for field, kind in kinds.items()})


@answers("iam", "GetCredentialReport")
def _credential_report(place: Place, _: Params) -> str:
    return place.fill(_REPORT, {"content": _report(place)})


@lru_cache(maxsize=64)
def _report(place: Place) -> str:
    root = f"<root_account>,arn:aws:iam::{place.account}:root,2020-01-01T00:00:00+00:00"
    rows = [f"{root},not_supported,2025-01-01T00:00:00+00:00,not_supported,not_supported,true,{_NO_KEY},{_NO_KEY}"]
    rows += [_report_row(place, n) for n in range(place.n["aws_iam_user"])]
    lines = [_COLUMNS, *(f"{row},false,N/A,false,N/A" for row in rows)]
    return base64.b64encode("\n".join(lines).encode()).decode()


def _report_row(place: Place, n: int) -> str:
    users, at = place.n["aws_iam_user"], moment(n).replace(".000Z", "+00:00")
    keys = len(range(n, place.n["aws_iam_access_key"], users))
    devices = len(range(n, place.n["mfa_device"], users))
    name = f"user-{place.here}{digits(n)}"
    used = f"true,{at},{at},{place.home.region},s3"
    shown = ",".join(used if keys > slot else _NO_KEY for slot in (0, 1))
    who = f"{name},arn:aws:iam::{place.account}:user/{name},{at}"
    return f"{who},true,{at},{at},N/A,{str(devices > 0).lower()},{shown}"
