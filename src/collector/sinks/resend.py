"""Sends the batches that earlier runs left in a spool directory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import structlog
from anyio import to_thread

from collector.config import ConfigurationError, Settings
from collector.sinks.base import DeliveryError
from collector.sinks.outputs import endpoint, http_settings, is_url, spooled_sink
from collector.sinks.spool import Spool, spool_folders, take_over

log = structlog.get_logger()


@dataclass(slots=True)
class ResendResult:
    """Batches sent, records `lost` in damaged files, and one problem for each spool that could not be emptied."""

    batches: int = 0
    lost: int = 0
    problems: list[str] = field(default_factory=list)


async def resend(settings: Settings, place: Path) -> ResendResult:
    """Send each run in `place`, one after the other, to its original output or to `--output`; a failure does not stop the next.

    A spool whose run is still in progress is skipped with a warning.

    Raises:
        ConfigurationError: if `place` cannot be listed, or a setting that all runs share is not valid.
    """
    output = _common_output(settings)
    result = ResendResult()
    for folder in await to_thread.run_sync(_folders, place):
        try:
            await _resend_run(settings, folder, output, result)
        except DeliveryError as error:
            result.problems.append(str(error))
        except ConfigurationError as error:
            result.problems.append(f"{folder}: {error}")
    return result


def _common_output(settings: Settings) -> str | None:
    """The output that every run is sent to; None if each is sent to its original one."""
    outputs = [output for output in settings.output if is_url(output)]
    if len(outputs) > 1:
        raise ConfigurationError("--output: a spool can be sent to one output only")
    if not outputs:
        http_settings(settings)
        return None
    endpoint(settings, outputs[0])
    return outputs[0]


def _folders(place: Path) -> list[Path]:
    if not place.is_dir():
        raise ConfigurationError(f"{place} is not a folder")
    try:
        return spool_folders(place)
    except OSError as error:
        raise ConfigurationError(f"cannot read {place}: {error.strerror or error}") from error


async def _resend_run(settings: Settings, folder: Path, output: str | None, result: ResendResult) -> None:
    spool = await to_thread.run_sync(take_over, folder, settings.spool_size)
    if spool is None:
        log.warning("skipped a spool whose run is still in progress", spool=str(folder))
        return
    before = len(spool.kept)
    try:
        await _send(settings, spool, output)
    finally:
        spool.release()
        result.batches += max(0, before - len(spool.kept))
        result.lost += spool.lost
        for note in dict.fromkeys(spool.notes):
            log.warning(note)


async def _send(settings: Settings, spool: Spool, output: str | None) -> None:
    spool.output = output or spool.output
    if not spool.output:
        raise ConfigurationError("its original output is unknown; set --output")
    await spooled_sink(settings, spool).resend()
