"""The analysis agrees with the slow reference implementation for every pair of random policies and resources."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from collector.analysis.facts import Account, AnalysisLimits, PolicyFact
from collector.analysis.matching import ResourceIndex
from collector.analysis.permissions import Permissions
from collector.analysis.results import Relationship
from collector.analysis.services import Services
from tests.analysis import slow

HOME, AWAY = "111111111111", "222222222222"
ONE_BY_ONE = AnalysisLimits(wildcards="expand", type_wide="expand", max_edges_per_pattern=0)
SIZES = (60, 30, 30, 30)
"""Policies and resources of each random account."""

FORMS = {
    "aws_api_gateway_rest_api": "apigateway:R::/restapis/N",
    "aws_api_gateway_v2_api": "apigateway:R::/apis/N",
    "aws_api_gateway_v2_route": "apigateway:R::/apis/N/routes/N",
    "aws_ami": "ec2:R::image/N",
    "aws_cloudwatch_log_group": "logs:R:A:log-group:/N/N",
    "aws_db_instance": "rds:R:A:db:N",
    "aws_db_snapshot": "rds:R:A:snapshot:rds:N",
    "aws_dynamodb_table": "dynamodb:R:A:table/N",
    "aws_ecs_task_definition": "ecs:R:A:task-definition/N:1",
    "aws_elasticsearch_domain": "es:R:A:domain/N",
    "aws_iam_role": "iam::A:role/N/N",
    "aws_iam_user": "iam::A:user/N",
    "aws_instance": "ec2:R:A:instance/N",
    "aws_lambda_function": "lambda:R:A:function:N",
    "aws_s3_bucket": "s3:::N",
    "aws_sns_topic": "sns:R:A:N",
    "aws_sqs_queue": "sqs:R:A:N",
}
NAMES = ("a", "ab", "abc", "b-a", "A")
REGIONS = ("us-east-1", "eu-west-1")
BELOW = ("/*", ":*", "/a/*", "/index/*", "/index/a", "/stream/*", ":a", ":log-stream:*", ":log-stream:a", "/?", "/")
ACTIONS = (
    "*", "*:*", "*:Get*", "*:*Tag*", "apigateway:GET", "apigateway:P*", "dynamodb:*", "dynamodb:GetRecords", "dynamodb:Query",
    "dynamodb:DescribeTable", "ec2:*", "ec2:Run*", "ec2:DescribeInstances", "ecs:RunTask", "es:ESHttp*", "es:*", "execute-api:Invoke",
    "iam:*", "iam:PassRole", "iam:Get?ser", "lambda:InvokeFunction", "lambda:*", "lambda:PutProvisionedConcurrencyConfig",
    "logs:*", "logs:PutLogEvents", "logs:CreateLogGroup", "rds:*", "s3:*", "s3:*Object*", "S3:listbucket", "s3:PutBucketPolicy",
    "s3:ListAllMyBuckets", "sns:*", "sns:Publish", "sqs:*", "sqs:SendMessage", "ssm:*", "sts:AssumeRole", "ebs:*",
)  # fmt: skip


def random_resources(chance: random.Random, size: int) -> list[slow.Resource]:
    found: dict[str, slow.Resource] = {}
    while len(found) < size:
        type_ = chance.choice(list(FORMS))
        owner = chance.choice((HOME, HOME, AWAY))
        arn = "arn:aws:" + random_arn(FORMS[type_], chance, owner)
        found.setdefault(arn, slow.Resource(arn, type_, owner))
    return list(found.values())


def random_arn(form: str, chance: random.Random, owner: str) -> str:
    form = form.replace(":R:", f":{chance.choice(REGIONS)}:").replace(":A:", f":{owner}:")
    head, name, rest = form.partition("N")
    while name:
        head, name, rest = head + chance.choice(NAMES) + rest.partition("N")[0], *rest.partition("N")[1:]
    return head


def random_pattern(chance: random.Random, resources: list[slow.Resource]) -> str:
    """Return the ARN of a resource or of a child resource, with a few wildcards and changes."""
    if chance.random() < 0.06:
        return chance.choice(
            (
                "*",
                "arn:aws:*",
                "arn:aws:s3:::*",
                "arn:aws:sqs:*:*:*",
                "arn:*:*:*:*:*",
                "nonsense",
                "arn:aws:sqs:*:a",
                "arn:aws:sqs",
                "arn:aws:s3",
            )
        )
    resource = chance.choice(resources)
    text = resource.arn
    if chance.random() < 0.15 and ":apigateway:" in text:
        text = f"arn:aws:execute-api:{text.split(':')[3]}:{resource.owner}:{text.split('/')[2]}"
    if chance.random() < 0.4:
        text += chance.choice(BELOW)
    parts = text.split(":", 5)
    for place, likely in ((1, 0.05), (3, 0.3), (4, 0.3)):
        if chance.random() < likely:
            parts[place] = chance.choice(("*", "*", "*", parts[place][:3] + "*", "", AWAY if place == 4 else "us-*"))
    parts[5] = with_wildcards(parts[5], chance)
    text = ":".join(parts)
    return ":".join(parts[: chance.randint(3, 5)]) + chance.choice(("*", "")) if chance.random() < 0.03 else text


def with_wildcards(tail: str, chance: random.Random) -> str:
    for _ in range(chance.choice((0, 0, 1, 1, 2))):
        start = chance.randint(0, len(tail))
        end = min(len(tail), start + chance.choice((0, 1, 1, 2, 5, 30)))
        tail = (
            tail[:start]
            + chance.choice(("*", "*", "*", "?", "${aws:username}", "${aws:PrincipalAccount}"))
            + tail[end:]
        )
    return tail


def random_document(chance: random.Random, resources: list[slow.Resource]) -> dict[str, Any]:
    """A random document."""
    statements = []
    for number in range(chance.randint(1, 4)):
        effect = "Allow" if number == 0 or chance.random() < 0.6 else "Deny"
        actions = (
            chance.sample(ACTIONS[2:], chance.randint(1, 3)) if chance.random() < 0.8 else [chance.choice(ACTIONS)]
        )
        patterns = [random_pattern(chance, resources) for _ in range(chance.randint(1, 3))]
        statement: dict[str, Any] = {
            "Effect": effect,
            "NotAction" if chance.random() < 0.1 else "Action": actions,
            "NotResource" if chance.random() < 0.08 else "Resource": patterns,
        }
        if chance.random() < 0.2:
            statement["Condition"] = {"Bool": {"aws:SecureTransport": "true"}}
        statements.append(statement)
    return {"Version": chance.choice(("2012-10-17",) * 4 + ("2008-10-17",)), "Statement": statements}


def found_by_index(
    documents: list[dict[str, Any]], resources: list[slow.Resource]
) -> dict[tuple[int, str], slow.Access]:
    index = ResourceIndex()
    for owner in (HOME, AWAY):
        index.add(owner, [(each.arn, each.type) for each in resources if each.owner == owner])
    permissions = Permissions(Account(HOME), index, ONE_BY_ONE, Services(HOME), Counter())
    found = {}
    for number, document in enumerate(documents):
        for each in permissions.findings(PolicyFact(str(number), "aws_iam_policy", document)):
            if isinstance(each, Relationship) and each.target_type in FORMS:
                found[number, each.target_key] = slow.Access(
                    {level for level in slow.LETTERS.values() if each.properties[level]},
                    {level for level in slow.LETTERS.values() if f"conditional{level.capitalize()}" in each.properties},
                )
    return found


@pytest.mark.parametrize(("seed", "size"), list(enumerate(SIZES)))
def test_the_analysis_agrees_with_the_slow_reference(seed, size):
    chance = random.Random(seed)
    resources = random_resources(chance, size)
    documents = [random_document(chance, resources) for _ in range(size)]
    expected = {}
    for number, document in enumerate(documents):
        for resource in resources:
            access = slow.access(document, HOME, resource)
            if access is not None:
                expected[number, resource.arn] = access
    assert found_by_index(documents, resources) == expected
