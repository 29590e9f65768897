"""What `collector plan` tells: the accounts, regions and services of a run, and its calls, before any of them is made."""

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
from collector.model import Scope
from collector.preflight.call_estimate import Asked, CallEstimate, CallKind, estimate_calls
from collector.preflight.doctor import of, told
from collector.preflight.reach import FIRM, Reach, reach

MINUTE = 60


@dataclass(slots=True)
class PlanReport:
    """A run as it is foreseen. `refused` and `skipped`: accounts and regions that it would not collect, and why."""

    settings: Settings
    rates: Rates
    forecasts: list[CallEstimate] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    skipped: dict[Scope, str] = field(default_factory=dict)

    @property
    def least(self) -> int:
        """Calls of all accounts that are made whatever is there."""
        return sum(each.least for each in self.forecasts)

    def seconds(self) -> tuple[float, str]:
        """The least time at the rates and the share of them, with so many accounts at once; and the slowest bucket."""
        times = [each.seconds(self.rates, self.settings.rate_share) for each in self.forecasts]
        longest, bucket = max(times, default=(0.0, ""))
        return max(longest, sum(time for time, _ in times) / self.settings.accounts_at_once), bucket

    def as_json(self) -> dict[str, Any]:
        """For scripts: every scope with its operations."""
        seconds, bucket = self.seconds()
        return {
            "accounts": [_account(each) for each in sorted(self.forecasts, key=lambda each: each.target.account)],
            "refused": self.refused,
            "skipped": [{**scope._asdict(), "why": why} for scope, why in sorted(self.skipped.items())],
            "leastCalls": self.least,
            "leastSeconds": round(seconds, 1),
            "slowestBucket": bucket,
            "rateShare": self.settings.rate_share,
        }

    def lines(self) -> Iterator[str]:
        """For people: a line for each account, a table of services over all of them, the totals."""
        for each in sorted(self.forecasts, key=lambda each: each.target.account):
            regions = each.target.regions
            yield f"account {each.target.account}: {of(len(regions), 'region')} ({', '.join(regions)}), at least {of(each.least, 'call')}"
        for account, why in sorted(self.refused.items()):
            yield f"account {account}: refused: {why}"
        for scope, why in sorted(self.skipped.items()):
            yield f"account {scope.account}: left out: {why}" + (
                "" if scope.region == "global" else f" ({scope.region})"
            )
        yield ""
        yield from _table(self.forecasts)
        yield ""
        yield from self._totals()

    def _totals(self) -> Iterator[str]:
        scopes = sum(len(each.scopes) for each in self.forecasts)
        once = sum(1 for each in self.forecasts for _ in each.of_kind(CallKind.ONCE))
        yield f"{of(len(self.forecasts), 'account')}, {of(scopes, 'scope')}: at least {of(self.least, 'call')},"
        yield f"up to {once:,} more, once in each scope that has anything, and those by row; further pages not counted"
        seconds, bucket = self.seconds()
        slowest = f" (slowest: {bucket})" if seconds else ""
        yield f"at {self.settings.rate_share:g} of the known rates these take at least {_time(seconds)}{slowest}"


def _time(seconds: float) -> str:
    return f"{seconds / MINUTE:.1f} minutes" if seconds >= MINUTE else f"{seconds:.1f} seconds"


def _table(forecasts: list[CallEstimate]) -> Iterator[str]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    scopes = Counter(scope.service for each in forecasts for scope in each.scopes)
    by_row: dict[str, set[str]] = defaultdict(set)
    for asked in (asked for each in forecasts for asked in each.asked):
        service = asked.scope.service
        counts[service][asked.kind] += 1
        if asked.kind is CallKind.ROWS:
            by_row[service].add(asked.name)
    yield f"{'service':<16} {'scopes':>7} {'least':>7} {'once':>7}  by row"
    for service, count in sorted(counts.items()):
        names = ", ".join(sorted(by_row[service])) or "-"
        yield f"{service:<16} {scopes[service]:>7,} {count[CallKind.SURE]:>7,} {count[CallKind.ONCE]:>7,}  {names}"


def _account(each: CallEstimate) -> dict[str, Any]:
    scopes: dict[Scope, list[Asked]] = {scope: [] for scope in each.scopes}
    for asked in each.asked:
        scopes[asked.scope].append(asked)
    return {
        "account": each.target.account,
        "partition": each.target.partition,
        "regions": list(each.target.regions),
        "leastCalls": each.least,
        "scopes": [_scope(scope, several) for scope, several in sorted(scopes.items())],
    }


def _scope(scope: Scope, several: list[Asked]) -> Mapping[str, Any]:
    named = {kind: Counter(asked.name for asked in several if asked.kind is kind) for kind in CallKind}
    return {
        "region": scope.region,
        "service": scope.service,
        "least": dict(sorted(named[CallKind.SURE].items())),
        "once": dict(sorted(named[CallKind.ONCE].items())),
        "byRow": sorted(named[CallKind.ROWS]),
    }


async def plan_report(settings: Settings, catalog: Catalog, rates: Rates, patience: RetryPolicy = FIRM) -> PlanReport:
    """Find out the accounts and their regions, and foresee the rest.

    Raises:
        Failed: when the credentials are refused, or the organization cannot be read.
        ConfigurationError: when a region was asked for that does not exist.
    """
    outlook = PlanReport(settings, rates)
    async with reach(settings, catalog, patience) as way:
        caller = await way.accounts.caller()
        await way.accounts.check_regions(caller)

        async def visit(member: Member, reached: AccountSession | CallFailed) -> None:
            if isinstance(reached, CallFailed):
                outlook.refused[member.account] = told(reached)
            else:
                outlook.forecasts.append(estimate_calls(catalog, reached.target, by_role=member.role is not None))

        await way.visit(caller, visit)
        outlook.skipped = dict(_skipped(way))
    return outlook


def _skipped(way: Reach) -> Iterator[tuple[Scope, str]]:
    for scope, record in way.ledger.scopes.items():
        if record.skipped:
            yield scope, "; ".join(problem.message for problem in record.problems.values())
