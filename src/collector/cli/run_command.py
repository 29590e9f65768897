"""`collect`, `demo` and `upload`: run, show, report, exit."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from signal import SIGPIPE
from typing import NoReturn

import orjson

from collector.aws.remedies import explain
from collector.catalog.catalog import Catalog, declarations, scope_of
from collector.cli import console
from collector.cli.event_loop import run_async
from collector.cli.exits import fail
from collector.cli.progress import show_progress
from collector.config import ConfigurationError, Settings
from collector.demo.process import MissingExtraError, sample_estate
from collector.demo.tally import Tally
from collector.engine.run import Run, RunResult
from collector.faults import CallFailed
from collector.report import SIGNAL_BASE, Exit, Report
from collector.schema.declarations import Entity
from collector.sinks import outputs
from collector.sinks.base import Delivery, DeliveryError, OutputSink
from collector.sinks.files import is_stream, replace_file
from collector.sinks.resend import resend
from collector.workers.pool import worker_processes


def collect(settings: Settings) -> NoReturn:
    """Collect, deliver, report, and leave with the exit code.

    Raises:
        ConfigurationError: if something was asked for that does not exist.
    """
    finish(_run(settings, outputs.sink(settings, _types(settings))))


def demo(settings: Settings) -> NoReturn:
    """The same against the sample estate, including services outside the default set.

    Raises:
        ConfigurationError: if moto is not installed.
    """
    catalog = Catalog.all()
    if not settings.services:
        settings = settings.model_copy(update={"services": tuple(service.name for service in catalog.services)})
    tally = Tally(outputs.sink(settings, _types(settings)))
    try:
        with sample_estate():
            result = _run(settings, tally, unlimited=True)
    except MissingExtraError as error:
        raise ConfigurationError(str(error)) from error
    if not result.closed and settings.log_format != "json":  # there the summary is the last line
        console.message(
            settings, f"JupiterOne's published data model for AWS: {tally.seen.summary(catalog)} in this estate"
        )
    finish(result)


def upload(settings: Settings, spool: Path) -> None:
    """Send what earlier runs left in a spool.

    Raises:
        ConfigurationError: if there is no spool, or no address to send it to.
    """
    try:
        resent = run_async(resend(settings, _types(settings), spool))
    except DeliveryError as error:
        fail(str(error), Exit.UNDELIVERED)
    if resent.problems:
        fail("\ncollector: ".join(resent.problems), Exit.UNDELIVERED)
    console.message(
        settings, f"{resent.batches} batches sent" if resent.batches else f"nothing is left to send in {spool}"
    )
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


def _run(settings: Settings, sink: OutputSink, *, unlimited: bool = False) -> RunResult:
    _check_rates(settings)
    catalog = Catalog.all().choose(settings.services, settings.skip_services)
    processes = worker_processes(settings, unlimited=unlimited)
    run = Run(settings, catalog, sink, processes=processes, unlimited=unlimited)
    if settings.report:
        _check_writable(settings.report)
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


def _types(settings: Settings) -> outputs.TypeCoverage:
    """All types, for endpoints that delete what a run did not return; with `regions`, regional types may be incomplete."""
    catalog = Catalog.all()
    regional = [
        declaration.type
        for service in catalog.services
        for declaration in declarations(service)
        if isinstance(declaration, Entity) and scope_of(service, declaration) == "regional"
    ]
    unseen = catalog.affected_types(regional) if settings.regions else frozenset[str]()
    return outputs.TypeCoverage(catalog.affected_types(catalog.types), unseen)


def _check_rates(settings: Settings) -> None:
    if settings.rates:
        from collector.preflight.commands import check_rates  # noqa: PLC0415  (loads botocore's models, which few runs need)

        check_rates(settings)


def _check_writable(report: Path) -> None:
    """Refuse a report that cannot be written before the run, not after it."""
    if not report.parent.is_dir():
        raise ConfigurationError(f"cannot write the report: {report.parent} is not a directory")
    if report.is_dir():
        raise ConfigurationError(f"cannot write the report: {report} is a directory")
    if not os.access(report if is_stream(str(report)) else report.parent, os.W_OK):  # it is written beside, and renamed
        raise ConfigurationError(f"cannot write the report: {report} is not writable")


def _write(path: Path, report: Report) -> None:
    try:
        replace_file(path, orjson.dumps(report, option=orjson.OPT_INDENT_2))
    except DeliveryError as error:
        fail(str(error), Exit.UNDELIVERED)
    except OSError as error:
        fail(f"cannot write the report: {error.strerror or error}", Exit.UNDELIVERED)
