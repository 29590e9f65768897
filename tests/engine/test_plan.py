from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from collector.aws.accounts import chosen_regions
from collector.aws.rates import is_everywhere
from collector.catalog.catalog import Catalog, declarations, operations
from collector.engine.plan import jobs, sharing_limits
from collector.model import Scope, Target
from collector.schema.declarations import Call, Entity, Service

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
    assert by_region["global"].declaration == (MIXED.entities[1],)
    assert by_region["eu-west-1"].declaration == (MIXED.entities[0],)


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


def _grouped(*services: Service, target: Target, everywhere: str = "") -> list[list[tuple[str, str]]]:
    groups = sharing_limits(jobs(Catalog(services), target), lambda client: client == everywhere)
    return [[(job.scope.region, job.scope.service) for job in group] for group in groups]


def test_scopes_of_other_clients_or_other_regions_may_go_to_other_processes():
    assert _grouped(WIDE, NARROW, target=_target("a", "b")) == [
        [("a", "wide")], [("a", "narrow")], [("b", "wide")], [("b", "narrow")],
    ]  # fmt: skip


def test_what_calls_with_one_client_in_one_region_stays_together():
    home = "us-east-1"
    assert _grouped(MIXED, target=_target(home, "b")) == [[("global", "mixed"), (home, "mixed")], [("b", "mixed")]]


def test_a_client_whose_allowance_is_one_for_all_regions_stays_together_everywhere():
    assert _grouped(WIDE, NARROW, target=_target("a", "b"), everywhere="wide") == [
        [("a", "wide"), ("b", "wide")], [("a", "narrow")], [("b", "narrow")],
    ]  # fmt: skip


def test_a_service_that_calls_with_two_clients_ties_those_of_both_together():
    entity = _entity("aws_f", "list_f")
    joining = Service(
        name="z", client="wide", title="Z", entities=(entity, replace(entity, type="aws_g", client="narrow"))
    )
    (group,) = _grouped(WIDE, NARROW, joining, target=_target("a"))
    assert sorted(group) == [("a", "narrow"), ("a", "wide"), ("a", "z")]


def test_no_two_groups_of_the_catalogue_call_with_one_client_in_one_region():
    target = _target("us-east-1", "eu-west-1", "eu-north-1")
    every = jobs(Catalog.all(), target)
    groups = sharing_limits(every, is_everywhere)
    assert sorted(job.scope for group in groups for job in group) == sorted(job.scope for job in every)
    drawn = [
        {
            (client, "" if is_everywhere(client) else job.region)
            for job in group
            for declaration in job.declaration
            for client, _ in operations(job.service, declaration)
        }
        for group in groups
    ]
    assert sum(map(len, drawn)) == len(set().union(*drawn))
    assert len(groups) > len(every) / 2  # there is something to share


def test_every_declaration_of_the_catalogue_is_planned_once_in_each_place():
    catalog = Catalog.all()
    every = jobs(catalog, _target("eu-west-1", "us-east-1"))
    assert len({job.scope for job in every}) == len(every)
    planned = [
        declaration for job in every if job.scope.region in ("global", "eu-west-1") for declaration in job.declaration
    ]
    declared = [declaration for service in catalog.services for declaration in declarations(service)]
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
