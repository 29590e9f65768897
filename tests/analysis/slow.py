"""A slow reference implementation: what a policy allows on one resource, with actions as names and patterns as text.

It shares only two tables with the analysis, the authorization reference and the list of types. It uses no index, no bit masks and
no cached results.
"""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from collector.analysis import arntypes

TABLE: dict[str, Any] = json.loads(Path(arntypes.__file__).with_name("authorization.json").read_text())["services"]
LETTERS = {"R": "read", "L": "list", "W": "write", "T": "tagging", "P": "permissions"}
FRESH = "\N{SNOWMAN}\N{SNOWMAN}\N{SNOWMAN}"
"""A name that occurs in no pattern; a pattern that matches it matches any name."""


class Resource(NamedTuple):
    """A resource: its ARN, its type, and the account from which it was collected."""

    arn: str
    type: str
    owner: str


class Scope(NamedTuple):
    """The ARNs by which a policy names a resource (no separator) or its child resources, and the actions that apply to them."""

    actions: frozenset[str]
    separator: str = ""
    remainder: str = ""
    suffix: str = ""
    prefix: str = ""
    service: str = ""


class Access(NamedTuple):
    """The access levels that every request has, and those of the other actions that some request has."""

    certain: set[str]
    possible: set[str]


def access(document: dict[str, Any], account: str, resource: Resource) -> Access | None:
    """Return the access levels that a policy allows on a resource; None if no action is allowed."""
    left: set[str] = set()
    certain: set[str] = set()
    for scope in scopes(resource.type):
        for action in scope.actions:
            about = [each for each in document["Statement"] if covers_action(each, action)]
            allowing = [each for each in about if each["Effect"] == "Allow"]
            allowing = [each for each in allowing if reaches(each, document, account, resource, scope)]
            denying = [each for each in about if each["Effect"] == "Deny"]
            if not allowing or any(denies_all_of(each, document, account, resource, scope) for each in denying):
                continue
            left.add(action)
            limited = any(denies_some_of(each, document, account, resource, scope) for each in denying)
            if not limited and any(always(each, document, account, resource, scope) for each in allowing):
                certain.add(action)
    return Access(levels_of(certain), levels_of(left - certain)) if left else None


def levels_of(actions: set[str]) -> set[str]:
    return {LETTERS[letter] for action in actions for letter in levels(action)}


# Actions ---------------------------------------------------------------------------------------------------


@cache
def scopes(type_: str) -> tuple[Scope, ...]:
    nameable = arntypes.NAMEABLE[type_]
    own = forms(nameable.own)
    found = [Scope(actions_of(own), suffix=nameable.suffix)]
    for child in nameable.children:
        child_forms = forms(child.types)
        actions = actions_of(child_forms) | (found[0].actions if child.own else frozenset())
        remainder = child.remainder
        if remainder is None:
            remainder = child_forms[0].removeprefix(own[0] + child.separator).replace("{}", "?*")
        found.append(Scope(actions, child.separator, remainder, "", child.prefix, child.service or ""))
    return tuple(found)


def forms(references: tuple[tuple[str, str], ...]) -> list[str]:
    types = [entry for service, name in references for entry in TABLE[service][1] if entry[0] == name]
    return [form for _, *type_forms in types for form in type_forms]


def actions_of(arn_forms: list[str]) -> frozenset[str]:
    found = set()
    for service, (_, types, actions) in TABLE.items():
        for name, entry in actions.items():
            numbers = entry.lstrip("RLWTP")
            if any(form in arn_forms for number in numbers.split(",") if number for form in types[int(number)][1:]):
                found.add(f"{service}:{name}")
    if any(":apigateway:" in form for form in arn_forms):
        found |= {f"apigateway:{verb}" for verb in ("get", "put", "post", "patch", "delete")}
    return frozenset(found)


def levels(action: str) -> str:
    service, _, name = action.partition(":")
    return str(TABLE[service][2][name]).rstrip("0123456789,")


def covers_action(statement: dict[str, Any], action: str) -> bool:
    negated = "NotAction" in statement
    patterns = statement["NotAction" if negated else "Action"]
    return any(glob("*:*" if each == "*" else each.lower(), action) for each in patterns) != negated


# Resources -------------------------------------------------------------------------------------------------


def reaches(
    statement: dict[str, Any], document: dict[str, Any], account: str, resource: Resource, scope: Scope
) -> bool:
    """Whether an Allow statement reaches a single resource. A NotResource is never drawn to single resources."""
    if "NotResource" in statement:
        return False
    return any(names(filled(raw, document, account), account, resource, scope) for raw in statement["Resource"])


def always(statement: dict[str, Any], document: dict[str, Any], account: str, resource: Resource, scope: Scope) -> bool:
    """Whether an Allow statement reaches a single resource without a condition and by a pattern without variables."""
    fixed = [raw for raw in statement.get("Resource", ()) if not is_open(raw, document)]
    return not statement.get("Condition") and reaches({"Resource": fixed}, document, account, resource, scope)


def names(pattern: str, account: str, resource: Resource, scope: Scope) -> bool:
    parts = segments(pattern)
    if parts is None or not glob(parts[1], resource.arn.split(":")[1]):
        return False
    if all(not part.strip("*") for part in parts[2:]):
        return resource.owner == account
    service, region = resource.arn.split(":")[2:4]
    if parts[2] != (scope.service or service) or not glob(parts[3], region):
        return False
    return (
        matches_children(parts, account, resource, scope)
        if scope.separator
        else matches_own(parts, account, resource, scope)
    )


def matches_own(parts: list[str], account: str, resource: Resource, scope: Scope) -> bool:
    *_, region, of, tail = parts
    own_of, own_tail = resource.arn.split(":", 5)[4:]
    spellings = [own_tail, *([own_tail + scope.suffix.replace("*", FRESH)] if scope.suffix else [])]
    return home(of, own_of, region, tail, account, resource) and any(
        glob(tail, each) or (of == "*" and glob(f"*:{tail}", f"{own_of}:{each}")) for each in spellings
    )


def matches_children(parts: list[str], account: str, resource: Resource, scope: Scope) -> bool:
    *_, region, of, tail = parts
    own_of, own_tail = resource.arn.split(":", 5)[4:]
    parent = parent_pattern(tail, scope, resource.type)
    if parent is None or not glob(scope.prefix + parent, own_tail):
        return False
    if scope.prefix:
        return glob(of, resource.owner) and resource.owner in (of, account)
    return home(of, own_of, region, parent, account, resource)


def home(of: str, own_of: str, region: str, name: str, account: str, resource: Resource) -> bool:
    """Whether a pattern applies to the resource's account: wildcards to the own account, exact ARNs without an account to all."""
    if not glob(of, own_of):
        return False
    if own_of:
        return own_of in (of, account)
    return resource.owner == account or not re.search(r"[*?]", region + name)


def parent_pattern(tail: str, scope: Scope, type_: str) -> str | None:
    """Return the part of a pattern that names the parent of child resources."""
    form = forms(arntypes.NAMEABLE[type_].own)[0].split(":", 5)[5]
    depth = 1 if scope.prefix else form.count(scope.separator) + 1
    parts = tail.split(scope.separator)
    if len(parts) <= depth:
        return tail if tail.endswith("*") else None
    named = scope.separator.join(parts[depth:])
    return scope.separator.join(parts[:depth]) if intersect(named, scope.remainder) else None


def denies_all_of(
    statement: dict[str, Any], document: dict[str, Any], account: str, resource: Resource, scope: Scope
) -> bool:
    """Whether a Deny statement covers a resource, or all of its child resources, for every request."""
    if statement.get("Condition"):
        return False
    negated = "NotResource" in statement
    texts = [filled(raw, document, account) for raw in statement["NotResource" if negated else "Resource"]]
    patterns = [each for each in texts if segments(each) is not None]
    if negated:
        # A variable can only make a NotResource exempt more.
        return not any(exempts(each, account, resource, scope) for each in patterns)
    certain = [
        each
        for each, raw in zip(texts, statement["Resource"], strict=True)
        if each in patterns and not is_open(raw, document)
    ]
    return any(glob(each, text) for each in certain for text in full_texts(resource, scope))


def denies_some_of(
    statement: dict[str, Any], document: dict[str, Any], account: str, resource: Resource, scope: Scope
) -> bool:
    """Whether a Deny statement covers a resource, or some of its child resources, for some request."""
    if "NotResource" not in statement:
        texts = [filled(raw, document, account) for raw in statement["Resource"]]
        return any(exempts(each, account, resource, scope) for each in texts if segments(each) is not None)
    certain = [raw for raw in statement["NotResource"] if not is_open(raw, document)]
    patterns = [each for raw in certain if segments(each := filled(raw, document, account)) is not None]
    return not any(glob(each, text) for each in patterns for text in full_texts(resource, scope))


def exempts(pattern: str, account: str, resource: Resource, scope: Scope) -> bool:
    """Whether a pattern of a NotResource matches a resource or some of its child resources."""
    if any(glob(pattern, text) for text in full_texts(resource, scope)):
        return True
    parts = segments(pattern)
    assert parts is not None
    if not scope.separator or all(not part.strip("*") for part in parts[2:]):
        return False
    parent = parent_pattern(parts[5], scope, resource.type)
    if parent is None:
        return False
    if scope.prefix:
        return parts[2] == scope.service and glob(
            ":".join(("arn", parts[1], "*", parts[3], "", scope.prefix + parent)), resource.arn
        )
    return parts[2] == resource.arn.split(":")[2] and glob(":".join((*parts[:5], parent)), resource.arn)


def full_texts(resource: Resource, scope: Scope) -> list[str]:
    """Return the texts of which a pattern must match one to cover the resource, or all of its child resources."""
    if not scope.separator:
        return [resource.arn, *([resource.arn + scope.suffix.replace("*", FRESH)] if scope.suffix else [])]
    arn = resource.arn
    if scope.prefix:
        _, partition, _, region, _, tail = arn.split(":", 5)
        arn = f"arn:{partition}:{scope.service}:{region}:{resource.owner}:{tail.removeprefix(scope.prefix)}"
    return [arn + scope.separator + scope.remainder.replace("?*", FRESH)]


# Patterns --------------------------------------------------------------------------------------------------


def segments(pattern: str) -> list[str] | None:
    if pattern and not pattern.strip("*"):
        return ["arn", *["*"] * 5]
    parts = pattern.split(":", 5)
    if parts[0] != "arn":
        return None
    parts += ["*"] * (6 - len(parts))
    if re.search(r"[*?]", parts[2]) and any(part.strip("*") for part in parts[2:]):
        return None
    return parts


VARIABLE = re.compile(r"\$\{([^}]*)\}")


def filled(raw: str, document: dict[str, Any], account: str) -> str:
    """Return a pattern with values for its variables, and with the parts that a short ARN lacks."""
    if document.get("Version") == "2012-10-17":
        raw = VARIABLE.sub(lambda found: account if found[1] == "aws:PrincipalAccount" else "*", raw)
    short = raw.startswith("arn:") and not raw.endswith("*")
    return raw + ":*" * (5 - raw.count(":")) if short else raw


def is_open(raw: str, document: dict[str, Any]) -> bool:
    return document.get("Version") == "2012-10-17" and any(
        name != "aws:PrincipalAccount" for name in VARIABLE.findall(raw)
    )


def glob(pattern: str, text: str) -> bool:
    # A question mark matches one character of an existing name, so none of FRESH.
    return fnmatchcase(text, pattern.replace("[", "[[]").replace("?", f"[!{FRESH[0]}]"))


@cache
def intersect(one: str, other: str) -> bool:
    """Whether there is a text that both patterns match."""
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return intersect(one[1:], other) or intersect(one, other[1:])
    if other[0] == "*":
        return intersect(one, other[1:]) or intersect(one[1:], other)
    return (one[0] == other[0] or "?" in (one[0], other[0])) and intersect(one[1:], other[1:])
