"""Clients of 15 services in 16 regions and a first call to each: CPU time, and the memory that stays allocated."""

from __future__ import annotations

from bench.canned import canned_server
from bench.canned.profiles import REGIONS
from bench.measure import MB, ROUNDS, ApiCall, Arm, Cost, Figure, Side, at_most, compared
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
    """CPU time and memory."""
    api_calls = [ApiCall(service, op, region=region) for service, op in FIRST_CALLS.items() for region in REGIONS]
    # The estate is empty, because rows are not part of this measurement.
    with canned_server("empty") as aws:
        rounds = [_round(aws.environment(), api_calls) for _ in range(ROUNDS)]
    cpu = [Side([costs[side].cpu for costs in rounds]) for side in (0, 1)]
    memory = [Side([costs[side].memory for costs in rounds]) for side in (0, 1)]
    name = f"{len(FIRST_CALLS)} services in {len(REGIONS)} regions"
    return [
        compared(f"{name}, CPU", *cpu, shown=lambda seconds: f"{seconds:.2f} s", target=at_most(FIVE_TIMES_CHEAPER)),
        compared(
            f"{name}, memory", *memory, shown=lambda size: f"{size / MB:.0f} MB", target=at_most(FIVE_TIMES_CHEAPER)
        ),
    ]


def _round(environment: dict[str, str], api_calls: list[ApiCall]) -> tuple[Cost, Cost]:
    """Measures both sides, each in a new process."""
    with Arm(Ours, environment, fast_loop=True) as ours:
        one: Cost = ours.call("first_calls", api_calls)
    with Arm(Plain, environment, fast_loop=False) as theirs:
        other: Cost = theirs.call("first_calls", api_calls)
    return one, other
