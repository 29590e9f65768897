"""What a disturbed run lacks is of a type that its report protects: random failures over the whole sample estate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.analysis.facts import AnalysisLimits
from collector.catalog.catalog import Catalog, affected, declarations
from collector.catalog.partial import PartialDatasets, partial_datasets
from collector.faults import CallFailed, Reason
from collector.graph.analysis_run import AnalysisRun
from collector.graph.assemble import AccountAssembler, Assembler, BadRow, ConvertedRow, Page
from collector.model import GLOBAL, Options, Scope, Target
from collector.report import Ledger
from collector.schema.declarations import UNKNOWN, Declaration, Gather, Hydrate, Join
from tests.runs import Collected

CATALOG = Catalog.all()
SERVICES = {entity.type: service.name for service in CATALOG.services for entity in service.entities}
OWNERS = {declaration: service for service in CATALOG.services for declaration in declarations(service)}
NUMBERS = {declaration: number for number, declaration in enumerate(OWNERS)}
DENIED = CallFailed("x:Y", Reason.DENIED, "AccessDenied", "no")


class Estate:
    """The pages of a complete run over the sample estate, also as converted rows."""

    def __init__(self, target: Target, pages: list[tuple[Scope, Page]]) -> None:
        self.target, self.pages = target, pages
        self.assembler = Assembler(CATALOG, Options())
        self.converted: dict[int, list[ConvertedRow | BadRow]] = {}
        self.complete: dict[str, str] = {}

    def lost(self, keys: Collection[str]) -> set[str]:
        """The types of the records of the complete run that a run with these keys lacks."""
        return {type_ for key, type_ in self.complete.items() if key not in keys}

    def rows(self, account: AccountAssembler, page: Page, lost: frozenset[str]) -> list[ConvertedRow | BadRow]:
        """The rows of a page after conversion; `lost` are fields of theirs that failed calls left unknown."""
        if lost:
            rows = [({**row, UNKNOWN: {*row.get(UNKNOWN, ()), *lost}}, place) for row, place in page.rows]
            for row, _ in rows:
                for name in lost:
                    row.pop(name, None)
            return list(account._convert(page._replace(rows=rows)))
        if id(page) not in self.converted:
            self.converted[id(page)] = list(account._convert(page))
        return self.converted[id(page)]


def added(declaration: Declaration) -> list[str]:
    """The fields that further calls add to the rows of a declaration."""
    calls: tuple[Join | Gather | Hydrate, ...] = (*declaration.join, *declaration.gather, *declaration.hydrate)
    return [call.at for call in calls]


@dataclass(frozen=True)
class Disturbance:
    """What goes wrong: services and regions that are left out, and by scope and declaration, listings and fields that are lost."""

    services: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    listings: frozenset[tuple[Scope, int]] = frozenset()
    fields: frozenset[tuple[Scope, int, str]] = frozenset()


def run(estate: Estate, disturbance: Disturbance) -> tuple[dict[str, str], PartialDatasets]:
    """The type of every record of a disturbed run by its key, and what its report protects."""
    ledger = Ledger("run", "0")
    account = estate.assembler.account(estate.target, Options(), ledger)
    unselected = {entity.type for s in CATALOG.services if s.name in disturbance.services for entity in _entities(s)}
    keys: dict[str, str] = {}
    for scope, page in estate.pages:
        service, number = OWNERS[page.declaration], NUMBERS[page.declaration]
        if service.name in disturbance.services or scope.region in disturbance.regions:
            continue
        record = ledger.plan(scope)
        if (scope, number) in disturbance.listings:
            record.fail(DENIED, affected(service, page.declaration))
            continue
        lost = frozenset(name for *at, name in disturbance.fields if at == [scope, number])
        if lost:
            record.fail(DENIED, affected(service, page.declaration))
        for outgoing in account.place(estate.rows(account, page, lost), scope):
            keys[outgoing.record["_key"]] = outgoing.record["_type"]
    if disturbance.regions:
        ledger.left_out |= CATALOG.affected_by_regions
    for outgoing in account.close(frozenset(ledger.incomplete_types() | unselected)):
        keys[outgoing.record["_key"]] = outgoing.record["_type"]
    keys |= asyncio.run(analysed(account, ledger, estate.target))
    return keys, partial_datasets(CATALOG, ledger.incomplete_types() | ledger.left_out | unselected)


def _entities(service: Any) -> Iterator[Any]:
    yield from (declaration for declaration in declarations(service) if hasattr(declaration, "type"))


async def analysed(account: AccountAssembler, ledger: Ledger, target: Target) -> dict[str, str]:
    """The types of the records that the analysis draws, by their keys."""
    analysis = AnalysisRun(target, account.graph.entities, ledger, SERVICES)
    facts = account.facts.facts(account.graph.entities.nameable())
    return {
        outgoing.record["_key"]: outgoing.record["_type"]
        async for records in analysis.draw(facts, AnalysisLimits(deny_edges=True))
        for outgoing in records
    }


@pytest.fixture(scope="module")
def sample_pages(undisturbed: Callable[..., Collected]) -> Estate:
    """The pages of one run over the sample estate; all of its relationships are drawn again from them."""
    pages: list[tuple[Scope, Page]] = []
    targets: list[Target] = []
    take, init = AccountAssembler.take, AccountAssembler.__init__

    def taking(self: AccountAssembler, page: Page, scope: Scope) -> Any:
        pages.append((scope, page))
        return take(self, page, scope)

    def making(self: AccountAssembler, assembler: Assembler, target: Target, *more: Any) -> None:
        targets.append(target)
        init(self, assembler, target, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AccountAssembler, "take", taking)
        patch.setattr(AccountAssembler, "__init__", making)
        undisturbed(services="all,inspector,waf", max_concurrency=50)
    estate = Estate(targets[0], pages)
    estate.complete, partial = run(estate, Disturbance())
    assert len(estate.complete) > 1000
    assert partial.patterns == frozenset()
    return estate


def disturbance_of(estate: Estate, random: Random) -> Disturbance:
    """A random disturbance: of each kind none, a few, or many services."""
    names = [service.name for service in CATALOG.services]
    asked = sorted({(scope, NUMBERS[page.declaration]) for scope, page in estate.pages})
    every = list(OWNERS)
    fields = [(scope, number, name) for scope, number in asked for name in added(every[number])]
    regions = sorted({scope.region for scope, _ in asked if scope.region != GLOBAL})
    return Disturbance(
        frozenset(random.sample(names, random.choice((0, 0, 1, 3, len(names) // 2, len(names) - 1)))),
        frozenset(random.sample(regions, random.choice((0, 0, 0, 1)))),
        frozenset(random.sample(asked, random.choice((0, 1, 2, 5, 40)))),
        frozenset(random.sample(fields, random.choice((0, 1, 2, 5, 40)))),
    )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_what_a_disturbed_run_lacks_is_protected(sample_pages, seed):
    keys, partial = run(sample_pages, disturbance_of(sample_pages, Random(seed)))
    assert sorted(type_ for type_ in sample_pages.lost(keys) if not partial.matches(type_)) == []


@pytest.mark.parametrize("service", [service.name for service in CATALOG.services])
def test_what_a_run_of_one_service_lacks_is_protected(sample_pages, service):
    others = frozenset(each.name for each in CATALOG.services if each.name != service)
    keys, partial = run(sample_pages, Disturbance(services=others))
    lost = sample_pages.lost(keys)
    assert sorted(type_ for type_ in lost if not partial.matches(type_)) == []
    assert len(lost) > 100
