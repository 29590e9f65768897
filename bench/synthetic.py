"""Compares the calls of a synthetic account with plain use: 560 listings, 1,500 details and 42 large pages.

35 services in 16 regions are listed, then details are requested, with 100 calls in flight and 20 ms of latency. Plain
use has a session for each account and a client for each service and region, like programs that process accounts
sequentially.
"""

from __future__ import annotations

import json
import tempfile
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

from bench.canned import Canned, canned_server
from bench.canned.profiles import REGIONS
from bench.measure import ROUNDS, ApiCall, Arm, Figure, Side, Spent, at_most, compared
from bench.ours import Ours
from bench.plain import Plain

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTINGS = {
    "acm": "list_certificates",
    "apigateway": "get_rest_apis",
    "apigatewayv2": "get_apis",
    "accessanalyzer": "list_analyzers",
    "autoscaling": "describe_auto_scaling_groups",
    "batch": "describe_compute_environments",
    "cloudformation": "list_stacks",
    "cloudfront": "list_distributions",
    "cloudwatch": "describe_alarms",
    "logs": "describe_log_groups",
    "config": "describe_config_rules",
    "dynamodb": "list_tables",
    "ec2": "describe_vpcs",
    "ecr": "describe_repositories",
    "ecs": "list_clusters",
    "efs": "describe_file_systems",
    "eks": "list_clusters",
    "elb": "describe_load_balancers",
    "elbv2": "describe_load_balancers",
    "elasticache": "describe_cache_clusters",
    "opensearch": "list_domain_names",
    "guardduty": "list_detectors",
    "iam": "list_roles",
    "inspector": "list_assessment_targets",
    "kms": "list_keys",
    "lambda": "get_account_settings",
    "rds": "describe_db_instances",
    "redshift": "describe_clusters",
    "route53": "list_hosted_zones",
    "s3": "list_buckets",
    "sns": "list_topics",
    "sqs": "list_queues",
    "transfer": "list_servers",
    "wafv2": "list_web_acls",
    "workspaces": "describe_workspaces",
}
NEEDED = {"wafv2": {"Scope": "REGIONAL"}}
ESTATE = {
    "aws_instance": 400,
    "aws_lambda_function": 100,
    "aws_iam_role": 200,
    "aws_iam_policy": 100,
    "aws_s3_bucket": 20,
    "aws_s3_bucket_policy": 20,
    "aws_sqs_queue": 20,
}
"""Resources of one region: enough for full pages of the large listings."""
HERE = "us-east-1"
DETAILS, INSTANCES, FUNCTIONS, AUTHORIZATIONS = 1500, 16, 16, 10
AT_ONCE, DELAY = 100, 0.02
TWELVE_TIMES_LESS = 1 / 12


def account_figures() -> list[Figure]:
    """CPU of the first account, which includes all initialization, and of each subsequent account."""
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "profile.json"
        profile.write_text(json.dumps({"regions": {HERE: 1}, "counts": ESTATE}))
        with canned_server(str(profile)) as aws:
            rounds = list(_rounds(aws))
    sides = [[spent[side].cpu for spent in rounds] for side in (0, 1)]
    first = [Side(side[:1]) for side in sides]
    subsequent = [Side(side[1:]) for side in sides]
    return [
        compared("synthetic account, first, CPU", *first, shown=_seconds),
        compared("synthetic account, subsequent, CPU", *subsequent, shown=_seconds, target=at_most(TWELVE_TIMES_LESS)),
    ]


def _rounds(aws: Canned) -> Iterator[tuple[Spent, Spent]]:
    """One account after another, each on both sides in turn."""
    environment = aws.environment()
    with Arm(Ours, environment, fast_loop=True) as ours, Arm(Plain, environment, fast_loop=False) as theirs:
        for number in range(1, ROUNDS + 2):
            account = f"{number:012d}"
            api_calls = list(_account_calls(theirs, account))
            aws.control(delay=DELAY)
            yield ours.call("account", account, api_calls, AT_ONCE), theirs.call("account", account, api_calls, AT_ONCE)


def _account_calls(theirs: Arm, account: str) -> Iterator[ApiCall]:
    yield from (
        ApiCall(service, op, NEEDED.get(service, {}), region) for service, op in LISTINGS.items() for region in REGIONS
    )
    yield from islice(cycle(_details(theirs, account)), DETAILS)
    yield from [ApiCall("ec2", "describe_instances", {"MaxResults": 100}, HERE)] * INSTANCES
    yield from [ApiCall("lambda", "list_functions", {"MaxItems": 50}, HERE)] * FUNCTIONS
    yield from [ApiCall("iam", "get_account_authorization_details", {"MaxItems": 1000}, HERE)] * AUTHORIZATIONS


def _details(theirs: Arm, account: str) -> Iterator[ApiCall]:
    """One call of each kind."""
    bucket = theirs.call("answer", ApiCall("s3", "list_buckets"), account)["Buckets"][0]["Name"]
    queue = theirs.call("answer", ApiCall("sqs", "list_queues"), account)["QueueUrls"][0]
    yield ApiCall("s3", "get_bucket_policy", {"Bucket": bucket}, HERE)
    yield ApiCall("sqs", "get_queue_attributes", {"QueueUrl": queue, "AttributeNames": ["All"]}, HERE)
    yield ApiCall("dynamodb", "describe_table", {"TableName": "orders"}, HERE)


def _seconds(value: float) -> str:
    return f"{value:.2f} s"
