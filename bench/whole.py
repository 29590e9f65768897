"""Complete runs over canned estates: throughput, peak memory, completeness; and the synthetic account.

`--profile 1m` adds a million resources in ten accounts, which takes minutes.
"""

from __future__ import annotations

from typing import NamedTuple

from bench.canned import canned_server, resources
from bench.collected import Collected, collected
from bench.measure import MB, ROUNDS, Figure, Side, at_most, single
from bench.synthetic import account_figures

BYTES_PER_RESOURCE = 400
MOST_MEMORY = 500 * MB
LINEAR = 1.2
MANY = {"org": True, "role_name": "collector"}
"""Settings that collect all accounts of an estate, as members of its organization."""


class Measured(NamedTuple):
    """The rounds of one profile."""

    profile: str
    rounds: list[Collected]

    def median(self, name: str) -> float:
        """The median of a figure over the rounds."""
        return Side([float(getattr(each, name)) for each in self.rounds]).median

    @property
    def entities(self) -> int:
        """The number of collected entities."""
        return self.rounds[0].counts["entities"]


def figures(profile: str = "100k") -> list[Figure]:
    """Figures of the profiles 100k, small and cloudbeat, of 1m on request, and of the synthetic account."""
    small, large, published = (_measured(name, ROUNDS) for name in ("small", "100k", "cloudbeat"))
    found = [*_rates(large), _growth(small, large), *_rates(published)]
    if profile == "1m":
        found += _million(large, _measured("1m", 1, **MANY))
    return found + account_figures()


def _measured(profile: str, rounds: int, **settings: object) -> Measured:
    with canned_server(profile) as aws:
        return Measured(profile, [collected(aws.environment(), **settings) for _ in range(rounds)])


def _rates(measured: Measured) -> list[Figure]:
    name, wall = measured.profile, measured.median("wall")
    calls = measured.rounds[0].counts["apiCalls"]
    records = measured.rounds[0].records
    return [
        single(f"{name}: entities per second", measured.entities / wall, shown="{:,.0f}".format),
        single(f"{name}: records per second", records / wall, shown="{:,.0f}".format),
        single(f"{name}: calls per second", calls / wall, shown="{:,.0f}".format),
        single(f"{name}: seconds", wall, shown="{:.1f}".format),
        single(f"{name}: CPU seconds", measured.median("cpu"), shown="{:.1f}".format),
        single(f"{name}: CPU per call", measured.median("cpu") / calls, shown=_milliseconds),
        single(f"{name}: peak memory", measured.median("peak"), shown=_megabytes),
        _completeness(measured),
    ]


def _completeness(measured: Measured) -> Figure:
    """Whether every resource was collected exactly once; otherwise the types whose number is wrong."""
    expected, types = resources(measured.profile), measured.rounds[0].types
    wrong = [kind for kind, count in expected.items() if types.get(kind, 0) != count]
    complete = measured.rounds[0].status == "complete"
    result = f"all of {sum(expected.values()):,}" if not wrong else f"not {', '.join(wrong)}"
    return Figure(
        f"{measured.profile}: resources found", result, target="all, and status complete", met=complete and not wrong
    )


def _growth(small: Measured, large: Measured) -> Figure:
    more = large.median("peak") - small.median("peak")
    each = more / (large.entities - small.entities)
    return single(
        f"memory per additional resource, compared with {small.profile}",
        each,
        shown=lambda size: f"{size:,.0f} bytes",
        target=at_most(BYTES_PER_RESOURCE, "{:,.0f}".format),
    )


def _million(large: Measured, million: Measured) -> list[Figure]:
    """Time per resource compared with the large profile, and peak memory."""
    slower = (million.median("wall") / million.entities) / (large.median("wall") / large.entities)
    return [
        *_rates(million)[:-2],
        single("1m: peak memory", million.median("peak"), shown=_megabytes, target=at_most(MOST_MEMORY, _megabytes)),
        _completeness(million),
        single("1m: time per resource / that of 100k", slower, shown="{:.2f}".format, target=at_most(LINEAR)),
    ]


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def _megabytes(size: float) -> str:
    return f"{size / MB:,.0f} MB"
