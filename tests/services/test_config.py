from __future__ import annotations

from typing import Any

import pytest

from collector.services.config import ACCOUNT, is_about_account, recording_regions, resource_key, scoped_resource

RULE = "arn:aws:config:us-east-1:123456789012:config-rule/config-rule-a1b2c3"
STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/s/1"


@pytest.mark.parametrize(
    ("kind", "resource", "expected"),
    [
        ("AWS::EC2::Instance", "i-1", "arn:aws:ec2:us-east-1:123456789012:instance/i-1"),
        ("AWS::S3::Bucket", "logs", "arn:aws:s3:::logs"),
        (
            "AWS::SQS::Queue",
            "https://sqs.us-east-1.amazonaws.com/123456789012/q",
            "arn:aws:sqs:us-east-1:123456789012:q",
        ),
        ("AWS::Lambda::Function", "f", "arn:aws:lambda:us-east-1:123456789012:function:f"),
        ("AWS::IAM::Role", "AROAX", "AROAX"),
        ("AWS::CloudFormation::Stack", STACK, STACK),
        ("AWS::Unheard::Of", STACK, STACK),
        ("AWS::Unheard::Of", "x", None),
        (ACCOUNT, "123456789012", None),
    ],
)
def test_a_config_resource_maps_to_its_entity_key(kind, resource, expected):
    assert resource_key(RULE, kind, resource) == expected


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"ComplianceResourceTypes": ["AWS::S3::Bucket"], "ComplianceResourceId": "logs"}, "arn:aws:s3:::logs"),
        ({"ComplianceResourceTypes": ["AWS::S3::Bucket"]}, None),
        ({"TagKey": "env"}, None),
        (None, None),
    ],
)
def test_a_scope_with_one_resource_maps_to_its_entity_key(scope, expected):
    row = {"ConfigRuleArn": RULE} | ({} if scope is None else {"Scope": scope})
    assert scoped_resource(row) == expected


def evaluation(kind: str) -> dict[str, object]:
    return {"EvaluationResultIdentifier": {"EvaluationResultQualifier": {"ResourceType": kind, "ResourceId": "x"}}}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, True),
        ({"Scope": {}}, True),
        ({"Scope": {"TagKey": "env"}}, False),
        ({"Scope": {"TagKey": "env"}, "Evaluations": [evaluation("AWS::S3::Bucket")]}, False),
        ({"Scope": {"TagKey": "env"}, "Evaluations": [evaluation(ACCOUNT)]}, True),
    ],
)
def test_a_rule_without_scope_or_with_an_account_evaluation_is_about_the_account(row, expected):
    assert is_about_account(row) is expected


def test_recording_regions_have_an_active_recorder():
    states: list[dict[str, Any]] = [
        {"Region": "us-east-1", "ConfigurationRecordersStatus": [{"recording": False}, {"recording": True}]},
        {"Region": "eu-west-1", "ConfigurationRecordersStatus": [{"recording": False}]},
        {"Region": "eu-west-2"},
    ]
    assert recording_regions(states) == ["us-east-1"]
