"""AWS's service authorization reference: all actions, their access levels, and the ARNs on which they can be allowed.

The data is generated from the reference that AWS publishes (`make authref`). It is loaded on first use; everything derived from it
is computed on demand and cached. Cached values are shared between callers and must not be modified.
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
"""The access levels of the reference, by their letter in the data; the values are property names of relationships."""

EVERY_ACTION = frozenset(("*", "*:*"))
"""The action patterns that match all actions."""

_DIGITS = "0123456789"


class ServiceReference(NamedTuple):
    """A service of the reference: its name, its resource types as [name, ARN form, …], its actions with `<levels><type indexes>`."""

    name: str
    types: list[list[str]]
    actions: dict[str, str]


class Expansion(NamedTuple):
    """The actions that an action pattern matches; `unlisted` is the name of an action that is missing from the reference."""

    masks: Masks
    unlisted: str | None = None


class Form(NamedTuple):
    """An ARN form: its region and account segments (empty or not), the prefix of its resource part, and its actions."""

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
    """Return the version of the data from which the reference was generated."""
    return str(_data()["version"])


@cache
def services() -> dict[str, ServiceReference]:
    """Return all services by their action prefix."""
    return {prefix: ServiceReference(*entry) for prefix, entry in _data()["services"].items()}


@cache
def bits(service: str) -> dict[str, int]:
    """Return the bit of each action of a service, by the action's name in lower case; empty for an unknown service."""
    reference = services().get(service)
    return {name: 1 << number for number, name in enumerate(reference.actions)} if reference else {}


@cache
def all_of(service: str) -> int:
    """Return the mask of all actions of a service."""
    return (1 << len(bits(service))) - 1


@cache
def everything() -> Masks:
    """Return all actions of all services."""
    return {service: mask for service in services() if (mask := all_of(service))}


@cache
def levels(service: str) -> dict[str, int]:
    """Return the mask of a service's actions for each access level. An action may have two levels."""
    found = dict.fromkeys(LEVELS.values(), 0)
    for number, entry in enumerate(services()[service].actions.values()):
        for letter in entry.rstrip(_DIGITS + ","):
            found[LEVELS[letter]] |= 1 << number
    return found


@lru_cache(maxsize=16384)
def expand(pattern: str) -> Expansion:
    """Return the actions that a pattern matches. Names of actions and services are case-insensitive (IAM documentation)."""
    pattern = pattern.lower()
    if pattern in EVERY_ACTION:
        return Expansion(everything())
    prefix, _, name = pattern.partition(":")
    if not is_wild(prefix):
        mask = _matching(prefix, name)
        return Expansion({prefix: mask}) if mask else Expansion({}, _unlisted(prefix, name))
    masks = {service: _matching(service, name) for service in services() if matches(prefix, service)}
    return Expansion({service: mask for service, mask in masks.items() if mask})


def _matching(service: str, name: str) -> int:
    if name == "*":
        return all_of(service)
    if not is_wild(name):
        return bits(service).get(name, 0)
    match = matcher(name)
    return sum(bit for action, bit in bits(service).items() if match(action, 0))


def _unlisted(prefix: str, name: str) -> str | None:
    # A wildcard without a match in a listed service grants nothing; any other name may be newer than the reference.
    if not name or not prefix.replace("-", "").isalnum() or (prefix in services() and is_wild(name)):
        return None
    return f"{prefix}:{name}"


@cache
def _forms() -> dict[str, dict[str, dict[str, int]]]:
    found: dict[str, dict[str, dict[str, int]]] = {}
    for prefix, service in services().items():
        types = [type_forms for _, *type_forms in service.types]
        for form in (form for type_forms in types for form in type_forms):
            found.setdefault(form.split(":", 3)[2], {}).setdefault(form, {})
        for number, entry in enumerate(service.actions.values()):
            for index in entry.lstrip("RLWTP").split(",") if entry[-1].isdigit() else ():
                for form in types[int(index)]:
                    masks = found[form.split(":", 3)[2]][form]
                    masks[prefix] = masks.get(prefix, 0) | 1 << number
    return found


@cache
def forms(arn_service: str) -> dict[str, Masks]:
    """Return the ARN forms of a service (`arn:{}:s3:::{}`), each with the actions, of any service, that apply to it."""
    found: dict[str, Masks] = dict(_forms().get(arn_service, {}))
    if arn_service in OVERLAY:
        service, names = OVERLAY[arn_service]
        extra = {service: sum(bits(service)[name] for name in names)}
        found = {form: union((masks, extra)) for form, masks in found.items()}
    return found


def forms_of(service: str, name: str) -> list[str]:
    """Return the ARN forms of a resource type of the reference."""
    return next(type_forms for type_name, *type_forms in services()[service].types if type_name == name)


def masks_of(form: str) -> Masks:
    """Return the actions that can be allowed on ARNs of a form."""
    return forms(form.split(":", 3)[2])[form]


@cache
def shape(form: str) -> Form:
    """Parse an ARN form."""
    _, _, _, region, account, resource = form.split(":", 5)
    return Form(region, account, WILDCARD.split(resource.replace("{}", "*"), maxsplit=1)[0], masks_of(form))


@cache
def shapes(arn_service: str) -> tuple[Form, ...]:
    """Return all ARN forms of a service, parsed."""
    return tuple(map(shape, forms(arn_service)))


@cache
def applicable(arn_service: str) -> Masks:
    """Return all actions that can be allowed on some ARN of a service."""
    return union(forms(arn_service).values())
