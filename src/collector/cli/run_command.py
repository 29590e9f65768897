"""`collect` and `upload`: run, show, report, exit."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from signal import SIGPIPE
from typing import NoReturn

import orjson

from collector.aws.remedies import explain
from collector.catalog.catalog import Catalog
from collector.cli import console
from collector.cli.event_loop import run_async
from collector.cli.exits import fail
from collector.cli.progress import show_progress
from collector.config import ConfigurationError, Settings
from collector.engine.run import Run, RunResult
from collector.faults import CallFailed
from collector.preflight.rates import check_rates
from collector.report import SIGNAL_BASE, Exit, Report
from collector.sinks import outputs
from collector.sinks.base import Delivery, DeliveryError, OutputSink
from collector.sinks.files import replace_file, unwritable
from collector.sinks.resend import resend
from collector.workers.pool import worker_processes


def collect(settings: Settings) -> NoReturn:
    """Collect, deliver, report, and leave with the exit code.

    Raises:
        ConfigurationError: if something was asked for that does not exist.
    """
    finish(run_into(outputs.sink(settings), settings))


def upload(settings: Settings, spool: Path) -> None:
    """Send what earlier runs left in a spool.

    Raises:
        ConfigurationError: if there is no such folder, or a setting is not valid.
    """
    resent = run_async(resend(settings, spool))
    if resent.batches:
        console.message(settings, f"{resent.batches} batches sent")
    elif not resent.problems:
        console.message(settings, f"nothing is left to send in {spool}")
    if resent.problems:
        fail("\ncollector: ".join(resent.problems), Exit.UNDELIVERED)
    if resent.lost:
        fail(f"{resent.lost} records were lost with torn files", Exit.PARTIAL)


def finish(result: RunResult) -> NoReturn:
    """Leave with the exit code of a run."""
    if result.stopped_by is not None:
        sys.exit(SIGNAL_BASE + result.stopped_by)
    if result.closed:
        sys.exit(SIGNAL_BASE + SIGPIPE)
    if result.bug:
        sys.exit(Exit.BUG)
    sys.exit({"complete": Exit.COMPLETE, "partial": Exit.PARTIAL, "failed": Exit.NO_ACCOUNT}[result.report["status"]])


def run_into(sink: OutputSink, settings: Settings, *, unlimited: bool = False) -> RunResult:
    """Collect into a sink, show the result and write the report. Leaves with an exit code if there is no result, or it was not delivered.

    Raises:
        ConfigurationError: if something was asked for that does not exist.
    """
    check_rates(settings)
    catalog = Catalog.all().choose(settings.services, settings.skip_services)
    processes = worker_processes(settings, unlimited=unlimited)
    run = Run(settings, catalog, sink, processes=processes, unlimited=unlimited)
    if settings.report and (fault := unwritable(str(settings.report))):  # told before the run, not after it
        raise ConfigurationError(f"cannot write the report: {fault}")
    try:
        with show_progress(run.progress, enabled=settings.progress and not settings.quiet):
            result = run_async(run())
    except CallFailed as failure:
        if settings.report:
            _write(settings.report, run.failed(failure))
        fail(f"nothing could be collected: {explain(failure)}", Exit.NO_ACCOUNT)
    except DeliveryError as error:
        fail(str(error), Exit.USAGE)
    if not result.closed:
        _show(settings, result.report, run.ledger.account_names, sink.deliveries())
    if settings.report:
        _write(settings.report, result.report)
    if result.undelivered:
        fail(result.undelivered, Exit.UNDELIVERED)
    return result


def _show(settings: Settings, report: Report, account_names: Mapping[str, str], deliveries: Iterable[Delivery]) -> None:
    if settings.log_format == "json":
        console.log_summary(report, deliveries)
    elif not settings.quiet:
        console.show(report, account_names, deliveries, services=settings.verbose > 0)


def _write(path: Path, report: Report) -> None:
    try:
        replace_file(path, orjson.dumps(report, option=orjson.OPT_INDENT_2))
    except DeliveryError as error:
        fail(str(error), Exit.UNDELIVERED)
    except OSError as error:
        fail(f"cannot write the report: {error.strerror or error}", Exit.UNDELIVERED)
