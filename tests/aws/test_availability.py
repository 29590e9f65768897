from __future__ import annotations

from itertools import product
from typing import Any

import botocore.session
import pytest

from collector.aws.availability import (
    ABSENCES,
    ENDPOINT_NAMES,
    NOTHING_KNOWN,
    WITH_GAPS,
    Absence,
    Availability,
    Offer,
)
from collector.catalog.catalog import Catalog, clients_of
from collector.model import HOMES

SESSION = botocore.session.get_session()
ENDPOINTS = SESSION.get_component("data_loader").load_data("endpoints")
AVAILABILITY = Availability(ENDPOINTS)
CLIENTS = clients_of(Catalog.all())
REGIONS = {partition: sorted(AVAILABILITY.partition_regions(home)) for partition, home in HOMES.items()}
PLACES = [(client, partition, region) for client in CLIENTS for partition in HOMES for region in REGIONS[partition]]
DECLARED_ABSENT = {(absence.client, absence.partition) for absence in ABSENCES if not absence.globally}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_has_the_name_that_the_endpoint_data_use(client):
    model = SESSION.get_component("data_loader").load_service_model(client, "service-2")
    assert ENDPOINT_NAMES.get(client, client) == model["metadata"]["endpointPrefix"]


def test_a_name_for_the_endpoint_data_is_only_given_where_it_differs():
    assert [client for client, name in ENDPOINT_NAMES.items() if client == name or client not in CLIENTS] == []


def test_no_service_is_absent_where_botocore_lists_it():
    listed = {
        (client, region)
        for client, partition in product(CLIENTS, HOMES)
        for region in SESSION.get_available_regions(client, partition)
    }
    assert len(listed) > 1000
    assert {place for place in listed if AVAILABILITY.offer(*place) is not Offer.LISTED} == set()


def test_a_service_of_the_whole_partition_is_listed_in_each_of_its_regions():
    for client in ("iam", "organizations", "route53"):
        assert {AVAILABILITY.offer(client, r) for regions in REGIONS.values() for r in regions} == {Offer.LISTED}


def test_absent_is_what_the_data_list_elsewhere_in_the_partition_or_what_a_literal_says():
    unexplained = [
        (client, region)
        for client, partition, region in PLACES
        if AVAILABILITY.offer(client, region) is Offer.NOT_OFFERED
        and (client, partition) not in DECLARED_ABSENT
        and not set(SESSION.get_available_regions(client, partition)) - {region}
    ]
    assert unexplained == []


@pytest.mark.parametrize(
    ("client", "region", "offer"),
    [
        ("workspaces", "us-west-1", Offer.NOT_OFFERED),
        ("workspaces", "us-east-1", Offer.LISTED),
        ("workspaces", "cn-north-1", Offer.NOT_OFFERED),
        ("workspaces", "cn-northwest-1", Offer.LISTED),
        ("cloudhsmv2", "ap-southeast-4", Offer.NOT_OFFERED),
        ("waf", "ap-northeast-1", Offer.LISTED),
        ("cloudfront", "us-gov-west-1", Offer.NOT_OFFERED),
        ("cloudfront", "cn-north-1", Offer.LISTED),
        ("route53domains", "us-east-1", Offer.LISTED),
        ("route53domains", "cn-north-1", Offer.NOT_OFFERED),
        ("guardduty", "ap-southeast-6", Offer.UNKNOWN),  # opened two months before the data were made
        ("s3control", "ap-southeast-5", Offer.UNKNOWN),
        ("account", "us-gov-west-1", Offer.UNKNOWN),  # missing from the partition, maybe only from the data
        ("workspaces", "us-east-9", Offer.UNKNOWN),
        ("workspaces", "mars-north-1", Offer.UNKNOWN),
        ("no-such-client", "us-east-1", Offer.UNKNOWN),
    ],
)
def test_where_a_service_is_offered(client, region, offer):
    assert AVAILABILITY.offer(client, region) is offer


def test_web_acls_of_distributions_are_absent_where_only_regional_ones_exist():
    for region in ("cn-north-1", "us-gov-west-1"):
        assert AVAILABILITY.offer("wafv2", region, globally=True) is Offer.NOT_OFFERED
        assert AVAILABILITY.offer("wafv2", region) is Offer.LISTED
    assert AVAILABILITY.offer("wafv2", "us-east-1", globally=True) is Offer.LISTED


@pytest.mark.parametrize("absence", ABSENCES, ids=lambda absence: f"{absence.client} in {absence.partition}")
def test_an_absence_is_needed_as_long_as_the_data_do_not_say_it(absence):
    says = {
        Availability(ENDPOINTS, ()).offer(absence.client, region, globally=absence.globally)
        for region in REGIONS[absence.partition]
    }
    expected = Offer.LISTED if absence.globally else Offer.UNKNOWN  # a partition may lack a part of a service
    assert says == {expected}
    assert absence.source


def test_a_gap_in_the_data_is_declared_only_where_there_is_one():
    for client in WITH_GAPS:
        assert Offer.UNKNOWN in {AVAILABILITY.offer(client, region) for region in REGIONS["aws"]}


def _endpoints(**services):
    """A partition with the regions xx-a-1 and xx-b-1; ten more services fill both."""
    filling: dict[str, Any] = {f"filling{n}": {"endpoints": {"xx-a-1": {}, "xx-b-1": {}}} for n in range(10)}
    regions: dict[str, Any] = {"xx-a-1": {}, "xx-b-1": {}, "xx-c-1": {}}
    partition = {
        "partition": "xx",
        "regions": regions,
        "regionRegex": r"xx-\w+-\d+",
        "services": {**filling, **services},
    }
    return {"partitions": [partition]}


def test_a_gap_says_nothing_in_a_region_that_the_data_hardly_know():
    known = Availability(_endpoints(one={"endpoints": {"xx-a-1": {}}}))
    assert [known.offer("one", f"xx-{name}-1") for name in "abc"] == [Offer.LISTED, Offer.NOT_OFFERED, Offer.UNKNOWN]


def test_endpoints_that_are_no_regions_list_nothing():
    services: list[dict[str, Any]] = [{"endpoints": {"fips-xx-a-1": {}}}, {"endpoints": {}}, {}]
    for service in services:
        assert Availability(_endpoints(one=service)).offer("one", "xx-b-1") is Offer.UNKNOWN


def test_one_endpoint_for_a_partition_serves_all_of_its_regions():
    one: dict[str, Any] = {"isRegionalized": False, "partitionEndpoint": "xx-global", "endpoints": {"xx-global": {}}}
    assert {Availability(_endpoints(one=one)).offer("one", f"xx-{name}-1") for name in "abcd"} == {Offer.LISTED}


def test_a_literal_wins_over_the_data():
    one: dict[str, Any] = {"endpoints": {"xx-a-1": {}}}
    assert (
        Availability(_endpoints(one=one), [Absence("one", "xx", "a page")]).offer("one", "xx-a-1") is Offer.NOT_OFFERED
    )


def test_without_data_nothing_is_absent():
    assert {NOTHING_KNOWN.offer(client, region) for client, _, region in PLACES} == {Offer.UNKNOWN}
