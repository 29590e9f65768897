"""Measures how the collector shares AWS's token buckets with another client: `python -m bench.rates`.

The collector's call layer calls EC2, IAM and Route 53 over HTTP in real time, each for `--seconds` beyond its burst,
while a rival uses half of every bucket. `time` is the time needed divided by the minimum that the buckets allow.
`share` is the achieved rate divided by the allowed rate; `busiest` is the same for the busiest ten seconds. `rival's
throttles` also shows how many of its calls would have been throttled if it had half of each bucket to itself.
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import AbstractContextManager, nullcontext

from bench.throttled import Gaps, Result, at_random, contest, in_bursts, steady

SCENES: tuple[tuple[float, float, Gaps], ...] = (
    (0.5, 0.5, steady),
    (0.5, 0.5, at_random),
    (0.5, 0.5, in_bursts),
    (0.25, 0.5, steady),
    (1.0, 0.5, steady),
)


class RealClock:
    """Real time."""

    def working(self) -> AbstractContextManager[None]:
        """Does nothing: real time passes anyway."""
        return nullcontext()

    async def rest(self, seconds: float) -> None:
        """Sleeps."""
        await asyncio.sleep(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="minimum duration of each contest")
    seconds: float = parser.parse_args().seconds
    print(
        f"{'share':>5} {'rival':>16} {'service':>8} {'time':>6} {'share':>6} {'busiest':>7} {'throttled':>9}  rival's throttles"
    )
    for share, part, gaps in SCENES:
        for result in asyncio.run(contest(RealClock(), share, part, gaps, seconds)):
            print(f"{share:>5} {part:>6} {gaps.__name__:>9} {line(result)}", flush=True)


def line(result: Result) -> str:
    held, busiest = result.rate / result.allowed, result.busiest / result.allowed
    rival = f"{result.rival_throttles} of {result.rival_calls}, alone {result.rival_explained}"
    failed = f", {result.failed} FAILED" if result.failed else ""
    return (
        f"{result.service:>8} {result.ratio:>6.3f} {held:>6.3f} {busiest:>7.3f} {result.throttles:>9}  {rival}{failed}"
    )


if __name__ == "__main__":
    main()
