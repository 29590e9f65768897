"""A run with the real sink and a durable spool, to be killed: `python run_until_killed.py URL SPOOL FIRST`.

Prints the sequence of each batch once the sink has it, which is when a run counts it as collected.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from collector.sinks.credentials import Token
from collector.sinks.spool import Room, Spool
from collector.sinks.transport import Http, Manner
from collector.sinks.upload import UploadSink
from tests.sinks.made import batch, report

BATCHES = 400


async def main(url: str, place: str) -> None:
    kept = Spool(Room(Path(place), 1_000_000_000, durable=True), url)
    sink = UploadSink(url, Http(Manner(), Token("TOKEN")), kept)
    await sink.open()
    for sequence in range(1, BATCHES + 1):
        await sink.write(batch(sequence, entities=20, links=5))
        print(sequence, flush=True)  # noqa: T201
    await sink.close(report())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
