"""The configuration of structlog. Logs go to standard error, never to standard output."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any, Literal

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from collector.faults import redact

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
ERASE_LINE = "\r\x1b[K"
"""Moves a terminal's cursor to the start of the line, and clears the line."""


def set_up(level: str, layout: Literal["auto", "console", "json"], *, over_progress: bool = False) -> None:
    """Configure structlog. `auto` is console on a terminal and JSON otherwise. Credentials are redacted.

    `over_progress`: another process shows progress on the terminal, and every line of the log first erases it.
    """
    readable = layout == "console" or (layout == "auto" and sys.stderr.isatty())
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb" or not sys.stderr.isatty()
    colored = structlog.dev.ConsoleRenderer(colors=not plain)
    renderer: Processor = colored if readable else structlog.processors.JSONRenderer()
    redrawn = over_progress and sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact_event,
            renderer,
            *((_erase_line,) if redrawn else ()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: structlog.WriteLogger(
            sys.stderr
        ),  # looked up anew: progress replaces it while it is shown
        cache_logger_on_first_use=False,
    )
    logging.getLogger("botocore").setLevel(logging.CRITICAL)
    logging.getLogger("aiobotocore").setLevel(logging.CRITICAL)


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: _redacted(value) for name, value in event.items()}


def _erase_line(_logger: WrappedLogger, _method: str, line: Any) -> str:
    return f"{ERASE_LINE}{line}"


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: _redacted(item) for name, item in value.items()}
    return [_redacted(item) for item in value] if isinstance(value, (list, tuple)) else value
