"""S3 answers: the buckets of an account and their settings."""

from collections.abc import Callable
from typing import Any

from . import wire
from .answers import AwsError, Paging, Params, answers, constant, listing, named, shaped
from .estate import Place
from .ids import basics, digits
from .kms import KEY

_ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
_OWNER = {"DisplayName": "canned", "ID": "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea%(here)s"}
_FULL = {"Grantee": {**_OWNER, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}
_PUBLIC = {"Grantee": {"Type": "Group", "URI": _ALL_USERS}, "Permission": "READ"}
_PRIVATE = {"Owner": _OWNER, "Grants": [_FULL]}
_KEY = KEY.replace("%(region)s", "%(bucket_region)s").replace("%(here)s", "%(key_here)s")
_BLOCK = {
    "PublicAccessBlockConfiguration": dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
}
_BUCKET = "arn:aws:s3:::data-%(here)s%(n)s"
_SECURE = {
    "Sid": "OnlyTls",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [_BUCKET, f"{_BUCKET}/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
_READERS = {
    "Sid": "Readers",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::%(account)s:root"},
    "Action": ["s3:GetObject", "s3:ListBucket"],
    "Resource": [_BUCKET, f"{_BUCKET}/*"],
}


def _encryption(**default: str) -> dict[str, Any]:
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}


def _fields(place: Place, n: int) -> dict[str, str]:
    home = place.estate.place(place.account, place.estate.bucket_region(n))
    keys = home.n["aws_kms_key"]
    return {
        **basics(place, n),
        "bucket_region": home.region,
        "key": digits(n % keys) if keys else "",
        "key_here": home.here,
        "log": digits(0),
    }


def _selected(place: Place, params: Params) -> list[int] | range:
    region, prefix = params.get("bucket-region", ""), params.get("prefix", "")
    return [
        n
        for n in range(place.n["aws_s3_bucket"])
        if (not region or place.estate.bucket_region(n) == region)
        and f"data-{place.here}{digits(n)}".startswith(prefix)
    ]


listing(
    "s3",
    "ListBuckets",
    "Buckets",
    shaped(
        "s3",
        "ListBuckets",
        "Buckets",
        {
            "Name": "data-%(here)s%(n)s",
            "CreationDate": "%(at)s",
            "BucketRegion": "%(bucket_region)s",
            "BucketArn": _BUCKET,
        },
        _fields,
    ),
    _selected,
    Paging("max-buckets", "continuation-token", "ContinuationToken", default=10_000, maximum=10_000),
    Owner=_OWNER,
)
constant("s3control", "GetPublicAccessBlock", _BLOCK)


def _setting(
    name: str, *choices: dict[str, Any] | None, which: Callable[[Place, int], int] = lambda *_: 0, missing: str = ""
) -> None:
    # ``which`` returns the index of a bucket's choice; None is answered with the error ``missing``.
    texts = [None if value is None else wire.body("s3", name, value) for value in choices]

    @answers("s3", name)
    def answer(place: Place, params: Params) -> str:
        number = named(place, params["Bucket"], "aws_s3_bucket", "NoSuchBucket")
        text = texts[which(place, number)]
        if text is None:
            raise AwsError(missing, "The configuration does not exist", 404)
        return place.fill(text, _fields(place, number))


def _one_in(count: int) -> Callable[[Place, int], int]:
    return lambda _, number: int(number % count != 0)


def _without_policy(place: Place, number: int) -> int:
    return int(number >= place.n["aws_s3_bucket_policy"])


_setting("HeadBucket", {})
_setting("GetBucketAcl", {"Owner": _OWNER, "Grants": [_FULL, _PUBLIC]}, _PRIVATE, which=_one_in(40))
_setting("GetPublicAccessBlock", None, _BLOCK, which=_one_in(40), missing="NoSuchPublicAccessBlockConfiguration")
_setting("GetBucketOwnershipControls", {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}})
_setting("GetBucketNotificationConfiguration", {})
_setting("GetBucketVersioning", {"Status": "Enabled", "MFADelete": "Disabled"}, {}, which=_one_in(2))
_setting(
    "GetBucketEncryption",
    _encryption(SSEAlgorithm="aws:kms", KMSMasterKeyID=_KEY),
    _encryption(SSEAlgorithm="AES256"),
    which=lambda place, number: int(number % 3 != 0 or not _fields(place, number)["key"]),
)
_setting(
    "GetBucketLogging",
    {"LoggingEnabled": {"TargetBucket": "data-%(here)s%(log)s", "TargetPrefix": "log/"}},
    {},
    which=_one_in(4),
)
_setting(
    "GetBucketTagging",
    None,
    {"TagSet": wire.tags(Environment="%(env)s", Owner="data@example.com", Name="data-%(n)s")},
    which=_one_in(10),
    missing="NoSuchTagSet",
)
_setting(
    "GetBucketPolicy",
    {"Policy": wire.policy(_SECURE, _READERS)},
    None,
    which=_without_policy,
    missing="NoSuchBucketPolicy",
)
_setting(
    "GetBucketPolicyStatus",
    {"PolicyStatus": {"IsPublic": False}},
    None,
    which=_without_policy,
    missing="NoSuchBucketPolicy",
)
_setting(
    "GetBucketLifecycleConfiguration",
    {"Rules": [{"ID": "expire", "Filter": {"Prefix": "tmp/"}, "Status": "Enabled", "Expiration": {"Days": 30}}]},
    None,
    which=_one_in(2),
    missing="NoSuchLifecycleConfiguration",
)
_setting(
    "GetBucketWebsite",
    {"IndexDocument": {"Suffix": "index.html"}},
    None,
    which=_one_in(50),
    missing="NoSuchWebsiteConfiguration",
)
_setting("GetBucketReplication", None, missing="ReplicationConfigurationNotFoundError")
_setting(
    "GetObjectLockConfiguration",
    {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}},
    None,
    which=_one_in(20),
    missing="ObjectLockConfigurationNotFoundError",
)


@answers("s3", "GetBucketLocation")
def _location(place: Place, params: Params) -> str:
    number = named(place, params["Bucket"], "aws_s3_bucket", "NoSuchBucket")
    region = place.estate.bucket_region(number)
    # GetBucketLocation returns an empty element for us-east-1.
    name = "" if region == "us-east-1" else region
    return f'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{name}</LocationConstraint>'
