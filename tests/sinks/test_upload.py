from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from collector.sinks.base import Delivery, DeliveryError
from collector.sinks.credentials import Token
from collector.sinks.spool import spool_folders
from tests.sinks.endpoint import Endpoint, answering, delaying, resetting, serving
from tests.sinks.factories import RUN, batch, batches, deliver, lines, record, report, spool, taken_over, uploading

if TYPE_CHECKING:
    from pathlib import Path


async def resend(place: Path, url: str, **more):
    """Do what `collector upload` does, without its waits."""
    for kept in taken_over(place):
        await uploading(url, kept, **more).resend()


TRANSIENT = {
    "429 with Retry-After": answering(429, headers={"Retry-After": "7"}),
    "500": answering(500, times=2),
    "503 with a date": answering(503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
    "408": answering(408),
    "425": answering(425),
    "reset before acceptance": resetting(accepted=False),
    "reset after acceptance": resetting(accepted=True),
}


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT.keys())
async def test_transient_errors_are_retried_under_the_same_key(endpoint, tmp_path, durable, fault):
    made = batches()
    endpoint.fault = fault
    await deliver(uploading(endpoint.url, spool(tmp_path, endpoint.url, durable=durable)), made, report())
    assert endpoint.lines == lines(made)
    assert all(attempts >= 2 for attempts in endpoint.attempts.values())
    assert [each["status"] for each in endpoint.reports[:1]] == ["complete"]
    assert list(tmp_path.iterdir()) == []


async def test_a_late_acknowledgement_causes_a_retry_but_no_duplicate(endpoint, tmp_path, durable):
    made = batches(4)
    endpoint.fault = delaying(0.6)
    await deliver(uploading(endpoint.url, spool(tmp_path, endpoint.url, durable=durable), timeout=0.3), made, report())
    assert endpoint.lines == lines(made)
    assert len(endpoint.accepted) == 4


async def test_a_batch_too_large_for_the_endpoint_is_split_until_it_fits(endpoint, tmp_path, durable):
    made = [batch(1, entities=40, links=9), batch(2, entities=2)]
    endpoint.max_bytes = 900
    await deliver(uploading(endpoint.url, spool(tmp_path, endpoint.url, durable=durable)), made, report())
    assert endpoint.lines == lines(made)
    assert any(key.count(".") > 1 for key in endpoint.accepted)
    assert len(endpoint.reports) == 1


async def test_a_single_record_too_large_for_the_endpoint_is_kept_and_the_rest_is_sent(endpoint, tmp_path, durable):
    large = batch(1, entities=3)
    large.entities.append(record(9, name="x" * 1000))
    endpoint.max_bytes = 900
    with pytest.raises(DeliveryError, match="413"):
        await deliver(
            uploading(endpoint.url, spool(tmp_path, endpoint.url, durable=durable)), [large, batch(2)], report()
        )
    assert endpoint.lines == sorted(set(lines([large, batch(2)])) - {large.entities[-1].decode()})
    endpoint.max_bytes = 5_000_000
    await resend(tmp_path, endpoint.url)
    assert endpoint.lines == lines([large, batch(2)])


async def test_a_rejected_batch_is_kept_and_later_ones_are_still_sent(endpoint, tmp_path, durable):
    made = batches()
    endpoint.fault = answering(400, body='{"error": {"code": "BAD", "message": "no"}}', times=99, only="/3")
    sink = uploading(endpoint.url, spool(tmp_path, endpoint.url, durable=durable))
    with pytest.raises(
        DeliveryError, match=r"1 batch was not delivered .*batch 3: 400 BAD no.*kept in .*collector upload"
    ):
        await deliver(sink, made, report())
    assert endpoint.attempts[f"{RUN}/3"] == 1
    assert endpoint.lines == lines([each for each in made if each.sequence != 3])
    assert endpoint.reports == []  # without a batch the run is not complete
    endpoint.fault = None
    await resend(tmp_path, endpoint.url)
    assert endpoint.lines == lines(made)
    assert len(endpoint.reports) == 1
    assert list(tmp_path.iterdir()) == []


async def test_a_wrong_token_leaves_everything_in_the_spool(endpoint, tmp_path, durable):
    made = batches()
    endpoint.token = "right"
    sink = uploading(endpoint.url, spool(tmp_path, endpoint.url, durable=durable), token=Token("TOKEN", "s3cr3t"))
    with pytest.raises(DeliveryError, match="401") as error:
        await deliver(sink, made, report())
    assert "s3cr3t" not in str(error.value)
    assert b"s3cr3t" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert endpoint.accepted == {}
    await resend(tmp_path, endpoint.url, token=Token("TOKEN", "right"))
    assert endpoint.lines == lines(made)
    assert len(endpoint.reports) == 1


async def test_everything_is_resent_after_an_outage_of_the_whole_run(tmp_path, durable):
    endpoint = Endpoint()
    made = batches()
    async with serving(endpoint.handle) as url:
        pass
    with pytest.raises(DeliveryError, match="12 batches were not delivered"):
        await deliver(uploading(url, spool(tmp_path, url, durable=durable)), made, report())
    async with serving(endpoint.handle) as url:
        await resend(tmp_path, url)
    assert endpoint.lines == lines(made)
    assert len(endpoint.reports) == 1
    assert endpoint.violations == []


async def test_batches_that_failed_during_an_outage_are_retried_at_the_end(endpoint, tmp_path, durable):
    made, attempts = batches(30), 0

    async def outage(_, request, key):
        nonlocal attempts
        attempts += 1
        if attempts > 10:
            return None
        request.transport.abort()
        return web.Response()

    endpoint.fault = outage
    sink = uploading(endpoint.url, spool(tmp_path, endpoint.url, durable=durable), attempts=3, outage_pause=0.0)
    await deliver(sink, made, report())
    assert endpoint.lines == lines(made)
    assert len(endpoint.reports) == 1
    assert list(tmp_path.iterdir()) == []


async def test_batches_are_kept_without_attempts_while_the_endpoint_is_down(endpoint, tmp_path):
    endpoint.fault = answering(503, times=10**6)
    with pytest.raises(DeliveryError, match="20 batches"):
        await deliver(
            uploading(endpoint.url, spool(tmp_path, endpoint.url), attempts=5, outage_pause=3600, width=2),
            batches(20),
            report(),
        )
    assert endpoint.attempts.total() <= 2 * 5 + 1


async def test_retry_after_applies_to_all_senders(endpoint, tmp_path):
    now, slept = 0.0, []

    async def sleep(seconds):
        nonlocal now
        slept.append(seconds)
        now += seconds

    endpoint.fault = answering(429, headers={"Retry-After": "7"}, only="/1")
    await deliver(
        uploading(endpoint.url, spool(tmp_path, ""), width=1, sleep=sleep, clock=lambda: now), batches(2), report()
    )
    assert sum(slept) == pytest.approx(7, abs=1e-6)


async def test_concurrent_requests_are_limited_to_the_width(endpoint, tmp_path):
    async def gather(served, request, key):
        await served.until(lambda: served.in_flight >= 3 or served.attempts.total() >= 9)

    endpoint.fault = gather
    await deliver(uploading(endpoint.url, spool(tmp_path, endpoint.url), width=3), batches(9), report())
    assert endpoint.max_in_flight == 3


async def test_a_slow_endpoint_blocks_writes_unless_the_spool_is_durable(endpoint, tmp_path, durable):
    gate, expected = asyncio.Event(), 20 if durable else 3  # two are being sent, one waits
    written, reached = [], asyncio.Event()

    async def wait(_, request, key):
        await gate.wait()

    endpoint.fault = wait
    sink = uploading(endpoint.url, spool(tmp_path, endpoint.url, durable=durable), width=2)
    await sink.open()

    async def write():
        for each in batches(20):
            await sink.write(each)
            written.append(each)
            if len(written) == expected:
                reached.set()

    writing = asyncio.create_task(write())
    await reached.wait()
    await asyncio.wait([writing], timeout=0.1)
    assert len(written) == expected
    gate.set()
    await writing
    await sink.close(report())
    assert endpoint.lines == lines(batches(20))


async def test_a_full_spool_waits_for_pending_batches(endpoint, tmp_path):
    kept = spool(tmp_path, endpoint.url, durable=True, limit=1500)
    await deliver(uploading(endpoint.url, kept, width=1), batches(20), report())
    assert endpoint.lines == lines(batches(20))


async def test_a_full_spool_with_no_pending_batches_raises(endpoint, tmp_path):
    endpoint.fault = answering(400, times=99)
    kept = spool(tmp_path, endpoint.url, durable=True, limit=1500)
    sink = uploading(endpoint.url, kept, width=1)
    await sink.open()
    with pytest.raises(DeliveryError, match=r"has reached its limit of 1,500 bytes; run `collector upload"):
        for each in batches(20):
            await sink.write(each)
    with pytest.raises(DeliveryError, match="not delivered"):
        await sink.close(None)
    endpoint.fault = None
    folders = len(spool_folders(tmp_path))
    await resend(tmp_path, endpoint.url)
    assert folders == 1
    assert endpoint.lines == lines(batches(len(endpoint.accepted)))


async def test_an_interrupted_run_keeps_unsent_batches_and_sends_no_report(endpoint, tmp_path, durable):
    gate = asyncio.Event()

    async def wait(_, request, key):
        await gate.wait()

    endpoint.fault = wait
    sink = uploading(endpoint.url, spool(tmp_path, endpoint.url, durable=durable), width=2)
    await sink.open()
    made = batches(3)
    for each in made:
        await sink.write(each)
    with pytest.raises(DeliveryError, match="not sent before the run ended"):
        await sink.close(None)
    await sink.close(report())
    endpoint.fault = None
    gate.set()
    await resend(tmp_path, endpoint.url)
    assert endpoint.lines == lines(made)
    assert endpoint.reports == []


async def test_an_undelivered_report_is_kept_for_later(endpoint, tmp_path, durable):
    endpoint.fault = answering(500, times=99, only="completed")
    with pytest.raises(DeliveryError, match="the report was not delivered"):
        await deliver(
            uploading(endpoint.url, spool(tmp_path, endpoint.url, durable=durable)), batches(3), report("partial")
        )
    endpoint.fault = None
    await resend(tmp_path, endpoint.url)
    assert [each["status"] for each in endpoint.reports] == ["partial"]
    assert list(tmp_path.iterdir()) == []


async def test_an_expired_token_is_read_again(endpoint, tmp_path):
    file = tmp_path / "token"
    file.write_text("old\n")
    endpoint.token = "old"
    sink = uploading(endpoint.url, spool(tmp_path / "spool", endpoint.url), token=Token("TOKEN", file=file))
    await sink.open()
    await sink.write(batch(1))
    await endpoint.until(lambda: bool(endpoint.accepted))
    endpoint.token = "new"
    file.write_text("new\n")
    await sink.write(batch(2))
    await sink.close(report())
    assert len(endpoint.accepted) == 2


async def test_a_redirect_is_not_followed_with_the_token(endpoint, tmp_path):
    endpoint.fault = answering(302, headers={"Location": endpoint.url}, times=99)
    with pytest.raises(DeliveryError, match="302"):
        await deliver(uploading(endpoint.url, spool(tmp_path, endpoint.url)), batches(1), report())


async def test_the_url_in_a_message_has_no_query(endpoint, tmp_path):
    endpoint.fault = answering(400, times=99)
    url = f"{endpoint.url}?sig=s3cr3t"
    with pytest.raises(DeliveryError) as error:
        await deliver(uploading(url, spool(tmp_path, url)), batches(1), report())
    assert "s3cr3t" not in str(error.value)


async def test_a_spool_that_cannot_be_written_ends_the_run(endpoint, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    endpoint.fault = answering(400, times=99)
    sink = uploading(endpoint.url, spool(tmp_path / "file", endpoint.url), width=1)
    await sink.open()
    with pytest.raises(DeliveryError, match=r"batch \d could be neither delivered \(400\) nor kept"):
        for each in batches(20):
            await sink.write(each)
    with pytest.raises(DeliveryError, match="could be neither delivered"):
        await sink.close(None)


async def test_a_batch_counts_as_delivered_once_however_often_it_was_sent(endpoint, tmp_path, durable):
    endpoint.fault = answering(503)
    made = batches(4, links=2)
    url = f"{endpoint.url}?signature=s3cr3t"
    sink = uploading(url, kept := spool(tmp_path, url, durable=durable))
    await deliver(sink, made, report())
    size = sum(each.size for each in made)
    assert sink.deliveries() == [Delivery(endpoint.url, records=48, batches=4, size=size, spool=str(kept.place))]


async def test_a_batch_that_is_kept_does_not_count_as_delivered(endpoint, tmp_path, durable):
    endpoint.fault = answering(400, times=9, only="/2")
    made = batches(4)
    sink = uploading(endpoint.url, kept := spool(tmp_path, endpoint.url, durable=durable))
    with pytest.raises(DeliveryError, match="1 batch was not delivered"):
        await deliver(sink, made, report())
    size = sum(each.size for each in made) - made[1].size
    assert sink.deliveries() == [Delivery(endpoint.url, 30, 3, size, kept=1, spool=str(kept.place))]
    assert len(list(kept.place.glob("*.batch"))) == 1
