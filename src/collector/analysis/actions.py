"""Sets of actions: for each service prefix, its actions as the bits of a whole number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

Masks: TypeAlias = Mapping[str, int]
"""A set of actions; a service without any of them is left out."""

NOTHING: Masks = {}


def union(sets: Iterable[Masks]) -> Masks:
    """The actions that are in any of the sets."""
    total: dict[str, int] = {}
    for masks in sets:
        for service, bits in masks.items():
            total[service] = total.get(service, 0) | bits
    return total


def common(one: Masks, other: Masks) -> Masks:
    """The actions that are in both sets."""
    if len(other) < len(one):
        one, other = other, one
    return {service: both for service, bits in one.items() if (both := bits & other.get(service, 0))}


def without(one: Masks, other: Masks) -> Masks:
    """The actions of the first set that are not in the other."""
    return {service: rest for service, bits in one.items() if (rest := bits & ~other.get(service, 0))}


def meet(one: Masks, other: Masks) -> bool:
    """Whether some action is in both sets."""
    if len(other) < len(one):
        one, other = other, one
    for service, bits in one.items():  # noqa: SIM110 - called for each statement and type; a generator would double its time
        if bits & other.get(service, 0):
            return True
    return False
