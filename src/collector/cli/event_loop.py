"""The event loop of the commands."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on uvloop, which needs a fifth of asyncio's memory for each TLS connection."""
    return uvloop.run(work)
