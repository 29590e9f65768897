"""IAM's credential report: what it says of each user, and of the account's root user."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from collector.schema.declarations import Calls, Computed, Custom, Row, Via
from collector.schema.paths import walker
from collector.schema.values import milliseconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

UNSAID = ("", "N/A", "no_information", "not_supported")
"""What the report writes where it has nothing to say (IAM documentation)."""

NOT_READY = ("ReportNotPresent", "ReportInProgress", "ReportExpired")

_FLAGS = {"true": True, "false": False}


async def credentials(calls: Calls) -> AsyncIterator[list[Row]]:
    """Have the report made and read it. AWS makes a new one only when the last is older than four hours."""
    await calls.once("generate_credential_report")
    answer = await calls.once("get_credential_report", again=NOT_READY)
    yield parsed(answer.get("Content") or b"")


def credential_report() -> Custom:
    """The report as rows that are found by `arn`, to be joined."""
    return Custom(credentials, ("generate_credential_report", "get_credential_report"), client="iam")


def parsed(content: bytes | str) -> list[Row]:
    """The report's rows without what it leaves unsaid; flags as flags."""
    text = content if isinstance(content, str) else content.decode()
    return [
        {name: _FLAGS.get(value, value) for name, value in line.items() if value not in UNSAID}
        for line in csv.DictReader(text.splitlines())
    ]


def mentioned(path: str, name: str) -> Via:
    """A flag or a text of the user's row; nothing without a row."""
    return Via(path, lambda rows: rows[0].get(name) if rows else None)


def time_of(path: str, *names: str) -> Via:
    """The latest of several times of the user's row, as milliseconds."""

    def latest(rows: list[Row]) -> int | None:
        times = [milliseconds(rows[0][name]) for name in names if rows and name in rows[0]]
        return max((time for time in times if time is not None), default=None)

    return Via(path, latest)


def any_of(path: str, *names: str) -> Via:
    """Whether one of several flags of the user's row is set; nothing without a row."""

    def is_any(rows: list[Row]) -> bool | None:
        return any(rows[0].get(name) is True for name in names) if rows else None

    return Via(path, is_any)


def may_be(path: str, name: str) -> Computed:
    """Whether a flag is set, or nothing is known of it: then it must be asked further."""
    walk = walker(path)

    def is_possible(row: Row) -> bool:
        rows = walk(row)
        return not rows or rows[0].get(name) is not False

    return Computed(is_possible, (path,))
