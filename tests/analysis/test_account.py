"""The analysis of one account: order of findings, steps, counts, and pickling of facts and findings."""

from __future__ import annotations

import pickle
from itertools import chain
from typing import Any

import pytest

from collector.analysis.account import PAGE, analyse
from collector.analysis.facts import (
    Account,
    AnalysisLimits,
    EntityRef,
    Facts,
    NetworkAclFact,
    PolicyFact,
    PrefixList,
    ResourcePolicyFact,
    SecurityGroupFact,
    TrustFact,
)
from collector.analysis.matching import ResourceIndex
from collector.analysis.permissions import STEP_SIZE
from collector.analysis.results import AnalysisProblem, Counts, MappedRelationship, Relationship, Result, ServiceNode
from collector.analysis.triples import POLICED, RESOURCE, SERVICE, TRIPLES
from collector.catalog.catalog import Catalog
from collector.catalog.partial import policy_types
from tests.analysis.estate import RESOURCES, A, B, document

ROLE = f"arn:aws:iam::{A}:role/admin"
GROUP = f"arn:aws:ec2:us-east-1:{A}:security-group/sg-1"


def facts(**more: Any) -> Facts:
    return Facts(
        account=Account(A),
        resources=list(RESOURCES.values()),
        policies=[
            PolicyFact("policy", "aws_iam_policy", document("Allow s3:*,sqs:* on *", "Allow s3:* on arn:aws:s3:::a*"))
        ],
        resource_policies=[
            ResourcePolicyFact(
                *RESOURCES["jobs"],
                {
                    "Statement": {
                        "Effect": "Allow",
                        "Principal": {"Service": "s3.amazonaws.com"},
                        "Action": "sqs:*",
                        "Resource": "*",
                    }
                },
            )
        ],
        trusts=[
            TrustFact(
                ROLE,
                {
                    "Statement": {
                        "Effect": "Allow",
                        "Principal": {"Service": "sqs.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                },
            )
        ],
        security_groups=[
            SecurityGroupFact(GROUP, "us-east-1", None, [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
        ],
        network_acls=[
            NetworkAclFact(
                "acl", None, [{"RuleNumber": 1, "RuleAction": "deny", "Protocol": "-1", "CidrBlock": "0.0.0.0/0"}]
            )
        ],
        **more,
    )


def all_of(
    account_facts: Facts, options: AnalysisLimits | None = None, index: ResourceIndex | None = None
) -> list[Result]:
    return list(chain.from_iterable(analyse(account_facts, options, index)))


def test_everything_is_drawn_and_the_counts_come_last():
    found = all_of(facts())
    assert {(each.verb, each.target_type) for each in found if isinstance(each, Relationship)} == {
        ("ALLOWS", "aws_s3"),
        ("ALLOWS", "aws_sqs"),
        ("ALLOWS", "aws_s3_bucket"),
        ("ALLOWS", "aws_sqs_queue"),
        ("TRUSTS", "aws_sqs"),
    }
    assert [each.verb for each in found if isinstance(each, MappedRelationship)] == ["ALLOWS", "DENIES"]
    assert isinstance(found[-1], Counts)
    assert sum(isinstance(each, Counts) for each in found) == 1


def test_each_service_is_requested_once_before_it_is_used():
    requested: set[str] = set()
    for each in all_of(facts()):
        if isinstance(each, ServiceNode):
            assert each.key not in requested
            requested.add(each.key)
        if isinstance(each, Relationship):
            assert {key for key in (each.source_key, each.target_key) if ":service:" in key} <= requested
    assert requested == {f"{A}:service:aws_s3", f"{A}:service:aws_sqs"}


def test_the_same_facts_give_the_same_findings_in_the_same_order():
    assert all_of(facts()) == all_of(facts())


def test_steps_are_small():
    many = [(f"arn:aws:sqs:us-east-1:{A}:q{number:05}", "aws_sqs_queue") for number in range(PAGE * 2 + 1)]
    policy = PolicyFact("policy", "aws_iam_policy", document("Allow sqs:* on arn:aws:sqs:us-east-1:A:q*"))
    account_facts = Facts(Account(A), resources=iter(many), policies=[policy])
    steps = list(analyse(account_facts, AnalysisLimits(max_edges_per_pattern=0)))
    assert max(map(len, steps)) == STEP_SIZE
    assert sum(isinstance(each, Relationship) for step in steps for each in step) == len(many)


def test_a_long_security_group_is_split_into_steps():
    rules = [
        {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        for port in range(STEP_SIZE + 1)
    ]
    steps = list(analyse(Facts(Account(A), security_groups=[SecurityGroupFact(GROUP, "us-east-1", None, rules)])))
    assert [len(step) for step in steps if step] == [STEP_SIZE, 1, 1]


def test_facts_and_findings_can_be_pickled():
    account_facts = facts(unique_ids={"AROAX": EntityRef(ROLE, "aws_iam_role")})
    assert all_of(pickle.loads(pickle.dumps(account_facts))) == pickle.loads(pickle.dumps(all_of(account_facts)))
    assert pickle.loads(pickle.dumps(PrefixList("pl-1"))) == PrefixList("pl-1")


def test_relationships_to_other_accounts_in_the_index_are_drawn():
    index = ResourceIndex()
    index.add(B, [("arn:aws:s3:::theirs", "aws_s3_bucket")])
    policy = PolicyFact("policy", "aws_iam_policy", document("Allow s3:ListBucket on arn:aws:s3:::theirs"))
    found = all_of(Facts(Account(A), policies=[policy]), index=index)
    assert [each.properties["crossAccount"] for each in found if isinstance(each, Relationship)] == [True]


def test_a_resource_whose_key_is_not_its_arn_is_reached_by_its_arn():
    arn = f"arn:aws:ec2:us-east-1:{A}:key-pair/login"
    policy = PolicyFact(
        "policy",
        "aws_iam_policy",
        document("Allow ec2:DeleteKeyPair on " + arn, "Deny ec2:* on arn:aws:ec2:*:*:volume/*"),
    )
    found = all_of(Facts(Account(A), resources=[("login", "aws_key_pair")], arns={"login": arn}, policies=[policy]))
    assert [each.target_key for each in found if isinstance(each, Relationship)] == ["login"]


@pytest.mark.parametrize("key", ["no-arn", "arn:aws:s3", ""])
def test_a_resource_that_no_policy_can_name_is_ignored(key):
    policy = PolicyFact("policy", "aws_iam_policy", document("Allow s3:* on arn:aws:s3:::a*"))
    found = all_of(Facts(Account(A), resources=[(key, "aws_s3_bucket"), ("x", "aws_ecr_image")], policies=[policy]))
    assert found == [Counts({})]


def test_an_entity_is_found_by_its_arn_and_type():
    index = ResourceIndex()
    index.add(A, RESOURCES.values())
    arn = RESOURCES["app"][0]
    assert index.entity(arn, ("aws_sqs_queue", "aws_s3_bucket")) == EntityRef(arn, "aws_s3_bucket")
    assert index.entity(arn, ("aws_sqs_queue",)) is None
    assert index.entity("app", ("aws_s3_bucket",)) is None


def test_a_resource_shared_by_two_accounts_is_indexed_once():
    index = ResourceIndex()
    subnet = (f"arn:aws:ec2:us-east-1:{A}:subnet/subnet-1", "aws_subnet")
    index.add(A, [subnet, subnet])
    index.add(B, [subnet])
    assert list(index.entities(A, "aws_subnet")) == [subnet[0]]
    assert index.types(B) == ()


def test_another_partition_has_its_own_arns():
    account_facts = Facts(
        Account(A, "aws-cn"),
        resources=[("arn:aws-cn:s3:::app", "aws_s3_bucket"), (f"arn:aws-cn:iam::{A}:root", "aws_account")],
        policies=[
            PolicyFact(
                "p", "aws_iam_policy", document("Allow s3:* on arn:aws-cn:s3:::app,arn:aws:s3:::app", "Allow * on *")
            )
        ],
    )
    assert {each.target_key for each in all_of(account_facts) if isinstance(each, Relationship)} == {
        "arn:aws-cn:s3:::app",
        f"arn:aws-cn:iam::{A}:root",
    }


def test_every_drawn_relationship_is_in_the_schema():
    declared = {(each.source, each.verb, each.target) for each in TRIPLES}
    assert len(declared) == len(TRIPLES)
    for each in all_of(facts()):
        if isinstance(each, Relationship):
            source = SERVICE if ":service:" in each.source_key else each.source_type
            target = SERVICE if ":service:" in each.target_key else each.target_type
            policed = (source, each.verb, POLICED) if each.target_type in policy_types(Catalog.all()) else None
            assert {(source, each.verb, target), (source, each.verb, RESOURCE), policed} & declared


def test_a_fact_that_cannot_be_read_is_a_problem_and_the_others_are_drawn():
    def group(*ports: Any) -> SecurityGroupFact:
        rules = [
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
            for port in ports
        ]
        return SecurityGroupFact(GROUP, "us-east-1", "vpc", rules)

    acl = NetworkAclFact(
        "acl", "vpc", [{"CidrBlock": 5}, {"CidrBlock": "0.0.0.0/0", "RuleAction": "allow", "RuleNumber": 1}]
    )
    malformed = Facts(account=Account(A), security_groups=[group({"malformed": 1}, 443)], network_acls=[acl])
    found = list(chain(*analyse(malformed)))
    assert [(each.type, each.reason) for each in found if isinstance(each, AnalysisProblem)] == [
        ("aws_security_group", "unreadable"),
        ("aws_network_acl", "unreadable"),
    ]
    assert len([each for each in found if isinstance(each, MappedRelationship)]) == 2
