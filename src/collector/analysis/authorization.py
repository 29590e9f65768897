"""AWS's authorization reference: which actions exist, what they do, and on which ARNs they can be allowed.

The data is generated from what AWS publishes (`make authref`). It is read at first use; what is derived from it is derived
when it is asked for and kept. Answers are shared: nobody changes them.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import orjson

from collector.analysis.actions import Masks, union
from collector.analysis.arntypes import OVERLAY
from collector.analysis.globs import WILDCARD, is_wild, matcher, matches

LEVELS = {"R": "read", "L": "list", "W": "write", "T": "tagging", "P": "permissions"}
"""The access levels of the reference, as they are called on a relationship."""

EVERY_ACTION = frozenset(("*", "*:*"))
"""The action patterns that stand for all actions."""

_DIGITS = "0123456789"


class ServiceReference(NamedTuple):
    """What the reference tells of a service: its name, its types as [name, ARN form, …], its actions with "<levels><types>"."""

    name: str
    types: list[list[str]]
    actions: dict[str, str]


class Expansion(NamedTuple):
    """What an action pattern stands for; `unlisted` names an action that the reference does not know."""

    masks: Masks
    unlisted: str | None = None


class Form(NamedTuple):
    """A form of ARN: its region and account (empty or not), what its resource part begins with, and its actions."""

    region: str
    account: str
    prefix: str
    masks: Masks


@cache
def _data() -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads(files("collector.analysis").joinpath("authorization.json").read_bytes())
    return content


@cache
def version() -> str:
    """The version of the data that the reference was generated from."""
    return str(_data()["version"])


@cache
def services() -> dict[str, ServiceReference]:
    """All services by their prefix."""
    return {prefix: ServiceReference(*entry) for prefix, entry in _data()["services"].items()}


@cache
def bits(service: str) -> dict[str, int]:
    """The actions of a service in lower case, each with its bit."""
    known = services().get(service)
    return {name: 1 << number for number, name in enumerate(known.actions)} if known else {}


@cache
def all_of(service: str) -> int:
    """All actions of a service."""
    return (1 << len(bits(service))) - 1


@cache
def everything() -> Masks:
    """All actions of all services."""
    return {service: every for service in services() if (every := all_of(service))}


@cache
def levels(service: str) -> dict[str, int]:
    """The access levels of a service's actions: each level, with the actions that have it. An action may have two."""
    found = dict.fromkeys(LEVELS.values(), 0)
    for number, limits in enumerate(services()[service].actions.values()):
        for letter in limits.rstrip(_DIGITS + ","):
            found[LEVELS[letter]] |= 1 << number
    return found


@lru_cache(maxsize=16384)
def expand(pattern: str) -> Expansion:
    """What an action pattern stands for. Names of actions and services are not case-sensitive (IAM documentation)."""
    pattern = pattern.lower()
    if pattern in EVERY_ACTION:
        return Expansion(everything())
    prefix, _, name = pattern.partition(":")
    if not is_wild(prefix):
        named = _named(prefix, name)
        return Expansion({prefix: named}) if named else Expansion({}, _unlisted(prefix, name))
    found = {service: _named(service, name) for service in services() if matches(prefix, service)}
    return Expansion({service: named for service, named in found.items() if named})


def _named(service: str, name: str) -> int:
    if name == "*":
        return all_of(service)
    if not is_wild(name):
        return bits(service).get(name, 0)
    match = matcher(name)
    return sum(bit for action, bit in bits(service).items() if match(action, 0))


def _unlisted(prefix: str, name: str) -> str | None:
    # A wildcard that finds nothing in a service that is known grants nothing; any other name may be newer than the reference.
    if not name or not prefix.replace("-", "").isalnum() or (prefix in services() and is_wild(name)):
        return None
    return f"{prefix}:{name}"


@cache
def _forms() -> dict[str, dict[str, dict[str, int]]]:
    found: dict[str, dict[str, dict[str, int]]] = {}
    for prefix, service in services().items():
        types = [every for _, *every in service.types]
        for form in (form for every in types for form in every):
            found.setdefault(form.split(":", 3)[2], {}).setdefault(form, {})
        for number, limits in enumerate(service.actions.values()):
            for index in limits.lstrip("RLWTP").split(",") if limits[-1].isdigit() else ():
                for form in types[int(index)]:
                    masks = found[form.split(":", 3)[2]][form]
                    masks[prefix] = masks.get(prefix, 0) | 1 << number
    return found


@cache
def forms(arn_service: str) -> dict[str, Masks]:
    """The forms of the ARNs of a service (`arn:{}:s3:::{}`), each with the actions, of any service, that apply to it."""
    found: dict[str, Masks] = dict(_forms().get(arn_service, {}))
    if arn_service in OVERLAY:
        service, names = OVERLAY[arn_service]
        extra = {service: sum(bits(service)[name] for name in names)}
        found = {form: union((masks, extra)) for form, masks in found.items()}
    return found


def forms_of(service: str, name: str) -> list[str]:
    """The forms of the ARNs of a resource type of the reference."""
    return next(every for key, *every in services()[service].types if key == name)


def masks_of(form: str) -> Masks:
    """The actions that can be allowed on ARNs of this form."""
    return forms(form.split(":", 3)[2])[form]


@cache
def shape(form: str) -> Form:
    """A form taken apart."""
    _, _, _, region, account, resource = form.split(":", 5)
    fixed = WILDCARD.split(resource.replace("{}", "*"), maxsplit=1)[0]
    return Form(region, account, fixed, masks_of(form))


@cache
def shapes(arn_service: str) -> tuple[Form, ...]:
    """All forms of the ARNs of a service, taken apart."""
    return tuple(map(shape, forms(arn_service)))


@cache
def applicable(arn_service: str) -> Masks:
    """All actions that can be allowed on some ARN of the service."""
    return union(forms(arn_service).values())
