"""One complete collection in a process of its own: `python -m bench.collected '{"max_concurrency": 100}'`.

It runs as the command line does, but without rate limits, because the canned server has none. Records are written to
/dev/null. The last line of standard output is the measurement as JSON.
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
    """CPU and wall seconds of all processes, peak bytes of the largest process, and values of the report."""

    cpu: float
    wall: float
    peak: int
    status: str
    counts: dict[str, int]
    types: dict[str, int]

    @property
    def records(self) -> int:
        """The number of records written."""
        return sum(self.counts[name] for name in ("entities", "relationships", "mappedRelationships"))


def collected(environment: Mapping[str, str], **settings: object) -> Collected:
    """Collects in a new process. `settings` have their names in a configuration file.

    Raises:
        RuntimeError: The process failed.
    """
    command = [sys.executable, "-m", "bench.collected", json.dumps({"processes": 1, **settings})]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"a collection failed: {done.stderr.strip().splitlines()[-1:]}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Collected(**measured)


def main() -> None:
    log.set_up("error", "json")
    settings = load_settings({**json.loads(sys.argv[1]), "progress": False})
    run = Run(
        settings,
        Catalog.all().choose(),
        NdjsonSink(os.devnull),
        processes=worker_processes(settings, unlimited=True),
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
