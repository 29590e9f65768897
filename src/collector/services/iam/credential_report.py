"""The IAM credential report: credentials of each user and of the root user."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator

from collector.schema.declarations import Calls, Computed, Custom, Row, Template, Via
from collector.schema.paths import walker
from collector.schema.values import computed, milliseconds

ROOT = Template("arn:{partition}:iam::{AccountId}:root")
"""The ARN of the root user, which is the key of the account too."""

NO_VALUE = ("", "N/A", "no_information", "not_supported")
"""Texts that the report contains in place of a missing value (source: IAM documentation)."""

NOT_READY = ("ReportNotPresent", "ReportInProgress", "ReportExpired")

NO_ACCESS_KEYS = {"access_key_1_active": False, "access_key_2_active": False}
"""All that the report says about the access keys of a user who has none."""

_FLAGS = {"true": True, "false": False}


async def report_rows(calls: Calls) -> AsyncIterator[list[Row]]:
    """Generate the report and read it. AWS reuses a report that is less than four hours old."""
    await calls.once("generate_credential_report")
    answer = await calls.once("get_credential_report", again=NOT_READY)
    yield parse_report(answer.get("Content") or b"")


def credential_report() -> Custom:
    """The report as rows to join by `arn`."""
    return Custom(report_rows, ("generate_credential_report", "get_credential_report"), client="iam")


def parse_report(content: bytes | str) -> list[Row]:
    """The rows of the report, without missing values and with `true` and `false` as booleans."""
    text = content if isinstance(content, str) else content.decode()
    return [
        {name: _FLAGS.get(value, value) for name, value in line.items() if value not in NO_VALUE}
        for line in csv.DictReader(text.splitlines())
    ]


def report_field(path: str, name: str) -> Via:
    """A field of the user's report row; None without a row."""
    return Via(path, lambda rows: rows[0].get(name) if rows else None)


def latest_time(path: str, *names: str) -> Via:
    """The latest time in these fields of the user's report row, in milliseconds since 1970; None if all are missing."""

    def latest(rows: list[Row]) -> int | None:
        times = [milliseconds(rows[0][name]) for name in names if rows and name in rows[0]]
        return max((time for time in times if time is not None), default=None)

    return Via(path, latest)


def any_flag(path: str, *names: str) -> Via:
    """Whether any of these flags is set in the user's report row; None without a row."""

    def is_any(rows: list[Row]) -> bool | None:
        return any(rows[0].get(name) is True for name in names) if rows else None

    return Via(path, is_any)


def may_have_access_keys(path: str) -> Computed:
    """Whether the user may have access keys: always, unless the report says of both that there is none.

    An inactive key has a date of its last rotation, a missing one has not (cloud-custodian, pull request 5551).
    """
    walk = walker(path)

    def is_possible(row: Row) -> bool:
        rows = walk(row)
        return not rows or _key_fields(rows[0]) != NO_ACCESS_KEYS

    return Computed(is_possible, (path,))


def _key_fields(line: Row) -> Row:
    return {name: value for name, value in line.items() if name.startswith("access_key_")}


@computed("CreateDate", "^.Report")
def last_use(row: Row) -> Row | None:
    """The fields of the report about the last use of an access key; None unless the report tells which of two it is.

    The report numbers the keys. A key is the one that was created when the report says.
    """
    lines = row["^"].get("Report")
    created = milliseconds(row.get("CreateDate"))
    if not lines or created is None:
        return None
    prefixes = [
        prefix
        for prefix in ("access_key_1_", "access_key_2_")
        if milliseconds(lines[0].get(f"{prefix}last_rotated")) == created
    ]
    if len(prefixes) != 1:
        return None
    return {name.removeprefix(prefixes[0]): value for name, value in lines[0].items() if name.startswith(prefixes[0])}


@computed(*last_use.reads)
def is_use_unknown(row: Row) -> bool:
    """Whether the report does not tell the last use of an access key."""
    return last_use.fn(row) is None


def last_used(name: str) -> Computed:
    """A field of the last use of an access key in the report, such as `last_used_region`."""
    return Computed(lambda row: (last_use.fn(row) or {}).get(name), last_use.reads)


@computed(*last_use.reads)
def last_used_on(row: Row) -> int | None:
    """When an access key was last used, as the report tells, in milliseconds since 1970."""
    return milliseconds((last_use.fn(row) or {}).get("last_used_date"))


def not_false(path: str, name: str) -> Computed:
    """Whether a flag of the user's report row is set or unknown, so that a further call may return something."""
    walk = walker(path)

    def is_possible(row: Row) -> bool:
        rows = walk(row)
        return not rows or rows[0].get(name) is not False

    return Computed(is_possible, (path,))
