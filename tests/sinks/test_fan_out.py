from __future__ import annotations

import asyncio

import pytest

from collector.sinks.base import ClosedError, DeliveryError, close_on_error
from collector.sinks.fan_out import FanOutSink
from collector.sinks.ndjson import NdjsonSink
from tests.runs import MemorySink, collect
from tests.sinks.endpoint import Endpoint, answering, serving
from tests.sinks.factories import batches, deliver, lines, report, spool, uploading


class Failing(MemorySink):
    def __init__(self, error: DeliveryError, after: int = 0) -> None:
        super().__init__()
        self.error, self.after = error, after

    async def write(self, batch):
        if len(self.batches) >= self.after:
            raise self.error
        await super().write(batch)


FULL = DeliveryError("cannot write x: No space left on device")


async def test_a_failed_output_does_not_stop_the_others():
    failing, working = Failing(FULL, after=2), MemorySink()
    with pytest.raises(DeliveryError, match="No space left"):
        await deliver(FanOutSink([failing, working]), batches(5), report())
    assert (len(failing.batches), len(working.batches)) == (2, 5)
    assert (failing.closed_with, working.closed_with) == (None, report())


async def test_the_run_ends_when_no_output_is_left():
    sink = FanOutSink([Failing(FULL, after=1), Failing(DeliveryError("unreachable"), after=2)])
    await sink.open()
    await sink.write(batches(1)[0])
    await sink.write(batches(1)[0])
    with pytest.raises(DeliveryError, match="No space left on device; unreachable"):
        await sink.write(batches(1)[0])
    with pytest.raises(DeliveryError):
        await sink.close(None)
    await sink.close(None)


async def test_a_closed_reader_is_an_error_only_if_no_output_is_left():
    working = MemorySink()
    await deliver(FanOutSink([Failing(ClosedError("-")), working]), batches(3), report())
    assert len(working.batches) == 3
    with pytest.raises(ClosedError):
        await deliver(FanOutSink([Failing(ClosedError("-"))]), batches(3), report())


async def test_an_output_that_cannot_be_opened_raises_before_collection(tmp_path):
    first = MemorySink()
    with pytest.raises(DeliveryError, match="No such file"):
        await FanOutSink([first, NdjsonSink(str(tmp_path / "no" / "such"))]).open()
    assert first.closed_with is None


async def test_a_slow_output_delays_a_fast_one_only_once_its_buffer_is_full(tmp_path):
    endpoint, gate = Endpoint(), asyncio.Event()

    async def wait(_, request, key):
        await gate.wait()

    endpoint.fault = wait
    async with serving(endpoint.handle) as url:
        fast = MemorySink()
        sink = FanOutSink([fast, uploading(url, spool(tmp_path, url), width=2)])
        running = asyncio.create_task(deliver(sink, batches(10), report()))
        await endpoint.until(lambda: endpoint.in_flight == 2)
        assert 2 <= len(fast.batches) < 10
        gate.set()
        await running
    assert endpoint.lines == lines(batches(10))
    assert len(fast.batches) == 10


async def test_an_error_in_the_body_closes_the_sink_without_a_report():
    closed = []

    class Watched(MemorySink):
        async def close(self, report):
            closed.append(report)
            raise DeliveryError("kept in x")

    sink = Watched()
    with pytest.raises(ZeroDivisionError):
        async with close_on_error(sink):
            raise ZeroDivisionError
    assert closed == [None]


async def test_a_run_is_delivered_to_a_file_and_an_endpoint(estate, tmp_path):
    endpoint = Endpoint()
    async with serving(endpoint.handle) as url:
        sink = FanOutSink([NdjsonSink(str(tmp_path / "out")), uploading(url, spool(tmp_path, url))])
        collected = await collect(sink=sink, services="sqs,ec2")
    assert endpoint.lines == sorted((tmp_path / "out").read_text().splitlines())
    assert collected.outcome.undelivered is None
    assert endpoint.reports[0]["counts"] == collected.report["counts"]
    assert collected.report["counts"]["batches"] == len(endpoint.accepted)
    assert endpoint.violations == []


async def test_undelivered_batches_are_reported_and_the_report_is_still_created(estate, tmp_path):
    endpoint = Endpoint()
    endpoint.token = "right"
    async with serving(endpoint.handle) as url:
        collected = await collect(sink=uploading(url, spool(tmp_path, url)), services="sqs")
    assert "401" in str(collected.outcome.undelivered)
    assert f"collector upload {tmp_path}" in str(collected.outcome.undelivered)
    assert collected.report["status"] == "complete"
    assert collected.report["counts"]["entities"] > 0


async def test_rejected_aws_credentials_leave_no_session_open(estate, tmp_path):
    from collector.demo.stub import Fault
    from collector.faults import CallFailed

    estate.stub.faults.append(Fault("sts", code="InvalidClientTokenId", status=403))
    with pytest.raises(CallFailed):
        await collect(sink=uploading("http://127.0.0.1:9/", spool(tmp_path, "")), services="sqs")
    assert list(tmp_path.iterdir()) == []


async def test_each_output_says_what_it_got_also_one_that_failed(tmp_path):
    endpoint, made = Endpoint(), batches(4)
    endpoint.fault = answering(400, times=9)
    async with serving(endpoint.handle) as url:
        sink = FanOutSink([NdjsonSink(str(tmp_path / "out.ndjson")), uploading(url, spool(tmp_path / "spool", url))])
        with pytest.raises(DeliveryError):
            await deliver(sink, made, report())
    assert [(each.output, each.records, each.kept) for each in sink.deliveries()] == [
        (str(tmp_path / "out.ndjson"), 40, 0),
        (url, 0, 4),
    ]
