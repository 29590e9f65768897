"""The event loop of the commands."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on uvloop, which needs a fifth of asyncio's memory for each TLS connection, or on asyncio where there is none."""
    if sys.platform == "win32":
        return asyncio.run(work)
    import uvloop  # noqa: PLC0415  (not made for Windows)

    return uvloop.run(work)
