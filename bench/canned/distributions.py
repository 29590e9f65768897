"""CloudFront answers."""

from typing import Any

from . import wire
from .answers import Paging, Params, answers, every, listing, one_of, shaped
from .estate import Place
from .ids import basics, digits
from .kms import CERTIFICATE

_LISTED = "DistributionList.Items"
_OWN_ID = "E%(upper)s"
_METHODS = {"Quantity": 2, "Items": ["HEAD", "GET"]}
_ORIGIN: dict[str, Any] = {
    "Id": "origin-%(here)s%(origin)s",
    "DomainName": "data-%(here)s%(bucket)s.s3.%(bucket_region)s.amazonaws.com",
    "OriginPath": "",
    "CustomHeaders": {"Quantity": 0},
    "S3OriginConfig": {"OriginAccessIdentity": ""},
    "ConnectionAttempts": 3,
    "ConnectionTimeout": 10,
    "OriginShield": {"Enabled": False},
    "OriginAccessControlId": "EOAC00000000",
}
_CUSTOM = {
    **{key: value for key, value in _ORIGIN.items() if key != "S3OriginConfig"},
    "DomainName": "origin%(origin)s.example.com",
    "CustomOriginConfig": {
        "HTTPPort": 80,
        "HTTPSPort": 443,
        "OriginProtocolPolicy": "https-only",
        "OriginSslProtocols": {"Quantity": 1, "Items": ["TLSv1.2"]},
        "OriginReadTimeout": 30,
        "OriginKeepaliveTimeout": 5,
    },
}
_BEHAVIOR: dict[str, Any] = {
    "TargetOriginId": "origin-%(here)s%(n)s",
    "TrustedSigners": {"Enabled": False, "Quantity": 0},
    "TrustedKeyGroups": {"Enabled": False, "Quantity": 0},
    "ViewerProtocolPolicy": "redirect-to-https",
    "AllowedMethods": {**_METHODS, "CachedMethods": _METHODS},
    "SmoothStreaming": False,
    "Compress": True,
    "LambdaFunctionAssociations": {"Quantity": 0},
    "FunctionAssociations": {"Quantity": 0},
    "FieldLevelEncryptionId": "",
    "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
}
_SHARED: dict[str, Any] = {
    "Aliases": {"Quantity": 1, "Items": ["www%(n)s.example.com"]},
    "Origins": {"Quantity": "%(origins)s", "Items": "%(origin_rows)s"},
    "OriginGroups": {"Quantity": 0},
    "DefaultCacheBehavior": _BEHAVIOR,
    "CacheBehaviors": {"Quantity": 0},
    "CustomErrorResponses": {"Quantity": 0},
    "Comment": "Distribution %(n)s",
    "PriceClass": "PriceClass_All",
    "Enabled": True,
    "ViewerCertificate": {
        "CloudFrontDefaultCertificate": False,
        "ACMCertificateArn": CERTIFICATE.replace("%(here)s", "%(home)s").replace("%(region)s", "us-east-1"),
        "SSLSupportMethod": "sni-only",
        "MinimumProtocolVersion": "TLSv1.2_2021",
        "CertificateSource": "acm",
    },
    "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
    "WebACLId": "",
    "HttpVersion": "http2",
    "IsIPV6Enabled": True,
    "Staging": False,
}
_SUMMARY: dict[str, Any] = {
    "Id": _OWN_ID,
    "ARN": f"arn:aws:cloudfront::%(account)s:distribution/{_OWN_ID}",
    "Status": "Deployed",
    "LastModifiedTime": "%(at)s",
    "DomainName": "d%(here)s%(n)s.cloudfront.net",
    **_SHARED,
}
_CONFIG: dict[str, Any] = {
    "CallerReference": "canned-%(n)s",
    "DefaultRootObject": "index.html",
    "Logging": {"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""},
    **_SHARED,
}


_ORIGIN_ROWS = [
    wire.row("cloudfront", "ListDistributions", f"{_LISTED}.Origins.Items", value) for value in (_ORIGIN, _CUSTOM)
]


def _origin(place: Place, number: int) -> str:
    buckets = place.n["aws_s3_bucket"]
    bucket = number % buckets if buckets else 0
    fields = {
        "origin": digits(number),
        "bucket": digits(bucket),
        "bucket_region": place.estate.bucket_region(bucket) if buckets else "",
    }
    return place.fill(_ORIGIN_ROWS[0 if buckets and number % 3 else 1], fields)


def _fields(place: Place, n: int) -> dict[str, str]:
    origins = range(n, place.n["aws_cloudfront_distribution_origin"], place.n["aws_cloudfront_distribution"])
    home = place.home
    return {
        **basics(place, n),
        "origins": str(len(origins)),
        "origin_rows": "".join(_origin(place, number) for number in origins),
        "home": home.here,
        "certificate": digits(n % max(1, home.n["aws_acm_certificate"])),
    }


def _number(place: Place, name: str) -> int:
    return one_of(place, name.lower(), place.n["aws_cloudfront_distribution"], "NoSuchDistribution")


listing(
    "cloudfront",
    "ListDistributions",
    _LISTED,
    shaped("cloudfront", "ListDistributions", _LISTED, _SUMMARY, _fields),
    every("aws_cloudfront_distribution"),
    Paging(
        "MaxItems",
        "Marker",
        "DistributionList.NextMarker",
        default=100,
        maximum=1000,
        more="DistributionList.IsTruncated",
    ),
    DistributionList__Marker="",
    DistributionList__MaxItems="%(size)s",
    DistributionList__Quantity="%(count)s",
)
_CONFIG_TEXT = wire.body("cloudfront", "GetDistributionConfig", {"DistributionConfig": _CONFIG})
_TAGS = wire.body(
    "cloudfront",
    "ListTagsForResource",
    {"Tags": {"Items": wire.tags(Environment="%(env)s", Owner="edge@example.com")}},
)


@answers("cloudfront", "GetDistributionConfig")
def _config(place: Place, params: Params) -> str:
    return place.fill(_CONFIG_TEXT, _fields(place, _number(place, params["Id"])))


@answers("cloudfront", "ListTagsForResource")
def _tags(place: Place, params: Params) -> str:
    return place.fill(_TAGS, basics(place, _number(place, params["Resource"])))
