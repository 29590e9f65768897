"""For every service: recorded responses in, the golden graph out. `make golden` rewrites the golden files."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest

from collector.catalog.catalog import Catalog, declarations
from collector.schema.declarations import RESOURCE, Entity, Service, Verb
from tests.class_schemas import violations
from tests.pipeline import Outcome, collect

GOLDEN = Path(__file__).parents[1] / "golden"
CATALOG = Catalog.all()
POINTER = re.compile(rf"(.+?) ({'|'.join(get_args(Verb))}) (resource by \w+|.+?(?= by ))")


@pytest.fixture(params=CATALOG.services, ids=lambda service: service.name)
def service(request: pytest.FixtureRequest) -> Any:
    return request.param


@cache  # a fixture would collect a service again whenever a random order returns to it
def outcome_of(service: Service) -> Outcome:
    return asyncio.run(collect(service.name, raw=True))


def test_recorded_answers_give_the_golden_graph(service: Service):
    outcome = outcome_of(service)
    entities = [{label: value for label, value in e.items() if label != "_rawData"} for e in outcome.entities]
    graph = {"entities": entities, "relationships": outcome.relationships, "pointers": outcome.pointers}
    path = GOLDEN / f"{service.name}.json"
    if os.environ.get("GOLDEN") == "write" or (os.environ.get("GOLDEN") == "new" and not path.exists()):
        path.write_text(json.dumps(graph, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    assert path.exists(), f"no golden graph: run `make type SERVICE={service.name}` and review tests/golden/{path.name}"
    assert graph == json.loads(path.read_text())


def test_every_declared_property_appears_in_the_golden_graph(service: Service):
    missing = []
    for entity in [declaration for declaration in declarations(service) if isinstance(declaration, Entity)]:
        records = [record for record in outcome_of(service).entities if record["_type"] == entity.type]
        present = {label for record in records for label, value in record.items() if value is not None}
        optional = {"createdOn": entity.created, "active": entity.active, "webLink": entity.web}
        declared = {*entity.props, *(label for label, source in optional.items() if source)}
        missing += [f"{entity.type}.{label}" for label in sorted(declared - present)]
    assert missing == []


def pointed(outcome: Outcome) -> Iterator[tuple[str, str, str]]:
    """The triples of the pointers to other services; the end at the row is a key, the other one a list of types."""
    types = {record["_key"]: record["_type"] for record in outcome.entities}
    for line in outcome.pointers:
        [(source, verb, target)] = POINTER.findall(line)
        yield from product(types.get(source, source).split("|"), [verb], types.get(target, target).split("|"))


def test_every_edge_is_drawn_or_points_to_another_service(service: Service):
    outcome = outcome_of(service)
    drawn = {record["_type"] for record in outcome.relationships}
    pointers = set(pointed(outcome))
    missing = []
    for edge in (edge for declaration in declarations(service) for edge in declaration.edges):
        sources, targets = ([end] if isinstance(end, str) else end for end in (edge.source, edge.target))
        for source, target in product(sources, targets):
            types = CATALOG.relationship_types(replace(edge, source=source, target=target))
            # A pointer to any type, or by a kind of name that types share, is listed without the type.
            ends = {target, f"{RESOURCE} by {edge.by}"} if target == RESOURCE or edge.by != "id" else {target}
            if not drawn & types and pointers.isdisjoint(product([source], [edge.verb], ends)):
                missing.append(f"{source} {edge.verb} {target}")
    assert missing == []


def test_no_call_is_made_twice_and_none_fails(service: Service):
    outcome = outcome_of(service)
    calls = [(client, op, json.dumps(params, sort_keys=True, default=str)) for client, op, params in outcome.calls]
    assert sorted(calls) == sorted(set(calls))
    assert [problem for problem in outcome.problems if problem["reason"] != "vanished"] == []


def test_no_key_is_used_twice(service: Service):
    outcome = outcome_of(service)
    keys = [record["_key"] for record in (*outcome.entities, *outcome.relationships)]
    assert sorted(keys) == sorted(set(keys))


def test_secrets_are_removed_even_from_raw_data(service: Service):
    assert "s3cr3t-" not in json.dumps(outcome_of(service).entities, default=str)


def test_every_entity_satisfies_the_schemas_of_its_classes(service: Service):
    entities = outcome_of(service).entities
    assert [f"{entity['_key']}: {line}" for entity in entities for line in violations(entity)] == []
