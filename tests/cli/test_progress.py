from __future__ import annotations

import io

import pytest

from collector.cli.progress import duration, progress_line, show_progress, time_left
from collector.model import Progress, Totals


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _one(ended: int) -> Progress:
    """The progress of one account with a hundred scopes."""
    return Progress(Totals(accounts=1, scopes=100, ended=ended, calls=1234, entities=56789, throttles=12), accounts=1)


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (Progress(Totals(accounts=4, scopes=400, ended=200), accounts=8, waiting=4), 300),
        (Progress(Totals(accounts=4, scopes=400, ended=300), accounts=8, waiting=2), 100),
        (Progress(Totals(accounts=4, scopes=402, ended=201), accounts=10, done=2, waiting=4), 300),  # two were refused
    ],
)
def test_accounts_that_wait_are_expected_to_take_as_long_as_the_others(progress, expected):
    assert time_left([(90, progress), (100, progress)]) == pytest.approx(expected)


def test_the_last_scopes_are_expected_to_take_as_long_as_those_that_ended_lately():
    steady = [(seconds, _one(seconds)) for seconds in range(61)]
    assert time_left(steady) == pytest.approx(40)
    slow = [(seconds, _one(min(seconds, 90) + seconds // 100)) for seconds in range(0, 401, 5)]
    assert time_left(slow) == pytest.approx(200 / 2 * 6)  # two of the last six ended in 200 seconds


@pytest.mark.parametrize(
    "samples",
    [
        [(1, Progress())],
        [(1, Progress(Totals(scopes=1), accounts=1)), (2, Progress(Totals(scopes=1, ended=1), accounts=1))],
        [(20, _one(0)), (40, _one(4))],
        [(40, Progress(Totals(accounts=4, scopes=400, ended=200), accounts=60, waiting=56))],  # half of four of sixty
        [(20, _one(90)), (30, _one(98)), (60, _one(98))],  # none ended lately
        [(40, _one(90)), (60, _one(100))],  # relationships are being resolved
    ],
)
def test_no_time_is_estimated_without_a_basis(samples):
    assert time_left(samples) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "1 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (100, "2 min"),
        (3569, "59 min"),
        (3580, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_duration_has_the_units_that_matter(seconds, text):
    assert duration(seconds) == text


def test_several_accounts_are_counted_by_accounts():
    totals = Totals(16, 1600, 1400, calls=1234, entities=56789, throttles=12)
    line = progress_line([(165, Progress(totals, accounts=60, done=12, waiting=44))])
    assert line == "12/60 accounts, 9 min left  1,234 calls  56,789 entities  12 throttled"


def test_one_account_is_counted_by_scopes():
    assert progress_line([(60, _one(3))]) == "3/100 scopes  1,234 calls  56,789 entities  12 throttled"


def test_less_than_half_a_second_is_not_shown_as_time_left():
    assert progress_line([(30, _one(50)), (60, _one(99))]).startswith("99/100 scopes, 1 s left  ")
    assert progress_line([(3, _one(50)), (6, _one(99))]).startswith("99/100 scopes  1,234 calls")


def test_no_count_is_shown_before_the_accounts_are_known():
    assert progress_line([(1, Progress(Totals(scopes=1, ended=1, calls=2)))]).startswith("starting  2 calls")


@pytest.fixture
def shown(monkeypatch):
    """What is written to a terminal of this type, or to a file."""
    for name in ("NO_COLOR", "TTY_INTERACTIVE", "TTY_COMPATIBLE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "40")

    def shown(file: io.StringIO, term: str = "xterm", *, enabled: bool = True) -> str:
        monkeypatch.setenv("TERM", term)
        monkeypatch.setattr("sys.stderr", file)  # here, because pytest replaces it after the fixtures are made
        with show_progress(lambda: _one(3), enabled=enabled):
            pass
        return file.getvalue()

    return shown


def test_a_terminal_shows_one_line_that_is_cut_at_its_width(shown):
    text = shown(Terminal())
    assert "3/100 scopes  1,234 calls  56,789 entit…\n" in text
    assert "throttled" not in text


def test_no_progress_is_shown_if_disabled_on_a_dumb_terminal_or_without_one(shown):
    assert shown(Terminal(), enabled=False) == ""
    assert shown(Terminal(), "dumb") == ""
    assert shown(io.StringIO()) == ""
