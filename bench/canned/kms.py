"""KMS and ACM answers: the keys and certificates that the rest of the estate refers to."""

from functools import partial
from typing import Any

from . import wire
from .answers import Paging, detail, inventory

# Used in the rows of other services; the last placeholder is the number.
KEY_ID = "%(here)s-0000-4000-8000-0000%(key)s"
KEY = f"arn:aws:kms:%(region)s:%(account)s:key/{KEY_ID}"
CERTIFICATE = "arn:aws:acm:%(region)s:%(account)s:certificate/%(here)s-0000-4000-9000-0000%(certificate)s"

_OWN_ID, _OWN = KEY_ID.replace("%(key)s", "%(n)s"), KEY.replace("%(key)s", "%(n)s")
_OWN_CERTIFICATE = CERTIFICATE.replace("%(certificate)s", "%(n)s")
_KEY: dict[str, Any] = {
    "AWSAccountId": "%(account)s",
    "KeyId": _OWN_ID,
    "Arn": _OWN,
    "CreationDate": "%(epoch)s",
    "Enabled": True,
    "Description": "Key %(n)s of the estate",
    "KeyUsage": "ENCRYPT_DECRYPT",
    "KeyState": "Enabled",
    "Origin": "AWS_KMS",
    "KeyManager": "CUSTOMER",
    "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
    "KeySpec": "SYMMETRIC_DEFAULT",
    "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
    "MultiRegion": False,
}
_ALIAS = {
    "AliasName": "alias/key-%(n)s",
    "AliasArn": "arn:aws:kms:%(region)s:%(account)s:alias/key-%(n)s",
    "TargetKeyId": _OWN_ID,
    "CreationDate": "%(epoch)s",
    "LastUpdatedDate": "%(epoch)s",
}
_OWNER = {
    "Sid": "Enable IAM User Permissions",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::%(account)s:root"},
    "Action": "kms:*",
    "Resource": "*",
}
_SUMMARY: dict[str, Any] = {
    "CertificateArn": _OWN_CERTIFICATE,
    "DomainName": "www%(n)s.example.com",
    "SubjectAlternativeNameSummaries": ["www%(n)s.example.com", "api%(n)s.example.com"],
    "HasAdditionalSubjectAlternativeNames": False,
    "Status": "ISSUED",
    "Type": "AMAZON_ISSUED",
    "KeyAlgorithm": "RSA-2048",
    "KeyUsages": ["DIGITAL_SIGNATURE", "KEY_ENCIPHERMENT"],
    "ExtendedKeyUsages": ["TLS_WEB_SERVER_AUTHENTICATION"],
    "InUse": True,
    "RenewalEligibility": "ELIGIBLE",
    "NotBefore": "%(epoch)s",
    "NotAfter": "1830297600.0",
    "CreatedAt": "%(epoch)s",
    "IssuedAt": "%(epoch)s",
}
_CERTIFICATE: dict[str, Any] = {
    "CertificateArn": _OWN_CERTIFICATE,
    "DomainName": "www%(n)s.example.com",
    "SubjectAlternativeNames": ["www%(n)s.example.com", "api%(n)s.example.com"],
    "DomainValidationOptions": [
        {
            "DomainName": "www%(n)s.example.com",
            "ValidationDomain": "www%(n)s.example.com",
            "ValidationStatus": "SUCCESS",
            "ResourceRecord": {"Name": "_%(n)s.www.example.com.", "Type": "CNAME", "Value": "_x.acm-validations.aws."},
            "ValidationMethod": "DNS",
        }
    ],
    "Serial": "0a:1b:2c:3d:4e:5f:%(n)s",
    "Subject": "CN=www%(n)s.example.com",
    "Issuer": "Amazon",
    "CreatedAt": "%(epoch)s",
    "IssuedAt": "%(epoch)s",
    "Status": "ISSUED",
    "NotBefore": "%(epoch)s",
    "NotAfter": "1830297600.0",
    "KeyAlgorithm": "RSA-2048",
    "SignatureAlgorithm": "SHA256WITHRSA",
    "InUseBy": [],
    "Type": "AMAZON_ISSUED",
    "KeyUsages": [{"Name": "DIGITAL_SIGNATURE"}, {"Name": "KEY_ENCIPHERMENT"}],
    "ExtendedKeyUsages": [{"Name": "TLS_WEB_SERVER_AUTHENTICATION", "OID": "1.3.6.1.5.5.7.3.1"}],
    "RenewalEligibility": "ELIGIBLE",
    "Options": {"CertificateTransparencyLoggingPreference": "ENABLED"},
}
_MARKERS = Paging("Limit", "Marker", "NextMarker", default=100, more="Truncated")

_kms = partial(detail, "kms", parameter="KeyId", kind="aws_kms_key", missing="NotFoundException")
_acm = partial(
    detail, "acm", parameter="CertificateArn", kind="aws_acm_certificate", missing="ResourceNotFoundException"
)

inventory("kms", "ListKeys", "Keys", "aws_kms_key", {"KeyId": _OWN_ID, "KeyArn": _OWN}, _MARKERS)
inventory("kms", "ListAliases", "Aliases", "aws_kms_key", _ALIAS, _MARKERS)
_kms(name="DescribeKey", value={"KeyMetadata": _KEY})
_kms(name="GetKeyRotationStatus", value={"KeyRotationEnabled": True, "KeyId": _OWN, "RotationPeriodInDays": 365})
_kms(name="GetKeyPolicy", value={"Policy": wire.policy(_OWNER), "PolicyName": "default"})
_kms(
    name="ListResourceTags", value={"Tags": wire.tags("TagKey", "TagValue", Environment="%(env)s"), "Truncated": False}
)

inventory(
    "acm",
    "ListCertificates",
    "CertificateSummaryList",
    "aws_acm_certificate",
    _SUMMARY,
    Paging("MaxItems", default=100),
)
_acm(name="DescribeCertificate", value={"Certificate": _CERTIFICATE})
_acm(name="ListTagsForCertificate", value={"Tags": wire.tags(Environment="%(env)s", Owner="platform@example.com")})
