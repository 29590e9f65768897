"""Equivalence of the fast path's requests with botocore's for every operation of the catalogue."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import Any
from unittest.mock import AsyncMock, patch

import aioboto3
import pytest
from aiobotocore.awsrequest import AioAWSResponse
from botocore import auth
from botocore.exceptions import ClientError
from botocore.handlers import add_retry_headers

from collector.aws import fast_path, transport
from collector.aws.clients import Clients
from collector.aws.credentials import Keys, RequestTarget
from collector.aws.fast_path import FastPath
from collector.aws.transport import Received
from collector.catalog.catalog import Catalog, declarations, operations
from tests.aws.script import Request

NOW = datetime(2026, 11, 23, 4, 5, 6, tzinfo=UTC)
REGIONS = ("us-east-1", "eu-central-1", "cn-north-1")
OPERATIONS = sorted({
    operation for service in Catalog.all().services for each in declarations(service) for operation in operations(service, each)
})  # fmt: skip
CLIENTS = sorted({client for client, _ in OPERATIONS})


class _Signer:
    async def get_frozen_credentials(self) -> Keys:
        return Keys("AKIDEXAMPLE", "secret", "token")


class _Answer:
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def read(self) -> bytes:
        return self._body


class _Sent(Exception):
    pass


class _Delegated(Exception):
    pass


class _FakePool:
    """Fake connection pool: records each request, then returns the next of `answers` or raises `_Sent`."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.answers: list[tuple[int, bytes]] = []

    async def fetch(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Received:
        status, read = self._answer(Request(method, url, headers, body))
        return Received(status, {"content-type": "application/xml"}, read)

    async def send(self, request: Any) -> Any:
        status, body = self._answer(request)
        return AioAWSResponse(request.url, status, {"content-type": "application/xml"}, _Answer(body))

    def _answer(self, request: Any) -> tuple[int, bytes]:
        self.requests.append(request)
        if not self.answers:
            raise _Sent
        return self.answers.pop(0)

    async def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def shared_clients():
    """Clients that are built once for all tests, and the fake pool below them."""
    pool = _FakePool()
    with (
        pytest.MonkeyPatch.context() as environment,
        patch.object(transport, "ConnectionPool", lambda *_: pool),
        patch("collector.aws.clients.ConnectionPool", lambda *_: pool),
    ):
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            environment.setenv(name, os.devnull)
        environment.delenv("AWS_ENDPOINT_URL", raising=False)
        yield Clients(aioboto3.Session(), "us-east-1"), pool


@pytest.fixture
def fake_pool(shared_clients):
    clients, pool = shared_clients
    pool.requests, pool.answers = [], []
    return clients, pool


SCALARS = {"integer": 7, "long": 7, "float": 7.0, "double": 7.0, "boolean": True, "timestamp": NOW, "blob": b"blob"}
NAMES = {"BucketName": "a-bucket", "AccountId": "123456789012"}


def _value(shape: Any, depth: int = 0) -> Any:
    """A valid value: with all members on the first two levels, and with the required members on the next two."""
    match shape.type_name:
        case "structure":
            names = shape.members if depth < 2 else shape.required_members if depth < 4 else ()
            return {name: _value(shape.members[name], depth + 1) for name in names}
        case "list":
            return [_value(shape.member, depth + 1)]
        case "map":
            return {_value(shape.key): _value(shape.value, depth + 1)}
        case "string":
            return NAMES.get(shape.name) or (shape.enum[0] if shape.enum else "a b/c")
    return SCALARS[shape.type_name]


def _params(boto: Any, api: str) -> dict[str, Any]:
    shape = boto.meta.service_model.operation_model(api).input_shape
    return _value(shape) if shape is not None else {}


def _comparable(request: Any) -> tuple[str, str, bytes, dict[str, str]]:
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
    }
    headers.pop("content-length", None)  # aiohttp adds it
    headers["user-agent"] = headers["user-agent"].partition(" ")[0]  # botocore appends the features it used
    body = request.body or b""
    return request.method, request.url, body.encode() if isinstance(body, str) else body, headers


async def _sent(clients: Clients, pool: _FakePool, client: Any, op: str, params: dict[str, Any], region: str) -> Any:
    with pytest.raises(_Sent), patch.object(auth, "get_current_datetime", lambda: NOW.replace(tzinfo=None)):
        await clients.call(client, op, params, RequestTarget(region, _Signer()))
    return _comparable(pool.requests.pop())


async def _assert_sent_alike(clients: Clients, pool: _FakePool, client: Any, calls: list[Any]) -> None:
    client.boto.meta.events.unregister("request-created", add_retry_headers)
    with patch.object(fast_path, "datetime") as clock:
        clock.now.return_value = NOW
        first, repeated = [[await _sent(clients, pool, client, *each) for each in calls] for _ in range(2)]
    with patch.object(FastPath, "call", AsyncMock(return_value=None)):
        assert first == repeated == [await _sent(clients, pool, client, *each) for each in calls]


@pytest.mark.parametrize("name", CLIENTS)
async def test_requests_equal_those_of_botocore(name, fake_pool):
    clients, pool = fake_pool
    client = await clients.get(name)
    ops = [op for each, op in OPERATIONS if each == name]
    calls = [(op, _params(client.boto, client.apis[op]), region) for op in ops for region in REGIONS]
    await _assert_sent_alike(clients, pool, client, calls)


WITHOUT_EFFECT = frozenset({
    "ParameterAlias.alias_parameter_in_call", "RetryQuotaChecker.release_retry_quota", "_handle_request_validation_mode_member",
    "_handle_sqs_compatible_error", "_sign_for_target", "add_recursion_detection_header", "block_endpoint_discovery_required_operations",
    "generate_idempotent_uuid", "inject_api_version_header_if_needed",
})  # fmt: skip
"""Handlers without effect on fast-path operations: aliases, retries, idempotency tokens, Lambda's trace header."""
REPRODUCED = frozenset({"PolicyDecoder.after_call", "add_accept_header", "fix_route53_ids"})
OF_S3 = frozenset({
    "ClientCreator._inject_s3_input_parameters", "S3ExpressIdentityResolver.apply_signing_cache_key",
    "S3RegionRedirectorv2.annotate_request_context", "_handle_200_error", "add_expect_header", "handle_expires_header",
    "remove_bucket_from_url_paths_from_model", "validate_bucket_name",
})  # fmt: skip
"""Handlers of S3 for redirects, directory buckets and uploads, and those that `FastPath` reproduces."""
LEFT_TO_BOTOCORE = {("s3", "get_bucket_location"), ("s3control", "get_public_access_block")}


@pytest.mark.parametrize("name", CLIENTS)
async def test_the_fast_path_bypasses_only_handlers_without_effect(name, fake_pool):
    clients, _ = fake_pool
    client = await clients.get(name)
    expected = WITHOUT_EFFECT | REPRODUCED | (OF_S3 if name == "s3" else frozenset())
    for op in [op for each, op in OPERATIONS if each == name and (each, op) not in LEFT_TO_BOTOCORE]:
        for event in ("provide-client-params", "before-parameter-build", "before-call", "before-parse", "after-call"):
            service = client.boto.meta.service_model.service_id.hyphenize()
            listeners = client.boto.meta.events._emitter._handlers.prefix_search(f"{event}.{service}.{client.apis[op]}")
            assert {getattr(each, "func", each).__qualname__ for each in listeners} <= expected


@pytest.mark.parametrize("name", CLIENTS)
async def test_only_special_operations_are_left_to_botocore(name, fake_pool):
    clients, _ = fake_pool
    client = await clients.get(name)
    ops = [op for each, op in OPERATIONS if each == name]
    with (
        patch.object(fast_path, "datetime") as clock,
        patch("collector.aws.clients.by_botocore", AsyncMock(side_effect=_Delegated)),
    ):
        clock.now.return_value = NOW
        for op in ops:
            params = _params(client.boto, client.apis[op])
            with pytest.raises(_Delegated if (name, op) in LEFT_TO_BOTOCORE else _Sent):
                await clients.call(client, op, params, RequestTarget("eu-west-1", _Signer()))


@pytest.mark.parametrize("bucket", ["Big_Bucket", "arn:aws:s3:us-east-1:1:accesspoint/a", "logs--use1-az1--x-s3", "a"])
async def test_calls_to_unusual_bucket_names_are_left_to_botocore(bucket, fake_pool):
    clients, _ = fake_pool
    client = await clients.get("s3")
    with patch("collector.aws.clients.by_botocore", AsyncMock(side_effect=_Delegated)), pytest.raises(_Delegated):
        await clients.call(client, "get_bucket_acl", {"Bucket": bucket}, RequestTarget("eu-west-1", _Signer()))


@pytest.mark.parametrize("bucket", ["plain", "with.dots.in-it", "0digits0", "a" * 63])
async def test_requests_to_a_bucket_equal_those_of_botocore(bucket, fake_pool):
    clients, pool = fake_pool
    client = await clients.get("s3")
    calls = [("get_bucket_acl", {"Bucket": bucket}, region) for region in REGIONS]
    await _assert_sent_alike(clients, pool, client, calls)


async def test_a_response_is_parsed_and_an_error_is_raised(fake_pool):
    clients, pool = fake_pool
    client = await clients.get("sts")
    pool.answers = [
        (200, b"<R><GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult></R>"),
        (403, b"<ErrorResponse><Error><Code>ExpiredToken</Code><Message>too late</Message></Error></ErrorResponse>"),
    ]
    answer = await clients.call(client, "get_caller_identity", {}, RequestTarget("us-east-1", _Signer()))
    assert answer == {"Account": "1"}, "without ResponseMetadata"
    with pytest.raises(ClientError, match="too late") as caught:
        await clients.call(client, "get_caller_identity", {}, RequestTarget("us-east-1", _Signer()))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


async def test_an_error_body_of_s3_with_a_success_status_is_raised(fake_pool):
    clients, pool = fake_pool
    client = await clients.get("s3")
    pool.answers = [(200, b"<Error><Code>InternalError</Code><Message>oh</Message></Error>")]
    with pytest.raises(ClientError, match="InternalError"):
        await clients.call(client, "get_bucket_acl", {"Bucket": "b-1"}, RequestTarget("us-east-1", _Signer()))


async def test_a_call_is_redirected_to_the_region_of_its_bucket(fake_pool):
    clients, pool = fake_pool
    client = await clients.get("s3")
    wrong = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>"
    right = b"<AccessControlPolicy><Owner><ID>me</ID></Owner></AccessControlPolicy>"
    pool.answers = [(400, wrong), (400, wrong), (200, right)]
    answer = await clients.call(
        client, "get_bucket_acl", {"Bucket": "redirected"}, RequestTarget("us-east-1", _Signer())
    )
    assert answer["Owner"] == {"ID": "me"}
    assert "/eu-west-1/s3/" in _comparable(pool.requests[-1])[3]["authorization"]


async def test_concurrent_calls_each_go_to_their_own_region(fake_pool):
    clients, pool = fake_pool
    client = await clients.get("sqs")
    calls = [clients.call(client, "list_queues", {}, RequestTarget(region, _Signer())) for region in REGIONS * 5]
    await asyncio.gather(*calls, return_exceptions=True)
    for request in pool.requests:
        region = request.url.split(".")[1]
        assert f"/{region}/sqs/" in request.headers["Authorization"]
    assert len({request.url for request in pool.requests}) == len(REGIONS)
