"""Concurrent sending of batches to an endpoint; undelivered ones are kept in the spool."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias, TypeVar

import anyio
import structlog
from anyio import to_thread

from collector.model import Batch
from collector.report import Report
from collector.sinks.base import Delivery, DeliveryError
from collector.sinks.encoding import EncodedBatch, Number, encode
from collector.sinks.spool import RunSummary, Spool, SpoolFullError
from collector.sinks.transport import EndpointUnavailableError, Http, TooLargeError

log = structlog.get_logger()

T = TypeVar("T")
Send: TypeAlias = Callable[[EncodedBatch], Awaitable[None]]

NOT_SENT = "not sent before the run ended"


class Outbox:
    """A queue of batches with `width` concurrent senders.

    With a durable spool, `put` returns once the batch is on disk; memory holds only its number. Without one, `put` waits for a
    free sender; memory holds `width` compressed batches and two more. Either way a batch that permanently fails is on disk
    and in `failures`, with the reason. `broken` is set once a batch could be neither sent nor kept.
    """

    def __init__(
        self, spool: Spool, send: Send, *, width: int = 6, remove_sent: bool = True, copies: bool = False
    ) -> None:
        """`send` raises `DeliveryError`. `remove_sent` removes a batch from the spool as soon as it is sent.

        With `copies`, each account's copies of shared records are sent.
        """
        self.spool = spool
        self._send, self._width, self._remove_sent, self._copies = send, width, remove_sent, copies
        self._queue: asyncio.Queue[EncodedBatch | Number] = asyncio.Queue(0 if spool.durable else 1)
        self._senders: list[asyncio.Task[None]] = []
        self._sender_scopes: list[anyio.CancelScope] = []
        self._interrupted: list[EncodedBatch] = []
        self._retry_at_end: list[Number] = []
        self._pending = 0
        self._progress = asyncio.Event()
        self._spool_lock = threading.Lock()
        self.failures: dict[Number, str] = {}
        self.broken: DeliveryError | None = None

    def start(self) -> None:
        """Start the senders."""
        self._sender_scopes = [anyio.CancelScope() for _ in range(self._width)]
        self._senders = [asyncio.create_task(self._run_sender(scope)) for scope in self._sender_scopes]

    async def put(self, batch: Batch) -> None:
        """Accept a batch.

        Raises:
            DeliveryError: if the batch cannot be kept, or an earlier one could be neither sent nor kept.
        """
        if self.broken is not None:
            raise self.broken
        encoded = await to_thread.run_sync(partial(encode, batch, copies=self._copies))
        if not encoded.entities and not encoded.relationships:
            return
        if self.spool.durable:
            await self._store(encoded)
            await self._enqueue(encoded.number)
        else:
            await self._enqueue(encoded)

    async def resume(self) -> None:
        """Queue the batches that are in the spool."""
        for number in self.spool.kept:
            await self._enqueue(number)

    async def drain(self) -> None:
        """Wait until each batch is sent or has failed. Batches that failed during an outage are retried once at the end."""
        await self._queue.join()
        retries, self._retry_at_end = self._retry_at_end, []
        for number in retries:
            await self._enqueue(number)
        await self._queue.join()

    async def stop(self) -> None:
        """Stop the senders; unsent batches are kept in the spool and counted as failures."""
        senders, self._senders = self._senders, []
        for scope in self._sender_scopes:
            scope.cancel()
        await asyncio.gather(*senders)
        unsent: list[EncodedBatch | Number] = [*self._interrupted]
        self._interrupted.clear()
        while not self._queue.empty():
            unsent.append(self._queue.get_nowait())
        for item in unsent:
            if isinstance(item, EncodedBatch):
                await self._keep(item, NOT_SENT)
            else:
                self.failures[item] = NOT_SENT

    async def call_spool(self, method: Callable[..., T], *arguments: Any) -> T:
        """Call a method of the spool in a thread, one call at a time."""

        def locked() -> T:
            with self._spool_lock:
                return method(*arguments)

        return await to_thread.run_sync(locked)

    def undelivered(self, address: str) -> str | None:
        """Describe what was not delivered, and why; None if everything was."""
        parts = [str(self.broken)] if self.broken else []
        if self.failures:
            number, reason = next(reversed(self.failures.items()))
            batches = "1 batch was" if len(self.failures) == 1 else f"{len(self.failures)} batches were"
            parts.append(f"{batches} not delivered to {address} (batch {'.'.join(map(str, number))}: {reason})")
        return "; ".join(parts) or None

    async def _enqueue(self, item: EncodedBatch | Number) -> None:
        self._pending += 1
        try:
            await self._queue.put(item)
        except asyncio.CancelledError:
            self._pending -= 1
            if isinstance(item, EncodedBatch):
                self._interrupted.append(item)
            raise

    async def _store(self, batch: EncodedBatch) -> None:
        """Write a batch to the spool; while the spool is full, wait for pending batches to leave it."""
        while True:
            progress = self._progress
            try:
                return await self.call_spool(self.spool.add, batch)
            except SpoolFullError:
                if self._pending == 0 and not progress.is_set():
                    raise
                await progress.wait()

    async def _run_sender(self, cancel_scope: anyio.CancelScope) -> None:
        with cancel_scope:
            while True:
                await self._process(await self._queue.get())

    async def _process(self, item: EncodedBatch | Number) -> None:
        try:
            batch = item if isinstance(item, EncodedBatch) else await self._read(item)
            if batch is not None:
                await self._deliver(batch)
        finally:
            self._pending -= 1
            self._progress.set()
            self._progress = asyncio.Event()
            self._queue.task_done()

    async def _read(self, number: Number) -> EncodedBatch | None:
        try:
            return await self.call_spool(self.spool.read, number)
        except DeliveryError as error:
            self.failures[number] = str(error)
            return None

    async def _deliver(self, batch: EncodedBatch) -> None:
        try:
            await self._send(batch)
        except TooLargeError as error:
            await self._split(batch, str(error))
        except DeliveryError as error:
            await self._keep(batch, str(error))
            if isinstance(error, EndpointUnavailableError) and batch.number in self.failures:
                self._retry_at_end.append(batch.number)
        except asyncio.CancelledError:
            self._interrupted.append(batch)
            raise
        except Exception as error:  # a bug must neither lose the batch nor end the sender, on which `drain` waits
            log.exception("internal error while sending a batch", batch=batch.key)
            await self._keep(batch, repr(error))
        else:
            self.failures.pop(batch.number, None)
            if self._remove_sent:
                await self.call_spool(self.spool.remove, [batch.number])

    async def _split(self, batch: EncodedBatch, reason: str) -> None:
        halves = await to_thread.run_sync(batch.halves)
        if halves is None:
            await self._keep(batch, reason)
            return
        try:
            await self.call_spool(self.spool.replace, batch, halves)
        except DeliveryError as error:
            await self._keep(batch, f"{reason}; {error}")
            return
        remaining = list(halves)
        try:
            while remaining:
                await self._deliver(remaining.pop(0))
        except asyncio.CancelledError:
            self._interrupted += remaining
            raise

    async def _keep(self, batch: EncodedBatch, reason: str) -> None:
        try:
            await self.call_spool(self.spool.add, batch)
        except DeliveryError as error:
            self.broken = DeliveryError(f"batch {batch.label} could be neither delivered ({reason}) nor kept ({error})")
            return
        if not self.failures:
            log.warning(
                "a batch was not delivered and is kept", batch=batch.key, error=reason, place=str(self.spool.place)
            )
        self.failures[batch.number] = reason


class SpooledSink(ABC):
    """A sink that sends batches through an outbox and keeps undelivered ones in a spool.

    Subclasses send a batch (`_send`) and complete the delivery once all senders have stopped (`_complete`).
    """

    def __init__(self, http: Http, spool: Spool, *, width: int, for_account: bool) -> None:
        """`for_account`: each account is delivered as a whole, so that batches are kept, and copies sent, until its end."""
        self._http, self._spool = http, spool
        self._outbox = Outbox(spool, self._send, width=width, remove_sent=not for_account, copies=for_account)
        self._closed = False

    async def open(self) -> None:
        """Open the HTTP session and start the senders."""
        await self._http.open()
        self._outbox.start()

    async def write(self, batch: Batch) -> None:
        """Accept a batch. Waits for a free sender unless the spool is durable."""
        await self._outbox.put(batch)

    async def close(self, report: Report | None) -> None:
        """Wait for the last batch, then complete the delivery. Without a report, unsent batches are kept instead."""
        await self._close(RunSummary(report) if report else None, drain=report is not None)

    async def resend(self) -> None:
        """Deliver what an earlier process left in the spool. Raises `DeliveryError` if anything is still undelivered."""
        try:
            await self.open()
            summary = await self._restore()
            await self._outbox.resume()
            await self._close(summary, drain=True)
        finally:
            await self._release()

    async def _close(self, summary: RunSummary | None, *, drain: bool) -> None:
        """`drain`: wait for queued batches to be sent; otherwise keep them."""
        if self._closed:
            return
        self._closed = True
        try:
            if drain:
                await self._outbox.drain()
            await self._outbox.stop()
            undelivered = await self._complete(summary, failed=not drain or self._outbox.broken is not None)
            if not undelivered:
                await self._outbox.call_spool(self._spool.discard)
                return
            if summary is not None and self._outbox.broken is None:
                await self._outbox.call_spool(self._spool.finish, summary)
            place = self._spool.place
            raise DeliveryError(f"{undelivered}; kept in {place}; run `collector upload {place}` to send it")
        finally:
            await self._release()

    async def _release(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._outbox.stop()
            await self._http.close()
            await self._outbox.call_spool(self._spool.release)

    def _with_kept(self, delivery: Delivery) -> Delivery:
        """Add the batches that are in the spool."""
        return replace(delivery, kept=len(self._spool.kept), spool=str(self._spool.place))

    async def _restore(self) -> RunSummary | None:
        """Restore the state of the earlier run, and return its result."""
        return await self._outbox.call_spool(self._spool.summary)

    @abstractmethod
    def deliveries(self) -> Sequence[Delivery]:
        """What the endpoint has accepted, and what is kept, once the sink is closed."""

    @abstractmethod
    async def _send(self, batch: EncodedBatch) -> None:
        """Send a batch. Raises `DeliveryError`."""

    @abstractmethod
    async def _complete(self, summary: RunSummary | None, *, failed: bool) -> str | None:
        """Tell the endpoint that the run has ended; return a description of what is undelivered, if anything.

        `failed`: the run failed, or a batch could be neither sent nor kept. `summary` is None if the run never ended.
        """
