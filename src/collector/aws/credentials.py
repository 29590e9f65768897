"""Who signs: the user's own credentials, or a role's in an account. Refreshed before they expire, and when AWS says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeAlias

import aioboto3

from collector.faults import CallFailed, Reason

MARGIN = timedelta(minutes=5)
"""How long before their end credentials are renewed: longer than any call takes."""


class Keys(NamedTuple):
    """What signs a request; the names are botocore's."""

    access_key: str
    secret_key: str
    token: str | None
    account_id: str | None = None

    async def get_frozen_credentials(self) -> Keys:
        """These: botocore asks for them whatever is to sign."""
        return self


class Credentials(Protocol):
    """What signs a request. botocore asks it anew for each."""

    async def get_frozen_credentials(self) -> Any:
        """Access key, secret and token as they are now, refreshed if need be."""


class RequestTarget(NamedTuple):
    """Where a call goes and who makes it."""

    region: str
    credentials: Credentials | None


@dataclass(frozen=True, slots=True)
class Issued:
    """Keys, and until when they hold (for ever, as far as we know, when None)."""

    keys: Keys
    until: datetime | None = None


Issue: TypeAlias = Callable[[], Awaitable[Issued]]


class Identity:
    """The signer of one account's calls; hands each request the keys of the moment."""

    def __init__(self, account: str, issue: Issue, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """`issue` obtains new keys."""
        self.account = account
        self._issue = issue
        self._now = now
        self._issued: Issued | None = None
        self._lock = asyncio.Lock()

    async def get_frozen_credentials(self) -> Keys:
        """The keys, renewed if they are about to expire."""
        issued = self._issued
        if issued is not None and not self._ends_soon(issued):
            return issued.keys
        return await self._renewed(issued.keys if issued else None)

    async def renewed(self, refused: Keys) -> bool:
        """Replace keys that AWS calls expired, unless somebody did already; whether there are others now."""
        return await self._renewed(refused) != refused

    async def _renewed(self, old: Keys | None) -> Keys:
        async with self._lock:  # many calls fail on the same keys: the first renews them
            if self._issued is None or self._issued.keys == old:
                self._issued = await self._issue()
            return self._issued.keys

    def _ends_soon(self, issued: Issued) -> bool:
        return issued.until is not None and issued.until - self._now() < MARGIN


def own(session: aioboto3.Session) -> Issue:
    """The user's own credentials, from wherever botocore's chain finds them; renewed by asking the chain again."""

    async def issue() -> Issued:
        core = session._session  # noqa: SLF001  (aioboto3 has no door to the provider chain)
        core._credentials = None  # noqa: SLF001  (what it remembers may be what has expired)
        found = await core.get_credentials()
        if found is None:
            raise CallFailed("sts:GetCallerIdentity", Reason.EXPIRED, "NoCredentials", "no AWS credentials were found")
        frozen = await found.get_frozen_credentials()
        until = getattr(found, "_expiry_time", None)
        return Issued(Keys(frozen.access_key, frozen.secret_key, frozen.token), until)

    return issue


AssumeRole: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


def role(assume: AssumeRole, arn: str, session_name: str, external_id: str | None = None) -> Issue:
    """A role's credentials for an hour at a time. `assume` calls `sts:AssumeRole` with these parameters."""
    params: dict[str, Any] = {"RoleArn": arn, "RoleSessionName": session_name}
    if external_id:
        params["ExternalId"] = external_id

    async def issue() -> Issued:
        given = (await assume(params))["Credentials"]
        return Issued(Keys(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]), given["Expiration"])

    return issue
