"""What listings leave out by default is asked for; what only active resources have is asked of them alone."""

import asyncio

import pytest

from tests import pipeline


@pytest.mark.parametrize(
    ("service", "op", "asked"),
    [
        ("ec2", "describe_images", {"IncludeDisabled": True}),
        ("ec2", "describe_instances", {"IncludeManagedResources": True}),
        ("ec2", "describe_network_interfaces", {"IncludeManagedResources": True}),
        ("ec2", "describe_volumes", {"IncludeManagedResources": True}),
        ("ecr", "describe_images", {"filter": {"imageStatus": "ANY"}}),
        ("eks", "list_clusters", {"include": ["all"]}),
    ],
)
def test_what_is_left_out_by_default_is_asked_for(service, op, asked):
    calls = [params for _, name, params in asyncio.run(pipeline.collect(service)).calls if name == op]
    assert calls
    assert all(asked.items() <= params.items() for params in calls)


def test_only_active_analyzers_are_asked_for_findings():
    outcome = asyncio.run(pipeline.collect("accessanalyzer"))
    asked = {params["analyzerArn"] for _, op, params in outcome.calls if op.startswith("list_findings")}
    analyzers = [each for each in outcome.entities if each["_type"] == "aws_accessanalyzer_analyzer"]
    assert asked == {each["_key"] for each in analyzers if each["status"] == "ACTIVE"}
    assert len(asked) < len(analyzers)
