from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.graph.assemble import OutgoingRecord
from collector.model import AWS, Batch, Scope
from collector.report import Ledger
from collector.sinks.encoding import encode
from collector.sinks.unique import UniqueRecords
from collector.sinks.writer import Writer
from tests.runs import MemorySink


def entity(owner: str, name: str, seen_by: str) -> OutgoingRecord:
    record = {"_key": f"arn:{owner}:{name}", "_type": "aws_vpc", "_class": ["Network"], "seenBy": seen_by}
    return OutgoingRecord(record, Scope(seen_by, "r", "ec2"), None, owner)


def relationship(source: str, target: str, seen_by: str) -> OutgoingRecord:
    record = {
        "_key": f"{source}|has|{target}", "_type": "aws_vpc_has_subnet", "_class": "HAS", "seenBy": seen_by,
        "_fromEntityKey": source, "_toEntityKey": target,
    }  # fmt: skip
    return OutgoingRecord(record, Scope(seen_by, "r", "ec2"))


class Views:
    """What an output with unique keys gets, and an output for each account."""

    def __init__(self) -> None:
        self.unique: list[dict[str, Any]] = []
        self.copies: list[tuple[str, dict[str, Any]]] = []

    async def open(self) -> None:
        pass

    async def write(self, batch: Batch) -> None:
        self.unique += map(json.loads, batch.lines().splitlines())
        for lines in batch.records(copies=True):
            self.copies += [(batch.account, json.loads(line)) for line in lines]

    async def close(self, report: object) -> None:
        pass


async def delivered(accounts: dict[str, list[OutgoingRecord]], run: set[str]) -> tuple[Views, Ledger]:
    """The views of a run over the accounts `run`, in which these deliver their records one after the other."""
    views, ledger = Views(), Ledger("run", "0")
    unique = UniqueRecords(views, ledger)
    unique.begin(run)
    for account, records in accounts.items():
        writer = Writer(account, unique, ledger, asyncio.Lock())
        writer.take(records)
        writer.end()
        await writer.deliver()
    await unique.finish()
    return views, ledger


ACCOUNTS = ("1", "2", "3")
OWNERS = (*ACCOUNTS, "9", AWS)


@st.composite
def estates(draw: st.DrawFn) -> tuple[dict[str, list[OutgoingRecord]], dict[str, set[str]]]:
    """What each account sees of the resources `vpc` and `subnet` of each owner, in a random order, and the keys of each."""
    accounts: dict[str, list[OutgoingRecord]] = {}
    keys: dict[str, set[str]] = {}
    for account in draw(st.permutations(ACCOUNTS)):
        records = []
        for owner in draw(st.sets(st.sampled_from(OWNERS))):
            vpc, subnet = entity(owner, "vpc", account), entity(owner, "subnet", account)
            records += [vpc, subnet, relationship(vpc.record["_key"], subnet.record["_key"], account)]
        own = OutgoingRecord(
            {"_key": f"own:{account}", "_type": "aws_instance", "_class": ["Host"]}, Scope(account, "r", "ec2")
        )
        records += [
            own,
            *(relationship(each.record["_key"], own.record["_key"], account) for each in records if each.owner),
        ]
        accounts[account] = records
        keys[account] = {each.record["_key"] for each in records}
    return accounts, keys


@given(estates())
def test_every_key_is_sent_once_and_is_the_owners_record_if_the_owner_sees_it(estate):
    accounts, keys = estate
    views, ledger = asyncio.run(delivered(accounts, set(ACCOUNTS)))
    sent = {record["_key"]: record for record in views.unique}
    assert max(Counter(record["_key"] for record in views.unique).values()) == 1
    assert sent.keys() == set().union(*keys.values())
    for record in sent.values():
        owner = record["_key"].split(":")[1]
        if "seenBy" in record and owner in ACCOUNTS and record["_key"] in keys[owner]:
            assert record["seenBy"] == owner
    assert [record for _, record in views.copies] != []
    assert {account: {r["_key"] for a, r in views.copies if a == account} for account in ACCOUNTS} == keys
    assert ledger.copies == len(views.copies) - len(views.unique)


async def test_a_record_whose_owner_is_not_in_the_run_is_sent_at_once_and_before_its_relationships():
    vpc, subnet = entity("9", "vpc", "1"), entity("9", "subnet", "1")
    related = relationship(vpc.record["_key"], subnet.record["_key"], "1")
    views, _ = await delivered({"1": [vpc, subnet, related]}, {"1"})
    assert [record["_key"] for record in views.unique] == [each.record["_key"] for each in (vpc, subnet, related)]


async def test_the_copies_of_others_are_sent_when_the_owner_could_not_be_read():
    views, ledger = await delivered({"1": [entity("2", "vpc", "1")], "3": [entity("2", "vpc", "3")]}, {"1", "2", "3"})
    assert [record["seenBy"] for record in views.unique] == ["1"]
    assert ledger.copies == 1


@pytest.mark.parametrize(("copies", "expected"), [(False, 0), (True, 2)])
async def test_a_batch_for_one_account_has_its_copies(copies, expected):
    sink = MemorySink()
    unique = UniqueRecords(sink, ledger := Ledger("run", "0"))
    unique.begin({"1", "2"})
    writer = Writer("1", unique, ledger, asyncio.Lock())
    writer.take([entity("2", "vpc", "1"), entity("2", "subnet", "1")])
    writer.end()
    await writer.deliver()
    assert encode(sink.batches[0], copies=copies).entities == expected
