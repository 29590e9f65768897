"""One whole collection in a process of its own: `python -m bench.collected '{"max_concurrency": 100}'`.

Everything is as the command line does it, but for the rate limits, which stand for AWS's own and are switched off. The records go
to /dev/null. The last line on standard output is what it took, as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import uvloop

from bench.measure import Stopwatch, largest_child, peak
from collector import log
from collector.catalog.catalog import Catalog
from collector.config import load_settings
from collector.engine.run import Run
from collector.sinks.ndjson import NdjsonSink
from collector.workers.pool import worker_processes

if TYPE_CHECKING:
    from collections.abc import Mapping


class Collected(NamedTuple):
    """Seconds, of all processes together; bytes at the most, of the largest process; and what the report says."""

    cpu: float
    wall: float
    peak: int
    status: str
    counts: dict[str, int]
    types: dict[str, int]

    @property
    def records(self) -> int:
        """Everything that left."""
        return sum(self.counts[name] for name in ("entities", "relationships", "mappedRelationships"))


def collected(environment: Mapping[str, str], **given: object) -> Collected:
    """Collect in a fresh process. `given` are settings, by their names in a configuration file.

    Raises:
        RuntimeError: when the run did not end well.
    """
    command = [sys.executable, "-m", "bench.collected", json.dumps({"processes": 1, **given})]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"a collection failed: {done.stderr.strip().splitlines()[-1:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Collected(**told)


def main() -> None:
    log.set_up("error", "json")
    chosen = load_settings({**json.loads(sys.argv[1]), "progress": False})
    run = Run(
        chosen,
        Catalog.all().choose(),
        NdjsonSink(os.devnull),
        processes=worker_processes(chosen, unlimited=True),
        unlimited=True,
    )
    watch = Stopwatch()
    report = uvloop.run(run()).report
    spent = watch.read()
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu, largest = spent.cpu + workers.ru_utime + workers.ru_stime, max(peak(), largest_child())
    found = Collected(cpu, spent.wall, largest, report["status"], report["counts"], report["types"])
    print(json.dumps(found._asdict()))


if __name__ == "__main__":
    main()
