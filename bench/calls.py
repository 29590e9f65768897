"""Processor time of one call, from parameters to a parsed answer, and of each row in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from bench.canned import canned_server
from bench.measure import ROUNDS, Arm, Asked, Figure, Side, beside, most
from bench.ours import Ours
from bench.plain import Plain

ESTATE = {"aws_instance": 4000, "aws_iam_role": 300, "aws_iam_policy": 150, "aws_lambda_function": 200}
"""Enough of each for full pages."""

GAAD = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")


class Operation(NamedTuple):
    """A call, how often it is made in a round, how many rows its answer has, and what is wanted of it."""

    name: str
    asked: Asked
    times: int
    rows: Callable[[dict[str, Any]], int] | None = None
    wanted: float | None = None


def figures() -> list[Figure]:
    """One line for each operation."""
    with canned_server("small", **ESTATE) as aws:
        environment = aws.environment()
        with Arm(Ours, environment, fast_loop=True) as ours, Arm(Plain, environment, fast_loop=False) as theirs:
            chosen = _operations(theirs)
            ours.ask("warm", sorted({each.asked.service for each in chosen}))
            return [_figure(each, ours, theirs) for each in chosen]


def _operations(theirs: Arm) -> list[Operation]:
    """Eight operations: five small ones in each protocol, and the three large ones, one of them in two sizes."""
    bucket = theirs.ask("answer", Asked("s3", "list_buckets"))["Buckets"][0]["Name"]
    queue = theirs.ask("answer", Asked("sqs", "list_queues"))["QueueUrls"][0]
    small, instances = 0.65, "describe_instances"
    return [
        Operation("STS GetCallerIdentity", Asked("sts", "get_caller_identity"), 200, wanted=small),
        Operation("S3 GetBucketPolicy", Asked("s3", "get_bucket_policy", {"Bucket": bucket}), 200, wanted=small),
        Operation(
            "SQS GetQueueAttributes",
            Asked("sqs", "get_queue_attributes", {"QueueUrl": queue, "AttributeNames": ["All"]}),
            200,
            wanted=small,
        ),
        Operation(
            "DynamoDB DescribeTable", Asked("dynamodb", "describe_table", {"TableName": "orders"}), 200, wanted=small
        ),
        Operation(
            "Lambda ListFunctions, 50",
            Asked("lambda", "list_functions", {"MaxItems": 50}),
            100,
            lambda answer: len(answer["Functions"]),
            0.45,
        ),
        Operation(
            "EC2 DescribeInstances, 100", Asked("ec2", instances, {"MaxResults": 100}), 10, _instances, wanted=0.2
        ),
        Operation(
            "EC2 DescribeInstances, 1,000", Asked("ec2", instances, {"MaxResults": 1000}), 2, _instances, wanted=0.2
        ),
        Operation(
            "IAM GetAccountAuthorizationDetails",
            Asked("iam", "get_account_authorization_details", {"MaxItems": 1000}),
            8,
            lambda answer: sum(len(answer[name]) for name in GAAD),
            0.3,
        ),
    ]


def _instances(answer: dict[str, Any]) -> int:
    return sum(len(each["Instances"]) for each in answer["Reservations"])


def _figure(operation: Operation, ours: Arm, theirs: Arm) -> Figure:
    answer = theirs.ask("answer", operation.asked)
    if ours.ask("answer", operation.asked) != answer:
        raise AssertionError(f"{operation.name}: the two sides read different answers")
    asked, times = operation.asked, operation.times
    for arm in (ours, theirs):
        arm.ask("batch", asked, times)  # caches, connections and the processor's own
    rounds = [(ours.ask("batch", asked, times), theirs.ask("batch", asked, times)) for _ in range(ROUNDS)]
    sides = [Side([spent[side].cpu / times for spent in rounds]) for side in (0, 1)]
    rows = operation.rows(answer) if operation.rows else 0
    return beside(operation.name, *sides, shown=lambda seconds: _shown(seconds, rows), wanted=most(operation.wanted))


def _shown(seconds: float, rows: int) -> str:
    each = f" ({seconds / rows * 1e6:.0f} us a row)" if rows else ""
    return f"{seconds * 1000:.2f} ms{each}"
