"""The effect of Deny statements: full, partial or conditional."""

from __future__ import annotations

from typing import Any

import pytest

from tests.analysis.estate import C, allowed

GROUP = "arn:aws:logs:us-east-1:A:log-group:/aws/lambda/f"
TABLE = "arn:aws:dynamodb:us-east-1:A:table/orders"
LEVELS = {"r": "read", "l": "list", "w": "write", "t": "tagging", "p": "permissions"}

# case | statements | targets: the letters after the slash are the access levels of every request, those after `~`, which marks
# partial, are the ones that only some requests have
TABLE_OF_CASES = f"""
nothing is denied | Allow s3:ListBucket on arn:aws:s3:::app | app/l
the same action on the same resource | Allow s3:ListBucket on arn:aws:s3:::app; Deny s3:ListBucket on arn:aws:s3:::app |
the order of statements does not matter | Deny s3:ListBucket on arn:aws:s3:::app; Allow s3:ListBucket on arn:aws:s3:::app |
actions are case-insensitive | Allow s3:ListBucket on arn:aws:s3:::app; Deny S3:LISTBUCKET on arn:aws:s3:::app |
resources are case-sensitive | Allow s3:ListBucket on arn:aws:s3:::app; Deny s3:ListBucket on arn:aws:s3:::APP | app/l
on everything | Allow s3:ListBucket on arn:aws:s3:::app; Deny s3:ListBucket on * |
on all buckets | Allow s3:ListBucket on arn:aws:s3:::app; Deny s3:ListBucket on arn:aws:s3:::* |
by a pattern | Allow s3:ListBucket on arn:aws:s3:::app*; Deny s3:ListBucket on arn:aws:s3:::app-* | app/l
all actions | Allow s3:ListBucket on arn:aws:s3:::app; Deny * on * |
on another resource | Allow s3:ListBucket on arn:aws:s3:::app; Deny s3:ListBucket on arn:aws:s3:::audit | app/l
another action | Allow s3:ListBucket on arn:aws:s3:::app; Deny s3:DeleteBucket on arn:aws:s3:::app | app/l
one of two actions | Allow s3:ListBucket,s3:DeleteBucket on arn:aws:s3:::app; Deny s3:DeleteBucket on * | app/l~
in another partition | Allow s3:ListBucket on arn:aws:s3:::app; Deny s3:ListBucket on arn:aws-cn:s3:::app | app/l
by a short ARN | Allow s3:ListBucket on arn:aws:s3:::app; Deny s3:ListBucket on arn:aws:s3:* |
by a text that is not an ARN | Allow s3:ListBucket on arn:aws:s3:::app; Deny s3:ListBucket on app | app/l
by an ARN with five segments | Allow sqs:SendMessage on arn:aws:sqs:us-east-1:A:jobs; Deny sqs:* on arn:aws:sqs:*:jobs | jobs/w
under a condition | Allow s3:ListBucket on arn:aws:s3:::app; Deny s3:* on * when Bool aws:SecureTransport false | app/~l
another action under a condition | Allow s3:ListBucket on arn:aws:s3:::app; Deny s3:Put* on * when Bool aws:SecureTransport false | app/l
all objects | Allow s3:GetObject on arn:aws:s3:::app/*; Deny s3:GetObject on arn:aws:s3:::app/* |
all objects by a longer pattern | Allow s3:GetObject on arn:aws:s3:::app/*; Deny s3:GetObject on arn:aws:s3:::ap* |
some objects | Allow s3:GetObject on arn:aws:s3:::app/*; Deny s3:GetObject on arn:aws:s3:::app/secret/* | app/~r
one object by question marks | Allow s3:GetObject on arn:aws:s3:::app/*; Deny s3:GetObject on arn:aws:s3:::app/? | app/~r
some objects of another bucket | Allow s3:GetObject on arn:aws:s3:::app/*; Deny s3:GetObject on arn:aws:s3:::audit/secret/* | app/r
a bucket ARN does not cover objects | Allow s3:GetObject on arn:aws:s3:::app/*; Deny s3:* on arn:aws:s3:::app | app/r
an object ARN does not cover the bucket | Allow s3:ListBucket,s3:GetObject on arn:aws:s3:::app,arn:aws:s3:::app/*; Deny s3:* on arn:aws:s3:::app/* | app/l~
NotAction | Allow s3:ListBucket,s3:DeleteBucket on arn:aws:s3:::app; Deny not s3:List* on * | app/l~
NotResource with one resource | Allow s3:ListBucket on arn:aws:s3:::app*; Deny s3:* on not arn:aws:s3:::app | app/l
NotResource with all objects | Allow s3:ListBucket,s3:GetObject on arn:aws:s3:::app,arn:aws:s3:::app/*; Deny s3:* on not arn:aws:s3:::app/* | app/r~
NotResource with some objects | Allow s3:GetObject on arn:aws:s3:::app/*; Deny s3:* on not arn:aws:s3:::app/public/* | app/~r
an unresolved variable | Allow iam:GetUser on arn:aws:iam::A:user/ada; Deny iam:* on arn:aws:iam::A:user/${{aws:username}} | ada/~r
NotResource with an unresolved variable | Allow iam:GetUser on arn:aws:iam::A:user/ada; Deny iam:* on not arn:aws:iam::A:user/${{aws:username}} | ada/~r
an unresolved variable beside a covering pattern | Allow iam:GetUser on arn:aws:iam::A:user/ada; Deny iam:* on arn:aws:iam::A:user/${{aws:username}},arn:aws:iam::A:user/a* |
an action of a service, everywhere | Allow s3:ListBucket,s3:DeleteBucket on *; Deny s3:DeleteBucket on * | aws_s3/l~
all actions of a service, everywhere | Allow s3:*,sqs:SendMessage on *; Deny s3:* on * | aws_sqs/w
an action of a service, on one resource | Allow s3:ListBucket on *; Deny s3:ListBucket on arn:aws:s3:::audit | aws_s3/~l
an action of a service, by NotResource | Allow s3:ListBucket on *; Deny s3:ListBucket on not arn:aws:s3:::audit | aws_s3/~l
all buckets, by NotResource with another service | Allow s3:ListBucket on arn:aws:s3:::*; Deny s3:ListBucket on not arn:aws:sqs:*:*:* |
a service of the account | Allow * on *; Deny iam:* on * | account/rlwtp~
everything | Allow * on *; Deny * on * |
everything by NotAction | Allow * on *; Deny not sts:GetCallerIdentity on * | account/r~
everything, under a condition | Allow * on *; Deny * on * when BoolIfExists aws:MultiFactorAuthPresent false | account/~rlwtp
all log groups | Allow logs:DeleteLogGroup on arn:aws:logs:*:*:log-group:*; Deny logs:* on arn:aws:logs:*:*:log-group:* |
some log groups | Allow logs:DeleteLogGroup on arn:aws:logs:*:*:log-group:*; Deny logs:* on {GROUP} | aws_cloudwatch_logs/~w
log groups, by an ARN of another service | Allow logs:DeleteLogGroup on arn:aws:logs:*:*:log-group:*; Deny logs:* on arn:aws:kms:*:*:* | aws_cloudwatch_logs/w
in a foreign account | Allow sqs:SendMessage on arn:aws:sqs:us-east-1:C:q; Deny sqs:* on arn:aws:sqs:*:C:* |
in a foreign account, in part | Allow sqs:SendMessage on arn:aws:sqs:us-east-1:C:q*; Deny sqs:* on arn:aws:sqs:us-east-1:C:q1 | @{C}/~w
one of two statements | Allow s3:ListBucket on arn:aws:s3:::app; Allow s3:DeleteBucket on arn:aws:s3:::a*p; Deny s3:ListBucket on * | app/w~
an action newer than the reference | Allow s3:FutureAction on arn:aws:s3:::app; Deny s3:Future* on arn:aws:s3:::app |
a newer action, by all actions | Allow s3:FutureAction on arn:aws:s3:::app; Deny * on arn:aws:s3:::app |
a newer action, exempted by NotAction | Allow s3:FutureAction on arn:aws:s3:::app; Deny not s3:Future* on arn:aws:s3:::app | app/
a newer action, everywhere | Allow futuresvc:Do on *; Deny futuresvc:* on * |
all invocations of an API | Allow execute-api:Invoke on arn:aws:execute-api:us-east-1:A:r1/*; Deny execute-api:* on arn:aws:execute-api:*:A:r1/* |
one stage of an API | Allow execute-api:Invoke on arn:aws:execute-api:us-east-1:A:r1/*; Deny execute-api:* on arn:aws:execute-api:*:A:r1/prod/* | rest/~w
one stage of another API | Allow execute-api:Invoke on arn:aws:execute-api:us-east-1:A:r1/*; Deny execute-api:* on arn:aws:execute-api:*:A:r2/prod/* | rest/w
a log group by its ARN with an asterisk | Allow logs:DeleteLogGroup on {GROUP}; Deny logs:DeleteLogGroup on {GROUP}:* |
all indexes | Allow dynamodb:Query on {TABLE}/index/*; Deny dynamodb:Query on {TABLE}/* |
one index | Allow dynamodb:Query on {TABLE}/index/*; Deny dynamodb:Query on {TABLE}/index/by-date | orders/~r
a table ARN does not cover indexes | Allow dynamodb:Query on {TABLE}/index/*; Deny dynamodb:Query on {TABLE} | orders/r
all versions of a function | Allow lambda:InvokeFunction on arn:aws:lambda:us-east-1:A:function:f:*; Deny lambda:* on arn:aws:lambda:*:*:function:f:* |
"""  # fmt: skip


def cases() -> list[Any]:
    found = []
    for line in TABLE_OF_CASES.strip().split("\n"):
        label, statements, targets = (part.strip() for part in line.split(" |"))
        found.append(pytest.param(statements.split("; "), sorted(targets.split()), id=label))
    return found


@pytest.mark.parametrize(("statements", "targets"), cases())
def test_deny_removes_what_it_covers(statements, targets):
    found = []
    for name, properties in allowed(*statements).items():
        certain = "".join(letter for letter, level in LEVELS.items() if properties[level])
        some = "".join(letter for letter, level in LEVELS.items() if f"conditional{level.capitalize()}" in properties)
        found.append(f"{name}/{certain}{'~' if properties['partial'] else ''}{some}")
    assert sorted(found) == targets


def test_denied_actions_keep_their_spelling():
    properties = allowed(
        "Allow s3:* on arn:aws:s3:::app", "Deny s3:DeleteBucket,S3:Put* on *", "Deny not s3:*,iam:* on *"
    )["app"]
    assert properties["negatedActions"] == '["S3:Put*","s3:DeleteBucket"]'
    assert "negatedNotActions" not in properties


def test_the_not_actions_of_a_deny_are_listed():
    properties = allowed("Allow s3:* on arn:aws:s3:::app", "Deny not s3:List*,s3:Get* on *")["app"]
    assert properties["negatedNotActions"] == '["s3:Get*","s3:List*"]'
    assert "negatedActions" not in properties


def test_the_user_name_is_resolved_in_an_inline_user_policy():
    found = allowed(
        "Allow iam:GetUser on arn:aws:iam::A:user/ada,arn:aws:iam::A:user/team/bob",
        "Deny iam:* on arn:aws:iam::A:user/${aws:username}",
        user="ada",
    )
    assert {name: properties["partial"] for name, properties in found.items()} == {"bob": False}
