from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import structlog

from collector import log

SECRET = "AbCdEf123456SECRET"


@pytest.fixture(autouse=True)
def _reset_logging():
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_logs_are_json_lines_on_standard_error_with_time_and_level(capsys):
    log.set_up("info", "json")
    structlog.get_logger().warning("slow", seconds=3)
    (line,) = _lines(capsys)
    assert (line["event"], line["level"], line["seconds"]) == ("slow", "warning", 3)
    assert line["timestamp"].endswith("Z")


def test_bound_context_is_in_every_line(capsys):
    log.set_up("info", "json")
    with structlog.contextvars.bound_contextvars(account="111122223333", region="eu-west-1", service="ec2"):
        structlog.get_logger().info("hello")
    (line,) = _lines(capsys)
    assert (line["account"], line["region"], line["service"]) == ("111122223333", "eu-west-1", "ec2")


def test_events_below_the_level_are_not_logged(capsys):
    log.set_up("warning", "json")
    structlog.get_logger().info("chatter")
    structlog.get_logger().error("trouble")
    assert [line["event"] for line in _lines(capsys)] == ["trouble"]


def test_the_console_layout_is_not_json(capsys):
    log.set_up("info", "console")
    structlog.get_logger().info("hello", region="eu-west-1")
    out, err = capsys.readouterr()
    assert out == ""
    assert "hello" in err
    assert not err.startswith("{")


def test_auto_logs_json_without_a_terminal(capsys):
    log.set_up("info", "auto")
    structlog.get_logger().info("hello")
    assert _lines(capsys)[0]["event"] == "hello"


@pytest.mark.parametrize(
    "text",
    [
        f"https://example.com/?X-Amz-Security-Token={SECRET}&X-Amz-Expires=60",
        f"https://example.com/?X-Amz-Signature={SECRET}",
        f"Authorization: {SECRET}",
        f"secretAccessKey={SECRET}",
        f"token: {SECRET}",
    ],
)
@pytest.mark.parametrize("layout", ["json", "console"])
def test_credentials_are_redacted(text, layout, capsys):
    log.set_up("debug", layout)
    structlog.get_logger().error(text, message=text, nested={"each": [text]})
    err = capsys.readouterr().err
    assert SECRET not in err
    assert "REDACTED" in err


@pytest.mark.parametrize("layout", ["json", "console"])
def test_credentials_in_a_traceback_are_redacted(layout, capsys):
    log.set_up("info", layout)
    try:
        int(f"token={SECRET}")
    except ValueError:
        structlog.get_logger().exception("a bug ended this scope")
    err = capsys.readouterr().err
    assert "ValueError" in err
    assert SECRET not in err


def test_botocore_does_not_log_its_requests(capsys):
    log.set_up("debug", "json")
    for name in ("botocore", "aiobotocore"):
        assert logging.getLogger(name).level == logging.CRITICAL


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_console_lines_are_plain_where_colors_are_unwanted(variable, value, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    log.set_up("info", "console")
    structlog.get_logger().info("colored")
    monkeypatch.setenv(variable, value)
    log.set_up("info", "console")
    structlog.get_logger().info("plain")
    colored, plain = capsys.readouterr().err.splitlines()
    assert "\x1b[" in colored
    assert "\x1b[" not in plain


@pytest.mark.parametrize(
    ("term", "over_progress", "erased"), [("xterm", True, True), ("xterm", False, False), ("dumb", True, False)]
)
def test_a_line_that_is_written_over_the_progress_of_another_process_erases_it(
    term, over_progress, erased, monkeypatch, capsys
):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", term)
    log.set_up("info", "console", over_progress=over_progress)
    structlog.get_logger().info("account done")
    assert capsys.readouterr().err.startswith(log.ERASE_LINE) is erased


def test_nothing_is_erased_without_a_terminal(capsys):
    log.set_up("info", "auto", over_progress=True)
    structlog.get_logger().info("account done")
    assert _lines(capsys)[0]["event"] == "account done"
