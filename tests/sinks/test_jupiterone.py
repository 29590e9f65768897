from __future__ import annotations

import json

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from collector.catalog.partial import PartialDatasets
from collector.demo.places import ENABLED_REGIONS
from collector.demo.stub import Fault
from collector.model import Batch
from collector.sinks.base import Delivery, DeliveryError
from collector.sinks.credentials import Token
from collector.sinks.jupiterone import JupiterOneSink, SyncSettings
from collector.sinks.shrink import shrink
from collector.sinks.synchronization import Synchronization
from collector.sinks.transport import Http, HttpSettings, UploadRetryPolicy
from tests.runs import collect
from tests.sinks.endpoint import serving
from tests.sinks.factories import ACCOUNT, RUN, batch, batches, deliver, lines, link, record, report, spool, taken_over
from tests.sinks.fake_jupiterone import ACCOUNT as J1_ACCOUNT
from tests.sinks.fake_jupiterone import KEY, PATH, FakeJupiterOne
from tests.waits import no_sleep

ALL_REGIONS = ",".join(ENABLED_REGIONS)
ALL_TYPES = frozenset({"aws_sqs_queue", "aws_sqs_has_queue", "aws_instance", "aws_ec2_has_instance"})
OTHER = "222233334444"


@pytest.fixture
async def service():
    made = FakeJupiterOne()
    async with serving(made.handle) as url:
        made.url = url.removesuffix("/in")
        yield made


def synchronizing(url, kept, *, key=KEY, width=3, attempts=3, **settings):
    http = Http(
        HttpSettings(5, {"JupiterOne-Account": J1_ACCOUNT}),
        Token("JUPITERONE_API_KEY", key),
        UploadRetryPolicy(attempts=attempts, sleep=no_sleep, outage_pause=0),
    )
    return JupiterOneSink(
        Synchronization(http, url), kept, SyncSettings(ALL_TYPES, sleep=no_sleep, **settings), width=width
    )


async def resend(place, url, **more):
    for kept in taken_over(place):
        await synchronizing(url, kept, **more).resend()


def held(job):
    return sorted(json.dumps(each, sort_keys=True) for each in (*job.entities.values(), *job.relationships.values()))


def sent(made):
    return sorted(json.dumps(json.loads(line), sort_keys=True) for line in lines(made))


def refusing(action, status=400, code="NO", times=10**6, when=lambda data: True):
    async def fault(service, request, requested):
        if requested != action or service.attempts[action] > times or not when(await request.read()):
            return None
        return web.json_response({"error": {"code": code, "message": "no"}}, status=status)

    return fault


async def test_a_complete_run_finishes_one_job_per_account(service, tmp_path, durable):
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


async def test_a_partial_run_is_finalized_with_its_partial_types(service, tmp_path, durable):
    sink = synchronizing(service.url, spool(tmp_path, service.url, durable=durable))
    await deliver(sink, batches(2), report("partial", ("aws_instance",)))
    job = service.job(ACCOUNT)
    assert (job.status, job.partial) == ("FINALIZE_PENDING", ["aws_instance"])
    assert service.violations == []


async def test_patterns_of_types_become_all_known_types_that_match_and_those_that_were_uploaded(service, tmp_path):
    sink = synchronizing(service.url, spool(tmp_path, service.url))
    unknown = link(1).replace(b"aws_sqs_has_queue", b"aws_new_allows_queue")
    made = [batch(1), Batch(ACCOUNT, 2, RUN, [], [unknown], len(unknown) + 1)]
    await deliver(sink, made, report("partial", ("aws_sqs_queue",), ("aws_new_*", "aws_*_has_instance")))
    assert service.job(ACCOUNT).partial == ["aws_ec2_has_instance", "aws_new_allows_queue", "aws_sqs_queue"]


@pytest.mark.parametrize("final_report", [None, report("failed")], ids=["interrupted", "failed"])
async def test_a_failed_run_is_aborted(service, tmp_path, final_report):
    sink = synchronizing(service.url, spool(tmp_path, service.url))
    await sink.open()
    await sink.write(batch(1))
    await sink._outbox.drain()
    await sink.close(final_report)
    await sink.close(report())
    job = service.job(ACCOUNT)
    assert (job.status, job.reason, service.attempts["finalize"]) == ("ABORTED", "the run failed", 0)
    assert service.violations == []


async def test_a_rejected_batch_makes_its_types_partial_and_is_kept(service, tmp_path, durable):
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
    assert later.partial == sorted(ALL_TYPES)  # the second job must not delete what the first one uploaded
    assert service.violations == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_transient_errors_are_retried(service, tmp_path, status):
    made = batches(3, links=2)

    async def fault(service, request, action):
        return web.Response(status=status) if service.attempts[action] == 1 else None

    service.fault = fault
    await deliver(synchronizing(service.url, spool(tmp_path, service.url), wait=True), made, report())
    assert held(service.job(ACCOUNT)) == sent(made)
    assert service.violations == []


@pytest.mark.parametrize("action", ["entities", "relationships", "finalize"])
async def test_a_connection_reset_after_acceptance_causes_a_retry_but_no_duplicate(service, tmp_path, action):
    made = batches(3, links=2)

    async def fault(service, request, requested):
        if requested == action and service.attempts[action] == 1:
            await service.take(request)
            request.transport.abort()

    service.fault = fault
    await deliver(synchronizing(service.url, spool(tmp_path, service.url), wait=True), made, report())
    assert held(service.job(ACCOUNT)) == sent(made)
    assert [each for each in service.violations if action != "finalize" or "JOB_NOT_AWAITING_UPLOADS" not in each] == []


async def test_batches_for_an_ended_job_are_kept(service, tmp_path):
    sink = synchronizing(service.url, spool(tmp_path, service.url, durable=True), width=1)
    await sink.open()
    await sink.write(batch(1))
    await sink._outbox.drain()
    service.job(ACCOUNT).status = "ABORTED"
    await sink.write(batch(2))
    await sink.write(batch(3))
    with pytest.raises(DeliveryError, match=r"2 batches were not delivered .* had already ended"):
        await sink.close(report())
    assert (service.attempts["entities"], service.attempts["finalize"]) == (2, 0)
    service.violations.clear()
    await resend(tmp_path, service.url)
    assert held(service.job(ACCOUNT)) == sent(batches(3))
    assert service.job(ACCOUNT).partial == []  # everything was in the spool, so the new job is complete
    assert service.violations == []


async def test_a_body_too_large_is_first_truncated_and_then_split(service, tmp_path):
    service.max_bytes = 2000
    raw = [{"name": "default", "rawData": {"small": "s", "large": "x" * 5000}}]
    plain = [record(number, name="y" * 300) for number in range(20)]
    made = [Batch(ACCOUNT, 1, RUN, [record(99, _rawData=raw), *plain], [], 0)]
    await deliver(synchronizing(service.url, spool(tmp_path, service.url)), made, report())
    entities = service.job(ACCOUNT).entities
    assert len(entities) == 21
    assert json.dumps("x" * 50)[1:-1] not in json.dumps(entities)
    shortened = next(entity for entity in entities.values() if "_rawData" in entity)
    assert shortened["_rawData"][0]["rawData"]["large"] == "TRUNCATED"
    assert service.violations == []


async def test_a_single_record_too_large_is_kept_and_its_type_is_partial(service, tmp_path):
    service.max_bytes = 800
    made = [Batch(ACCOUNT, 1, RUN, [record(1), record(2, name="y" * 3000)], [], 0)]
    with pytest.raises(DeliveryError, match="RequestEntityTooLargeException"):
        await deliver(synchronizing(service.url, spool(tmp_path, service.url)), made, report())
    assert service.job(ACCOUNT).partial == ["aws_sqs_queue"]


async def test_no_body_is_larger_than_five_million_bytes(service, tmp_path):
    records = [record(number, name="x" * 1_249_900) for number in range(4)]
    made = Batch(ACCOUNT, 1, RUN, records, [], 0)
    assert 4_999_000 < len(made.lines()) <= 5_000_000
    service.fault = refusing("entities", 500, when=lambda data: len(data) > 5_000_000)
    await deliver(synchronizing(service.url, spool(tmp_path, service.url)), [made], report())
    assert len(service.job(ACCOUNT).entities) == 4


async def test_a_count_below_the_records_sent_is_an_error(service, tmp_path):
    async def forget(service, request, action):
        if action == "finalize":
            service.job(ACCOUNT).uncounted = 3

    service.fault = forget
    with pytest.raises(DeliveryError, match=f"account {ACCOUNT}: job job-1 counts 17 entities, but 20 were sent"):
        await deliver(synchronizing(service.url, spool(tmp_path, service.url), wait=True), batches(2), report())


async def test_a_job_that_ends_with_an_error_is_reported(service, tmp_path):
    async def spoil(service, request, action):
        if action == "GET":
            service.job(ACCOUNT).status = "ERROR_BAD_DATA"

    service.fault = spoil
    with pytest.raises(DeliveryError, match="job job-1 ended as ERROR_BAD_DATA"):
        await deliver(synchronizing(service.url, spool(tmp_path, service.url), wait=True), batches(1), report())


async def test_a_job_that_never_finishes_times_out(service, tmp_path):
    service.pace = 10**6
    with pytest.raises(DeliveryError, match="is not finished after 50 s"):
        await deliver(
            synchronizing(service.url, spool(tmp_path, service.url), wait=True, timeout=50), batches(1), report()
        )
    assert service.attempts["GET"] == 10


async def test_a_wrong_api_key_leaves_everything_in_the_spool(service, tmp_path, durable):
    with pytest.raises(DeliveryError, match=r"4 batches were not delivered .*401 UNAUTHORIZED") as error:
        await deliver(
            synchronizing(service.url, spool(tmp_path, service.url, durable=durable), key="s3cr3t"),
            batches(4),
            report(),
        )
    assert "s3cr3t" not in str(error.value)
    await resend(tmp_path, service.url)
    assert held(service.job(ACCOUNT)) == sent(batches(4))
    assert service.job(ACCOUNT).partial == []
    assert list(tmp_path.iterdir()) == []


async def test_a_job_is_finalized_later_if_the_service_goes_away_before_the_end(tmp_path, durable):
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


async def test_after_a_crash_all_types_are_partial_so_that_nothing_is_deleted(service, tmp_path):
    sink = synchronizing(service.url, spool(tmp_path, service.url, durable=True))
    await sink.open()
    for each in batches(3):
        await sink.write(each)
    await sink._outbox.drain()
    sink._spool.release()  # simulates a kill: the files stay
    await resend(tmp_path, service.url)
    assert len(service.jobs) == 1
    assert held(service.job(ACCOUNT)) == sent(batches(3))
    assert service.job(ACCOUNT).partial == sorted(ALL_TYPES)
    assert service.violations == []
    await sink._outbox.stop()
    await sink._http.close()


async def test_an_integration_instance_has_one_job_for_all_accounts(service, tmp_path, durable):
    made = [batch(1), batch(2, account=OTHER)]
    kept = spool(tmp_path, service.url, durable=durable)
    await deliver(synchronizing(service.url, kept, instance="i-1", wait=True), made, report())
    (job,) = service.jobs.values()
    assert job.started_with["source"] == "integration-external"
    assert held(job) == sent(made)
    assert service.violations == []


async def test_the_url_may_contain_the_api_path(service, tmp_path):
    await deliver(synchronizing(service.url + PATH + "/", spool(tmp_path, service.url)), batches(1), report())
    assert service.job(ACCOUNT).status == "FINALIZE_PENDING"


RAW = st.lists(
    st.builds(lambda name, data: {"name": name, "rawData": data}, st.text(max_size=3), st.one_of(
        st.text(max_size=300), st.dictionaries(st.text(max_size=5), st.text(max_size=200), max_size=5)
    )),
    max_size=3,
)  # fmt: skip


@given(st.lists(st.one_of(st.none(), RAW), min_size=1, max_size=6), st.integers(0, 3000))
@effort(deadline=None, max_examples=40)
def test_shrinking_changes_raw_data_only_and_no_more_than_needed(raws, goal):
    whole = [record(number) if raw is None else record(number, _rawData=raw) for number, raw in enumerate(raws)]
    less = shrink(whole, goal)
    if less is None:
        return
    assert sum(map(len, less)) <= goal or shrink(less, goal) is None
    for before, after in zip(map(json.loads, whole), map(json.loads, less), strict=True):
        assert [entry["name"] for entry in before.pop("_rawData", [])] == [
            entry["name"] for entry in after.pop("_rawData", [])
        ]
        assert before == after
    assert any(b"TRUNCATED" in line for line in less)


async def test_the_sample_estate_is_synchronized_completely_with_raw_data(estate, service, tmp_path):
    sink = synchronizing(service.url, spool(tmp_path, service.url), wait=True)
    collected = await collect(sink=sink, services="ec2", regions=ALL_REGIONS, raw=True)
    (job,) = service.jobs.values()
    counts = collected.report["counts"]
    assert (job.status, service.violations, collected.outcome.undelivered) == ("FINISHED", [], None)
    assert len(job.entities) == counts["entities"] > 50
    assert len(job.relationships) == counts["relationships"] + counts["mappedRelationships"]
    assert any("_rawData" in entity for entity in job.entities.values())
    assert "aws_instance" not in job.partial
    assert "aws_lambda_function" in job.partial  # not selected


async def test_types_that_a_run_could_not_read_are_partial(estate, service, tmp_path):
    estate.stub.faults.append(
        Fault("ec2", "DescribeVolumes", region="us-east-1", status=403, code="UnauthorizedOperation")
    )
    sink = synchronizing(service.url, spool(tmp_path, service.url))
    collected = await collect(sink=sink, services="ec2", regions="us-east-1")
    (job,) = service.jobs.values()
    uploaded = {each["_type"] for each in (*job.entities.values(), *job.relationships.values())}
    assert collected.report["status"] == "partial"
    assert job.status == "FINALIZE_PENDING"
    assert {"aws_ebs_volume", "aws_instance_uses_ebs_volume"} <= set(job.partial)
    reported = PartialDatasets(**{name: frozenset(each) for name, each in collected.report["partialDatasets"].items()})
    assert set(job.partial) == reported.expanded(ALL_TYPES | uploaded)
    assert service.violations == []


async def test_a_run_that_crashes_aborts_its_job(estate, service, tmp_path):
    class Breaking(JupiterOneSink):
        async def write(self, batch):
            if batch.sequence == 2:
                await self._outbox.drain()
                raise RuntimeError("a bug")
            await super().write(batch)

    whole = synchronizing(service.url, spool(tmp_path, service.url))
    sink = Breaking(whole._service, whole._spool, whole._settings)
    with pytest.RaisesGroup(RuntimeError, allow_unwrapped=True, flatten_subgroups=True):
        await collect(sink=sink, services="sqs", regions="us-east-1")
    (job,) = service.jobs.values()
    assert (job.status, job.reason) == ("ABORTED", "the run failed")
    assert service.violations == []


@pytest.mark.parametrize(("accounts", "where"), [([ACCOUNT], ", job job-1"), ([ACCOUNT, OTHER], ", 2 jobs")])
async def test_what_was_delivered_is_the_sum_of_the_jobs(service, tmp_path, durable, accounts, where):
    made = [batch(number, links=2, account=account) for number, account in enumerate(accounts, 1)]
    sink = synchronizing(service.url, kept := spool(tmp_path, service.url, durable=durable))
    await deliver(sink, made, report())
    size = sum(each.size for each in made)
    assert sink.deliveries() == [Delivery(service.url + where, 12 * len(made), len(made), size, spool=str(kept.place))]


async def test_what_was_uploaded_to_a_job_that_is_not_finalized_is_kept_and_not_delivered(service, tmp_path):
    service.fault = refusing("finalize")
    sink = synchronizing(service.url, kept := spool(tmp_path, service.url, durable=True))
    with pytest.raises(DeliveryError):
        await deliver(sink, batches(3), report())
    assert sink.deliveries() == [Delivery(f"{service.url}, 0 jobs", kept=3, spool=str(kept.place))]
