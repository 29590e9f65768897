"""A fake for `Clients` with scripted answers: each call takes the next answer of its operation."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

from botocore.exceptions import ClientError

from collector.aws.calls import CallContext, RetryPolicy, ScopeCalls
from collector.aws.clients import Client
from collector.aws.credentials import Identity, IssuedKeys, Keys, RequestTarget
from collector.aws.limits import RateLimits
from collector.aws.paging import paging_of
from collector.report import ScopeRecord

PAGING = {
    "ListThings": paging_of({"input_token": "Token", "output_token": "NextToken", "result_key": "Things"}),
    "ListRecords": paging_of(
        {
            "more_results": "IsTruncated",
            "input_token": ["StartName", "StartType"],
            "output_token": ["NextName", "NextType"],
            "result_key": "Records",
        }
    ),
}
APIS = {
    "list_things": "ListThings",
    "list_records": "ListRecords",
    "get_thing": "GetThing",
    "list_tokens": "ListTokens",
}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Request(NamedTuple):
    """An HTTP request that is signed or sent."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


def error(code: str, message: str = "", status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Op"
    )


class ScriptedClients:
    """Returns the answers of an operation in order; an exception among them is raised."""

    def __init__(self, **script: list[Any]) -> None:
        self._script = {op: deque(answers) for op, answers in script.items()}
        self.calls: list[tuple[str, Mapping[str, Any], str, Keys]] = []
        self.counts: dict[str, int] = defaultdict(int)

    async def get(self, name: str) -> Client:
        return Client(None, cast("Any", None), APIS, PAGING)

    async def call(self, client: Client, op: str, params: Mapping[str, Any], target: RequestTarget) -> Any:
        assert target.credentials is not None
        self.calls.append((op, dict(params), target.region, await target.credentials.get_frozen_credentials()))
        answer = self._script[op].popleft()
        if isinstance(answer, BaseException):
            raise answer
        return answer


class RecordedSleep:
    """Records the seconds of each sleep and returns at once."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Issuer:
    """A credential provider with numbered keys that expire after an hour."""

    def __init__(self, clock: list[datetime] | None = None) -> None:
        self.clock = clock or [NOW]
        self.issued = 0

    async def __call__(self) -> IssuedKeys:
        self.issued += 1
        return IssuedKeys(Keys(f"key{self.issued}", "secret", None), self.clock[0] + timedelta(hours=1))

    def now(self) -> datetime:
        return self.clock[0]


def calls_over(
    clients: Any, *, record: ScopeRecord | None = None, issuer: Issuer | None = None, **policy: Any
) -> ScopeCalls:
    issuer = issuer or Issuer()
    sleep = policy.pop("sleep", RecordedSleep())
    context = CallContext(clients, RateLimits(unlimited=True), 10, RetryPolicy(sleep=sleep, **policy))
    identity = Identity("123456789012", issuer, now=issuer.now)
    return ScopeCalls(context, identity, "us-east-1", record or ScopeRecord())
