from __future__ import annotations

import pytest

from collector.services.guardduty import level, targets, unique_id


@pytest.mark.parametrize(
    ("severity", "word"),
    [
        (0.0, "low"),
        (3.9, "low"),
        (4, "medium"),
        (6.9, "medium"),
        (7.0, "high"),
        (8.9, "high"),
        (9.0, "critical"),
        (10, "critical"),
    ],
)
def test_a_numeric_severity_maps_to_its_level(severity, word):
    assert level(severity) == word


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({"InstanceDetails": {"InstanceId": "i-1"}}, ["i-1"]),
        (
            {"EksClusterDetails": {"Arn": "arn:eks"}, "S3BucketDetails": [{"Arn": "arn:s3"}, {"Name": "no-arn"}]},
            ["arn:eks", "arn:s3"],
        ),
        ({"LambdaDetails": {"FunctionArn": "arn:lambda"}, "RdsDbInstanceDetails": {}}, ["arn:lambda"]),
        ({}, []),
    ],
)
def test_the_targets_of_a_finding(resource, expected):
    assert targets({"Resource": resource}) == expected


def test_a_finding_without_a_resource_has_no_targets():
    assert targets({}) == []


@pytest.mark.parametrize(
    ("principal", "role", "user"),
    [("AROAX:session", "AROAX", None), ("AIDAX", None, "AIDAX"), ("123456789012", None, None)],
)
def test_the_principal_of_a_finding_is_a_role_or_a_user(principal, role, user):
    assert unique_id("AROA").fn(principal) == role
    assert unique_id("AIDA").fn(principal) == user
