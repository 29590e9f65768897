"""Every answer is complete: a parameter that could widen or narrow it is given, or named here with the reason."""

from __future__ import annotations

import asyncio
import re

import pytest

from collector.catalog.catalog import Catalog, declarations, operations
from tests.declarations import operation
from tests.pipeline import collect

PAGING = re.compile(
    r"(?i)(next_?token|(next)?marker|tags_?per_?page|max_?(results|items|records|buckets)|page_?size|limit|position|continuationtoken|dryrun|paginationtoken)"
)
FILTER = re.compile(
    r"(?i).*(ids?|names?|arns?|prefix|pattern|filters?|filtercriteria|findingcriteria|filterconditions|sort\w*|tagkeys"
    r"|tagvalues|identifiers?|publicips|startrecord\w*|computeenvironments|jobdefinitions|jobqueues|namelist|arnlist"
    r"|creationtoken)"
)
"""Parameters that select some or order them; without them, everything is listed."""

OWN = "what other accounts share is a record of its owner"
EVERY = "without it, every value is listed"
BENIGN = {
    "accessanalyzer.list_analyzers type": EVERY,
    "acm.list_certificates CertificateStatuses": EVERY,
    "autoscaling.describe_auto_scaling_groups IncludeInstances": "instances are included without it",
    "batch.list_jobs jobStatus": "a filter is given, with which jobs of every status are listed",
    "cloudwatch.describe_alarms StateValue": EVERY,
    "config.describe_compliance_by_config_rule ComplianceTypes": EVERY,
    "ec2.describe_images ExecutableUsers": "the account's own images are listed, whoever may launch them",
    "ec2.describe_images IncludeDeprecated": "an owner's own images are listed, deprecated or not",
    "ec2.describe_key_pairs IncludePublicKey": "the public key is not collected",
    "ecs.list_container_instances status": "all but those that were deregistered",
    "ecs.list_services launchType": EVERY,
    "ecs.list_services schedulingStrategy": EVERY,
    "ecs.list_tasks containerInstance": EVERY,
    "ecs.list_tasks desiredStatus": "tasks that stopped are forgotten after an hour",
    "ecs.list_tasks family": EVERY,
    "ecs.list_tasks launchType": EVERY,
    "ecs.list_tasks startedBy": EVERY,
    "elasticache.describe_cache_clusters ShowCacheClustersNotInReplicationGroups": EVERY,
    "lambda.list_functions FunctionVersion": "a function stands for its published versions",
    "lambda.list_functions MasterRegion": "replicas of Lambda@Edge are copies of the function",
    "logs.describe_log_groups includeLinkedAccounts": OWN,
    "logs.describe_log_groups logGroupClass": EVERY,
    "logs.describe_metric_filters metricNamespace": EVERY,
    "opensearch.list_domain_names EngineType": EVERY,
    "rds.describe_db_cluster_snapshots IncludePublic": OWN,
    "rds.describe_db_cluster_snapshots IncludeShared": OWN,
    "rds.describe_db_cluster_snapshots SnapshotType": "manual and automated ones are listed",
    "rds.describe_db_clusters IncludeShared": OWN,
    "rds.describe_db_snapshots IncludePublic": OWN,
    "rds.describe_db_snapshots IncludeShared": OWN,
    "rds.describe_db_snapshots SnapshotType": "manual and automated ones are listed",
    "resourcegroupstaggingapi.get_resources ExcludeCompliantResources": EVERY,
    "resourcegroupstaggingapi.get_resources IncludeComplianceDetails": "whether tags follow a policy is not collected",
    "s3.list_buckets BucketRegion": EVERY,
    "wafv2.list_logging_configurations LogScope": "the customer's own",
    "workspaces.describe_workspace_bundles Owner": "the account's own; those of Amazon are read by their ids",
}
"""Parameters of listings that are not given, with the reason why nothing that is collected is missing."""


CHECK = "it checks the request, not what is answered"
OF_ONE = "the one resource is described whole without it"
BENIGN |= {
    "config.describe_configuration_recorder_status ServicePrincipal": "the account's own; those of services record for them",
    "config.describe_configuration_recorders ServicePrincipal": "the account's own; those of services record for them",
    "config.get_compliance_details_by_config_rule ComplianceTypes": EVERY,
    "elbv2.describe_target_health Include": "anomalies are not collected",
    "elbv2.describe_target_health Targets": EVERY,
    "inspector.describe_findings locale": "texts are in English",
    "kms.describe_key GrantTokens": CHECK,
    "lambda.get_function Qualifier": OF_ONE,
    "lambda.get_policy Qualifier": "that of the unpublished version, which the entity stands for",
    "route53.list_hosted_zones HostedZoneType": EVERY,
} | {
    f"s3.{op} ExpectedBucketOwner": CHECK
    for op in (
        "get_bucket_acl", "get_bucket_encryption", "get_bucket_lifecycle_configuration", "get_bucket_location",
        "get_bucket_logging", "get_bucket_notification_configuration", "get_bucket_ownership_controls", "get_bucket_policy",
        "get_bucket_policy_status", "get_bucket_replication", "get_bucket_tagging", "get_bucket_versioning",
        "get_bucket_website", "get_object_lock_configuration", "get_public_access_block",
    )
}  # fmt: skip
"""The same for calls about single resources, and for functions that list by several calls."""


@pytest.fixture(scope="module")
def undecided() -> frozenset[str]:
    """The parameters that some call over the recorded answers lacks and that are neither paging nor select a part."""
    given: dict[tuple[str, str], set[str]] = {}
    for service in Catalog.all().services:
        for client, op, params in asyncio.run(collect(service.name)).calls:
            given.setdefault((client, op), set(params)).intersection_update(params)
    return frozenset(
        f"{client}.{op} {name}"
        for (client, op), names in given.items()
        for name in set(getattr(operation(client, op).input_shape, "members", ())) - names
        if not PAGING.fullmatch(name) and not FILTER.fullmatch(name)
    )


def test_every_operation_of_the_catalogue_is_called_over_the_recorded_answers():
    called = {
        (client, op) for service in Catalog.all().services for client, op, _ in asyncio.run(collect(service.name)).calls
    }
    declared = {each for s in Catalog.all().services for d in declarations(s) for each in operations(s, d)}
    assert declared - called == set()


def test_every_parameter_that_can_widen_an_answer_is_given_or_harmless(undecided):
    assert sorted(undecided - BENIGN.keys()) == [], "ask for everything, or say in BENIGN why nothing is missing"


def test_no_parameter_is_called_harmless_that_is_given_or_gone(undecided):
    assert sorted(BENIGN.keys() - undecided) == []
