"""Doing something for many: a bounded number at a time, or a bounded number at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

import anyio

T = TypeVar("T")


async def spread(items: Sequence[T], fn: Callable[[T], Awaitable[None]], width: int) -> None:
    """Do something for each item, at most `width` at a time: tasks for the width, not for the items."""
    if len(items) == 1:
        await fn(items[0])
        return
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await fn(item)

    async with anyio.create_task_group() as tasks:
        for _ in range(min(width, len(items))):
            tasks.start_soon(work)


def chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
