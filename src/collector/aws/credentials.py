"""The user's own credentials and those of assumed roles, renewed before expiry and when AWS rejects them as expired."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeAlias

import aioboto3
from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError, NoCredentialsError

MARGIN = timedelta(minutes=5)
"""How long before their expiry credentials are renewed: longer than any call takes."""


class Keys(NamedTuple):
    """Frozen credentials, with botocore's attribute names."""

    access_key: str
    secret_key: str
    token: str | None
    account_id: str | None = None

    async def get_frozen_credentials(self) -> Keys:
        """These keys, so that they satisfy `Credentials`."""
        return self


class Credentials(Protocol):
    """A source of keys for signing. botocore calls it for each request."""

    async def get_frozen_credentials(self) -> Any:
        """The current access key, secret key and session token, refreshed if necessary."""


class RequestTarget(NamedTuple):
    """The region and the credentials of one request."""

    region: str
    credentials: Credentials | None


@dataclass(frozen=True, slots=True)
class IssuedKeys:
    """Keys and their expiry; None if they are not known to expire."""

    keys: Keys
    expires: datetime | None = None


CredentialProvider: TypeAlias = Callable[[], Awaitable[IssuedKeys]]
"""Obtains new keys on each call."""


class Identity:
    """The credentials that sign an account's calls, requested from `provider` and cached until they expire."""

    def __init__(
        self, account: str, provider: CredentialProvider, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.account = account
        self._provider = provider
        self._now = now
        self._issued: IssuedKeys | None = None
        self._lock = asyncio.Lock()

    async def get_frozen_credentials(self) -> Keys:
        """The current keys, renewed if they expire within `MARGIN`. Raises what the provider raises."""
        issued = self._issued
        if issued is not None and not self._expires_soon(issued):
            return issued.keys
        return await self._replace(issued.keys if issued else None)

    async def renew(self, expired: Keys) -> bool:
        """Replace keys that AWS rejected as expired, unless another call already did. True if there are new keys."""
        return await self._replace(expired) != expired

    async def _replace(self, old: Keys | None) -> Keys:
        async with self._lock:  # many calls fail with the same keys: only the first renews them
            if self._issued is None or self._issued.keys == old:
                self._issued = await self._provider()
            return self._issued.keys

    def _expires_soon(self, issued: IssuedKeys) -> bool:
        return issued.expires is not None and issued.expires - self._now() < MARGIN


def default_provider(session: aioboto3.Session) -> CredentialProvider:
    """A provider of the user's own credentials from botocore's chain. It raises botocore's exceptions, also if there are none."""

    async def provide() -> IssuedKeys:
        core = session._session  # noqa: SLF001  (aioboto3 does not expose the provider chain)
        core._credentials = None  # noqa: SLF001  (the cached credentials may be the expired ones)
        try:
            found = await core.get_credentials()
            frozen = await found.get_frozen_credentials() if found else None
        except (BotoCoreError, ClientError):
            raise
        except Exception as error:  # botocore passes on whatever the source of the credentials makes it raise
            fault = f"{type(error).__name__}: {error}"
            raise CredentialRetrievalError(provider="the configured source", error_msg=fault) from error
        if frozen is None:
            raise NoCredentialsError
        expires = getattr(found, "_expiry_time", None)
        return IssuedKeys(Keys(frozen.access_key, frozen.secret_key, frozen.token), expires)

    return provide


ISSUED = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
"""The fields of the credentials in the response of `sts:AssumeRole`."""

AssumeRole: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Calls `sts:AssumeRole` with the given parameters and returns its response."""


def role_provider(
    assume: AssumeRole, arn: str, session_name: str, external_id: str | None = None
) -> CredentialProvider:
    """A provider of a role's credentials, valid for STS's default of one hour. It raises what `assume` raises."""
    params: dict[str, Any] = {"RoleArn": arn, "RoleSessionName": session_name}
    if external_id:
        params["ExternalId"] = external_id

    async def provide() -> IssuedKeys:
        new = (await assume(params))["Credentials"]
        key, secret, token, expires = (new[name] for name in ISSUED)
        return IssuedKeys(Keys(key, secret, token), expires)

    return provide
