from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from collector.aws.rates import Allowance, Rates
from collector.catalog.catalog import Catalog, call_of, declarations, scope_of
from collector.demo.places import ENABLED_REGIONS, HOME
from collector.model import Scope, Target
from collector.preflight.call_estimate import CallEstimate, CallKind, PlannedCall, estimate_calls
from collector.schema.declarations import Call, Custom, Describe, Entity, Hydrate, Join, Service, Synthetic
from tests.runs import REGIONS

REGION_NAMES = tuple(REGIONS.split(","))


def _target(regions=REGION_NAMES):
    return Target("aws", HOME, f"arn:aws:iam::{HOME}:user/somebody", regions, ENABLED_REGIONS)


def _key(call: PlannedCall) -> tuple[str, str, str]:
    client, api = call.name.split(":")
    return client, api, call.region


def test_the_calls_of_the_list_stage_are_estimated_exactly(sample):
    estimate = estimate_calls(Catalog.all(), _target())
    made = Counter(call[:3] for call in sample.calls)
    per_row = {call.name for call in estimate.of_kind(CallKind.PER_ROW)}
    certain = Counter(map(_key, estimate.of_kind(CallKind.CERTAIN)))
    joined = set(_joined(Catalog.all(), sample.records))
    once = Counter(_key(call) for call in estimate.of_kind(CallKind.ONCE) if _once_key(call) in joined)
    listing = Counter({call: count for call, count in made.items() if f"{call[0]}:{call[1]}" not in per_row})
    expected = Counter({call: n for call, n in (certain + once).items() if f"{call[0]}:{call[1]}" not in per_row})
    assert expected - listing == Counter()
    assert (
        sum((listing - expected).values()) <= sample.report["counts"]["retries"]
    )  # a busy machine may drop a connection
    assert estimate.minimum > 150
    assert all(made[call] >= n for call, n in certain.items())


def _once_key(call):
    return call.scope.service, call.scope.region, call.op, str(call.params)


def _joined(catalog, records):
    """The once-per-scope calls of the declarations that have rows in the estate. Links always have rows."""
    regional = {(record["_type"], record["region"]) for record in records if "region" in record}
    types = {type_ for type_, _ in regional}
    for service in catalog.services:
        for declaration in declarations(service):
            calls = [call for join in declaration.join if (call := call_of(join.rows))]
            is_global = scope_of(service, declaration) == "global"
            for region in ("global",) if is_global else REGION_NAMES:
                has_rows = not isinstance(declaration, Entity) or (
                    declaration.type in types if is_global else (declaration.type, region) in regional
                )
                yield from ((service.name, region, call.op, str(call.params)) for call in calls if has_rows)


def test_every_operation_of_a_run_is_in_the_estimate(sample):
    estimate = estimate_calls(Catalog.all(), _target())
    assert {f"{call.service}:{call.operation}" for call in sample.calls} <= {call.name for call in estimate.calls}


def _service(entities: Iterable[dict[str, Any]], **fields: Any) -> Service:
    thing: dict[str, Any] = {"type": "aws_thing", "cls": "Host", "key": "Id", "name": "Id"}
    return Service(
        name="ec2",
        client="ec2",
        title="X",
        entities=tuple(Entity(**thing, **each) for each in entities),
        **fields,
    )


def _estimate(*entities, scope="regional", regions=REGION_NAMES) -> CallEstimate:
    return estimate_calls(Catalog.of([_service(entities=entities, scope=scope)]), _target(regions))


def _kinds(estimate: CallEstimate) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for call in estimate.calls:
        if call.op not in ("get_caller_identity", "describe_regions"):
            kinds.setdefault(call.op, []).append(call.kind)
    return kinds


VPCS = Call("describe_vpcs", "Vpcs")
FLOWS = Call("describe_flow_logs", "FlowLogs")


def test_a_listing_with_several_readers_is_called_once_in_each_region():
    join = Join(FLOWS, "Flows", on="A", to="B")
    assert _kinds(_estimate({"rows": VPCS, "join": (join,)}, {"rows": VPCS, "join": (join,)})) == {
        "describe_vpcs": ["certain", "certain"],
        "describe_flow_logs": ["once", "once"],
    }


def test_a_joined_listing_that_also_provides_rows_is_certain():
    join = Join(FLOWS, "Flows", on="A", to="B")
    assert _kinds(_estimate({"rows": VPCS, "join": (join,)}, {"rows": FLOWS}, regions=("us-east-1",)))[
        "describe_flow_logs"
    ] == ["certain"]


def test_calls_that_depend_on_listed_rows_are_per_row():
    entity = {
        "rows": VPCS,
        "describe": Describe("describe_subnets", "Subnets", ids="SubnetIds", size=10),
        "hydrate": (Hydrate("describe_vpc_attribute", "Attribute", {"VpcId": "VpcId"}),),
    }
    kinds = _kinds(_estimate(entity, regions=("us-east-1",)))
    assert (kinds["describe_subnets"], kinds["describe_vpc_attribute"]) == (["per_row"], ["per_row"])


def test_calls_that_depend_on_a_synthetic_row_are_certain_unless_conditional():
    entity = {
        "rows": Synthetic(),
        "hydrate": (
            Hydrate("get_ebs_encryption_by_default", "Ebs", regions=True),
            Hydrate("describe_account_attributes", "Attributes", {"X": "AccountId"}),
            Hydrate("describe_id_format", "Format", {"X": "Ebs[].Key"}),
            Hydrate("describe_hosts", "Hosts", when="AccountId"),
        ),
    }
    assert _kinds(_estimate(entity, scope="global")) == {
        "get_ebs_encryption_by_default": ["certain", "certain"],
        "describe_account_attributes": ["certain"],
        "describe_id_format": ["per_row"],
        "describe_hosts": ["per_row"],
    }


async def _nothing(calls):
    yield []


def test_only_the_first_operation_of_a_custom_listing_is_certain():
    custom = Custom(_nothing, ("describe_hosts", "describe_fleets"))
    assert _kinds(_estimate({"rows": custom}, regions=("us-east-1",))) == {
        "describe_hosts": ["certain"],
        "describe_fleets": ["per_row"],
    }


def test_a_call_that_two_services_share_is_counted_once():
    own = {"rows": Synthetic(), "hydrate": (Hydrate("get_account_summary", "Summary", client="iam"),)}
    one, two = (_service(entities=(own,), scope="global") for _ in range(2))
    object.__setattr__(two, "name", "iam")
    assert _kinds(estimate_calls(Catalog.of([one, two]), _target())) == {"get_account_summary": ["certain"]}


def test_assuming_a_role_takes_one_more_call():
    catalog = Catalog.of([])
    assert (
        estimate_calls(catalog, _target(), by_role=True).minimum == estimate_calls(catalog, _target()).minimum + 1 == 3
    )


def test_the_minimum_time_is_that_of_the_slowest_bucket():
    scope = Scope(HOME, "global", "x")
    calls = [PlannedCall(scope, "us-east-1", CallKind.CERTAIN, "iam", "list_users")] * 130 + [
        PlannedCall(scope, "us-east-1", CallKind.CERTAIN, "ec2", "describe_vpcs")
    ] * 60
    estimate = CallEstimate(_target(), tuple(calls))
    assert estimate.seconds(Rates(), 0.5) == ((130 - 10) / 20, "iam")
    assert estimate.seconds(Rates({"iam": Allowance(100, 260)}), 0.5) == ((60 - 50) / 10, "ec2:DescribeVpcs")


def test_account_wide_rates_have_one_bucket_over_all_regions_and_regional_rates_one_in_each():
    calls = [
        PlannedCall(Scope(HOME, region, "x"), region, CallKind.CERTAIN, "apigateway", "get_rest_apis")
        for region in REGION_NAMES * 15
    ]
    assert CallEstimate(_target(), tuple(calls)).seconds(Rates(), 0.5) == ((30 - 20) / 5, "apigateway")
    calls = [
        PlannedCall(Scope(HOME, region, "x"), region, CallKind.CERTAIN, "elbv2", "describe_load_balancers")
        for region in REGION_NAMES * 15
    ]
    assert CallEstimate(_target(), tuple(calls)).seconds(Rates(), 0.5)[0] == 0


@pytest.mark.parametrize("service", Catalog.all().services, ids=lambda service: service.name)
def test_every_service_can_be_estimated(service):
    assert estimate_calls(Catalog((service,)), _target()).minimum > 0


def test_the_scopes_are_those_of_the_run(sample):
    scopes = {(scope["account"], scope["region"], scope["service"]) for scope in sample.report["scopes"]}
    assert scopes == set(estimate_calls(Catalog.all(), _target()).scopes)
