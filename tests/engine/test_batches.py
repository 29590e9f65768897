"""Batches that AWS refuses because of one member, for every declaration that asks for many resources at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from math import ceil, log2
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from collector.aws.faults import classify
from collector.catalog.catalog import Catalog, client_of, declarations, describing_client
from collector.engine.batches import REFUSED_ALONE, BatchCalls
from collector.engine.context import JobContext, was_listed
from collector.engine.listings import Listings
from collector.engine.plan import Job
from collector.engine.rows import RowLoader
from collector.faults import CallFailed, Reason
from collector.model import Place, Scope, Target
from collector.report import ScopeRecord
from collector.schema.declarations import UNKNOWN, Describe
from tests.declarations import operation

HOME = "us-east-1"
GONE = CallFailed("svc:Op", Reason.VANISHED, "ResourceNotFoundException", "gone")
MALFORMED = CallFailed("svc:Op", Reason.ERROR, "ValidationException", "not an id", rejected=True)
FOREIGN = CallFailed("svc:Op", Reason.DENIED, "AccessDeniedException", "not yours")
BROKEN = CallFailed("svc:Op", Reason.ERROR, "InternalFailure", "try later")
THROTTLED = CallFailed("svc:Op", Reason.THROTTLED, "Throttling", "slow down")


class Answers:
    """What was read and lost of batches of numbers, of which some spoil the calls that they are in."""

    def __init__(self, culprits, failure):
        self._culprits, self._failure = culprits, failure
        self.calls: list[list[int]] = []
        self.read: list[int] = []
        self.lost: list[list[int]] = []

    async def call(self, batch):
        self.calls.append(batch)
        if self._culprits & set(batch):
            raise self._failure
        self.read += batch

    def lose(self, batch, failure):
        assert failure is self._failure
        self.lost.append(batch)


def read(size, culprits, failure=GONE, batches=None):
    answers = Answers(frozenset(culprits), failure)
    asyncio.run((batches or BatchCalls()).read(list(range(size)), answers.call, answers.lose))
    return answers


@st.composite
def spoiled(draw):
    size = draw(st.integers(1, 100))
    return size, draw(st.sets(st.integers(0, size - 1)))


@pytest.mark.parametrize("failure", [GONE, MALFORMED], ids=["gone", "malformed"])
@given(spoiled())
def test_every_culprit_is_lost_alone_and_every_other_member_is_read_once(failure, case):
    size, culprits = case
    answers = read(size, culprits, failure)
    assert answers.read == [one for one in range(size) if one not in culprits]
    assert answers.lost == [[one] for one in sorted(culprits)]


@given(spoiled())
def test_a_culprit_costs_two_calls_for_each_halving(case):
    size, culprits = case
    assert len(read(size, culprits).calls) <= 1 + 2 * len(culprits) * ceil(log2(size))


@pytest.mark.parametrize("position", [0, 49, 50, 99])
@pytest.mark.parametrize("failure", [GONE, MALFORMED, FOREIGN], ids=["gone", "malformed", "foreign"])
def test_one_culprit_of_a_hundred_costs_fifteen_calls_at_most(failure, position):
    answers = read(100, {position}, failure)
    assert answers.lost == [[position]]
    assert len(answers.calls) <= 15


@pytest.mark.parametrize("failure", [BROKEN, THROTTLED], ids=["server error", "throttled"])
def test_a_failure_that_is_nobodys_fault_is_not_asked_again(failure):
    answers = read(100, {7}, failure)
    assert (len(answers.calls), answers.lost) == (1, [list(range(100))])


def test_a_call_that_is_denied_for_everyone_is_soon_not_split_any_more():
    batches = BatchCalls()
    first = read(100, range(100), FOREIGN, batches)
    assert sorted(one for lost in first.lost for one in lost) == list(range(100))
    assert len(first.calls) <= 2 * REFUSED_ALONE[Reason.DENIED] + 2 * ceil(log2(100))
    assert len(read(100, range(100), FOREIGN, batches).calls) == 1


def test_denied_members_are_told_apart_once_a_call_was_answered():
    batches = BatchCalls()
    read(1, (), FOREIGN, batches)
    answers = read(40, range(0, 40, 2), FOREIGN, batches)
    assert answers.read == list(range(1, 40, 2))


def batch_calls():
    """Every `Describe` and `Gather` with its service and a declaration that has no other further call."""
    for service in Catalog.all().services:
        for declaration in declarations(service):
            alone = replace(declaration, when=None, hydrate=(), join=(), gather=(), describe=None)
            where = getattr(declaration, "type", "") or f"{service.name}-links"
            if call := declaration.describe:
                client = describing_client(service, declaration)
                yield pytest.param(service, replace(alone, describe=call), call, client, id=f"{where}-{call.op}")
            for gather in declaration.gather:
                client = client_of(service, declaration, gather.client)
                yield pytest.param(service, replace(alone, gather=(gather,)), gather, client, id=f"{where}-{gather.op}")


def placed(path: str, value: Any) -> Any:
    """A row or an answer with the value at a path."""
    for part in reversed(path.split(".") if path != "@" else ["Item"]):
        value = {part.removesuffix("[]"): [value] if part.endswith("[]") and not isinstance(value, list) else value}
    return value


class BatchApi:
    """Answers one operation for many ids, and refuses calls that have a culprit."""

    def __init__(self, call, culprits, failure):
        self._call, self._culprits, self._failure = call, culprits, failure
        self.calls: list[list[str]] = []

    async def once(self, client, op, params, *, region=None, again=()):
        ids = params[self._call.ids]
        self.calls.append(ids)
        if self._culprits & set(ids):
            raise self._failure
        on = "Id" if isinstance(self._call, Describe) else self._call.on
        return placed(self._call.items, [placed(on, one) for one in ids])

    def pages(self, client, op, params, *, region=None, token=None):
        raise AssertionError(op)


async def loaded(service, declaration, call, culprits, failure):
    """The rows that are loaded of two full batches, and what was recorded."""
    target = Target("aws", "1", "arn:aws:iam::1:user/u", (HOME,), (HOME,))
    place, record = Place("aws", "1", HOME), ScopeRecord()
    api = BatchApi(call, culprits, failure)
    context = JobContext(
        Job(Scope("1", HOME, service.name), service, (declaration,), place, HOME, target), api, record, 4
    )
    loader = RowLoader(
        replace(declaration, region=None) if hasattr(declaration, "region") else declaration,
        context,
        Listings(context),
        frozenset(),
    )
    rows = await loader.load([{**placed(call.by, one), "^": {}} for one in asked(call)], place)
    record.ended = 1.0
    return [row for row, _ in rows], record, api


def asked(call):
    return [f"id-{number}" for number in range(2 * call.size)]


EC2_ERRORS = ("InvalidNetworkInterfaceID.NotFound", "InvalidNetworkInterfaceId.Malformed")
"""Codes of the EC2 API Reference: its model declares no errors."""


def declared_errors(client, op):
    """The codes and HTTP statuses of the errors that AWS's model declares for an operation."""
    if client == "ec2":
        yield from ((code, 400) for code in EC2_ERRORS)
    for shape in operation(client, op).error_shapes:
        error = shape.metadata.get("error", {})
        yield error.get("code", shape.name), error.get("httpStatusCode", 400)


def refusals(client, op):
    """The failures that AWS declares for an operation and a caller may cause, as they would be classified."""
    for code, status in declared_errors(client, op):
        response = {
            "Error": {"Code": code, "Message": ""},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }
        found = classify(ClientError(response, op))
        if status < 500 and not found.transient:
            yield CallFailed(f"{client}:{op}", found.reason, found.code, "", rejected=found.rejected)


@pytest.mark.parametrize("failure", [GONE, MALFORMED, FOREIGN], ids=["gone", "malformed", "foreign"])
@pytest.mark.parametrize(("service", "declaration", "call", "client"), list(batch_calls()))
async def test_one_culprit_costs_only_itself(service, declaration, call, client, failure):
    ids = asked(call)
    culprit = ids[call.size // 2]
    await check_lost_alone(service, declaration, call, culprit, failure)


@pytest.mark.parametrize(("service", "declaration", "call", "client"), list(batch_calls()))
async def test_every_refusal_in_the_model_costs_only_the_culprit(service, declaration, call, client):
    failures = list(refusals(client, call.op))
    assert failures
    for failure in failures:
        await check_lost_alone(service, declaration, call, asked(call)[-1], failure)


async def check_lost_alone(service, declaration, call, culprit, failure):
    rows, record, api = await loaded(service, declaration, call, {culprit}, failure)
    others = [one for one in asked(call) if one != culprit]
    if isinstance(call, Describe):
        assert sorted(row["Id"] for row in rows) == sorted(others)
    else:
        complete = [row for row in rows if UNKNOWN not in row]
        assert all(row[call.at] for row in complete)
        assert sorted(read_by(call, row) for row in complete) == sorted(others)
        assert [row[UNKNOWN] for row in rows if UNKNOWN in row] == [{call.at}]
    expected = failure.reason if failure.reason is not Reason.VANISHED or was_listed(declaration) else Reason.ERROR
    assert [(reason, code, problem.count) for (_, reason, code), problem in record.problems.items()] == [
        (expected, failure.code, 1)
    ]
    assert all(problem.types for problem in record.problems.values())
    assert len(api.calls) <= 2 + 2 * ceil(log2(call.size))


def read_by(call, row):
    for part in call.by.split("."):
        row = row[part]
    return row
