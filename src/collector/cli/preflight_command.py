"""`plan`, `policy` and `doctor`: print what preflight finds, and leave with its exit code."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

from collector.aws.remedies import explain
from collector.catalog.catalog import Catalog
from collector.cli.event_loop import run_async
from collector.cli.exits import fail
from collector.config import Settings
from collector.faults import CallFailed
from collector.preflight import commands
from collector.preflight.commands import Output
from collector.preflight.rates import check_rates
from collector.report import Exit


def plan(settings: Settings, layout: str) -> NoReturn:
    """Print what a run would do, as `text` or `json`."""
    _leave(_awaited(commands.plan(settings, _catalog(settings), layout)))


def doctor(settings: Settings, layout: str) -> NoReturn:
    """Print what is wrong before a run, as `text` or `json`."""
    _leave(_awaited(commands.doctor(settings, _catalog(settings), layout)))


def policy(settings: Settings, layout: str, partition: str, against: str | None, *, caller: bool) -> NoReturn:
    """Print the least policy, as `json` or `cloudformation`; or the caller's; or the difference to another policy."""
    catalog = _catalog(settings)
    if against:
        _leave(_awaited(commands.diff_policy(settings, catalog, against, partition)))
    if caller:
        _leave(commands.caller_policy(settings, partition))
    _leave(commands.minimal_policy(settings, catalog, layout, partition))


def _catalog(settings: Settings) -> Catalog:
    check_rates(settings)
    return Catalog.all().choose(settings.services, settings.skip_services)


def _awaited(work: Coroutine[Any, Any, Output]) -> Output:
    try:
        return run_async(work)
    except CallFailed as failure:
        fail(f"nothing can be reached: {explain(failure)}", Exit.NO_ACCOUNT)


def _leave(output: Output) -> NoReturn:
    sys.stdout.write(output.text)
    if output.error:
        fail(output.error, output.code)
    sys.exit(output.code)
