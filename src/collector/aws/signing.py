"""Signature Version 4 for requests with in-memory bodies, equal to `botocore.auth` at a tenth of its cost.

botocore derives the signing key for each request and keeps headers in an `email.message.Message`. Here keys are cached
per day, region and service, and headers are a plain dict. Tests compare the signatures with botocore's.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import quote, urlsplit

from botocore.auth import SIGNED_HEADERS_BLACKLIST
from botocore.handlers import S3_SIGNING_NAMES
from botocore.utils import normalize_url_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

UNSIGNED_HEADERS = frozenset(SIGNED_HEADERS_BLACKLIST)
"""Headers that are not signed, because proxies may change them."""

S3_NAMES = frozenset(S3_SIGNING_NAMES)
"""Signing names whose paths are signed without normalization, and whose requests carry the hash of their body."""

_PORTS = {"http": 80, "https": 443}


class SigningKeys(Protocol):
    """Frozen credentials: botocore's, or `credentials.Keys`."""

    @property
    def access_key(self) -> str:
        """The access key id."""

    @property
    def secret_key(self) -> str:
        """The secret access key."""

    @property
    def token(self) -> str | None:
        """The session token of temporary credentials."""


class CredentialScope(NamedTuple):
    """The service and region for which a signature is valid."""

    service: str
    region: str


def sign(
    headers: dict[str, str],
    method: str,
    url: str,
    body: bytes,
    scope: CredentialScope,
    keys: SigningKeys,
    now: datetime,
) -> None:
    """Sign a request: add date, session token and `Authorization` to `headers`. `now` must be in UTC."""
    timestamp = now.strftime("%Y%m%dT%H%M%SZ")
    digest = sha256(body).hexdigest()
    is_s3 = scope.service in S3_NAMES
    headers["X-Amz-Date"] = timestamp
    if keys.token:
        headers["X-Amz-Security-Token"] = keys.token
    if is_s3:
        headers["X-Amz-Content-SHA256"] = digest
    host, path, query = _parts(url)
    signed = _signed({**headers, "host": host})
    names = ";".join(signed)
    lines = "\n".join([f"{name}:{value}" for name, value in signed.items()])
    canonical = f"{method}\n{path if is_s3 else _normalized(path)}\n{query}\n{lines}\n\n{names}\n{digest}"
    credential_scope = f"{timestamp[:8]}/{scope.region}/{scope.service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{timestamp}\n{credential_scope}\n{sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(_signing_key(keys.secret_key, timestamp[:8], scope), text.encode(), "sha256").hex()
    credential = f"{keys.access_key}/{credential_scope}"
    headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"


@lru_cache(maxsize=4096)
def _signing_key(secret: str, day: str, scope: CredentialScope) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, scope.region, scope.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _signed(headers: Mapping[str, str]) -> dict[str, str]:
    """The signed headers in canonical order, with runs of spaces collapsed."""
    lower = ((name.lower(), value) for name, value in headers.items())
    return {
        name: " ".join(value.split()) if " " in value else value
        for name, value in sorted(lower)
        if name not in UNSIGNED_HEADERS
    }


def _parts(url: str) -> tuple[str, str, str]:
    """Host, path and sorted query of a URL that is already percent-encoded."""
    scheme, netloc, path, query, _ = urlsplit(url)
    return (
        _host(scheme, netloc),
        path,
        "&".join("=".join(pair) for pair in sorted(map(_pair, query.split("&")))) if query else "",
    )


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


@lru_cache(maxsize=4096)
def _host(scheme: str, netloc: str) -> str:
    """The host header: in lower case, with the port unless it is the default of the scheme."""
    split = urlsplit(f"{scheme}://{netloc}")
    host = (split.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    return host if split.port in (None, _PORTS.get(scheme)) else f"{host}:{split.port}"


@lru_cache(maxsize=4096)
def _normalized(path: str) -> str:
    return quote(normalize_url_path(path), safe="/~")
