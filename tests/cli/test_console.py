from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from collector.cli import console
from collector.cli.console import STYLES
from collector.report import Report, Status
from collector.sinks.base import Delivery

WORST_FIRST = ["failed", "partial", "skipped", "complete", "unavailable"]


def _scope(account: str = "1", region: str = "us-east-1", service: str = "sqs", **values: Any) -> dict[str, Any]:
    base = {"status": "complete", "entities": 0, "calls": 0, "seconds": 0.0, "problems": []}
    return {"account": account, "region": region, "service": service, **base, **values}


def _problem(code: str, count: int = 1) -> dict[str, Any]:
    return {
        "operation": "sqs:ListQueues",
        "reason": "denied",
        "code": code,
        "message": "no",
        "count": count,
        "types": [],
    }


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Any:
    """The lines that a report of these scopes is shown as."""
    counts = dict.fromkeys(("entities", "relationships", "mappedRelationships", "apiCalls", "throttles"), 0)

    def show(
        *scopes: dict[str, Any],
        names: dict[str, str] | None = None,
        deliveries: tuple[Delivery, ...] = (),
        services: bool = False,
    ) -> list[str]:
        report = Report(scopes=list(scopes), counts=counts, status="partial", startedOn=0, endedOn=1000)
        console.show(report, names or {}, deliveries, services=services)
        return [line.rstrip() for line in capsys.readouterr().err.splitlines()]

    return show


def test_every_status_has_a_style():
    assert set(STYLES) == set(Status)


@pytest.mark.parametrize(("one", "other"), list(product(Status, repeat=2)))
def test_a_row_has_the_worst_status_of_its_scopes(shown, one, other):
    row = shown(_scope(status=one), _scope(status=other))[1]
    assert row.split()[:3] == ["1", "sqs", min(one, other, key=WORST_FIRST.index)]


def test_several_accounts_have_a_row_each_by_name_the_worst_first(shown):
    scopes = (_scope("1"), _scope("2", status="partial"), _scope("2", service="sns"))
    lines = shown(*scopes, names={"1": "acme main", "2": "acme test"})
    assert [line.split()[:4] for line in lines[1:3]] == [
        ["2", "acme", "test", "partial"],
        ["1", "acme", "main", "complete"],
    ]


def test_services_of_several_accounts_are_listed_on_request(shown):
    lines = shown(_scope("1"), _scope("2", service="sns", status="partial"), services=True)
    assert [line.split()[:3] for line in lines[1:3]] == [["2", "sns", "partial"], ["1", "sqs", "complete"]]


def test_problems_are_grouped_over_accounts_and_regions_the_widest_first(shown):
    wide = [_scope(account, "eu-west-1", problems=[_problem("Wide")]) for account in "1234"]
    narrow = _scope("1", problems=[_problem("Narrow", count=2)])
    lines = shown(narrow, *wide)
    start = next(number for number, line in enumerate(lines) if "ListQueues" in line)
    assert lines[start : start + 2] == [
        "4 accounts eu-west-1 sqs:ListQueues: denied (Wide, 4 times) no",
        "1 us-east-1 sqs:ListQueues: denied (Narrow, 2 times) no",
    ]


def test_the_last_lines_say_what_was_delivered_to_each_output_and_what_is_kept(shown):
    deliveries = (
        Delivery("out.ndjson", records=2212, batches=4, size=1_300_000),
        Delivery("https://h/in", records=0, batches=0, size=0, kept=1, spool="/spool/5f0d-1"),
        Delivery("https://j1, job [7]", records=9, batches=1, size=500, kept=1200, spool="/spool/5f0d-2"),
    )
    assert shown(_scope(), deliveries=deliveries)[-3:] == [
        "delivered 2,212 records in 4 batches (1.3 MB) to out.ndjson",
        "delivered 0 records in 0 batches (0 bytes) to https://h/in; kept 1 batch in /spool/5f0d-1",
        "delivered 9 records in 1 batch (500 bytes) to https://j1, job [7]; kept 1,200 batches in /spool/5f0d-2",
    ]
