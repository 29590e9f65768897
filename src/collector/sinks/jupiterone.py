"""Uploads to JupiterOne: one synchronization job for each account, finalized with the types that are incomplete."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import anyio
import structlog
from anyio import to_thread

from collector.catalog.partial import PartialDatasets
from collector.model import Batch
from collector.report import Report
from collector.sinks.base import Delivery, DeliveryError
from collector.sinks.encoding import EncodedBatch, Number
from collector.sinks.outbox import SpooledSink
from collector.sinks.spool import RunSummary, Spool
from collector.sinks.synchronization import AWAITING, FINISHED, UNDER_WAY, JobEndedError, JobStatus, Synchronization
from collector.sinks.transport import without_query

log = structlog.get_logger()

_TYPE = re.compile(rb'"_type": ?"([^"]+)"')
"""The type in a record, which stands before everything in which the text may occur again."""


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """How to synchronize; times in seconds.

    `all_types`: every type that the collector can emit. `instance`: the integration instance that all accounts belong to, in one job; without it, each account is a
    scope of its own. `wait`: after finalizing, poll each job until it is finished, for at most `timeout`.
    """

    all_types: frozenset[str]
    instance: str | None = None
    wait: bool = False
    poll_interval: float = 5.0
    timeout: float = 3600.0
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep


@dataclass(slots=True)
class SyncJob:
    """The local state of a synchronization job.

    `complete`: once uploaded, the job holds everything that was collected for its account. `types`: those of its records.
    `failed`: the types in each batch that failed. `lock` serializes starting the job.
    """

    id: str = ""
    complete: bool = True
    ended: bool = False
    finalized: bool = False
    entities: int = 0
    relationships: int = 0
    types: set[str] = field(default_factory=set)
    batches: int = 0
    size: int = 0
    failed: dict[Number, set[str]] = field(default_factory=dict)
    numbers: list[Number] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class JupiterOneSink(SpooledSink):
    """Uploads batches as they arrive. Each job is finalized at the end, which lets the service delete missing records.

    Types in failed batches, and types that the run could not see completely, are declared partial, so that the service deletes
    none of them. A failed run aborts its jobs. A batch in a durable spool stays there until its job is finalized, because the
    service discards a job that never is.
    """

    def __init__(self, service: Synchronization, spool: Spool, settings: SyncSettings, *, width: int = 6) -> None:
        super().__init__(service.http, spool, width=width, for_account=True)
        self._service, self._settings = service, settings
        self._jobs: dict[str, SyncJob] = {}
        self._problems: list[str] = []

    async def write(self, batch: Batch) -> None:
        """Accept a batch. Waits for a free sender unless the spool is durable."""
        if any(batch.records(copies=True)):
            self._job(batch.account).numbers.append((batch.sequence,))
        await super().write(batch)

    async def close(self, report: Report | None) -> None:
        """Wait for the last upload and finalize each job; abort the jobs, and keep unsent batches, if the run failed."""
        summary = RunSummary(report, {key: len(job.numbers) for key, job in self._jobs.items()}) if report else None
        await self._close(summary, drain=report is not None and report["status"] != "failed")

    def deliveries(self) -> Sequence[Delivery]:
        """What was uploaded to the jobs that were finalized: the service discards the others."""
        jobs = [job for job in self._jobs.values() if job.finalized]
        ids = f", job {jobs[0].id}" if len(jobs) == 1 else f", {len(jobs)} jobs"
        delivery = Delivery(without_query(self._service.base) + ids)
        for job in jobs:
            delivery.records += job.entities + job.relationships
            delivery.batches += job.batches
            delivery.size += job.size
        return [self._with_kept(delivery)]

    async def _restore(self) -> RunSummary | None:
        summary = await super()._restore()
        for account, numbers in (await self._outbox.call_spool(self._spool.accounts)).items():
            self._job(account).numbers += numbers
        for key in self._spool.jobs:
            self._jobs.setdefault(key, SyncJob())
        for key, job in self._jobs.items():
            try:
                await self._resume_job(key, job, summary)
            except DeliveryError as error:
                job.ended = True
                self._problems.append(f"{_subject(key)}: {error}")
        return summary

    async def _resume_job(self, key: str, job: SyncJob, summary: RunSummary | None) -> None:
        """Continue the job that the batches were meant for, or start a new one with the batches that are left.

        A job that does not hold everything must not cause any deletion: it is finalized with all types partial.
        """
        previous = self._spool.jobs.get(key)
        state = (await self._service.status(previous)).get("status") if previous else None
        if previous and state == AWAITING:
            job.id, job.complete = previous, summary is not None
        elif job.numbers:
            job.complete = summary is not None and summary.batches.get(key) == len(job.numbers)
        else:
            job.ended = True
            if state not in UNDER_WAY and state != FINISHED:
                self._problems.append(f"{_subject(key)}: job {previous} is {state}; its uploads are lost")
            await self._outbox.call_spool(self._spool.end_job, key)

    async def _complete(self, summary: RunSummary | None, *, failed: bool) -> str | None:
        for key, job in self._jobs.items():
            if job.id and not job.ended:
                await self._noting_errors(key, self._abort(job) if failed else self._finalize(key, job, summary))
        for key, job in self._jobs.items():
            if self._settings.wait and job.finalized:
                await self._noting_errors(key, self._wait_until_finished(job))
        undelivered = self._outbox.undelivered(without_query(self._service.base))
        return "; ".join(filter(None, (undelivered, *self._problems)))

    async def _noting_errors(self, key: str, step: Awaitable[None]) -> None:
        try:
            await step
        except DeliveryError as error:
            self._problems.append(f"{_subject(key)}: {error}")

    async def _abort(self, job: SyncJob) -> None:
        await self._service.abort(job.id, "the run failed")
        log.warning("aborted a synchronization job because the run failed", job=job.id)

    async def _finalize(self, key: str, job: SyncJob, summary: RunSummary | None) -> None:
        known = self._settings.all_types | job.types
        await self._service.finalize(job.id, _partial(job, summary, known) if job.complete and summary else known)
        job.finalized = True
        uploaded = [number for number in job.numbers if number not in self._outbox.failures]
        await self._outbox.call_spool(self._spool.remove, uploaded)
        await self._outbox.call_spool(self._spool.end_job, key)

    async def _wait_until_finished(self, job: SyncJob) -> None:
        """Poll a finalized job until it is finished, then check its counts.

        Raises:
            DeliveryError: if the job ends in another state, exceeds the timeout, or counts fewer records than were sent.
        """
        settings = self._settings
        for _ in range(max(1, round(settings.timeout / settings.poll_interval))):
            status = await self._service.status(job.id)
            state = status.get("status")
            if state == FINISHED:
                return _check_counts(job, status)
            if state not in UNDER_WAY:
                raise DeliveryError(f"job {job.id} ended as {state}")
            await settings.sleep(settings.poll_interval)
        raise DeliveryError(f"job {job.id} is not finished after {settings.timeout:g} s")

    def _job(self, account: str) -> SyncJob:
        return self._jobs.setdefault(self._key(account), SyncJob())

    def _key(self, account: str) -> str:
        """The key of an account's job. An integration instance has one job: two would delete each other's records."""
        return "" if self._settings.instance else account

    async def _send(self, batch: EncodedBatch) -> None:
        job = self._job(batch.account)
        entities, relationships = await to_thread.run_sync(batch.records)
        types = {found[1].decode() for line in (*entities, *relationships) if (found := _TYPE.search(line))}
        job.types |= types
        try:
            await self._ensure_started(batch.account, job)
            if entities:
                await self._service.upload(job.id, "entities", entities)
            if relationships:
                await self._service.upload(job.id, "relationships", relationships)
        except DeliveryError as error:
            job.ended = job.ended or isinstance(error, JobEndedError)
            job.failed[batch.number] = types
            raise
        job.failed.pop(batch.number, None)
        job.entities += len(entities)
        job.relationships += len(relationships)
        job.batches += 1
        job.size += batch.size

    async def _ensure_started(self, account: str, job: SyncJob) -> None:
        async with job.lock:
            if job.ended:
                raise JobEndedError("the synchronization job had already ended")
            if not job.id:
                instance = self._settings.instance
                job.id = await self._service.start(
                    {"source": "integration-external", "integrationInstanceId": instance}
                    if instance
                    else {"source": "api", "scope": f"aws:{account}"}
                )
                await self._outbox.call_spool(self._spool.begin_job, self._key(account), job.id)


def _partial(job: SyncJob, summary: RunSummary, known: frozenset[str]) -> frozenset[str]:
    """The types that the report says may be incomplete, whose patterns the service does not know, and those not uploaded."""
    partial = summary.report["partialDatasets"]
    reported = PartialDatasets(frozenset(partial["types"]), frozenset(partial.get("patterns", ())))
    return reported.expanded(known).union(*job.failed.values())


def _check_counts(job: SyncJob, status: JobStatus) -> None:
    """Compare the service's counts with what it accepted. A higher count is no error: a body may have been sent twice."""
    counted = {
        "entities": status.get("numEntitiesUploaded"),
        "relationships": status.get("numRelationshipsUploaded"),
    }
    if counted["relationships"] is not None:
        counted["relationships"] += status.get("numMappedRelationshipsUploaded") or 0
    for kind, sent in (("entities", job.entities), ("relationships", job.relationships)):
        number = counted[kind]
        if number is not None and number < sent:
            raise DeliveryError(f"job {job.id} counts {number} {kind}, but {sent} were sent")
    errors = {name: number for name, number in status.items() if name.endswith("Errors") and number}
    log.log(logging.WARNING if errors else logging.INFO, "synchronized", job=job.id, **counted, **errors)


def _subject(key: str) -> str:
    return f"account {key}" if key else "the integration instance"
