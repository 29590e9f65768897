"""Writes batches to an upload sink with a durable spool until it is killed: `python run_until_killed.py URL SPOOL`.

Prints the sequence of each batch once the sink has accepted it; from then on a run counts it as collected.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from collector.sinks.credentials import Token
from collector.sinks.spool import Spool, SpoolSettings
from collector.sinks.transport import Http, HttpSettings
from collector.sinks.upload import UploadSink
from tests.sinks.factories import batch, report

BATCHES = 400


async def main(url: str, place: str) -> None:
    kept = Spool(SpoolSettings(Path(place), 1_000_000_000, durable=True), url)
    sink = UploadSink(url, Http(HttpSettings(), Token("TOKEN")), kept)
    await sink.open()
    for sequence in range(1, BATCHES + 1):
        await sink.write(batch(sequence, entities=20, links=5))
        print(sequence, flush=True)  # noqa: T201
    await sink.close(report())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
