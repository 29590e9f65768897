from __future__ import annotations

from typing import Any

import pytest

from collector.catalog.catalog import Catalog, UnknownServiceError, declarations
from collector.schema.declarations import Call, Declaration, Edge, Entity, Service, pick
from tests.declarations import Lint

CATALOG = Catalog.all()
LINT = Lint(CATALOG)
EVERY = [(service, declaration) for service in CATALOG.services for declaration in declarations(service)]


@pytest.mark.parametrize(
    ("service", "declaration"), EVERY, ids=[f"{s.name}-{getattr(f, 'type', getattr(f, 'title', ''))}" for s, f in EVERY]
)
def test_every_name_of_a_declaration_is_known_to_aws(service: Service, declaration: Declaration):
    assert LINT.problems(service, declaration) == []


def _lint(entity: Entity) -> list[str]:
    service = Service(name="ec2", client="ec2", title="EC2", entities=(entity,))
    catalog = Catalog.of((service,))
    return Lint(catalog).problems(catalog.services[0], catalog.services[0].entities[0])


def _subnet(**changes) -> Entity:
    given: dict[str, Any] = {
        "type": "aws_subnet",
        "cls": "Configuration",
        "rows": Call("describe_subnets", "Subnets"),
        "key": "SubnetArn",
        "name": "SubnetId",
        "props": pick("CidrBlock"),
    }
    return Entity(**(given | changes))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({}, None),
        ({"props": pick("CidrBlok")}, "CidrBlok: Subnet has no CidrBlok"),
        ({"rows": Call("describe_subnetz", "Subnets")}, "no operation ec2.describe_subnetz"),
        ({"rows": Call("describe_subnets", "Subnetz")}, "has no Subnetz"),
        ({"rows": Call("describe_subnets", "Subnets", {"MaxResultz": 5})}, "takes no ['MaxResultz']"),
        ({"props": pick("Tags")}, "property tags would be a struct"),
        ({"cls": "Network"}, "class Network requires ['public']"),
        ({"edges": (Edge("aws_vpc", "CONTAINS", "aws_subnet", at="VpcId"),)}, "edge end aws_vpc is unknown"),
        ({"edges": (Edge("aws_vpc", "CONTAINS", "aws_eni", at="VpcId"),)}, "is not its own"),
        ({"edges": (Edge("aws_subnet", "USES", "aws_subnet", at="SubnetId", by="nick"),)}, "is known by 'nick'"),
    ],
)
def test_a_misspelt_name_is_found(changes, complaint):
    problems = _lint(_subnet(**changes))
    assert problems == [] if complaint is None else any(complaint in problem for problem in problems)


def test_all_stands_for_the_default_services():
    defaults = {service.name for service in CATALOG.services if service.default}
    assert {service.name for service in CATALOG.choose(["all"]).services} == defaults
    assert {service.name for service in CATALOG.choose().services} == defaults


def test_a_skipped_service_is_left_out():
    assert "sqs" not in {service.name for service in CATALOG.choose(skip=["sqs"]).services}


def test_an_unknown_service_is_named():
    with pytest.raises(UnknownServiceError, match="unknown service 'sqz'"):
        CATALOG.choose(["sqz"])
