"""What a run will call, read off the declarations: how often at least, and how long the rates make that last.

Pure. The list stage is exact as long as a listing is one page: what is called in each scope whatever is there (`SURE`), and
what is called once where there is anything to add to (`ONCE`). How often the rest is called depends on the rows (`ROWS`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from collector.aws.rates import Rates
from collector.catalog.catalog import Catalog, client_of, parent_type
from collector.catalog.permissions import api_of
from collector.engine.context import Listing
from collector.engine.listings import listing_of
from collector.engine.plan import Job, jobs
from collector.model import GLOBAL, Scope, Target
from collector.schema.declarations import Call, Custom, Declaration, Entity, Hydrate, Synthetic

NO_CALL = frozenset({"@", "AccountId", "CallerArn", "Regions", "EnabledRegions"})
"""What a row has that the run makes itself."""


class CallKind(StrEnum):
    """How often an operation is called in a scope."""

    SURE = "sure"
    ONCE = "once"
    ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation that a scope calls; `args` are parameters that come from a row, `absent` the codes that mean "none".

    `listed`: the parameter is a list, of one value here.
    """

    scope: Scope
    region: str
    kind: CallKind
    client: str
    op: str
    params: Mapping[str, Any] = field(default_factory=dict)
    args: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    listed: bool = False

    @property
    def name(self) -> str:
        """The operation, as `ec2:DescribeVpcs`."""
        return f"{self.client}:{api_of(self.client, self.op)}"


@dataclass(frozen=True, slots=True)
class CallEstimate:
    """All that is asked of one account; `scopes` are also those that ask nothing."""

    target: Target
    asked: tuple[Asked, ...]
    scopes: tuple[Scope, ...] = ()

    def of_kind(self, kind: CallKind) -> Iterator[Asked]:
        """The operations that are called so often, one for each scope (and call)."""
        return (asked for asked in self.asked if asked.kind is kind)

    @property
    def least(self) -> int:
        """Calls that are made whatever is there."""
        return sum(1 for _ in self.of_kind(CallKind.SURE))

    def seconds(self, rates: Rates, share: float) -> tuple[float, str]:
        """The least time that those calls take at a share of the rates, and the bucket that takes it."""
        calls: Counter[tuple[str, str, str]] = Counter()
        for asked in self.of_kind(CallKind.SURE):
            rate, bucket = rates.find(*asked.name.split(":", 1))
            calls[GLOBAL if rate.everywhere else asked.region, bucket, asked.name] += 1
        return max(_waits(calls, rates, share), default=(0.0, ""))


def _waits(calls: Mapping[tuple[str, str, str], int], rates: Rates, share: float) -> Iterator[tuple[float, str]]:
    summed: dict[tuple[str, str], tuple[int, str]] = {}
    for (place, bucket, name), count in calls.items():
        summed[place, bucket] = (summed.get((place, bucket), (0, ""))[0] + count, name)
    for (_, bucket), (count, name) in summed.items():
        rate, _ = rates.find(*name.split(":", 1))
        yield max(0.0, (count - max(1.0, rate.burst * share)) / ((rate.most or rate.per_second) * share)), bucket


def estimate_calls(catalog: Catalog, target: Target, *, by_role: bool = False) -> CallEstimate:
    """What a run asks of an account; `by_role` when it gets there by a role."""
    repeated = catalog.repeated_calls()
    answered: set[tuple[Any, ...]] = set()
    kept: list[Asked] = list(_reach(target, by_role=by_role))
    planned = jobs(catalog, target)
    for asked in (each for job in planned for each in _of_job(job)):
        if asked.kind is CallKind.SURE and (asked.client, asked.op) in repeated:
            key = (
                asked.client,
                asked.op,
                asked.region,
                str(sorted(asked.params.items())),
                str(sorted(asked.args.items())),
            )
            if key in answered:
                continue  # another service's scope has the answer
            answered.add(key)
        kept.append(asked)
    scopes = dict.fromkeys((*(asked.scope for asked in kept[:1]), *(job.scope for job in planned)))
    return CallEstimate(target, tuple(kept), tuple(scopes))


def _reach(target: Target, *, by_role: bool) -> Iterator[Asked]:
    scope = Scope(target.account, GLOBAL, "account")
    if by_role:
        yield Asked(scope, target.home, CallKind.SURE, "sts", "assume_role")
    yield Asked(scope, target.home, CallKind.SURE, "sts", "get_caller_identity")
    yield Asked(scope, target.home, CallKind.SURE, "ec2", "describe_regions", {"AllRegions": True})


def _of_job(job: Job) -> Iterator[Asked]:
    for listing, (declaration, kind) in _listings(job).items():
        yield from _listing(job, declaration, listing, kind)
    for declaration in job.declaration:
        yield from _further(job, declaration)


def _listings(job: Job) -> dict[Listing, tuple[Declaration, CallKind]]:
    """Every listing of a scope, once, with a declaration that reads it and how often it is called."""
    certain = {
        declaration.type
        for declaration in job.declaration
        if isinstance(declaration, Entity) and _is_certain(declaration)
    }
    found: dict[Listing, list[tuple[Declaration, CallKind]]] = defaultdict(list)
    for declaration in job.declaration:
        found[listing_of(declaration.rows)].append((declaration, _kind_of_rows(declaration, certain)))
        for join in declaration.join:
            found[listing_of(join.rows)].append(
                (declaration, CallKind.SURE if isinstance(declaration.rows, Synthetic) else CallKind.ONCE)
            )
    order = list(CallKind)
    return {listing: min(several, key=lambda one: order.index(one[1])) for listing, several in found.items()}


def _kind_of_rows(declaration: Declaration, certain: Iterable[str]) -> CallKind:
    listing = listing_of(declaration.rows)
    parent = parent_type(declaration)
    if parent is None:
        return CallKind.SURE
    conditional = isinstance(listing, Call) and (listing.when is not None or not _has_all(listing.args.values()))
    return CallKind.SURE if parent in certain and not conditional else CallKind.ROWS


def _is_certain(declaration: Declaration) -> bool:
    """Whether there is exactly one row, always."""
    return isinstance(declaration.rows, Synthetic) and declaration.when is None and declaration.describe is None


def _has_all(paths: Iterable[str]) -> bool:
    """Whether a row that the run makes has what lies at these paths, before any further call."""
    return all(path.split(".")[0] in NO_CALL for path in paths)


def _listing(job: Job, declaration: Declaration, listing: Listing, kind: CallKind) -> Iterator[Asked]:
    if isinstance(listing, Call):
        client = client_of(job.service, declaration, listing.client)
        yield Asked(job.scope, job.region, kind, client, listing.op, listing.params, listing.args, listing.absent)
    elif isinstance(listing, Custom):
        for number, op in enumerate(listing.ops):  # what it goes on to ask depends on the first answer
            often = CallKind.ROWS if number else kind
            yield Asked(job.scope, job.region, often, client_of(job.service, declaration, listing.client), op)


def _further(job: Job, declaration: Declaration) -> Iterator[Asked]:
    """The calls that add to rows."""
    if batch := declaration.describe:
        kind = CallKind.SURE if isinstance(declaration.rows, Synthetic) else CallKind.ROWS
        listing = listing_of(declaration.rows)
        client = client_of(job.service, declaration, listing.client if isinstance(listing, Call) else None)
        yield Asked(
            job.scope,
            job.region,
            kind,
            client,
            batch.op,
            batch.params,
            {batch.ids: batch.by},
            batch.absent,
            listed=True,
        )
    for gather in declaration.gather:
        yield Asked(job.scope, job.region, CallKind.ROWS, client_of(job.service, declaration, gather.client), gather.op)
    for hydrate in declaration.hydrate:
        yield from _hydrate(job, declaration, hydrate)


def _hydrate(job: Job, declaration: Declaration, hydrate: Hydrate) -> Iterator[Asked]:
    sure = _is_certain(declaration) and hydrate.when is None and _has_all(hydrate.args.values())
    for region in job.target.regions if hydrate.regions else (job.region,):
        client = client_of(job.service, declaration, hydrate.client)
        kind = CallKind.SURE if sure else CallKind.ROWS
        yield Asked(job.scope, region, kind, client, hydrate.op, hydrate.params, hydrate.args, hydrate.absent)
