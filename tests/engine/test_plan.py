from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import botocore.session
import pytest

from collector.aws.accounts import select_regions
from collector.aws.availability import NOTHING_KNOWN, Absence, Availability
from collector.aws.rates import is_account_wide
from collector.catalog.catalog import Catalog, declarations, operations
from collector.demo.places import REGION, SECOND_REGION
from collector.engine.plan import jobs, listing_clients, plan_account, sharing_limits
from collector.model import HOMES, Scope, Target
from collector.schema.declarations import Call, Entity, Service, Synthetic

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


def test_global_jobs_come_first_then_each_region_with_the_widest_service_first():
    assert _places(NARROW, MIXED, WIDE, target=_target("eu-west-1", "us-east-1")) == [
        ("global", "mixed"),
        *(("eu-west-1", name) for name in ("mixed", "wide", "narrow")),
        *(("us-east-1", name) for name in ("mixed", "wide", "narrow")),
    ]


def test_services_with_equally_many_operations_are_sorted_by_name():
    twin = _service("also", _entity("aws_f", "list_f"))
    assert _places(NARROW, twin, target=_target("eu-west-1")) == [("eu-west-1", "also"), ("eu-west-1", "narrow")]


def test_a_global_service_has_no_regional_job():
    everywhere = _service("everywhere", _entity("aws_g", "list_g"), scope="global")
    assert _places(everywhere, target=_target("eu-west-1", "us-east-1")) == [("global", "everywhere")]


def test_a_job_holds_only_the_declarations_of_its_scope():
    by_region = {job.scope.region: job for job in jobs(Catalog((MIXED,)), _target("eu-west-1"))}
    assert by_region["global"].declarations == (MIXED.entities[1],)
    assert by_region["eu-west-1"].declarations == (MIXED.entities[0],)


@pytest.mark.parametrize(
    ("partition", "home"), [("aws", "us-east-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")]
)
def test_global_calls_go_to_the_home_region_of_the_partition(partition, home):
    (job, *_) = jobs(Catalog((MIXED,)), _target("xx-west-1", partition=partition))
    assert (job.scope, job.region, job.place.region) == (Scope(ACCOUNT, "global", "mixed"), home, "global")


def test_the_home_of_an_unknown_partition_is_its_first_region():
    assert _target("xx-iso-1", "xx-iso-2", partition="aws-iso-x").home == "xx-iso-1"
    assert _target(partition="aws-iso-x").home == "us-east-1"


def test_neighbours_in_the_queue_belong_to_different_services():
    planned = jobs(Catalog.all(), _target("eu-west-1", "us-east-1", "us-east-2"))
    assert all(one.scope.service != other.scope.service for one, other in pairwise(planned))


def _grouped(*services: Service, target: Target, account_wide: str = "") -> list[list[tuple[str, str]]]:
    groups = sharing_limits(jobs(Catalog(services), target), lambda client: client == account_wide)
    return [[(job.scope.region, job.scope.service) for job in group] for group in groups]


def test_jobs_of_different_clients_or_regions_are_in_different_groups():
    assert _grouped(WIDE, NARROW, target=_target("a", "b")) == [
        [("a", "wide")], [("a", "narrow")], [("b", "wide")], [("b", "narrow")],
    ]  # fmt: skip


def test_jobs_with_one_client_in_one_region_are_in_one_group():
    home = "us-east-1"
    assert _grouped(MIXED, target=_target(home, "b")) == [[("global", "mixed"), (home, "mixed")], [("b", "mixed")]]


def test_jobs_of_an_account_wide_client_are_in_one_group_for_all_regions():
    assert _grouped(WIDE, NARROW, target=_target("a", "b"), account_wide="wide") == [
        [("a", "wide"), ("b", "wide")], [("a", "narrow")], [("b", "narrow")],
    ]  # fmt: skip


def test_a_service_with_two_clients_joins_the_groups_of_both():
    entity = _entity("aws_f", "list_f")
    joining = Service(
        name="z", client="wide", title="Z", entities=(entity, replace(entity, type="aws_g", client="narrow"))
    )
    (group,) = _grouped(WIDE, NARROW, joining, target=_target("a"))
    assert sorted(group) == [("a", "narrow"), ("a", "wide"), ("a", "z")]


def test_groups_of_the_catalogue_share_no_rate_limit():
    target = _target("us-east-1", "eu-west-1", "eu-north-1")
    planned = jobs(Catalog.all(), target)
    groups = sharing_limits(planned, is_account_wide)
    assert sorted(job.scope for group in groups for job in group) == sorted(job.scope for job in planned)
    limits = [
        {
            (client, "" if is_account_wide(client) else job.region)
            for job in group
            for declaration in job.declarations
            for client, _ in operations(job.service, declaration)
        }
        for group in groups
    ]
    assert sum(map(len, limits)) == len(set().union(*limits))
    assert len(groups) > len(planned) / 2  # there is something to distribute


def test_every_declaration_of_the_catalogue_is_planned_once_in_each_place():
    catalog = Catalog.all()
    planned = jobs(catalog, _target("eu-west-1", "us-east-1"))
    assert len({job.scope for job in planned}) == len(planned)
    collected = [
        declaration
        for job in planned
        if job.scope.region in ("global", "eu-west-1")
        for declaration in job.declarations
    ]
    declared = [declaration for service in catalog.services for declaration in declarations(service)]
    assert len(collected) == len(declared)
    assert set(map(id, collected)) == set(map(id, declared))


@pytest.mark.parametrize(
    ("requested", "expected"),
    [
        ((), ("eu-west-1", "us-east-1")),
        (("us-east-1", "eu-west-1"), ("us-east-1", "eu-west-1")),
        (("us-east-1", "us-east-1"), ("us-east-1",)),
    ],
)
def test_regions_are_the_requested_ones_in_order_or_all_enabled_ones_by_name(requested, expected):
    assert select_regions(requested, ["us-east-1", "eu-west-1"]) == expected


AVAILABILITY = Availability(botocore.session.get_session().get_component("data_loader").load_data("endpoints"))
EVERYWHERE = {partition: tuple(sorted(AVAILABILITY.partition_regions(home))) for partition, home in HOMES.items()}


def _without(*clients: str) -> Availability:
    """As botocore says, but the partition `aws` lacks these clients."""
    data = botocore.session.get_session().get_component("data_loader").load_data("endpoints")
    return Availability(data, [Absence(client, "aws", "this test") for client in clients])


def test_nothing_is_left_out_where_the_sample_estate_is():
    catalog, target = Catalog.all(), _target(REGION, SECOND_REGION)
    plan = plan_account(catalog, target, AVAILABILITY)
    assert (plan.unavailable, plan.not_offered) == ([], {})
    assert plan.jobs == jobs(catalog, target)


@pytest.mark.parametrize("partition", HOMES)
def test_every_scope_of_a_partition_is_either_a_job_or_unavailable(partition):
    target = _target(*EVERYWHERE[partition], partition=partition)
    plan = plan_account(Catalog.all(), target, AVAILABILITY)
    planned = [job.scope for job in plan.jobs]
    assert sorted(planned + plan.unavailable) == sorted(job.scope for job in jobs(Catalog.all(), target))
    assert plan.unavailable


def test_only_what_no_other_region_lacks_is_left_out_of_a_partition():
    plan = plan_account(Catalog.all(), _target(*EVERYWHERE["aws"]), AVAILABILITY)
    assert {scope.service for scope in plan.unavailable} == {"cloudhsm", "inspector", "waf", "workspaces"}
    regions = {scope.region for scope in plan.unavailable if scope.service == "workspaces"}
    assert {"us-west-1", "us-east-2"} <= regions
    assert not {"us-east-1", "eu-west-1", "global"} & regions


@pytest.mark.parametrize(
    ("partition", "unavailable"),
    [
        ("aws-cn", {("cn-north-1", "workspaces")}),
        ("aws-us-gov", {("global", "cloudfront")}),
    ],
)
def test_the_default_services_that_other_partitions_lack(partition, unavailable):
    target = _target(*EVERYWHERE[partition], partition=partition)
    plan = plan_account(Catalog.all().choose(), target, AVAILABILITY)
    assert {(scope.region, scope.service) for scope in plan.unavailable} == unavailable


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov"])
def test_a_scope_with_several_clients_keeps_what_the_others_list(partition):
    target = _target(*EVERYWHERE[partition], partition=partition)
    plan = plan_account(Catalog.all(), target, AVAILABILITY)
    by_scope = {(job.scope.service, job.scope.region): job for job in plan.jobs}
    types = {each.type for each in by_scope["route53", "global"].declarations if isinstance(each, Entity)}
    assert "aws_route53_zone" in types
    assert "aws_route53_domain" not in types
    assert plan.not_offered[Scope(ACCOUNT, "global", "route53")] == {"route53domains"}
    acls = by_scope["wafv2", "global"].declarations
    assert [each.type for each in acls if isinstance(each, Entity)] == ["aws_waf_v2"]


def test_children_are_left_out_with_their_parents():
    child = replace(_entity("aws_child", "list_c"), rows=Call("list_c", "Items", each="aws_parent", client="kept"))
    parent = replace(_entity("aws_parent", "list_p"), client="gone")
    other = replace(_entity("aws_other", "list_o"), client="kept")
    service = _service("kept", child, parent, other)
    plan = plan_account(Catalog((service,)), _target("eu-west-1"), _without("gone"))
    assert [job.declarations for job in plan.jobs] == [(other,)]
    assert list(plan.not_offered.values()) == [{"gone"}]


def test_a_service_that_the_partition_lacks_has_no_entity_of_its_own():
    node = Entity(type="aws_gone", cls="Service", rows=Synthetic(), key="x", name="x", scope="global")
    service = replace(_service("gone", _entity("aws_thing", "list_things")), node=node)
    plan = plan_account(Catalog((service,)), _target("eu-west-1"), _without("gone"))
    assert (plan.jobs, [scope.region for scope in plan.unavailable]) == ([], ["global", "eu-west-1"])
    kept = plan_account(Catalog((service,)), _target("eu-west-1"), NOTHING_KNOWN)
    assert [job.scope.region for job in kept.jobs] == ["global", "eu-west-1"]


def test_a_service_that_only_some_regions_lack_keeps_its_entity():
    plan = plan_account(Catalog.all().choose(["workspaces"]), _target("us-west-1"), AVAILABILITY)
    assert [job.scope.region for job in plan.jobs] == ["global"]
    assert plan.unavailable == [Scope(ACCOUNT, "us-west-1", "workspaces")]


def test_a_regional_scope_needs_a_client_that_lists_its_rows():
    """Otherwise it could be neither unavailable nor judged by its host names."""
    regional = [job for job in jobs(Catalog.all(), _target("eu-west-1")) if job.scope.region != "global"]
    assert [job.scope.service for job in regional if None in listing_clients(job)] == []
