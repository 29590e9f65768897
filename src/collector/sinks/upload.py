"""NDJSON to an endpoint: one POST for each batch, and one for the report when all of them have arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import orjson

from collector.sinks.base import DeliveryError
from collector.sinks.outbox import Outbox
from collector.sinks.spool import Spool, Summary
from collector.sinks.transport import Http, shown

if TYPE_CHECKING:
    from collector.model import Batch
    from collector.report import Report
    from collector.sinks.encoding import EncodedBatch


class UploadSink:
    """Delivers each batch at least once, under a key that stays the same however often it is sent.

    The completion call is made only when everything has arrived: whoever deletes what a complete run did not show must not
    be told of one that lacks a batch.
    """

    def __init__(self, url: str, http: Http, spool: Spool, *, width: int = 6) -> None:
        """Nothing is opened yet."""
        self._url, self._http, self._spool = url, http, spool
        self._outbox = Outbox(spool, self._send, width=width)
        self._ended = False

    async def open(self) -> None:
        """Make the session."""
        await self._http.open()
        self._outbox.start()

    async def write(self, batch: Batch) -> None:
        """Take a batch; without a durable spool this waits for a free sender."""
        await self._outbox.put(batch)

    async def close(self, report: Report | None) -> None:
        """Wait for the last batch, then tell the endpoint that the run is complete."""
        await self._end(Summary(report) if report else None, whole=report is not None)

    async def resend(self) -> None:
        """Deliver what an earlier process left in the spool. Raises `DeliveryError` when something is still left."""
        try:
            await self.open()
            await self._outbox.resume()
            await self._end(await self._outbox.disk(self._spool.summary), whole=True)
        finally:
            await self._leave()

    async def _end(self, summary: Summary | None, *, whole: bool) -> None:
        """`whole`: all batches there are were taken, so they are waited for; else what is not sent yet is kept."""
        if self._ended:
            return
        self._ended = True
        try:
            if whole:
                await self._outbox.drain()
            await self._outbox.stop()
            await self._conclude(summary)
        finally:
            await self._leave()

    async def _leave(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._outbox.stop()
            await self._http.close()
            await self._outbox.disk(self._spool.release)

    async def _conclude(self, summary: Summary | None) -> None:
        left = self._outbox.told(shown(self._url))
        if left is None and summary is not None:
            left = await self._complete(summary.report)
        if left is None:
            await self._outbox.disk(self._spool.discard)
            return
        if summary is not None and self._outbox.broken is None:
            await self._outbox.disk(self._spool.finish, summary)
        place = self._spool.place
        raise DeliveryError(f"{left}; kept in {place}: send it with `collector upload {place}`")

    async def _complete(self, report: Report) -> str | None:
        headers = {
            "Content-Type": "application/json",
            "Collector-Event": "run-completed",
            "Collector-Run-Id": report["runId"],
            "Idempotency-Key": f"{report['runId']}/completed",
        }
        try:
            await self._http.post(self._url, orjson.dumps(report), headers)
        except DeliveryError as error:
            return f"the report was not delivered to {shown(self._url)} ({error})"
        return None

    async def _send(self, parcel: EncodedBatch) -> None:
        headers = {
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
            "Idempotency-Key": parcel.key,
            "Collector-Run-Id": parcel.run,
            "Collector-Batch": parcel.label,
        }
        await self._http.post(self._url, parcel.body, headers)
