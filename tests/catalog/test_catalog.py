from __future__ import annotations

import ast
import inspect
import textwrap
from pathlib import Path
from typing import Any

import pytest

from collector import services
from collector.catalog.catalog import Catalog, UnknownServiceError, client_of, declarations
from collector.schema.declarations import Call, Custom, Declaration, Edge, Entity, Service, pick
from tests.declarations import TOKENS, Lint, operation
from tests.runs import Collected

SERVICES = Path(services.__path__[0])

CATALOG = Catalog.all()
LINT = Lint(CATALOG)
CASES = [(service, declaration) for service in CATALOG.services for declaration in declarations(service)]


@pytest.mark.parametrize(
    ("service", "declaration"), CASES, ids=[f"{s.name}-{getattr(d, 'type', getattr(d, 'title', ''))}" for s, d in CASES]
)
def test_every_name_in_a_declaration_is_valid(service: Service, declaration: Declaration):
    assert LINT.problems(service, declaration) == []


def _lint(entity: Entity) -> list[str]:
    service = Service(name="ec2", client="ec2", title="EC2", entities=(entity,))
    catalog = Catalog.of((service,))
    return Lint(catalog).problems(catalog.services[0], catalog.services[0].entities[0])


def _subnet(**changes) -> Entity:
    fields: dict[str, Any] = {
        "type": "aws_subnet",
        "cls": "Configuration",
        "rows": Call("describe_subnets", "Subnets"),
        "key": "SubnetArn",
        "name": "SubnetId",
        "props": pick("CidrBlock"),
    }
    return Entity(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        ({"props": pick("CidrBlok")}, "CidrBlok: Subnet has no CidrBlok"),
        ({"rows": Call("describe_subnetz", "Subnets")}, "no operation ec2.describe_subnetz"),
        ({"rows": Call("describe_subnets", "Subnetz")}, "has no Subnetz"),
        ({"rows": Call("describe_subnets", "Subnets", {"MaxResultz": 5})}, "takes no ['MaxResultz']"),
        ({"props": pick("Tags")}, "property tags would be a struct"),
        ({"cls": "Network"}, "class Network requires ['public']: declare them in `props`"),
        ({"cls": "Queu"}, "no class 'Queu' (did you mean 'Queue'?); write one of JupiterOne's classes to `cls`"),
        (
            {"edges": (Edge("aws_vpc", "CONTAINS", "aws_subnet", at="VpcId"),)},
            "no entity has the type 'aws_vpc'; correct it in src/collector/services, declare that entity",
        ),
        ({"edges": (Edge("aws_vpc", "CONTAINS", "aws_eni", at="VpcId"),)}, "has no end of its type"),
        ({"edges": (Edge("aws_subnet", "USES", "aws_subnet", at="SubnetId", by="nick"),)}, "of the kind 'nick'"),
    ],
)
def test_the_lint_finds_an_invalid_name(changes, problem):
    problems = _lint(_subnet(**changes))
    assert problems == [] if problem is None else any(problem in each for each in problems)


def test_all_selects_the_default_services():
    defaults = {service.name for service in CATALOG.services if service.default}
    assert {service.name for service in CATALOG.choose(["all"]).services} == defaults
    assert {service.name for service in CATALOG.choose().services} == defaults


def test_a_skipped_service_is_not_selected():
    assert "sqs" not in {service.name for service in CATALOG.choose(skip=["sqs"]).services}


def test_an_unknown_service_is_an_error_with_its_name():
    with pytest.raises(UnknownServiceError, match="unknown service 'sqz'"):
        CATALOG.choose(["sqz"])


def test_no_service_loops_over_page_tokens_itself():
    loops = [
        f"{path.name}:{node.lineno}"
        for path in SERVICES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.While)
    ]
    assert loops == [], "read pages with `calls.pages`, which stops at a repeated token"


@pytest.mark.parametrize(
    ("client", "custom"),
    [
        (client_of(service, declaration, rows.client), rows)
        for service, declaration in CASES
        for rows in (declaration.rows, *(join.rows for join in declaration.join))
        if isinstance(rows, Custom)
    ],
    ids=lambda value: value.fn.__name__ if isinstance(value, Custom) else value,
)
def test_a_custom_function_makes_single_calls_only_of_operations_without_pages(client, custom):
    source = ast.parse(textwrap.dedent(inspect.getsource(custom.fn)))
    calls = [node for node in ast.walk(source) if isinstance(node, ast.Call)]
    names = {ast.literal_eval(call.args[0]) for call in calls if getattr(call.func, "attr", "") == "once"}
    assert [name for name in names if TOKENS & set(operation(client, name).output_shape.members)] == []


def test_a_relationship_is_incomplete_if_a_type_at_one_of_its_ends_is(sample: Collected):
    types = {record["_key"]: record["_type"] for record in sample.records if isinstance(record["_class"], list)}
    missing = set()
    for record in (record for record in sample.records if not isinstance(record["_class"], list)):
        keys = [
            record.get("_mapping", record).get(end) for end in ("_fromEntityKey", "_toEntityKey", "sourceEntityKey")
        ]
        ends = {types[key] for key in keys if key in types}
        if ends <= CATALOG.types.keys():  # services that only a policy names have no declaration
            missing |= {record["_type"] for end in ends if record["_type"] not in CATALOG.affected_types({end})}
    assert sorted(missing) == []
