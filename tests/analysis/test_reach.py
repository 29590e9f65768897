"""The targets that a statement reaches: one row for each rule and each pitfall of the policy language."""

from __future__ import annotations

from typing import Any

import pytest

from tests.analysis.estate import C, allowed

F = "arn:aws:lambda:us-east-1:A:function:f"
GROUP = "arn:aws:logs:us-east-1:A:log-group:/aws/lambda/f"
TABLE = "arn:aws:dynamodb:us-east-1:A:table/orders"
JOBS = "arn:aws:sqs:us-east-1:A:jobs"

# case | statement | targets
TABLES = {
    "actions": f"""
    an action is allowed on a resource of its type | s3:ListBucket on arn:aws:s3:::app | app
    action names are case-insensitive | s3:listbucket on arn:aws:s3:::app | app
    service prefixes are case-insensitive | S3:ListBucket on arn:aws:s3:::app | app
    a wildcard can be anywhere in a name | s3:*tBuck* on arn:aws:s3:::app | app
    a question mark matches one character | s3:ListBucke? on arn:aws:s3:::app | app
    a question mark does not match an empty text | s3:DeleteBucket? on arn:aws:s3:::app |
    the service can be a wildcard | *:ListBucket on arn:aws:s3:::app | app
    all actions on one bucket | * on arn:aws:s3:::app | app
    an action of another type grants nothing | s3:GetObject on arn:aws:s3:::app |
    an action of another service grants nothing | sqs:SendMessage on arn:aws:s3:::app |
    an action without resource types grants nothing on an ARN | s3:ListAllMyBuckets on arn:aws:s3:::app |
    a describe action grants nothing on an ARN | ec2:DescribeInstances on arn:aws:ec2:us-east-1:A:instance/i-1 |
    a describe action is allowed on * | ec2:DescribeInstances on * | aws_ec2
    actions of SSM apply to instances | ssm:StartSession on arn:aws:ec2:us-east-1:A:instance/i-1 | i-1
    actions of EBS apply to snapshots | ebs:GetSnapshotBlock on arn:aws:ec2:us-east-1::snapshot/snap-1 | snap
    actions of EventBridge apply to keys | events:CreateArchive on arn:aws:kms:us-east-1:A:key/1234 | key
    actions of STS apply to roles | sts:AssumeRole on arn:aws:iam::A:role/admin | admin
    passing a role is allowed on the role | iam:PassRole on arn:aws:iam::A:role/ci/deploy | deploy
    an action newer than the reference applies to its service | s3:FutureAction on arn:aws:s3:::app | app
    an action newer than the reference does not apply to another service | s3:FutureAction on {JOBS} |
    a wildcard without a match grants nothing | s3:Future* on arn:aws:s3:::app |
    a service newer than the reference | futuresvc:Do on * | aws_futuresvc
    all actions of a service newer than the reference | future-svc-x:* on * | aws_futuresvc_x
    an invalid prefix is ignored | no/service:Do on * |
    an action without a name is ignored | s3: on * |
    two actions, two types | s3:ListBucket,sqs:SendMessage on arn:aws:s3:::app,{JOBS} | app jobs
    """,
    "spelling of ARNs": """
    resource names are case-sensitive | s3:ListBucket on arn:aws:s3:::App |
    role names are case-sensitive | iam:PassRole on arn:aws:iam::A:role/Admin |
    ARN services are case-sensitive | s3:ListBucket on arn:aws:S3:::app |
    regions are case-sensitive | sqs:SendMessage on arn:aws:sqs:US-EAST-1:A:jobs |
    another partition does not match | s3:ListBucket on arn:aws-cn:s3:::app |
    a partition can be a wildcard | s3:ListBucket on arn:*:s3:::app | app
    a partition can contain a wildcard | s3:ListBucket on arn:aws*:s3:::app | app
    brackets are no wildcards | s3:ListBucket on arn:aws:s3:::ap[p] |
    a text that is not an ARN matches nothing | s3:ListBucket on app |
    a short ARN that ends with a wildcard is completed | sqs:SendMessage on arn:aws:sqs:* | aws_sqs
    a short ARN with a region | sqs:SendMessage on arn:aws:sqs:us-east-1:* | jobs jobs-dlq
    a short ARN is completed | sqs:SendMessage on arn:aws:sqs | aws_sqs
    five segments match nothing | sqs:SendMessage on arn:aws:sqs:*:jobs |
    a wildcard in the service matches nothing | s3:ListBucket on arn:aws:s?:::app |
    a wildcard service in one account matches nothing | sqs:SendMessage on arn:aws:*:us-east-1:A:jobs |
    arn:aws:* is everything | s3:ListBucket on arn:aws:* | aws_s3
    an ARN of wildcards is everything | s3:ListBucket on arn:aws:*:*:*:* | aws_s3
    two asterisks are one | s3:ListBucket on ** | aws_s3
    an empty resource part matches nothing | s3:ListBucket on arn:aws:s3::: |
    """,
    "wildcards": """
    an asterisk at the end | s3:ListBucket on arn:aws:s3:::app* | app app-logs app-A
    an asterisk at the front | s3:ListBucket on arn:aws:s3:::*logs | app-logs
    an asterisk within | s3:ListBucket on arn:aws:s3:::a*t | audit
    an asterisk can match an empty text | s3:ListBucket on arn:aws:s3:::ap*p | app
    each question mark matches one character | s3:ListBucket on arn:aws:s3:::??? | app
    a question mark at the end | s3:ListBucket on arn:aws:s3:::ap? | app
    a question mark needs a character | s3:ListBucket on arn:aws:s3:::app? |
    an asterisk matches slashes | iam:PassRole on arn:aws:iam::A:role/*deploy | deploy
    a path | iam:PassRole on arn:aws:iam::A:role/ci/* | deploy
    regions can be wildcards | lambda:InvokeFunction on arn:aws:lambda:*:A:function:f | f f-eu
    regions can contain wildcards | sqs:SendMessage on arn:aws:sqs:us-*:A:jobs* | jobs jobs-dlq
    one region | lambda:InvokeFunction on arn:aws:lambda:eu-west-1:A:function:f | f-eu
    another region | lambda:InvokeFunction on arn:aws:lambda:ap-south-1:A:function:f |
    the type can be a wildcard | ec2:* on arn:aws:ec2:*:A:*/i-1 | i-1
    the type can be a wildcard between colons | rds:* on arn:aws:rds:*:A:*:shop | db cluster
    a wildcard account also matches the type | lambda:InvokeFunction on arn:aws:lambda:us-east-1:*:f | f
    an exact account does not match the type | lambda:InvokeFunction on arn:aws:lambda:us-east-1:A:f |
    a wildcard after the name of the type | ec2:RunInstances on arn:aws:ec2:us-east-1:A:security-group*/* | sg
    a wildcard for a version | ecs:RunTask on arn:aws:ecs:us-east-1:A:task-definition/web:* | task
    """,
    "accounts": f"""
    the own account | sqs:SendMessage on arn:aws:sqs:us-east-1:A:jobs | jobs
    a wildcard account matches the own account | sqs:SendMessage on arn:aws:sqs:us-east-1:*:jobs | jobs
    a wildcard account does not match another collected account | sqs:SendMessage on arn:aws:sqs:us-east-1:*:b-jobs |
    an account pattern that matches the own account | sqs:SendMessage on arn:aws:sqs:us-east-1:11111111111?:jobs | jobs
    an account pattern that does not match the own account | sqs:SendMessage on arn:aws:sqs:us-east-1:2*:b-jobs |
    an empty account for a type with one | sqs:SendMessage on arn:aws:sqs:us-east-1::jobs |
    an account for a type without one | s3:ListBucket on arn:aws:s3::A:app |
    a wildcard account for a type without one | s3:ListBucket on arn:aws:s3:*:*:app | app
    another collected account | sqs:SendMessage on arn:aws:sqs:us-east-1:B:b-jobs | b-jobs
    a pattern in another collected account | sqs:* on arn:aws:sqs:*:B:* | b-jobs
    a missing resource in another collected account | sqs:SendMessage on arn:aws:sqs:us-east-1:B:gone |
    an account that was not collected | sqs:SendMessage on arn:aws:sqs:us-east-1:C:jobs | @{C}
    a role in an account that was not collected | sts:AssumeRole on arn:aws:iam::C:role/audit | @{C}
    an action without resource types in a foreign account | sqs:ListQueues on arn:aws:sqs:us-east-1:C:jobs |
    a bucket name is searched in all accounts | s3:ListBucket on arn:aws:s3:::b-bucket | b-bucket
    objects are searched in all accounts | s3:GetObject on arn:aws:s3:::b-bucket/* | b-bucket
    a bucket pattern is limited to the own account | s3:ListBucket on arn:aws:s3:::b-* |
    images have no account | ec2:RunInstances on arn:aws:ec2:us-east-1::image/ami-1 | ami
    images with any account | ec2:RunInstances on arn:aws:ec2:us-east-1:*:image/ami-1 | ami
    images with an account | ec2:RunInstances on arn:aws:ec2:us-east-1:A:image/ami-1 |
    zones have neither region nor account | route53:GetHostedZone on arn:aws:route53:::hostedzone/Z1 | zone
    AWS's own policies | iam:GetPolicy on arn:aws:iam::aws:policy/ReadOnlyAccess | ReadOnly
    a wildcard account does not match AWS | iam:GetPolicy on arn:aws:iam::*:policy/ReadOnlyAccess |
    an empty region for a type with one | sqs:SendMessage on arn:aws:sqs::A:jobs |
    a wildcard region for a type without one | iam:PassRole on arn:aws:iam:*:A:role/admin | admin
    a region for a type without one | iam:PassRole on arn:aws:iam:us-east-1:A:role/admin |
    the account itself | account:GetContactInformation on arn:aws:account::A:account | account
    """,
    "everything": """
    all actions on everything | * on * | account
    all actions of all services | *:* on * | account
    all actions of a service | s3:* on * | aws_s3
    two services | s3:Get*,sqs:SendMessage on * | aws_s3 aws_sqs
    a first hyphen is left out of the service's name | cognito-idp:ListUsers on * | aws_cognitoidp
    further hyphens become underscores | eks-mcp:*,route53-recovery-control-config:* on * | aws_eksmcp aws_route53recovery_control_config
    events and logs belong to CloudWatch | events:PutEvents,logs:DescribeLogGroups on * | aws_cloudwatch_events aws_cloudwatch_logs
    the account entity represents the account service | account:Get*,iam:ListUsers on * | account aws_iam
    states are Step Functions | states:ListStateMachines on * | aws_stepfunctions
    the collected service represents its prefix | elasticfilesystem:*,es:*,wafv2:* on * | aws_efs aws_elasticsearch aws_waf_v2
    NotAction on everything | not iam:* on * | account
    NotAction with all actions | not * on * |
    NotAction on a resource | not s3:DeleteBucket on arn:aws:s3:::app | app
    NotAction with all actions of the type | not s3:*,ssm:* on arn:aws:s3:::app |
    NotResource | s3:* on not arn:aws:s3:::audit | aws_s3
    all actions by NotResource | * on not arn:aws:s3:::audit | account
    NotAction and NotResource | not iam:* on not arn:aws:s3:::audit | account
    """,
    "all resources of services and types": f"""
    all buckets | s3:ListBucket on arn:aws:s3:::* | aws_s3
    all objects of all buckets | s3:GetObject on arn:aws:s3:::*/* | aws_s3
    all log groups and streams | logs:PutLogEvents on arn:aws:logs:*:*:* | aws_cloudwatch_logs
    all queues of the account | sqs:* on arn:aws:sqs:*:A:* | aws_sqs
    all queues of one region are expanded | sqs:* on arn:aws:sqs:us-east-1:A:* | jobs jobs-dlq
    all queues of a foreign account | sqs:* on arn:aws:sqs:*:C:* | @{C}
    an action without resource types on all queues | sqs:ListQueues on arn:aws:sqs:*:*:* |
    all queues with an empty account match nothing | sqs:* on arn:aws:sqs:*::* |
    actions of another service on all resources of a service | ssm:StartSession on arn:aws:ec2:*:*:* | aws_ssm
    all actions on all buckets | * on arn:aws:s3:::* | aws_s3 aws_ssm
    all paths of API Gateway | apigateway:GET on arn:aws:apigateway:*::/* | aws_apigateway
    all instances | ec2:StopInstances on arn:aws:ec2:*:*:instance/* | aws_ec2
    all instances, by an action of SSM | ssm:StartSession on arn:aws:ec2:*:A:instance/* | aws_ec2
    all instances of a region are expanded | ec2:StopInstances on arn:aws:ec2:us-east-1:A:instance/* | i-1
    all instances by a prefix of their ids are expanded | ec2:StopInstances on arn:aws:ec2:*:A:instance/i-* | i-1 i-2
    all keys | kms:Decrypt on arn:aws:kms:*:A:key/* | aws_kms
    all log groups | logs:CreateLogGroup on arn:aws:logs:*:*:log-group:* | aws_cloudwatch_logs
    all streams of all groups | logs:PutLogEvents on arn:aws:logs:*:*:log-group:*:log-stream:* | aws_cloudwatch_logs
    all functions | lambda:InvokeFunction on arn:aws:lambda:*:*:function:* | aws_lambda
    all tables | dynamodb:GetItem on arn:aws:dynamodb:*:*:table/* | aws_dynamodb
    all indexes of all tables | dynamodb:Query on arn:aws:dynamodb:*:*:table/*/index/* | aws_dynamodb
    all stacks | cloudformation:DeleteStack on arn:aws:cloudformation:*:*:stack/*/* | aws_cloudformation
    all load balancers | elasticloadbalancing:AddTags on arn:aws:elasticloadbalancing:*:*:loadbalancer/* | aws_elasticloadbalancing
    all roles | iam:PassRole on arn:aws:iam::*:role/* | aws_iam
    a prefix of two types | ec2:* on arn:aws:ec2:*:*:i* | aws_ec2
    a type with a wildcard after its name | ec2:* on arn:aws:ec2:*:*:security-group*/* | aws_ec2
    all resources of any type | ec2:* on arn:aws:ec2:*:*:*/* | aws_ec2
    a type that is not collected | iot:DescribeThing on arn:aws:iot:*:*:thing/* | aws_iot
    some resources of a type that is not collected | secretsmanager:GetSecretValue on arn:aws:secretsmanager:*:*:secret:prod-* |
    all resources of a type by an action of another type | ec2:CreateVpc on arn:aws:ec2:*:*:instance/* |
    all images with an account match nothing | ec2:RunInstances on arn:aws:ec2:*:A:image/* |
    invoking all APIs | execute-api:Invoke on arn:aws:execute-api:*:*:* | aws_executeapi
    one stage of all APIs | execute-api:Invoke on arn:aws:execute-api:*:A:*/prod/* | aws_executeapi
    """,
    "child resources": f"""
    the objects of a bucket | s3:GetObject on arn:aws:s3:::app/* | app
    some objects of a bucket | s3:GetObject on arn:aws:s3:::app/logs/* | app
    one object | s3:GetObject on arn:aws:s3:::app/index.html | app
    the objects of two buckets | s3:GetObject on arn:aws:s3:::app-*/* | app-logs app-A
    the bucket name ends at the first slash | s3:GetObject on arn:aws:s3:::*-logs/* | app-logs
    an asterisk after the bucket name matches objects | s3:GetObject on arn:aws:s3:::app* | app app-logs app-A
    a bucket action does not apply to objects | s3:ListBucket on arn:aws:s3:::app/* |
    a bucket and its objects | s3:* on arn:aws:s3:::app,arn:aws:s3:::app/* | app
    the streams of a group | logs:PutLogEvents on {GROUP}:* | group-f
    one stream of a group | logs:PutLogEvents on {GROUP}:log-stream:2026 | group-f
    the ARN of a group does not match its streams | logs:PutLogEvents on {GROUP} |
    a group by its ARN | logs:CreateLogGroup on {GROUP} | group-f
    a group by its ARN with an asterisk | logs:CreateLogGroup on {GROUP}:* | group-f
    a group action does not apply to streams | logs:CreateLogGroup on {GROUP}:log-stream:* |
    the streams of groups by a pattern | logs:PutLogEvents on arn:aws:logs:us-east-1:A:log-group:/aws/* | group-f
    the indexes of a table | dynamodb:Query on {TABLE}/index/* | orders
    one index of a table | dynamodb:Query on {TABLE}/index/by-date | orders
    a table action does not apply to indexes | dynamodb:GetItem on {TABLE}/index/* |
    the streams of a table | dynamodb:GetRecords on {TABLE}/stream/* | orders
    a stream action does not apply to indexes | dynamodb:GetRecords on {TABLE}/index/* |
    all child resources of a table | dynamodb:GetRecords on {TABLE}/* | orders
    the indexes of two tables | dynamodb:Query on arn:aws:dynamodb:us-east-1:A:table/*s/index/* | carts orders
    an alias of a function | lambda:InvokeFunction on {F}:prod | f
    all versions of a function | lambda:InvokeFunction on {F}:* | f
    the paths of a domain | es:ESHttpGet on arn:aws:es:us-east-1:A:domain/search/* | search
    the domain itself | es:UpdateDomainConfig on arn:aws:es:us-east-1:A:domain/search | search
    the paths of a REST API | apigateway:GET on arn:aws:apigateway:us-east-1::/restapis/r1/* | rest
    the REST API itself | apigateway:POST on arn:aws:apigateway:us-east-1::/restapis/r1 | rest
    the paths of an HTTP API are also routes | apigateway:PATCH on arn:aws:apigateway:us-east-1::/apis/h1/* | http route
    invoking a REST API | execute-api:Invoke on arn:aws:execute-api:us-east-1:A:r1/prod/GET/pets | rest
    invoking an HTTP API | execute-api:Invoke on arn:aws:execute-api:us-east-1:A:h1/* | http
    invoking an API in a wildcard account | execute-api:Invoke on arn:aws:execute-api:us-east-1:*:r1/* | rest
    invoking an API in a foreign account | execute-api:Invoke on arn:aws:execute-api:us-east-1:C:r1/* | @{C}
    invoking an API requires an account | execute-api:Invoke on arn:aws:execute-api:us-east-1::r1/* |
    invoking an API in another region | execute-api:Invoke on arn:aws:execute-api:eu-west-1:A:r1/* |
    a repository name contains slashes | ecr:GetDownloadUrlForLayer on arn:aws:ecr:us-east-1:A:repository/team/* | repo
    """,
    "variables": """
    an unresolved variable matches everything | iam:GetUser on arn:aws:iam::*:user/${aws:username} | aws_iam
    a part of a name can be an unresolved variable | s3:ListBucket on arn:aws:s3:::app-${aws:PrincipalTag/team} | app-logs app-A
    the account of the principal is resolved | s3:ListBucket on arn:aws:s3:::app-${aws:PrincipalAccount} | app-A
    the account of the resource is resolved | s3:ListBucket on arn:aws:s3:::app-${aws:ResourceAccount} | app-A
    variable names are case-insensitive | s3:ListBucket on arn:aws:s3:::app-${AWS:principalaccount} | app-A
    a variable can be at the start of a name | s3:ListBucket on arn:aws:s3:::${aws:PrincipalTag/x}udit | audit
    a variable below the bucket | s3:GetObject on arn:aws:s3:::home/${aws:username}/* | home
    an escaped asterisk is literal | s3:ListBucket on arn:aws:s3:::app${*} |
    an escaped question mark is literal | s3:ListBucket on arn:aws:s3:::ap${?} |
    an escaped dollar is literal | s3:ListBucket on arn:aws:s3:::app${$} |
    an escaped asterisk below the bucket | s3:GetObject on arn:aws:s3:::app/${*}x/* | app
    an unclosed variable is literal | s3:ListBucket on arn:aws:s3:::app${aws:username |
    """,
}  # fmt: skip


def cases() -> list[Any]:
    found = []
    for group, table in TABLES.items():
        for line in table.strip().split("\n"):
            label, text, targets = (part.strip() for part in line.split("|"))
            found.append(pytest.param(text, set(targets.split()), id=f"{group}: {label}"))
    return found


@pytest.mark.parametrize(("text", "targets"), cases())
def test_a_statement_reaches_exactly_its_targets(text, targets):
    assert set(allowed(f"Allow {text}")) == targets


@pytest.mark.parametrize("version", ["2008-10-17", None])
def test_variables_are_literal_text_in_old_documents(version):
    assert allowed("Allow iam:GetUser on arn:aws:iam::A:user/${aws:username}", version=version) == {}


def test_the_user_name_is_resolved_in_an_inline_user_policy():
    assert set(allowed("Allow iam:GetUser on arn:aws:iam::A:user/${aws:username}", user="ada")) == {"ada"}
