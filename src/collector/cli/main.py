"""The command line: options → settings → run → exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from enum import IntEnum
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
import orjson
import uvloop

from collector import log
from collector.catalog.catalog import Catalog, UnknownServiceError, declarations, scope_of
from collector.cli import console
from collector.config import ConfigurationError, Settings, load_settings
from collector.engine.run import Run, RunResult
from collector.faults import CallFailed
from collector.model import HOMES, __version__
from collector.report import Report
from collector.schema.declarations import Entity
from collector.sinks import outputs
from collector.sinks.base import DeliveryError, Sink
from collector.sinks.resend import resend
from collector.workers.pool import worker_processes

if TYPE_CHECKING:
    from collector.preflight.commands import Output

SIGNAL_BASE = 128

T = TypeVar("T")


class Exit(IntEnum):
    """What the exit code tells a script."""

    COMPLETE = 0
    BUG = 1
    USAGE = 2
    PARTIAL = 3
    NO_ACCOUNT = 4
    UNDELIVERED = 5


Command = Callable[..., None]


def option(name: str, text: str, **settings: Any) -> Callable[[Command], Command]:
    """An option that says nothing unless it is given: environment, file and defaults come behind it."""
    return click.option(name, default=None, help=text, **settings)


def options(*several: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options in their order."""
    return lambda command: reduce(lambda inner, each: each(inner), reversed(several), command)


DELIVERY = options(
    option(
        "--output",
        "`-` (standard output), a file (`.gz` and `.zst` compress), https://… (NDJSON upload), jupiterone+https://…; repeatable.",
        metavar="WHERE",
        multiple=True,
    ),
    option(
        "--spool", "Keep batches here until the endpoint has them; `upload` sends what a crash left.", metavar="DIR"
    ),
    option("--report", "Write the run report here, as JSON.", metavar="FILE"),
    option("--raw", "Add `_rawData`, secrets redacted.", is_flag=True),
    option("--log-level", "debug, info, warning or error.", metavar="LEVEL"),
    option("--log-format", "auto, console or json.", metavar="FORMAT"),
)
UPLOAD = options(
    option("--spool-size", "What all spools in a folder may take, as `500MB` or `10GB`.", metavar="SIZE"),
    option("--header", "`Name: value`, for uploads; repeatable.", metavar="HEADER", multiple=True),
    option("--upload-timeout", "Seconds for one request.", metavar="SECONDS"),
    option("--upload-attempts", "How often a batch is tried before it is kept on disk.", metavar="N"),
    option("--upload-concurrency", "Batches in flight.", metavar="N"),
    option("--upload-token-file", "A file with the bearer token; else COLLECTOR_UPLOAD_TOKEN.", metavar="FILE"),
    option("--upload-token-command", "A command that prints the bearer token.", metavar="COMMAND"),
    option("--client-cert", "A client certificate, PEM.", metavar="FILE"),
    option("--client-key", "Its private key, PEM, if it is not in the same file.", metavar="FILE"),
    option("--ca-bundle", "Certificates of the authorities to trust, PEM.", metavar="FILE"),
    option("--allow-insecure-upload", "Upload over plain http to other hosts than this one.", is_flag=True),
    option("--jupiterone-api-key-file", "A file with the API key; else JUPITERONE_API_KEY.", metavar="FILE"),
    option("--jupiterone-api-key-command", "A command that prints the API key.", metavar="COMMAND"),
    option("--jupiterone-account", "The JupiterOne account; else JUPITERONE_ACCOUNT.", metavar="ID"),
    option(
        "--jupiterone-instance", "The integration instance to synchronize; else each account is a scope.", metavar="ID"
    ),
    option("--wait", "Wait until JupiterOne has worked the upload in, and compare its counts.", is_flag=True),
)
SCOPE = options(
    option("--regions", "Regions, separated by commas; default: every enabled one.", metavar="A,B"),
    option("--services", "Exactly these services; `all` stands for the default set.", metavar="A,B"),
    option("--skip-services", "Leave these services out.", metavar="A,B"),
)
ACCOUNTS = options(
    option("--role-arn", "The role to assume, for a single account.", metavar="ARN"),
    option("--external-id", "The external id that the roles ask for.", metavar="ID"),
    option("--accounts", "These accounts, by way of --role-name in each.", metavar="A,B"),
    option("--org", "Every active account of the organization, by way of --role-name.", is_flag=True),
    option("--role-name", "The role's name, the same in every account.", metavar="NAME"),
    option("--skip-accounts", "Leave these accounts out.", metavar="A,B"),
    option("--via-role-arn", "A role to assume first; it then assumes the others.", metavar="ARN"),
    option("--via-external-id", "The external id of that role.", metavar="ID"),
    option(
        "--processes",
        "Worker processes; several accounts are spread over them, one is shared. Default: one for each core when there are several.",
        metavar="N",
    ),
    option("--accounts-at-once", "Accounts collected at the same time.", metavar="N"),
)
LABELS = options(
    option("--account-name", "The account's name.", metavar="NAME"),
    option("--tag-account-name", "Put `tag.AccountName` on every entity.", is_flag=True),
    option("--tag-production", "Put `tag.Production` on every entity.", is_flag=True),
)
PACE = options(
    option("--max-concurrency", "Requests in flight.", metavar="N"),
    option("--rate-share", "Share of the known AWS rates that the run may use, 0 to 1.", metavar="X"),
    option("--no-progress", "No progress line on a terminal.", is_flag=True),
    option("--config", "A TOML file with any of these options.", metavar="FILE", type=click.Path(path_type=Path)),
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="collector")
def cli() -> None:
    """Walk AWS accounts and stream the estate as a graph: NDJSON in JupiterOne's data model.

    Without a command, `collect` runs. Every option of `collect` is also a `COLLECTOR_…` variable and a key of the `--config` file.
    """


@cli.command()
@ACCOUNTS
@SCOPE
@DELIVERY
@UPLOAD
@LABELS
@PACE
def collect(config: Path | None, *, no_progress: bool | None, **given: Any) -> None:
    """The main job: AWS to NDJSON."""
    if no_progress:
        given["progress"] = False
    _finish(_run(load_settings(_told(given), config)))


@cli.command()
@SCOPE
@DELIVERY
@UPLOAD
def demo(**given: Any) -> None:
    """The main job against an embedded sample estate. Needs no AWS account."""
    from collector.demo.process import MissingExtraError, sample_estate  # noqa: PLC0415  (moto is an extra)
    from collector.demo.tally import Tally  # noqa: PLC0415

    chosen, catalog = load_settings(_told(given)), Catalog.all()
    if not chosen.services:  # here also those that are outside the default set
        chosen = chosen.model_copy(update={"services": tuple(service.name for service in catalog.services)})
    tally = Tally(outputs.sink(chosen, _types(chosen)))
    try:
        with sample_estate():
            outcome = _run(chosen, sink=tally, unlimited=True)
    except MissingExtraError as error:
        raise ConfigurationError(str(error)) from error
    if not outcome.closed:
        console.message(f"JupiterOne's published data model for AWS: {tally.seen.told(catalog)} in this estate")
    _finish(outcome)


@cli.command()
@click.argument("place", metavar="SPOOL_DIR", type=click.Path(path_type=Path))
@option("--output", "Send it here instead of where it was meant for.", metavar="URL", multiple=True)
@UPLOAD
@option("--log-level", "debug, info, warning or error.", metavar="LEVEL")
@option("--log-format", "auto, console or json.", metavar="FORMAT")
@option("--config", "A TOML file with any of these options.", metavar="FILE", type=click.Path(path_type=Path))
def upload(place: Path, config: Path | None, **given: Any) -> None:
    """Send what earlier runs left in a spool, under the same keys."""
    chosen = load_settings(_told(given), config)
    log.set_up(chosen.log_level, chosen.log_format)
    resent = _loop(resend(chosen, _types(chosen), place))
    if resent.problems:
        _complain("\ncollector: ".join(resent.problems), Exit.UNDELIVERED)
    console.message(f"{resent.batches} batches sent" if resent.batches else f"nothing is left to send in {place}")
    if resent.lost:
        _complain(f"{resent.lost} records were lost with torn files", Exit.PARTIAL)


@cli.command()
@click.option("--format", "layout", type=click.Choice(["markdown", "json"]), default="markdown", show_default=True)
def schema(layout: str) -> None:
    """The data model, read from the declarations."""
    from collector.catalog import document  # noqa: PLC0415  (needs botocore's models, which other commands load in their own time)

    catalog = Catalog.all()
    sys.stdout.write(document.data_model(catalog) if layout == "markdown" else document.as_json(catalog))


LAYOUT = click.option("--format", "layout", type=click.Choice(["text", "json"]), default="text", show_default=True)


@cli.command()
@ACCOUNTS
@SCOPE
@PACE
@LAYOUT
def plan(layout: str, config: Path | None, **given: Any) -> None:
    """What `collect` would do: accounts, regions, services, the least number of calls. Calls no resource API."""
    from collector.preflight import commands as before  # noqa: PLC0415  (needs botocore's models, which other commands load in their own time)

    chosen, catalog = _prepared(given, config)
    _say(_reached(before.plan(chosen, catalog, layout)))


@cli.command()
@ACCOUNTS
@SCOPE
@PACE
@click.option("--partition", type=click.Choice(sorted(HOMES)), default="aws", show_default=True)
@click.option("--format", "layout", type=click.Choice(["json", "cloudformation"]), default="json", show_default=True)
@option(
    "--diff", "Compare with a policy file, or with what the `role` (or user) itself is granted.", metavar="FILE|role"
)
@click.option("--caller", help="The policy of whoever assumes the roles, instead of the roles'.", is_flag=True)
def policy(partition: str, layout: str, diff: str | None, config: Path | None, *, caller: bool, **given: Any) -> None:
    """The least IAM policy that the services need: a list of documents, or a role in a CloudFormation template."""
    from collector.preflight import commands as before  # noqa: PLC0415  (as above)

    chosen, catalog = _prepared(given, config)
    if diff:
        _say(_reached(before.difference(chosen, catalog, diff, partition)))
    _say(before.of_the_caller(chosen, partition) if caller else before.least(chosen, catalog, layout, partition))


@cli.command()
@ACCOUNTS
@SCOPE
@DELIVERY
@UPLOAD
@PACE
@LAYOUT
def doctor(layout: str, config: Path | None, **given: Any) -> None:
    """Check credentials, roles, regions, permissions and outputs before a run."""
    from collector.preflight import commands as before  # noqa: PLC0415  (as above)

    chosen, catalog = _prepared(given, config)
    _say(_reached(before.doctor(chosen, catalog, layout)))


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] not in {*cli.commands, "--help", "-h", "--version"}:
        words = ["collect", *words]
    try:
        cli.main(words, prog_name="collector", standalone_mode=False)
    except click.ClickException as error:
        _complain(error.format_message().split("\n")[0], Exit.USAGE)
    except (ConfigurationError, UnknownServiceError) as error:
        _complain(str(error), Exit.USAGE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(SIGNAL_BASE + signal.SIGINT)
    sys.exit(Exit.COMPLETE)


def _run(chosen: Settings, *, sink: Sink | None = None, unlimited: bool = False) -> RunResult:
    log.set_up(chosen.log_level, chosen.log_format)
    _check_rates(chosen)
    catalog = Catalog.all().choose(chosen.services, chosen.skip_services)
    processes = worker_processes(chosen, unlimited=unlimited)
    run = Run(chosen, catalog, sink or outputs.sink(chosen, _types(chosen)), processes=processes, unlimited=unlimited)
    if chosen.report:
        _check(chosen.report)
    try:
        with console.progress(run.ledger, wanted=chosen.progress):
            outcome = _loop(run())
    except CallFailed as failure:
        if chosen.report:
            _write(chosen.report, run.failed(failure))
        _complain(f"nothing could be collected: {failure}", Exit.NO_ACCOUNT)
    except DeliveryError as error:
        _complain(str(error), Exit.USAGE)
    if not outcome.closed:
        console.show(outcome.report)
    if chosen.report:
        _write(chosen.report, outcome.report)
    if outcome.undelivered:
        _complain(outcome.undelivered, Exit.UNDELIVERED)
    return outcome


def _check(report: Path) -> None:
    """A report that cannot be written is told before the run, not after it."""
    if not report.parent.is_dir():
        raise ConfigurationError(f"cannot write the report: {report.parent} is not a directory")
    if report.is_dir():
        raise ConfigurationError(f"cannot write the report: {report} is a directory")
    if not os.access(report if report.exists() else report.parent, os.W_OK):
        raise ConfigurationError(f"cannot write the report: {report} is not writable")


def _write(path: Path, report: Report) -> None:
    try:
        path.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    except OSError as error:
        _complain(f"cannot write the report: {error.strerror or error}", Exit.UNDELIVERED)


def _types(chosen: Settings) -> outputs.Types:
    """All types, for endpoints that delete what a run did not show; where regions were chosen, regional ones prove nothing."""
    catalog = Catalog.all()
    regional = [
        declaration.type
        for service in catalog.services
        for declaration in declarations(service)
        if isinstance(declaration, Entity) and scope_of(service, declaration) == "regional"
    ]
    unseen = catalog.affected_types(regional) if chosen.regions else frozenset[str]()
    return outputs.Types(catalog.affected_types(catalog.types), unseen)


def _prepared(given: dict[str, Any], config: Path | None) -> tuple[Settings, Catalog]:
    """For the commands that come before a run, which have no progress to show."""
    given.pop("no_progress", None)
    chosen = load_settings(_told(given), config)
    log.set_up(chosen.log_level, chosen.log_format)
    _check_rates(chosen)
    return chosen, Catalog.all().choose(chosen.services, chosen.skip_services)


def _check_rates(chosen: Settings) -> None:
    if chosen.rates:
        from collector.preflight.commands import check_rates  # noqa: PLC0415  (needs botocore's models, seldom)

        check_rates(chosen)


def _reached(work: Coroutine[Any, Any, T]) -> T:
    try:
        return _loop(work)
    except CallFailed as failure:
        _complain(str(failure), Exit.NO_ACCOUNT)


def _say(said: Output) -> NoReturn:
    sys.stdout.write(said.text)
    sys.exit(said.code)


def _loop(work: Coroutine[Any, Any, T]) -> T:
    """With uvloop, which holds a fifth of asyncio's memory for each TLS connection."""
    return uvloop.run(work) if sys.platform != "win32" else asyncio.run(work)


def _finish(outcome: RunResult) -> NoReturn:
    if outcome.stopped_by is not None:
        sys.exit(SIGNAL_BASE + outcome.stopped_by)
    if outcome.closed:
        sys.exit(SIGNAL_BASE + signal.SIGPIPE)
    if outcome.bug:
        sys.exit(Exit.BUG)
    sys.exit({"complete": Exit.COMPLETE, "partial": Exit.PARTIAL, "failed": Exit.NO_ACCOUNT}[outcome.report["status"]])


def _complain(message: str, code: int) -> NoReturn:
    sys.stderr.write(f"collector: {message}\n")
    sys.exit(code)


def _told(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None and value != ()}
