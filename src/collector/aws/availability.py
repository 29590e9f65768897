"""Where AWS offers a service: botocore's endpoint data, and literals for what the data does not say. Pure.

The data lag behind AWS. So a service counts as absent only where they are explicit: they list it in other regions of the
partition, and they know the region well. Everything else is unknown, and a run finds out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

ENDPOINT_NAMES: Mapping[str, str] = {
    "accessanalyzer": "access-analyzer",
    "apigatewayv2": "apigateway",
    "cloudwatch": "monitoring",
    "ecr": "api.ecr",
    "efs": "elasticfilesystem",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "opensearch": "es",
    "resourcegroupstaggingapi": "tagging",
    "s3control": "s3-control",
}
"""The names of clients in the endpoint data, where they differ: the `endpointPrefix` of their service models."""

KNOWN_WELL = 0.4
"""A region is too new to conclude anything from a gap if the data list less than this share of the services there that they
list in the best-known region of its partition. AWS adds services to a region for a year or two after it opens."""

WITH_GAPS = frozenset({"s3control"})
"""Clients that the data leave out where AWS offers them: S3 Control is a part of S3 and is wherever S3 is."""


EVERYWHERE = "*"


class Offer(StrEnum):
    """Whether AWS offers a service in a region."""

    LISTED = "listed"
    UNKNOWN = "unknown"
    NOT_OFFERED = "not offered"


class Absence(NamedTuple):
    """A client that a partition does not have; with `globally`, only its global resources are missing. `source`: who says so."""

    client: str
    partition: str
    source: str
    globally: bool = False


_CHINA = "https://docs.amazonaws.cn/en_us/aws/latest/userguide"
_GOVCLOUD = "https://docs.aws.amazon.com/govcloud-us/latest/UserGuide"

ABSENCES = (
    Absence(
        "cloudfront", "aws-us-gov", f"{_GOVCLOUD}/setting-up-credentials.html: it is outside of the GovCloud boundary"
    ),
    Absence("inspector", "aws-cn", f"{_CHINA}/inspector2.html: the endpoints are those of Inspector v2"),
    Absence("route53domains", "aws-cn", f"{_CHINA}/route53.html: you can't use Route 53 to register domains"),
    Absence("route53domains", "aws-us-gov", f"{_GOVCLOUD}/govcloud-r53.html: private DNS and health checks only"),
    Absence("waf", "aws-cn", f"{_CHINA}/waf.html: supported at a regional level only"),
    Absence("waf", "aws-us-gov", "it protects CloudFront distributions, which the partition does not have"),
    Absence("wafv2", "aws-cn", f"{_CHINA}/waf.html: supported at a regional level only", globally=True),
    Absence(
        "wafv2", "aws-us-gov", "its global scope is CloudFront's, which the partition does not have", globally=True
    ),
)
"""What the endpoint data do not say: a service that they leave out of a partition altogether may be missing from the data."""


class _Partition(NamedTuple):
    name: str
    regions: frozenset[str]
    known_well: frozenset[str]
    pattern: re.Pattern[str]
    services: Mapping[str, Mapping[str, Any]]


class Availability:
    """Answers whether AWS offers the service of a botocore client in a region."""

    def __init__(self, endpoints: Mapping[str, Any], absences: Iterable[Absence] = ABSENCES) -> None:
        """`endpoints` is the content of botocore's `endpoints.json`."""
        self._partitions = [_partition(each) for each in endpoints.get("partitions", ())]
        self._absent = {(each.client, each.partition, each.globally) for each in absences}
        self._offers: dict[tuple[str, str, bool], Offer] = {}

    def offer(self, client: str, region: str, *, globally: bool = False) -> Offer:
        """Whether the service of a client is offered in a region; with `globally`, its global resources, managed from there."""
        key = client, region, globally
        if key not in self._offers:
            self._offers[key] = self._find(client, region, globally=globally)
        return self._offers[key]

    def lists(self, client: str, region: str) -> bool:
        """Whether the data list the service anywhere in the partition of a region."""
        partition = self._partition_of(region)
        return partition is not None and bool(_listing(partition, client))

    def partition_regions(self, region: str) -> frozenset[str]:
        """The regions that the data know in the partition of a region."""
        partition = self._partition_of(region)
        return partition.regions if partition else frozenset()

    def _find(self, client: str, region: str, *, globally: bool) -> Offer:
        partition = self._partition_of(region)
        if partition is None:
            return Offer.UNKNOWN
        if (client, partition.name, False) in self._absent or (
            globally and (client, partition.name, True) in self._absent
        ):
            return Offer.NOT_OFFERED
        listed = _listing(partition, client)
        if region in listed or EVERYWHERE in listed:
            return Offer.LISTED
        explicit = listed and region in partition.known_well and client not in WITH_GAPS
        return Offer.NOT_OFFERED if explicit else Offer.UNKNOWN

    def _partition_of(self, region: str) -> _Partition | None:
        for partition in self._partitions:
            if region in partition.regions or partition.pattern.fullmatch(region):
                return partition
        return None


NOTHING_KNOWN = Availability({})
"""Every answer is unknown: nothing is left out."""


def _listing(partition: _Partition, client: str) -> frozenset[str]:
    """The regions that the data list for a service; `EVERYWHERE` if the whole partition has one endpoint."""
    service = partition.services.get(ENDPOINT_NAMES.get(client, client), {})
    if service.get("isRegionalized") is False:
        return frozenset({EVERYWHERE})
    return partition.regions.intersection(service.get("endpoints", ()))


def _partition(data: Mapping[str, Any]) -> _Partition:
    regions, services = frozenset(data["regions"]), data["services"]
    counts = {region: sum(region in each.get("endpoints", ()) for each in services.values()) for region in regions}
    least = max(counts.values(), default=0) * KNOWN_WELL
    known_well = frozenset(region for region, count in counts.items() if count >= least)
    return _Partition(data["partition"], regions, known_well, re.compile(data["regionRegex"]), services)
