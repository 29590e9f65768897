"""Public access of a bucket, from its policy, its ACL, its object ownership and the public access blocks."""

from __future__ import annotations

from typing import Final

import orjson

from collector.analysis.documents import Statement, read
from collector.schema.declarations import Computed, Hydrate, Row, Source

PUBLIC: Final = "Public"
AUTHORIZED: Final = "Only authorized users of this account"
NOT_PUBLIC: Final = "Bucket and objects not public"
OBJECTS_CAN_BE_PUBLIC: Final = "Objects can be public"
"""The access levels of a bucket as the S3 console shows them."""

BY_BLOCK, BY_OWNERSHIP = "publicAccessBlock", "objectOwnership"
"""The settings that keep a policy or an ACL from making a bucket public."""

EVERYONE = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"

_BLOCK = "PublicAccessBlockConfiguration"
_BLOCKS = (f"Block.{_BLOCK}", f"^.Block.{_BLOCK}")
_OWNERSHIP = "Ownership.OwnershipControls.Rules[].ObjectOwnership"
_IS_PUBLIC = "PolicyStatus.PolicyStatus.IsPublic"
_READS = ("Acl.Grants[].Grantee.URI", "Policy.Policy", _IS_PUBLIC, _OWNERSHIP, *_BLOCKS)
_READS_OF_GRANT = tuple(f"^.{path}" for path in (_OWNERSHIP, *_BLOCKS))


def account_block() -> Hydrate:
    """The public access block of the account, under `Block`."""
    return Hydrate(
        "get_public_access_block",
        "Block",
        {"AccountId": "AccountId"},
        absent=("NoSuchPublicAccessBlockConfiguration",),
        client="s3control",
    )


def block() -> dict[str, Source]:
    """The four settings of the public access block of an account or a bucket."""
    return {
        "blockPublicAcls": f"Block.{_BLOCK}.BlockPublicAcls",
        "blockPublicPolicy": f"Block.{_BLOCK}.BlockPublicPolicy",
        "ignorePublicAcls": f"Block.{_BLOCK}.IgnorePublicAcls",
        "restrictPublicBuckets": f"Block.{_BLOCK}.RestrictPublicBuckets",
    }


def access() -> Computed:
    """The access level of a bucket; see `access_of`."""
    return Computed(access_of, _READS)


def is_public() -> Computed:
    """Whether the policy or the ACL makes the bucket public. Objects that can be made public one by one do not."""
    return Computed(lambda row: access_of(row) == PUBLIC, _READS)


def public_grant() -> dict[str, Source]:
    """Whether a grant of the ACL to everyone, or to every AWS account, has effect, and what blocks it otherwise."""
    return {
        "public": Computed(lambda grant: _acls_blocked_by(grant["^"]) is None, _READS_OF_GRANT),
        "blockedBy": Computed(lambda grant: _acls_blocked_by(grant["^"]), _READS_OF_GRANT),
    }


def policy_blocked_by() -> Computed:
    """What keeps a public bucket policy from applying to everyone; None if nothing does."""
    return Computed(_policy_blocked_by, (_IS_PUBLIC, *_BLOCKS))


def _policy_blocked_by(row: Row) -> str | None:
    is_public = row.get("PolicyStatus", {}).get("PolicyStatus", {}).get("IsPublic")
    return BY_BLOCK if is_public and _blocks(row, "RestrictPublicBuckets") else None


def _acls_blocked_by(row: Row) -> str | None:
    rules = row.get("Ownership", {}).get("OwnershipControls", {}).get("Rules", ())
    if _blocks(row, "IgnorePublicAcls"):
        return BY_BLOCK
    return BY_OWNERSHIP if any(rule.get("ObjectOwnership") == "BucketOwnerEnforced" for rule in rules) else None


def requires_tls() -> Computed:
    """Whether the bucket policy denies all requests without TLS to everyone."""
    return Computed(_requires_tls, ("Name", "Policy.Policy"))


def _requires_tls(row: Row) -> bool:
    name, document = row.get("Name"), row.get("Policy", {}).get("Policy")
    return document is not None and any(
        _denies_plain_http(each, str(name)) for each in read(document, "resource").statements
    )


def access_of(row: Row) -> str:
    """The access level of a bucket's row. The public access block of the account applies like the bucket's own."""
    uris = [grant.get("Grantee", {}).get("URI") for grant in row.get("Acl", {}).get("Grants", ())]
    acls_count = _acls_blocked_by(row) is None
    if acls_count and (EVERYONE in uris or AUTHENTICATED in uris):
        return PUBLIC
    if row.get("PolicyStatus", {}).get("PolicyStatus", {}).get("IsPublic"):
        return AUTHORIZED if _blocks(row, "RestrictPublicBuckets") else PUBLIC
    return OBJECTS_CAN_BE_PUBLIC if acls_count else NOT_PUBLIC


def _blocks(row: Row, name: str) -> bool:
    return any(owner.get("Block", {}).get(_BLOCK, {}).get(name) for owner in (row.get("^", {}), row))


def _denies_plain_http(statement: Statement, bucket: str) -> bool:
    rule, principals = statement.rule, statement.principals
    return (
        rule.effect == "Deny"
        and ("AWS", "*") in principals.named
        and not (principals.negated or rule.not_actions or rule.not_resources)
        and any(action.lower() in ("*", "s3:*") for action in rule.actions)
        and any(resource == "*" or resource.endswith(f":::{bucket}/*") for resource in rule.resources)
        and _is_plain_http(rule.condition)
    )


def _is_plain_http(condition: str | None) -> bool:
    """Whether the only condition is that the request does not use TLS."""
    tests = [
        (operator.lower(), key.lower(), values if isinstance(values, list) else [values])
        for operator, keys in orjson.loads(condition or "{}").items()
        for key, values in keys.items()
    ]
    if len(tests) != 1:
        return False
    operator, key, values = tests[0]
    return (
        operator in ("bool", "boolifexists")
        and key == "aws:securetransport"
        and [str(v).lower() for v in values] == ["false"]
    )
