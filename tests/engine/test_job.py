from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from collector.concurrency import chunks, for_each
from collector.engine.job import JobRun, RowBudgets
from collector.engine.plan import Job
from collector.faults import CallFailed, Reason
from collector.graph.assemble import Page
from collector.model import Place, Scope, Target
from collector.report import ScopeRecord, Status
from collector.schema.declarations import (
    UNKNOWN,
    Call,
    Computed,
    Custom,
    Describe,
    Edge,
    Entity,
    Fixed,
    Gather,
    Hydrate,
    Join,
    Links,
    Nested,
    SameAnswer,
    Service,
    Synthetic,
    Via,
)
from collector.schema.values import equals

HOME = "us-east-1"


class TableApi:
    """An `Api` over a table of operations: each maps to pages, a function of the parameters, or a failure."""

    def __init__(self, **table: Any) -> None:
        self._table = table
        self.calls: list[tuple[str, dict[str, Any], str | None]] = []
        self.in_flight = self.most = 0

    async def once(self, client, op, params, *, region=None, again=()):
        self.calls.append((op, dict(params), region))
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        await anyio.lowlevel.checkpoint()
        self.in_flight -= 1
        answer = self._table[op]
        answer = answer(params) if callable(answer) else answer
        if isinstance(answer, CallFailed):
            raise answer
        return answer[0] if isinstance(answer, list) else answer

    async def pages(self, client, op, params, *, region=None, token=None) -> AsyncIterator[dict]:
        answer = self._table[op]
        answer = answer(params) if callable(answer) else answer
        for page in answer if isinstance(answer, list) else [answer]:
            self.calls.append((op, dict(params), region))
            await anyio.lowlevel.checkpoint()
            if isinstance(page, CallFailed):
                raise page
            yield page

    def params(self, op: str) -> list[dict[str, Any]]:
        return [params for name, params, _ in self.calls if name == op]


def failed(code="AccessDenied", reason=Reason.DENIED, message="no") -> CallFailed:
    return CallFailed("svc:Op", reason, code, message)


def entity(type_="aws_thing", rows=None, **changes) -> Entity:
    return Entity(
        **(
            {"type": type_, "cls": "Configuration", "rows": rows or Call("list", "Things[]"), "key": "Id", "name": "Id"}
            | changes
        )
    )


async def collect(api: TableApi, *declarations, width=16, budgets=None, not_offered=frozenset()):
    entities = tuple(each for each in declarations if isinstance(each, Entity))
    links = tuple(each for each in declarations if isinstance(each, Links))
    service = Service(name="svc", client="svc", title="Svc", entities=entities, links=links)
    target = Target("aws", "1", "arn:aws:iam::1:user/u", (HOME, "eu-west-1"), (HOME, "eu-west-1", "eu-west-2"))
    job = Job(Scope("1", HOME, "svc"), service, (*entities, *links), Place("aws", "1", HOME), HOME, target, not_offered)
    record, pages = ScopeRecord(), []

    def emit(page: Page) -> None:
        pages.append(page)

    await JobRun(job, api, record, emit, width=width, budgets=budgets).run()
    record.ended = 1.0
    return pages, record


def rows_of(pages, declaration=None):
    return [row for page in pages for row, _ in page.rows if declaration is None or page.declaration is declaration]


def ids(pages, declaration=None):
    return [row["Id"] for row in rows_of(pages, declaration)]


async def test_the_rows_of_all_pages_are_emitted():
    pages, record = await collect(TableApi(list=[{"Things": [{"Id": 1}]}, {}, {"Things": [{"Id": 2}]}]), entity())
    assert ids(pages) == [1, 2]
    assert record.status is Status.COMPLETE


async def test_an_empty_listing_emits_nothing_and_is_complete():
    pages, record = await collect(TableApi(list={}), entity())
    assert (pages, record.status, record.problems) == ([], Status.COMPLETE, {})


async def test_a_joined_listing_that_is_not_offered_is_empty_and_not_asked_for():
    aliases = Call("aliases", "Aliases[]", client="gone")
    thing = entity(join=(Join(aliases, "Aliases", on="Target", to="Id"),))
    api = TableApi(list={"Things": [{"Id": 1}]}, aliases={"Aliases": [{"Target": 1}]})
    pages, record = await collect(api, thing, not_offered=frozenset({"gone"}))
    assert [row["Aliases"] for row in rows_of(pages)] == [[]]
    assert (api.params("aliases"), record.status) == ([], Status.COMPLETE)


async def test_rows_that_fail_the_condition_are_dropped():
    api = TableApi(list={"Things": [{"Id": 1, "Type": "a"}, {"Id": 2, "Type": "b"}]})
    pages, _ = await collect(api, entity(when=equals("Type", "b")))
    assert ids(pages) == [2]


async def test_declarations_that_name_one_call_share_its_answer():
    call = Call("list", "Things[]")
    one, two = entity("aws_one", call, when=equals("T", 1)), entity("aws_two", call, when=equals("T", 2))
    api = TableApi(list={"Things": [{"Id": "a", "T": 1}, {"Id": "b", "T": 2}]})
    pages, _ = await collect(api, one, two)
    assert (ids(pages, one), ids(pages, two)) == (["a"], ["b"])
    assert len(api.params("list")) == 1


async def test_nested_rows_of_one_call_share_its_pages_and_hold_their_parent():
    call = Call("list", "@")
    users = entity("aws_user", SameAnswer(call, "Users[]"))
    policies = entity("aws_policy", SameAnswer(call, "Users[].Policies[]"))
    api = TableApi(list=[{"Users": [{"Id": "u", "Policies": [{"Id": "p"}]}]}, {"Users": []}])
    pages, _ = await collect(api, users, policies)
    assert (ids(pages, users), ids(pages, policies)) == (["u"], ["p"])
    assert rows_of(pages, policies)[0]["^"]["Id"] == "u"
    assert len(api.params("list")) == 2


async def test_ids_are_described_in_batches_of_the_declared_size():
    describe = Describe("describe", "Things[]", ids="Ids", size=2, params={"Include": ["TAGS"]})
    api = TableApi(
        list={"Arns": ["a", "b", "c"]}, describe=lambda params: {"Things": [{"Id": one} for one in params["Ids"]]}
    )
    pages, _ = await collect(api, entity(rows=Call("list", "Arns"), describe=describe))
    assert sorted(ids(pages)) == ["a", "b", "c"]
    assert api.params("describe") == [{"Include": ["TAGS"], "Ids": ["a", "b"]}, {"Include": ["TAGS"], "Ids": ["c"]}]


async def test_hydrating_adds_the_answer_to_each_row():
    api = TableApi(list={"Names": ["a", "b"]}, get=lambda params: {"Size": ord(params["Name"])})
    pages, _ = await collect(
        api, entity(rows=Call("list", "Names", wrap="Id"), hydrate=(Hydrate("get", "Detail", {"Name": "Id"}),))
    )
    assert {row["Id"]: row["Detail"] for row in rows_of(pages)} == {"a": {"Size": 97}, "b": {"Size": 98}}


async def test_hydrating_calls_of_one_row_are_concurrent_within_the_width():
    hydrates = tuple(Hydrate("get", f"D{number}", {"Name": "Id"}, {"N": number}) for number in range(6))
    api = TableApi(list={"Names": ["a", "b", "c"]}, get={})
    await collect(api, entity(rows=Call("list", "Names", wrap="Id"), hydrate=hydrates), width=4)
    assert api.most == 4
    api = TableApi(list={"Names": ["a"]}, get={})
    await collect(api, entity(rows=Call("list", "Names", wrap="Id"), hydrate=hydrates), width=16)
    assert api.most == 6


async def test_a_hydrating_call_that_reads_another_answer_waits_for_it():
    hydrates = (
        Hydrate("describe", "Meta", {"Key": "Id"}),
        Hydrate("rotation", "Rotation", {"Key": "Id"}, when=equals("Meta.Manager", "CUSTOMER")),
    )
    api = TableApi(
        list={"Things": [{"Id": "a"}, {"Id": "b"}]},
        describe=lambda params: {"Manager": "CUSTOMER" if params["Key"] == "a" else "AWS"},
        rotation={"On": True},
    )
    pages, _ = await collect(api, entity(hydrate=hydrates))
    assert [row.get("Rotation") for row in rows_of(pages)] == [{"On": True}, None]


async def test_a_condition_on_a_hydrated_field_is_checked_after_hydrating():
    api = TableApi(list={"Things": [{"Id": "a"}, {"Id": "b"}]}, get=lambda params: {"On": params["Name"] == "b"})
    pages, _ = await collect(api, entity(hydrate=(Hydrate("get", "D", {"Name": "Id"}),), when=equals("D.On", True)))
    assert ids(pages) == ["b"]


async def test_all_pages_of_a_hydrating_call_are_read():
    api = TableApi(list={"Things": [{"Id": "a"}]}, tags=[{"Tags": [1]}, {"Tags": []}, {"Tags": [2]}])
    pages, _ = await collect(api, entity(hydrate=(Hydrate("tags", "Tagging", {"Name": "Id"}, items="Tags[]"),)))
    assert rows_of(pages)[0]["Tagging"] == [1, 2]


async def test_gathering_reads_many_rows_in_one_call_and_gives_each_its_items():
    gather = Gather("tags", "Tagging", "Tags[]", ids="Arns", by="Id", on="Arn", size=2)
    api = TableApi(
        list={"Things": [{"Id": "a"}, {"Id": "b"}, {"Id": "c"}]},
        tags=lambda params: {
            "Tags": [{"Arn": arn, "T": arn.upper()} for arn in reversed(params["Arns"]) if arn != "b"]
        },
    )
    pages, _ = await collect(api, entity(gather=(gather,)))
    assert [row["Tagging"] for row in rows_of(pages)] == [[{"Arn": "a", "T": "A"}], [], [{"Arn": "c", "T": "C"}]]
    assert len(api.params("tags")) == 2


async def test_a_joined_listing_is_read_once_for_all_declarations():
    aliases = Call("aliases", "Aliases[]")
    one = entity("aws_one", join=(Join(aliases, "Aliases", on="Target", to="Id"),))
    two = entity("aws_two", Call("list2", "Things[]"), join=(Join(aliases, "Aliases", on="Target", to="Id"),))
    api = TableApi(
        list={"Things": [{"Id": "a"}]}, list2={"Things": [{"Id": "b"}]},
        aliases=[{"Aliases": [{"Target": "a", "N": 1}, {"Target": "a", "N": 2}]}, {"Aliases": [{"Target": "b", "N": 3}]}],
    )  # fmt: skip
    pages, _ = await collect(api, one, two)
    assert [[alias["N"] for alias in row["Aliases"]] for row in (*rows_of(pages, one), *rows_of(pages, two))] == [
        [1, 2],
        [3],
    ]
    assert len(api.params("aliases")) == 2  # its two pages, once


async def test_a_malformed_joined_row_is_recorded_once_however_many_pages_wait_for_it():
    join = Join(Call("aliases", "Aliases[]"), "Aliases", on="Target", to="Id")
    thing = entity(join=(join,), hydrate=(Hydrate("get", "Detail", {"Name": "Id"}),))
    pages = [{"Things": [{"Id": number}]} for number in range(6)]
    api = TableApi(list=pages, get={}, aliases=[{}] * 30 + [{"Aliases": [{"Target": {}}, {"Target": 1}]}])
    collected, record = await collect(api, thing, width=6)
    assert [len(row["Aliases"]) for row in rows_of(collected)] == [0, 1, 0, 0, 0, 0]
    assert [problem.count for problem in record.problems.values()] == [1]


async def test_a_listing_that_is_also_joined_is_read_once():
    tables = Call("tables", "Tables[]")
    table = entity("aws_table", tables)
    thing = entity("aws_thing", join=(Join(tables, "Tables", on="Vpc", to="Vpc"),))
    api = TableApi(list={"Things": [{"Id": "a", "Vpc": "v"}]}, tables={"Tables": [{"Id": "t", "Vpc": "v"}]})
    pages, _ = await collect(api, thing, table)
    assert (ids(pages, table), len(rows_of(pages, thing)[0]["Tables"]), len(api.params("tables"))) == (["t"], 1, 1)


async def test_children_are_listed_for_each_parent_and_hold_it():
    parent = entity("aws_parent")
    child = entity("aws_child", Call("children", "Kids[]", each="aws_parent", args={"Of": "Id"}))
    grandchild = entity("aws_grandchild", Nested("aws_child", "Toys[]"))
    api = TableApi(
        list={"Things": [{"Id": "p"}, {"Id": "q"}]},
        children=lambda params: [{"Kids": [{"Id": params["Of"] + "1", "Toys": [{"Id": params["Of"] + "t"}]}]}, {}],
    )
    pages, _ = await collect(api, parent, child, grandchild)
    assert sorted(ids(pages, child)) == ["p1", "q1"]
    assert sorted(ids(pages, grandchild)) == ["pt", "qt"]
    assert {row["^"]["^"]["Id"] for row in rows_of(pages, grandchild)} == {"p", "q"}


async def test_children_are_not_listed_for_parents_that_fail_the_condition():
    child = entity(
        "aws_child", Call("children", "Kids[]", each="aws_thing", args={"Of": "Id"}, when=equals("Kind", "x"))
    )
    api = TableApi(list={"Things": [{"Id": "p", "Kind": "x"}, {"Id": "q"}]}, children={})
    await collect(api, entity(), child)
    assert api.params("children") == [{"Of": "p"}]


async def test_calls_for_a_row_go_to_its_own_region():
    api = TableApi(list={"Things": [{"Id": "a", "Region": "eu-west-1"}, {"Id": "b", "Region": HOME}]}, get={})
    await collect(api, entity(region="Region", hydrate=(Hydrate("get", "D", {"Name": "Id"}),)))
    assert sorted((params["Name"], region) for op, params, region in api.calls if op == "get") == [
        ("a", "eu-west-1"),
        ("b", None),
    ]


async def test_a_synthetic_row_holds_the_account_and_is_hydrated_in_every_region():
    node = entity("aws_node", Synthetic(), key="AccountId", hydrate=(Hydrate("settings", "Settings", regions=True),))
    api = TableApi(settings=lambda params: {"On": True})
    pages, _ = await collect(api, node)
    (row,) = rows_of(pages)
    assert row["AccountId"] == "1"
    assert [(answer["Region"], answer["On"]) for answer in row["Settings"]] == [(HOME, True), ("eu-west-1", True)]


async def test_a_custom_listing_yields_rows_of_its_own_calls():
    async def loop(calls):
        first = await calls.once("start", Name="x")
        yield [{"Id": first["Id"]}]
        yield [{"Id": "z"}]

    api = TableApi(start={"Id": "y"})
    pages, _ = await collect(api, entity(rows=Custom(loop, ops=("start",))))
    assert ids(pages) == ["y", "z"]
    assert api.params("start") == [{"Name": "x"}]


async def test_the_rows_of_links_are_emitted():
    links = Links(title="logs", rows=Call("list", "Logs[]"), edges=(Edge("aws_a", "LOGS", "aws_b", of="A", at="B"),))
    pages, _ = await collect(TableApi(list={"Logs": [{"A": 1, "B": 2}]}), links)
    assert rows_of(pages, links) == [{"A": 1, "B": 2}]


def _problem(record: ScopeRecord):
    ((operation, reason, code), problem) = next(iter(record.problems.items()))
    return operation, reason, code, problem


async def test_a_denied_listing_makes_its_scope_partial_and_others_are_read():
    one, two = entity("aws_one"), entity("aws_two", Call("list2", "Things[]"))
    pages, record = await collect(TableApi(list=failed(), list2={"Things": [{"Id": 1}]}), one, two)
    assert ids(pages, two) == [1]
    operation, reason, code, problem = _problem(record)
    assert (operation, reason, code, problem.count, problem.types) == (
        "svc:Op",
        Reason.DENIED,
        "AccessDenied",
        1,
        {"aws_one"},
    )
    assert record.status is Status.PARTIAL


async def test_a_failure_after_some_pages_keeps_them():
    pages, record = await collect(
        TableApi(list=[{"Things": [{"Id": 1}]}, failed("Throttling", Reason.THROTTLED)]), entity()
    )
    assert ids(pages) == [1]
    assert record.status is Status.PARTIAL


async def test_child_types_of_a_failed_listing_are_incomplete_too():
    child = entity("aws_child", Call("children", "Kids[]", each="aws_thing", args={"Of": "Id"}))
    inner = entity("aws_inner", Nested("aws_child", "Toys[]"))
    _, record = await collect(TableApi(list=failed()), entity(), child, inner)
    assert _problem(record)[3].types == {"aws_thing", "aws_child", "aws_inner"}


async def test_a_denied_child_listing_affects_only_its_own_type():
    child = entity("aws_child", Call("children", "Kids[]", each="aws_thing", args={"Of": "Id"}))
    api = TableApi(
        list={"Things": [{"Id": "p"}, {"Id": "q"}]},
        children=lambda params: failed() if params["Of"] == "p" else {"Kids": [{"Id": "k"}]},
    )
    pages, record = await collect(api, entity(), child)
    assert ids(pages, child) == ["k"]
    assert _problem(record)[3].types == {"aws_child"}


@pytest.mark.parametrize(
    ("failure", "absent", "status"),
    [
        (failed("NoSuchBucketPolicy", Reason.ERROR), ("NoSuchBucketPolicy",), Status.COMPLETE),
        (failed("AccessDenied"), ("NoSuchBucketPolicy",), Status.PARTIAL),
        (
            failed("AccessDeniedException", message="by a resource-based policy"),
            ("AccessDeniedException: resource-based",),
            Status.COMPLETE,
        ),
        (
            failed("AccessDeniedException", message="no identity-based policy"),
            ("AccessDeniedException: resource-based",),
            Status.PARTIAL,
        ),
    ],
)
async def test_only_declared_codes_mean_absent(failure, absent, status):
    hydrate = Hydrate("get", "Policy", {"Bucket": "Id"}, absent=absent)
    pages, record = await collect(TableApi(list={"Things": [{"Id": "a"}]}, get=failure), entity(hydrate=(hydrate,)))
    assert ids(pages) == ["a"]
    assert "Policy" not in rows_of(pages)[0]
    assert record.status is status


async def test_a_row_that_vanishes_before_hydrating_is_dropped_and_the_scope_is_complete():
    gone = failed("NoSuchHostedZone", Reason.VANISHED)
    api = TableApi(
        list={"Things": [{"Id": "a"}, {"Id": "b"}]}, get=lambda params: gone if params["Name"] == "a" else {}
    )
    pages, record = await collect(api, entity(hydrate=(Hydrate("get", "D", {"Name": "Id"}),)))
    assert ids(pages) == ["b"]
    assert record.status is Status.COMPLETE
    assert _problem(record)[1] is Reason.VANISHED


async def test_not_found_for_a_listing_is_a_failure():
    _, record = await collect(TableApi(list=failed("ResourceNotFoundException", Reason.VANISHED)), entity())
    assert record.status is Status.PARTIAL


async def test_rows_whose_joined_listing_failed_are_emitted_with_the_field_unknown():
    thing = entity(join=(Join(Call("aliases", "Aliases[]"), "Aliases", on="T", to="Id"),))
    pages, record = await collect(TableApi(list={"Things": [{"Id": "a"}]}, aliases=failed()), thing)
    assert rows_of(pages)[0] == {"Id": "a", UNKNOWN: {"Aliases"}}
    assert _problem(record)[3].types == {"aws_thing"}


DETAILED = Hydrate("get", "Detail", {"Name": "Id"})
"""A call that fails in the tests below: what reads its answer is unknown."""


def never(_: object) -> bool:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    "changes",
    [
        {"hydrate": (DETAILED, Hydrate("more", "More", {"Of": "Detail.Id"}))},
        {"hydrate": (DETAILED, Hydrate("more", "More", {"Of": "Id"}, when=Computed(never, ("Detail.Id",))))},
        {"join": (Join(Call("fails", "Things"), "Detail", on="Id", to="Id"),
                  Join(Call("more", "Things"), "More", on="Id", to="Detail[].Id"))},
        {"join": (Join(Call("fails", "Things"), "Detail", on="Id", to="Id"),),
         "gather": (Gather("more", "More", "Things", ids="Ids", by="Detail.Id", on="Id", size=9),)},
    ],
    ids=["argument", "condition", "join", "gather"],
)  # fmt: skip
async def test_a_call_that_needs_the_answer_of_a_failed_one_is_not_made_and_its_answer_is_unknown_too(changes):
    api = TableApi(list={"Things": [{"Id": "a"}]}, get=failed(), fails=failed(), more={"Things": [{"Id": "a"}]})
    pages, record = await collect(api, entity(**changes))
    (row,) = rows_of(pages)
    assert (row[UNKNOWN], "More" in row) == ({"Detail", "More"}, False)
    assert [(operation, reason) for operation, reason, _ in record.problems] == [("svc:Op", Reason.DENIED)]


async def test_rows_whose_condition_is_unknown_are_dropped_and_only_the_failed_call_is_reported():
    thing = entity(hydrate=(DETAILED,), when=Computed(never, ("Detail.Id",)))
    pages, record = await collect(TableApi(list={"Things": [{"Id": "a"}]}, get=failed()), thing)
    assert ids(pages) == []
    assert [(operation, reason) for operation, reason, _ in record.problems] == [("svc:Op", Reason.DENIED)]


async def test_children_are_listed_if_the_condition_is_unknown_and_their_arguments_are_not():
    listing = Call(
        "children", "Kids[]", each="aws_thing", args={"Of": "Id"}, when=Computed(never, ("Detail.HasChildren",))
    )
    unlisted = Call("others", "Kids[]", each="aws_thing", args={"Of": "Detail.Id"})
    api = TableApi(list={"Things": [{"Id": "p"}]}, get=failed(), children={"Kids": [{"Id": "c"}]})
    child, other = entity("aws_child", listing), entity("aws_other", unlisted)
    pages, record = await collect(api, entity(hydrate=(DETAILED,)), child, other)
    assert (ids(pages, child), ids(pages, other)) == (["c"], [])
    assert [problem.types for problem in record.problems.values()] == [{"aws_thing", "aws_child", "aws_other"}]


async def test_children_are_not_described_with_an_unknown_field_of_their_parent():
    describe = Describe("describe", "Things", ids="Ids", size=9, args={"Of": "Detail.Id"})
    child = entity("aws_child", Nested("aws_thing", "Kids"), describe=describe)
    api = TableApi(list={"Things": [{"Id": "p", "Kids": ["c"]}]}, get=failed(), describe={"Things": [{"Id": "c"}]})
    pages, record = await collect(api, entity(hydrate=(DETAILED,)), child)
    assert (ids(pages, child), api.params("describe")) == ([], [])
    assert [(operation, reason) for operation, reason, _ in record.problems] == [("svc:Op", Reason.DENIED)]


async def test_a_row_whose_region_is_unknown_is_read_in_the_scopes_region():
    thing = entity(region="Detail.Region", hydrate=(DETAILED, Hydrate("more", "More", {"Of": "Id"})))
    api = TableApi(list={"Things": [{"Id": "a"}]}, get=failed(), more={})
    pages, _ = await collect(api, thing)
    assert [place.region for page in pages for _, place in page.rows] == [""]
    assert [region for op, _, region in api.calls if op == "more"] == [None]


async def test_a_code_that_means_that_the_row_is_gone_drops_it():
    gone = Hydrate("get", "Detail", {"Name": "Id"}, gone=("ClientException: Unable to describe",))
    deleted = failed("ClientException", Reason.ERROR, "Unable to describe it")
    refused = failed("ClientException", Reason.ERROR, "Rate exceeded")
    for failure, kept, status in ((deleted, [], Status.COMPLETE), (refused, ["a"], Status.PARTIAL)):
        pages, record = await collect(TableApi(list={"Things": [{"Id": "a"}]}, get=failure), entity(hydrate=(gone,)))
        assert (ids(pages), record.status) == (kept, status)


async def test_all_types_that_join_a_failed_listing_are_incomplete():
    aliases = Call("aliases", "Aliases[]")
    one = entity("aws_one", join=(Join(aliases, "Aliases", on="T", to="Id"),))
    two = entity("aws_two", Call("list2", "Things[]"), join=(Join(aliases, "Aliases", on="T", to="Id"),))
    _, record = await collect(
        TableApi(list={"Things": [{"Id": "a"}]}, list2={"Things": [{"Id": "b"}]}, aliases=failed()), one, two
    )
    assert _problem(record)[3].types == {"aws_one", "aws_two"}


async def test_a_vanished_id_does_not_fail_its_batch():
    gone = failed("ResourceNotFoundException", Reason.VANISHED)
    describe = Describe("describe", "Things[]", ids="Ids", size=5)
    api = TableApi(
        list={"Names": ["a", "b", "c"]},
        describe=lambda params: gone if "b" in params["Ids"] else {"Things": [{"Id": one} for one in params["Ids"]]},
    )
    pages, record = await collect(api, entity(rows=Call("list", "Names"), describe=describe))
    assert ids(pages) == ["a", "c"]
    assert record.status is Status.COMPLETE


async def test_a_hydrating_call_without_its_argument_is_not_made():
    api = TableApi(list={"Things": [{"Id": "a", "Key": "k"}, {"Id": "b"}]}, get={})
    await collect(api, entity(hydrate=(Hydrate("get", "D", {"Name": "Key"}),)))
    assert api.params("get") == [{"Name": "k"}]


async def test_a_region_that_fails_leaves_the_answers_of_the_others():
    node = entity("aws_node", Synthetic(), key="AccountId", hydrate=(Hydrate("settings", "Settings", regions=True),))

    class OneDenied(TableApi):
        async def once(self, client, op, params, *, region=None, again=()):
            if region == HOME:
                raise failed()
            return {"On": True}

    pages, record = await collect(OneDenied(), node)
    assert [answer["Region"] for answer in rows_of(pages)[0]["Settings"]] == ["eu-west-1"]
    assert record.status is Status.PARTIAL


async def test_for_each_starts_no_more_tasks_than_the_width():
    most = 0

    async def count(_: int) -> None:
        nonlocal most
        most = max(most, len(anyio.get_running_tasks()))
        await anyio.lowlevel.checkpoint()

    already = len(anyio.get_running_tasks())
    await for_each(range(10_000), count, 8)
    assert most - already <= 8


def test_chunks_hold_all_items_and_are_no_longer_than_their_size():
    assert list(chunks([1, 2, 3, 4, 5], 2)) == [[1, 2], [3, 4], [5]]
    assert list(chunks([], 2)) == []


async def test_declarations_that_share_a_call_do_not_share_hydrated_fields():
    call = Call("list", "Things[]")
    one = entity("aws_one", call, hydrate=(Hydrate("get", "D", {"Name": "Id"}),))
    two = entity("aws_two", call)
    pages, _ = await collect(TableApi(list={"Things": [{"Id": "a"}]}, get={"X": 1}), one, two)
    assert "D" in rows_of(pages, one)[0]
    assert "D" not in rows_of(pages, two)[0]


async def test_children_have_fixed_and_computed_conditions():
    computed = Computed(lambda row: row["Id"] == "q", ("Id",))
    child = entity("aws_child", Call("children", "Kids[]", each="aws_thing", args={"Of": "Id"}, when=computed))
    never = entity("aws_never", Call("never", "Kids[]", each="aws_thing", when=Fixed(False)))
    api = TableApi(list={"Things": [{"Id": "p"}, {"Id": "q"}]}, children={}, never={})
    await collect(api, entity(), child, never)
    assert (api.params("children"), api.params("never")) == ([{"Of": "q"}], [])


def is_free(budgets: RowBudgets, depth: int) -> bool:
    """Whether nothing of a depth's budget is held."""
    return budgets.at(depth)._free == budgets.at(depth)._limit


@pytest.mark.parametrize("last", [{"Things": [{"Id": 5}]}, failed()])
async def test_rows_that_need_further_calls_are_bounded_and_always_released(last):
    held = most = 0

    class Counting(TableApi):
        async def once(self, *args, **kwargs):
            nonlocal most
            most = max(most, held)
            await anyio.lowlevel.checkpoint()
            return await super().once(*args, **kwargs)

    class CountedBudgets(RowBudgets):
        def at(self, depth):
            nonlocal held
            budget = super().at(depth)
            held = budget._limit - budget._free
            return budget

    hydrate = Hydrate("get", "Detail", {"Id": "Id"})
    rows = [{"Things": [{"Id": page * 100 + each} for each in range(30)]} for page in range(4)]
    one = entity("aws_one", Call("one", "Things[]"), hydrate=(hydrate,))
    two = entity("aws_two", Call("two", "Things[]"), hydrate=(hydrate,))
    budgets = CountedBudgets(60, 60)
    api = Counting(one=[*rows, last], two=rows, get={"Size": 1})
    pages, record = await collect(api, one, two, budgets=budgets)
    assert len(ids(pages)) == 240 + (last == {"Things": [{"Id": 5}]})
    assert most == 60
    assert is_free(budgets, 0)
    assert record.status is (Status.PARTIAL if isinstance(last, CallFailed) else Status.COMPLETE)


@pytest.mark.parametrize("last", [{"Kids": []}, failed()])
async def test_rows_below_rows_have_a_budget_for_each_depth(last):
    """With many child listings per page, their pages are not all in memory at once, and there is no deadlock."""
    held: dict[int, int] = {1: 0, 2: 0}
    most = dict(held)

    class Deep(TableApi):
        async def pages(self, client, op, params, **kwargs):
            if op == "list":
                yield {"Things": [{"Id": str(row)} for row in range(40)]}
                return
            depth, pages, rows = {"kids": (1, 3, 20), "grandkids": (2, 2, 5)}[op]
            for each in range(pages):
                await anyio.lowlevel.checkpoint()
                held[depth] += rows
                most[depth] = max(most[depth], held[depth])
                yield {"Kids": [{"Id": f"{params['Of']}.{each}.{row}"} for row in range(rows)]}
                held[depth] -= rows
            if depth == 1 and isinstance(last, CallFailed):
                raise last

    child = entity("aws_child", Call("kids", "Kids[]", each="aws_thing", args={"Of": "Id"}))
    grandchild = entity("aws_grandchild", Call("grandkids", "Kids[]", each="aws_child", args={"Of": "Id"}))
    budgets = RowBudgets(60, 60)
    pages, record = await collect(Deep(), entity(), child, grandchild, budgets=budgets, width=100)
    assert [len(rows_of(pages, each)) for each in (child, grandchild)] == [40 * 60, 40 * 60 * 10]
    assert 20 <= most[1] <= 60
    assert 5 <= most[2] <= 60
    assert all(is_free(budgets, depth) for depth in range(3))
    assert record.status is (Status.PARTIAL if isinstance(last, CallFailed) else Status.COMPLETE)


async def test_a_cancelled_job_releases_its_rows():
    stuck = anyio.Event()

    class Stuck(TableApi):
        async def once(self, *args, **kwargs):
            stuck.set()
            await anyio.sleep_forever()

    child = entity(
        "aws_child",
        Call("kids", "Kids[]", each="aws_thing", args={"Of": "Id"}),
        hydrate=(Hydrate("get", "D", {"Id": "Id"}),),
    )
    api = Stuck(list={"Things": [{"Id": "p"}]}, kids={"Kids": [{"Id": "q"}]})
    budgets = RowBudgets(60, 60)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(collect, api, entity(), child, budgets=budgets))
        await stuck.wait()
        assert not is_free(budgets, 0)
        assert not is_free(budgets, 1)
        tasks.cancel_scope.cancel()
    assert is_free(budgets, 0)
    assert is_free(budgets, 1)


MALFORMED = {"Id": "malformed", "Kind": 5}
GOOD = {"Id": "good", "Kind": "abc"}
RAISES = Via("Kind", lambda kind: kind.upper() == "ABC")
"""A source that cannot be read from the malformed row."""


def odd_rows(**changes) -> tuple[TableApi, Entity]:
    api = TableApi(
        list={"Things": [MALFORMED, GOOD]},
        get={"D": 1},
        other={"Others": [{"T": "good"}]},
        children={"Kids": [{"Id": "kid"}]},
    )
    return api, entity(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"when": RAISES},
        {"region": Via("Kind", lambda kind: kind.lower() and HOME)},
        {"region": Via("Kind", lambda kind: HOME if kind == "abc" else {"no": "text"})},
    ],
)
async def test_a_row_whose_condition_or_region_cannot_be_read_is_lost_alone_and_recorded(changes):
    pages, record = await collect(*odd_rows(**changes))
    assert ids(pages) == ["good"]
    assert _problem(record)[:2] == ("svc:aws_thing", Reason.INVALID)
    assert record.status is Status.PARTIAL


@pytest.mark.parametrize(
    "changes",
    [
        {"hydrate": (Hydrate("get", "At", {"Name": "Id"}, when=RAISES),)},
        {"hydrate": (Hydrate("get", "At", {"Name": "Kind.Inner"}),)},
        {
            "join": (
                Join(Call("other", "Others[]"), "At", on="T", to=Via("Kind", lambda kind: kind.lower() and "good")),
            )
        },
        {"gather": (Gather("other", "At", "Others[]", ids="Ids", by="Kind.Inner", on="T", size=5),)},
    ],
)
async def test_a_further_call_whose_inputs_cannot_be_read_leaves_its_field_unknown_and_is_recorded(changes):
    api, thing = odd_rows(**changes)
    api._table["list"] = {
        "Things": [MALFORMED, {**GOOD, "Kind": {"Inner": "x"}} if "Kind.Inner" in repr(changes) else GOOD]
    }
    pages, record = await collect(api, thing)
    malformed, good = rows_of(pages)
    assert malformed[UNKNOWN] == {"At"}
    assert UNKNOWN not in good
    assert _problem(record)[:2] == ("svc:aws_thing", Reason.INVALID)


async def test_an_argument_that_is_no_text_makes_no_call():
    api = TableApi(list={"Things": [{"Id": "a", "Key": {"malformed": 1}}, {"Id": "b", "Key": "k"}]}, get={})
    pages, record = await collect(api, entity(hydrate=(Hydrate("get", "D", {"Name": "Key"}),)))
    assert (ids(pages), api.params("get")) == (["a", "b"], [{"Name": "k"}])
    assert record.status is Status.PARTIAL


async def test_the_children_of_a_row_whose_condition_cannot_be_read_are_recorded_as_missing():
    child = entity("aws_child", Call("children", "Kids[]", each="aws_thing", args={"Of": "Id"}, when=RAISES))
    api, parent = odd_rows()
    pages, record = await collect(api, parent, child)
    assert (ids(pages, parent), ids(pages, child)) == (["malformed", "good"], ["kid"])
    assert _problem(record)[3].types == {"aws_child"}


@pytest.mark.parametrize("answer", [{"Things": 5}, {"Things": ["text"]}, {"Things": [None, {"Id": "a"}]}])
async def test_a_page_of_another_shape_is_no_bug(answer):
    pages, _ = await collect(TableApi(list=answer), entity(rows=Call("list", "Things[]")))
    assert [row["Id"] for row in rows_of(pages) if "Id" in row] == ["a"] * ("a" in str(answer))
