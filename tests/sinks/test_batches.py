from __future__ import annotations

import asyncio
import json
from collections import Counter

import anyio
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from collector.graph.assemble import OutgoingRecord
from collector.model import Scope
from collector.report import Ledger
from collector.sinks import writer as writer_module
from collector.sinks.unique import UniqueRecords
from collector.sinks.writer import Writer
from tests.runs import MemorySink

ACCOUNT = "123456789012"
SCOPES = [Scope(ACCOUNT, region, "ec2") for region in ("us-east-1", "eu-west-1")]


async def written(records, limit=None):
    """Write records; return the batches and the ledger. `limit` replaces the maximum size of a batch."""
    sink, ledger = MemorySink(), Ledger("run", "test")
    with pytest.MonkeyPatch.context() as patch:
        if limit is not None:
            patch.setattr(writer_module, "MAX_BATCH_BYTES", limit)
        writer = Writer(ACCOUNT, UniqueRecords(sink, ledger), ledger, asyncio.Lock())
        for record, scope in records:
            ledger.plan(scope).entities += isinstance(record["_class"], list)
            ledger.count(record)
            writer.take([OutgoingRecord(record, scope)])
        writer.end()
        await writer.deliver()
    return sink.batches, ledger


def entity(key, **more):
    return {"_key": key, "_type": "aws_instance", "_class": ["Host"], **more}


def edge(source, target):
    return {
        "_key": f"{source}|has|{target}",
        "_type": "aws_instance_has_x",
        "_class": "HAS",
        "_fromEntityKey": source,
        "_toEntityKey": target,
    }


@given(st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 1), st.booleans()), max_size=60))
@effort(max_examples=60, deadline=None)
def test_batches_are_bounded_in_bytes_and_contain_every_record_that_fits(sizes):
    records = [
        (edge(str(number), "x" * size) if link else entity(str(number), name="x" * size), SCOPES[scope])
        for number, (size, scope, link) in enumerate(sizes)
    ]
    batches, ledger = anyio.run(lambda: written(records, 1000))
    delivered = [json.loads(line) for batch in batches for line in batch.lines().splitlines()]
    assert all(len(batch.lines()) == batch.size <= 1000 for batch in batches)
    assert [(batch.run, batch.sequence) for batch in batches] == [("run", number + 1) for number in range(len(batches))]
    fitting = [record for record, _ in records if len(json.dumps(record, separators=(",", ":"))) < 1000]
    assert Counter(record["_key"] for record in delivered) == Counter(record["_key"] for record in fitting)
    assert sum(ledger.types.values()) + sum(ledger.relationships.values()) == len(delivered)
    lost = len(records) - len(fitting)
    assert sum(problem.count for record in ledger.scopes.values() for problem in record.problems.values()) == lost


async def test_a_record_too_large_for_a_batch_is_sent_without_raw_data():
    raw = [{"name": "default", "rawData": {"x": "y" * 6_000_000}}]
    (batch,), ledger = await written([(entity("a", _rawData=raw), SCOPES[0])])
    assert json.loads(batch.entities[0]) == entity("a")
    assert ledger.scopes[SCOPES[0]].problems == {}
    assert ledger.types == {"aws_instance": 1}


async def test_a_record_too_large_without_raw_data_is_reported_with_its_relationships():
    large, links = entity("a", name="y" * 6_000_000), [edge("a", "b"), edge("b", "a")]
    mapped = {"_key": "m", "_type": "t", "_class": "HAS", "_mapping": {"sourceEntityKey": "a"}}
    records = [(each, SCOPES[0]) for each in (large, entity("b"), *links, mapped, edge("b", "c"))]
    batches, ledger = await written(records)
    delivered = [json.loads(line)["_key"] for batch in batches for line in batch.lines().splitlines()]
    assert delivered == ["b", "b|has|c"]
    problems = {(name, code): problem.count for (name, _, code), problem in ledger.scopes[SCOPES[0]].problems.items()}
    assert problems == {
        ("ec2:aws_instance", "RecordTooLarge"): 1,
        ("ec2:aws_instance_has_x", "RecordTooLarge"): 2,
        ("ec2:t", "RecordTooLarge"): 1,
    }
    assert (ledger.types, ledger.relationships, ledger.mapped) == ({"aws_instance": 1}, {"aws_instance_has_x": 1}, 0)
    assert ledger.scopes[SCOPES[0]].entities == 1
    assert {"aws_instance", "aws_instance_has_x"} <= ledger.incomplete_types()
