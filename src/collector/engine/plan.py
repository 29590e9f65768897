"""Plans an account: the catalogue and a target become jobs, in the order to start them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from collector.catalog.catalog import Catalog, declarations, operations, scope_of
from collector.model import GLOBAL, Place, Scope, Target
from collector.schema.declarations import Declaration, Service


@dataclass(frozen=True, slots=True)
class Job:
    """One scope and the declarations that it collects. `region` is the one that its calls go to."""

    scope: Scope
    service: Service
    declarations: tuple[Declaration, ...]
    place: Place
    region: str
    target: Target


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
