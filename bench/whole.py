"""Whole runs over canned estates: records and calls a second, peak memory, whether all came out; and an account beside plain use.

`--profile 1m` adds a million resources in ten accounts, which takes some minutes.
"""

from __future__ import annotations

from typing import NamedTuple

from bench.canned import canned_server, resources
from bench.collected import Collected, collected
from bench.measure import MB, ROUNDS, Figure, Side, alone, most
from bench.synthetic import account_figures

BYTES_PER_RESOURCE = 400
MOST_MEMORY = 500 * MB
LINEAR = 1.2
MANY = {"org": True, "role_name": "collector"}
"""How all accounts of an estate are collected: as the members of its organization."""


class Measured(NamedTuple):
    """The rounds of one profile."""

    profile: str
    rounds: list[Collected]

    def median(self, name: str) -> float:
        """The middle one of a figure."""
        return Side([float(getattr(each, name)) for each in self.rounds]).median

    @property
    def entities(self) -> int:
        """How many entities came out."""
        return self.rounds[0].counts["entities"]


def figures(profile: str = "100k") -> list[Figure]:
    """The named profile beside the small one and the published one, then the synthetic account."""
    small, large, published = (_measured(name, ROUNDS) for name in ("small", "100k", "cloudbeat"))
    found = [*_rates(large), _growth(small, large), *_rates(published)]
    if profile == "1m":
        found += _million(large, _measured("1m", 1, **MANY))
    return found + account_figures()


def _measured(profile: str, rounds: int, **given: object) -> Measured:
    with canned_server(profile) as aws:
        return Measured(profile, [collected(aws.environment(), **given) for _ in range(rounds)])


def _rates(measured: Measured) -> list[Figure]:
    name, wall = measured.profile, measured.median("wall")
    calls = measured.rounds[0].counts["apiCalls"]
    records = measured.rounds[0].records
    return [
        alone(f"{name}: entities a second", measured.entities / wall, shown="{:,.0f}".format),
        alone(f"{name}: records a second", records / wall, shown="{:,.0f}".format),
        alone(f"{name}: calls a second", calls / wall, shown="{:,.0f}".format),
        alone(f"{name}: seconds", wall, shown="{:.1f}".format),
        alone(f"{name}: CPU seconds", measured.median("cpu"), shown="{:.1f}".format),
        alone(f"{name}: CPU a call", measured.median("cpu") / calls, shown=_milliseconds),
        alone(f"{name}: peak memory", measured.median("peak"), shown=_megabytes),
        _completeness(measured),
    ]


def _completeness(measured: Measured) -> Figure:
    """Every resource of the estate, each once; a type too few or too many is told by name."""
    expected, types = resources(measured.profile), measured.rounds[0].types
    wrong = [kind for kind, count in expected.items() if types.get(kind, 0) != count]
    complete = measured.rounds[0].status == "complete"
    said = f"all of {sum(expected.values()):,}" if not wrong else f"not {', '.join(wrong)}"
    words = "all, and status complete"
    return Figure(f"{measured.profile}: resources found", said, wanted=words, met=complete and not wrong)


def _growth(small: Measured, large: Measured) -> Figure:
    more = large.median("peak") - small.median("peak")
    each = more / (large.entities - small.entities)
    return alone(
        f"memory for each resource more than {small.profile}",
        each,
        shown=lambda size: f"{size:,.0f} bytes",
        wanted=most(BYTES_PER_RESOURCE, "{:,.0f}".format),
    )


def _million(large: Measured, million: Measured) -> list[Figure]:
    """Time for each resource beside that of the large profile, and the ceiling of memory."""
    slower = (million.median("wall") / million.entities) / (large.median("wall") / large.entities)
    return [
        *_rates(million)[:-2],
        alone("1m: peak memory", million.median("peak"), shown=_megabytes, wanted=most(MOST_MEMORY, _megabytes)),
        _completeness(million),
        alone("1m: time for each resource, to that of 100k", slower, shown="{:.2f}".format, wanted=most(LINEAR)),
    ]


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def _megabytes(size: float) -> str:
    return f"{size / MB:,.0f} MB"
