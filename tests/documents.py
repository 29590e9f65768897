"""Generated documents. `python -m tests.documents` rewrites all of them; `test_documents.py` fails if one is outdated.

A generated part of a file is between `<!-- begin NAME -->` and `<!-- end NAME -->`.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from moto.iam.aws_managed_policies import aws_managed_policies_data

from collector.catalog.catalog import Catalog, declarations, operations
from collector.catalog.document import data_model
from collector.catalog.published import published
from collector.cli.main import cli
from collector.cli.options import default_of, option_name
from collector.config import SETTINGS, Group, Option, env_name
from collector.preflight.policy import permissions_document, required_actions
from collector.report import Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parent.parent

CATALOG = Catalog.all()

EXIT_CODES = {
    Exit.COMPLETE: "complete: everything in the selection was collected",
    Exit.BUG: "a bug in the collector; the records collected before it are delivered",
    Exit.USAGE: "usage or configuration error, also in the AWS settings of this machine: one line on standard error says what to correct",
    Exit.PARTIAL: "partial: at least one scope is incomplete, and the report names it; everything else is delivered. `doctor`: there are findings."
    " `plan`: an account is refused. `policy --diff`: the policy does not suffice. `upload`: records were lost with damaged files",
    Exit.NO_ACCOUNT: "no account could be collected: no credentials, or access to every account was denied. `doctor`, `plan`, `policy --diff role`: nothing can be reached",
    Exit.UNDELIVERED: "delivery failed: an output or the report could not be written, or batches are left in the spool",
}

SIGNALS = {
    "130, 143": "stopped by SIGINT or SIGTERM: complete records are delivered, and the report is written",
    "141": "the reader of the output has closed it, as `head` does: the run ends silently, and the report is written",
}


def counts() -> str:
    """The numbers of services, entity types, relationships and operations."""
    model = published()
    calls = {
        call for service in CATALOG.services for each in declarations(service) for call in operations(service, each)
    }
    extra = len(CATALOG.types) - len(model.types)
    return (
        f"**{len(CATALOG.services)} AWS services, {len(CATALOG.types)} entity types**: all {len(model.types)} of JupiterOne's data model"
        f" for AWS and {extra} more, most of which are the services themselves;"
        f" all **{len(model.rows)} rows** of its relationships, and extensions. They are read by {len(calls)} operations of the AWS API.\n\n"
        f"Services: {', '.join(f'`{service.name}`' for service in CATALOG.services if service.default)}."
        f" Outside the default set: {', '.join(f'`{service.name}`' for service in CATALOG.services if not service.default)}."
    )


def permissions() -> str:
    """The actions that AWS's managed policy for auditors lacks."""
    policy = orjson.loads(aws_managed_policies_data)["SecurityAudit"]
    statements = [each for each in policy["Document"]["Statement"] if each["Effect"] == "Allow"]
    allowed = [pattern.lower() for each in statements for pattern in each["Action"]]
    required = required_actions(CATALOG).types
    missing = sorted(each for each in required if not any(fnmatchcase(each.lower(), pattern) for pattern in allowed))
    return (
        f"AWS's managed policy `SecurityAudit` ({policy['DefaultVersionId']}, {policy['UpdateDate'][:10]}) allows"
        f" every required action except {', '.join(f'`{action}`' for action in missing)}. Without these actions, the report lists what is missing."
        " `account:ListRegions` is only called if `ec2:DescribeRegions` is denied."
        " [docs/permissions.json](docs/permissions.json) has the least-privilege policy, and for each action the operations and types that need it."
    )


def command_table() -> str:
    """The commands, each with the first line of its help text."""
    rows = [f"| `{name}` | {command.get_short_help_str(200)} |" for name, command in cli.commands.items()]
    return "\n".join(("| command | description |", "| --- | --- |", *rows))


def option_table() -> str:
    """The settings by group: option, environment variable, meaning, default."""
    lines = ["| option | variable | meaning | default |", "| --- | --- | --- | --- |"]
    for group in Group:
        lines.append(f"| **{group}** | | | |")
        lines += [_option_row(name, option) for name, option in SETTINGS.items() if option.group == group]
    return "\n".join(lines)


def _option_row(name: str, option: Option) -> str:
    shown = f"`{option_name(name)}`" if option.argument else ""
    default = default_of(name)
    return f"| {shown} | `{env_name(name)}` | {option.help} | {f'`{default}`' if default else ''} |"


def exit_table() -> str:
    """The exit codes."""
    lines = ["| code | description |", "| --- | --- |", *(f"| {int(code)} | {EXIT_CODES[code]} |" for code in Exit)]
    lines += [f"| {codes} | {description} |" for codes, description in SIGNALS.items()]
    return "\n".join(lines)


PARTS: Mapping[tuple[str, str], Callable[[], str]] = {
    ("README.md", "counts"): counts,
    ("README.md", "permissions"): permissions,
    ("README.md", "commands"): command_table,
    ("README.md", "options"): option_table,
    ("README.md", "exit codes"): exit_table,
    ("docs/data-model.md", "data model"): lambda: data_model(CATALOG).rstrip(),
}
"""Generated parts: the text, by file and name of the part."""

FILES: Mapping[str, Callable[[], str]] = {"docs/permissions.json": lambda: permissions_document(CATALOG.choose())}
"""Files that are generated as a whole."""


def current() -> dict[str, str]:
    """The current text of each generated document, by path."""
    texts = {path: text() for path, text in FILES.items()}
    for (path, name), text in PARTS.items():
        document = texts.get(path) or (ROOT / path).read_text(encoding="utf-8")
        texts[path] = _replaced(document, name, text())
    return texts


def _replaced(document: str, name: str, text: str) -> str:
    """The document with `text` between the marks of a part. Raises `ValueError` if these marks are not there exactly once."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    replaced, times = re.subn(f"{begin}.*?{end}", lambda _: f"{begin}\n{text}\n{end}", document, flags=re.DOTALL)
    if times != 1:
        raise ValueError(f"{times} places for {name!r}")
    return replaced


def write() -> None:
    """Rewrite every generated document."""
    for path, text in current().items():
        (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
