"""The calls that IAM and Lambda take for one estate, exactly: more calls than these are a regression."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

# The benchmarks are scripts, which mypy does not find as a package.
canned_server = import_module("bench.canned").canned_server
collected = import_module("bench.collected").collected

USERS, ROLES, FUNCTIONS, BUCKETS = 50, 100, 150, 50
KEYS, DEVICES = 25, 25
"""Half of the users have an access key, and half an MFA device."""
ESTATE = {
    "aws_iam_user": USERS,
    "aws_iam_role": ROLES,
    "aws_iam_access_key": KEYS,
    "mfa_device": DEVICES,
    "aws_lambda_function": FUNCTIONS,
    "aws_s3_bucket": BUCKETS,
}
ONCE = (
    "GenerateCredentialReport",
    "GetAccountAuthorizationDetails",
    "GetAccountPasswordPolicy",
    "GetAccountSummary",
    "GetCredentialReport",
    "ListAccountAliases",
    "ListOpenIDConnectProviders",
    "ListSAMLProviders",
    "ListVirtualMFADevices",
)
IAM = dict.fromkeys(ONCE, 1) | {"ListAccessKeys": KEYS, "ListMFADevices": DEVICES}
BEFORE = len(ONCE) + USERS + KEYS + DEVICES
"""The IAM calls of the same estate when the keys of every user were listed, and of each the last use."""
AT_MOST = 0.6


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter[str]]:
    """The calls of a complete run by operation."""
    profile = tmp_path_factory.mktemp("estate") / "profile.json"
    profile.write_text(json.dumps({"regions": {"us-east-1": 1}, "counts": ESTATE}))
    with canned_server(str(profile)) as aws:
        run: Any = collected(aws.environment(), regions=["us-east-1"])
        assert run.status == "complete"
        assert {kind: run.types.get(kind) for kind in ESTATE} == ESTATE
        yield Counter(aws.stats()["calls"])


def _of(service: str, calls: Counter[str]) -> dict[str, int]:
    return {name.partition(":")[2]: count for name, count in calls.items() if name.startswith(f"{service}:")}


def test_iam_is_asked_only_of_users_who_have_keys_or_devices(calls):
    assert _of("iam", calls) == IAM
    assert sum(IAM.values()) <= AT_MOST * BEFORE


def test_lambda_is_asked_twice_for_each_function_and_once_for_each_page(calls):
    assert _of("lambda", calls) == {"ListFunctions": 3, "GetFunction": FUNCTIONS, "GetPolicy": FUNCTIONS}
