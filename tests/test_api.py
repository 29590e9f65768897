from __future__ import annotations

import re
from contextlib import aclosing

import pytest

import collector
from collector.demo.stub import Fault
from tests.documents import ROOT


def settings(**values) -> collector.Settings:
    return collector.Settings(regions=("us-east-1",), **({"services": ("sqs",)} | values))


async def test_records_come_first_and_the_report_last(estate):
    items = [item async for item in collector.collect(settings())]
    assert {"aws_sqs", "aws_sqs_queue", "aws_sqs_has_queue"} <= {item.get("_type") for item in items[:-1]}
    assert [type(item) for item in items if isinstance(item, collector.Report)] == [collector.Report]
    assert items[-1]["status"] == "complete"
    assert items[-1]["counts"]["entities"] == sum(
        "_fromEntityKey" not in item and "_mapping" not in item for item in items[:-1]
    )


async def test_a_relationship_follows_its_entities(estate):
    seen: set[str | None] = set()
    relationships = 0
    async for record in collector.collect(settings(services=("sqs", "sns", "kms"))):
        if "_fromEntityKey" in record:
            relationships += 1
            assert {record["_fromEntityKey"], record["_toEntityKey"]} <= seen
        seen.add(record.get("_key"))
    assert relationships


async def test_worker_processes_yield_the_same_keys(estate):
    one, two = [
        {item["_key"] async for item in collector.collect(settings(processes=count)) if "_key" in item}
        for count in (1, 2)
    ]
    assert one == two


async def test_closing_the_iterator_ends_the_run(estate):
    async with aclosing(collector.collect(settings())) as records:
        first = await anext(records)
    assert "_key" in first
    with pytest.raises(StopAsyncIteration):
        await anext(records)


async def test_refused_credentials_raise(estate):
    estate.stub.faults.append(Fault("sts", code="InvalidClientTokenId", status=403))
    with pytest.raises(collector.CallFailed, match="InvalidClientTokenId"):
        [item async for item in collector.collect(settings())]


async def test_an_unknown_service_raises(estate):
    with pytest.raises(collector.ConfigurationError, match="unknown service 'sqss'"):
        [item async for item in collector.collect(settings(services=("sqss",)))]


def test_every_public_name_exists():
    assert {name for name in collector.__all__ if getattr(collector, name) is not None} == set(collector.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Collector'"):
        collector.Collector  # noqa: B018


def test_the_example_in_the_readme_works(estate, capsys):
    (source,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(source.replace("eu-west-1", "us-east-1"), "README.md", "exec"), {})
    *buckets, totals = capsys.readouterr().out.splitlines()
    assert "acme-data False" in buckets
    assert totals.startswith("complete ")
