"""Measures the policy analysis on a synthetic estate: `python bench/analysis.py`.

The estate has realistic proportions: 45 types over 16 regions and accounts of unequal size. 40 % of the policies are
real AWS managed policies (moto's copy), the others are templates that name resources of their account. Each row is
measured in a process of its own because of its peak memory. `matching` finds the resources that policies reach;
`findings` includes relationships with their properties; `step` is the longest step of the generator.

The last table compares a sample with one regular expression per statement, matched against every resource.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import re
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from moto.iam.aws_managed_policies import aws_managed_policies_data

from collector.analysis.actions import meet
from collector.analysis.arn_scopes import ArnScope, arn_type
from collector.analysis.authorization import forms, services
from collector.analysis.documents import read
from collector.analysis.facts import Account, AnalysisLimits, PolicyFact
from collector.analysis.matching import ResourceIndex
from collector.analysis.patterns import Pattern, PatternReader, parse
from collector.analysis.permissions import Permissions
from collector.analysis.results import MappedRelationship, Relationship
from collector.analysis.services import Services
from collector.analysis.statements import statement_actions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Estate = dict[str, list[tuple[str, str]]]

SIZES = {"small": (1_000, 100_000, 10), "large": (10_000, 1_000_000, 50)}
MODES = {
    "default": AnalysisLimits(),
    "uncapped": AnalysisLimits(type_wide="expand", max_edges_per_pattern=0),
}
LIMITS = {"small": 1.0, "large": 20.0}
LIMIT_MB = 450
PAGE = 5_000
SAMPLE = 100
MANAGED_SHARE = 0.4

REGIONS = (
    "us-east-1", "us-west-2", "eu-west-1", "us-east-2", "eu-central-1", "ap-southeast-1", "ap-northeast-1", "ap-southeast-2",
    "ca-central-1", "eu-west-2", "ap-south-1", "us-west-1", "eu-north-1", "sa-east-1", "eu-west-3", "ap-northeast-2",
)  # fmt: skip
ENVIRONMENTS = ("prod", "stg", "dev")

# Type, weight, and the format of its ARN: G is the region, A the account, {x17} seventeen hexadecimal digits.
MIX = """
aws_cloudwatch_log_group 14 logs:G:A:log-group:/aws/lambda/{name}
aws_ebs_snapshot 14 ec2:G::snapshot/snap-{x17}
aws_ebs_volume 9 ec2:G:A:volume/vol-{x17}
aws_eni 9 ec2:G:A:network-interface/eni-{x17}
aws_instance 7 ec2:G:A:instance/i-{x17}
aws_iam_role 7 iam::A:role/{app}/{name}-role
aws_security_group 6 ec2:G:A:security-group/sg-{x17}
aws_lambda_function 6 lambda:G:A:function:{name}
aws_subnet 4 ec2:G:A:subnet/subnet-{x17}
aws_iam_policy 4 iam::A:policy/{name}
aws_ami 3 ec2:G::image/ami-{x17}
aws_sqs_queue 2.5 sqs:G:A:{name}
aws_s3_bucket 2 s3:::{name}-{x4}
aws_dynamodb_table 2 dynamodb:G:A:table/{name}
aws_db_snapshot 2 rds:G:A:snapshot:rds:{name}-2026-10-01
aws_ecs_task_definition 2 ecs:G:A:task-definition/{app}-{env}:{n}
aws_cloudwatch_metric_alarm 2 cloudwatch:G:A:alarm:{name}
aws_config_rule 2 config:G:A:config-rule/config-rule-{x6}
aws_sns_topic 1.5 sns:G:A:{name}
aws_kms_key 1.5 kms:G:A:key/{x8}-{x4}-{x4}-{x4}-{x12}
aws_cloudformation_stack 1.5 cloudformation:G:A:stack/{name}/{x8}
aws_iam_user 1 iam::A:user/{name}
aws_ecs_task 1 ecs:G:A:task/{app}-{env}/{x32}
aws_cloudwatch_event_rule 1 events:G:A:rule/{name}
aws_lb_listener_rule 1 elasticloadbalancing:G:A:listener-rule/app/{name}/{x16}/{x16}/{x16}
aws_route_table 1 ec2:G:A:route-table/rtb-{x17}
aws_ecr_repository 0.8 ecr:G:A:repository/{app}/{env}-{n}
aws_lb_target_group 0.8 elasticloadbalancing:G:A:targetgroup/{name}/{x16}
aws_db_instance 0.7 rds:G:A:db:{name}
aws_lb_listener 0.6 elasticloadbalancing:G:A:listener/app/{name}/{x16}/{x16}
aws_ecs_service 0.5 ecs:G:A:service/{app}-{env}/{name}
aws_acm_certificate 0.5 acm:G:A:certificate/{x32}
aws_vpc 0.5 ec2:G:A:vpc/vpc-{x17}
aws_alb 0.4 elasticloadbalancing:G:A:loadbalancer/app/{name}/{x16}
aws_autoscaling_group 0.4 autoscaling:G:A:autoScalingGroup:{x8}:autoScalingGroupName/{name}
aws_rds_cluster 0.3 rds:G:A:cluster:{name}
aws_elasticache_redis_cluster 0.3 elasticache:G:A:replicationgroup:{name}
aws_api_gateway_rest_api 0.3 apigateway:G::/restapis/{x10}
aws_iam_group 0.2 iam::A:group/{name}
aws_ecs_cluster 0.2 ecs:G:A:cluster/{name}
aws_efs_file_system 0.2 elasticfilesystem:G:A:file-system/fs-{x17}
aws_eks_cluster 0.1 eks:G:A:cluster/{name}
aws_guardduty_detector 0.1 guardduty:G:A:detector/{x32}
aws_elasticsearch_domain 0.1 es:G:A:domain/{name}
aws_redshift_cluster 0.1 redshift:G:A:cluster:{name}
"""
POPULAR = [
    "AdministratorAccess",
    "ReadOnlyAccess",
    "PowerUserAccess",
    "SecurityAudit",
    "AWSLambdaBasicExecutionRole",
    "AmazonS3FullAccess",
    "AmazonEC2FullAccess",
    "AmazonSSMManagedInstanceCore",
    "CloudWatchAgentServerPolicy",
    "AWSLambdaVPCAccessExecutionRole",
    "AmazonEC2ContainerRegistryReadOnly",
    "AmazonEKSClusterPolicy",
    "AmazonEKSWorkerNodePolicy",
    "AmazonDynamoDBFullAccess",
    "AmazonSQSFullAccess",
    "AmazonRDSFullAccess",
    "IAMFullAccess",
]
FIELD = re.compile(r"\{(\w+)\}")

# Customer managed policies: a list of statements (effect, actions, resources) each. A is the account; {app} and {env} are an
# application; {aws_…} is the ARN of a resource of that type in the account; `#` precedes the key of a condition.
TEMPLATES = """
Allow logs:CreateLogGroup @ arn:aws:logs:us-east-1:A:* | Allow logs:CreateLogStream,logs:PutLogEvents @ {aws_cloudwatch_log_group}:* | Allow sqs:ReceiveMessage,sqs:DeleteMessage,sqs:GetQueueAttributes @ {aws_sqs_queue} | Allow dynamodb:GetItem,dynamodb:PutItem,dynamodb:Query @ {aws_dynamodb_table},{aws_dynamodb_table}/index/*
Allow logs:CreateLogStream,logs:PutLogEvents @ {aws_cloudwatch_log_group}:* | Allow dynamodb:GetItem,dynamodb:Scan @ {aws_dynamodb_table}
Allow s3:GetObject,s3:PutObject,s3:DeleteObject,s3:ListBucket @ {aws_s3_bucket},{aws_s3_bucket}/* | Allow dynamodb:BatchGetItem,dynamodb:Query @ {aws_dynamodb_table},{aws_dynamodb_table}/index/*
Allow s3:GetObject,s3:ListBucket @ {aws_s3_bucket},{aws_s3_bucket}/* | Allow sns:Publish @ {aws_sns_topic} | Allow kms:Decrypt,kms:GenerateDataKey* @ {aws_kms_key}
Allow s3:PutObject @ {aws_s3_bucket}/* | Allow kms:Decrypt,kms:GenerateDataKey* @ {aws_kms_key} | Allow sns:Publish @ {aws_sns_topic}
Allow cloudformation:* @ arn:aws:cloudformation:*:A:stack/{app}-*/* | Allow lambda:* @ arn:aws:lambda:*:A:function:{app}-* | Allow iam:GetRole,iam:CreateRole,iam:PassRole,iam:AttachRolePolicy @ arn:aws:iam::A:role/{app}-{env}-* | Allow s3:* @ arn:aws:s3:::{app}-{env}-*,arn:aws:s3:::{app}-{env}-*/* | Allow ecr:* @ arn:aws:ecr:*:A:repository/{app}/* | Allow ecs:UpdateService,ecs:DescribeServices @ arn:aws:ecs:*:A:service/{app}-{env}/*
Allow ec2:StartInstances,ec2:StopInstances,ssm:StartSession @ arn:aws:ec2:*:A:instance/* # aws:ResourceTag/app | Allow ec2:Describe*,cloudwatch:Get*,cloudwatch:List* @ *
Allow iam:PassRole @ arn:aws:iam::A:role/{app}-* | Allow sts:AssumeRole @ arn:aws:iam::*:role/{app}-{env}-deploy,arn:aws:iam::B:role/{app}/{app}-{env}-*
Allow s3:Get*,s3:List*,ec2:Describe*,rds:Describe*,dynamodb:List*,dynamodb:Describe*,lambda:Get*,lambda:List* @ *
Allow kms:Encrypt,kms:Decrypt,kms:ReEncrypt*,kms:GenerateDataKey*,kms:DescribeKey @ arn:aws:kms:*:A:key/* # kms:ViaService
Allow iam:ChangePassword,iam:CreateAccessKey,iam:GetUser @ arn:aws:iam::*:user/${aws:username} | Allow iam:ListUsers,iam:GetAccountPasswordPolicy @ *
Allow s3:GetObject,s3:ListBucket @ arn:aws:s3:::*-{env}-*,arn:aws:s3:::*-{env}-*/* | Allow sqs:* @ arn:aws:sqs:*:A:{app}-* | Allow logs:* @ arn:aws:logs:*:A:log-group:*
Allow s3:*,dynamodb:* @ * | Deny s3:DeleteBucket,dynamodb:DeleteTable @ arn:aws:s3:::*-prod-*,arn:aws:dynamodb:*:A:table/*-prod-* | Allow sns:* @ arn:aws:sns:*:A:{app}* | Deny sns:* @ arn:aws:sns:*:A:{app}-prod-*
Allow lambda:* @ * | Allow dynamodb:* @ arn:aws:dynamodb:*:A:table/*
"""


class Longest(NamedTuple):
    """The longest step in seconds of wall time and of CPU time. Other processes affect only the former."""

    wall: float
    cpu: float


# The estate ------------------------------------------------------------------------------------------------


def estate(size: int, accounts: list[str]) -> Estate:
    """Resources as (key, type) by account."""
    chance = random.Random(7)
    mix = [line.split() for line in MIX.split("\n") if line]
    drawn = chance.choices(mix, [float(weight) for _, weight, _ in mix], k=size)
    owners = chance.choices(accounts, [1 / (rank + 1) ** 0.6 for rank in range(len(accounts))], k=size)
    regions = chance.choices(REGIONS, [1 / (rank + 1) ** 1.3 for rank in range(len(REGIONS))], k=size)
    found: Estate = defaultdict(list)
    for number, ((type_, _, form), account, region) in enumerate(zip(drawn, owners, regions, strict=True)):
        text = form.replace(":G:", f":{region}:", 1).replace(":A:", f":{account}:", 1)
        found[account].append(("arn:aws:" + filled(text, application(chance), number, chance), sys.intern(type_)))
    return found


def application(chance: random.Random) -> dict[str, str]:
    return {"app": f"app{min(chance.getrandbits(6), chance.getrandbits(6)):02d}", "env": chance.choice(ENVIRONMENTS)}


def filled(form: str, names: dict[str, str], number: int, chance: random.Random) -> str:
    names = {**names, "n": str(number), "name": f"{names['app']}-{names['env']}-{number}"}

    def value(found: re.Match[str]) -> str:
        digits = found[1]
        return names[digits] if digits in names else f"{chance.getrandbits(4 * int(digits[1:])):0{digits[1:]}x}"

    return FIELD.sub(value, form)


def policies(number: int, accounts: list[str], resources: Estate) -> dict[str, list[PolicyFact]]:
    """Policies by account; the frequency of managed policies depends on their rank."""
    chance = random.Random(11)
    documents = {name: policy["Document"] for name, policy in json.loads(aws_managed_policies_data).items()}
    others = [name for name in documents if name not in POPULAR]
    chance.shuffle(others)
    managed = [documents[name] for name in (*POPULAR, *others)]
    by_type: dict[tuple[str, str], list[str]] = defaultdict(list)
    for account, owned in resources.items():
        for key, type_ in owned:
            by_type[account, type_].append(key)
    weights = [1 / (rank + 4) for rank in range(len(managed))]
    found: dict[str, list[PolicyFact]] = defaultdict(list)
    for each in range(number):
        account = accounts[each % len(accounts)]
        if chance.random() < MANAGED_SHARE:
            document = chance.choices(managed, weights)[0]
        else:
            document = written(chance.choice(TEMPLATES.strip().split("\n")), account, accounts, by_type, chance)
        found[account].append(PolicyFact(f"arn:aws:iam::{account}:policy/p{each}", "aws_iam_policy", document, "v1"))
    return found


def written(
    template: str, account: str, accounts: list[str], by_type: dict[tuple[str, str], list[str]], chance: random.Random
) -> dict[str, Any]:
    """A policy document from a template."""
    names = application(chance)
    picked: dict[str, str] = {}

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name not in names and name not in picked:
            picked[name] = chance.choice(by_type.get((account, name), ["arn:aws:s3:::gone"]))
        return names.get(name) or picked[name]

    def statement(text: str) -> dict[str, Any]:
        effect, actions, _, resources, *condition = text.split()
        places = resources.replace(":A:", f":{account}:").replace(":B:", f":{chance.choice(accounts)}:")
        places = re.sub(r"(?<!\$)\{(\w+)\}", value, places)
        content: dict[str, Any] = {"Effect": effect, "Action": actions.split(","), "Resource": places.split(",")}
        return {**content, "Condition": {"StringEquals": {condition[1]: names["app"]}}} if condition else content

    return {"Version": "2012-10-17", "Statement": [statement(text) for text in template.split(" | ")]}


# The measures ----------------------------------------------------------------------------------------------


def measure(size: str, mode: str) -> dict[str, Any]:
    """Measures one row."""
    number, amount, many = SIZES[size]
    accounts = [f"{100_000_000_000 + 7919 * each:012d}" for each in range(many)]
    resources = estate(amount, accounts)
    facts = policies(number, accounts, resources)
    gc.collect()
    gc.freeze()
    index = ResourceIndex()
    indexing, step = timed(indexed(index, resources))
    matching, _ = timed(reached(index, facts, MODES[mode]))
    counted: Counter[str] = Counter()
    findings, longest = timed(found(index, facts, MODES[mode], counted))
    return {
        "size": size, "mode": mode, "index s": indexing, "matching s": matching, "findings s": findings,
        "step ms": 1000 * max(step.wall, longest.wall), "step CPU ms": 1000 * max(step.cpu, longest.cpu), "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **counted,
    }  # fmt: skip


def indexed(index: ResourceIndex, resources: Estate) -> Iterator[None]:
    for account, owned in resources.items():
        pages = iter(owned)
        while page := list(islice(pages, PAGE)):
            index.add(account, page)
            yield
        yield from index.sort()


def reached(index: ResourceIndex, facts: dict[str, list[PolicyFact]], options: AnalysisLimits) -> Iterator[None]:
    for account, owned in facts.items():
        permissions = Permissions(Account(account), index, options, Services(account), Counter())
        for policy in owned:
            permissions.reached(policy, "Allow", read(policy.document, "identity").statements)
            yield


def found(
    index: ResourceIndex, facts: dict[str, list[PolicyFact]], options: AnalysisLimits, counted: Counter[str]
) -> Iterator[None]:
    for account, owned in facts.items():
        permissions = Permissions(Account(account), index, options, Services(account), Counter())
        for step in permissions.steps(owned):
            counted.update(map(kind, step))
            yield


def kind(finding: object) -> str:
    if isinstance(finding, Relationship):
        return {"aws_account": "to account"}.get(
            finding.target_type, "to service" if ":service:" in finding.target_key else "to resource"
        )
    return "mapped" if isinstance(finding, MappedRelationship) else "other"


def timed(steps: Iterator[None]) -> tuple[float, Longest]:
    """The wall time of all steps, and the longest step."""
    start = previous = time.perf_counter()
    used = time.process_time()
    longest = Longest(0.0, 0.0)
    for _ in steps:
        now, cpu = time.perf_counter(), time.process_time()
        longest = Longest(max(longest.wall, now - previous), max(longest.cpu, cpu - used))
        previous, used = now, cpu
    return time.perf_counter() - start, longest


# The reference ---------------------------------------------------------------------------------------------


def compare() -> dict[str, Any]:
    """Compares the index with one regular expression per statement and resource, on a sample of the small size.

    Both find the resources that statements reach by name. Relationships to a service or the account are excluded.
    """
    number, amount, many = SIZES["small"]
    accounts = [f"{100_000_000_000 + 7919 * each:012d}" for each in range(many)]
    resources = estate(amount, accounts)
    facts = policies(number, accounts, resources)
    pairs = sum(len(owned) * len(resources[account]) for account, owned in facts.items())
    start = time.perf_counter()
    services()
    loading = time.perf_counter() - start
    forms("")  # Loads the authorization reference, which both need, outside of the measurement.
    index = ResourceIndex()
    indexing = timed(indexed(index, resources))[0]
    matching = timed(reached(index, facts, MODES["uncapped"]))[0]
    sample = {account: owned[: SAMPLE // many] for account, owned in facts.items()}
    sampled = sum(len(owned) * len(resources[account]) for account, owned in sample.items())
    start = time.perf_counter()
    slow = {
        policy.key: tried(policy, account, resources[account]) for account, owned in sample.items() for policy in owned
    }
    reference = time.perf_counter() - start
    fast = {policy.key: looked_up(policy, account, index) for account, owned in sample.items() for policy in owned}
    return {
        "load ms": 1000 * loading, "pairs": pairs, "index ns/pair": 1e9 * indexing / pairs, "matching ns/pair": 1e9 * matching / pairs,
        "sample pairs": sampled, "reference ns/pair": 1e9 * reference / sampled,
        "found": sum(map(len, fast.values())), "same": fast == slow,
        "ratio": (reference / sampled) / (matching / pairs),
        "ratio with index": (reference / sampled) / ((indexing + matching) / pairs),
    }  # fmt: skip


def looked_up(policy: PolicyFact, account: str, index: ResourceIndex) -> set[tuple[str, int]]:
    """The resources that the index finds in the policy's account, each with the index of a statement."""
    assert not isinstance(policy.document, str)
    statements = read(policy.document, "identity").statements
    permissions = Permissions(Account(account), index, MODES["uncapped"], Services(account), Counter())
    found = permissions.reached(policy, "Allow", statements).resources
    grants = (grant for (_, owner), group in found.items() if owner == account for grant in group.grants)
    return {(key, statements.index(grant.statement)) for grant in grants for key in grant.target.keys}


def tried(policy: PolicyFact, account: str, resources: list[tuple[str, str]]) -> set[tuple[str, int]]:
    """The same by matching every statement's expression against every resource of the account."""
    assert not isinstance(policy.document, str)
    tests = []
    for number, statement in enumerate(read(policy.document, "identity").statements):
        rule = statement.rule
        parsed = (parse(raw, PatternReader(account), variables=rule.variables) for raw in rule.resources)
        named = [each for each in parsed if each and not each.every and not (each.all_resources and each.any_region)]
        if rule.effect == "Allow" and named and not rule.not_resources:
            matchers: dict[ArnScope, Callable[[str], object]] = {}
            tests.append((number, named, statement_actions(rule).masks, matchers))
    hits = set()
    for key, type_ in resources:
        kind = arn_type(type_)
        for number, named, masks, matchers in tests:
            for scope in kind.scopes if kind else ():
                match = matchers.get(scope) or matchers.setdefault(scope, expression(named, scope))
                if match(key) and meet(masks, scope.masks):
                    hits.add((key, number))
    return hits


def expression(named: list[Pattern], scope: ArnScope) -> Callable[[str], object]:
    """A predicate for the keys that one of the patterns matches in this ARN scope."""
    texts = []
    for each in named:
        if each.service in scope.services:
            place = (
                (each.partition, "*", each.region, "")
                if scope.other_service
                else (each.partition, each.service, each.region, each.account)
            )
            texts += [":".join(("arn", *place, parent)) for parent in scope.parents(each.tail)]
    return re.compile("|".join(map(translated, texts)) if texts else r"(?!)").match


def translated(pattern: str) -> str:
    return "".join(".*" if each == "*" else "." if each == "?" else re.escape(each) for each in pattern) + r"\Z"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--row", nargs=2, metavar=("SIZE", "MODE"), help="one row, as JSON")
    parser.add_argument("--compare", action="store_true", help="the comparison, as JSON")
    parser.add_argument("--size", choices=SIZES, action="append", help="only these sizes (repeatable)")
    arguments = parser.parse_args()
    if arguments.row:
        print(json.dumps(measure(*arguments.row)))
    elif arguments.compare:
        print(json.dumps(compare()))
    else:
        return table(arguments.size or list(SIZES))
    return 0


def table(sizes: list[str]) -> int:
    met = True
    for size in sizes:
        for mode in MODES:
            row = run("--row", size, mode)
            print("  ".join(f"{name} {shown(value)}" for name, value in row.items()))
            met &= row["matching s"] <= LIMITS[size] and row["peak MB"] <= LIMIT_MB
    print("  ".join(f"{name} {shown(value)}" for name, value in run("--compare").items()))
    return 0 if met else 1


def run(*arguments: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def shown(value: object) -> str:
    return f"{value:,.3g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    sys.exit(main())
