"""Doing something for many: a bounded number at a time, or a bounded number at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

import anyio

T = TypeVar("T")


async def spread(
    items: Sequence[T],
    fn: Callable[[T], Awaitable[None]],
    width: int,
    pace: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Do something for each item, at most `width` at a time: tasks for the width, not for the items.

    `pace` is waited for before there is one more task: those that there are take what is left meanwhile.
    """
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
        for number in range(min(width, len(items))):
            if pace is not None and number:
                await pace()
            tasks.create_task(work())


def chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


class Watchdog:
    """Cancels what runs inside it when nobody has said for so many seconds that work goes on. To say so costs next to nothing."""

    def __init__(self, seconds: float) -> None:
        """`seconds` of silence at the most."""
        self._seconds, self._scope = seconds, anyio.CancelScope()
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._timer = self._loop.call_later(seconds, self._look)

    def __enter__(self) -> Self:
        self._scope.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._timer.cancel()
        return self._scope.__exit__(kind, error, trace)

    def alive(self) -> None:
        """Work goes on."""
        self._heard = self._loop.time()

    @property
    def barked(self) -> bool:
        """Whether it was silent for too long."""
        return self._scope.cancelled_caught

    def _look(self) -> None:
        silent = self._loop.time() - self._heard
        if silent >= self._seconds:
            self._scope.cancel()
        else:
            self._timer = self._loop.call_later(self._seconds - silent, self._look)


class Rounds:
    """Lets those who wait go on one at a time, each in a round of the event loop of its own.

    Work that keeps the processor busy for long is queued here, so that whatever came in meanwhile is seen, and whatever is
    ready to go out is sent, before the next such piece begins.
    """

    def __init__(self) -> None:
        """Nobody waits."""
        self._waiting: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    async def turn(self) -> None:
        """Wait for a round of one's own."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._next, loop)
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        turn = self._waiting.popleft()
        if not turn.done():  # or its task was cancelled
            turn.set_result(None)
        if self._waiting:
            loop.call_soon(self._next, loop)


class Slots:
    """So many at once, first come first served. Who would begin more work than there are slots for can wait before that."""

    def __init__(self, number: int) -> None:
        """All are free."""
        self._free = asyncio.Semaphore(number)
        self._few = max(1, number // 2)
        self._queued = 0
        self._coming = 0
        self._paused: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Wait for a slot."""
        self._queued += 1
        try:
            await self._free.acquire()
        finally:
            self._queued -= 1
            self._go_on()

    def free(self) -> None:
        """Give a slot back."""
        self._free.release()

    async def ease(self) -> None:
        """Wait while many wait for a slot: one more would only take up memory."""
        loop = asyncio.get_running_loop()
        while self._queued + self._coming >= self._few:
            turn = loop.create_future()
            self._paused.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._go_on()  # it may have been this one's turn
                raise
        if not self._coming:
            loop.call_soon(loop.call_soon, self._come)  # whoever begins now stands in the queue by then
        self._coming += 1

    def _come(self) -> None:
        self._coming = 0
        self._go_on()

    def _go_on(self) -> None:
        room = self._few - self._queued - self._coming
        while room > 0 and self._paused:
            turn = self._paused.popleft()
            if not turn.done():  # or its task was cancelled
                turn.set_result(None)
                room -= 1


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
