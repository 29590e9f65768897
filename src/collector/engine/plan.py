"""Catalogue, account and regions to jobs, in the order in which they are best begun. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from collector.catalog.catalog import Catalog, declarations, operations, scope_of
from collector.model import GLOBAL, Place, Scope, Target
from collector.schema.declarations import Declaration, Service


@dataclass(frozen=True, slots=True)
class Job:
    """One scope and the declarations that it collects. `region` is where its calls go."""

    scope: Scope
    service: Service
    declaration: tuple[Declaration, ...]
    place: Place
    region: str
    target: Target


def jobs(catalog: Catalog, target: Target) -> list[Job]:
    """The jobs of one account: first the global ones, then region by region, the widest services first.

    Region by region, neighbours in the queue belong to different services, so that they draw on different rate limits.
    The entities of services come first of all: other entities hang on them.
    """
    widest = sorted(catalog.services, key=lambda service: (-_width(service), service.name))
    globally = [job for service in widest for job in _jobs(service, target, "global", (target.home,))]
    regionally = [
        job for region in target.regions for service in widest for job in _jobs(service, target, "regional", (region,))
    ]
    return globally + regionally


def sharing_limits(several: Sequence[Job], everywhere: Callable[[str], bool]) -> list[list[Job]]:
    """The jobs in groups that no two processes may share, in the order of their first jobs.

    Two jobs that call with one client in one region draw on the same allowances, and may ask for the same answers. `everywhere` tells
    of a client whether its allowance is one for all regions. (Calls that one job makes in every region are those of its own
    operations.)
    """
    groups: list[tuple[set[tuple[str, str]], list[Job]]] = []
    for job in several:
        clients = {client for declaration in job.declaration for client, _ in operations(job.service, declaration)}
        drawn = {(client, "" if everywhere(client) else job.region) for client in clients}
        met = [group for group in groups if group[0] & drawn]
        first = met[0] if met else (set[tuple[str, str]](), list[Job]())
        if not met:
            groups.append(first)
        first[0].update(drawn, *(keys for keys, _ in met[1:]))
        first[1].extend([*(each for _, jobs in met[1:] for each in jobs), job])
        groups = [group for group in groups if group is first or group not in met]
    return [jobs for _, jobs in groups]


def _jobs(service: Service, target: Target, kind: str, regions: Sequence[str]) -> Iterator[Job]:
    wanted = tuple(declaration for declaration in declarations(service) if scope_of(service, declaration) == kind)
    if not wanted:
        return
    for region in regions:
        label = GLOBAL if kind == "global" else region
        place = Place(target.partition, target.account, label)
        yield Job(Scope(target.account, label, service.name), service, wanted, place, region, target)


def _width(service: Service) -> int:
    return len({operation for declaration in declarations(service) for operation in operations(service, declaration)})
