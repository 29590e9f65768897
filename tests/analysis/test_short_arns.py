"""ARNs with fewer than six parts: completed in identity policies, without effect in resource policies."""

from __future__ import annotations

import pytest

from collector.analysis.patterns import PatternReader, parse
from tests.analysis.estate import A, C, allowed
from tests.analysis.test_resource_policies import allowed as allowed_by_resource
from tests.analysis.test_resource_policies import statement as by

QUEUES = {"jobs", "jobs-dlq", "jobs-eu"}


@pytest.mark.parametrize(
    ("statements", "targets"),
    [
        (["Allow sqs:* on arn:aws:sqs"], {"aws_sqs"}),
        (["Allow sqs:* on arn:aws:sqs:us-east-1"], {"jobs", "jobs-dlq"}),
        (["Allow sqs:* on arn:aws:sqs:us-east-1:A"], {"jobs", "jobs-dlq"}),
        (["Allow sqs:* on arn:aws:sqs:*:jobs"], set()),  # `jobs` is in the place of the account
        (["Allow sqs:* on arn:aws:sqs:us-east-1:A:jobs", "Deny sqs:* on arn:aws:sqs"], set()),
        (["Allow sqs:* on arn:aws:sqs:us-east-1:A:jobs", "Deny sqs:* on arn:aws:sqs:us-east-1"], set()),
        (["Allow sqs:* on arn:aws:sqs:us-east-1:A:jobs", "Deny sqs:* on arn:aws:sqs:eu-west-1"], {"jobs"}),
        (["Allow sqs:* on arn:aws:sqs:us-east-1:A:jobs", "Deny sqs:* on not arn:aws:sqs"], {"jobs"}),
        (["Allow sqs:* on arn:aws:sqs:us-east-1:A:jobs", "Deny sqs:* on not arn:aws:sqs:eu-west-1"], set()),
        (["Allow sqs:SendMessage on not arn:aws:sqs"], set()),
        (["Allow sqs:SendMessage on not arn:aws:sns"], {"aws_sqs"}),
        (["Allow s3:ListBucket on arn:aws:s3::"], {"aws_s3"}),
        (["Allow sqs:* on arn:aws"], {"aws_sqs"}),
    ],
)
def test_an_identity_policy_completes_a_short_arn(statements, targets):
    statements = [each.replace("us-east-1:A ", f"us-east-1:{A} ") for each in statements]
    statements = [f"{each[:-1]}{A}" if each.endswith("us-east-1:A") else each for each in statements]
    assert set(allowed(*statements)) == targets


@pytest.mark.parametrize(
    ("resource", "drawn"),
    [
        ("arn:aws:sqs", False),
        ("arn:aws:sqs:us-east-1", False),
        (f"arn:aws:sqs:us-east-1:{A}", False),
        ("arn:aws:sqs:*", True),
        ("arn:aws:sqs:us-east-1:*", True),
    ],
)
def test_a_resource_policy_does_not_complete_a_short_arn(resource, drawn):
    assert bool(allowed_by_resource("jobs", by({"AWS": C}, "sqs:SendMessage", resource))) is drawn


@pytest.mark.parametrize(
    ("denied", "drawn"),
    [
        ({"resources": "arn:aws:sqs"}, True),
        ({"resources": "arn:aws:sqs:*"}, False),
        ({"NotResource": "arn:aws:sqs"}, False),
        ({"NotResource": "arn:aws:sqs:*"}, True),
    ],
)
def test_a_deny_of_a_resource_policy_does_not_complete_a_short_arn(denied, drawn):
    found = allowed_by_resource(
        "jobs", by({"AWS": C}, "sqs:SendMessage", "*"), by("*", "sqs:*", Effect="Deny", **denied)
    )
    assert bool(found) is drawn
    assert not any(properties["partial"] for properties in found.values())


def test_a_completed_pattern_keeps_its_spelling():
    pattern = parse("arn:aws:sqs", PatternReader(A), variables=True)
    assert pattern is not None
    assert (pattern.raw, pattern.text, pattern.service) == ("arn:aws:sqs", "arn:aws:sqs:*:*:*", "sqs")
    assert allowed("Allow sqs:* on arn:aws:sqs")["aws_sqs"]["resources"] == "arn:aws:sqs"
