"""Estimates the API calls of a run from the declarations: the minimum number, and the minimum time under the rate limits.

Pure. The list stage is exact as long as each listing fits in one page: `CERTAIN` calls are made in every scope, and `ONCE` calls
in each scope that has rows to join. The number of all other calls depends on the rows (`PER_ROW`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from collector.aws.availability import NOTHING_KNOWN, Availability
from collector.aws.rates import Rate, Rates
from collector.catalog.catalog import Catalog, client_of, describing_client, parent_type
from collector.catalog.permissions import api_of
from collector.engine.context import Listing, listing_of
from collector.engine.plan import Job, plan_account
from collector.model import GLOBAL, Scope, Target
from collector.schema.declarations import Call, Custom, Declaration, Entity, Hydrate, Synthetic

SYNTHETIC_FIELDS = frozenset({"@", "AccountId", "CallerArn", "Regions", "EnabledRegions"})
"""First path segments that a synthetic row has without any call."""


class CallKind(StrEnum):
    """How often an operation is called in a scope."""

    CERTAIN = "certain"
    ONCE = "once"
    PER_ROW = "per_row"


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """An operation that a scope calls.

    `args` maps parameters to paths in a row; with `as_list` each value is passed as a list of one. `absent` are the error codes
    that mean "there is none".
    """

    scope: Scope
    region: str
    kind: CallKind
    client: str
    op: str
    params: Mapping[str, Any] = field(default_factory=dict)
    args: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    as_list: bool = False

    @property
    def name(self) -> str:
        """The operation, as `ec2:DescribeVpcs`."""
        return f"{self.client}:{api_of(self.client, self.op)}"


@dataclass(frozen=True, slots=True)
class CallEstimate:
    """The calls of one account. `scopes` includes scopes without calls; AWS does not offer the `unavailable` ones."""

    target: Target
    calls: tuple[PlannedCall, ...]
    scopes: tuple[Scope, ...] = ()
    unavailable: tuple[Scope, ...] = ()

    def of_kind(self, kind: CallKind) -> Iterator[PlannedCall]:
        """The calls of one kind."""
        return (call for call in self.calls if call.kind is kind)

    @property
    def minimum(self) -> int:
        """The number of calls that are made regardless of what the account contains."""
        return sum(1 for _ in self.of_kind(CallKind.CERTAIN))

    def seconds(self, rates: Rates, share: float) -> tuple[float, str]:
        """The minimum seconds for the certain calls at a share of the rates, and the name of the slowest token bucket."""
        counts: Counter[tuple[str, str]] = Counter()
        buckets: dict[tuple[str, str], Rate] = {}
        for call in self.of_kind(CallKind.CERTAIN):
            rate, bucket = rates.find(*call.name.split(":", 1))
            key = GLOBAL if rate.account_wide else call.region, bucket
            counts[key] += 1
            buckets[key] = rate
        times = ((_seconds(count, buckets[key], share), key[1]) for key, count in counts.items())
        return max(times, default=(0.0, ""))


def _seconds(count: int, rate: Rate, share: float) -> float:
    return max(0.0, (count - max(1.0, rate.burst * share)) / ((rate.ceiling or rate.per_second) * share))


def estimate_calls(
    catalog: Catalog, target: Target, *, by_role: bool = False, availability: Availability = NOTHING_KNOWN
) -> CallEstimate:
    """The calls that a run makes in an account; `by_role` adds the call that assumes its role."""
    repeated = catalog.repeated_calls()
    shared: set[tuple[Any, ...]] = set()
    calls = list(_setup_calls(target, by_role=by_role))
    plan = plan_account(catalog, target, availability)
    scopes = dict.fromkeys((calls[0].scope, *(job.scope for job in plan.jobs)))
    for call in (call for job in plan.jobs for call in _job_calls(job)):
        if call.kind is CallKind.CERTAIN and (call.client, call.op) in repeated:
            key = call.client, call.op, call.region, str(sorted(call.params.items())), str(sorted(call.args.items()))
            if key in shared:
                continue  # the run shares one answer between the services of an account
            shared.add(key)
        calls.append(call)
    return CallEstimate(target, tuple(calls), tuple(scopes), tuple(plan.unavailable))


def _setup_calls(target: Target, *, by_role: bool) -> Iterator[PlannedCall]:
    scope = Scope(target.account, GLOBAL, "account")
    if by_role:
        yield PlannedCall(scope, target.home, CallKind.CERTAIN, "sts", "assume_role")
    yield PlannedCall(scope, target.home, CallKind.CERTAIN, "sts", "get_caller_identity")
    yield PlannedCall(scope, target.home, CallKind.CERTAIN, "ec2", "describe_regions", {"AllRegions": True})


def _job_calls(job: Job) -> Iterator[PlannedCall]:
    for listing, (declaration, kind) in _listings(job).items():
        yield from _listing_calls(job, declaration, listing, kind)
    for declaration in job.declarations:
        yield from _further_calls(job, declaration)


def _listings(job: Job) -> dict[Listing, tuple[Declaration, CallKind]]:
    """Each distinct listing of a scope, with one declaration that reads it and the most certain kind of its readers."""
    certain = {
        declaration.type
        for declaration in job.declarations
        if isinstance(declaration, Entity) and _is_certain(declaration)
    }
    readers: dict[Listing, list[tuple[Declaration, CallKind]]] = defaultdict(list)
    for declaration in job.declarations:
        readers[listing_of(declaration.rows)].append((declaration, _kind_of_rows(declaration, certain)))
        for join in declaration.join:
            kind = CallKind.CERTAIN if isinstance(declaration.rows, Synthetic) else CallKind.ONCE
            readers[listing_of(join.rows)].append((declaration, kind))
    order = list(CallKind)
    return {listing: min(each, key=lambda reader: order.index(reader[1])) for listing, each in readers.items()}


def _kind_of_rows(declaration: Declaration, certain: Iterable[str]) -> CallKind:
    listing = listing_of(declaration.rows)
    parent = parent_type(declaration)
    if parent is None:
        return CallKind.CERTAIN
    conditional = isinstance(listing, Call) and (listing.when is not None or not _has_all(listing.args.values()))
    return CallKind.CERTAIN if parent in certain and not conditional else CallKind.PER_ROW


def _is_certain(declaration: Declaration) -> bool:
    """Whether the declaration always has exactly one row."""
    return isinstance(declaration.rows, Synthetic) and declaration.when is None and declaration.describe is None


def _has_all(paths: Iterable[str]) -> bool:
    """Whether a synthetic row has a value at each path before any further call."""
    return all(path.split(".")[0] in SYNTHETIC_FIELDS for path in paths)


def _listing_calls(job: Job, declaration: Declaration, listing: Listing, kind: CallKind) -> Iterator[PlannedCall]:
    if isinstance(listing, Call):
        client = client_of(job.service, declaration, listing.client)
        yield PlannedCall(job.scope, job.region, kind, client, listing.op, listing.params, listing.args, listing.absent)
    elif isinstance(listing, Custom):
        client = client_of(job.service, declaration, listing.client)
        for number, op in enumerate(listing.ops):  # operations after the first depend on its answer
            yield PlannedCall(job.scope, job.region, CallKind.PER_ROW if number else kind, client, op)


def _further_calls(job: Job, declaration: Declaration) -> Iterator[PlannedCall]:
    """The calls that add properties to rows."""
    if batch := declaration.describe:
        kind = CallKind.CERTAIN if isinstance(declaration.rows, Synthetic) else CallKind.PER_ROW
        client, args = describing_client(job.service, declaration), {batch.ids: batch.by}
        yield PlannedCall(job.scope, job.region, kind, client, batch.op, batch.params, args, as_list=True)
    for gather in declaration.gather:
        client = client_of(job.service, declaration, gather.client)
        yield PlannedCall(job.scope, job.region, CallKind.PER_ROW, client, gather.op)
    for hydrate in declaration.hydrate:
        yield from _hydrate_calls(job, declaration, hydrate)


def _hydrate_calls(job: Job, declaration: Declaration, hydrate: Hydrate) -> Iterator[PlannedCall]:
    certain = _is_certain(declaration) and hydrate.when is None and _has_all(hydrate.args.values())
    kind = CallKind.CERTAIN if certain else CallKind.PER_ROW
    client = client_of(job.service, declaration, hydrate.client)
    for region in job.target.regions if hydrate.regions else (job.region,):
        yield PlannedCall(job.scope, region, kind, client, hydrate.op, hydrate.params, hydrate.args, hydrate.absent)
