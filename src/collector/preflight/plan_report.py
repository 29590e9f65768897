"""The report of `collector plan`: the accounts, regions and services of a run, and its estimated calls."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from collector.aws.accounts import AccountSession, Member
from collector.aws.calls import RetryPolicy
from collector.aws.rates import Rates
from collector.catalog.catalog import Catalog
from collector.config import Settings
from collector.faults import CallFailed
from collector.model import GLOBAL, Scope
from collector.preflight.call_estimate import CallEstimate, CallKind, PlannedCall, estimate_calls
from collector.preflight.doctor import pluralize, summarize
from collector.preflight.reach import QUICK_RETRIES, open_reach

MINUTE = 60


@dataclass(slots=True)
class PlanReport:
    """The estimate of a run. `refused` accounts and `skipped` scopes are not collected; their values are the reasons."""

    settings: Settings
    rates: Rates
    estimates: list[CallEstimate] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    skipped: dict[Scope, str] = field(default_factory=dict)

    @property
    def minimum(self) -> int:
        """The number of calls in all accounts that are made regardless of what the accounts contain."""
        return sum(each.minimum for each in self.estimates)

    def seconds(self) -> tuple[float, str]:
        """The minimum seconds at `rate_share` and `accounts_at_once` of the settings, and the name of the slowest token bucket."""
        times = [each.seconds(self.rates, self.settings.rate_share) for each in self.estimates]
        longest, bucket = max(times, default=(0.0, ""))
        return max(longest, sum(time for time, _ in times) / self.settings.accounts_at_once), bucket

    def as_json(self) -> dict[str, Any]:
        """The report for scripts: every scope with its operations."""
        seconds, bucket = self.seconds()
        return {
            "accounts": [_account(each) for each in sorted(self.estimates, key=lambda each: each.target.account)],
            "refused": self.refused,
            "skipped": [{**scope._asdict(), "why": why} for scope, why in sorted(self.skipped.items())],
            "leastCalls": self.minimum,
            "leastSeconds": round(seconds, 1),
            "slowestBucket": bucket,
            "rateShare": self.settings.rate_share,
        }

    def lines(self) -> Iterator[str]:
        """The report as text: a line for each account, a table of services over all accounts, the totals."""
        for each in sorted(self.estimates, key=lambda each: each.target.account):
            regions = f"{pluralize(len(each.target.regions), 'region')} ({', '.join(each.target.regions)})"
            yield f"account {each.target.account}: {regions}, at least {pluralize(each.minimum, 'call')}"
            yield from _unavailable(each)
        for account, why in sorted(self.refused.items()):
            yield f"account {account}: refused: {why}"
        for scope, why in sorted(self.skipped.items()):
            region = "" if scope.region == GLOBAL else f" ({scope.region})"
            yield f"account {scope.account}: skipped: {why}{region}"
        yield ""
        yield from _table(self.estimates)
        yield ""
        yield from self._totals()

    def _totals(self) -> Iterator[str]:
        scopes = sum(len(each.scopes) for each in self.estimates)
        once = sum(1 for each in self.estimates for _ in each.of_kind(CallKind.ONCE))
        accounts = pluralize(len(self.estimates), "account")
        yield f"{accounts}, {pluralize(scopes, 'scope')}: at least {pluralize(self.minimum, 'call')}"
        yield f"not counted: up to {once:,} made once in a scope that has rows, per-row calls, further pages of listings"
        seconds, bucket = self.seconds()
        slowest = f" (slowest: {bucket})" if seconds else ""
        yield f"at {self.settings.rate_share:g} of the known AWS rates, these calls take at least {_time(seconds)}{slowest}"


def _time(seconds: float) -> str:
    return f"{seconds / MINUTE:.1f} minutes" if seconds >= MINUTE else f"{seconds:.1f} seconds"


def _table(estimates: list[CallEstimate]) -> Iterator[str]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    scopes = Counter(scope.service for each in estimates for scope in each.scopes)
    per_row: dict[str, set[str]] = defaultdict(set)
    for call in (call for each in estimates for call in each.calls):
        service = call.scope.service
        counts[service][call.kind] += 1
        if call.kind is CallKind.PER_ROW:
            per_row[service].add(call.name)
    yield f"{'service':<16} {'scopes':>7} {'minimum':>7} {'once':>7}  per row"
    for service, count in sorted(counts.items()):
        names = ", ".join(sorted(per_row[service])) or "-"
        yield f"{service:<16} {scopes[service]:>7,} {count[CallKind.CERTAIN]:>7,} {count[CallKind.ONCE]:>7,}  {names}"


def _unavailable(estimate: CallEstimate) -> Iterator[str]:
    places: dict[str, list[str]] = defaultdict(list)
    for scope in sorted(estimate.unavailable):
        places[scope.service].append(scope.region)
    if places:
        services = "; ".join(f"{service} ({', '.join(regions)})" for service, regions in sorted(places.items()))
        yield f"account {estimate.target.account}: not offered by AWS: {services}"


def _account(estimate: CallEstimate) -> dict[str, Any]:
    scopes: dict[Scope, list[PlannedCall]] = {scope: [] for scope in estimate.scopes}
    for call in estimate.calls:
        scopes[call.scope].append(call)
    return {
        "account": estimate.target.account,
        "partition": estimate.target.partition,
        "regions": list(estimate.target.regions),
        "leastCalls": estimate.minimum,
        "scopes": [_scope(scope, calls) for scope, calls in sorted(scopes.items())],
        "unavailable": [{"region": each.region, "service": each.service} for each in sorted(estimate.unavailable)],
    }


def _scope(scope: Scope, calls: list[PlannedCall]) -> Mapping[str, Any]:
    names = {kind: Counter(call.name for call in calls if call.kind is kind) for kind in CallKind}
    return {
        "region": scope.region,
        "service": scope.service,
        "least": dict(sorted(names[CallKind.CERTAIN].items())),
        "once": dict(sorted(names[CallKind.ONCE].items())),
        "byRow": sorted(names[CallKind.PER_ROW]),
    }


async def plan_report(
    settings: Settings, catalog: Catalog, rates: Rates, retry_policy: RetryPolicy = QUICK_RETRIES
) -> PlanReport:
    """Find the accounts and their enabled regions, and estimate the calls of a run in each.

    Raises:
        CallFailed: when the credentials are rejected, or the organization cannot be read.
        ConfigurationError: when a requested region does not exist.
    """
    report = PlanReport(settings, rates)
    async with open_reach(settings, catalog, retry_policy) as reach:
        caller = await reach.accounts.caller()
        await reach.accounts.check_regions(caller)

        async def visit(member: Member, session: AccountSession | CallFailed) -> None:
            if isinstance(session, CallFailed):
                report.refused[member.account] = summarize(session)
            else:
                by_role, availability = member.role is not None, reach.context.availability
                report.estimates.append(
                    estimate_calls(catalog, session.target, by_role=by_role, availability=availability)
                )

        await reach.visit(caller, visit)
        for scope, record in reach.ledger.scopes.items():
            if record.skipped:
                report.skipped[scope] = "; ".join(problem.message for problem in record.problems.values())
    return report
