"""Every collected resource policy is analysed: relationships from the principals of the recorded policies to the resources."""

from __future__ import annotations

import pytest

from collector.analysis.account import analyse
from collector.analysis.results import MappedRelationship, Relationship
from collector.catalog.catalog import Catalog
from collector.catalog.partial import policy_types
from tests.pipeline import collect

POLICED = {
    # service, type, who is allowed by the recorded answers
    "apigateway": ("aws_api_gateway_rest_api", "everyone"),
    "ecr": ("aws_ecr_repository", "aws_account"),
    "efs": ("aws_efs_file_system", "everyone"),
    "elasticsearch": ("aws_elasticsearch_domain", "everyone"),
    "kms": ("aws_kms_key", "aws_account"),
    "lambda": ("aws_lambda_function", "aws_sns"),
    "s3": ("aws_s3_bucket", "everyone"),
    "sns": ("aws_sns_topic", "everyone"),
    "sqs": ("aws_sqs_queue", "aws_sns"),
}


@pytest.mark.parametrize("service", POLICED)
async def test_the_policies_of_a_service_are_analysed(service):
    outcome = await collect(service)
    assert outcome.facts is not None
    drawn = set()
    for finding in (each for step in analyse(outcome.facts) for each in step):
        if isinstance(finding, MappedRelationship):
            drawn.add((finding.source_type, finding.target["_type"]))
        elif isinstance(finding, Relationship):
            drawn.add((finding.target_type, finding.source_type))
    assert POLICED[service] in drawn


def test_these_are_all_types_with_a_resource_policy():
    assert policy_types(Catalog.all()) == {type_ for type_, _ in POLICED.values()}
