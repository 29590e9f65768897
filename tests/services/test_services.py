"""For every service: recorded answers in, the golden graph out. `make golden` rewrites the golden files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from collector.catalog.catalog import Catalog, declarations
from collector.schema.declarations import Entity
from tests.class_schemas import violations
from tests.pipeline import Outcome, collect

GOLDEN = Path(__file__).parents[1] / "golden"
SERVICES = [service.name for service in Catalog.all().services]


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {"entities": outcome.entities, "relationships": outcome.relationships, "pointers": outcome.pointers}


@pytest.mark.parametrize("name", SERVICES)
async def test_recorded_answers_give_the_golden_graph(name: str):
    outcome = await collect(name)
    path = GOLDEN / f"{name}.json"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(json.dumps(_plain(outcome), indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    assert _plain(outcome) == json.loads(path.read_text())


@pytest.mark.parametrize("name", SERVICES)
async def test_every_declared_property_appears_in_the_golden_graph(name: str):
    outcome = await collect(name)
    missing = []
    for service in Catalog.all().services:
        if service.name != name:
            continue
        for declaration in declarations(service):
            if isinstance(declaration, Entity):
                records = [record for record in outcome.entities if record["_type"] == declaration.type]
                seen = {label for record in records for label, value in record.items() if value is not None}
                wanted = {
                    *declaration.props,
                    *({"createdOn"} if declaration.created else ()),
                    *({"active"} if declaration.active else ()),
                }
                wanted |= {"webLink"} if declaration.web else set()
                missing += [f"{declaration.type}.{label}" for label in sorted(wanted - seen)]
    assert missing == []


@pytest.mark.parametrize("name", SERVICES)
async def test_every_edge_of_a_service_is_drawn_or_pointed(name: str):
    outcome = await collect(name)
    service = next(service for service in Catalog.all().services if service.name == name)
    drawn = {record["_type"] for record in outcome.relationships}
    pointed = {" ".join(line.split(" by ")[0].split(" ")[1:2]) for line in outcome.pointers}
    catalog = Catalog.all()
    for declaration in declarations(service):
        for edge in declaration.edges:
            assert drawn & catalog.relationship_types(edge) or edge.verb in pointed, (
                f"{edge.source} {edge.verb} {edge.target}"
            )


@pytest.mark.parametrize("name", SERVICES)
async def test_no_call_is_made_twice_and_none_fails(name: str):
    outcome = await collect(name)
    asked = [(client, op, json.dumps(params, sort_keys=True, default=str)) for client, op, params in outcome.calls]
    assert sorted(asked) == sorted(set(asked))
    assert [problem for problem in outcome.problems if problem["reason"] != "vanished"] == []


@pytest.mark.parametrize("name", SERVICES)
async def test_no_key_is_used_twice(name: str):
    outcome = await collect(name)
    keys = [record["_key"] for record in (*outcome.entities, *outcome.relationships)]
    assert sorted(keys) == sorted(set(keys))


@pytest.mark.parametrize("name", SERVICES)
async def test_secrets_of_the_answers_never_leave(name: str):
    outcome = await collect(name, raw=True)
    assert "s3cr3t-" not in json.dumps(outcome.entities, default=str)


@pytest.mark.parametrize("name", SERVICES)
async def test_every_entity_satisfies_the_schemas_of_its_classes(name: str):
    outcome = await collect(name)
    told = [f"{record['_key']}: {line}" for record in outcome.entities for line in violations(record)]
    assert told == []
