"""Conditions on the principal: what a request must come with, and whom a statement for everyone means."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from collector.analysis.documents import condition_values
from collector.analysis.globs import is_wild
from collector.analysis.results import Primitive, cut

_REQUIRING = frozenset(("StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "Bool"))
_PROPERTY_OF = {
    "sts:externalid": "externalId",
    "aws:principalorgid": "orgIds",
    "aws:principalorgpaths": "orgPaths",
    "aws:multifactorauthpresent": "mfa",
    "aws:sourceaccount": "sourceAccount",
    "aws:sourceowner": "sourceOwner",
    "aws:sourcearn": "sourceArn",
    "aws:principalaccount": "principalAccount",
    "aws:principalarn": "principalArn",
    "kms:calleraccount": "callerAccount",
}
_ACCOUNT_KEYS = ("principalAccount", "callerAccount", "sourceOwner", "sourceAccount")
_ACCOUNT = re.compile(r"\d{12}")
_OF_ACCOUNT = re.compile(r"arn:[\w-]+:(?:iam|sts)::(\d{12}):.+")


class Narrowed(NamedTuple):
    """Those whom a statement for everyone means; all fields are empty if its condition does not narrow it."""

    principals: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()


def narrowed(condition: str | None) -> Narrowed:
    """Return whom a condition leaves of everyone. A value with a wildcard narrows nothing, except within one account."""
    required = required_values(condition)
    arns = required.get("principalArn", ())
    if arns and not any(map(is_wild, arns)):
        return Narrowed(principals=arns)
    owners = [found[1] for arn in arns if (found := _OF_ACCOUNT.fullmatch(arn))]
    if owners and len(owners) == len(arns):
        return Narrowed(accounts=tuple(dict.fromkeys(owners)))
    for name in _ACCOUNT_KEYS:
        accounts = required.get(name, ())
        if accounts and all(map(_ACCOUNT.fullmatch, accounts)):
            return Narrowed(accounts=tuple(dict.fromkeys(accounts)))
    paths = required.get("orgIds") or [path.partition("/")[0] for path in required.get("orgPaths", ())]
    return Narrowed() if any(map(is_wild, paths)) else Narrowed(organizations=tuple(dict.fromkeys(paths)))


def required_values(condition: str | None) -> dict[str, tuple[str, ...]]:
    """Return the values that a condition requires for well-known keys, by the name of the relationship property."""
    found: dict[str, list[str]] = {}
    for operator, key, value in condition_values(condition):
        if key in _PROPERTY_OF and operator.removeprefix("ForAnyValue:") in _REQUIRING:
            found.setdefault(_PROPERTY_OF[key], []).append(value)
    return {name: tuple(values) for name, values in found.items()}


def condition_properties(conditions: Iterable[str | None]) -> dict[str, Primitive]:
    """Return the properties for keys that all conditions require; a key that one of the statements does not require is omitted."""
    every = [required_values(condition) for condition in conditions]
    found: dict[str, Primitive] = {}
    for name in (name for name in _PROPERTY_OF.values() if all(name in each for each in every)):
        values = sorted({value for each in every for value in each[name]})
        found[name] = values == ["true"] if name == "mfa" else cut(",".join(values))
    return found
