"""Between collection and an endpoint: sends batches, several at a time, and keeps on disk what could not be sent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import anyio
import structlog
from anyio import to_thread

from collector.sinks.base import DeliveryError
from collector.sinks.encoding import EncodedBatch, Number, encoded
from collector.sinks.spool import FullError, Spool
from collector.sinks.transport import GaveUpError, TooLargeError

if TYPE_CHECKING:
    from collector.model import Batch

log = structlog.get_logger()

T = TypeVar("T")
Send: TypeAlias = Callable[[EncodedBatch], Awaitable[None]]

UNSENT = "the run ended first"


class Outbox:
    """Takes batches and has `width` of them sent at a time.

    With a durable spool a batch is on disk before `put` returns and waits there for its turn: memory holds its number. Without
    one `put` waits until a sender is free: memory holds `width` compressed batches and two more. What fails for good is
    on disk in either case, and stands in `failures`.
    """

    def __init__(self, spool: Spool, send: Send, *, width: int = 6, forgets: bool = True) -> None:
        """`send` raises `DeliveryError`. `forgets`: what was sent leaves the spool at once."""
        self.spool = spool
        self._send, self._width, self._forgets = send, width, forgets
        self._waiting: asyncio.Queue[EncodedBatch | Number] = asyncio.Queue(0 if spool.durable else 1)
        self._senders: list[asyncio.Task[None]] = []
        self._sending: list[anyio.CancelScope] = []
        self._interrupted: list[EncodedBatch] = []
        self._again: list[Number] = []
        self._open = 0
        self._moved = asyncio.Event()
        self._turn = threading.Lock()
        self.failures: dict[Number, str] = {}
        self.broken: DeliveryError | None = None

    def start(self) -> None:
        """Begin to send."""
        self._sending = [anyio.CancelScope() for _ in range(self._width)]
        self._senders = [asyncio.create_task(self._work(scope)) for scope in self._sending]

    async def put(self, batch: Batch) -> None:
        """Take a batch.

        Raises:
            DeliveryError: when it cannot be kept, or an earlier one could be neither sent nor kept.
        """
        if self.broken is not None:
            raise self.broken
        parcel = await to_thread.run_sync(encoded, batch)
        if self.spool.durable:
            await self._store(parcel)
            await self._queue(parcel.number)
        else:
            await self._queue(parcel)

    async def resume(self) -> None:
        """Send what lies in the spool."""
        for number in self.spool.kept:
            await self._queue(number)

    async def drain(self) -> None:
        """Wait until each batch was sent, or failed for good. What fell into an outage has a second chance at the end."""
        await self._waiting.join()
        again, self._again = self._again, []
        for number in again:
            await self._queue(number)
        await self._waiting.join()

    async def stop(self) -> None:
        """Send no more; what was not sent is kept. Does nothing after `drain`, but to end the senders."""
        senders, self._senders = self._senders, []
        for scope in self._sending:
            scope.cancel()
        await asyncio.gather(*senders)
        left: list[EncodedBatch | Number] = [*self._interrupted]
        self._interrupted.clear()
        while not self._waiting.empty():
            left.append(self._waiting.get_nowait())
        for item in left:
            if isinstance(item, EncodedBatch):
                await self._keep(item, UNSENT)
            else:
                self.failures[item] = UNSENT

    async def disk(self, do: Callable[..., T], *arguments: Any) -> T:
        """Do something to the spool, in a thread, one thing after the other."""

        def in_turn() -> T:
            with self._turn:
                return do(*arguments)

        return await to_thread.run_sync(in_turn)

    def told(self, where: str) -> str | None:
        """What did not arrive, why, and where it is; None when everything did."""
        parts = [str(self.broken)] if self.broken else []
        if self.failures:
            number, why = next(reversed(self.failures.items()))
            batches = "1 batch was" if len(self.failures) == 1 else f"{len(self.failures)} batches were"
            parts.append(f"{batches} not delivered to {where} (batch {'.'.join(map(str, number))}: {why})")
        return "; ".join(parts) or None

    async def _queue(self, item: EncodedBatch | Number) -> None:
        self._open += 1
        try:
            await self._waiting.put(item)
        except asyncio.CancelledError:
            self._open -= 1
            if isinstance(item, EncodedBatch):
                self._interrupted.append(item)
            raise

    async def _store(self, parcel: EncodedBatch) -> None:
        """Put a parcel on disk; a full spool is waited for as long as anything is on its way out of it."""
        while True:
            moved = self._moved
            try:
                return await self.disk(self.spool.add, parcel)
            except FullError:
                if self._open == 0 and not moved.is_set():
                    raise
                await moved.wait()

    async def _work(self, until: anyio.CancelScope) -> None:
        with until:
            while True:
                await self._one(await self._waiting.get())

    async def _one(self, item: EncodedBatch | Number) -> None:
        try:
            parcel = item if isinstance(item, EncodedBatch) else await self._read(item)
            if parcel is not None:
                await self._settle(parcel)
        finally:
            self._open -= 1
            self._moved.set()
            self._moved = asyncio.Event()
            self._waiting.task_done()

    async def _read(self, number: Number) -> EncodedBatch | None:
        try:
            return await self.disk(self.spool.read, number)
        except DeliveryError as error:
            self.failures[number] = str(error)
            return None

    async def _settle(self, parcel: EncodedBatch) -> None:
        try:
            await self._send(parcel)
        except TooLargeError as error:
            await self._divide(parcel, str(error))
        except DeliveryError as error:
            await self._keep(parcel, str(error))
            if isinstance(error, GaveUpError) and parcel.number in self.failures:
                self._again.append(parcel.number)
        except asyncio.CancelledError:
            self._interrupted.append(parcel)
            raise
        except Exception as error:  # a bug must not cost the batch, nor leave `drain` waiting for it
            log.exception("a bug kept a batch from being sent", batch=parcel.key)
            await self._keep(parcel, repr(error))
        else:
            self.failures.pop(parcel.number, None)
            if self._forgets:
                await self.disk(self.spool.remove, [parcel.number])

    async def _divide(self, parcel: EncodedBatch, why: str) -> None:
        halves = await to_thread.run_sync(parcel.halves)
        if halves is None:
            await self._keep(parcel, why)
            return
        try:
            await self.disk(self.spool.replace, parcel, halves)
        except DeliveryError as error:
            await self._keep(parcel, f"{why}; {error}")
            return
        left = list(halves)
        try:
            while left:
                await self._settle(left.pop(0))
        except asyncio.CancelledError:
            self._interrupted += left
            raise

    async def _keep(self, parcel: EncodedBatch, why: str) -> None:
        try:
            await self.disk(self.spool.add, parcel)
        except DeliveryError as error:
            self.broken = DeliveryError(f"batch {parcel.label} could be neither delivered ({why}) nor kept ({error})")
            return
        if not self.failures:
            log.warning("a batch is not delivered; it is kept", batch=parcel.key, why=why, place=str(self.spool.place))
        self.failures[parcel.number] = why
