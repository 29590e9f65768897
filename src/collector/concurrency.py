"""Doing something for many: a bounded number at a time, or a bounded number at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


async def for_each(items: Sequence[T], fn: Callable[[T], Awaitable[None]], width: int) -> None:
    """Do something for each item, at most `width` at a time: tasks for the width, not for the items."""
    if len(items) == 1:
        await fn(items[0])
        return
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await fn(item)

    async with (
        asyncio.TaskGroup() as tasks
    ):  # at a third of what a task of anyio's costs, and most calls have one of their own
        for _ in range(min(width, len(items))):
            tasks.create_task(work())


def chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


class WeightedSemaphore:
    """Bounds the sum of the weights that are held. First come, first served; what weighs more than the bound comes alone."""

    def __init__(self, most: int) -> None:
        """Nothing is held yet."""
        self._most = self._free = most
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def acquire(self, weight: int) -> None:
        """Take so much when there is room for it."""
        weight = min(weight, self._most)
        if not self._waiting and weight <= self._free:
            self._free -= weight
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((weight, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(weight)  # it had come already
            else:
                self._let_in()
            raise

    def release(self, weight: int) -> None:
        """Give so much back."""
        self.replace(weight, 0)

    def replace(self, held: int, weight: int) -> None:
        """Hold `weight` instead of `held`, without waiting: nobody else is let in until there is room again."""
        self._free += min(held, self._most) - min(weight, self._most)
        self._let_in()

    async def reserve(self, weight: int) -> Reservation:
        """Take so much when there is room for it, to be released through the share."""
        await self.acquire(weight)
        return Reservation(self, weight)

    def _let_in(self) -> None:
        while self._waiting and (self._waiting[0][1].done() or self._waiting[0][0] <= self._free):
            weight, turn = self._waiting.popleft()
            if not turn.done():  # or its task was cancelled
                self._free -= weight
                turn.set_result(None)


class Reservation:
    """What one holder has of a semaphore."""

    def __init__(self, semaphore: WeightedSemaphore, weight: int) -> None:
        self._semaphore, self._weight = semaphore, weight

    def resize(self, weight: int) -> None:
        """Hold another weight, once it is known."""
        held, self._weight = self._weight, weight
        self._semaphore.replace(held, weight)

    def release(self, _: object = None) -> None:
        """Give it back; also as the callback of a task."""
        self.resize(0)
