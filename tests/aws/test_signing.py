"""Equivalence of signatures with botocore's."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from hypothesis import given
from hypothesis import strategies as st

from collector.aws.credentials import Keys
from collector.aws.signing import S3_NAMES, CredentialScope, sign
from tests.aws.script import Request

NOW = datetime(2026, 11, 23, 4, 5, 6, tzinfo=UTC)
SIGNED = ("X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-SHA256", "Authorization")

_words = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="%&=?#/:;,\\"), min_size=1, max_size=12
)
_escaped = st.text("abcXYZ019-_.~/", max_size=20) | st.sampled_from(
    ["a%20b", "%E2%82%AC/%2F", "a//b", "./x/../y", "tag%3Aone", "a=b", "*(x)"]
)
_pairs = st.lists(st.tuples(_words, st.sampled_from(["", "1", "a%20b", "z%2Fz"])), max_size=4)
_queries = _pairs.map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)) | st.sampled_from(
    ["acl", "policy", "b=2&a=1&a=0"]
)
_hosts = st.sampled_from([
    "ec2.eu-west-1.amazonaws.com", "EC2.eu-west-1.amazonaws.com", "127.0.0.1:5000", "localhost:443", "localhost:80", "[::1]:4566", "[::1]",
])  # fmt: skip
_headers = st.dictionaries(
    st.sampled_from(
        ["Content-Type", "X-Amz-Target", "Accept", "x-amz-account-id", "User-Agent", "X-Amzn-Trace-Id", "Expect"]
    ),
    st.sampled_from(["application/x-amz-json-1.1", "  two  words ", "a;b,c", "é", ""]),
)
_keys = st.builds(Keys, _words, _words, st.none() | _words)
_scopes = st.builds(
    CredentialScope, st.sampled_from(["ec2", "iam", "sts", "s3", "lambda"]), st.sampled_from(["us-east-1", "eu-west-1"])
)


_urls = st.builds(
    lambda scheme, host, path, query: f"{scheme}://{host}/{path}" + (f"?{query}" if query else ""),
    st.sampled_from(["http", "https"]),
    _hosts,
    _escaped,
    _queries,
)
_requests = st.builds(Request, st.sampled_from(["GET", "POST", "HEAD"]), _urls, _headers, st.binary(max_size=30))


def _ours(request: Request, scope: CredentialScope, keys: Keys) -> dict[str, str]:
    headers = dict(request.headers)
    sign(headers, request.method, request.url, request.body, scope, keys, NOW)
    return {name: headers[name] for name in SIGNED if name in headers}


def _of_botocore(request: Request, scope: CredentialScope, keys: Keys) -> dict[str, str]:
    signed = AWSRequest(request.method, request.url, request.headers, request.body)
    signer = auth.S3SigV4Auth if scope.service in S3_NAMES else auth.SigV4Auth
    with patch.object(auth, "get_current_datetime", lambda: NOW.replace(tzinfo=None)):
        signer(keys, scope.service, scope.region).add_auth(signed)
    return {name: signed.headers[name] for name in SIGNED if name in signed.headers}


@given(_requests, _scopes, _keys)
def test_a_signature_equals_botocores(request, scope, keys):
    assert _ours(request, scope, keys) == _of_botocore(request, scope, keys)


def test_a_url_without_a_path_is_signed_with_the_root_path():
    request = Request("POST", "https://sts.us-east-1.amazonaws.com", {}, b"")
    scope, keys = CredentialScope("sts", "us-east-1"), Keys("AKIA", "secret", None)
    assert _ours(request, scope, keys) == _of_botocore(request, scope, keys)


@pytest.mark.parametrize(
    ("day", "scope", "secret"),
    [
        (24, CredentialScope("ec2", "us-east-1"), "one"),
        (23, CredentialScope("iam", "us-east-1"), "one"),
        (23, CredentialScope("ec2", "eu-west-1"), "one"),
        (23, CredentialScope("ec2", "us-east-1"), "two"),
    ],
    ids=["day", "service", "region", "secret"],
)
def test_a_cached_signing_key_is_used_only_for_its_day_scope_and_secret(day, scope, secret):
    def signature(day: int, scope: CredentialScope, secret: str) -> str:
        headers: dict[str, str] = {}
        sign(headers, "GET", "https://x.example/", b"", scope, Keys("AKIA", secret, None), NOW.replace(day=day))
        return headers["Authorization"].rpartition("=")[2]

    first = signature(23, CredentialScope("ec2", "us-east-1"), "one")
    assert signature(day, scope, secret) != first
    assert signature(23, CredentialScope("ec2", "us-east-1"), "one") == first
