"""Whole runs in which host names do not resolve: requests to AWS's real names, by a resolver of this test, reach the estate."""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

import botocore.session
import pytest

from collector.aws.clients import Clients
from collector.aws.transport import ConnectionPool
from collector.model import HOMES
from tests.runs import collect

NONAME, AGAIN = socket.EAI_NONAME, socket.EAI_AGAIN
NEW = "ap-southeast-6"
"""A region that the endpoint data hardly know, so that a run has to find out."""


@pytest.fixture
def unresolved(estate, monkeypatch):
    """Host names to the error of the resolver. All other names lead to the estate."""
    errors: dict[str, int] = {}
    loop_class = asyncio.SelectorEventLoop
    lookup, fetch, send = loop_class.getaddrinfo, ConnectionPool.fetch, ConnectionPool.send

    async def getaddrinfo(self, host, *args, **options):
        if host in errors:
            raise socket.gaierror(errors[host], "stubbed")
        return await lookup(self, host, *args, **options)

    def redirected(url):
        parts = urlsplit(url)
        if parts.hostname in errors or parts.hostname == "127.0.0.1":
            return url
        return f"{estate.url}{url.removeprefix(f'{parts.scheme}://{parts.netloc}')}"

    async def redirected_fetch(self, method, url, headers, body):
        return await fetch(self, method, redirected(url), headers, body)

    async def redirected_send(self, request):
        request.url = redirected(request.url)
        return await send(self, request)

    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setattr(loop_class, "getaddrinfo", getaddrinfo, raising=False)
    monkeypatch.setattr(ConnectionPool, "fetch", redirected_fetch)
    monkeypatch.setattr(ConnectionPool, "send", redirected_send)
    return errors


@pytest.fixture
def regions(estate):
    """Sets the enabled regions of the account."""
    key = ("ec2", "DescribeRegions")
    kept = estate.stub.fixtures[key]

    def enable(*names):
        rows = [{"RegionName": name, "OptInStatus": "opted-in"} for name in names]
        estate.stub.fixtures[key] = {"Regions": rows}
        return names

    yield enable
    estate.stub.fixtures[key] = kept


def _statuses(collected, service):
    return {s["region"]: s["status"] for s in collected.report["scopes"] if s["service"] == service}


def _problems(collected):
    return {
        (scope["service"], scope["region"]): problem["reason"]
        for scope in collected.report["scopes"]
        for problem in scope["problems"]
    }


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_run_is_complete_where_aws_does_not_offer_a_service(estate, regions, processes):
    regions("us-east-1", "us-west-1", "eu-north-1", "ap-southeast-4")
    collected = await collect(regions=(), services="workspaces,cloudhsm,sqs", processes=processes)
    assert collected.report["status"] == "complete"
    assert _statuses(collected, "workspaces") == {
        "global": "complete",
        "us-east-1": "complete",
        "us-west-1": "unavailable",
        "eu-north-1": "unavailable",
        "ap-southeast-4": "unavailable",
    }
    assert _statuses(collected, "cloudhsm")["ap-southeast-4"] == "unavailable"
    assert "aws_workspaces_workspace" not in collected.report["partialDatasets"]["types"]
    assert _problems(collected) == {}
    called = {(call.service, call.region) for call in estate.stub.calls}
    assert ("workspaces", "us-east-1") in called
    assert ("workspaces", "us-west-1") not in called
    (scope,) = [s for s in collected.report["scopes"] if (s["service"], s["region"]) == ("workspaces", "us-west-1")]
    assert scope["notOffered"] == ["workspaces"]


async def test_a_host_name_that_does_not_exist_is_no_failure_where_others_do(unresolved, regions):
    regions("us-east-1", "eu-west-1", NEW)
    unresolved[f"guardduty.{NEW}.amazonaws.com"] = NONAME
    unresolved[f"workspaces.{NEW}.amazonaws.com"] = NONAME
    collected = await collect(regions=(), services="guardduty,workspaces,sqs")
    assert collected.report["status"] == "complete"
    for service in ("guardduty", "workspaces"):
        assert _statuses(collected, service) == {
            "global": "complete",
            "us-east-1": "complete",
            "eu-west-1": "complete",
            NEW: "unavailable",
        }
    assert _problems(collected) == {}
    assert not {"aws_guardduty_detector", "aws_workspaces_workspace"} & set(
        collected.report["partialDatasets"]["types"]
    )
    assert _statuses(collected, "sqs")[NEW] == "complete"


@pytest.mark.parametrize(
    ("names", "error", "failed"),
    [
        ([f"guardduty.{NEW}"], AGAIN, {NEW}),
        (["guardduty.eu-west-1"], NONAME, {"eu-west-1"}),
        (["guardduty.us-east-1", "guardduty.eu-west-1", f"guardduty.{NEW}"], NONAME, {"us-east-1", "eu-west-1", NEW}),
    ],
    ids=["the resolver failed", "the data list the region", "nothing resolves"],
)
async def test_a_host_name_that_does_not_resolve_is_a_failure(unresolved, regions, names, error, failed):
    regions("us-east-1", "eu-west-1", NEW)
    unresolved.update({f"{name}.amazonaws.com": error for name in names})
    collected = await collect(regions=(), services="guardduty,sqs")
    assert collected.report["status"] == "partial"
    assert _problems(collected) == {("guardduty", region): "endpoint_unreachable" for region in failed}
    assert {region for region, status in _statuses(collected, "guardduty").items() if status == "partial"} == failed
    assert "aws_guardduty_detector" in collected.report["partialDatasets"]["types"]


async def test_nothing_is_unavailable_when_no_name_resolves(unresolved, regions, monkeypatch):
    regions("us-east-1", NEW)
    call = Clients.call

    async def offline(self, client, op, params, target):
        api = client.boto.meta.service_model.service_name
        if api not in ("sts", "ec2"):
            unresolved[f"{api}.{target.region}.amazonaws.com"] = NONAME
        return await call(self, client, op, params, target)

    monkeypatch.setattr(Clients, "call", offline)
    collected = await collect(regions=(), services="guardduty,sqs")
    assert collected.report["status"] == "partial"
    assert set(_problems(collected)) == {(s, r) for s in ("guardduty", "sqs") for r in ("us-east-1", NEW)}


@pytest.mark.parametrize(
    ("partition", "enabled", "unavailable"),
    [
        ("aws-cn", ("cn-north-1", "cn-northwest-1"), {("workspaces", "cn-north-1")}),
        ("aws-us-gov", ("us-gov-east-1", "us-gov-west-1"), {("cloudfront", "global")}),
    ],
)
async def test_a_run_over_all_regions_of_a_partition_is_complete(
    estate, regions, monkeypatch, partition, enabled, unavailable
):
    regions(*enabled)
    monkeypatch.setenv("AWS_REGION", HOMES[partition])
    monkeypatch.setenv("AWS_DEFAULT_REGION", HOMES[partition])
    collected = await collect(regions=())
    assert _problems(collected) == {}
    assert collected.report["status"] == "complete"
    found = {(s["service"], s["region"]) for s in collected.report["scopes"] if s["status"] == "unavailable"}
    assert found == unavailable
    (account,) = [record for record in collected.records if record["_type"] == "aws_account"]
    assert account["_key"].startswith(f"arn:{partition}:iam::")
    assert {call.service for call in estate.stub.calls}.isdisjoint({"route53domains", "waf"})


async def test_a_run_over_all_regions_of_aws_is_complete(unresolved, regions):
    """Only the endpoints that botocore lists exist. All services with gaps, and one without, are collected."""
    session = botocore.session.get_session()
    everywhere = regions(*session.get_available_regions("ec2"))
    services = {
        client: set(everywhere) - set(session.get_available_regions(client))
        for client in ("cloudhsmv2", "guardduty", "inspector2", "sqs", "transfer", "wafv2", "workspaces")
    }
    unresolved.update(
        {f"{client}.{region}.amazonaws.com": NONAME for client, gaps in services.items() for region in gaps}
    )
    names = [client.removesuffix("v2") if client == "cloudhsmv2" else client for client in services]
    collected = await collect(regions=(), services=",".join(names))
    assert _problems(collected) == {}
    assert collected.report["status"] == "complete"
    for name, gaps in zip(names, services.values(), strict=True):
        missing = {region for region, status in _statuses(collected, name).items() if status == "unavailable"}
        assert missing == gaps
    assert services["workspaces"] > {NEW, "us-west-1"}
