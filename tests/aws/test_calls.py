from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from typing import Any, cast

import pytest
from aiohttp import ClientConnectorDNSError
from aiohttp.client_reqrep import ConnectionKey
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from collector.aws.availability import Absence, Availability
from collector.aws.calls import CallContext, RetryPolicy, ScopeCalls
from collector.aws.credentials import Identity, IssuedKeys, Keys
from collector.aws.faults import NO_SUCH_HOST
from collector.aws.limits import RateLimits
from collector.faults import CallFailed, Reason
from collector.report import ScopeRecord
from tests.aws.script import NOW, Issuer, RecordedSleep, ScriptedClients, calls_over, error

URL = "https://x.example"


async def _pages(calls, op="list_things", **params):
    return [page async for page in calls.pages("svc", op, params)]


async def test_a_successful_call_is_made_once_without_sleeping():
    clients, sleep, record = ScriptedClients(get_thing=[{"A": 1}]), RecordedSleep(), ScopeRecord()
    calls = calls_over(clients, record=record, sleep=sleep)
    assert await calls.once("svc", "get_thing", {"Id": 1}) == {"A": 1}
    assert (record.calls, record.retries, sleep.seconds) == (1, 0, [])


@pytest.mark.parametrize(
    "transient",
    [
        error("Throttling"),
        error("ThrottlingException"),
        error("RequestLimitExceeded", status=503),
        error("SlowDown", status=503),
        error("429", status=429),
        error("InternalFailure", status=500),
        error("Whatever", status=502),
        ConnectionClosedError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
        EndpointConnectionError(endpoint_url=URL, error="Connection refused"),
        ResponseParserError("Unable to parse response (no element found), invalid XML received"),
    ],
    ids=str,
)
async def test_a_transient_failure_is_retried(transient):
    clients, record = ScriptedClients(get_thing=[transient, transient, {"A": 1}]), ScopeRecord()
    assert await calls_over(clients, record=record).once("svc", "get_thing", {}) == {"A": 1}
    assert (record.calls, record.retries, record.problems) == (3, 2, {})


@pytest.mark.parametrize(
    ("final", "reason"),
    [
        (error("AccessDenied"), Reason.DENIED),
        (error("UnauthorizedOperation"), Reason.DENIED),
        (error("AccessDeniedException", "… with an explicit deny in a service control policy"), Reason.DENIED_BY_SCP),
        (error("OptInRequired"), Reason.NOT_SUBSCRIBED),
        (error("UnrecognizedClientException"), Reason.REGION_DISABLED),
        (error("NoSuchHostedZone", status=404), Reason.VANISHED),
        (error("InvalidInstanceID.NotFound"), Reason.VANISHED),
        (error("ValidationError"), Reason.ERROR),
        (EndpointConnectionError(endpoint_url=URL, error="Name or service not known"), Reason.UNREACHABLE),
        (ConnectTimeoutError(endpoint_url=URL), Reason.UNREACHABLE),
    ],
)
async def test_a_permanent_failure_is_not_retried_and_has_its_reason(final, reason):
    clients, record = ScriptedClients(get_thing=[final]), ScopeRecord()
    with pytest.raises(CallFailed) as raised:
        await calls_over(clients, record=record).once("svc", "get_thing", {})
    assert raised.value.reason is reason
    assert raised.value.operation == "svc:GetThing"
    assert record.calls == 1


async def test_throttles_are_retried_more_often_than_other_failures():
    throttled = ScriptedClients(get_thing=[*[error("Throttling")] * 11, {"A": 1}])
    record = ScopeRecord()
    assert await calls_over(throttled, record=record).once("svc", "get_thing", {}) == {"A": 1}
    assert record.throttles == 11
    failing = ScriptedClients(get_thing=[error("InternalError", status=500)] * 20)
    with pytest.raises(CallFailed):
        await calls_over(failing).once("svc", "get_thing", {})
    assert len(failing.calls) == 5


async def test_waits_are_random_and_bounded():
    sleep = RecordedSleep()
    clients = ScriptedClients(get_thing=[*[error("Throttling")] * 11, {}])
    await calls_over(clients, sleep=sleep, longest_wait=2.0).once("svc", "get_thing", {})
    assert len(sleep.seconds) == 11
    assert all(0 <= seconds <= 2.0 for seconds in sleep.seconds)
    assert len(set(sleep.seconds)) > 1


async def test_a_throttled_page_is_retried_without_restarting_the_listing():
    clients = ScriptedClients(
        list_things=[
            {"Things": [1], "NextToken": "a"},
            error("Throttling"),
            {"Things": [2], "NextToken": "b"},
            {"Things": [3]},
        ]
    )
    pages = await _pages(calls_over(clients))
    assert [page["Things"] for page in pages] == [[1], [2], [3]]
    assert [params.get("Token") for _, params, _, _ in clients.calls] == [None, "a", "a", "b"]


async def test_an_empty_page_with_a_token_is_not_the_last():
    clients = ScriptedClients(
        list_things=[{"Things": [], "NextToken": "a"}, {"NextToken": "b"}, {"Things": [1], "NextToken": ""}]
    )
    assert [page.get("Things") for page in await _pages(calls_over(clients))] == [[], None, [1]]


async def test_multiple_tokens_are_sent_together_until_the_listing_is_not_truncated():
    clients = ScriptedClients(
        list_records=[
            {"IsTruncated": True, "NextName": "b", "NextType": "A"},
            {"IsTruncated": True, "NextName": "c"},
            {"IsTruncated": False, "NextName": "d"},
        ]
    )
    await _pages(calls_over(clients), "list_records", Zone="z")
    assert [params for _, params, _, _ in clients.calls] == [
        {"Zone": "z"}, {"Zone": "z", "StartName": "b", "StartType": "A"}, {"Zone": "z", "StartName": "c"}
    ]  # fmt: skip


async def test_a_repeated_page_token_is_a_failure():
    clients = ScriptedClients(list_things=[{"NextToken": "a"}, {"NextToken": "b"}, {"NextToken": "a"}])
    with pytest.raises(CallFailed) as raised:
        await _pages(calls_over(clients))
    assert (raised.value.reason, raised.value.code) == (Reason.INVALID, "RepeatedToken")


async def test_a_listing_without_a_paginator_uses_its_declared_token():
    clients = ScriptedClients(list_tokens=[{"NextMarker": "m"}, {}])
    pages = [page async for page in calls_over(clients).pages("svc", "list_tokens", {}, token="NextMarker")]
    assert len(pages) == 2
    assert clients.calls[1][1] == {"NextMarker": "m"}


async def test_expired_credentials_are_renewed_and_the_call_is_retried():
    clients = ScriptedClients(get_thing=[error("ExpiredToken"), {"A": 1}])
    issuer = Issuer()
    assert await calls_over(clients, issuer=issuer).once("svc", "get_thing", {}) == {"A": 1}
    assert [keys.access_key for _, _, _, keys in clients.calls] == ["key1", "key2"]


async def test_concurrent_calls_with_the_same_expired_keys_renew_them_once():
    class Expiring(ScriptedClients):
        async def call(self, client, op, params, target):
            keys = await target.credentials.get_frozen_credentials()
            await asyncio.sleep(0)
            if keys.access_key == "key1":
                raise error("ExpiredToken")
            return {}

    issuer = Issuer()
    calls = calls_over(Expiring(), issuer=issuer)
    await asyncio.gather(*(calls.once("svc", "get_thing", {}) for _ in range(5)))
    assert issuer.issued == 2


async def test_credentials_that_stay_expired_fail_the_call_after_a_bounded_number_of_attempts():
    clients = ScriptedClients(get_thing=[error("ExpiredToken")] * 50)
    with pytest.raises(CallFailed) as raised:
        await calls_over(clients).once("svc", "get_thing", {})
    assert raised.value.reason is Reason.EXPIRED
    assert len(clients.calls) == 5


async def test_credentials_are_renewed_before_they_expire():
    clock = [NOW]
    issuer = Issuer(clock)
    clients = ScriptedClients(get_thing=[{}, {}, {}])
    calls = calls_over(clients, issuer=issuer)
    await calls.once("svc", "get_thing", {})
    clock[0] += timedelta(minutes=50)
    await calls.once("svc", "get_thing", {})
    clock[0] += timedelta(minutes=6)
    await calls.once("svc", "get_thing", {})
    assert [keys.access_key for _, _, _, keys in clients.calls] == ["key1", "key1", "key2"]


async def test_calls_that_wait_for_new_keys_do_not_block_the_call_that_obtains_them():
    clients = ScriptedClients(get_thing=[{}] * 5, list_tokens=[{}, {}])
    context = CallContext(cast("Any", clients), RateLimits(unlimited=True), 1, RetryPolicy(deadline=5.0))
    hub = ScopeCalls(context, Identity("1", Issuer()), "us-east-1", ScopeRecord())

    async def assumed() -> IssuedKeys:
        await hub.once("svc", "list_tokens", {})
        return IssuedKeys(Keys("assumed", "secret", None))

    calls = ScopeCalls(context, Identity("2", assumed), "us-east-1", ScopeRecord())
    await asyncio.gather(*(calls.once("svc", "get_thing", {}) for _ in range(5)))
    assert [op for op, *_ in clients.calls] == ["list_tokens", *["get_thing"] * 5]


async def test_a_result_that_is_not_ready_is_retried():
    clients = ScriptedClients(get_thing=[error("ReportInProgress"), error("ReportInProgress"), {"Content": b"x"}])
    answer = await calls_over(clients).once("svc", "get_thing", {}, again=("ReportInProgress",))
    assert answer == {"Content": b"x"}


async def test_an_unreachable_endpoint_costs_a_single_connect_timeout():
    clients = ScriptedClients(get_thing=[ConnectTimeoutError(endpoint_url=URL)], list_things=[{}])
    calls = calls_over(clients)
    for op in ("get_thing", "get_thing", "list_things"):  # nothing in the region has responded: all of it is given up
        with pytest.raises(CallFailed) as raised:
            await calls.once("svc", op, {})
        assert raised.value.reason is Reason.UNREACHABLE
    assert len(clients.calls) == 1


async def test_one_unreachable_endpoint_does_not_affect_the_rest_of_a_responsive_region():
    clients = ScriptedClients(get_thing=[{}, ConnectTimeoutError(endpoint_url=URL), {"A": 1}])
    calls = calls_over(clients)
    await calls.once("one", "get_thing", {})
    with pytest.raises(CallFailed):
        await calls.once("two", "get_thing", {})
    with pytest.raises(CallFailed):
        await calls.once("two", "get_thing", {})
    assert await calls.once("one", "get_thing", {}) == {"A": 1}


async def test_a_hanging_call_fails_at_its_deadline():
    class Silent(ScriptedClients):
        async def call(self, client, op, params, target):
            await asyncio.Event().wait()

    with pytest.raises(CallFailed) as raised:
        await calls_over(Silent(), deadline=0.01).once("svc", "get_thing", {})
    assert (raised.value.reason, raised.value.code) == (Reason.TIMEOUT, "DeadlineExceeded")


async def test_a_bug_is_not_reported_as_a_failed_call():
    for bug in (KeyError("x"), ParamValidationError(report="x")):
        with pytest.raises(type(bug)):
            await calls_over(ScriptedClients(get_thing=[bug])).once("svc", "get_thing", {})


async def test_secrets_are_redacted_from_failures():
    leaking = error("ValidationError", "bad request X-Amz-Security-Token=abc123&Signature=def456")
    with pytest.raises(CallFailed) as raised:
        await calls_over(ScriptedClients(get_thing=[leaking])).once("svc", "get_thing", {})
    assert "abc123" not in str(raised.value)
    assert "def456" not in str(raised.value)


async def test_calls_in_flight_are_bounded_by_the_concurrency():
    class Counting(ScriptedClients):
        in_flight = peak = 0

        async def call(self, client, op, params, target):
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
            await asyncio.sleep(0)
            self.in_flight -= 1
            return {}

    clients = Counting()
    calls = calls_over(clients)
    await asyncio.gather(*(calls.once("svc", "get_thing", {}) for _ in range(40)))
    assert clients.peak == 10


def _unresolved(errno: int) -> EndpointConnectionError:
    """The error of a host name that did not resolve, as aiohttp and then botocore wrap it."""
    key = ConnectionKey(
        "svc.us-east-1.amazonaws.com", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None
    )
    return EndpointConnectionError(endpoint_url=URL, error=ClientConnectorDNSError(key, socket.gaierror(errno, "x")))


async def test_a_host_name_that_does_not_exist_is_not_tried_again():
    clients, record = ScriptedClients(get_thing=[_unresolved(socket.EAI_NONAME)]), ScopeRecord()
    with pytest.raises(CallFailed) as raised:
        await calls_over(clients, record=record).once("svc", "get_thing", {})
    assert (raised.value.reason, raised.value.code) == (Reason.UNREACHABLE, NO_SUCH_HOST)
    assert (record.unresolved, record.reached, record.retries) == (frozenset({("svc", "us-east-1")}), frozenset(), 0)


@pytest.mark.parametrize("errno", [socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_SYSTEM])
async def test_a_resolver_that_fails_is_asked_again_and_proves_nothing(errno):
    clients, record = ScriptedClients(get_thing=[_unresolved(errno)] * 5), ScopeRecord()
    with pytest.raises(CallFailed) as raised:
        await calls_over(clients, record=record).once("svc", "get_thing", {})
    assert (raised.value.reason, raised.value.code) == (Reason.UNREACHABLE, "EndpointConnectionError")
    assert (record.unresolved, record.retries) == (frozenset(), 4)


@pytest.mark.parametrize(
    "failure", [ConnectTimeoutError(endpoint_url=URL), EndpointConnectionError(endpoint_url=URL, error="refused")]
)
async def test_an_endpoint_that_does_not_answer_is_not_taken_for_absent(failure):
    record = ScopeRecord()
    with pytest.raises(CallFailed):
        await calls_over(ScriptedClients(get_thing=[failure] * 5), record=record).once("svc", "get_thing", {})
    assert (record.unresolved, record.reached) == (frozenset(), frozenset())


async def test_an_error_of_aws_shows_that_the_endpoint_exists():
    record = ScopeRecord()
    with pytest.raises(CallFailed):
        await calls_over(ScriptedClients(get_thing=[error("AccessDenied")]), record=record).once("svc", "get_thing", {})
    assert record.reached == {("svc", "us-east-1")}


async def test_every_scope_remembers_a_host_name_that_does_not_exist():
    clients = ScriptedClients(get_thing=[_unresolved(socket.EAI_NONAME)])
    first = calls_over(clients, record=(one := ScopeRecord()))
    second = ScopeCalls(first._context, first._identity, "us-east-1", two := ScopeRecord())
    for calls in (first, second):
        with pytest.raises(CallFailed):
            await calls.once("svc", "get_thing", {})
    assert one.unresolved == two.unresolved == {("svc", "us-east-1")}
    assert len(clients.calls) == 1


async def test_a_call_to_a_service_that_is_not_offered_is_not_made_and_is_no_failure():
    clients, record = ScriptedClients(), ScopeRecord()
    calls = calls_over(clients, record=record)
    calls._context.availability = Availability(
        {"partitions": [{"partition": "aws", "regions": {"us-east-1": {}}, "regionRegex": "x", "services": {}}]},
        [Absence("svc", "aws", "this test")],
    )
    with pytest.raises(CallFailed) as raised:
        await calls.once("svc", "get_thing", {})
    record.fail(raised.value, ["aws_thing"])
    assert (record.problems, record.not_offered, record.incomplete_types()) == ({}, {"svc"}, set())
    assert clients.calls == []


async def test_a_page_of_html_is_reported_by_its_text():
    page = "<html><head><title>502 Bad Gateway</title></head>\n<body><h1>502 Bad Gateway</h1>\n<hr>proxy</body></html>"
    clients = ScriptedClients(list_things=[error("502", page, status=502)] * 5)
    with pytest.raises(CallFailed) as raised:
        await calls_over(clients).once("svc", "list_things", {})
    assert raised.value.message == "502 Bad Gateway proxy"
