"""What a successful answer tells of items that AWS could not read, as the engine records it."""

from typing import Any

import pytest

from collector.catalog.catalog import Catalog, affected, client_of, declarations, describing_client
from collector.engine.item_failures import item_failures
from collector.engine.job import JobRun
from collector.engine.plan import jobs
from collector.faults import Reason
from collector.model import Target
from collector.report import ScopeRecord, Status
from collector.schema.declarations import UNKNOWN, Call, Describe, Failures, Gather, Hydrate, Join, Synthetic
from tests.engine.test_job import TableApi, collect, entity, ids, rows_of
from tests.fake import ANSWERS, FakeApi

FAILED = (Failures("failures[]", code="reason", message="detail", id="arn"),)


def problems(record):
    return {
        (operation, str(reason), code): (problem.count, sorted(problem.types))
        for (operation, reason, code), problem in record.problems.items()
    }


def failing(reason, arn="b"):
    return {"failures": [{"arn": arn, "reason": reason, "detail": "no"}]}


@pytest.mark.parametrize(
    ("code", "reason", "status"),
    [
        ("MISSING", "vanished", Status.COMPLETE),
        ("ITEM_DOES_NOT_EXIST", "vanished", Status.COMPLETE),
        ("ACCESS_DENIED", "denied", Status.PARTIAL),
        ("AccessDeniedException", "denied", Status.PARTIAL),
        ("SSM_THROTTLED", "throttled", Status.PARTIAL),
        ("INTERNAL_ERROR", "error", Status.PARTIAL),
        ("SOMETHING_NEW", "error", Status.PARTIAL),
    ],
)
async def test_a_failed_item_of_a_description_is_reported_by_its_code(code, reason, status):
    describe = Describe("describe_clusters", "Things[]", ids="Ids", size=9, failures=FAILED)
    api = TableApi(list={"Names": ["a", "b"]}, describe_clusters={"Things": [{"Id": "a"}], **failing(code)})
    pages, record = await collect(api, entity(rows=Call("list", "Names", client="ecs"), describe=describe))
    assert ids(pages) == ["a"]
    assert problems(record) == {("ecs:DescribeClusters", reason, code): (1, ["aws_thing"])}
    assert record.status is status


async def test_the_message_names_the_resource():
    describe = Describe("describe_clusters", "Things[]", ids="Ids", size=9, failures=FAILED)
    api = TableApi(list={"Names": ["b"]}, describe_clusters=failing("ACCESS_DENIED", "arn:b"))
    _, record = await collect(api, entity(rows=Call("list", "Names", client="ecs"), describe=describe))
    assert [problem.message for problem in record.problems.values()] == ["arn:b: no"]


async def test_a_synthetic_row_cannot_vanish():
    describe = Describe("describe_clusters", "Things[]", ids="Ids", size=9, by="AccountId", failures=FAILED)
    api = TableApi(describe_clusters=failing("RESOURCE_NOT_FOUND", "1"))
    _, record = await collect(api, entity(rows=Synthetic(), describe=describe, client="ecs"))
    assert list(problems(record)) == [("ecs:DescribeClusters", "error", "RESOURCE_NOT_FOUND")]
    assert record.status is Status.PARTIAL


async def test_failures_of_a_listing_concern_every_declaration_that_reads_it():
    call = Call("list_clusters", "Things[]", failures=FAILED)
    join = Join(call, "Joined", on="Id", to="Id")
    declared = [
        entity("aws_one", call, client="ecs"),
        entity("aws_two", Call("list", "Things[]"), join=(join,), client="ecs"),
    ]
    api = TableApi(list={}, list_clusters=[{"Things": [{"Id": "a"}]}, failing("ACCESS_DENIED")])
    pages, record = await collect(api, *declared)
    assert ids(pages) == ["a"]
    assert problems(record) == {("ecs:ListClusters", "denied", "ACCESS_DENIED"): (1, ["aws_one", "aws_two"])}


async def test_failures_of_every_page_of_a_hydrating_call_are_reported():
    hydrate = Hydrate("list_tasks", "Tasks", {"cluster": "Id"}, items="Items[]", failures=FAILED)
    api = TableApi(
        list={"Things": [{"Id": "a"}]}, list_tasks=[{"Items": [1], **failing("X")}, {"Items": [2], **failing("X")}]
    )
    pages, record = await collect(api, entity(hydrate=(hydrate,), client="ecs"))
    assert [row["Tasks"] for row in rows_of(pages)] == [[1, 2]]
    assert problems(record) == {("ecs:ListTasks", "error", "X"): (2, ["aws_thing"])}


async def test_failures_in_every_region_are_reported():
    hydrate = Hydrate("describe_clusters", "All", regions=True, failures=FAILED)
    api = TableApi(list={"Things": [{"Id": "a"}]}, describe_clusters=failing("X"))
    _, record = await collect(api, entity(hydrate=(hydrate,), client="ecs"))
    assert problems(record) == {("ecs:DescribeClusters", "error", "X"): (2, ["aws_thing"])}


@pytest.mark.parametrize(
    ("answer", "failures", "unknown"),
    [
        (failing("ACCESS_DENIED"), FAILED, ["b"]),
        ({"UnprocessedKeys": ["b"]}, (Failures("UnprocessedKeys[]", id="@"),), ["b"]),
        ({"error": {"code": "X"}}, (Failures("error", code="code"),), ["b", "c"]),
    ],
    ids=["named", "unprocessed", "not attributed"],
)
async def test_a_gathered_row_that_failed_is_unknown_and_not_empty(answer, failures, unknown):
    gather = Gather("describe_clusters", "Tagging", "Tags[]", ids="Ids", by="Id", on="Arn", size=9, failures=failures)
    api = TableApi(
        list={"Things": [{"Id": one} for one in "abc"]}, describe_clusters={"Tags": [{"Arn": "a"}], **answer}
    )
    pages, record = await collect(api, entity(gather=(gather,), client="ecs"))
    rows = rows_of(pages)
    assert [row["Id"] for row in rows if UNKNOWN in row] == unknown
    assert [row["Id"] for row in rows if row.get("Tagging") == []] == [one for one in "bc" if one not in unknown]
    assert record.status is Status.PARTIAL


def test_unprocessed_items_without_a_code_bear_the_name_of_their_member():
    (found,) = item_failures({"UnprocessedKeys": ["b"]}, (Failures("UnprocessedKeys[]", id="@"),), "ecs", "list_tasks")
    assert (found.id, found.failure.code, found.failure.message) == ("b", "UnprocessedKeys", "b")


def test_an_answer_without_failures_tells_of_none():
    answers: list[dict[str, Any]] = [{}, {"failures": []}, {"failures": None}]
    for answer in answers:
        assert list(item_failures(answer, FAILED, "ecs", "list_tasks")) == []


def type_of(declaration):
    return getattr(declaration, "type", "links")


def declared_failures():
    """Every `failures` of the catalogue: its service, declaration, client, call and member."""
    for service in Catalog.all().services:
        for declaration in declarations(service):
            calls: list[tuple[str, Describe | Hydrate]] = [
                (client_of(service, declaration, each.client), each) for each in declaration.hydrate
            ]
            if declaration.describe:
                calls.append((describing_client(service, declaration), declaration.describe))
            for client, call in calls:
                for failures in call.failures:
                    yield pytest.param(
                        service, declaration, client, call, failures, id=f"{type_of(declaration)}-{call.op}"
                    )


class FailingApi(FakeApi):
    """Recorded answers, of which those of one operation also tell of a failure."""

    def __init__(self, folder, region, op, failures):
        super().__init__(folder, region)
        self._op, self._failures = op, failures

    async def once(self, client, op, params, *, region=None, again=()):
        answer = await super().once(client, op, params, region=region, again=again)
        if op != self._op:
            return answer
        member, item = self._failures.items, {self._failures.code: "ACCESS_DENIED"}
        items = [item] if member.endswith("[]") else {"arn:failed": item} if member.endswith("{}") else item
        return {**answer, member.rstrip("[]{}"): items}


@pytest.mark.parametrize(("service", "declaration", "client", "call", "failures"), list(declared_failures()))
async def test_every_declared_failure_makes_the_types_of_its_declaration_partial(
    service, declaration, client, call, failures
):
    target = Target("aws", "123456789012", "arn:aws:iam::123456789012:user/u", ("us-east-1",), ("us-east-1",))
    (job,) = [job for job in jobs(Catalog((service,)), target) if declaration in job.declarations]
    record = ScopeRecord()
    api = FailingApi(ANSWERS / service.name, job.region, call.op, failures)
    await JobRun(job, api, record, lambda _: None).run()
    record.ended = 1.0
    assert {reason for _, reason, _ in record.problems} - {Reason.VANISHED} == {Reason.DENIED}
    assert record.incomplete_types() == affected(service, declaration)
    assert record.status is Status.PARTIAL
