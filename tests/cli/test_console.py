from __future__ import annotations

from itertools import product

import pytest

from collector.cli.console import STYLES, _services, _totals
from collector.model import Scope
from collector.report import Ledger, Report, Status


def _row(*states: Status) -> str:
    scopes = [
        {"account": "1", "service": "sqs", "status": state, "entities": 0, "calls": 0, "seconds": 0.0}
        for state in states
    ]
    (cell,) = _services(Report(scopes=scopes)).columns[2].cells
    return str(cell)


def test_every_status_has_a_style():
    assert set(STYLES) == set(Status)


@pytest.mark.parametrize(("one", "other"), list(product(Status, repeat=2)))
def test_a_service_has_the_worst_status_of_its_scopes(one, other):
    worst_first = ["failed", "partial", "skipped", "complete", "unavailable"]
    assert min(one, other, key=worst_first.index) in _row(one, other)


def test_progress_counts_no_scope_that_aws_does_not_offer():
    ledger = Ledger("run", "1")
    ledger.plan(Scope("1", "us-east-1", "sqs"))
    ledger.plan(Scope("1", "us-west-1", "workspaces")).unavailable = True
    assert _totals(ledger).startswith("0/1 scopes done")
