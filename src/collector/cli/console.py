"""Human-readable output on standard error: the closing table of a run, and a progress line on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from collector.report import Ledger, Report, Status

MAX_PROBLEMS = 40
"""Problems that are printed below the table; the rest are counted."""

STYLES = {
    Status.FAILED: "red",
    Status.PARTIAL: "yellow",
    Status.SKIPPED: "dim",
    Status.COMPLETE: "green",
    Status.UNAVAILABLE: "dim",
}
"""The style of each status, the worst first."""


def show(report: Report) -> None:
    """Print a run report: a table with a row for each account and service, a line for each problem, the totals."""
    console = Console(stderr=True, emoji=False, highlight=False, soft_wrap=not sys.stderr.isatty())
    console.print(_services(report))
    problems = list(_problems(report))
    for line in problems[:MAX_PROBLEMS]:
        console.print(line, markup=False)
    if len(problems) > MAX_PROBLEMS:
        console.print(f"… and {len(problems) - MAX_PROBLEMS} more problems: see --report")
    counts = report["counts"]
    seconds = (report["endedOn"] - report["startedOn"]) / 1000
    console.print(
        f"{report['status']}: {counts['entities']:,} entities, {counts['relationships']:,} relationships,"
        f" {counts['mappedRelationships']:,} mapped, {counts['apiCalls']:,} calls ({counts['throttles']:,} throttled) in {seconds:.1f} s",
        style=STYLES[Status(report["status"])],
    )


def message(line: str) -> None:
    """Print a line below the table."""
    Console(stderr=True, emoji=False, highlight=False, soft_wrap=True).print(line, markup=False)


def _services(report: Report) -> Table:
    table = Table("account", "service", "status", box=None, pad_edge=False)
    for column in ("scopes", "entities", "calls", "slowest scope (s)"):
        table.add_column(column, justify="right")
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for scope in report["scopes"]:
        groups.setdefault((scope["account"], scope["service"]), []).append(scope)
    for (account, service), scopes in sorted(groups.items()):
        states = {scope["status"] for scope in scopes}
        status = next(state for state in STYLES if state in states)
        sums = (f"{sum(scope[column] for scope in scopes):,}" for column in ("entities", "calls"))
        slowest = max(scope["seconds"] for scope in scopes)
        table.add_row(account, service, f"[{STYLES[status]}]{status}[/]", str(len(scopes)), *sums, f"{slowest:.1f}")
    return table


def _problems(report: Report) -> Iterator[str]:
    for scope in report["scopes"]:
        for problem in scope["problems"]:
            subject = f"{scope['account']} {scope['region']} {problem['operation']}"
            count = f"{problem['count']} time{'' if problem['count'] == 1 else 's'}"
            yield f"{subject}: {problem['reason']} ({problem['code']}, {count}) {problem['message'][:160]}"


@contextmanager
def progress(ledger: Ledger, *, enabled: bool) -> Iterator[None]:
    """Show a line of running totals until the context exits, if `enabled` and standard error is a terminal."""
    console = Console(stderr=True)
    if not enabled or not console.is_terminal:
        yield
        return
    with Live(get_renderable=lambda: _totals(ledger), console=console, refresh_per_second=4, transient=True):
        yield


def _totals(ledger: Ledger) -> str:
    records = [record for record in ledger.scopes.values() if not record.unavailable]
    ended = sum(record.ended is not None for record in records)
    calls = sum(record.calls for record in records)
    throttles = sum(record.throttles for record in records)
    entities = sum(ledger.types.values())
    return f"{ended}/{len(records)} scopes done  {entities:,} entities  {calls:,} calls  {throttles:,} throttled"
