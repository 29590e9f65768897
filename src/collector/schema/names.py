"""Where the names by which pointers find entities are unique.

A name means a resource in the place that AWS guarantees it to be unique in: `web` is another log group in every
region, `10.0.0.5` another interface in every VPC. An entity is therefore found by a name only from its own place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class NameKind:
    """What AWS says about a kind of name.

    Attributes:
        within: where a name means one resource at most: in the whole account, in a region, or in a VPC. A type that is
            listed in the global scope only has no regions: its names are unique in the account.
        bearers: how many entities of one type may bear a name there: `one` is guaranteed by AWS; of `some`, nothing says
            which one is meant, so a name that several bear matches none; `all` are meant by a name that several bear.
    """

    within: Literal["account", "region", "vpc"]
    bearers: Literal["one", "some", "all"] = "one"


NAME_KINDS: Mapping[str, NameKind] = {
    # The id of a multi-Region key or of a replicated table is the same in several regions.
    "id": NameKind("region"),
    "name": NameKind("region"),
    # An identifier with the id of the resource that bore it at the time; identifiers are used again.
    "resource": NameKind("region"),
    "profileName": NameKind("region"),
    # These are ARNs, URLs and ids with that of what they are unique in.
    "alias": NameKind("account"),
    "profile": NameKind("account"),
    "group": NameKind("account"),
    "url": NameKind("account"),
    # Records of one name and type, weighted ones for instance, are one set.
    "recordSet": NameKind("account", bearers="all"),
    # Public host names and addresses. An address may move while it is read.
    "dns": NameKind("account", bearers="some"),
    "address": NameKind("account", bearers="some"),
    # VPCs overlap: `ip-10-0-0-5.ec2.internal` and `10.0.0.5` occur in many of them.
    "privateDns": NameKind("vpc", bearers="some"),
    "privateAddress": NameKind("vpc", bearers="some"),
}
"""All kinds of names, as in `Entity.also` and `Edge.by`."""
