"""Measures the upload compared with writing a file, and memory with a slow endpoint: `python -m bench.upload`.

Synthetic records pass through the real batching to a file, to an endpoint in another process on loopback, and to the
same with a durable spool. Each destination has a process of its own, they take turns, and figures are medians. `--slow`
measures complete runs against the canned AWS: to a file, and to an endpoint that takes a second for each batch.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock

import anyio
import orjson
from aiohttp import web

from bench.measure import MB, Arm, Stopwatch, machine, peak, resident
from collector.graph.assemble import OutgoingRecord
from collector.model import Scope
from collector.report import Ledger
from collector.sinks import encoding
from collector.sinks.credentials import Token
from collector.sinks.ndjson import NdjsonSink
from collector.sinks.spool import Spool, SpoolSettings
from collector.sinks.transport import Http, HttpSettings
from collector.sinks.unique import UniqueRecords
from collector.sinks.upload import UploadSink
from collector.sinks.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from collector.sinks.base import Sink

ROOT = Path(__file__).parents[1]
SCOPE = Scope("123456789012", "us-east-1", "ec2")
ROUNDS = 5
DISTINCT = 5_000
"""The number of distinct records, which are delivered repeatedly."""

PEAK_LINE = "peak bytes: "


class Taken(NamedTuple):
    """Seconds and bytes of a delivery. `memory` is the peak above the start, `size` that of the lines."""

    cpu: float
    wall: float
    memory: int
    size: int
    serialising: float
    compressing: float


def instance(number: int) -> dict[str, Any]:
    """A synthetic entity of typical size, as conversion returns it."""
    id_ = f"i-{number * 2654435761 % 2**68:017x}"
    arn = f"arn:aws:ec2:us-east-1:{SCOPE.account}:instance/{id_}"
    console = "https://us-east-1.console.aws.amazon.com/ec2/home?region=us-east-1#InstanceDetails:instanceId="
    return {
        "_key": arn, "_type": "aws_instance", "_class": ["Host"], "name": f"web-{number}", "displayName": f"web-{number}",
        "accountId": SCOPE.account, "region": SCOPE.region, "id": id_, "arn": arn, "webLink": console + id_, "active": True,
        "createdOn": 1_700_000_000_000 + number * 977, "instanceType": "m5.large", "imageId": f"ami-{number % 97:017x}",
        "privateIpAddress": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", "state": "running",
        "vpcId": f"vpc-{number % 11:017x}", "subnetId": f"subnet-{number % 61:017x}", "tag.Name": f"web-{number}",
        "tag.Team": f"team-{number % 23}", "ebsOptimized": number % 2 == 0, "coreCount": 2, "threadsPerCore": 2,
    }  # fmt: skip


class Delivery:
    """Delivers records to a destination, in a process of its own."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()

    async def open(self) -> None:
        """Does nothing."""

    async def close(self) -> None:
        """Removes the written files."""
        self._folder.cleanup()

    async def deliver(self, destination: str, url: str, count: int) -> Taken:
        """Batches and delivers `count` records."""
        sink = _sink(destination, url, Path(self._folder.name))
        ledger = Ledger(f"{os.getpid()}-{time.monotonic_ns()}", "bench")
        writer = Writer(SCOPE.account, UniqueRecords(sink, ledger), ledger, asyncio.Lock())
        records = [instance(number) for number in range(DISTINCT)]
        with sampled(orjson, "dumps", 8) as serialising, sampled(encoding, "_compressed", 1) as compressing:
            start, watch = resident(), Stopwatch()
            await sink.open()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(writer.deliver)
                for number in range(count):
                    writer.take((OutgoingRecord(records[number % DISTINCT], SCOPE),))
                    await writer.drain()
                writer.end()
            await sink.close(ledger.report(()))
            spent = watch.read()
        return Taken(*spent, peak() - start, ledger.bytes, sum(serialising) * 8 / 1e9, sum(compressing) / 1e9)


@contextmanager
def sampled(module: Any, name: str, every: int) -> Iterator[list[int]]:
    """Patches a function so that every `every`-th call records its CPU time, in nanoseconds, in the yielded list."""
    function, taken, calls = getattr(module, name), list[int](), itertools.count()

    def timed(*arguments: Any, **options: Any) -> Any:
        if next(calls) % every:
            return function(*arguments, **options)
        start = time.thread_time_ns()
        result = function(*arguments, **options)
        taken.append(time.thread_time_ns() - start)
        return result

    with mock.patch.object(module, name, timed):
        yield taken


def _sink(destination: str, url: str, folder: Path) -> Sink:
    if destination == "file":
        return NdjsonSink(str(folder / "out.ndjson"))
    if destination == "file.gz":
        return NdjsonSink(str(folder / "out.ndjson.gz"))
    durable = destination == "upload --spool"
    spool = Spool(SpoolSettings(folder / "spool", 10**10, durable=durable), url)
    return UploadSink(url, Http(HttpSettings(), Token("TOKEN")), spool)


DESTINATIONS = ("file", "file.gz", "upload", "upload --spool")


def throughput(count: int) -> None:
    """Prints the table of all destinations."""
    taken: dict[str, list[Taken]] = {destination: [] for destination in DESTINATIONS}
    with endpoint(0.0) as url:
        for _ in range(ROUNDS):
            for destination in DESTINATIONS:
                with Arm(Delivery, {}, fast_loop=True) as arm:
                    taken[destination].append(arm.call("deliver", destination, url, count))
    print(f"{machine()} Medians of {ROUNDS} rounds; {count:,} records of {taken['file'][0].size // count} bytes.\n")
    print(
        "| to | MB/s | records/s | CPU s | of it serialising | gzip | memory MB |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    for destination, rounds in taken.items():
        cpu, wall, memory, size, serialising, compressing = map(median, zip(*rounds, strict=True))
        zipped = f"{compressing / cpu:.0%}" if compressing else ""
        print(
            f"| {destination} | {size / wall / MB:.0f} | {count / wall:,.0f} | {cpu:.2f} | {serialising / cpu:.0%} |"
            f" {zipped} | {memory / MB:.0f} |"
        )


def slow(profile: str, services: str, rounds: int) -> None:
    """Prints the peak memory of complete runs: to a file, and to an endpoint that takes a second for each batch.

    With one batch in flight the endpoint is the bottleneck, and backpressure limits collection for most of the run.
    """
    with tempfile.TemporaryDirectory() as folder, canned(profile) as aws, endpoint(1.0) as url:
        one = ["--upload-concurrency", "1"]
        destinations = {
            "file": [str(Path(folder) / "out.ndjson")],
            "one second a batch": [url],
            "one second a batch, one in flight": [url, *one],
            "one second a batch, one in flight, --spool": [url, *one, "--spool", str(Path(folder) / "spool")],
        }
        peaks: dict[str, list[float]] = {destination: [] for destination in destinations}
        for _ in range(rounds):
            for destination, output in destinations.items():
                wall, memory, report = run(aws, services, output, Path(folder))
                peaks[destination].append(memory / MB)
                counts = report["counts"]
                print(
                    f"{destination}: {memory / MB:.1f} MB, {wall:.1f} s, {counts['batches']} batches, {counts['bytes'] / MB:.1f} MB of lines"
                )
    for destination, each in peaks.items():
        print(
            f"{destination}: median {median(each):.1f} MB, {median(each) - median(peaks['file']):+.1f} MB compared with the file"
        )


def run(aws: str, services: str, output: Sequence[str], folder: Path) -> tuple[float, int, dict[str, Any]]:
    """Runs the collector in a process of its own; returns seconds, peak memory in bytes, and the report."""
    words = [
        "collect",
        "--regions",
        "us-east-1,eu-west-1",
        "--rate-share",
        "1",
        "--report",
        str(folder / "report.json"),
    ]
    code = (
        "import sys\nfrom bench.measure import peak\nfrom collector.cli.main import main\n"
        f"try:\n    main({[*words, *(['--services', services] if services else []), '--output', *output]!r})\n"
        f"finally:\n    print({PEAK_LINE!r} + str(peak()))\n"
    )
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "AWS_ENDPOINT_URL": aws, "AWS_ACCESS_KEY_ID": "AKIA000000000001",
        "AWS_SECRET_ACCESS_KEY": "bench", "AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }  # fmt: skip
    watch = Stopwatch()
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    wall = watch.read().wall
    found = [line for line in done.stdout.splitlines() if line.startswith(PEAK_LINE)]
    if not found or done.returncode not in {0, 3}:
        raise SystemExit(done.stderr[-2000:])
    return wall, int(found[0].removeprefix(PEAK_LINE)), json.loads((folder / "report.json").read_bytes())


@contextmanager
def canned(profile: str) -> Iterator[str]:
    """Runs the canned AWS in a process of its own; yields its URL."""
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.canned", "--profile", profile],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield json.loads(server.stdout.readline() if server.stdout else "{}")["url"]
    finally:
        server.terminate()
        server.communicate()


@contextmanager
def endpoint(seconds: float) -> Iterator[str]:
    """Runs an endpoint in a process of its own that accepts every batch after `seconds`; yields its URL."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there, seconds), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}/"
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Any, seconds: float) -> None:
    asyncio.run(_endpoint(pipe, seconds))


async def _endpoint(pipe: Any, seconds: float) -> None:
    async def take(request: web.Request) -> web.Response:
        while await request.content.readany():
            pass
        await asyncio.sleep(seconds)
        return web.Response(status=204)

    app = web.Application(client_max_size=2**26)
    app.router.add_post("/{tail:.*}", take)
    # The endpoint's own work is not part of the measurement, so it does not even decompress the lines.
    runner = web.AppRunner(app, access_log=None, auto_decompress=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    pipe.send(runner.addresses[0][1])
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.upload", description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument(
        "--slow", action="store_true", help="measure memory with an endpoint that takes a second per batch"
    )
    parser.add_argument("--profile", default="small", help="profile of the canned AWS, for --slow")
    parser.add_argument("--services", default="", help="for --slow; default: all")
    parser.add_argument("--rounds", type=int, default=1, help="for --slow")
    options = parser.parse_args()
    if options.slow:
        slow(options.profile, options.services, options.rounds)
    else:
        throughput(options.records)


if __name__ == "__main__":
    main()
