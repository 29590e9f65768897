"""The command line: options → settings → run → exit code."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import click
import orjson
import typer
import uvloop

from collector import __version__, console, log
from collector.catalog import Catalog, UnknownServiceError
from collector.config import ConfigurationError, Settings, settings
from collector.faults import Failed
from collector.run import Outcome, Run
from collector.sinks.base import DeliveryError
from collector.sinks.ndjson import NdjsonSink

COMMANDS = ("collect", "demo", "schema")
SIGNAL_BASE = 128
BROKEN_PIPE = 13


class Exit(IntEnum):
    """What the exit code tells a script."""

    COMPLETE = 0
    BUG = 1
    USAGE = 2
    PARTIAL = 3
    NOTHING = 4
    UNDELIVERED = 5


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=False, rich_markup_mode="markdown")

Text = str | None
Flag = bool | None

Regions = Annotated[Text, typer.Option(help="Regions, separated by commas; default: every enabled one.")]
Services = Annotated[Text, typer.Option(help="Exactly these services; `all` stands for the default set.")]
Skip = Annotated[Text, typer.Option(help="Leave these services out.")]
Output = Annotated[Text, typer.Option(help="`-` (standard output) or a file; `.gz` and `.zst` compress.")]
ReportFile = Annotated[Path | None, typer.Option("--report", help="Write the run report here, as JSON.")]
Raw = Annotated[Flag, typer.Option("--raw", help="Add `_rawData`, secrets redacted.")]
Name = Annotated[Text, typer.Option(help="The account's name.")]
TagName = Annotated[Flag, typer.Option("--tag-account-name", help="Put `tag.AccountName` on every entity.")]
TagProduction = Annotated[Flag, typer.Option("--tag-production", help="Put `tag.Production` on every entity.")]
Concurrency = Annotated[int | None, typer.Option(help="Requests in flight.")]
Share = Annotated[float | None, typer.Option(help="Share of the known AWS rates that the run may use, 0 to 1.")]
Level = Annotated[Text, typer.Option(help="debug, info, warning or error.")]
Layout = Annotated[Text, typer.Option(help="auto, console or json.")]
NoProgress = Annotated[Flag, typer.Option("--no-progress", help="No progress line on a terminal.")]
Config = Annotated[Path | None, typer.Option(help="A TOML file with any of these options.")]


@app.command()
def collect(  # noqa: PLR0913  (one parameter for each option)
    context: typer.Context, regions: Regions = None, services: Services = None, skip_services: Skip = None, output: Output = None,
    report: ReportFile = None, raw: Raw = None, account_name: Name = None, tag_account_name: TagName = None,
    tag_production: TagProduction = None, max_concurrency: Concurrency = None, rate_share: Share = None,
    log_level: Level = None, log_format: Layout = None, no_progress: NoProgress = None, config: Config = None,
) -> None:  # fmt: skip
    """Walk an AWS account and write its graph as NDJSON. This is what runs when no command is named."""
    given = _given(context)
    if given.pop("no_progress", None):
        given["progress"] = False
    given.pop("config", None)
    _finish(_run(settings(given, config)))


@app.command()
def demo(
    context: typer.Context, output: Output = None, report: ReportFile = None, raw: Raw = None, log_level: Level = None, log_format: Layout = None
) -> None:  # fmt: skip
    """Do the same against an embedded sample estate. Needs no AWS account."""
    from collector.demo.process import MissingExtraError, sample_estate  # noqa: PLC0415  (moto is an extra)

    chosen = settings(_given(context))
    try:
        with sample_estate():
            outcome = _run(chosen, unlimited=True)
    except MissingExtraError as error:
        _complain(str(error), Exit.USAGE)
    _finish(outcome)


@app.command()
def schema(format: Annotated[Literal["markdown", "json"], typer.Option(help="markdown or json.")] = "markdown") -> None:  # noqa: A002  (the option's name)
    """Print the data model, read from the declarations."""
    from collector import document  # noqa: PLC0415  (needs botocore's models, which other commands load in their own time)

    catalog = Catalog.all()
    printed = document.data_model(catalog) if format == "markdown" else document.as_json(catalog)
    sys.stdout.write(printed)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["--version"]:
        sys.stdout.write(f"collector {__version__}\n")
        sys.exit(Exit.COMPLETE)
    if not words or (words[0] not in COMMANDS and words[0] not in ("--help", "-h")):
        words = ["collect", *words]
    try:
        app(words, standalone_mode=False, prog_name="collector")
    except click.ClickException as error:
        _complain(error.format_message().split("\n")[0], Exit.USAGE)
    except (ConfigurationError, UnknownServiceError) as error:
        _complain(str(error), Exit.USAGE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(SIGNAL_BASE + 2)
    sys.exit(Exit.COMPLETE)


def _run(chosen: Settings, *, unlimited: bool = False) -> Outcome:
    log.set_up(chosen.log_level, chosen.log_format)
    catalog = Catalog.all().choose(chosen.services, chosen.skip_services)
    run = Run(chosen, catalog, NdjsonSink(chosen.output), unlimited=unlimited)
    if chosen.report and not chosen.report.parent.is_dir():
        raise ConfigurationError(f"cannot write the report: {chosen.report.parent} is not a directory")
    try:
        with console.progress(run.ledger, wanted=chosen.progress):
            outcome = _loop(run())
    except Failed as failure:
        _complain(f"nothing could be collected: {failure}", Exit.NOTHING)
    except DeliveryError as error:
        _complain(str(error), Exit.USAGE)
    if chosen.report:
        chosen.report.write_bytes(orjson.dumps(outcome.report, option=orjson.OPT_INDENT_2))
    if not outcome.closed:
        console.show(outcome.report)
    if outcome.undelivered:
        _complain(outcome.undelivered, Exit.UNDELIVERED)
    return outcome


def _loop(work: Coroutine[Any, Any, Outcome]) -> Outcome:
    """uvloop holds a fifth of asyncio's memory for each TLS connection."""
    return uvloop.run(work) if sys.platform != "win32" else asyncio.run(work)


def _finish(outcome: Outcome) -> NoReturn:
    if outcome.stopped_by is not None:
        sys.exit(SIGNAL_BASE + outcome.stopped_by)
    if outcome.closed:
        sys.exit(SIGNAL_BASE + BROKEN_PIPE)
    if outcome.bug:
        sys.exit(Exit.BUG)
    sys.exit({"complete": Exit.COMPLETE, "partial": Exit.PARTIAL, "failed": Exit.NOTHING}[outcome.report["status"]])


def _complain(message: str, code: int) -> NoReturn:
    sys.stderr.write(f"collector: {message}\n")
    sys.exit(code)


def _given(context: typer.Context) -> dict[str, Any]:
    return {name: value for name, value in context.params.items() if value is not None}
