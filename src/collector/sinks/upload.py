"""Uploads NDJSON to an endpoint: one POST for each batch, and one for the report once all batches have arrived."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from collector.sinks.base import Delivery, DeliveryError
from collector.sinks.encoding import EncodedBatch
from collector.sinks.outbox import SpooledSink
from collector.sinks.spool import RunSummary, Spool
from collector.sinks.transport import Http, without_query


class UploadSink(SpooledSink):
    """Delivers each batch at least once, under an idempotency key that is the same on every attempt.

    The report is sent only when every batch has arrived: a receiver may delete what a complete run does not contain, so it
    must not mistake an incomplete one for complete.
    """

    def __init__(self, url: str, http: Http, spool: Spool, *, width: int = 6) -> None:
        super().__init__(http, spool, width=width, for_account=False)
        self._url = url
        self._delivery = Delivery(without_query(url))

    async def _send(self, batch: EncodedBatch) -> None:
        headers = {
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
            "Idempotency-Key": batch.key,
            "Collector-Run-Id": batch.run,
            "Collector-Batch": batch.label,
        }
        await self._http.post(self._url, batch.body, headers)
        self._delivery.add(batch.entities + batch.relationships, batch.size)

    def deliveries(self) -> Sequence[Delivery]:
        """What the endpoint has accepted, and what is kept."""
        return [self._with_kept(self._delivery)]

    async def _complete(self, summary: RunSummary | None, *, failed: bool) -> str | None:
        del failed  # without a summary, or with undelivered batches, no report is sent
        address = self._delivery.output
        undelivered = self._outbox.undelivered(address)
        if undelivered or summary is None:
            return undelivered
        headers = {
            "Content-Type": "application/json",
            "Collector-Event": "run-completed",
            "Collector-Run-Id": summary.report["runId"],
            "Idempotency-Key": f"{summary.report['runId']}/completed",
        }
        try:
            await self._http.post(self._url, orjson.dumps(summary.report), headers)
        except DeliveryError as error:
            return f"the report was not delivered to {address} ({error})"
        return None
