from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from collector.aws.calls import CallContext, RetryPolicy, ScopeCalls
from collector.aws.credentials import Identity, Issued, Keys
from collector.aws.limits import RateLimits
from collector.faults import CallFailed, Reason
from collector.report import ScopeRecord
from tests.aws.script import NOW, Issuer, Naps, ScriptedClients, calls_over, error

URL = "https://x.example"


async def _pages(calls, op="list_things", **params):
    return [page async for page in calls.pages("svc", op, params)]


async def test_a_call_that_goes_well_is_made_once_and_never_sleeps():
    clients, naps, record = ScriptedClients(get_thing=[{"A": 1}]), Naps(), ScopeRecord()
    calls = calls_over(clients, record=record, sleep=naps)
    assert await calls.once("svc", "get_thing", {"Id": 1}) == {"A": 1}
    assert (record.calls, record.retries, naps.seconds) == (1, 0, [])


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
async def test_what_may_pass_is_tried_again(transient):
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
async def test_what_will_not_pass_fails_at_once_with_its_reason(final, reason):
    clients, record = ScriptedClients(get_thing=[final]), ScopeRecord()
    with pytest.raises(CallFailed) as failed:
        await calls_over(clients, record=record).once("svc", "get_thing", {})
    assert failed.value.reason is reason
    assert failed.value.operation == "svc:GetThing"
    assert record.calls == 1


async def test_throttles_are_borne_longer_than_other_failures():
    patient = ScriptedClients(get_thing=[*[error("Throttling")] * 11, {"A": 1}])
    record = ScopeRecord()
    assert await calls_over(patient, record=record).once("svc", "get_thing", {}) == {"A": 1}
    assert record.throttles == 11
    impatient = ScriptedClients(get_thing=[error("InternalError", status=500)] * 20)
    with pytest.raises(CallFailed):
        await calls_over(impatient).once("svc", "get_thing", {})
    assert len(impatient.calls) == 5


async def test_waits_are_random_and_bounded():
    naps = Naps()
    clients = ScriptedClients(get_thing=[*[error("Throttling")] * 11, {}])
    await calls_over(clients, sleep=naps, longest_wait=2.0).once("svc", "get_thing", {})
    assert len(naps.seconds) == 11
    assert all(0 <= seconds <= 2.0 for seconds in naps.seconds)
    assert len(set(naps.seconds)) > 1


async def test_a_throttle_in_the_middle_repeats_its_page_not_the_listing():
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


async def test_several_tokens_go_back_together_and_stop_when_nothing_more_is_told():
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


async def test_a_token_that_comes_again_ends_the_listing_as_a_failure():
    clients = ScriptedClients(list_things=[{"NextToken": "a"}, {"NextToken": "b"}, {"NextToken": "a"}])
    with pytest.raises(CallFailed) as failed:
        await _pages(calls_over(clients))
    assert (failed.value.reason, failed.value.code) == (Reason.INVALID, "RepeatedToken")


async def test_a_listing_without_a_paginator_pages_by_its_declared_token():
    clients = ScriptedClients(list_tokens=[{"NextMarker": "m"}, {}])
    pages = [page async for page in calls_over(clients).pages("svc", "list_tokens", {}, token="NextMarker")]
    assert len(pages) == 2
    assert clients.calls[1][1] == {"NextMarker": "m"}


async def test_expired_credentials_are_renewed_and_the_call_repeated():
    clients = ScriptedClients(get_thing=[error("ExpiredToken"), {"A": 1}])
    issuer = Issuer()
    assert await calls_over(clients, issuer=issuer).once("svc", "get_thing", {}) == {"A": 1}
    assert [keys.access_key for _, _, _, keys in clients.calls] == ["key1", "key2"]


async def test_many_calls_with_the_same_expired_keys_renew_them_once():
    class Expiring(ScriptedClients):
        async def call(self, client, op, params, aim):
            keys = await aim.credentials.get_frozen_credentials()
            await asyncio.sleep(0)
            if keys.access_key == "key1":
                raise error("ExpiredToken")
            return {}

    issuer = Issuer()
    calls = calls_over(Expiring(), issuer=issuer)
    await asyncio.gather(*(calls.once("svc", "get_thing", {}) for _ in range(5)))
    assert issuer.issued == 2


async def test_credentials_that_stay_expired_are_a_failure_and_not_a_loop():
    clients = ScriptedClients(get_thing=[error("ExpiredToken")] * 50)
    with pytest.raises(CallFailed) as failed:
        await calls_over(clients).once("svc", "get_thing", {})
    assert failed.value.reason is Reason.EXPIRED
    assert len(clients.calls) == 5


async def test_credentials_are_renewed_before_they_end():
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


async def test_calls_that_wait_for_new_keys_leave_a_slot_to_the_call_that_gets_them():
    clients = ScriptedClients(get_thing=[{}] * 5, list_tokens=[{}, {}])
    line = CallContext(cast("Any", clients), RateLimits(unlimited=True), 1, RetryPolicy(deadline=5.0))
    through = ScopeCalls(line, Identity("1", Issuer()), "us-east-1", ScopeRecord())

    async def assumed() -> Issued:
        await through.once("svc", "list_tokens", {})
        return Issued(Keys("assumed", "secret", None))

    calls = ScopeCalls(line, Identity("2", assumed), "us-east-1", ScopeRecord())
    await asyncio.gather(*(calls.once("svc", "get_thing", {}) for _ in range(5)))
    assert [op for op, *_ in clients.calls] == ["list_tokens", *["get_thing"] * 5]


async def test_not_ready_yet_is_asked_again():
    clients = ScriptedClients(get_thing=[error("ReportInProgress"), error("ReportInProgress"), {"Content": b"x"}])
    answer = await calls_over(clients).once("svc", "get_thing", {}, again=("ReportInProgress",))
    assert answer == {"Content": b"x"}


async def test_a_dead_endpoint_costs_one_connect_timeout_not_one_for_each_call():
    clients = ScriptedClients(get_thing=[ConnectTimeoutError(endpoint_url=URL)], list_things=[{}])
    calls = calls_over(clients)
    for op in ("get_thing", "get_thing", "list_things"):  # nothing in the region ever answered: all of it is given up
        with pytest.raises(CallFailed) as failed:
            await calls.once("svc", op, {})
        assert failed.value.reason is Reason.UNREACHABLE
    assert len(clients.calls) == 1


async def test_one_dead_endpoint_does_not_take_a_living_region_with_it():
    clients = ScriptedClients(get_thing=[{}, ConnectTimeoutError(endpoint_url=URL), {"A": 1}])
    calls = calls_over(clients)
    await calls.once("one", "get_thing", {})
    with pytest.raises(CallFailed):
        await calls.once("two", "get_thing", {})
    with pytest.raises(CallFailed):
        await calls.once("two", "get_thing", {})
    assert await calls.once("one", "get_thing", {}) == {"A": 1}


async def test_a_call_that_never_ends_meets_its_deadline():
    class Silent(ScriptedClients):
        async def call(self, client, op, params, aim):
            await asyncio.Event().wait()

    with pytest.raises(CallFailed) as failed:
        await calls_over(Silent(), deadline=0.01).once("svc", "get_thing", {})
    assert (failed.value.reason, failed.value.code) == (Reason.TIMEOUT, "DeadlineExceeded")


async def test_a_bug_of_ours_is_not_taken_for_a_failure_of_theirs():
    for bug in (KeyError("x"), ParamValidationError(report="x")):
        with pytest.raises(type(bug)):
            await calls_over(ScriptedClients(get_thing=[bug])).once("svc", "get_thing", {})


async def test_no_secret_stands_in_a_failure():
    leaking = error("ValidationError", "bad request X-Amz-Security-Token=abc123&Signature=def456")
    with pytest.raises(CallFailed) as failed:
        await calls_over(ScriptedClients(get_thing=[leaking])).once("svc", "get_thing", {})
    assert "abc123" not in str(failed.value)
    assert "def456" not in str(failed.value)


async def test_no_more_calls_are_in_flight_than_allowed():
    class Counting(ScriptedClients):
        flying = most = 0

        async def call(self, client, op, params, aim):
            self.flying += 1
            self.most = max(self.most, self.flying)
            await asyncio.sleep(0)
            self.flying -= 1
            return {}

    clients = Counting()
    calls = calls_over(clients)
    await asyncio.gather(*(calls.once("svc", "get_thing", {}) for _ in range(40)))
    assert clients.most == 10
