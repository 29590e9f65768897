"""Sends what earlier runs left in a spool."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from anyio import to_thread

from collector.sinks.base import DeliveryError
from collector.sinks.outputs import left

if TYPE_CHECKING:
    from pathlib import Path

    from collector.config import Settings
    from collector.sinks.outputs import Types

log = structlog.get_logger()


@dataclass(slots=True)
class Resent:
    """What came of it. `lost`: records that a torn file no longer held."""

    batches: int = 0
    lost: int = 0
    problems: list[str] = field(default_factory=list)


async def resend(settings: Settings, types: Types, place: Path) -> Resent:
    """Send each run that lies in `place`, one after the other; one that fails does not stop the next.

    Raises:
        ConfigurationError: when there is nothing like a spool, or no address to send it to.
    """
    resent = Resent()
    for spool, sink in await to_thread.run_sync(list, left(settings, types, place)):
        before = len(spool.kept)
        try:
            await sink.resend()
        except DeliveryError as error:
            resent.problems.append(str(error))
        resent.batches += max(0, before - len(spool.kept))
        resent.lost += spool.lost
        for note in dict.fromkeys(spool.notes):
            log.warning(note)
    return resent
