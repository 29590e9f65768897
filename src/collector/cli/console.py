"""What a person sees on standard error: the table at the end, and progress on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from collector.report import Ledger, Report, Status

ROWS = 40
"""Lines of the table before the complete scopes are summed up."""

STYLES = {Status.COMPLETE: "green", Status.PARTIAL: "yellow", Status.SKIPPED: "dim", Status.FAILED: "red"}


def show(report: Report) -> None:
    """The report as a short table: one line for each service, and one for each problem."""
    console = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())
    console.print(_services(report))
    problems = list(_problems(report))
    for line in problems[:ROWS]:
        console.print(line, markup=False)
    if len(problems) > ROWS:
        console.print(f"… and {len(problems) - ROWS} more problems: see --report")
    counts = report["counts"]
    seconds = (report["endedOn"] - report["startedOn"]) / 1000
    console.print(
        f"{report['status']}: {counts['entities']:,} entities, {counts['relationships']:,} relationships,"
        f" {counts['mappedRelationships']:,} mapped, {counts['apiCalls']:,} calls ({counts['throttles']:,} throttled) in {seconds:.1f} s",
        style=STYLES[Status(report["status"])],
    )


def message(line: str) -> None:
    """A line below the table."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(line, markup=False)


def _services(report: Report) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("account")
    table.add_column("service")
    table.add_column("status")
    for number in ("scopes", "entities", "calls", "seconds"):
        table.add_column(number, justify="right")
    for (account, service), scopes in sorted(_grouped(report["scopes"]).items()):
        states = {scope["status"] for scope in scopes}
        status = next(state for state in (Status.PARTIAL, Status.SKIPPED, Status.COMPLETE) if state in states)
        sums = [sum(scope[number] for scope in scopes) for number in ("entities", "calls")]
        slowest = max(scope["seconds"] for scope in scopes)
        cells = (str(len(scopes)), *(f"{each:,}" for each in sums), f"{slowest:.1f}")
        table.add_row(account, service, f"[{STYLES[status]}]{status}[/]", *cells)
    return table


def _grouped(scopes: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for scope in scopes:
        groups.setdefault((scope["account"], scope["service"]), []).append(scope)
    return groups


def _problems(report: Report) -> Iterator[str]:
    for scope in report["scopes"]:
        for problem in scope["problems"]:
            where = f"{scope['account']} {scope['region']} {problem['operation']}"
            yield f"{where}: {problem['reason']} ({problem['code']}, {problem['count']} times) {problem['message'][:160]}"


@contextmanager
def progress(ledger: Ledger, *, wanted: bool) -> Iterator[None]:
    """A line of totals that follows the run; only on a terminal, only if wanted."""
    console = Console(stderr=True)
    if not wanted or not console.is_terminal:
        yield
        return
    with Live(get_renderable=lambda: _now(ledger), console=console, refresh_per_second=4, transient=True):
        yield


def _now(ledger: Ledger) -> str:
    records = list(ledger.scopes.values())
    done = sum(record.ended is not None for record in records)
    calls = sum(record.calls for record in records)
    throttles = sum(record.throttles for record in records)
    entities = sum(ledger.types.values())
    return f"{done}/{len(records)} scopes  {entities:,} entities  {calls:,} calls  {throttles:,} throttled"
