"""What a policy allows on one resource, found the slow way: every action by its name, every pattern as text.

Shares with the analysis only the two tables, the authorization reference and the list of types; nothing is indexed, nothing
is a bit, nothing is kept.
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
"""A name that no pattern knows; what matches it matches any."""


class Resource(NamedTuple):
    """A resource: its ARN, its type, and where it was collected."""

    arn: str
    type: str
    owner: str


class Way(NamedTuple):
    """A way to name a resource: itself (no separator) or what lies below it, and the actions for it."""

    actions: frozenset[str]
    separator: str = ""
    remainder: str = ""
    suffix: str = ""
    prefix: str = ""
    service: str = ""


def access(document: dict[str, Any], account: str, resource: Resource) -> tuple[bool, set[str]]:
    """Whether anything is allowed on the resource, and at which access levels."""
    statements = document["Statement"]
    left: set[str] = set()
    for way in ways(resource.type):
        for action in way.actions:
            granted = any(
                each["Effect"] == "Allow" and speaks(each, action) and reaches(each, document, account, resource, way)
                for each in statements
            )
            if granted and not any(
                each["Effect"] == "Deny" and speaks(each, action) and takes(each, document, account, resource, way)
                for each in statements
            ):
                left.add(action)
    return bool(left), {LETTERS[letter] for action in left for letter in levels(action)}


# Actions ---------------------------------------------------------------------------------------------------


@cache
def ways(type_: str) -> tuple[Way, ...]:
    nameable = arntypes.NAMEABLE[type_]
    own = forms(nameable.own)
    found = [Way(actions_of(own), suffix=nameable.suffix)]
    for below in nameable.below:
        below_forms = forms(below.types)
        actions = actions_of(below_forms) | (found[0].actions if below.own else frozenset())
        remainder = below.remainder
        if remainder is None:
            remainder = below_forms[0].removeprefix(own[0] + below.separator).replace("{}", "?*")
        found.append(Way(actions, below.separator, remainder, "", below.prefix, below.service or ""))
    return tuple(found)


def forms(references: tuple[tuple[str, str], ...]) -> list[str]:
    return [
        form
        for service, name in references
        for type_, *several in TABLE[service][1]
        if type_ == name
        for form in several
    ]


def actions_of(wanted: list[str]) -> frozenset[str]:
    found = set()
    for service, (_, types, actions) in TABLE.items():
        for name, limits in actions.items():
            numbers = limits.lstrip("RLWTP")
            if any(form in wanted for number in numbers.split(",") if number for form in types[int(number)][1:]):
                found.add(f"{service}:{name}")
    if any(":apigateway:" in form for form in wanted):
        found |= {f"apigateway:{verb}" for verb in ("get", "put", "post", "patch", "delete")}
    return frozenset(found)


def levels(action: str) -> str:
    service, _, name = action.partition(":")
    return str(TABLE[service][2][name]).rstrip("0123456789,")


def speaks(statement: dict[str, Any], action: str) -> bool:
    negated = "NotAction" in statement
    patterns = statement["NotAction" if negated else "Action"]
    return any(glob("*:*" if each == "*" else each.lower(), action) for each in patterns) != negated


# Resources -------------------------------------------------------------------------------------------------


def reaches(statement: dict[str, Any], document: dict[str, Any], account: str, resource: Resource, way: Way) -> bool:
    """Whether an Allow statement reaches a resource by its name; all but a few resources are never drawn one by one."""
    if "NotResource" in statement:
        return False
    return any(names(filled(raw, document, account), account, resource, way) for raw in statement["Resource"])


def names(pattern: str, account: str, resource: Resource, way: Way) -> bool:
    parts = segments(pattern)
    if parts is None or not glob(parts[1], resource.arn.split(":")[1]):
        return False
    if all(not part.strip("*") for part in parts[2:]):
        return resource.owner == account
    service, region = resource.arn.split(":")[2:4]
    if parts[2] != (way.service or service) or not glob(parts[3], region):
        return False
    return below(parts, account, resource, way) if way.separator else itself(parts, account, resource, way)


def itself(parts: list[str], account: str, resource: Resource, way: Way) -> bool:
    *_, region, of, tail = parts
    own_of, own_tail = resource.arn.split(":", 5)[4:]
    spellings = [own_tail, *([own_tail + way.suffix.replace("*", FRESH)] if way.suffix else [])]
    return home(of, own_of, region, tail, account, resource) and any(
        glob(tail, each) or (of == "*" and glob(f"*:{tail}", f"{own_of}:{each}")) for each in spellings
    )


def below(parts: list[str], account: str, resource: Resource, way: Way) -> bool:
    *_, region, of, tail = parts
    own_of, own_tail = resource.arn.split(":", 5)[4:]
    parent = above(tail, way, resource.type)
    if parent is None or not glob(way.prefix + parent, own_tail):
        return False
    if way.prefix:
        return glob(of, resource.owner) and resource.owner in (of, account)
    return home(of, own_of, region, parent, account, resource)


def home(of: str, own_of: str, region: str, name: str, account: str, resource: Resource) -> bool:
    """Whether a pattern's account is the resource's: wildcards are about the own account, names without one about all."""
    if not glob(of, own_of):
        return False
    if own_of:
        return own_of in (of, account)
    return resource.owner == account or not re.search(r"[*?]", region + name)


def above(tail: str, way: Way, type_: str) -> str | None:
    """The part of a pattern in front of what lies below an entity."""
    form = forms(arntypes.NAMEABLE[type_].own)[0].split(":", 5)[5]
    depth = 1 if way.prefix else form.count(way.separator) + 1
    parts = tail.split(way.separator)
    if len(parts) <= depth:
        return tail if tail.endswith("*") else None
    named = way.separator.join(parts[depth:])
    return way.separator.join(parts[:depth]) if share(named, way.remainder) else None


def takes(statement: dict[str, Any], document: dict[str, Any], account: str, resource: Resource, way: Way) -> bool:
    """Whether a Deny statement takes in a resource, or all that lies below it, for every request."""
    if statement.get("Condition"):
        return False
    negated = "NotResource" in statement
    texts = [filled(raw, document, account) for raw in statement["NotResource" if negated else "Resource"]]
    patterns = [each for each in texts if segments(each) is not None]
    if negated:
        # A variable can only make NotResource spare more.
        return not any(spared(each, account, resource, way) for each in patterns)
    certain = [
        each
        for each, raw in zip(texts, statement["Resource"], strict=True)
        if each in patterns and not is_open(raw, document)
    ]
    return any(glob(each, text) for each in certain for text in whole(resource, way))


def spared(pattern: str, account: str, resource: Resource, way: Way) -> bool:
    """Whether a pattern of a NotResource is about a resource, or about some of what lies below it."""
    if any(glob(pattern, text) for text in whole(resource, way)):
        return True
    parts = segments(pattern)
    assert parts is not None
    if not way.separator or all(not part.strip("*") for part in parts[2:]):
        return False
    parent = above(parts[5], way, resource.type)
    if parent is None:
        return False
    if way.prefix:
        return parts[2] == way.service and glob(
            ":".join(("arn", parts[1], "*", parts[3], "", way.prefix + parent)), resource.arn
        )
    return parts[2] == resource.arn.split(":")[2] and glob(":".join((*parts[:5], parent)), resource.arn)


def whole(resource: Resource, way: Way) -> list[str]:
    """The names that stand for all of a resource, or for all that lies below it."""
    if not way.separator:
        return [resource.arn, *([resource.arn + way.suffix.replace("*", FRESH)] if way.suffix else [])]
    arn = resource.arn
    if way.prefix:
        _, partition, _, region, _, tail = arn.split(":", 5)
        arn = f"arn:{partition}:{way.service}:{region}:{resource.owner}:{tail.removeprefix(way.prefix)}"
    return [arn + way.separator + way.remainder.replace("?*", FRESH)]


# Patterns --------------------------------------------------------------------------------------------------


def segments(pattern: str) -> list[str] | None:
    if pattern and not pattern.strip("*"):
        return ["arn", *["*"] * 5]
    parts = pattern.split(":", 5)
    if parts[0] != "arn" or (len(parts) < 6 and not parts[-1].endswith("*")):
        return None
    parts += ["*"] * (6 - len(parts))
    if re.search(r"[*?]", parts[2]) and any(part.strip("*") for part in parts[2:]):
        return None
    return parts


VARIABLE = re.compile(r"\$\{([^}]*)\}")


def filled(raw: str, document: dict[str, Any], account: str) -> str:
    if document.get("Version") != "2012-10-17":
        return raw
    return VARIABLE.sub(lambda found: account if found[1] == "aws:PrincipalAccount" else "*", raw)


def is_open(raw: str, document: dict[str, Any]) -> bool:
    return document.get("Version") == "2012-10-17" and any(
        name != "aws:PrincipalAccount" for name in VARIABLE.findall(raw)
    )


def glob(pattern: str, text: str) -> bool:
    # A question mark is one character of a name that is there, so never one of FRESH.
    return fnmatchcase(text, pattern.replace("[", "[[]").replace("?", f"[!{FRESH[0]}]"))


@cache
def share(one: str, other: str) -> bool:
    """Whether some text is matched by both patterns."""
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return share(one[1:], other) or share(one, other[1:])
    if other[0] == "*":
        return share(one, other[1:]) or share(one[1:], other)
    return (one[0] == other[0] or "?" in (one[0], other[0])) and share(one[1:], other[1:])
