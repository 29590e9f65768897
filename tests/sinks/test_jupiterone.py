from __future__ import annotations

import json

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from collector.demo.stub import Fault
from collector.model import Batch, Scope
from collector.sinks.base import DeliveryError
from collector.sinks.credentials import Token
from collector.sinks.jupiterone import Aims, JupiterOneSink
from collector.sinks.layout import found
from collector.sinks.shrink import shrunk
from collector.sinks.spool import taken_over
from collector.sinks.synchronization import Synchronization
from collector.sinks.transport import Http, Manner, UploadRetryPolicy
from tests.runs import collect
from tests.sinks.endpoint import serving
from tests.sinks.fake_jupiterone import ACCOUNT as J1_ACCOUNT
from tests.sinks.fake_jupiterone import KEY, PATH, FakeJupiterOne
from tests.sinks.made import ACCOUNT, RUN, batch, batches, deliver, lines, no_sleep, record, report, spool

EVERY = frozenset({"aws_sqs_queue", "aws_sqs_has_queue", "aws_instance", "aws_ec2_has_instance"})
OTHER = "222233334444"


@pytest.fixture
async def service():
    made = FakeJupiterOne()
    async with serving(made.handle) as url:
        made.url = url.removesuffix("/in")
        yield made


@pytest.fixture(params=[False, True], ids=["in memory", "durable"])
def durable(request):
    return request.param


def synchronizing(url, kept, *, key=KEY, width=3, attempts=3, **aims):
    http = Http(
        Manner(5, {"JupiterOne-Account": J1_ACCOUNT}),
        Token("JUPITERONE_API_KEY", key),
        UploadRetryPolicy(attempts=attempts, sleep=no_sleep, rest=0),
    )
    return JupiterOneSink(Synchronization(http, url), kept, Aims(EVERY, sleep=no_sleep, **aims), width=width)


async def resend(place, url, **more):
    for folder in found(place):
        kept = taken_over(folder, 10_000_000)
        assert kept is not None
        await synchronizing(url, kept, **more).resend()


def held(job):
    return sorted(json.dumps(each, sort_keys=True) for each in (*job.entities.values(), *job.relationships.values()))


def sent(made):
    return sorted(json.dumps(json.loads(line), sort_keys=True) for line in lines(made))


def refusing(word, status=400, code="NO", times=10**6, when=lambda data: True):
    async def fault(service, request, asked):
        if asked != word or service.tries[word] > times or not when(await request.read()):
            return None
        return web.json_response({"error": {"code": code, "message": "no"}}, status=status)

    return fault


async def test_a_complete_run_is_one_finished_job_for_each_account(service, tmp_path, durable):
    made = [*batches(4, links=3), *[batch(9, links=2, account=OTHER)]]
    sink = synchronizing(service.url, spool(tmp_path, service.url, durable=durable), wait=True)
    await deliver(sink, made, report())
    assert service.violations == []
    assert {job.scope for job in service.jobs.values()} == {f"aws:{ACCOUNT}", f"aws:{OTHER}"}
    assert {job.status for job in service.jobs.values()} == {"FINISHED"}
    assert held(service.job(ACCOUNT)) == sent(made[:4])
    assert held(service.job(OTHER)) == sent(made[4:])
    assert {job.partial for job in service.jobs.values() if job.partial} == set()
    assert len(set(service.correlations)) == len(service.correlations) > 0
    assert list(tmp_path.iterdir()) == []


async def test_a_partial_run_names_its_types_when_it_is_finalized(service, tmp_path, durable):
    sink = synchronizing(
        service.url, spool(tmp_path, service.url, durable=durable), unseen=frozenset({"aws_ec2_has_instance"})
    )
    await deliver(sink, batches(2), report("partial", ("aws_instance",)))
    job = service.job(ACCOUNT)
    assert (job.status, job.partial) == ("FINALIZE_PENDING", ["aws_ec2_has_instance", "aws_instance"])
    assert service.violations == []


@pytest.mark.parametrize("told", [None, report("failed")], ids=["broken off", "failed"])
async def test_a_failed_run_is_aborted(service, tmp_path, told):
    sink = synchronizing(service.url, spool(tmp_path, service.url))
    await sink.open()
    await sink.write(batch(1))
    await sink._outbox.drain()
    await sink.close(told)
    await sink.close(report())
    job = service.job(ACCOUNT)
    assert (job.status, job.reason, service.tries["finalize"]) == ("ABORTED", "the run failed", 0)
    assert service.violations == []


async def test_a_refused_batch_makes_its_types_partial_and_is_kept(service, tmp_path, durable):
    made = batches(4, links=1)
    refused = made[2].entities[0]
    service.fault = refusing("entities", when=lambda data: refused in data)
    with pytest.raises(DeliveryError, match=r"1 batch was not delivered .* \(batch 3: 400 NO no\); kept in"):
        await deliver(synchronizing(service.url, spool(tmp_path, service.url, durable=durable)), made, report())
    job = service.job(ACCOUNT)
    assert (job.status, job.partial) == ("FINALIZE_PENDING", ["aws_sqs_has_queue", "aws_sqs_queue"])
    service.fault = None
    await resend(tmp_path, service.url)
    assert len(service.jobs) == 2
    later = service.job(ACCOUNT)
    assert held(later) == sent([made[2]])
    assert later.partial == sorted(EVERY)  # what else the first job held must not be deleted by the second
    assert service.violations == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_what_passes_is_tried_again(service, tmp_path, status):
    made = batches(3, links=2)

    async def fault(service, request, word):
        return web.Response(status=status) if service.tries[word] == 1 else None

    service.fault = fault
    await deliver(synchronizing(service.url, spool(tmp_path, service.url), wait=True), made, report())
    assert held(service.job(ACCOUNT)) == sent(made)
    assert service.violations == []


@pytest.mark.parametrize("word", ["entities", "relationships", "finalize"])
async def test_a_reset_after_acceptance_costs_a_second_try_and_no_double(service, tmp_path, word):
    made = batches(3, links=2)

    async def fault(service, request, asked):
        if asked == word and service.tries[word] == 1:
            await service.take(request)
            request.transport.abort()

    service.fault = fault
    await deliver(synchronizing(service.url, spool(tmp_path, service.url), wait=True), made, report())
    assert held(service.job(ACCOUNT)) == sent(made)
    assert [each for each in service.violations if word != "finalize" or "JOB_NOT_AWAITING_UPLOADS" not in each] == []


async def test_a_job_that_ended_takes_nothing_more_and_its_batches_are_kept(service, tmp_path):
    sink = synchronizing(service.url, spool(tmp_path, service.url, durable=True), width=1)
    await sink.open()
    await sink.write(batch(1))
    await sink._outbox.drain()
    service.job(ACCOUNT).status = "ABORTED"
    await sink.write(batch(2))
    await sink.write(batch(3))
    with pytest.raises(DeliveryError, match=r"2 batches were not delivered .* had ended"):
        await sink.close(report())
    assert (service.tries["entities"], service.tries["finalize"]) == (2, 0)
    service.violations.clear()
    await resend(tmp_path, service.url)
    assert held(service.job(ACCOUNT)) == sent(batches(3))
    assert service.job(ACCOUNT).partial == []  # all of it lay in the spool: the new job is whole
    assert service.violations == []


async def test_a_body_too_large_loses_raw_data_first_and_is_split_then(service, tmp_path):
    service.most_bytes = 2000
    raw = [{"name": "default", "rawData": {"small": "s", "large": "x" * 5000}}]
    plain = [record(number, name="y" * 300) for number in range(20)]
    made = [Batch(Scope(ACCOUNT, "us-east-1", "sqs"), 1, RUN, [record(99, _rawData=raw), *plain], [], 0)]
    await deliver(synchronizing(service.url, spool(tmp_path, service.url)), made, report())
    entities = service.job(ACCOUNT).entities
    assert len(entities) == 21
    assert json.dumps("x" * 50)[1:-1] not in json.dumps(entities)
    shortened = next(entity for entity in entities.values() if "_rawData" in entity)
    assert shortened["_rawData"][0]["rawData"]["large"] == "TRUNCATED"
    assert service.violations == []


async def test_a_record_too_large_in_itself_is_kept_and_its_type_partial(service, tmp_path):
    service.most_bytes = 800
    made = [Batch(Scope(ACCOUNT, "us-east-1", "sqs"), 1, RUN, [record(1), record(2, name="y" * 3000)], [], 0)]
    with pytest.raises(DeliveryError, match="RequestEntityTooLargeException"):
        await deliver(synchronizing(service.url, spool(tmp_path, service.url)), made, report())
    assert service.job(ACCOUNT).partial == ["aws_sqs_queue"]


async def test_no_body_is_larger_than_five_million_bytes(service, tmp_path):
    records = [record(number, name="x" * 1_249_900) for number in range(4)]
    made = Batch(Scope(ACCOUNT, "us-east-1", "sqs"), 1, RUN, records, [], 0)
    assert 4_999_000 < len(made.lines()) <= 5_000_000
    service.fault = refusing("entities", 500, when=lambda data: len(data) > 5_000_000)
    await deliver(synchronizing(service.url, spool(tmp_path, service.url)), [made], report())
    assert len(service.job(ACCOUNT).entities) == 4


async def test_fewer_records_than_were_sent_are_noticed(service, tmp_path):
    async def forget(service, request, word):
        if word == "finalize":
            service.job(ACCOUNT).uncounted = 3

    service.fault = forget
    with pytest.raises(DeliveryError, match=f"account {ACCOUNT}: job job-1 counts 17 entities, 20 were sent"):
        await deliver(synchronizing(service.url, spool(tmp_path, service.url), wait=True), batches(2), report())


async def test_a_job_that_the_service_gives_up_is_told(service, tmp_path):
    async def spoil(service, request, word):
        if word == "GET":
            service.job(ACCOUNT).status = "ERROR_BAD_DATA"

    service.fault = spoil
    with pytest.raises(DeliveryError, match="job job-1 ended as ERROR_BAD_DATA"):
        await deliver(synchronizing(service.url, spool(tmp_path, service.url), wait=True), batches(1), report())


async def test_a_job_that_never_finishes_is_told(service, tmp_path):
    service.pace = 10**6
    with pytest.raises(DeliveryError, match="is not finished after 50 s"):
        await deliver(
            synchronizing(service.url, spool(tmp_path, service.url), wait=True, longest=50), batches(1), report()
        )
    assert service.tries["GET"] == 10


async def test_a_wrong_key_leaves_everything_in_the_spool(service, tmp_path, durable):
    with pytest.raises(DeliveryError, match=r"4 batches were not delivered .*401 UNAUTHORIZED") as told:
        await deliver(
            synchronizing(service.url, spool(tmp_path, service.url, durable=durable), key="s3cr3t"),
            batches(4),
            report(),
        )
    assert "s3cr3t" not in str(told.value)
    await resend(tmp_path, service.url)
    assert held(service.job(ACCOUNT)) == sent(batches(4))
    assert service.job(ACCOUNT).partial == []
    assert list(tmp_path.iterdir()) == []


async def test_a_service_that_goes_away_before_the_end_is_finished_later_in_the_same_job(tmp_path, durable):
    service, made = FakeJupiterOne(), batches(4)
    async with serving(service.handle) as url:
        base = url.removesuffix("/in")
        sink = synchronizing(base, spool(tmp_path, base, durable=durable))
        await sink.open()
        for each in made:
            await sink.write(each)
        await sink._outbox.drain()
    with pytest.raises(DeliveryError, match="kept in"):
        await sink.close(report("partial", ("aws_instance",)))
    async with serving(service.handle) as url:
        await resend(tmp_path, url.removesuffix("/in"))
    assert len(service.jobs) == 1
    assert (service.job(ACCOUNT).status, service.job(ACCOUNT).partial) == ("FINALIZE_PENDING", ["aws_instance"])
    assert held(service.job(ACCOUNT)) == sent(made)
    assert service.violations == []
    assert list(tmp_path.iterdir()) == []


async def test_after_a_crash_nothing_is_deleted_on_the_strength_of_what_was_sent(service, tmp_path):
    sink = synchronizing(service.url, spool(tmp_path, service.url, durable=True))
    await sink.open()
    for each in batches(3):
        await sink.write(each)
    await sink._outbox.drain()
    sink._spool.release()  # the process is killed here; its files stay
    await resend(tmp_path, service.url)
    assert len(service.jobs) == 1
    assert held(service.job(ACCOUNT)) == sent(batches(3))
    assert service.job(ACCOUNT).partial == sorted(EVERY)
    assert service.violations == []
    await sink._outbox.stop()
    await sink._service.http.close()


async def test_an_integration_instance_has_one_job_for_all_accounts(service, tmp_path, durable):
    made = [batch(1), batch(2, account=OTHER)]
    kept = spool(tmp_path, service.url, durable=durable)
    await deliver(synchronizing(service.url, kept, instance="i-1", wait=True), made, report())
    (job,) = service.jobs.values()
    assert job.started_with["source"] == "integration-external"
    assert held(job) == sent(made)
    assert service.violations == []


async def test_the_api_may_lie_at_another_path(service, tmp_path):
    await deliver(synchronizing(service.url + PATH + "/", spool(tmp_path, service.url)), batches(1), report())
    assert service.job(ACCOUNT).status == "FINALIZE_PENDING"


RAW = st.lists(
    st.builds(lambda name, data: {"name": name, "rawData": data}, st.text(max_size=3), st.one_of(
        st.text(max_size=300), st.dictionaries(st.text(max_size=5), st.text(max_size=200), max_size=5)
    )),
    max_size=3,
)  # fmt: skip


@given(st.lists(st.one_of(st.none(), RAW), min_size=1, max_size=6), st.integers(0, 3000))
@effort(deadline=None)
def test_shrinking_touches_raw_data_only_and_no_more_than_needed(raws, goal):
    whole = [record(number) if raw is None else record(number, _rawData=raw) for number, raw in enumerate(raws)]
    less = shrunk(whole, goal)
    if less is None:
        return
    assert sum(map(len, less)) <= goal or shrunk(less, goal) is None
    for before, after in zip(map(json.loads, whole), map(json.loads, less), strict=True):
        assert [entry["name"] for entry in before.pop("_rawData", [])] == [
            entry["name"] for entry in after.pop("_rawData", [])
        ]
        assert before == after
    assert any(b"TRUNCATED" in line for line in less)


FEW = "ec2,sqs,s3,iam,account"


async def test_the_sample_estate_is_synchronized_whole_with_raw_data(estate, service, tmp_path):
    sink = synchronizing(service.url, spool(tmp_path, service.url), wait=True)
    collected = await collect(sink=sink, services=FEW, raw=True)
    (job,) = service.jobs.values()
    counts = collected.report["counts"]
    assert (job.status, service.violations, collected.outcome.undelivered) == ("FINISHED", [], None)
    assert len(job.entities) == counts["entities"] > 50
    assert len(job.relationships) == counts["relationships"] + counts["mappedRelationships"]
    assert any("_rawData" in entity for entity in job.entities.values())
    assert "aws_instance" not in job.partial
    assert "aws_lambda_function" in job.partial  # was not asked for


async def test_what_a_run_could_not_see_is_named_when_it_is_finalized(estate, service, tmp_path):
    estate.stub.faults.append(
        Fault("ec2", "DescribeVolumes", region="us-east-1", status=403, code="UnauthorizedOperation")
    )
    collected = await collect(sink=synchronizing(service.url, spool(tmp_path, service.url)), services=FEW)
    (job,) = service.jobs.values()
    assert collected.report["status"] == "partial"
    assert job.status == "FINALIZE_PENDING"
    assert {"aws_ebs_volume", "aws_instance_uses_ebs_volume"} <= set(job.partial)
    assert job.partial == collected.report["partialDatasets"]["types"]
    assert service.violations == []


async def test_a_run_that_breaks_off_aborts_its_job(estate, service, tmp_path):
    class Breaking(JupiterOneSink):
        async def write(self, batch):
            if batch.sequence == 4:
                await self._outbox.drain()
                raise RuntimeError("a bug")
            await super().write(batch)

    whole = synchronizing(service.url, spool(tmp_path, service.url))
    sink = Breaking(whole._service, whole._spool, whole._aims)
    with pytest.raises(RuntimeError, match="a bug"):
        await collect(sink=sink, services=FEW)
    (job,) = service.jobs.values()
    assert (job.status, job.reason) == ("ABORTED", "the run failed")
    assert service.violations == []
