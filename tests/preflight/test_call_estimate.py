from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from collector.aws.rates import Allowance, Rates
from collector.catalog.catalog import Catalog, call_of, declarations, scope_of
from collector.demo.places import ENABLED_REGIONS, HOME
from collector.model import Scope, Target
from collector.preflight.call_estimate import Asked, CallEstimate, CallKind, estimate_calls
from collector.schema.declarations import Call, Custom, Describe, Entity, Hydrate, Join, Service, Synthetic
from tests.runs import REGIONS, collect

EVERYTHING = "all,inspector,waf"
REGION_NAMES = tuple(REGIONS.split(","))


def _target(regions=REGION_NAMES):
    return Target("aws", HOME, f"arn:aws:iam::{HOME}:user/somebody", regions, ENABLED_REGIONS)


def _told(asked: Asked) -> tuple[str, str, str]:
    client, api = asked.name.split(":")
    return client, api, asked.region


async def test_the_calls_of_the_sample_estates_list_stage_are_predicted_exactly(estate):
    collected = await collect(services=EVERYTHING)
    catalog = Catalog.all().choose(EVERYTHING.split(","))
    plan = estimate_calls(catalog, _target())
    made = Counter(call[:3] for call in estate.stub.calls)
    by_row = {asked.name for asked in plan.of_kind(CallKind.ROWS)}
    sure = Counter(map(_told, plan.of_kind(CallKind.SURE)))
    joined = set(_joined(catalog, collected.records))
    once = Counter(_told(asked) for asked in plan.of_kind(CallKind.ONCE) if _identified(asked) in joined)
    listing = Counter({call: count for call, count in made.items() if f"{call[0]}:{call[1]}" not in by_row})
    expected = Counter({call: n for call, n in (sure + once).items() if f"{call[0]}:{call[1]}" not in by_row})
    assert listing == expected
    assert plan.least > 150
    assert all(made[call] >= n for call, n in sure.items())


def _identified(asked):
    return asked.scope.service, asked.scope.region, asked.op, str(asked.params)


def _joined(catalog, records):
    """The once-per-scope calls of those declarations that have rows in the estate; the links' have."""
    found = {(record["_type"], record["region"]) for record in records if "region" in record}
    types = {type_ for type_, _ in found}
    for service in catalog.services:
        for declaration in declarations(service):
            calls = [call for join in declaration.join if (call := call_of(join.rows))]
            globally = scope_of(service, declaration) == "global"
            for region in ("global",) if globally else REGION_NAMES:
                rows = not isinstance(declaration, Entity) or (
                    declaration.type in types if globally else (declaration.type, region) in found
                )
                yield from ((service.name, region, call.op, str(call.params)) for call in calls if rows)


async def test_every_call_of_a_run_was_foreseen_in_its_kind(estate):
    await collect(services=EVERYTHING)
    plan = estimate_calls(Catalog.all().choose(EVERYTHING.split(",")), _target())
    assert {f"{call.service}:{call.operation}" for call in estate.stub.calls} <= {asked.name for asked in plan.asked}


def _service(**given: Any) -> Service:
    thing: dict[str, Any] = {"type": "aws_thing", "cls": "Host", "key": "Id", "name": "Id"}
    return Service(
        name="ec2",
        client="ec2",
        title="X",
        entities=tuple(Entity(**thing, **each) for each in given.pop("entities")),
        **given,
    )


def _plan(*entities, scope="regional", regions=REGION_NAMES) -> CallEstimate:
    return estimate_calls(Catalog.of([_service(entities=entities, scope=scope)]), _target(regions))


def _kinds(plan: CallEstimate) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for asked in plan.asked:
        if asked.op not in ("get_caller_identity", "describe_regions"):
            kinds.setdefault(asked.op, []).append(asked.kind)
    return kinds


VPCS = Call("describe_vpcs", "Vpcs")
FLOWS = Call("describe_flow_logs", "FlowLogs")


def test_a_listing_that_several_read_is_called_once_in_each_region():
    join = Join(FLOWS, "Flows", on="A", to="B")
    assert _kinds(_plan({"rows": VPCS, "join": (join,)}, {"rows": VPCS, "join": (join,)})) == {
        "describe_vpcs": ["sure", "sure"],
        "describe_flow_logs": ["once", "once"],
    }


def test_a_joined_listing_that_is_also_a_root_is_sure():
    join = Join(FLOWS, "Flows", on="A", to="B")
    assert _kinds(_plan({"rows": VPCS, "join": (join,)}, {"rows": FLOWS}, regions=("us-east-1",)))[
        "describe_flow_logs"
    ] == ["sure"]


def test_what_hangs_on_rows_that_must_be_found_first_is_named_as_such():
    entity = {
        "rows": VPCS,
        "batch": Describe("describe_subnets", "Subnets", ids="SubnetIds", size=10),
        "hydrate": (Hydrate("describe_vpc_attribute", "Attribute", {"VpcId": "VpcId"}),),
    }
    kinds = _kinds(_plan(entity, regions=("us-east-1",)))
    assert (kinds["describe_subnets"], kinds["describe_vpc_attribute"]) == (["rows"], ["rows"])


def test_what_hangs_on_the_accounts_own_row_is_sure_unless_conditional():
    entity = {
        "rows": Synthetic(),
        "hydrate": (
            Hydrate("get_ebs_encryption_by_default", "Ebs", regions=True),
            Hydrate("describe_account_attributes", "Attributes", {"X": "AccountId"}),
            Hydrate("describe_id_format", "Format", {"X": "Ebs[].Key"}),
            Hydrate("describe_hosts", "Hosts", when="AccountId"),
        ),
    }
    assert _kinds(_plan(entity, scope="global")) == {
        "get_ebs_encryption_by_default": ["sure", "sure"],
        "describe_account_attributes": ["sure"],
        "describe_id_format": ["rows"],
        "describe_hosts": ["rows"],
    }


async def _nothing(calls):
    yield []


def test_a_fetch_is_sure_of_its_first_operation_only():
    fetch = Custom(_nothing, ("describe_hosts", "describe_fleets"))
    assert _kinds(_plan({"rows": fetch}, regions=("us-east-1",))) == {
        "describe_hosts": ["sure"],
        "describe_fleets": ["rows"],
    }


def test_an_answer_that_two_services_share_is_asked_for_once():
    own = {"rows": Synthetic(), "hydrate": (Hydrate("get_account_summary", "Summary", client="iam"),)}
    one, two = (_service(entities=(own,), scope="global") for _ in range(2))
    object.__setattr__(two, "name", "iam")
    assert _kinds(estimate_calls(Catalog.of([one, two]), _target())) == {"get_account_summary": ["sure"]}


def test_a_role_costs_one_call_more():
    catalog = Catalog.of([])
    assert estimate_calls(catalog, _target(), by_role=True).least == estimate_calls(catalog, _target()).least + 1 == 3


def test_the_least_time_is_that_of_the_slowest_bucket():
    scope = Scope(HOME, "global", "x")
    many = [Asked(scope, "us-east-1", CallKind.SURE, "iam", "list_users")] * 50 + [
        Asked(scope, "us-east-1", CallKind.SURE, "ec2", "describe_vpcs")
    ] * 60
    plan = CallEstimate(_target(), tuple(many))
    assert plan.seconds(Rates(), 0.5) == ((50 - 10) / 5, "iam")
    assert plan.seconds(Rates({"iam": Allowance(100, 100)}), 0.5) == ((60 - 50) / 10, "ec2:DescribeVpcs")


def test_buckets_of_an_account_are_one_over_all_regions_and_others_are_one_each():
    asked = [
        Asked(Scope(HOME, region, "x"), region, CallKind.SURE, "apigateway", "get_rest_apis")
        for region in REGION_NAMES * 15
    ]
    assert CallEstimate(_target(), tuple(asked)).seconds(Rates(), 0.5) == ((30 - 20) / 5, "apigateway")
    asked = [
        Asked(Scope(HOME, region, "x"), region, CallKind.SURE, "elbv2", "describe_load_balancers")
        for region in REGION_NAMES * 15
    ]
    assert CallEstimate(_target(), tuple(asked)).seconds(Rates(), 0.5)[0] == 0


@pytest.mark.parametrize("service", Catalog.all().services, ids=lambda service: service.name)
def test_every_service_of_the_package_can_be_foreseen(service):
    assert estimate_calls(Catalog((service,)), _target()).least > 0


async def test_the_scopes_are_those_of_the_run(estate):
    collected = await collect(services="ec2,iam,sqs")
    plan = estimate_calls(Catalog.all().choose(["ec2", "iam", "sqs"]), _target())
    assert {(scope["account"], scope["region"], scope["service"]) for scope in collected.report["scopes"]} == set(
        plan.scopes
    )
