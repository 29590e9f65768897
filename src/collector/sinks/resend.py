"""Sends the batches that earlier runs left in a spool directory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import structlog
from anyio import to_thread

from collector.config import Settings
from collector.sinks.base import DeliveryError
from collector.sinks.outputs import TypeCoverage, leftover_spools

log = structlog.get_logger()


@dataclass(slots=True)
class ResendResult:
    """Batches sent, records `lost` in damaged files, and one problem for each spool that could not be emptied."""

    batches: int = 0
    lost: int = 0
    problems: list[str] = field(default_factory=list)


async def resend(settings: Settings, types: TypeCoverage, place: Path) -> ResendResult:
    """Send each run in `place`, one after the other; a failure does not stop the next.

    Raises:
        ConfigurationError: if `place` is not a folder, or there is no address to send to.
        DeliveryError: if a folder in it cannot be read.
    """
    result = ResendResult()
    for spool, sink in await to_thread.run_sync(list, leftover_spools(settings, types, place)):
        before = len(spool.kept)
        try:
            await sink.resend()
        except DeliveryError as error:
            result.problems.append(str(error))
        result.batches += max(0, before - len(spool.kept))
        result.lost += spool.lost
        for note in dict.fromkeys(spool.notes):
            log.warning(note)
    return result
