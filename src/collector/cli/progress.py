"""The progress line of a run on a terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.live import Live
from rich.text import Text

from collector.model import Progress

Sample: TypeAlias = tuple[float, Progress]
"""The progress of a run after some seconds."""

BASIS = 0.05
"""The share of a run that must be done before the rest is estimated."""

SAMPLES = 3600
"""Samples that are kept to estimate from, two of each second."""

MINUTE = 60


@contextmanager
def show_progress(progress: Callable[[], Progress], *, enabled: bool) -> Iterator[None]:
    """Show a line of running totals until the context exits, if `enabled` and standard error is a terminal that can redraw one.

    `progress` is called in another thread, twice a second.
    """
    console = Console(stderr=True)
    if not enabled or not console.is_interactive:
        yield
        return
    started = time.monotonic()
    samples: deque[Sample] = deque(maxlen=SAMPLES)

    def line() -> Text:
        samples.append((time.monotonic() - started, progress()))
        return Text(progress_line(samples), no_wrap=True, overflow="ellipsis")

    with Live(get_renderable=line, console=console, refresh_per_second=2, transient=True):
        yield


def progress_line(samples: Sequence[Sample]) -> str:
    """The line that shows the last sample, such as `12/60 accounts, 8 min left  1,200 calls  …`."""
    _, progress = samples[-1]
    totals, seconds = progress.totals, time_left(samples) or 0
    left = f", {duration(seconds)} left" if round(seconds) else ""
    counts = f"{totals.calls:,} calls  {totals.entities:,} entities  {totals.throttles:,} throttled"
    return f"{_done(progress)}{left}  {counts}"


def _done(progress: Progress) -> str:
    if not progress.accounts:
        return "starting"
    if progress.accounts == 1:
        return f"{progress.totals.ended}/{progress.totals.scopes} scopes"
    return f"{progress.done}/{progress.accounts} accounts"


def time_left(samples: Sequence[Sample]) -> float | None:
    """Estimate the seconds that are left after the last sample; None without a basis.

    While accounts are waiting, the pace is that of the whole run. Then it is that of the latter half of the time so far: the
    scopes that take longest are still running when most have ended.
    """
    elapsed, progress = samples[-1]
    done = _share(progress)
    since, done_before = 0.0, 0.0
    if not progress.waiting:
        since, earlier = next(sample for sample in samples if sample[0] >= elapsed / 2)
        done_before = _share(earlier)
    if not BASIS <= done < 1 or done <= done_before:
        return None
    return (1 - done) * (elapsed - since) / (done - done_before)


def _share(progress: Progress) -> float:
    """The share of scopes that have ended. A waiting account is assumed to have as many as the others have on average."""
    totals = progress.totals
    if not totals.accounts:
        return 0.0
    return totals.ended / (totals.scopes * (1 + progress.waiting / totals.accounts))


def duration(seconds: float) -> str:
    """A time to read: `40 s`, `12 min` or `2 h 5 min`."""
    if round(seconds) < MINUTE:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / MINUTE), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
