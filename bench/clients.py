"""Clients of 15 services in 16 regions and a first call to each: processor time, and the memory that stays."""

from __future__ import annotations

from bench.canned import canned_server
from bench.canned.profiles import REGIONS
from bench.measure import MB, ROUNDS, Arm, Asked, Cost, Figure, Side, beside, most
from bench.ours import Ours
from bench.plain import Plain

FIRST_CALLS = {
    "autoscaling": "describe_auto_scaling_groups",
    "cloudfront": "list_distributions",
    "cloudwatch": "describe_alarms",
    "ec2": "describe_vpcs",
    "ecr": "describe_repositories",
    "ecs": "list_clusters",
    "elbv2": "describe_load_balancers",
    "iam": "list_roles",
    "lambda": "get_account_settings",
    "rds": "describe_db_instances",
    "route53": "list_hosted_zones",
    "s3": "list_buckets",
    "sns": "list_topics",
    "sqs": "list_queues",
    "sts": "get_caller_identity",
}
FIVE_TIMES_CHEAPER = 1 / 5


def figures() -> list[Figure]:
    """Two lines: processor time and memory."""
    asked = [Asked(service, op, region=region) for service, op in FIRST_CALLS.items() for region in REGIONS]
    # Nothing lives there: an answer's rows are not what this is about.
    with canned_server("empty") as aws:
        rounds = [_round(aws.environment(), asked) for _ in range(ROUNDS)]
    cpu = [Side([costs[side].cpu for costs in rounds]) for side in (0, 1)]
    memory = [Side([costs[side].memory for costs in rounds]) for side in (0, 1)]
    name = f"{len(FIRST_CALLS)} services in {len(REGIONS)} regions"
    return [
        beside(f"{name}, CPU", *cpu, shown=lambda seconds: f"{seconds:.2f} s", wanted=most(FIVE_TIMES_CHEAPER)),
        beside(f"{name}, memory", *memory, shown=lambda size: f"{size / MB:.0f} MB", wanted=most(FIVE_TIMES_CHEAPER)),
    ]


def _round(environment: dict[str, str], asked: list[Asked]) -> tuple[Cost, Cost]:
    """Both sides, each in a fresh process."""
    with Arm(Ours, environment, fast_loop=True) as ours:
        one: Cost = ours.ask("first_calls", asked)
    with Arm(Plain, environment, fast_loop=False) as theirs:
        other: Cost = theirs.ask("first_calls", asked)
    return one, other
