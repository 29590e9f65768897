"""Every listing is complete: a parameter that could widen or narrow it is given, or named here with the reason."""

from __future__ import annotations

import re

from collector.catalog.catalog import Catalog, client_of, declarations
from collector.schema.declarations import Call, SameAnswer
from tests.declarations import operation

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


def listings():
    for service in Catalog.all().services:
        for each in declarations(service):
            for rows in (each.rows, *(join.rows for join in each.join)):
                call = rows.call if isinstance(rows, SameAnswer) else rows
                if isinstance(call, Call):
                    yield client_of(service, each, call.client), call


def undecided():
    """The parameters of listings that are neither given, nor paging, nor select a part when they are given."""
    for client, call in listings():
        shape = operation(client, call.op).input_shape
        given = {name.partition(".")[0] for name in (*call.params, *call.args)}
        for name in set(shape.members if shape else ()) - given:
            if not PAGING.fullmatch(name) and not FILTER.fullmatch(name):
                yield f"{client}.{call.op} {name}"


def test_every_parameter_of_a_listing_that_can_widen_it_is_given_or_harmless():
    assert sorted(set(undecided()) - set(BENIGN)) == [], "ask for everything, or say in BENIGN why nothing is missing"


def test_no_parameter_is_called_harmless_that_is_given_or_gone():
    assert sorted(set(BENIGN) - set(undecided())) == []
