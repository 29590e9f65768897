"""One record for each key in a run: what several accounts see is sent once to the outputs that hold all accounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from collector.model import Batch, SharedRecord, digest_of
from collector.report import Ledger, Report
from collector.sinks.base import Sink
from collector.sinks.writer import BATCH_BYTES


class UniqueRecords:
    """A sink that numbers the batches of a run, and chooses from each the shared records for outputs with unique keys.

    A record of a resource that several accounts see is the owner's, if that account is collected; the copies of others are
    held until the run ends, in case the owner's record never comes. Of a resource whose owner is not collected, the first
    copy is chosen. Outputs for each account get all copies.
    """

    def __init__(self, sink: Sink, ledger: Ledger) -> None:
        self._sink, self._ledger = sink, ledger
        self._accounts: frozenset[str] = frozenset()
        self._sent: set[bytes] = set()
        self._held: dict[str, tuple[str, SharedRecord]] = {}

    def begin(self, accounts: Iterable[str]) -> None:
        """Set the accounts of the run, before the first batch."""
        self._accounts = frozenset(accounts)

    async def open(self) -> None:
        """Nothing to open: the run has opened the sink."""

    async def write(self, batch: Batch) -> None:
        """Write a batch with its number. Raises `DeliveryError`."""
        if len(self._accounts) > 1:
            self._sent.update(batch.owned)
        batch.chosen = [record for record in batch.shared if self._is_chosen(record, batch.account)]
        self._ledger.copies += len(batch.shared) - len(batch.chosen)
        await self._write(batch)

    async def finish(self) -> None:
        """Write the held copies of what its owner did not deliver. Raises `DeliveryError`."""
        for batch in self._held_batches():
            self._ledger.copies -= len(batch.chosen)
            await self._write(batch)

    async def close(self, report: Report | None) -> None:
        """Close the sink."""
        await self._sink.close(report)

    async def _write(self, batch: Batch) -> None:
        self._ledger.batches += 1
        batch.sequence = self._ledger.batches
        await self._sink.write(batch)
        self._ledger.bytes += len(batch.lines())

    def _is_chosen(self, record: SharedRecord, account: str) -> bool:
        if record.owner in self._accounts:
            self._held.setdefault(record.key, (account, record))
            return False
        digest = digest_of(record.key)
        is_first = digest not in self._sent
        self._sent.add(digest)
        return is_first

    def _held_batches(self) -> Iterator[Batch]:
        """Batches of the held entities that were not delivered, and then of the relationships with such an end."""
        held, self._held = self._held, {}
        missing = {key for key, (_, record) in held.items() if not record.ends and digest_of(key) not in self._sent}
        entities = [each for key, each in held.items() if key in missing]
        relationships = [each for each in held.values() if not missing.isdisjoint(each[1].ends)]
        batch = Batch("", run=self._ledger.run_id)
        for account, record in (*entities, *relationships):
            if batch.size and (account != batch.account or batch.size + len(record.line) > BATCH_BYTES):
                yield batch
                batch = Batch(account, run=self._ledger.run_id)
            batch.account = account
            batch.chosen.append(record)
            batch.size += len(record.line) + 1
        if batch.size:
            yield batch
