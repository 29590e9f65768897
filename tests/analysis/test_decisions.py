"""What relationships say about single decisions is what the reference evaluator decides, for all AWS-managed policies.

A relationship is read as a query would: an action is allowed for every request if a grant without condition and variables names it
on the resource, and no Deny beside the grant names it. An access level is allowed if its flag is set.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from collector.analysis.arntypes import NAMEABLE
from collector.analysis.facts import AnalysisLimits, PolicyFact
from collector.analysis.results import MappedRelationship, Relationship
from tests.analysis.estate import A, document, findings
from tests.analysis.evaluator import Decision, decide, glob
from tests.analysis.slow import LETTERS, TABLE
from tests.analysis.test_managed import DOCUMENTS

ACTIONS_OF_A_PATTERN = 2
"""As many actions are decided for each pattern."""

FAULTY = [
    document("Allow s3:ListBucket on arn:aws:s3:::app", "Allow s3:PutObject on arn:aws:s3:::app/* when Bool a true"),
    document("Allow ec2:TerminateInstances on * when StringEquals aws:ResourceTag/a b", "Allow ec2:Describe* on *"),
    document("Allow not s3:Delete* on arn:aws:s3:::app", "Allow not s3:Put* on arn:aws:s3:::app when Bool a true"),
    document("Allow s3:* on *", "Deny s3:* on not arn:aws:s3:::app,arn:aws:s3:::app/*"),
    document("Allow s3:* on arn:aws:s3:::app*", "Deny s3:* on not arn:aws:s3:::app,arn:aws:s3:::app/*"),
    document("Allow sqs:* on *", "Deny sqs:* on * when Bool a true"),
    document("Allow sqs:* on arn:aws:sqs:us-east-1:A:jobs", "Deny sqs:Send* on arn:aws:sqs:*:*:${aws:username}"),
]


@cache
def expanded(pattern: str) -> tuple[str, ...]:
    """Return the actions that a pattern names."""
    prefix = pattern.lower().partition(":")[0]
    services = TABLE if "*" in prefix else {prefix} & TABLE.keys()
    names = (f"{service}:{name}" for service in sorted(services) for name in TABLE[service][2])
    return tuple(name for name in names if glob(pattern.lower(), name))


@cache
def matching(pattern: str) -> tuple[str, ...]:
    """Return some of the actions that a pattern names."""
    found = expanded(pattern) or (() if "*" in pattern else (pattern,))
    return tuple(random.Random(pattern).sample(found, min(len(found), ACTIONS_OF_A_PATTERN)))


def relationships(text: dict[str, Any], options: AnalysisLimits) -> Iterator[Relationship | MappedRelationship]:
    for each in findings(PolicyFact("p", "aws_iam_policy", text), options)[0]:
        if isinstance(each, Relationship | MappedRelationship):
            yield each


def arns(grant: dict[str, Any], edge: Relationship | MappedRelationship) -> list[str]:
    """Return ARNs that a grant names: those of the target or below it; for accounts and services, one for each pattern."""
    patterns = grant.get("resources", ())
    if isinstance(edge, Relationship) and edge.target_type in NAMEABLE and edge.target_type != "aws_account":
        separator = ":" if edge.target_type in ("aws_cloudwatch_log_group", "aws_lambda_function") else "/"
        arn = edge.target_key if grant["scope"] == "own" else f"{edge.target_key}{separator}x"
        return [arn] if any(glob(pattern, arn) for pattern in patterns) else []
    return [each.replace("*", "x").replace("?", "x") for each in patterns]


def is_unconditional(grant: dict[str, Any], action: str) -> bool:
    denying = [each for each in grant.get("denied", ()) if names(each, action)]
    return not (grant.get("condition") or grant.get("variables") or denying)


def names(rule: dict[str, Any], action: str) -> bool:
    patterns = rule.get("actions", rule.get("notActions", ()))
    return any(glob(each.lower(), action.lower()) for each in patterns) == ("actions" in rule)


def decisions(text: dict[str, Any], edge: Relationship | MappedRelationship) -> Iterator[tuple[bool, Decision, str]]:
    """Yield what a relationship says about a decision, what the evaluator says, and the action."""
    for grant in json.loads(str(edge.properties["grants"])):
        named = grant.get("actions") or [each for each in ("s3:GetObject", "iam:GetUser") if names(grant, each)]
        for action in dict.fromkeys(action for pattern in named for action in matching(pattern)):
            for arn in arns(grant, edge):
                yield is_unconditional(grant, action), decide(text, action, arn, A), action


@pytest.mark.parametrize("options", [AnalysisLimits(), AnalysisLimits(wildcards="expand", type_wide="expand")])
def test_no_decision_that_is_conditional_reads_as_unconditional(options):
    said: Counter[tuple[bool, Decision]] = Counter()
    for text in (*DOCUMENTS.values(), *FAULTY):
        for edge in relationships(text, options):
            said.update((unconditional, decision) for unconditional, decision, _ in decisions(text, edge))
    assert (said[True, Decision.SOMETIMES], said[True, Decision.NEVER]) == (0, 0)
    assert min(said[True, Decision.ALWAYS], said[False, Decision.SOMETIMES]) > 1000


def test_an_access_level_is_set_only_if_one_of_its_actions_is_unconditional():
    for text in (*DOCUMENTS.values(), *FAULTY):
        for edge in relationships(text, AnalysisLimits()):
            wrong = [
                level for letter, level in LETTERS.items() if edge.properties[level] and not always(text, edge, letter)
            ]
            assert wrong == [], (text, edge)


def always(text: dict[str, Any], edge: Relationship | MappedRelationship, letter: str) -> bool:
    """Whether the evaluator allows every request for some action of an access level, by one of the grants."""
    for grant in json.loads(str(edge.properties["grants"])):
        for pattern in grant.get("actions", ("*",)):
            for action in every_match(pattern, letter):
                if any(decide(text, action, arn, A) == Decision.ALWAYS for arn in arns(grant, edge) or ("*",)):
                    return True
    return False


@cache
def every_match(pattern: str, letter: str) -> tuple[str, ...]:
    return tuple(name for name in expanded(pattern) if letter in level_of(name))


def level_of(action: str) -> str:
    service, _, name = action.partition(":")
    return str(TABLE[service][2][name]).rstrip("0123456789,")


def test_the_evaluator_is_right():
    """Cases of AWS's documentation on the evaluation logic, conditions, variables and exceptions."""
    app, objects, jobs = "arn:aws:s3:::app", "arn:aws:s3:::app/x", f"arn:aws:sqs:us-east-1:{A}:jobs"
    cases = [
        (("Allow s3:Get* on *",), "s3:GetObject", objects, Decision.ALWAYS),
        (("Allow s3:Get* on *",), "s3:PutObject", objects, Decision.NEVER),
        ((f"Allow s3:* on {app}",), "s3:GetObject", objects, Decision.NEVER),
        (("Allow S3:getobject on *",), "s3:GetObject", objects, Decision.ALWAYS),
        (("Allow s3:* on * when Bool a true",), "s3:GetObject", objects, Decision.SOMETIMES),
        (("Allow s3:* on *", "Deny s3:* on * when Bool a true"), "s3:GetObject", objects, Decision.SOMETIMES),
        (("Allow s3:* on *", f"Deny s3:* on {app}/*"), "s3:GetObject", objects, Decision.NEVER),
        (("Allow s3:* on *", f"Deny s3:* on not {app}"), "s3:GetObject", objects, Decision.NEVER),
        (("Allow s3:* on *", f"Deny s3:* on not {app}"), "s3:ListBucket", app, Decision.ALWAYS),
        (("Allow not s3:* on *",), "s3:GetObject", objects, Decision.NEVER),
        (("Allow not s3:* on *",), "sqs:SendMessage", jobs, Decision.ALWAYS),
        (("Allow s3:* on not *",), "s3:GetObject", objects, Decision.NEVER),
        (("Allow s3:* on arn:aws:s3:::${aws:username}/*",), "s3:GetObject", objects, Decision.SOMETIMES),
        (("Allow s3:* on not arn:aws:s3:::${aws:username}/*",), "s3:GetObject", objects, Decision.SOMETIMES),
        (("Allow sqs:* on arn:aws:sqs",), "sqs:SendMessage", jobs, Decision.ALWAYS),
        (("Allow sqs:* on *", "Deny sqs:* on arn:aws:sqs"), "sqs:SendMessage", jobs, Decision.NEVER),
    ]
    for statements, action, arn, expected in cases:
        assert decide(document(*statements), action, arn, A) == expected, (statements, action, arn)
