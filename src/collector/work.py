"""Doing something for many: a bounded number at a time, or a bounded number at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

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


class _Turn(NamedTuple):
    weight: int
    come: anyio.Event


class WeightedSemaphore:
    """Bounds the sum of what is taken. First come, first served; what is alone may weigh more than the bound."""

    def __init__(self, most: int) -> None:
        """Nothing is taken yet."""
        self._most = most
        self._taken = 0
        self._waiting: deque[_Turn] = deque()

    async def take(self, weight: int) -> None:
        """Take so much when there is room for it."""
        if not self._waiting and self._fits(weight):
            self._taken += weight
            return
        turn = _Turn(weight, anyio.Event())
        self._waiting.append(turn)
        try:
            await turn.come.wait()
        except BaseException:
            if turn.come.is_set():
                self.change(-weight)
            else:
                self._waiting.remove(turn)
            raise

    def change(self, weight: int) -> None:
        """Take more than was known, or give some back."""
        self._taken += weight
        while self._waiting and self._fits(self._waiting[0].weight):
            turn = self._waiting.popleft()
            self._taken += turn.weight
            turn.come.set()

    def _fits(self, weight: int) -> bool:
        return not self._taken or self._taken + weight <= self._most
