"""Calls for many resources at once: one that AWS refuses because of a member is halved until that member is alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from collector.faults import CallFailed, Reason

T = TypeVar("T")

REFUSED_ALONE: Mapping[Reason, int] = {Reason.DENIED: 5, Reason.DENIED_BY_SCP: 5, Reason.ERROR: 100}
"""How many members may be refused alone, before any call was answered, until the call itself is taken to be refused.

A denied call usually lacks a permission, and its members are not to blame; a rejected one seldom has another cause.
"""


class BatchCalls:
    """The calls of one `Describe` or `Gather`. It remembers over all batches whether splitting one can help."""

    def __init__(self) -> None:
        self._answered = False
        self._refused_alone = 0

    async def read(
        self,
        batch: list[T],
        call: Callable[[list[T]], Awaitable[None]],
        lose: Callable[[list[T], CallFailed], None],
    ) -> None:
        """Await `call(batch)`. Members that cannot be read go to `lose`, with the reason: each alone if it is to blame.

        One culprit among n members costs 2 log n further calls.
        """
        try:
            await call(batch)
        except CallFailed as failure:
            if len(batch) > 1 and self._can_split(failure):
                middle = len(batch) // 2
                await self.read(batch[:middle], call, lose)
                await self.read(batch[middle:], call, lose)
                return
            self._refused_alone += len(batch) == 1
            lose(batch, failure)
        else:
            self._answered = True

    def _can_split(self, failure: CallFailed) -> bool:
        """Whether a part of the batch may be answered: one of its members is gone, foreign or malformed."""
        if failure.reason is Reason.VANISHED:
            return True
        if failure.reason is Reason.ERROR and not failure.rejected:
            return False
        limit = REFUSED_ALONE.get(failure.reason, 0)
        return bool(limit) and (self._answered or self._refused_alone < limit)
