"""Human-readable output on standard error: the closing table of a run, and what it delivered."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import structlog
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from collector.config import Settings
from collector.report import Report, Status
from collector.sinks.base import Delivery

log = structlog.get_logger()

MAX_PROBLEMS = 40
"""Problems that are printed below the table; the rest are counted."""

MAX_LISTED = 3
"""Accounts or regions of a problem that are named; more are counted."""

STYLES = {
    Status.FAILED: "red",
    Status.PARTIAL: "yellow",
    Status.SKIPPED: "dim",
    Status.COMPLETE: "green",
    Status.UNAVAILABLE: "dim",
}
"""The style of each status, the worst first."""


def show(report: Report, account_names: Mapping[str, str], deliveries: Iterable[Delivery], *, services: bool) -> None:
    """Print a run report: a table with the worst rows first, the problems, the totals, and a line for each output.

    The table has a row for each account of several, or with `services` for each service of each account. `account_names` are the
    names of accounts by their ids, as far as they are known.
    """
    console = Console(stderr=True, emoji=False, highlight=False, soft_wrap=not sys.stderr.isatty())
    names = {each: " ".join((each, *account_names.get(each, "").split())) for each in _accounts(report)}
    console.print(_table(report, names, services=services or len(names) == 1))
    problems = list(_problems(report, names))
    for line in problems[:MAX_PROBLEMS]:
        console.print(line, markup=False)
    if len(problems) > MAX_PROBLEMS:
        console.print(f"… and {len(problems) - MAX_PROBLEMS} more problems: see --report")
    counts = report["counts"]
    console.print(
        f"{report['status']}: {counts['entities']:,} entities, {counts['relationships']:,} relationships,"
        f" {counts['mappedRelationships']:,} mapped, {counts['apiCalls']:,} calls ({counts['throttles']:,} throttled)"
        f" in {_seconds(report):.1f} s",
        style=STYLES[Status(report["status"])],
    )
    for delivery in deliveries:
        console.print(_delivered(delivery), markup=False)


def log_summary(report: Report, deliveries: Iterable[Delivery]) -> None:
    """Log the status, counts and deliveries of a run as its last line, for programs that read the log."""
    seconds, delivered = round(_seconds(report), 1), [asdict(each) for each in deliveries]
    log.info("run ended", status=report["status"], seconds=seconds, **report["counts"], delivered=delivered)


def message(settings: Settings, line: str) -> None:
    """Print a line below the table, or log it where standard error is JSON; nothing if quiet."""
    if settings.quiet:
        return
    if settings.log_format == "json":
        log.info(line)
        return
    Console(stderr=True, emoji=False, highlight=False, soft_wrap=True).print(line, markup=False)


def _accounts(report: Report) -> set[str]:
    return {scope["account"] for scope in report["scopes"]}


def _table(report: Report, names: Mapping[str, str], *, services: bool) -> Table:
    table = Table("account", *(("service",) if services else ()), "status", box=None, pad_edge=False)
    for column in ("scopes", "entities", "calls", "slowest s"):
        table.add_column(column, justify="right")
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for scope in report["scopes"]:
        key = (names[scope["account"]], *((scope["service"],) if services else ()))
        groups.setdefault(key, []).append(scope)
    for key, scopes in sorted(groups.items(), key=lambda group: (_worst(group[1]), group[0])):
        status = list(STYLES)[_worst(scopes)]
        sums = (f"{sum(scope[column] for scope in scopes):,}" for column in ("entities", "calls"))
        slowest = max(scope["seconds"] for scope in scopes)
        table.add_row(*key, f"[{STYLES[status]}]{status}[/]", str(len(scopes)), *sums, f"{slowest:.1f}")
    return table


def _worst(scopes: Iterable[Mapping[str, Any]]) -> int:
    """The place in `STYLES` of the worst status."""
    order = list(STYLES)
    return min(order.index(scope["status"]) for scope in scopes)


def _problems(report: Report, names: Mapping[str, str]) -> Iterator[str]:
    """A line for each operation, reason and code, the ones that affect the most scopes first."""
    groups: dict[tuple[str, str, str], list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    for scope in report["scopes"]:
        for problem in scope["problems"]:
            groups.setdefault((problem["operation"], problem["reason"], problem["code"]), []).append((scope, problem))
    for (operation, reason, code), several in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        times = sum(problem["count"] for _, problem in several)
        accounts = _listed(dict.fromkeys(names[scope["account"]] for scope, _ in several), "accounts")
        regions = _listed(dict.fromkeys(scope["region"] for scope, _ in several), "regions")
        count = f"{times} time{'' if times == 1 else 's'}"
        yield f"{accounts} {regions} {operation}: {reason} ({code}, {count}) {several[0][1]['message'][:160]}"


def _listed(values: Collection[str], noun: str) -> str:
    """The values, or their number if there are more than three."""
    return ",".join(values) if len(values) <= MAX_LISTED else f"{len(values)} {noun}"


def _delivered(delivery: Delivery) -> str:
    batches, size = _batches(delivery.batches), decimal(delivery.size)
    kept = f"; kept {_batches(delivery.kept)} in {delivery.spool}" if delivery.kept else ""
    return f"delivered {delivery.records:,} records in {batches} ({size}) to {delivery.output}{kept}"


def _batches(number: int) -> str:
    return "1 batch" if number == 1 else f"{number:,} batches"


def _seconds(report: Report) -> float:
    return float(report["endedOn"] - report["startedOn"]) / 1000
