"""An event loop with virtual time, which advances to the next timer at once whenever nothing else is pending."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from selectors import DefaultSelector, SelectorKey
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STUCK = 20.0
"""Real seconds after which pending I/O is considered hung."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """A `Clock`: virtual time stops inside `working`, while real I/O (sockets, threads) is pending."""

    def __init__(self) -> None:
        self.now = 1.0
        self.pending = 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now

    @contextmanager
    def working(self) -> Iterator[None]:
        self.pending += 1
        try:
            yield
        finally:
            self.pending -= 1

    async def rest(self, seconds: float) -> None:
        self.pending -= 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self.pending += 1


class _Selector(DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._loop.pending or timeout is None:
            ready = super().select(STUCK)
            if not ready:
                raise TimeoutError("no I/O event arrived")
            return ready
        self._loop.now += timeout
        return []
