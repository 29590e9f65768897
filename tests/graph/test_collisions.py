"""Estates in which names repeat over regions and VPCs: a pointer means the resource in its own, whatever comes first."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from functools import cache
from itertools import count, permutations
from typing import Any

import pytest

from collector.catalog.catalog import Catalog
from collector.engine.job import JobRun
from collector.engine.plan import jobs
from collector.graph.assemble import Assembler, Page
from collector.graph.convert import EdgeConverter, PendingEdge
from collector.graph.entity_index import Name
from collector.graph.resolve import AccountGraph, NameIndex
from collector.model import GLOBAL, Options, Scope, Target
from collector.report import Ledger
from collector.schema.declarations import Template
from collector.schema.names import NAME_KINDS
from tests.fake import ANSWERS, FakeApi
from tests.pipeline import ACCOUNT, TARGET
from tests.services.test_services import GOLDEN

CATALOG = Catalog.all()
SCOPE = Scope("1", "r", "s")
REGIONS = HERE, THERE = TARGET.enabled
SWAPPED = {
    HERE: THERE,
    "vpc-0": "vpc-1",
    "203.0.113.": "203.0.112.",
    "198.51.100.": "198.51.101.",
    "2001:db8:": "2001:db9:",
}
"""What differs between the two regions: everything that AWS keeps apart. All other names and ids are the same."""


def moved(value: Any) -> Any:
    """The value as the other region tells it."""
    if isinstance(value, dict):
        return {moved(label): moved(inner) for label, inner in value.items()}
    if isinstance(value, list):
        return [moved(inner) for inner in value]
    if isinstance(value, str):
        for one, other in SWAPPED.items():
            value = value.replace(one, "\0").replace(other, one).replace("\0", other)
    return value


class MirroredApi(FakeApi):
    """Answers in the other region what was recorded in this one."""

    def _answers(self, client: str, op: str, params: Any, region: str | None) -> list[Any]:
        return [moved(answer) for answer in super()._answers(client, op, moved(dict(params)), HERE)]


@cache
def pages_of(region: str) -> list[tuple[Scope, Page]]:
    """The pages of all services in a region; those of the global scopes have `global`."""
    target = Target(
        "aws", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/tester", (region,) if region != GLOBAL else (HERE,), REGIONS
    )
    found: list[tuple[Scope, Page]] = []

    async def collect() -> None:
        for job in jobs(CATALOG, target):
            if (job.place.region == GLOBAL) != (region == GLOBAL):
                continue
            api = (MirroredApi if region == THERE else FakeApi)(ANSWERS / job.service.name, HERE)
            record = Ledger("run", "0").begin(job.scope)

            def emit(page: Page, scope: Scope = job.scope) -> None:
                found.append((scope, page))

            await JobRun(job, api, record, emit, width=1).run()

    asyncio.run(collect())
    return found


def relationships(*regions: str, seed: int = 0) -> dict[str, Any]:
    """The relationships of an account that has these regions, whose pages arrive in a random order."""
    target = Target("aws", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/tester", REGIONS, REGIONS)
    ledger = Ledger("run", "0")
    assembler = Assembler(CATALOG, Options()).account(target, Options(), ledger)
    pages = [page for region in (GLOBAL, *regions) for page in pages_of(region)]
    random.Random(seed).shuffle(pages)
    records = []
    for scope, page in pages:
        if scope not in ledger.scopes:
            ledger.begin(scope)
        records += [outgoing.record for outgoing in assembler.take(page, scope)]
    records += [outgoing.record for outgoing in assembler.close(frozenset())]
    return {record["_key"]: record for record in records if isinstance(record["_class"], str)}


@pytest.mark.parametrize("seed", range(5))
def test_a_second_region_with_the_same_names_changes_no_relationship_of_the_first(seed):
    alone = relationships(HERE) | relationships(THERE)
    both = relationships(HERE, THERE, seed=seed)
    assert len(both) > len(relationships(HERE)) > 300
    # What one region alone maps to an entity outside may be in the other one.
    assert both == {key: record for key, record in alone.items() if key in both or "_mapping" not in record}


def far_type(converter: EdgeConverter) -> str:
    """A type at the far end of an edge, if that is named; else one that other edges point to."""
    return next((type_ for type_ in converter.ends.far if type_ in CATALOG.types), "aws_instance")


PLACES = {"account": (GLOBAL,), "region": (HERE, THERE), "vpc": ("vpc-1", "vpc-2")}
CONVERTERS = [
    converter
    for converters in Assembler(CATALOG, Options()).edges.values()
    for converter in converters
    if converter.ends.declared.at is not None
]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_every_edge_finds_the_entity_of_its_own_place_in_any_order(order):
    for converter in CONVERTERS:
        ends, places = replace(converter.ends, near=("near",)), PLACES[converter._far_level]
        graph = AccountGraph(NameIndex([ends]))
        steps = [(kind, place) for kind in ("far", "near") for place in places]
        records = []
        for kind, place in (steps[number] for number in order if number < len(steps)):
            if kind == "far":
                freed = graph.add(far_type(converter), f"far:{place}", [Name(ends.by, place, "web")]) or []
                records += [graph.link(*waiting) for waiting in freed]
            else:
                graph.add("near", f"near:{place}", [])
                pending = PendingEdge(0, f"near:{place}", None, "web", (place,), None, None, None)
                records.append(graph.link(pending, SCOPE))
        records += [record for record, _ in graph.close("1", frozenset())]
        drawn = [{record["_fromEntityKey"], record["_toEntityKey"]} for record in records if record]
        assert len(drawn) == len(places)
        assert all({f"near:{place}", f"far:{place}"} in drawn for place in places), ends


@pytest.mark.parametrize("kind", [kind for kind, found in NAME_KINDS.items() if found.bearers == "some"])
def test_a_name_that_means_one_of_several_is_ambiguous(kind):
    for converter in CONVERTERS:
        if converter.ends.by == kind:
            graph = AccountGraph(NameIndex([replace(converter.ends, near=("near",))]))
            graph.add("near", "near", [])
            number = count()
            for place in PLACES[converter._far_level] * 2:
                graph.add(far_type(converter), f"{place} {next(number)}", [Name(kind, place, "web")])
            within = () if converter._far_level == "vpc" else (GLOBAL,)
            graph.link(PendingEdge(0, "near", None, "web", within, None, None, None), SCOPE)
            assert list(graph.close("1", frozenset())) == []
            assert [each.reason for each in graph.dangling] == ["ambiguous"]


@pytest.mark.parametrize("entity", CATALOG.entities, ids=lambda entity: entity.type)
def test_every_kind_of_name_is_declared_and_a_name_does_not_repeat_its_place(entity):
    assert entity.also.keys() <= NAME_KINDS.keys()
    assert entity.vpc is not None or not any(NAME_KINDS[kind].within == "vpc" for kind in entity.also)
    regional = [source for kind, source in entity.also.items() if NAME_KINDS[kind].within == "region"]
    assert not any(isinstance(source, Template) and "{region}" in source.text for source in (*regional, entity.id))


@pytest.mark.parametrize("converter", CONVERTERS, ids=lambda one: f"{one.ends.near} {one.ends.verb} {one.ends.far}")
def test_every_pointer_by_a_name_of_a_vpc_says_which(converter):
    edge = converter.ends.declared
    assert edge.by in NAME_KINDS
    assert (edge.vpc is not None) or NAME_KINDS[edge.by].within != "vpc"


def test_every_key_has_a_colon_which_no_id_has():
    for path in GOLDEN.glob("*.json"):
        for entity in json.loads(path.read_text())["entities"]:
            assert ":" in entity["_key"]
