"""Replaces the waits of retries."""

from __future__ import annotations


async def no_sleep(_: float) -> None:
    """A `sleep` that returns at once."""
