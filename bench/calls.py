"""CPU time of one call, from parameters to a parsed response, and of each row in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from bench.canned import canned_server
from bench.measure import ROUNDS, ApiCall, Arm, Figure, Side, at_most, compared
from bench.ours import Ours
from bench.plain import Plain

ESTATE = {"aws_instance": 4000, "aws_iam_role": 300, "aws_iam_policy": 150, "aws_lambda_function": 200}
"""Enough of each for full pages."""

GAAD = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")


class Operation(NamedTuple):
    """A call, its repetitions in a round, the number of rows of its response, and the target for its ratio."""

    name: str
    call: ApiCall
    times: int
    rows: Callable[[dict[str, Any]], int] | None = None
    target: float | None = None


def figures() -> list[Figure]:
    """One figure for each operation."""
    with canned_server("small", **ESTATE) as aws:
        environment = aws.environment()
        with Arm(Ours, environment, fast_loop=True) as ours, Arm(Plain, environment, fast_loop=False) as theirs:
            operations = _operations(theirs)
            ours.call("warm", sorted({each.call.service for each in operations}))
            return [_figure(each, ours, theirs) for each in operations]


def _operations(theirs: Arm) -> list[Operation]:
    """Eight operations: small ones of different protocols, and three large ones, one of them in two sizes."""
    bucket = theirs.call("answer", ApiCall("s3", "list_buckets"))["Buckets"][0]["Name"]
    queue = theirs.call("answer", ApiCall("sqs", "list_queues"))["QueueUrls"][0]
    small, instances = 0.65, "describe_instances"
    return [
        Operation("STS GetCallerIdentity", ApiCall("sts", "get_caller_identity"), 200, target=small),
        Operation("S3 GetBucketPolicy", ApiCall("s3", "get_bucket_policy", {"Bucket": bucket}), 200, target=small),
        Operation(
            "SQS GetQueueAttributes",
            ApiCall("sqs", "get_queue_attributes", {"QueueUrl": queue, "AttributeNames": ["All"]}),
            200,
            target=small,
        ),
        Operation(
            "DynamoDB DescribeTable", ApiCall("dynamodb", "describe_table", {"TableName": "orders"}), 200, target=small
        ),
        Operation(
            "Lambda ListFunctions, 50",
            ApiCall("lambda", "list_functions", {"MaxItems": 50}),
            100,
            lambda answer: len(answer["Functions"]),
            0.45,
        ),
        Operation(
            "EC2 DescribeInstances, 100", ApiCall("ec2", instances, {"MaxResults": 100}), 10, _instances, target=0.2
        ),
        Operation(
            "EC2 DescribeInstances, 1,000", ApiCall("ec2", instances, {"MaxResults": 1000}), 2, _instances, target=0.2
        ),
        Operation(
            "IAM GetAccountAuthorizationDetails",
            ApiCall("iam", "get_account_authorization_details", {"MaxItems": 1000}),
            8,
            lambda answer: sum(len(answer[name]) for name in GAAD),
            0.3,
        ),
    ]


def _instances(answer: dict[str, Any]) -> int:
    return sum(len(each["Instances"]) for each in answer["Reservations"])


def _figure(operation: Operation, ours: Arm, theirs: Arm) -> Figure:
    answer = theirs.call("answer", operation.call)
    if ours.call("answer", operation.call) != answer:
        raise AssertionError(f"{operation.name}: the two sides parsed different responses")
    call, times = operation.call, operation.times
    for arm in (ours, theirs):
        arm.call("batch", call, times)  # warms caches and connections
    rounds = [(ours.call("batch", call, times), theirs.call("batch", call, times)) for _ in range(ROUNDS)]
    sides = [Side([spent[side].cpu / times for spent in rounds]) for side in (0, 1)]
    rows = operation.rows(answer) if operation.rows else 0
    return compared(
        operation.name, *sides, shown=lambda seconds: _shown(seconds, rows), target=at_most(operation.target)
    )


def _shown(seconds: float, rows: int) -> str:
    each = f" ({seconds / rows * 1e6:.0f} us a row)" if rows else ""
    return f"{seconds * 1000:.2f} ms{each}"
