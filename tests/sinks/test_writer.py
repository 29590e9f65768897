from __future__ import annotations

import asyncio
import json
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.graph.assemble import OutgoingRecord
from collector.model import Batch, Scope
from collector.report import Ledger
from collector.sinks import writer as writer_module
from collector.sinks.base import DeliveryError
from collector.sinks.unique import UniqueRecords
from collector.sinks.writer import Writer
from tests.runs import MemorySink

ACCOUNT = "111122223333"
EC2 = Scope(ACCOUNT, "us-east-1", "ec2")
SQS = Scope(ACCOUNT, "us-east-1", "sqs")


def _entity(key: str, scope: Scope = EC2, **more: Any) -> OutgoingRecord:
    return OutgoingRecord({"_key": key, "_type": "aws_vpc", "_class": ["Network"], **more}, scope)


def _relationship(source: str, target: str, scope: Scope = EC2, **more: Any) -> OutgoingRecord:
    record = {"_key": f"{source}|has|{target}", "_type": "t", "_class": "HAS"}
    return OutgoingRecord({**record, "_fromEntityKey": source, "_toEntityKey": target, **more}, scope)


class _Writing:
    """A writer with its sink and ledger."""

    def __init__(self, sink: MemorySink | None = None) -> None:
        self.sink = sink or MemorySink()
        self.ledger = Ledger("run", "0")
        self.writer = Writer(ACCOUNT, UniqueRecords(self.sink, self.ledger), self.ledger, asyncio.Lock())

    def add(self, *records: OutgoingRecord) -> None:
        self.writer.take(records)

    async def delivered(self) -> _Writing:
        """Wait until the sink has accepted all batches sent so far."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.writer.deliver)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        return self

    async def lingered(self) -> _Writing:
        """Wait until the sink has accepted all entities, with `LINGER_SECONDS` patched to 0."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.writer.deliver)
            while self.writer._entities.size or self.writer._queue:
                await anyio.lowlevel.checkpoint()
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        return self

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for batch in self.sink.batches for line in batch.lines().splitlines()]

    @property
    def keys(self) -> list[str]:
        return [record["_key"] for record in self.records]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of 1,000 bytes."""
    monkeypatch.setattr(writer_module, "BATCH_BYTES", 1_000)


async def test_a_small_batch_of_entities_is_sent_once_it_has_lingered(monkeypatch):
    writing = _Writing()
    writing.add(_entity("a"), _entity("b", SQS), _relationship("a", "b"))
    assert (await writing.delivered()).keys == []
    monkeypatch.setattr(writer_module, "LINGER_SECONDS", 0)
    assert (await writing.lingered()).keys == ["a", "b"]


async def test_the_time_to_linger_begins_with_a_record_that_comes_while_the_writer_waits(monkeypatch):
    monkeypatch.setattr(writer_module, "LINGER_SECONDS", 0)
    writing = _Writing()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writing.writer.deliver)
        await anyio.wait_all_tasks_blocked()
        writing.add(_entity("a"))
        while not writing.sink.batches:
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert writing.keys == ["a"]


async def test_a_batch_merges_the_scopes_of_an_account_and_is_numbered():
    writing = _Writing()
    writing.add(_entity("a"), _entity("b", SQS), _entity("c"), _relationship("a", "b", SQS))
    writing.writer.end()
    await writing.writer.deliver()
    assert [(batch.account, batch.sequence, len(batch.entities)) for batch in writing.sink.batches] == [
        (ACCOUNT, 1, 3),
        (ACCOUNT, 2, 0),
    ]


async def test_relationships_wait_until_all_entities_are_sent():
    writing = _Writing()
    writing.add(_entity("a"), _relationship("a", "b"), _entity("b", SQS))
    writing.writer.end()
    assert (await writing.delivered()).keys == ["a", "b", "a|has|b"]


async def test_a_full_batch_is_sent_at_once(small):
    writing = _Writing()
    for number in range(10):
        writing.add(_entity(f"e{number}", text="x" * 200))
    await writing.delivered()
    assert [len(batch.entities) for batch in writing.sink.batches] == [4, 4]
    assert all(batch.size >= 1_000 for batch in writing.sink.batches)


async def test_a_full_batch_of_relationships_sends_all_entities_first(small):
    writing = _Writing()
    writing.add(_entity("a"), _entity("b", SQS), _relationship("a", "b", text="x" * 1_000))
    assert (await writing.delivered()).keys == ["a", "b", "a|has|b"]


async def test_unsent_bytes_stay_below_a_batch_of_each_kind(small):
    writing = _Writing()
    added = 0
    for number in range(200):
        text, scope = "x" * 100, Scope(ACCOUNT, "r", f"s{number % 50}")
        record = _relationship("e0", "e0", scope, text=text) if number % 2 else _entity(f"e{number}", scope, text=text)
        writing.add(record)
        added += len(json.dumps(record.record, separators=(",", ":"))) + 1
        await writing.delivered()
        assert added - writing.ledger.bytes < 2 * 1_000


async def test_bytes_and_batches_are_counted_on_delivery():
    writing = _Writing()
    writing.add(_entity("a", name="wéb"), _relationship("a", "a"))
    writing.writer.end()
    assert (writing.ledger.batches, writing.ledger.bytes) == (0, 0)
    await writing.writer.deliver()
    assert writing.ledger.batches == len(writing.sink.batches) == 2
    assert writing.ledger.bytes == sum(len(batch.lines()) for batch in writing.sink.batches)
    assert all(batch.size == len(batch.lines()) for batch in writing.sink.batches)


async def test_bytes_in_raw_data_are_replaced_by_their_size():
    writing = _Writing()
    writing.add(_entity("a", _rawData=[{"name": "default", "rawData": {"Blob": b"secret", 1: "one"}}]))
    writing.writer.end()
    await writing.writer.deliver()
    assert writing.records[0]["_rawData"][0]["rawData"] == {"Blob": "<6 bytes>", "1": "one"}


async def test_accounts_write_to_the_sink_one_at_a_time():
    class Slow(MemorySink):
        busy = 0

        async def write(self, batch: Batch) -> None:
            self.busy += 1
            assert self.busy == 1
            await anyio.lowlevel.checkpoint()
            self.busy -= 1
            await super().write(batch)

    sink, ledger, lock = Slow(), Ledger("run", "0"), asyncio.Lock()
    unique = UniqueRecords(sink, ledger)
    writers = [Writer(ACCOUNT, unique, ledger, lock) for _ in range(3)]
    async with anyio.create_task_group() as tasks:
        for number, writer in enumerate(writers):
            writer.take([_entity(f"e{number}")])
            writer.end()
            tasks.start_soon(writer.deliver)
    assert sorted(batch.sequence for batch in sink.batches) == [1, 2, 3]


async def test_drain_returns_once_a_slow_sink_has_caught_up(monkeypatch):
    monkeypatch.setattr(writer_module, "WAITING_BYTES", 1_000)
    writing, drained = _Writing(), anyio.Event()

    async def drain() -> None:
        await writing.writer.drain()
        drained.set()

    monkeypatch.setattr(writer_module, "BATCH_BYTES", 1_000)
    writing.add(_entity("a", text="x" * 2_000))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(drain)
        await anyio.wait_all_tasks_blocked()
        assert not drained.is_set()
        writing.writer.end()
        await writing.writer.deliver()
        await drained.wait()


async def test_an_error_of_the_sink_ends_delivery():
    class Broken(MemorySink):
        async def write(self, batch: Batch) -> None:
            raise DeliveryError("full")

    writing = _Writing(Broken())
    writing.add(_entity("a"))
    writing.writer.end()
    with pytest.raises(DeliveryError, match="full"):
        await writing.writer.deliver()
    assert writing.ledger.bytes == 0


_STEPS = st.lists(
    st.tuples(st.sampled_from(["entity", "relationship", "linger"]), st.integers(0, 3), st.integers(0, 400)),
    max_size=60,
)


@settings(deadline=None)
@given(_STEPS)
async def test_a_relationship_never_precedes_its_entities(steps):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer_module, "BATCH_BYTES", 500)
        patch.setattr(writer_module, "LINGER_SECONDS", 0)
        writing, keys = _Writing(), ["root"]
        writing.add(_entity("root"))
        for step, (kind, service, size) in enumerate(steps):
            scope = Scope("1", "r", f"s{service}")
            if kind == "entity":
                keys.append(f"e{step}")
                writing.add(_entity(f"e{step}", scope, text="x" * size))
            elif kind == "relationship":
                writing.add(_relationship(keys[size % len(keys)], keys[-1], scope, n=step, text="x" * size))
            else:
                await writing.lingered()
        writing.writer.end()
        await writing.writer.deliver()
    seen: set[str] = set()
    for record in writing.records:
        seen.add(record["_key"])
        if "_fromEntityKey" in record:
            assert {record["_fromEntityKey"], record["_toEntityKey"]} <= seen
    assert len(writing.records) == 1 + sum(kind != "linger" for kind, _, _ in steps)


async def test_a_record_that_is_not_json_is_dropped_alone_and_reported():
    writing = _Writing()
    writing.ledger.plan(EC2)
    writing.add(_entity("malformed", text="\ud800"), _entity("good"), _relationship("good", "malformed"))
    writing.writer.end()
    assert (await writing.delivered()).keys == ["good"]
    codes = {(reason, code) for _, reason, code in writing.ledger.scopes[EC2].problems}
    assert ("invalid_response", "NotJson") in codes


async def test_raw_data_that_is_not_json_is_left_out_alone():
    writing = _Writing()
    writing.add(_entity("big", _rawData=[{"name": "default", "rawData": {"Size": 10**30}}]))
    writing.writer.end()
    (record,) = (await writing.delivered()).records
    assert record["_key"] == "big"
    assert "Size" not in str(record)
