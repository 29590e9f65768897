"""An event loop with a time of its own: where nothing is under way, it goes to the next timer at once."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from selectors import DefaultSelector, SelectorKey
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STUCK = 20.0
"""Real seconds after which something that is under way is thought never to come."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """A `Clock`: `working` holds time still until what is under way in reality (sockets, threads) has come."""

    def __init__(self) -> None:
        self.now = 1.0
        self.under_way = 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now

    @contextmanager
    def working(self) -> Iterator[None]:
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1

    async def rest(self, seconds: float) -> None:
        self.under_way -= 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self.under_way += 1


class _Selector(DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._loop.under_way or timeout is None:
            ready = super().select(STUCK)
            if not ready:
                raise TimeoutError("nothing came")
            return ready
        self._loop.now += timeout
        return []
