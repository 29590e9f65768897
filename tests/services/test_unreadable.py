"""Answers that differ from AWS's model in every member: whatever cannot be read costs itself, never its neighbours.

Each item of each list in the recorded answers is followed by copies that lack one member, or have an absurd value for it, and
every further call with the same parameters returns an answer with one such fault. The recorded items must come out as before.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from itertools import cycle
from typing import Any, ClassVar, NamedTuple, TypeAlias

import pytest

from collector.analysis.account import analyse
from collector.catalog.catalog import Catalog
from collector.faults import Reason
from collector.graph.assemble import Assembler, ConvertedRow, Page
from collector.model import Options, Scope, Unreadable
from collector.report import Ledger
from collector.sinks.writer import line_of
from tests.fake import ANSWERS, FakeApi
from tests.pipeline import TARGET, run_jobs

CATALOG = Catalog.all()
ABSURD: tuple[Any, ...] = (
    Unreadable("soon"), "345.345.345.345", {"Malformed": 1}, 10**30, "arn:", True, ["malformed"], -1, "", b"\xff", 1.5, [{"Malformed": [1]}],
)  # fmt: skip
TOKENS = {"NextToken", "nextToken", "NextMarker", "Marker", "IsTruncated", "position", "HasMoreStreams"}
Fault: TypeAlias = Callable[[Any], Any]
"""Returns what a value is replaced by: `REMOVED` if it is left out."""


class Removed(NamedTuple):
    """The fault of a member that AWS left out."""


REMOVED = Removed()


def variants(value: Any, fault: Fault) -> Iterator[Any]:
    """Copies of a value, each with one fault, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in TOKENS:
                continue
            new = fault(inner)
            rest = {other: each for other, each in value.items() if other != name}
            yield rest if new is REMOVED else {**rest, name: new}
            yield from ({**value, name: variant} for variant in variants(inner, fault))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            if not isinstance(inner, dict | list):
                new = fault(inner)
                yield [*value[:number], *(() if new is REMOVED else (new,)), *value[number + 1 :]]
            yield from ([*value[:number], variant, *value[number + 1 :]] for variant in variants(inner, fault))


def scalars(value: Any, fault: Fault) -> Iterator[Any]:
    """A scalar thrice, for further calls with it, and its fault."""
    yield from (value, value, value)
    new = fault(value)
    if new is not REMOVED:
        yield new


def with_copies(value: Any, fault: Fault) -> Any:
    """The value, with faulty copies after each item of each outermost list."""
    if isinstance(value, dict):
        return {name: with_copies(inner, fault) for name, inner in value.items()}
    if isinstance(value, list):
        copies = (
            copy
            for item in value
            for copy in (variants(item, fault) if isinstance(item, dict) else scalars(item, fault))
        )
        return [*value, *copies]
    return value


class FaultyApi(FakeApi):
    """Recorded answers with faults; none if `fault` is None."""

    asked: ClassVar[dict[tuple[str, str], set[str]]] = defaultdict(set)
    """The identifiers that the undisturbed run asks for, many at once, by the service and the operation."""

    def __init__(self, folder: Any, region: str, fault: Fault | None) -> None:
        super().__init__(folder, region)
        self._fault, self._times = fault, Counter[str]()

    def _answers(self, client: str, op: str, params: Any, region: str | None) -> list[Any]:
        asked = self.asked[self._folder.name, op]
        if self._fault is None:
            asked.update(str(one) for value in params.values() if isinstance(value, list) for one in value)
            return super()._answers(client, op, params, region)
        lots = {
            name: [one for one in value if str(one) in asked]
            for name, value in params.items()
            if isinstance(value, list)
        }
        recorded = super()._answers(client, op, {**params, **lots}, region)
        call = f"{client} {op} {region} {params}"
        self._times[call] += 1
        if self._times[call] == 1:
            return [with_copies(answer, self._fault) for answer in recorded]
        faulty = list(variants(recorded[0], self._fault))
        return [faulty[self._times[call] % len(faulty)]] if faulty else recorded


class Result(NamedTuple):
    keys: set[str]
    reasons: set[Reason]
    analysed: int


async def collect(name: str, fault: Fault | None) -> Result:
    catalog = Catalog(tuple(service for service in CATALOG.services if service.name == name))
    ledger = Ledger("run", "0")
    assembler = Assembler(catalog, Options(raw=True)).account(TARGET, Options(), ledger)
    keys: set[str] = set()

    def take(page: Page, scope: Scope) -> None:
        rows = list(assembler._convert(page))
        for row in rows:  # also those whose key is there already: `place` drops them
            if isinstance(row, ConvertedRow) and row.entity:
                assembler.facts.add(row.type, row.entity, row.region)
        for outgoing in assembler.place(rows, scope):
            line_of(outgoing.record)
            keys.add(outgoing.record["_key"])

    await run_jobs(catalog, ledger, lambda service, region: FaultyApi(ANSWERS / service, region, fault), take)
    for outgoing in assembler.close(frozenset()):
        line_of(outgoing.record)
    facts = assembler.facts.facts(assembler.graph.entities.nameable())
    analysed = sum(len(findings) for findings in analyse(facts))
    reasons = {reason for scope in ledger.scopes.values() for _, reason, _ in scope.problems}
    return Result(keys, reasons, analysed)


@cache
def undisturbed(name: str) -> Result:
    return asyncio.run(collect(name, None))


@pytest.mark.parametrize("name", [service.name for service in CATALOG.services])
def test_a_missing_member_costs_nothing_but_what_reads_it(name):
    expected = undisturbed(name)
    result = asyncio.run(collect(name, lambda _: REMOVED))
    assert expected.keys - result.keys == set()


@pytest.mark.parametrize("name", [service.name for service in CATALOG.services])
def test_an_absurd_value_costs_nothing_but_what_reads_it(name):
    expected, values = undisturbed(name), cycle(ABSURD)
    result = asyncio.run(collect(name, lambda _: next(values)))
    # without relationships: whether a subnet uses a table can depend on a neighbouring one that cannot be read
    assert {key for key in expected.keys - result.keys if "|" not in key} == set()
    assert Reason.INVALID in result.reasons
