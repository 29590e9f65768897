"""Generated documents. `python -m tests.documents` writes all of them anew; `test_documents.py` holds them current.

A generated part stands in its file between `<!-- begin NAME -->` and `<!-- end NAME -->`.
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
from collector.cli.main import Exit, cli
from collector.config import Settings
from collector.preflight.policy import document as permission_document
from collector.preflight.policy import needs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import click

ROOT = Path(__file__).parent.parent

CATALOG = Catalog.all()

MEANINGS = {
    Exit.COMPLETE: "complete: everything that was asked for was seen",
    Exit.BUG: "a bug in the collector; what was collected is delivered",
    Exit.USAGE: "usage or configuration: one line on standard error says what",
    Exit.PARTIAL: "partial: some scope is incomplete, the rest is delivered; the report names it",
    Exit.NO_ACCOUNT: "nothing could be collected: no credentials, or every account refused",
    Exit.UNDELIVERED: "delivery failed",
}


def counts() -> str:
    """What is collected, in numbers."""
    model = published()
    calls = _calls()
    extra = len(CATALOG.types) - len(model.types)
    return (
        f"**{len(CATALOG.services)} AWS services, {len(CATALOG.types)} entity types**: all {len(model.types)} of JupiterOne's data model"
        f" for AWS and {extra} more (the services themselves above all),"
        f" all **{len(model.rows)} rows** of its relationships, and extensions. They are read with {len(calls)} operations of AWS's API.\n\n"
        f"Services: {', '.join(f'`{service.name}`' for service in CATALOG.services if service.default)}."
        f" Outside the default set: {', '.join(f'`{service.name}`' for service in CATALOG.services if not service.default)}."
    )


def permissions() -> str:
    """What AWS's own policy for auditors lacks."""
    policy = orjson.loads(aws_managed_policies_data)["SecurityAudit"]
    statements = [each for each in policy["Document"]["Statement"] if each["Effect"] == "Allow"]
    granted = [pattern.lower() for each in statements for pattern in each["Action"]]
    needed = needs(CATALOG).types
    missing = sorted(each for each in needed if not any(fnmatchcase(each.lower(), pattern) for pattern in granted))
    return (
        f"AWS's managed policy `SecurityAudit` ({policy['DefaultVersionId']}, {policy['UpdateDate'][:10]}) allows everything that is"
        f" called but {', '.join(f'`{action}`' for action in missing)}. Without these the report names what is missing;"
        " `account:ListRegions` is asked only where `ec2:DescribeRegions` is refused."
        " [docs/permissions.json](docs/permissions.json) has the least policy, and for each action the operations and types that need it."
    )


def _calls() -> set[tuple[str, str]]:
    return {
        call for service in CATALOG.services for each in declarations(service) for call in operations(service, each)
    }


def command_table() -> str:
    """The commands, each with the first line of its help."""
    lines = ["| command | does |", "| --- | --- |"]
    return "\n".join(
        (*lines, *(f"| `{name}` | {command.get_short_help_str(200)} |" for name, command in cli.commands.items()))
    )


def option_table() -> str:
    """The options of `collect`, from the command line's own declarations."""
    lines = ["| option | meaning | default |", "| --- | --- | --- |"]
    return "\n".join((*lines, *(_option_row(option) for option in cli.commands["collect"].params)))


def _option_row(option: click.Parameter) -> str:
    (name,) = option.opts
    shown = name if getattr(option, "is_flag", False) else f"{name} {option.metavar}"
    return f"| `{shown}` | {getattr(option, 'help', '')} | {_default(str(option.name))} |"


def _default(name: str) -> str:
    field = Settings.model_fields.get(name)
    value = None if field is None else field.default
    if isinstance(value, tuple):
        value = ",".join(value)
    return f"`{value}`" if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "" else ""


def exit_table() -> str:
    """The exit codes."""
    lines = ["| code | meaning |", "| --- | --- |"]
    lines += [f"| {int(code)} | {MEANINGS[code]} |" for code in Exit]
    return "\n".join(
        (*lines, "| 130, 143 | stopped by SIGINT or SIGTERM: what was complete is delivered, the report is written |")
    )


PARTS: Mapping[tuple[str, str], Callable[[], str]] = {
    ("README.md", "counts"): counts,
    ("README.md", "permissions"): permissions,
    ("README.md", "commands"): command_table,
    ("README.md", "options"): option_table,
    ("README.md", "exit codes"): exit_table,
    ("docs/data-model.md", "data model"): lambda: data_model(CATALOG).rstrip(),
}
"""What is generated between marks: the file, the part's name, and its text."""

WHOLE: Mapping[str, Callable[[], str]] = {"docs/permissions.json": lambda: permission_document(CATALOG.choose())}
"""Files that are generated from end to end."""


def current() -> dict[str, str]:
    """Each generated document's path, and the text that it should have."""
    texts = {path: text() for path, text in WHOLE.items()}
    for (path, name), text in PARTS.items():
        given = texts.get(path) or (ROOT / path).read_text(encoding="utf-8")
        texts[path] = _replaced(given, name, text())
    return texts


def _replaced(document: str, name: str, text: str) -> str:
    """The document with another text between the marks of a part. Raises `ValueError` when it has no such marks."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    replaced, times = re.subn(f"{begin}.*?{end}", lambda _: f"{begin}\n{text}\n{end}", document, flags=re.DOTALL)
    if times != 1:
        raise ValueError(f"{times} places for {name!r}")
    return replaced


def write() -> None:
    """Write every generated document anew."""
    for path, text in current().items():
        (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
