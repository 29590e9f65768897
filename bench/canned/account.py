"""STS, Organizations and Account answers."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from . import wire
from .answers import AwsError, Paging, Params, answers, constant, listing
from .estate import MANAGEMENT_ACCOUNT, Place

_SESSION = "AROACANNED0000000000:%(session)s"
_ASSUMED = wire.body(
    "sts",
    "AssumeRole",
    {
        "Credentials": {
            "AccessKeyId": "%(key)s",
            "SecretAccessKey": "canned/canned/canned/canned/canned/canned",
            "SessionToken": "canned-session-of-%(target)s-%(session)s",
            "Expiration": "%(until)s",
        },
        "AssumedRoleUser": {
            "AssumedRoleId": _SESSION,
            "Arn": "arn:aws:sts::%(target)s:assumed-role/%(role)s/%(session)s",
        },
    },
)
_USER = wire.body(
    "sts",
    "GetCallerIdentity",
    {"UserId": "AIDACANNED0000000000", "Account": "%(account)s", "Arn": "arn:aws:iam::%(account)s:user/collector"},
)
_ROLE = wire.body(
    "sts",
    "GetCallerIdentity",
    {
        "UserId": "AROACANNED0000000000:collector",
        "Account": "%(account)s",
        "Arn": "arn:aws:sts::%(account)s:assumed-role/collector/collector",
    },
)
_ROLE_ARN = re.compile(r"arn:aws:iam::(\d{12}):role/(?:.*/)?([^/]+)")


@answers("sts", "AssumeRole")
def _assume(place: Place, params: Params) -> str:
    match = _ROLE_ARN.fullmatch(str(params["RoleArn"]))
    if match is None:
        raise AwsError("ValidationError", f"{params['RoleArn']} is invalid")
    # The key contains the account, which identifies it in every later request.
    until = datetime.now(UTC) + timedelta(seconds=int(params.get("DurationSeconds", 3600)))
    fields = {
        "target": match[1],
        "role": match[2],
        "session": str(params["RoleSessionName"]),
        "key": f"ASIA{match[1]}CAN0",
        "until": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return place.fill(_ASSUMED, fields)


@answers("sts", "GetCallerIdentity")
def _caller(place: Place, params: Params) -> str:
    return place.fill(_ROLE if str(params["caller"]).startswith("ASIA") else _USER)


_ORGANIZATION = {
    "Id": "o-canned0000",
    "Arn": f"arn:aws:organizations::{MANAGEMENT_ACCOUNT}:organization/o-canned0000",
    "FeatureSet": "ALL",
    "MasterAccountArn": f"arn:aws:organizations::{MANAGEMENT_ACCOUNT}:account/o-canned0000/{MANAGEMENT_ACCOUNT}",
    "MasterAccountId": MANAGEMENT_ACCOUNT,
    "MasterAccountEmail": "root@example.com",
    "AvailablePolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}],
}
_MEMBER: dict[str, Any] = {
    "Id": "%(member)s",
    "Arn": f"arn:aws:organizations::{MANAGEMENT_ACCOUNT}:account/o-canned0000/%(member)s",
    "Email": "account-%(member)s@example.com",
    "Name": "account-%(member)s",
    "Status": "ACTIVE",
    "JoinedMethod": "CREATED",
    "JoinedTimestamp": "1735689600.0",
}
_MEMBERS = wire.row("organizations", "ListAccounts", "Accounts", _MEMBER)


def _member(place: Place, number: int) -> str:
    return place.fill(_MEMBERS, {"member": place.estate.accounts[number]})


def _members(place: Place, _: Params) -> range:
    if place.account != MANAGEMENT_ACCOUNT:
        raise AwsError("AccessDeniedException", "You don't have permissions to access this resource.")
    return range(len(place.estate.accounts))


constant("organizations", "DescribeOrganization", {"Organization": _ORGANIZATION})
listing("organizations", "ListAccounts", "Accounts", _member, _members, Paging(default=20, maximum=20))
constant(
    "organizations",
    "ListTagsForResource",
    {"Tags": wire.tags(Team="platform", Environment="production")},
)
constant("organizations", "ListParents", {"Parents": [{"Id": "r-cann", "Type": "ROOT"}]})


@answers("account", "GetAlternateContact")
def _contact(_place: Place, params: Params) -> str:
    raise AwsError("ResourceNotFoundException", f"No contact of type {params.get('AlternateContactType')}.", 404)


def _region(place: Place, number: int) -> str:
    return place.fill(_REGION, {"name": place.estate.regions[number]})


_REGION = wire.row(
    "account", "ListRegions", "Regions", {"RegionName": "%(name)s", "RegionOptStatus": "ENABLED_BY_DEFAULT"}
)
listing(
    "account",
    "ListRegions",
    "Regions",
    _region,
    lambda place, _: range(len(place.estate.regions)),
    Paging(default=50, maximum=50),
)
