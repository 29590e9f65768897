"""The command line. Each command imports what it needs when it runs, so that help is immediate."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import rich_click as click

from collector.cli.exits import fail
from collector.cli.options import given, settings_options
from collector.config import ConfigurationError, Group, Settings, load_settings, unknown_variables
from collector.model import HOMES, __version__
from collector.report import SIGNAL_BASE, Exit

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
FORMAT = click.option("--format", "layout", type=click.Choice(["text", "json"]), default="text", show_default=True)
BEFORE_A_RUN = (Group.ACCOUNTS, Group.SCOPE, Group.RATE, Group.GENERAL)


def _examples(*commands: str) -> str:
    """An epilog with one command on each line."""
    return "\n\n".join(("Examples:", *(f"$ {command}" for command in commands)))


@click.group(
    context_settings=CONTEXT,
    epilog=_examples(
        "collector > estate.ndjson",
        "collector --org --role-name audit --output estate.ndjson.zst --report report.json",
        "collector plan --regions eu-west-1",
        "collector COMMAND --help",
    ),
)
@click.version_option(__version__, prog_name="collector")
def cli() -> None:
    """Collect AWS accounts as a graph: NDJSON in JupiterOne's data model.

    Without a command, `collect` runs. Every option is also a `COLLECTOR_…` variable and a key of the file that `--config` names.
    """


@cli.command(
    epilog=_examples(
        "collector > estate.ndjson",
        "collector --regions eu-west-1 --services ec2,s3,iam --output estate.ndjson.zst",
        "collector --accounts 111122223333,444455556666 --role-name audit > estate.ndjson",
    )
)
@settings_options(*Group)
def collect(**arguments: Any) -> None:
    """Collect AWS accounts and write or deliver the graph."""
    settings = _settings(arguments)
    from collector.cli import run_command

    run_command.collect(settings)


@cli.command(
    epilog=_examples(
        "collector demo | jq -r 'select(._type == \"aws_s3_bucket\") | .name'",
        "collector demo --services iam --report report.json > estate.ndjson",
    )
)
@settings_options(Group.SCOPE, Group.OUTPUT, Group.UPLOAD, Group.JUPITERONE, Group.GENERAL)
def demo(**arguments: Any) -> None:
    """Collect an embedded sample estate. Needs no AWS account."""
    settings = _settings(arguments)
    from collector.cli import demo_command

    demo_command.demo(settings)


@cli.command(
    epilog=_examples(
        "collector upload /var/spool/collector",
        "collector upload /var/spool/collector --output https://other.example.com/aws",
    )
)
@click.argument("spool_dir", metavar="SPOOL_DIR", type=click.Path(path_type=Path))
@click.option("--output", help="Send it here instead of to its original destination.", metavar="URL", multiple=True)
@settings_options(Group.UPLOAD, Group.JUPITERONE, Group.GENERAL, leave_out=("spool", "spool_size"))
def upload(spool_dir: Path, **arguments: Any) -> None:
    """Send the batches that earlier runs left in a spool, under their original keys."""
    settings = _settings(arguments)
    from collector.cli import run_command

    run_command.upload(settings, spool_dir)


@cli.command()
@click.option("--format", "layout", type=click.Choice(["markdown", "json"]), default="markdown", show_default=True)
def schema(layout: str) -> None:
    """Print the data model: types, relationships, properties."""
    from collector.catalog import document
    from collector.catalog.catalog import Catalog

    catalog = Catalog.all()
    sys.stdout.write(document.data_model(catalog) if layout == "markdown" else document.as_json(catalog))


@cli.command(
    epilog=_examples(
        "collector plan",
        "collector plan --org --role-name audit --format json",
    )
)
@settings_options(*BEFORE_A_RUN)
@FORMAT
def plan(layout: str, **arguments: Any) -> None:
    """Show what `collect` would do: accounts, regions, services, the least number of calls. Calls no resource API."""
    settings = _settings(arguments)
    from collector.cli import preflight_command

    preflight_command.plan(settings, layout)


@cli.command(
    epilog=_examples(
        "collector policy --services ec2,s3",
        "collector policy --format cloudformation --external-id 8fd2 > role.json",
        "collector policy --diff role --role-arn arn:aws:iam::111122223333:role/audit",
    )
)
@settings_options(*BEFORE_A_RUN)
@click.option("--partition", type=click.Choice(sorted(HOMES)), default="aws", show_default=True)
@click.option("--format", "layout", type=click.Choice(["json", "cloudformation"]), default="json", show_default=True)
@click.option(
    "--diff",
    help="Compare with a policy file, or with what the `role` (or user) itself is granted.",
    metavar="FILE|role",
)
@click.option("--caller", help="The policy of the caller that assumes the roles, instead of the roles'.", is_flag=True)
def policy(partition: str, layout: str, diff: str | None, *, caller: bool, **arguments: Any) -> None:
    """Print the least IAM policy that the services need: a list of documents, or a role in a CloudFormation template."""
    settings = _settings(arguments)
    from collector.cli import preflight_command

    preflight_command.policy(settings, layout, partition, diff, caller=caller)


@cli.command(
    epilog=_examples(
        "collector doctor --role-arn arn:aws:iam::111122223333:role/audit",
        "collector doctor --org --role-name audit --output https://ingest.example.com/aws",
    )
)
@settings_options(*Group)
@FORMAT
def doctor(layout: str, **arguments: Any) -> None:
    """Check credentials, roles, regions, permissions and outputs before a run."""
    settings = _settings(arguments)
    from collector.cli import preflight_command

    preflight_command.doctor(settings, layout)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        cli.main(_with_command(words), prog_name="collector", standalone_mode=False)
    except click.ClickException as error:
        fail(" ".join(error.format_message().split()), Exit.USAGE)
    except ConfigurationError as error:
        fail(str(error), Exit.USAGE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(SIGNAL_BASE + signal.SIGINT)
    sys.exit(Exit.COMPLETE)


def _with_command(words: list[str]) -> list[str]:
    """The words, with `collect` where no command is named. Raises `ConfigurationError` if the command is unknown."""
    if not words or (words[0].startswith("-") and words[0] not in ("--help", "-h", "--version")):
        return ["collect", *words]
    if not words[0].startswith("-") and words[0] not in cli.commands:
        near = get_close_matches(words[0], cli.commands, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"commands are: {', '.join(cli.commands)}"
        raise ConfigurationError(f"unknown command {words[0]!r}; {hint}")
    return words


def _settings(arguments: dict[str, Any]) -> Settings:
    """Read the settings, set up logging, and warn of variables that no setting reads."""
    settings = load_settings(given(arguments))
    import structlog

    from collector import log

    log.set_up(settings.effective_log_level, settings.log_format)
    for name, near in unknown_variables().items():
        hint = {"did_you_mean": near} if near else {}
        structlog.get_logger().warning("unknown environment variable", variable=name, **hint)
    return settings
