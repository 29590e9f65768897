"""What customers cannot change: policies that AWS manages, and roles that AWS reserves for its services and for single sign-on."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from collector.analysis.actions import without
from collector.analysis.authorization import LEVELS, everything, levels
from collector.analysis.grants import Grant

READING = ("list", "read")
"""The access levels of the actions that can be allowed on them."""

UNCHANGEABLE = {
    "aws_iam_policy": (":iam::aws:policy/",),
    "aws_iam_role": (":role/aws-reserved/", ":role/aws-service-role/"),
}
"""What the keys of entities that cannot be changed contain, by type."""


def is_unchangeable(key: str, type_: str) -> bool:
    """Whether customers cannot change an entity, and so no policy allows them to."""
    return type_ in UNCHANGEABLE and any(mark in key for mark in UNCHANGEABLE[type_])


def reading(grants: Iterable[Grant]) -> list[Grant]:
    """Return the grants with those of their actions that change nothing."""
    changes = {service: _changing(service) for service in everything()}
    return [
        Grant(
            grant.statement,
            grant.actions,
            grant.target._replace(masks=without(grant.target.masks, changes), service="", levels=READING),
        )
        for grant in grants
    ]


@cache
def _changing(service: str) -> int:
    found = 0
    for level in LEVELS.values():
        found |= 0 if level in READING else levels(service)[level]
    return found
