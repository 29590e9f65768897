"""A failed call costs what depends on it and nothing else; so does an empty answer, and an answer that lacks a member.

Each operation of the catalogue is denied in turn, over recorded answers. Then it answers nothing, and then without each of its
members. What may be missing is derived from the declarations (`tests/losses.py`); everything else must be equal to the byte.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any, ClassVar, NamedTuple, TypeAlias

import pytest
import structlog
from structlog.testing import LogCapture

from collector.analysis.account import analyse
from collector.catalog.catalog import Catalog, declarations, operations
from collector.catalog.permissions import api_of
from collector.faults import CallFailed, Reason
from collector.graph.analysis_run import AnalysisRun
from collector.graph.assemble import Assembler, ConvertedRow, Page
from collector.model import Options, Record, Scope
from collector.report import Ledger, Status
from collector.schema.declarations import Service
from tests.declarations import operation
from tests.fake import ANSWERS, FakeApi
from tests.losses import Losses, Member, Path, without
from tests.pipeline import TARGET, run_jobs

CATALOG = Catalog.all()
SERVICES = {service.name: service for service in CATALOG.services}
TOKENS = {"NextToken", "nextToken", "NextMarker", "Marker", "IsTruncated", "position", "HasMoreStreams"}
NAMES = {"name", "displayName"}
"""Properties that every entity has. If what names it best is missing, the next best does."""

Answers: TypeAlias = list[Any]
Change: TypeAlias = Callable[[Answers], Answers]
"""Changes the pages of an answer, or raises `CallFailed`."""


class Result(NamedTuple):
    """The records of a run and of its analysis, the facts of its entities, and its problems by scope."""

    records: Mapping[str, Record]
    facts: Mapping[str, Any]
    problems: Mapping[Scope, list[dict[str, Any]]]
    statuses: Mapping[Scope, Status]


class ChangedApi(FakeApi):
    """Recorded answers, of which those of one operation are changed."""

    recorded: ClassVar[dict[tuple[str, ...], Answers | CallFailed]] = {}

    def __init__(self, folder: Any, region: str, call: tuple[str, str], change: Change) -> None:
        super().__init__(folder, region)
        self._call, self._change = call, change

    def _answers(self, client: str, op: str, params: Any, region: str | None) -> Answers:
        key = (self._folder.name, client, op, str(params), region or self._region)
        if key not in self.recorded:
            try:
                self.recorded[key] = super()._answers(client, op, params, region)
            except CallFailed as failure:
                self.recorded[key] = failure
        answers = self.recorded[key]
        if isinstance(answers, CallFailed):
            raise answers
        return self._change(answers) if (client, op) == self._call else answers


@cache
def compiled(name: str) -> Assembler:
    return Assembler(Catalog((SERVICES[name],)), Options())


async def collect(name: str, call: tuple[str, str], change: Change) -> Result:
    """Collect a service, with the answers of one operation changed."""
    catalog, ledger = Catalog((SERVICES[name],)), Ledger("run", "0")
    account = compiled(name).account(TARGET, Options(), ledger)
    records: dict[str, Record] = {}
    facts: dict[str, Any] = {}

    def take(page: Page, scope: Scope) -> None:
        rows = list(account._convert(page))
        facts.update({f"{row.entity.key} {fact}": value for row in rows if isinstance(row, ConvertedRow) and row.entity
                      for fact, value in (row.entity.facts or {}).items()})  # fmt: skip
        records.update((each.record["_key"], each.record) for each in account.place(rows, scope))

    await run_jobs(catalog, ledger, lambda service, region: ChangedApi(ANSWERS / service, region, call, change), take)
    records.update((each.record["_key"], each.record) for each in account.close(frozenset(ledger.incomplete_types())))
    analysis = AnalysisRun(TARGET, account.graph.entities, ledger, {entity.type: name for entity in catalog.entities})
    for findings in analyse(account.facts.facts(account.graph.entities.nameable())):
        for finding in findings:
            records.update((each.record["_key"], each.record) for each in analysis._records(finding))
    scopes = {Scope(each["account"], each["region"], each["service"]): each for each in ledger.report(())["scopes"]}
    return Result(
        records,
        facts,
        {scope: each["problems"] for scope, each in scopes.items()},
        {scope: each["status"] for scope, each in scopes.items()},
    )


@cache
def undisturbed(name: str) -> Result:
    return asyncio.run(collect(name, ("", ""), lambda answers: answers))


def new_problems(name: str, result: Result) -> dict[Scope, list[dict[str, Any]]]:
    """The problems that the undisturbed run does not have, by scope."""
    before = undisturbed(name).problems
    found = {scope: [each for each in every if each not in before[scope]] for scope, every in result.problems.items()}
    return {scope: every for scope, every in found.items() if every}


class Difference(NamedTuple):
    """What differs from the undisturbed run: a record that is missing or new, or a value (`label`) that is."""

    record: Record
    label: str | None
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.record['_type']} {self.record['_key']} {self.label or ''}: {self.before!r:.80} -> {self.after!r:.80}"


def differences(name: str, result: Result) -> Iterator[Difference]:
    before, after = undisturbed(name).records, result.records
    for key in before.keys() | after.keys():
        if key not in before or key not in after:
            yield Difference(before.get(key) or after[key], None, before.get(key), after.get(key))
            continue
        old, new = before[key], after[key]
        for label in sorted(old.keys() | new.keys()):
            if old.get(label, ...) != new.get(label, ...):
                yield Difference(old, label, old.get(label), new.get(label))


def unexcused(name: str, result: Result, member: Member, *, additions: bool = False) -> list[str]:
    """The differences that do not depend on the member. With `additions`, what depends on it may also be new."""
    excuses = Excuses(name, result, Losses(SERVICES[name], member))
    found = (each for each in differences(name, result) if not excuses.covers(each))
    return [f"{member}: {each}" for each in found if additions or each.before is not None]


class Excuses:
    """Judges differences: a loss excuses those of what reads it."""

    def __init__(self, name: str, result: Result, losses: Losses) -> None:
        self._name, self._records = name, {**result.records, **undisturbed(name).records}
        self._losses = losses
        self._labels: dict[str, set[str]] = {}
        self._edges: set[str] = set()
        for edge, missing, labels in losses.edges():
            for type_ in CATALOG.relationship_types(edge):
                self._labels.setdefault(type_, set()).update(labels)
                if missing:
                    self._edges.add(type_)

    def covers(self, difference: Difference) -> bool:
        record, label = difference.record, difference.label
        if not is_entity(record):
            return label in self._labels.get(record["_type"], ()) or self._covers_relationship(record)
        if label is None:
            return record["_type"] in self._losses.rows_of or is_brought_by_policies(self._name, record)
        labels = self._losses.labels(record["_type"])
        return label in labels or (label.startswith("tag.") and "tag.*" in labels)

    def _covers_relationship(self, record: Record) -> bool:
        """Whether its pointer may be lost, or an end of it: the entity, the name by which it is found, or a fact."""
        types = {self._records[end]["_type"] for end in ends_of(record) if end in self._records}
        return record["_type"] in self._edges or bool(types & (self._losses.rows_of | self._losses.names_of))


def is_brought_by_policies(name: str, record: Record) -> bool:
    """Whether an entity is a service that a policy names; it is not declared here, but comes with the relationships to it."""
    return record["_type"] not in {entity.type for entity in Catalog((SERVICES[name],)).entities}


def is_entity(record: Record) -> bool:
    return isinstance(record["_class"], list)


def ends_of(record: Record) -> list[str]:
    if "_mapping" in record:
        return [record["_mapping"]["sourceEntityKey"]]
    return [record["_fromEntityKey"], record["_toEntityKey"]]


def calls_of(service: Service) -> list[tuple[str, str]]:
    return sorted({call for declaration in declarations(service) for call in operations(service, declaration)})


OPERATIONS = [(service.name, call) for service in CATALOG.services for call in calls_of(service)]
each_operation = pytest.mark.parametrize(
    ("name", "call"), OPERATIONS, ids=[f"{name}-{client}-{op}" for name, (client, op) in OPERATIONS]
)


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """What is logged as an error."""
    capture = LogCapture()
    structlog.configure([capture], wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield capture.entries
    structlog.reset_defaults()


@each_operation
def test_a_denied_operation_costs_what_depends_on_it_and_is_reported_once(name, call, logged):
    def deny(_: Answers) -> Answers:
        raise CallFailed(f"{call[0]}:{api_of(*call)}", Reason.DENIED, "AccessDenied", "denied")

    result = asyncio.run(collect(name, call, deny))
    assert logged == []
    problems = new_problems(name, result)
    found = {(each["operation"], each["reason"]) for every in problems.values() for each in every}
    assert found == {(f"{call[0]}:{api_of(*call)}", Reason.DENIED)}
    assert all(len(every) == 1 and result.statuses[scope] == Status.PARTIAL for scope, every in problems.items())
    assert unexcused(name, result, Member(*call)) == []
    named = {type_ for every in problems.values() for each in every for type_ in each["types"]}
    assert [str(each) for each in differences(name, result) if not concerns(name, each.record, named)] == []
    assert [str(each) for each in differences(name, result) if is_concluded(each)] == []
    facts = undisturbed(name).facts
    assert [fact for fact, value in result.facts.items() if value is not None and value != facts[fact]] == []


def concerns(name: str, record: Record, types: set[str]) -> bool:
    """Whether a record is of one of these types, or a relationship with an end of one."""
    records = undisturbed(name).records
    if record["_type"] in types:
        return True
    if is_entity(record):
        return is_brought_by_policies(name, record)
    return any(records[end]["_type"] in types for end in ends_of(record) if end in records)


def is_concluded(difference: Difference) -> bool:
    """Whether something is concluded from an unknown answer: there is a record, or a value, that there was not.

    An entity may have another name instead, and a relationship without its far end may be a mapped one.
    """
    if difference.label is None:
        return difference.before is None
    return difference.after is not None and difference.label not in {*NAMES, "_mapping"}


@each_operation
def test_an_empty_answer_is_no_failure_and_costs_what_depends_on_it(name, call, logged):
    result = asyncio.run(collect(name, call, lambda _: [{}]))
    assert logged == []
    assert new_problems(name, result) == {}
    assert unexcused(name, result, Member(*call)) == []
    assert [str(each) for each in differences(name, result) if is_invented(each)] == []


def is_invented(difference: Difference) -> bool:
    """Whether there is a record or a value that there was not, or a flag has become true.

    That there is none may be told by a mapped relationship: a domain that is not registered in this account is elsewhere.
    """
    if difference.before is None:
        return "_mapping" not in (difference.after or {}) and difference.label != "_mapping"
    return is_flagged(difference)


@each_operation
def test_an_answer_without_an_optional_member_costs_what_reads_the_member(name, call, logged):
    failures: list[str] = []
    for path in optional_members(name, call):
        member = Member(call[0], call[1], path)
        result = asyncio.run(collect(name, call, partial(without, path=path)))
        failures += unexcused(name, result, member, additions=True)
        if (call[1], path[-1]) not in ABSENT_MEANS:
            failures += [f"{member}: {each}" for each in differences(name, result) if is_flagged(each)]
        problems = [each for every in new_problems(name, result).values() for each in every]
        types = Losses(SERVICES[name], member).types
        failures += [
            f"{member}: {each}" for each in problems if not (is_owed(name, each) and set(each["types"]) <= types)
        ]
        failures += [f"{member}: {entry}" for entry in logged]
        logged.clear()
    assert failures == []


ABSENT_MEANS = {
    ("describe_auto_scaling_groups", "Status"): "active: only a group that is being deleted has a status",
    ("describe_domains", "Deleted"): "not deleted",
    ("describe_nat_gateways", "ConnectivityType"): "public, which is the default",
    ("get_event_selectors", "ReadWriteType"): "All, which is the default",
}
"""Members whose absence says something, by the API Reference."""


def is_flagged(difference: Difference) -> bool:
    """Whether a flag has become true."""
    return difference.label is not None and difference.before is False and difference.after is True


def is_owed(name: str, problem: dict[str, Any]) -> bool:
    """Whether a missing member may be a failure: it is the identity of its item, a call is made without it and fails, or a
    policy or rule cannot be analysed without it.
    """
    calls = {f"{client}:{api_of(client, op)}" for client, op in calls_of(SERVICES[name])}
    is_identity = problem["code"] == "NoKey" or problem["message"].startswith("the identifier is None")
    return is_identity or problem["operation"] in calls or problem["operation"].startswith("analysis:")


def optional_members(name: str, call: tuple[str, str]) -> list[Path]:
    """The members of the recorded answers of an operation that AWS's model does not require, at any depth."""
    path = ANSWERS / name / f"{call[0]}.{call[1]}.json"
    recorded = json.loads(path.read_text())
    cases = [{"answer": recorded}] if isinstance(recorded, dict) else recorded
    answers = [answer for case in cases for answer in case.get("pages") or [case.get("answer", {})]]
    shape = operation(*call).output_shape
    return list(dict.fromkeys(member for answer in answers for member in _optional(answer, shape)))


def _optional(value: Any, shape: Any) -> Iterator[Path]:
    if isinstance(value, list):
        yield from (path for item in value for path in _optional(item, shape.member))
    elif isinstance(value, dict) and shape.type_name == "map":
        yield from ((name, *path) for name, inner in value.items() for path in ((), *_optional(inner, shape.value)))
    elif isinstance(value, dict) and shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        for name, inner in value.items():
            if name not in TOKENS:
                yield from ((name,),) if name not in shape.required_members else ()
                yield from ((name, *path) for path in _optional(inner, shape.members[name]))
