"""Which targets a statement reaches: one row for each rule and each trap of the policy language."""

from __future__ import annotations

from typing import Any

import pytest

from tests.analysis.estate import C, allowed

F = "arn:aws:lambda:us-east-1:A:function:f"
GROUP = "arn:aws:logs:us-east-1:A:log-group:/aws/lambda/f"
TABLE = "arn:aws:dynamodb:us-east-1:A:table/orders"
JOBS = "arn:aws:sqs:us-east-1:A:jobs"

# What is being said | the statement | the targets
TABLES = {
    "actions": f"""
    an action is allowed on a resource of its type | s3:ListBucket on arn:aws:s3:::app | app
    action names have no case | s3:listbucket on arn:aws:s3:::app | app
    service prefixes have no case | S3:ListBucket on arn:aws:s3:::app | app
    a wildcard stands anywhere in a name | s3:*tBuck* on arn:aws:s3:::app | app
    a question mark is one character | s3:ListBucke? on arn:aws:s3:::app | app
    a question mark is not none | s3:DeleteBucket? on arn:aws:s3:::app |
    the service may be a wildcard | *:ListBucket on arn:aws:s3:::app | app
    all actions on one bucket | * on arn:aws:s3:::app | app
    an action of another type grants nothing | s3:GetObject on arn:aws:s3:::app |
    an action of another service grants nothing | sqs:SendMessage on arn:aws:s3:::app |
    an action only for * grants nothing on an ARN | s3:ListAllMyBuckets on arn:aws:s3:::app |
    a describe action grants nothing on an ARN | ec2:DescribeInstances on arn:aws:ec2:us-east-1:A:instance/i-1 |
    a describe action is allowed on * | ec2:DescribeInstances on * | aws_ec2
    actions of SSM apply to instances | ssm:StartSession on arn:aws:ec2:us-east-1:A:instance/i-1 | i-1
    actions of EBS apply to snapshots | ebs:GetSnapshotBlock on arn:aws:ec2:us-east-1::snapshot/snap-1 | snap
    actions of EventBridge apply to keys | events:CreateArchive on arn:aws:kms:us-east-1:A:key/1234 | key
    actions of STS apply to roles | sts:AssumeRole on arn:aws:iam::A:role/admin | admin
    passing a role is allowed on the role | iam:PassRole on arn:aws:iam::A:role/ci/deploy | deploy
    an action newer than the reference counts on its service | s3:FutureAction on arn:aws:s3:::app | app
    but not on another service | s3:FutureAction on {JOBS} |
    a wildcard that finds no action grants nothing | s3:Future* on arn:aws:s3:::app |
    a service newer than the reference | futuresvc:Do on * | aws_futuresvc
    all actions of a service newer than the reference | future-svc-x:* on * | aws_futuresvc-x
    a prefix that is no service is ignored | no/service:Do on * |
    an action without a name is ignored | s3: on * |
    several actions, several types | s3:ListBucket,sqs:SendMessage on arn:aws:s3:::app,{JOBS} | app jobs
    """,
    "spelling of ARNs": """
    names have case | s3:ListBucket on arn:aws:s3:::App |
    role names have case | iam:PassRole on arn:aws:iam::A:role/Admin |
    services have case | s3:ListBucket on arn:aws:S3:::app |
    regions have case | sqs:SendMessage on arn:aws:sqs:US-EAST-1:A:jobs |
    another partition is elsewhere | s3:ListBucket on arn:aws-cn:s3:::app |
    a partition may be a wildcard | s3:ListBucket on arn:*:s3:::app | app
    a partition may be partly one | s3:ListBucket on arn:aws*:s3:::app | app
    brackets are no wildcards | s3:ListBucket on arn:aws:s3:::ap[p] |
    what is no ARN names nothing | s3:ListBucket on app |
    a short ARN behind a wildcard is filled up | sqs:SendMessage on arn:aws:sqs:* | aws_sqs
    a short ARN with a region | sqs:SendMessage on arn:aws:sqs:us-east-1:* | jobs jobs-dlq
    a short ARN without a wildcard names nothing | sqs:SendMessage on arn:aws:sqs |
    five segments name nothing | sqs:SendMessage on arn:aws:sqs:*:jobs |
    a wildcard service names nothing | s3:ListBucket on arn:aws:s?:::app |
    a wildcard service on one account names nothing | sqs:SendMessage on arn:aws:*:us-east-1:A:jobs |
    arn:aws:* is everything | s3:ListBucket on arn:aws:* | aws_s3
    an ARN of wildcards is everything | s3:ListBucket on arn:aws:*:*:*:* | aws_s3
    two asterisks are one | s3:ListBucket on ** | aws_s3
    an empty resource names nothing | s3:ListBucket on arn:aws:s3::: |
    """,
    "wildcards": """
    an asterisk at the end | s3:ListBucket on arn:aws:s3:::app* | app app-logs app-A
    an asterisk at the front | s3:ListBucket on arn:aws:s3:::*logs | app-logs
    an asterisk within | s3:ListBucket on arn:aws:s3:::a*t | audit
    an asterisk may be nothing | s3:ListBucket on arn:aws:s3:::ap*p | app
    question marks are characters | s3:ListBucket on arn:aws:s3:::??? | app
    a question mark at the end | s3:ListBucket on arn:aws:s3:::ap? | app
    a question mark needs a character | s3:ListBucket on arn:aws:s3:::app? |
    an asterisk takes in slashes | iam:PassRole on arn:aws:iam::A:role/*deploy | deploy
    a path | iam:PassRole on arn:aws:iam::A:role/ci/* | deploy
    regions may be wildcards | lambda:InvokeFunction on arn:aws:lambda:*:A:function:f | f f-eu
    regions may be partly wildcards | sqs:SendMessage on arn:aws:sqs:us-*:A:jobs* | jobs jobs-dlq
    one region | lambda:InvokeFunction on arn:aws:lambda:eu-west-1:A:function:f | f-eu
    another region | lambda:InvokeFunction on arn:aws:lambda:ap-south-1:A:function:f |
    the type may be a wildcard | ec2:* on arn:aws:ec2:*:A:*/i-1 | i-1
    the type may be a wildcard between colons | rds:* on arn:aws:rds:*:A:*:shop | db cluster
    an account of wildcards takes in the type | lambda:InvokeFunction on arn:aws:lambda:us-east-1:*:f | f
    an account as it is does not | lambda:InvokeFunction on arn:aws:lambda:us-east-1:A:f |
    a wildcard behind the type's name | ec2:RunInstances on arn:aws:ec2:us-east-1:A:security-group*/* | sg
    a wildcard for a version | ecs:RunTask on arn:aws:ecs:us-east-1:A:task-definition/web:* | task
    """,
    "accounts": f"""
    the own account | sqs:SendMessage on arn:aws:sqs:us-east-1:A:jobs | jobs
    any account is the own | sqs:SendMessage on arn:aws:sqs:us-east-1:*:jobs | jobs
    any account is not another one that was collected | sqs:SendMessage on arn:aws:sqs:us-east-1:*:b-jobs |
    a pattern that fits the own account | sqs:SendMessage on arn:aws:sqs:us-east-1:11111111111?:jobs | jobs
    a pattern that does not | sqs:SendMessage on arn:aws:sqs:us-east-1:2*:b-jobs |
    no account where there is one | sqs:SendMessage on arn:aws:sqs:us-east-1::jobs |
    an account where there is none | s3:ListBucket on arn:aws:s3::A:app |
    any account where there is none | s3:ListBucket on arn:aws:s3:*:*:app | app
    another account that was collected | sqs:SendMessage on arn:aws:sqs:us-east-1:B:b-jobs | b-jobs
    patterns in another account that was collected | sqs:* on arn:aws:sqs:*:B:* | b-jobs
    nothing there in another account | sqs:SendMessage on arn:aws:sqs:us-east-1:B:gone |
    an account that was not collected | sqs:SendMessage on arn:aws:sqs:us-east-1:C:jobs | @{C}
    a role in an account that was not collected | sts:AssumeRole on arn:aws:iam::C:role/audit | @{C}
    an action only for * in a foreign account | sqs:ListQueues on arn:aws:sqs:us-east-1:C:jobs |
    a bucket's name is known everywhere | s3:ListBucket on arn:aws:s3:::b-bucket | b-bucket
    its objects too | s3:GetObject on arn:aws:s3:::b-bucket/* | b-bucket
    but a pattern is about the own buckets | s3:ListBucket on arn:aws:s3:::b-* |
    images have no account | ec2:RunInstances on arn:aws:ec2:us-east-1::image/ami-1 | ami
    images with any account | ec2:RunInstances on arn:aws:ec2:us-east-1:*:image/ami-1 | ami
    images with an account | ec2:RunInstances on arn:aws:ec2:us-east-1:A:image/ami-1 |
    zones have neither region nor account | route53:GetHostedZone on arn:aws:route53:::hostedzone/Z1 | zone
    AWS's own policies | iam:GetPolicy on arn:aws:iam::aws:policy/ReadOnlyAccess | ReadOnly
    any account is not AWS | iam:GetPolicy on arn:aws:iam::*:policy/ReadOnlyAccess |
    no region where there is one | sqs:SendMessage on arn:aws:sqs::A:jobs |
    any region where there is none | iam:PassRole on arn:aws:iam:*:A:role/admin | admin
    a region where there is none | iam:PassRole on arn:aws:iam:us-east-1:A:role/admin |
    the account itself | account:GetContactInformation on arn:aws:account::A:account | account
    """,
    "everything": """
    all actions on everything | * on * | account
    all actions of all services | *:* on * | account
    all actions of a service | s3:* on * | aws_s3
    several services | s3:Get*,sqs:SendMessage on * | aws_s3 aws_sqs
    a first hyphen is left out of the service's name | cognito-idp:ListUsers on * | aws_cognitoidp
    a second hyphen stays | eks-mcp:*,route53-recovery-control-config:* on * | aws_eksmcp aws_route53recovery-control-config
    events and logs are CloudWatch's | events:PutEvents,logs:DescribeLogGroups on * | aws_cloudwatch_events aws_cloudwatch_logs
    the account stands for its own service | account:Get*,iam:ListUsers on * | account aws_iam
    states are Step Functions | states:ListStateMachines on * | aws_stepfunctions
    the collected service stands for its prefix | elasticfilesystem:*,es:*,wafv2:* on * | aws_efs aws_elasticsearch aws_waf_v2
    all but some actions on everything | not iam:* on * | account
    all but all actions | not * on * |
    all but some actions on a resource | not s3:DeleteBucket on arn:aws:s3:::app | app
    all but those of the type | not s3:*,ssm:* on arn:aws:s3:::app |
    all but one resource | s3:* on not arn:aws:s3:::audit | aws_s3
    all actions on all but one resource | * on not arn:aws:s3:::audit | account
    all but some actions on all but one resource | not iam:* on not arn:aws:s3:::audit | account
    """,
    "whole services and types": f"""
    all buckets | s3:ListBucket on arn:aws:s3:::* | aws_s3
    all objects of all buckets | s3:GetObject on arn:aws:s3:::*/* | aws_s3
    all log groups and streams | logs:PutLogEvents on arn:aws:logs:*:*:* | aws_cloudwatch_logs
    all queues of the account | sqs:* on arn:aws:sqs:*:A:* | aws_sqs
    all queues of one region are named | sqs:* on arn:aws:sqs:us-east-1:A:* | jobs jobs-dlq
    all queues of a foreign account | sqs:* on arn:aws:sqs:*:C:* | @{C}
    an action only for * on all queues | sqs:ListQueues on arn:aws:sqs:*:*:* |
    all queues without an account are none | sqs:* on arn:aws:sqs:*::* |
    actions of another service on a whole service | ssm:StartSession on arn:aws:ec2:*:*:* | aws_ssm
    all actions on all buckets | * on arn:aws:s3:::* | aws_s3 aws_ssm
    all paths of API Gateway | apigateway:GET on arn:aws:apigateway:*::/* | aws_apigateway
    all instances | ec2:StopInstances on arn:aws:ec2:*:*:instance/* | aws_ec2
    all instances, by an action of SSM | ssm:StartSession on arn:aws:ec2:*:A:instance/* | aws_ec2
    all instances of a region are named | ec2:StopInstances on arn:aws:ec2:us-east-1:A:instance/* | i-1
    all instances by the start of their ids are named | ec2:StopInstances on arn:aws:ec2:*:A:instance/i-* | i-1 i-2
    all keys | kms:Decrypt on arn:aws:kms:*:A:key/* | aws_kms
    all log groups | logs:CreateLogGroup on arn:aws:logs:*:*:log-group:* | aws_cloudwatch_logs
    all streams of all groups | logs:PutLogEvents on arn:aws:logs:*:*:log-group:*:log-stream:* | aws_cloudwatch_logs
    all functions | lambda:InvokeFunction on arn:aws:lambda:*:*:function:* | aws_lambda
    all tables | dynamodb:GetItem on arn:aws:dynamodb:*:*:table/* | aws_dynamodb
    all indexes of all tables | dynamodb:Query on arn:aws:dynamodb:*:*:table/*/index/* | aws_dynamodb
    all stacks | cloudformation:DeleteStack on arn:aws:cloudformation:*:*:stack/*/* | aws_cloudformation
    all load balancers | elasticloadbalancing:AddTags on arn:aws:elasticloadbalancing:*:*:loadbalancer/* | aws_elasticloadbalancing
    all roles | iam:PassRole on arn:aws:iam::*:role/* | aws_iam
    the start of several types | ec2:* on arn:aws:ec2:*:*:i* | aws_ec2
    a type by a wildcard behind its name | ec2:* on arn:aws:ec2:*:*:security-group*/* | aws_ec2
    all of any type | ec2:* on arn:aws:ec2:*:*:*/* | aws_ec2
    a type that is not collected | iot:DescribeThing on arn:aws:iot:*:*:thing/* | aws_iot
    some of a type that is not collected | secretsmanager:GetSecretValue on arn:aws:secretsmanager:*:*:secret:prod-* |
    all of a type by an action of another | ec2:CreateVpc on arn:aws:ec2:*:*:instance/* |
    all images with an account are none | ec2:RunInstances on arn:aws:ec2:*:A:image/* |
    all APIs that can be run | execute-api:Invoke on arn:aws:execute-api:*:*:* | aws_executeapi
    one stage of all APIs | execute-api:Invoke on arn:aws:execute-api:*:A:*/prod/* | aws_executeapi
    """,
    "what lies below": f"""
    the objects of a bucket | s3:GetObject on arn:aws:s3:::app/* | app
    some objects of a bucket | s3:GetObject on arn:aws:s3:::app/logs/* | app
    one object | s3:GetObject on arn:aws:s3:::app/index.html | app
    the objects of several buckets | s3:GetObject on arn:aws:s3:::app-*/* | app-logs app-A
    a slash ends the bucket's name | s3:GetObject on arn:aws:s3:::*-logs/* | app-logs
    an asterisk behind the bucket takes in objects | s3:GetObject on arn:aws:s3:::app* | app app-logs app-A
    an action on buckets is not one on objects | s3:ListBucket on arn:aws:s3:::app/* |
    both | s3:* on arn:aws:s3:::app,arn:aws:s3:::app/* | app
    the streams of a group | logs:PutLogEvents on {GROUP}:* | group-f
    one stream of a group | logs:PutLogEvents on {GROUP}:log-stream:2026 | group-f
    a group has no streams in its own name | logs:PutLogEvents on {GROUP} |
    a group by its name | logs:CreateLogGroup on {GROUP} | group-f
    a group by its name and an asterisk | logs:CreateLogGroup on {GROUP}:* | group-f
    a stream is not its group | logs:CreateLogGroup on {GROUP}:log-stream:* |
    the streams of several groups | logs:PutLogEvents on arn:aws:logs:us-east-1:A:log-group:/aws/* | group-f
    the indexes of a table | dynamodb:Query on {TABLE}/index/* | orders
    one index of a table | dynamodb:Query on {TABLE}/index/by-date | orders
    an action on tables is not one on indexes | dynamodb:GetItem on {TABLE}/index/* |
    the streams of a table | dynamodb:GetRecords on {TABLE}/stream/* | orders
    indexes are not streams | dynamodb:GetRecords on {TABLE}/index/* |
    all that lies below a table | dynamodb:GetRecords on {TABLE}/* | orders
    the indexes of several tables | dynamodb:Query on arn:aws:dynamodb:us-east-1:A:table/*s/index/* | carts orders
    an alias of a function | lambda:InvokeFunction on {F}:prod | f
    all versions of a function | lambda:InvokeFunction on {F}:* | f
    the paths of a domain | es:ESHttpGet on arn:aws:es:us-east-1:A:domain/search/* | search
    the domain itself | es:UpdateDomainConfig on arn:aws:es:us-east-1:A:domain/search | search
    the paths of a REST API | apigateway:GET on arn:aws:apigateway:us-east-1::/restapis/r1/* | rest
    the REST API itself | apigateway:POST on arn:aws:apigateway:us-east-1::/restapis/r1 | rest
    the paths of an HTTP API are also routes | apigateway:PATCH on arn:aws:apigateway:us-east-1::/apis/h1/* | http route
    running a REST API | execute-api:Invoke on arn:aws:execute-api:us-east-1:A:r1/prod/GET/pets | rest
    running an HTTP API | execute-api:Invoke on arn:aws:execute-api:us-east-1:A:h1/* | http
    running it in any account is at home | execute-api:Invoke on arn:aws:execute-api:us-east-1:*:r1/* | rest
    running it elsewhere | execute-api:Invoke on arn:aws:execute-api:us-east-1:C:r1/* | @{C}
    running it needs an account | execute-api:Invoke on arn:aws:execute-api:us-east-1::r1/* |
    running it in another region | execute-api:Invoke on arn:aws:execute-api:eu-west-1:A:r1/* |
    a repository's name has slashes | ecr:GetDownloadUrlForLayer on arn:aws:ecr:us-east-1:A:repository/team/* | repo
    """,
    "variables": """
    a variable that is open stands for all | iam:GetUser on arn:aws:iam::*:user/${aws:username} | aws_iam
    a part of a name may be open | s3:ListBucket on arn:aws:s3:::app-${aws:PrincipalTag/team} | app-logs app-A
    the account is known | s3:ListBucket on arn:aws:s3:::app-${aws:PrincipalAccount} | app-A
    so is the resource's | s3:ListBucket on arn:aws:s3:::app-${aws:ResourceAccount} | app-A
    names of variables have no case | s3:ListBucket on arn:aws:s3:::app-${AWS:principalaccount} | app-A
    a variable may have a default | s3:ListBucket on arn:aws:s3:::${aws:PrincipalTag/x}udit | audit
    a variable below the bucket | s3:GetObject on arn:aws:s3:::home/${aws:username}/* | home
    an escaped asterisk is itself | s3:ListBucket on arn:aws:s3:::app${*} |
    an escaped question mark is itself | s3:ListBucket on arn:aws:s3:::ap${?} |
    an escaped dollar is itself | s3:ListBucket on arn:aws:s3:::app${$} |
    an escape below the bucket | s3:GetObject on arn:aws:s3:::app/${*}x/* | app
    a variable that is not closed is text | s3:ListBucket on arn:aws:s3:::app${aws:username |
    """,
}  # fmt: skip


def cases() -> list[Any]:
    found = []
    for group, table in TABLES.items():
        for line in table.strip().split("\n"):
            said, text, targets = (part.strip() for part in line.split("|"))
            found.append(pytest.param(text, set(targets.split()), id=f"{group}: {said}"))
    return found


@pytest.mark.parametrize(("text", "targets"), cases())
def test_a_statement_reaches_exactly_its_targets(text, targets):
    assert set(allowed(f"Allow {text}")) == targets


@pytest.mark.parametrize("version", ["2008-10-17", None])
def test_variables_are_text_in_old_documents(version):
    assert allowed("Allow iam:GetUser on arn:aws:iam::A:user/${aws:username}", version=version) == {}


def test_the_owner_of_an_inline_policy_is_known():
    assert set(allowed("Allow iam:GetUser on arn:aws:iam::A:user/${aws:username}", user="ada")) == {"ada"}


def test_the_table_holds_a_case_for_every_rule():
    assert len(cases()) >= 150
