from __future__ import annotations

from itertools import pairwise

import pytest

from collector.catalog import Catalog, declarations
from collector.model import Scope
from collector.plan import Target, chosen_regions, jobs
from collector.spec import Call, Entity, Service

ACCOUNT = "111122223333"


def _entity(type_: str, *ops: str, scope=None) -> Entity:
    return Entity(type=type_, cls="Configuration", rows=Call(ops[0], "Items"), key="Arn", name="Name", scope=scope)


def _service(name: str, *entities: Entity, scope="regional") -> Service:
    return Service(name=name, client=name, title=name, entities=entities, scope=scope)


WIDE = _service("wide", _entity("aws_a", "list_a"), _entity("aws_b", "list_b"))
NARROW = _service("narrow", _entity("aws_c", "list_c"))
MIXED = _service("mixed", _entity("aws_d", "list_d"), _entity("aws_e", "list_e", scope="global"))


def _target(*regions: str, partition: str = "aws") -> Target:
    return Target(partition, ACCOUNT, f"arn:{partition}:iam::{ACCOUNT}:user/tester", regions, regions)


def _places(*services: Service, target: Target) -> list[tuple[str, str]]:
    return [(job.scope.region, job.scope.service) for job in jobs(Catalog(services), target)]


def test_global_scopes_come_first_then_region_by_region_the_widest_service_first():
    assert _places(NARROW, MIXED, WIDE, target=_target("eu-west-1", "us-east-1")) == [
        ("global", "mixed"),
        *(("eu-west-1", name) for name in ("mixed", "wide", "narrow")),
        *(("us-east-1", name) for name in ("mixed", "wide", "narrow")),
    ]


def test_services_of_one_width_go_by_name():
    twin = _service("also", _entity("aws_f", "list_f"))
    assert _places(NARROW, twin, target=_target("eu-west-1")) == [("eu-west-1", "also"), ("eu-west-1", "narrow")]


def test_a_service_has_a_scope_only_where_it_declares_something():
    whole = _service("whole", _entity("aws_g", "list_g"), scope="global")
    assert _places(whole, target=_target("eu-west-1", "us-east-1")) == [("global", "whole")]


def test_a_job_holds_the_declarations_of_its_own_kind():
    by_region = {job.scope.region: job for job in jobs(Catalog((MIXED,)), _target("eu-west-1"))}
    assert by_region["global"].fetched == (MIXED.entities[1],)
    assert by_region["eu-west-1"].fetched == (MIXED.entities[0],)


@pytest.mark.parametrize(
    ("partition", "home"), [("aws", "us-east-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")]
)
def test_global_calls_go_to_the_home_region_of_the_partition(partition, home):
    (job, *_) = jobs(Catalog((MIXED,)), _target("xx-west-1", partition=partition))
    assert (job.scope, job.region, job.place.region) == (Scope(ACCOUNT, "global", "mixed"), home, "global")


def test_an_unknown_partition_is_at_home_in_its_first_region():
    assert _target("xx-iso-1", "xx-iso-2", partition="aws-iso-x").home == "xx-iso-1"
    assert _target(partition="aws-iso-x").home == "us-east-1"


def test_neighbours_in_the_queue_belong_to_different_services():
    every = jobs(Catalog.all(), _target("eu-west-1", "us-east-1", "us-east-2"))
    assert all(one.scope.service != other.scope.service for one, other in pairwise(every))


def test_every_declaration_of_the_catalogue_is_planned_once_in_each_place():
    catalog = Catalog.all()
    every = jobs(catalog, _target("eu-west-1", "us-east-1"))
    assert len({job.scope for job in every}) == len(every)
    planned = [fetched for job in every if job.scope.region in ("global", "eu-west-1") for fetched in job.fetched]
    declared = [fetched for service in catalog.services for fetched in declarations(service)]
    assert len(planned) == len(declared)
    assert set(map(id, planned)) == set(map(id, declared))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((), ("eu-west-1", "us-east-1")),
        (("us-east-1", "eu-west-1"), ("us-east-1", "eu-west-1")),
        (("us-east-1", "us-east-1"), ("us-east-1",)),
    ],
)
def test_regions_are_those_asked_for_in_their_order_or_all_enabled_by_name(asked, expected):
    assert chosen_regions(asked, ["us-east-1", "eu-west-1"]) == expected
