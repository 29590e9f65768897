"""Concurrency primitives: a bounded `for_each`, chunks, and a weighted semaphore."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


async def for_each(items: Sequence[T], fn: Callable[[T], Awaitable[None]], width: int) -> None:
    """Await `fn` for each item, at most `width` at a time. No more than `width` tasks are started."""
    if len(items) == 1:
        await fn(items[0])
        return
    remaining = iter(items)

    async def work() -> None:
        for item in remaining:
            await fn(item)

    async with asyncio.TaskGroup() as tasks:  # a third of the cost of anyio's, and most calls are made in one
        for _ in range(min(width, len(items))):
            tasks.create_task(work())


def chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Split the items into lists of at most `size`."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


class WeightedSemaphore:
    """Bounds the sum of the weights held. First come, first served; a weight above the limit counts as the limit."""

    def __init__(self, limit: int) -> None:
        self._limit = self._free = limit
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def acquire(self, weight: int) -> None:
        """Take `weight`, waiting until it is free."""
        weight = min(weight, self._limit)
        if not self._waiters and weight <= self._free:
            self._free -= weight
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiters.append((weight, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(weight)  # it was granted in the same iteration of the loop
            else:
                self._wake()
            raise

    def release(self, weight: int) -> None:
        """Return `weight`, as it was passed to `acquire`."""
        self.replace(weight, 0)

    def replace(self, held: int, weight: int) -> None:
        """Exchange a held weight for another without waiting. Nothing is granted until enough is free again."""
        self._free += min(held, self._limit) - min(weight, self._limit)
        self._wake()

    async def reserve(self, weight: int) -> Reservation:
        """Take `weight`, waiting until it is free, and return the reservation that resizes or releases it."""
        await self.acquire(weight)
        return Reservation(self, weight)

    def _wake(self) -> None:
        while self._waiters and (self._waiters[0][1].done() or self._waiters[0][0] <= self._free):
            weight, turn = self._waiters.popleft()
            if not turn.done():  # done: its task was cancelled
                self._free -= weight
                turn.set_result(None)


class Reservation:
    """The weight that one holder has of a semaphore."""

    def __init__(self, semaphore: WeightedSemaphore, weight: int) -> None:
        self._semaphore, self._weight = semaphore, weight

    def resize(self, weight: int) -> None:
        """Hold another weight, without waiting."""
        held, self._weight = self._weight, weight
        self._semaphore.replace(held, weight)

    def release(self, _: object = None) -> None:
        """Return the weight. Also works as a task's done callback."""
        self.resize(0)
