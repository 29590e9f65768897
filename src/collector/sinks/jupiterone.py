"""JupiterOne: one synchronization job for each account, finalized with what is known to be incomplete."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
import orjson
import structlog
from anyio import to_thread

from collector.sinks.base import DeliveryError
from collector.sinks.outbox import Outbox
from collector.sinks.spool import Spool, Summary
from collector.sinks.synchronization import AWAITING, FINISHED, UNDER_WAY, JobEndedError, JobStatus, Synchronization
from collector.sinks.transport import shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from collector.model import Batch
    from collector.report import Report
    from collector.sinks.encoding import EncodedBatch, Lines, Number

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Aims:
    """What a synchronization is for; times in seconds.

    `instance`: the integration instance that all accounts belong to, in one job; without it each account is a scope of its
    own. `every`: all types there are. `unseen`: those of which this run, by what it was asked for, cannot see everything.
    """

    every: frozenset[str]
    unseen: frozenset[str] = frozenset()
    instance: str | None = None
    wait: bool = False
    poll: float = 5.0
    longest: float = 3600.0
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep


@dataclass(slots=True)
class SyncJob:
    """A job as this side knows it. `whole`: at its end it holds everything that was collected for its account."""

    id: str = ""
    whole: bool = True
    ended: bool = False
    finalized: bool = False
    entities: int = 0
    relationships: int = 0
    failed: dict[Number, set[str]] = field(default_factory=dict)
    numbers: list[Number] = field(default_factory=list)
    turn: anyio.Lock = field(default_factory=anyio.Lock)


class JupiterOneSink:
    """Uploads as batches come; what the service deletes afterwards is decided at the end.

    Types of which a batch failed, or of which the run could not see everything, are told as partial; a run that failed is
    aborted. A batch in a durable spool stays there until its job is finalized: a job that never is keeps nothing.
    """

    def __init__(self, service: Synchronization, spool: Spool, aims: Aims, *, width: int = 6) -> None:
        """Nothing is opened yet."""
        self._service, self._spool, self._aims = service, spool, aims
        self._outbox = Outbox(spool, self._send, width=width, forgets=False)
        self._jobs: dict[str, SyncJob] = {}
        self._problems: list[str] = []
        self._ended = False

    async def open(self) -> None:
        """Make the session. Jobs are started when their first batch comes."""
        await self._service.http.open()
        self._outbox.start()

    async def write(self, batch: Batch) -> None:
        """Take a batch; without a durable spool this waits for a free sender."""
        self._job(batch.scope.account).numbers.append((batch.sequence,))
        await self._outbox.put(batch)

    async def close(self, report: Report | None) -> None:
        """Wait for the last upload and finalize each job; abort them when the run failed."""
        summary = Summary(report, {key: len(job.numbers) for key, job in self._jobs.items()}) if report else None
        await self._end(summary, failed=report is None or report["status"] == "failed")

    async def resend(self) -> None:
        """Synchronize what an earlier process left in the spool. Raises `DeliveryError` when something is still left."""
        try:
            await self.open()
            summary = await self._outbox.disk(self._spool.summary)
            for account, numbers in (await self._outbox.disk(self._spool.accounts)).items():
                self._job(account).numbers += numbers
            for key in self._spool.jobs:
                self._jobs.setdefault(key, SyncJob())
            for key, job in self._jobs.items():
                try:
                    await self._take_up(key, job, summary)
                except DeliveryError as error:
                    job.ended = True
                    self._problems.append(f"{_named(key)}: {error}")
            await self._outbox.resume()
            await self._end(summary, failed=False)
        finally:
            await self._leave()

    async def _take_up(self, key: str, job: SyncJob, summary: Summary | None) -> None:
        """Go on with the job that the batches were for, or begin anew with what is there.

        A job that does not hold everything must not delete anything: all types are partial then.
        """
        old = self._spool.jobs.get(key)
        state = (await self._service.status(old)).get("status") if old else None
        if old and state == AWAITING:
            job.id, job.whole = old, summary is not None
        elif job.numbers:
            job.whole = summary is not None and summary.batches.get(key) == len(job.numbers)
        else:
            job.ended = True
            if state not in UNDER_WAY and state != FINISHED:
                self._problems.append(f"{_named(key)}: its job is {state}; what had been uploaded to it is lost")
            await self._outbox.disk(self._spool.end_job, key)

    async def _end(self, summary: Summary | None, *, failed: bool) -> None:
        """`failed`: throw away what was uploaded; what was not uploaded yet is kept."""
        if self._ended:
            return
        self._ended = True
        try:
            if not failed:
                await self._outbox.drain()
            await self._outbox.stop()
            await self._conclude(summary, failed=failed or self._outbox.broken is not None)
        finally:
            await self._leave()

    async def _leave(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._outbox.stop()
            await self._service.http.close()
            await self._outbox.disk(self._spool.release)

    async def _conclude(self, summary: Summary | None, *, failed: bool) -> None:
        for key, job in self._jobs.items():
            if job.id and not job.ended:
                await self._noting(key, self._abort(job) if failed else self._finalize(key, job, summary))
        for key, job in self._jobs.items():
            if self._aims.wait and job.finalized:
                await self._noting(key, self._finished(job))
        left = "; ".join(filter(None, (self._outbox.told(shown(self._service.base)), *self._problems)))
        if not left:
            await self._outbox.disk(self._spool.discard)
            return
        if summary is not None and self._outbox.broken is None:
            await self._outbox.disk(self._spool.finish, summary)
        place = self._spool.place
        raise DeliveryError(f"{left}; kept in {place}: send it with `collector upload {place}`")

    async def _noting(self, key: str, step: Awaitable[None]) -> None:
        try:
            await step
        except DeliveryError as error:
            self._problems.append(f"{_named(key)}: {error}")

    async def _abort(self, job: SyncJob) -> None:
        await self._service.abort(job.id, "the run failed")
        log.warning("the run failed: its job is aborted", job=job.id)

    async def _finalize(self, key: str, job: SyncJob, summary: Summary | None) -> None:
        partial = self._aims.every
        if job.whole and summary is not None:
            partial = frozenset(summary.report["partialDatasets"]["types"]) | self._aims.unseen.union(
                *job.failed.values()
            )
        await self._service.finalize(job.id, partial)
        job.finalized = True
        arrived = [number for number in job.numbers if number not in self._outbox.failures]
        await self._outbox.disk(self._spool.remove, arrived)
        await self._outbox.disk(self._spool.end_job, key)

    async def _finished(self, job: SyncJob) -> None:
        """Wait until the service has worked a job in, and compare what it counts.

        Raises:
            DeliveryError: when the job ends otherwise, takes too long, or has fewer records than were sent.
        """
        for _ in range(max(1, round(self._aims.longest / self._aims.poll))):
            status = await self._service.status(job.id)
            state = status.get("status")
            if state == FINISHED:
                return _compare(job, status)
            if state not in UNDER_WAY:
                raise DeliveryError(f"job {job.id} ended as {state}")
            await self._aims.sleep(self._aims.poll)
        raise DeliveryError(f"job {job.id} is not finished after {self._aims.longest:g} s")

    def _job(self, account: str) -> SyncJob:
        return self._jobs.setdefault(self._key(account), SyncJob())

    def _key(self, account: str) -> str:
        """An integration instance has one job for all accounts: two would delete each other's records."""
        return "" if self._aims.instance else account

    async def _send(self, parcel: EncodedBatch) -> None:
        job = self._job(parcel.scope.account)
        entities, relationships = await to_thread.run_sync(parcel.records)
        try:
            await self._started(parcel.scope.account, job)
            if entities:
                await self._service.upload(job.id, "entities", entities)
            if relationships:
                await self._service.upload(job.id, "relationships", relationships)
        except DeliveryError as error:
            job.ended = job.ended or isinstance(error, JobEndedError)
            job.failed[parcel.number] = _types([*entities, *relationships])
            raise
        job.failed.pop(parcel.number, None)
        job.entities += len(entities)
        job.relationships += len(relationships)

    async def _started(self, account: str, job: SyncJob) -> None:
        async with job.turn:
            if job.ended:
                raise JobEndedError("its job had ended before")
            if not job.id:
                job.id = await self._service.start(self._what(account))
                await self._outbox.disk(self._spool.begin_job, self._key(account), job.id)

    def _what(self, account: str) -> dict[str, str]:
        if self._aims.instance:
            return {"source": "integration-external", "integrationInstanceId": self._aims.instance}
        return {"source": "api", "scope": f"aws:{account}"}


def _compare(job: SyncJob, status: JobStatus) -> None:
    """What the service counts against what it accepted; more is no loss: a body may have been sent twice."""
    counted = {
        "entities": status.get("numEntitiesUploaded"),
        "relationships": status.get("numRelationshipsUploaded"),
    }
    if counted["relationships"] is not None:
        counted["relationships"] += status.get("numMappedRelationshipsUploaded") or 0
    for kind, sent in (("entities", job.entities), ("relationships", job.relationships)):
        number = counted[kind]
        if number is not None and number < sent:
            raise DeliveryError(f"job {job.id} counts {number} {kind}, {sent} were sent")
    errors = {name: number for name, number in status.items() if name.endswith("Errors") and number}
    log.log(logging.WARNING if errors else logging.INFO, "synchronized", job=job.id, **counted, **errors)


def _named(key: str) -> str:
    return f"account {key}" if key else "the integration instance"


def _types(lines: Lines) -> set[str]:
    return {orjson.loads(line)["_type"] for line in lines}
