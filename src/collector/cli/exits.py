"""Leaving with one line on standard error."""

from __future__ import annotations

import sys
from typing import NoReturn

from collector.report import Exit


def fail(message: str, code: Exit) -> NoReturn:
    """Print the message and leave."""
    sys.stderr.write(f"collector: {message}\n")
    sys.exit(code)
