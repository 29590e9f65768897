"""IAM's GetAccountAuthorizationDetails: users, groups, roles and policies."""

from collections.abc import Mapping
from typing import Any

from . import wire
from .answers import Paging, Params, answers, token_of, values
from .estate import Place
from .ids import basics, digits

MARKERS = Paging("MaxItems", "Marker", "Marker", default=100, maximum=1000, more="IsTruncated")
AWS_POLICIES = ("ReadOnlyAccess", "SecurityAudit", "AmazonS3ReadOnlyAccess")
_SECTIONS = ("aws_iam_user", "aws_iam_group", "aws_iam_role", "aws_iam_policy")
_LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
_FILTERS = ({"User"}, {"Group"}, {"Role"}, {"LocalManagedPolicy", "AWSManagedPolicy"})


def _allow(actions: list[str], *resources: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources) or "*", **more}


_BUCKET = "arn:aws:s3:::data-%(here)s%(bucket)s"
_HOME = "%(home_region)s:%(account)s"
_LOGS = (
    _allow(
        ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        f"arn:aws:logs:{_HOME}:log-group:/aws/lambda/*:*",
    ),
    _allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords"]),
)
_DESCRIBE = _allow(["ec2:Describe*", "elasticloadbalancing:Describe*", "autoscaling:Describe*"], Sid="Look")
_START = _allow(
    ["ec2:StartInstances"],
    f"arn:aws:ec2:{_HOME}:instance/*",
    Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}},
)
_BUCKETS = (
    _allow(["s3:ListBucket", "s3:GetBucketLocation"], _BUCKET, Sid="List"),
    _allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], f"{_BUCKET}/*", Sid="Objects"),
)
_MESSAGES = (
    _allow(["sqs:SendMessage", "sqs:ReceiveMessage"], f"arn:aws:sqs:{_HOME}:queue-%(home)s%(other)s"),
    _allow(["sns:Publish"], f"arn:aws:sns:{_HOME}:topic-%(home)s%(other)s"),
)
_KEYS = (_allow(["kms:Decrypt", "kms:GenerateDataKey"], f"arn:aws:kms:{_HOME}:key/*", Sid="Keys"),)
_COMMON = (_BUCKETS, _LOGS, (_DESCRIBE,), _MESSAGES, _KEYS)
# One policy in fifty applies to all instances of a region, which yields a relationship to each of them.
_DOCUMENTS = [
    wire.quoted_policy(*statements)
    for statements in (*_COMMON * 9, _BUCKETS, _LOGS, (_DESCRIBE, _START), _MESSAGES, _KEYS)
]


def _trust(principal: Mapping[str, str], action: str = "sts:AssumeRole", **more: Any) -> str:
    return wire.quoted_policy({"Effect": "Allow", "Principal": principal, "Action": action, **more})


_TRUSTS = [
    _trust({"Service": "ec2.amazonaws.com"}),
    _trust({"Service": "lambda.amazonaws.com"}),
    _trust({"Service": "ecs-tasks.amazonaws.com"}),
    _trust(
        {"AWS": "arn:aws:iam::999988887777:root"},
        Condition={"StringEquals": {"sts:ExternalId": "canned-%(n)s"}},
    ),
    _trust({"AWS": "arn:aws:iam::%(account)s:root"}),
]
_ATTACHED = [
    {"PolicyName": "%(policy_name)s", "PolicyArn": "%(policy_arn)s"},
    {"PolicyName": "%(other_name)s", "PolicyArn": "%(other_arn)s"},
]
_TAGS = wire.tags(Environment="%(env)s", Team="team-%(n)s")


def _row(path: str, value: Any) -> str:
    return wire.row("iam", "GetAccountAuthorizationDetails", path, value)


_INLINE = [
    _row("UserDetailList.UserPolicyList", {"PolicyName": "inline-%(here)s%(inline)s", "PolicyDocument": document})
    for document in _DOCUMENTS
]
_USER = _row(
    "UserDetailList",
    {
        "Path": "/",
        "UserName": "user-%(here)s%(n)s",
        "UserId": "AIDA%(upper)s",
        "Arn": "arn:aws:iam::%(account)s:user/user-%(here)s%(n)s",
        "CreateDate": "%(at)s",
        "UserPolicyList": "%(inlines)s",
        "GroupList": ["group-%(here)s%(group)s"],
        "AttachedManagedPolicies": _ATTACHED,
        "Tags": [*_TAGS, {"Key": "Email", "Value": "user-%(n)s@example.com"}],
    },
)
_GROUP = _row(
    "GroupDetailList",
    {
        "Path": "/",
        "GroupName": "group-%(here)s%(n)s",
        "GroupId": "AGPA%(upper)s",
        "Arn": "arn:aws:iam::%(account)s:group/group-%(here)s%(n)s",
        "CreateDate": "%(at)s",
        "GroupPolicyList": "%(inlines)s",
        "AttachedManagedPolicies": _ATTACHED,
    },
)
_PROFILE: dict[str, Any] = {
    "Path": "/",
    "InstanceProfileName": "app-%(here)s%(n)s",
    "InstanceProfileId": "AIPA%(upper)s",
    "Arn": "arn:aws:iam::%(account)s:instance-profile/app-%(here)s%(n)s",
    "CreateDate": "%(at)s",
}
_ROLE: dict[str, Any] = {
    "Path": "/",
    "RoleName": "role-%(here)s%(n)s",
    "RoleId": "AROA%(upper)s",
    "Arn": "arn:aws:iam::%(account)s:role/role-%(here)s%(n)s",
    "CreateDate": "%(at)s",
}
_ROLES = [
    _row(
        "RoleDetailList",
        {
            **_ROLE,
            "AssumeRolePolicyDocument": trust,
            "InstanceProfileList": [{**_PROFILE, "Roles": [{**_ROLE, "AssumeRolePolicyDocument": trust}]}]
            if own
            else [],
            "RolePolicyList": "%(inlines)s",
            "AttachedManagedPolicies": _ATTACHED,
            "Tags": _TAGS,
            "RoleLastUsed": {"LastUsedDate": "%(at)s", "Region": "%(home_region)s"},
        },
    )
    for own, trust in [(True, _TRUSTS[0]), *((False, trust) for trust in _TRUSTS)]
]
_VERSIONS = [
    "".join(
        _row(
            "Policies.PolicyVersionList",
            {
                "Document": document,
                "VersionId": f"v{version}",
                "IsDefaultVersion": version == count,
                "CreateDate": "%(at)s",
            },
        )
        for version in range(count, 0, -1)
    )
    for count in (1, 2, 3)
    for document in _DOCUMENTS
]
_POLICY = _row(
    "Policies",
    {
        "PolicyName": "%(policy_name)s",
        "PolicyId": "ANPA%(upper)s",
        "Arn": "%(policy_arn)s",
        "Path": "/",
        "DefaultVersionId": "v%(version)s",
        "AttachmentCount": 3,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": "%(at)s",
        "UpdateDate": "%(at)s",
        "PolicyVersionList": "%(versions)s",
    },
)


def policy_names(place: Place, number: int) -> tuple[str, str]:
    """Name and ARN of a managed policy; the first ones are AWS managed."""
    if number < len(AWS_POLICIES) < place.n["aws_iam_policy"]:
        return AWS_POLICIES[number], f"arn:aws:iam::aws:policy/{AWS_POLICIES[number]}"
    name = f"policy-{place.here}{digits(number)}"
    return name, f"arn:aws:iam::{place.account}:policy/{name}"


def _fields(place: Place, n: int) -> dict[str, str]:
    policies, buckets = place.n["aws_iam_policy"], place.n["aws_s3_bucket"]
    name, arn = policy_names(place, n % policies)
    other_name, other_arn = policy_names(place, (n + 7) % policies)
    return {
        **basics(place, n),
        "home": place.home.here,
        "home_region": place.home.region,
        "bucket": digits(n % buckets) if buckets else digits(0),
        "other": digits(n % 16),
        "policy_name": name,
        "policy_arn": arn,
        "other_name": other_name,
        "other_arn": other_arn,
    }


def _inlines(place: Place, kind: str, n: int, owners: int, fields: dict[str, str]) -> str:
    numbers = range(n, place.n[kind], owners)
    return "".join(place.fill(_INLINE[k % len(_INLINE)], {**fields, "inline": digits(k)}) for k in numbers)


def _user(place: Place, n: int) -> str:
    fields = {**_fields(place, n), "group": digits(n % place.n["aws_iam_group"])}
    fields["inlines"] = _inlines(place, "aws_iam_user_policy", n, place.n["aws_iam_user"], fields)
    return place.fill(_USER, fields)


def _group(place: Place, n: int) -> str:
    fields = _fields(place, n)
    fields["inlines"] = _inlines(place, "aws_iam_group_policy", n, place.n["aws_iam_group"], fields)
    return place.fill(_GROUP, fields)


def _role(place: Place, n: int) -> str:
    fields = _fields(place, n)
    fields["inlines"] = _inlines(place, "aws_iam_role_policy", n, place.n["aws_iam_role"], fields)
    has_profile = n < max(1, place.n["aws_iam_role"] // 10)
    return place.fill(_ROLES[0 if has_profile else 1 + n % len(_TRUSTS)], fields)


def _policy(place: Place, n: int) -> str:
    fields = _fields(place, n)
    versions = n % len(_VERSIONS)
    fields["version"] = str(1 + versions // len(_DOCUMENTS))
    fields["versions"] = place.fill(_VERSIONS[versions], fields)
    return place.fill(_POLICY, fields)


_ROWS = (_user, _group, _role, _policy)
_PAGE: dict[str, Any] = {name: f"%({name})s" for name in _LISTS}
_MIDDLE = wire.body("iam", "GetAccountAuthorizationDetails", {**_PAGE, "IsTruncated": True, "Marker": "%(token)s"})
_LAST = wire.body("iam", "GetAccountAuthorizationDetails", {**_PAGE, "IsTruncated": False})


@answers("iam", "GetAccountAuthorizationDetails")
def _details(place: Place, params: Params) -> str:
    filters = set(values(params, "Filter.member"))
    counts = [
        0 if filters and not filters & names else place.n[kind] for names, kind in zip(_FILTERS, _SECTIONS, strict=True)
    ]
    start, size = MARKERS.bounds(place, "GetAccountAuthorizationDetails", params)
    fields, first = {}, 0
    for name, count, row in zip(_LISTS, counts, _ROWS, strict=True):
        numbers = range(max(start - first, 0), max(min(start + size - first, count), 0))
        fields[name] = "".join([row(place, n) for n in numbers])
        first += count
    if start + size < first:
        return place.fill(_MIDDLE, {**fields, "token": token_of(place, "GetAccountAuthorizationDetails", start + size)})
    return place.fill(_LAST, fields)
