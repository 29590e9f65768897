"""Synthetic batches and reports, and sinks for delivery tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from collector.model import Batch
from collector.report import Report
from collector.sinks.credentials import Token
from collector.sinks.spool import Spool, SpoolSettings, spool_folders, take_over
from collector.sinks.transport import Http, HttpSettings, UploadRetryPolicy
from collector.sinks.upload import UploadSink
from tests.waits import no_sleep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUN = "5f0d2c3e"
ACCOUNT = "123456789012"


def record(number: int, **more: Any) -> bytes:
    return json.dumps(
        {"_key": f"arn:aws:sqs:::{number}", "_type": "aws_sqs_queue", "_class": ["Queue"], **more}
    ).encode()


def link(number: int, **more: Any) -> bytes:
    ends = {"_fromEntityKey": f"arn:aws:sqs:::{number}", "_toEntityKey": f"arn:aws:sqs:::{number}"}
    return json.dumps(
        {"_key": f"link:{number}", "_type": "aws_sqs_has_queue", "_class": "HAS", **ends, **more}
    ).encode()


def batch(sequence: int, entities: int = 10, links: int = 0, *, account: str = ACCOUNT, size: int = 10) -> Batch:
    """A batch with unique records."""
    first = sequence * 10_000
    lines = [record(first + index, name="x" * size, accountId=account) for index in range(entities)]
    edges = [link(first + index) for index in range(links)]
    total = sum(len(line) + 1 for line in (*lines, *edges))
    return Batch(account, sequence, RUN, lines, edges, total)


def batches(count: int = 12, **more: Any) -> list[Batch]:
    return [batch(sequence, **more) for sequence in range(1, count + 1)]


def lines(made: list[Batch]) -> list[str]:
    return sorted(line for each in made for line in each.lines().decode().splitlines())


def report(status: str = "complete", partial: tuple[str, ...] = (), patterns: tuple[str, ...] = ()) -> Report:
    partial_datasets = {"types": list(partial), "patterns": list(patterns)}
    return Report(runId=RUN, status=status, counts={}, scopes=[], partialDatasets=partial_datasets)


def spool(folder: Any, url: str, *, durable: bool = False, limit: int = 10_000_000, filesystem: Any = None) -> Spool:
    return Spool(SpoolSettings(folder, limit, durable=durable), url, filesystem=filesystem)


def taken_over(folder: Path) -> Iterator[Spool]:
    """The spools that earlier runs have left."""
    for each in spool_folders(folder):
        kept = take_over(each, 10_000_000)
        assert kept is not None
        yield kept


def uploading(
    url: str,
    kept: Spool,
    *,
    attempts: int = 4,
    timeout: float = 5,
    token: Token | None = None,
    width: int = 4,
    **policy: Any,
) -> UploadSink:
    retry_policy = UploadRetryPolicy(attempts=attempts, **{"sleep": no_sleep, **policy})
    return UploadSink(url, Http(HttpSettings(timeout), token or Token("TOKEN"), retry_policy), kept, width=width)


async def deliver(sink: Any, made: list[Batch], final_report: Report | None) -> None:
    """Open the sink, write the batches and close it, as a run does."""
    await sink.open()
    for each in made:
        await sink.write(each)
    await sink.close(final_report)
