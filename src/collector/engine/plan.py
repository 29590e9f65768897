"""Plans an account: the catalogue and a target become jobs, in the order to start them, without what AWS does not offer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from collector.aws.availability import Availability, Offer
from collector.catalog.catalog import Catalog, declarations, listing_client, operations, parent_type, scope_of
from collector.model import GLOBAL, Place, Scope, Target
from collector.schema.declarations import Declaration, Entity, Service


@dataclass(frozen=True, slots=True)
class Job:
    """One scope and the declarations that it collects. `region` is the one that its calls go to.

    `not_offered` are clients that AWS does not offer there: what declarations would join from them is empty.
    """

    scope: Scope
    service: Service
    declarations: tuple[Declaration, ...]
    place: Place
    region: str
    target: Target
    not_offered: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """The jobs of an account; the scopes that have none, and the clients that AWS does not offer in these and other scopes."""

    jobs: list[Job] = field(default_factory=list)
    unavailable: list[Scope] = field(default_factory=list)
    not_offered: dict[Scope, frozenset[str]] = field(default_factory=dict)


def plan_account(catalog: Catalog, target: Target, availability: Availability) -> Plan:
    """The jobs of one account, as `jobs` orders them, without the declarations whose rows AWS does not offer there."""
    plan = Plan()
    for job in jobs(catalog, target):
        missing = _missing(job, availability)
        kept = tuple(each for each in job.declarations if each not in missing)
        clients = frozenset(client for client in missing.values() if client)
        if missing:
            plan.not_offered[job.scope] = clients
        if kept:
            plan.jobs.append(replace(job, declarations=kept, not_offered=clients))
        else:
            plan.unavailable.append(job.scope)
    return plan


def listing_clients(job: Job) -> frozenset[str | None]:
    """The clients that list the rows of a job which have no parents; None stands for rows that need no call."""
    roots = (each for each in job.declarations if parent_type(each) is None)
    return frozenset(listing_client(job.service, each) for each in roots)


def _missing(job: Job, availability: Availability) -> dict[Declaration, str | None]:
    """The declarations of a job that have no rows, because AWS does not offer the client that lists them or their parents."""
    missing: dict[Declaration, str | None] = {}
    types: dict[str, str | None] = {}
    for declaration in _parents_first(job.declarations):
        parent, client = parent_type(declaration), listing_client(job.service, declaration)
        if parent in types:
            client = types[parent]
        elif client is None:
            if _is_somewhere(job.service, job.target, availability):
                continue
        elif _is_offered(job.scope, client, job.region, availability):
            continue
        missing[declaration] = client
        if isinstance(declaration, Entity):
            types[declaration.type] = client
    return missing


def _parents_first(declared: Iterable[Declaration]) -> list[Declaration]:
    """The declarations in an order in which each stands behind its parent, if that is among them."""
    remaining, ordered = list(declared), list[Declaration]()
    while remaining:
        types = {each.type for each in remaining if isinstance(each, Entity)}
        ready = [each for each in remaining if parent_type(each) not in types]
        ordered += ready
        remaining = [each for each in remaining if each not in ready]
    return ordered


def _is_offered(scope: Scope, client: str, region: str, availability: Availability) -> bool:
    return availability.offer(client, region, globally=scope.region == GLOBAL) is not Offer.NOT_OFFERED


def _is_somewhere(service: Service, target: Target, availability: Availability) -> bool:
    """Whether the partition may have the service: without it, the account has no entity for the service itself."""
    listed = [each for each in declarations(service) if listing_client(service, each) is not None]
    regions = availability.partition_regions(target.home) | {target.home, *target.regions}
    return not listed or any(
        availability.offer(listing_client(service, each) or "", region, globally=is_global) is not Offer.NOT_OFFERED
        for each in listed
        for is_global in [scope_of(service, each) == "global"]
        for region in ([target.home] if is_global else regions)
    )


def jobs(catalog: Catalog, target: Target) -> list[Job]:
    """The jobs of one account: global ones first, then region by region, services with the most operations first.

    Neighbours in the queue thus belong to different services and draw on different rate limits.
    """
    widest = sorted(catalog.services, key=lambda service: (-_operation_count(service), service.name))
    globally = [job for service in widest for job in _jobs(service, target, "global", (target.home,))]
    regionally = [
        job for region in target.regions for service in widest for job in _jobs(service, target, "regional", (region,))
    ]
    return globally + regionally


def sharing_limits(planned: Sequence[Job], account_wide: Callable[[str], bool]) -> list[list[Job]]:
    """The jobs in groups, each to be collected by one process, in the order of their first jobs.

    Jobs that use one client in one region draw on the same rate limits and may make the same calls. For `account_wide`
    clients, some limit is shared by all regions.
    """
    groups: list[tuple[set[tuple[str, str]], list[Job]]] = []
    for job in planned:
        clients = {client for declaration in job.declarations for client, _ in operations(job.service, declaration)}
        limits = {(client, "" if account_wide(client) else job.region) for client in clients}
        overlapping = [group for group in groups if group[0] & limits]
        first = overlapping[0] if overlapping else (set[tuple[str, str]](), list[Job]())
        if not overlapping:
            groups.append(first)
        first[0].update(limits, *(keys for keys, _ in overlapping[1:]))
        first[1].extend([*(other for _, jobs in overlapping[1:] for other in jobs), job])
        groups = [group for group in groups if group is first or group not in overlapping]
    return [jobs for _, jobs in groups]


def _jobs(service: Service, target: Target, kind: str, regions: Sequence[str]) -> Iterator[Job]:
    selected = tuple(declaration for declaration in declarations(service) if scope_of(service, declaration) == kind)
    if not selected:
        return
    for region in regions:
        label = GLOBAL if kind == "global" else region
        place = Place(target.partition, target.account, label)
        yield Job(Scope(target.account, label, service.name), service, selected, place, region, target)


def _operation_count(service: Service) -> int:
    return len({operation for declaration in declarations(service) for operation in operations(service, declaration)})
