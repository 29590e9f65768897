"""A small estate of two collected accounts, and the notation of the test tables: statements as text, targets by short names.

A statement has the form `Allow <actions> on <resources>`; lists are separated by commas. The prefix `not` makes them a NotAction or
NotResource, and the suffix `when <operator> <key> <value>` is a condition. In ARNs, `:A:` stands for the analysed account, `:B:`
for another collected account, and `:C:` for an account that was not collected.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from collector.analysis.facts import Account, AnalysisLimits, PolicyFact
from collector.analysis.matching import ResourceIndex
from collector.analysis.permissions import Permissions
from collector.analysis.results import MappedRelationship, Relationship, Result
from collector.analysis.services import Services

A, B, C = "111111111111", "222222222222", "333333333333"
VERSION = "2012-10-17"

OWN = """
account aws_account iam::A:root
app aws_s3_bucket s3:::app
app-logs aws_s3_bucket s3:::app-logs
audit aws_s3_bucket s3:::audit
home aws_s3_bucket s3:::home
app-A aws_s3_bucket s3:::app-111111111111
f aws_lambda_function lambda:us-east-1:A:function:f
f-eu aws_lambda_function lambda:eu-west-1:A:function:f
group-f aws_cloudwatch_log_group logs:us-east-1:A:log-group:/aws/lambda/f
group-web aws_cloudwatch_log_group logs:eu-west-1:A:log-group:/ecs/web
orders aws_dynamodb_table dynamodb:us-east-1:A:table/orders
carts aws_dynamodb_table dynamodb:us-east-1:A:table/carts
jobs aws_sqs_queue sqs:us-east-1:A:jobs
jobs-dlq aws_sqs_queue sqs:us-east-1:A:jobs-dlq
jobs-eu aws_sqs_queue sqs:eu-west-1:A:jobs
alerts aws_sns_topic sns:us-east-1:A:alerts
key aws_kms_key kms:us-east-1:A:key/1234
i-1 aws_instance ec2:us-east-1:A:instance/i-1
i-2 aws_instance ec2:eu-west-1:A:instance/i-2
vol aws_ebs_volume ec2:us-east-1:A:volume/vol-1
sg aws_security_group ec2:us-east-1:A:security-group/sg-1
ami aws_ami ec2:us-east-1::image/ami-1
snap aws_ebs_snapshot ec2:us-east-1::snapshot/snap-1
admin aws_iam_role iam::A:role/admin
deploy aws_iam_role iam::A:role/ci/deploy
ada aws_iam_user iam::A:user/ada
bob aws_iam_user iam::A:user/team/bob
devs aws_iam_group iam::A:group/devs
sso aws_iam_role iam::A:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1
linked aws_iam_role iam::A:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS
custom aws_iam_policy iam::A:policy/custom
ReadOnly aws_iam_policy iam::aws:policy/ReadOnlyAccess
saml aws_iam_saml_provider iam::A:saml-provider/corp
github aws_iam_oidc_provider iam::A:oidc-provider/token.actions.githubusercontent.com
rest aws_api_gateway_rest_api apigateway:us-east-1::/restapis/r1
http aws_api_gateway_v2_api apigateway:us-east-1::/apis/h1
route aws_api_gateway_v2_route apigateway:us-east-1::/apis/h1/routes/x1
search aws_elasticsearch_domain es:us-east-1:A:domain/search
db aws_db_instance rds:us-east-1:A:db:shop
cluster aws_rds_cluster rds:us-east-1:A:cluster:shop
files aws_efs_file_system elasticfilesystem:us-east-1:A:file-system/fs-1
repo aws_ecr_repository ecr:us-east-1:A:repository/team/api
alb aws_alb elasticloadbalancing:us-east-1:A:loadbalancer/app/web/50dc
nlb aws_nlb elasticloadbalancing:us-east-1:A:loadbalancer/net/tcp/60dc
elb aws_elb elasticloadbalancing:us-east-1:A:loadbalancer/classic
stack aws_cloudformation_stack cloudformation:us-east-1:A:stack/web/aaaa
zone aws_route53_zone route53:::hostedzone/Z1
task aws_ecs_task_definition ecs:us-east-1:A:task-definition/web:7
"""
OTHERS = """
b-account aws_account iam::B:root
b-bucket aws_s3_bucket s3:::b-bucket
b-jobs aws_sqs_queue sqs:us-east-1:B:b-jobs
b-role aws_iam_role iam::B:role/x/b-role
b-user aws_iam_user iam::B:user/b-user
b-sg aws_security_group ec2:us-east-1:B:security-group/sg-b
"""


def with_account_ids(text: str) -> str:
    """Replace the letters of the accounts by their ids."""
    for letter, id_ in (("A", A), ("B", B), ("C", C)):
        text = text.replace(f":{letter}:", f":{id_}:")
    return text


def rows(table: str) -> dict[str, tuple[str, str]]:
    split = (line.split() for line in table.strip().split("\n"))
    return {name: (with_account_ids(f"arn:aws:{arn}"), type_) for name, type_, arn in split}


RESOURCES = rows(OWN)
KEYS = {key: name for name, (key, _) in (RESOURCES | rows(OTHERS)).items()}


def indexed() -> ResourceIndex:
    index = ResourceIndex()
    index.add(A, RESOURCES.values())
    index.add(B, rows(OTHERS).values())
    return index


INDEX = indexed()


def statement(text: str) -> dict[str, Any]:
    """Parse a statement in the notation."""
    text, _, condition = with_account_ids(text).partition(" when ")
    effect, rest = text.split(" ", 1)
    actions, resources = rest.split(" on ")
    result: dict[str, Any] = {"Effect": effect}
    for name, listed in (("Action", actions), ("Resource", resources)):
        negated = listed.startswith("not ")
        values = listed.removeprefix("not ").split(",")
        result[f"Not{name}" if negated else name] = values if len(values) > 1 else values[0]
    if condition:
        operator, key, value = condition.split(" ", 2)
        result["Condition"] = {operator: {key: value}}
    return result


def document(*statements: str, version: str | None = VERSION) -> dict[str, Any]:
    """Build a policy document from statements in the notation."""
    return {**({"Version": version} if version else {}), "Statement": list(map(statement, statements))}


def findings(
    fact: PolicyFact, options: AnalysisLimits | None = None, index: ResourceIndex = INDEX
) -> tuple[list[Result], Counter[str]]:
    """Return the findings of one policy of account A, and its counts."""
    counts: Counter[str] = Counter()
    permissions = Permissions(Account(A), index, options or AnalysisLimits(), Services(A), counts)
    return list(permissions.findings(fact)), counts


def allowed(
    *statements: str, version: str | None = VERSION, user: str | None = None, options: AnalysisLimits | None = None
) -> dict[str, dict[str, Any]]:
    """Return the properties of the relationships of a policy, by the short names of their targets."""
    fact = PolicyFact("policy", "aws_iam_policy", document(*statements, version=version), None, user)
    found, _ = findings(fact, options)
    return {name(each): dict(each.properties) for each in found if isinstance(each, Relationship | MappedRelationship)}


def name(link: Relationship | MappedRelationship) -> str:
    """Return the short name of a target: a resource's name in the estate, a service's type, or `@` and the id of a foreign account."""
    if isinstance(link, MappedRelationship):
        return f"@{link.target['accountId']}"
    return link.target_type if ":service:" in link.target_key else KEYS[link.target_key]
