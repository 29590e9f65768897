"""Judges host names that did not resolve: is the service not offered there, or could it not be reached? Pure.

AWS has no host names for services in regions where it does not offer them, and the endpoint data lag behind. So an account is
judged when all of its scopes have ended: by then it is known which other names resolve.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from collector.aws.availability import Availability, Offer
from collector.aws.faults import NO_SUCH_HOST
from collector.engine.plan import Job, listing_clients
from collector.model import Scope
from collector.report import ScopeRecord


def judge_unresolved(
    records: Mapping[Scope, ScopeRecord], jobs: Iterable[Job], availability: Availability
) -> Iterator[tuple[Scope, list[str]]]:
    """Take back the failures of clients that AWS does not offer in a scope, and yield each such scope with these clients.

    A scope whose rows all come from such clients becomes unavailable. `records` are those of the whole account; what they say about
    host names is removed.
    """
    reached = frozenset(pair for record in records.values() for pair in record.reached)
    for job in jobs:
        record = records[job.scope]
        failed = {client for client, _ in record.unresolved}
        absent = {
            client
            for client in failed
            if all(is_absent(*pair, reached, availability) for pair in record.unresolved if pair[0] == client)
        }
        if absent:
            record.mark_not_offered(absent, NO_SUCH_HOST)
            record.unavailable = listing_clients(job) <= record.not_offered
            yield job.scope, sorted(absent)
    for record in records.values():
        record.reached = record.unresolved = frozenset()


def is_absent(client: str, region: str, reached: frozenset[tuple[str, str]], availability: Availability) -> bool:
    """Whether a service whose host name does not exist is not offered in a region. `reached` are the endpoints that answered.

    Never where the endpoint data list it, or where another call reached it. Otherwise some other name must have resolved: that of
    the service in another region of the partition, or if the data do not list it anywhere in the partition, any of the region.
    """
    if availability.offer(client, region) is Offer.LISTED or (client, region) in reached:
        return False
    if not availability.lists(client, region):
        return any(where == region for _, where in reached)
    others = availability.partition_regions(region) - {region}
    return any((client, other) in reached for other in others)
