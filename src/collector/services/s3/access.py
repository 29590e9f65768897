"""Who may reach a bucket: what its policy, its ACL and the two public access blocks say together."""

from __future__ import annotations

from typing import Any, Final

import orjson

from collector.analysis.documents import Statement, read
from collector.schema.declarations import Computed, Hydrate, Row, Source

PUBLIC: Final = "Public"
AUTHORIZED: Final = "Only authorized users of this account"
NOT_PUBLIC: Final = "Bucket and objects not public"
CAN_BE: Final = "Objects can be public"
"""The four words of S3's console for a bucket's access."""

EVERYONE = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"

_BLOCK = "PublicAccessBlockConfiguration"
_READS = (
    "Acl.Grants[].Grantee.URI",
    "Policy.Policy",
    "PolicyStatus.PolicyStatus.IsPublic",
    "Ownership.OwnershipControls.Rules[].ObjectOwnership",
    f"Block.{_BLOCK}",
    f"^.Block.{_BLOCK}",
)


def account_block() -> Hydrate:
    """The block of public access for the whole account, as `Block`."""
    return Hydrate(
        "get_public_access_block",
        "Block",
        {"AccountId": "AccountId"},
        absent=("NoSuchPublicAccessBlockConfiguration",),
        client="s3control",
    )


def block() -> dict[str, Source]:
    """The four settings of an account's or a bucket's block."""
    return {
        "blockPublicAcls": f"Block.{_BLOCK}.BlockPublicAcls",
        "blockPublicPolicy": f"Block.{_BLOCK}.BlockPublicPolicy",
        "ignorePublicAcls": f"Block.{_BLOCK}.IgnorePublicAcls",
        "restrictPublicBuckets": f"Block.{_BLOCK}.RestrictPublicBuckets",
    }


def access() -> Computed:
    """The bucket's access in the console's words."""
    return Computed(access_of, _READS)


def is_public() -> Computed:
    """Whether the bucket is public; nothing where its objects can be, as in JupiterOne."""
    return Computed(lambda row: {PUBLIC: True, AUTHORIZED: False, NOT_PUBLIC: False}.get(access_of(row)), _READS)


def requires_tls() -> Computed:
    """Whether the bucket's policy denies everyone all that does not come over TLS."""
    return Computed(_requires_tls, ("Name", "Policy.Policy"))


def access_of(row: Row) -> str:
    """The console's word for a bucket's row; the block of the account counts as the bucket's own."""
    uris = [grant.get("Grantee", {}).get("URI") for grant in row.get("Acl", {}).get("Grants", ())]
    acls_count = not (_blocks(row, "IgnorePublicAcls") or "BucketOwnerEnforced" in _ownership(row))
    if acls_count and (EVERYONE in uris or AUTHENTICATED in uris):
        return PUBLIC
    if row.get("PolicyStatus", {}).get("PolicyStatus", {}).get("IsPublic"):
        return AUTHORIZED if _blocks(row, "RestrictPublicBuckets") else PUBLIC
    return CAN_BE if acls_count else NOT_PUBLIC


def _blocks(row: Row, name: str) -> bool:
    return any(place.get("Block", {}).get(_BLOCK, {}).get(name) for place in (row.get("^", {}), row))


def _ownership(row: Row) -> list[Any]:
    return [
        rule.get("ObjectOwnership") for rule in row.get("Ownership", {}).get("OwnershipControls", {}).get("Rules", ())
    ]


def _requires_tls(row: Row) -> bool:
    document = row.get("Policy", {}).get("Policy")
    return document is not None and any(
        _denies_plain_http(each, row["Name"]) for each in read(document, "resource").statements
    )


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
    """Whether the condition is that the request does not come over TLS, and nothing else."""
    asked = [
        (operator.lower(), key.lower(), values if isinstance(values, list) else [values])
        for operator, keys in orjson.loads(condition or "{}").items()
        for key, values in keys.items()
    ]
    if len(asked) != 1:
        return False
    operator, key, values = asked[0]
    return (
        operator in ("bool", "boolifexists")
        and key == "aws:securetransport"
        and [str(v).lower() for v in values] == ["false"]
    )
