"""Relationships of identity policies: properties, options, counts, and malformed documents."""

from __future__ import annotations

import json

import pytest

from collector.analysis.authorization import all_of, bits, levels, services
from collector.analysis.facts import Account, AnalysisLimits, PolicyFact
from collector.analysis.matching import ResourceIndex
from collector.analysis.permissions import STEP_SIZE, Permissions
from collector.analysis.results import TEXT_LIMIT, AnalysisProblem, MappedRelationship, Relationship, ServiceNode
from collector.analysis.services import Services
from tests.analysis.estate import INDEX, A, B, C, allowed, document, findings, name, statement

EACH_ACTION = ",".join(f"rbin:{name}" for name in bits("rbin"))

PLAIN = {
    "effect": "Allow",
    "actions": ["s3:ListBucket"],
    "normalizedActions": ["s3:listbucket"],
    "resources": "arn:aws:s3:::app",
    "conditional": False,
    "scope": "own",
    "admin": False,
    "read": False,
    "list": True,
    "write": False,
    "tagging": False,
    "permissions": False,
    "partial": False,
    "statement": "[0]",
    "grants": '[{"statement":"[0]","actions":["s3:ListBucket"],"resources":["arn:aws:s3:::app"],"scope":"own"}]',
    "crossAccount": False,
}


def test_a_plain_grant_has_all_properties():
    assert allowed("Allow s3:ListBucket on arn:aws:s3:::app") == {"app": PLAIN}


def test_actions_keep_their_spelling_and_are_normalized_to_lower_case():
    properties = allowed("Allow s3:List*,S3:DeleteBucket on arn:aws:s3:::app")["app"]
    assert (properties["actions"], properties["normalizedActions"]) == (
        ["S3:DeleteBucket", "s3:List*"],
        ["s3:deletebucket", "s3:list*"],
    )


def test_only_actions_that_apply_to_the_target_are_listed():
    found = allowed("Allow s3:*,logs:* on arn:aws:s3:::app,arn:aws:logs:us-east-1:A:log-group:/aws/lambda/f")
    assert {target: properties["actions"] for target, properties in found.items()} == {
        "app": ["s3:*"],
        "group-f": ["logs:*"],
    }


def test_only_patterns_that_match_the_target_are_listed():
    properties = allowed("Allow s3:* on arn:aws:s3:::app,arn:aws:s3:::a*,arn:aws:s3:::app/*,arn:aws:s3:::audit")["app"]
    assert properties["resources"] == "arn:aws:s3:::a*,arn:aws:s3:::app,arn:aws:s3:::app/*"


def test_full_access_has_asterisks_and_is_admin():
    properties = allowed("Allow * on *")["account"]
    assert (properties["actions"], properties["resources"], properties["admin"]) == (["*"], "*", True)


@pytest.mark.parametrize(
    ("text", "target", "admin"),
    [
        ("Allow s3:* on *", "aws_s3", True),
        ("Allow s3:Get* on *", "aws_s3", False),
        ("Allow s3:* on arn:aws:s3:::*", "aws_s3", False),
        ("Allow *:* on *", "account", True),
        ("Allow not sts:* on *", "account", False),
        ("Allow * on not arn:aws:s3:::audit", "account", False),
        ("Allow * on arn:aws:s3:::app", "app", False),
        ("Allow account:* on *", "account", False),
        ("Allow organizations:* on *", "aws_organizations", True),
        ("Allow S3:* on *", "aws_s3", True),
        ("Allow s3*:* on *", "aws_s3", True),
        ("Allow s3:*,s3:Get* on **", "aws_s3", True),
        ("Allow s3:* on * when Bool a true", "aws_s3", False),
        ("Allow * on * when Bool a true", "account", False),
        ("Allow s3:* on ${aws:PrincipalTag/x}", "aws_s3", False),
        ("Allow * on arn:aws:account::A:account", "account", False),
        ("Allow s3:* on not arn:aws:s3:::audit", "aws_s3", False),
        (f"Allow {EACH_ACTION} on *", "aws_rbin", False),
        ("Allow rbin:* on *", "aws_rbin", True),
        ("Allow tax:* on *", "aws_tax", True),
        ("Allow resource-explorer:* on *", "aws_resourceexplorer", False),
    ],
)
def test_admin_is_all_actions_of_an_account_or_a_service(text, target, admin):
    assert allowed(text)[target]["admin"] is admin


@pytest.mark.parametrize(
    ("denied", "admin"),
    [
        ("Deny s3:DeleteBucket on arn:aws:s3:::audit", False),
        ("Deny s3:* on * when Bool a true", False),
        ("Deny sqs:* on *", True),
    ],
)
def test_an_allow_that_a_deny_narrows_is_not_admin(denied, admin):
    assert allowed("Allow s3:* on *", denied)["aws_s3"]["admin"] is admin


def test_an_unlimited_allow_beside_a_conditional_one_is_admin():
    assert allowed("Allow s3:* on *", "Allow s3:* on * when Bool a true")["aws_s3"]["admin"] is True


def test_a_read_only_policy_is_not_admin_of_services_with_nothing_to_change():
    only_reads = [
        prefix for prefix in services() if levels(prefix)["read"] | levels(prefix)["list"] == all_of(prefix) > 0
    ]
    assert only_reads
    for prefix in only_reads:
        (properties,) = allowed(f"Allow {prefix}:* on *").values()
        assert properties["admin"] is False


@pytest.mark.parametrize(
    ("action", "levels"),
    [
        ("s3:GetBucketPolicy", {"read"}),
        ("s3:ListBucket", {"list"}),
        ("s3:DeleteBucket", {"write"}),
        ("s3:PutBucketTagging", {"tagging", "write"}),
        ("s3:PutBucketPolicy", {"permissions", "write"}),
        ("s3:*Bucket", {"list", "write"}),
        ("s3:FutureAction", set()),
    ],
)
def test_access_levels_are_those_of_the_reference(action, levels):
    properties = allowed(f"Allow {action} on arn:aws:s3:::app")["app"]
    assert {level for level in ("read", "list", "write", "tagging", "permissions") if properties[level]} == levels


def test_access_levels_are_those_of_the_target():
    found = allowed("Allow s3:GetObject,s3:ListBucket on arn:aws:s3:::app,arn:aws:s3:::audit/*")
    assert {target: (properties["list"], properties["read"]) for target, properties in found.items()} == {
        "app": (True, False),
        "audit": (False, True),
    }


def test_not_action_is_a_property():
    properties = allowed("Allow not iam:*,sts:* on *")["account"]
    assert (properties["notActions"], "actions" in properties) == (["iam:*", "sts:*"], False)


def test_not_resource_is_a_property_and_partial():
    properties = allowed("Allow s3:* on not arn:aws:s3:::audit,arn:aws:s3:::audit/*")["aws_s3"]
    assert (properties["notResources"], properties["partial"], "resources" in properties) == (
        "arn:aws:s3:::audit,arn:aws:s3:::audit/*",
        True,
        False,
    )


def test_a_condition_is_json():
    properties = allowed("Allow s3:ListBucket on arn:aws:s3:::app when StringEquals aws:PrincipalOrgID o-1")["app"]
    assert properties["conditional"] is True
    assert json.loads(properties["conditions"]) == [{"StringEquals": {"aws:PrincipalOrgID": "o-1"}}]


def test_an_empty_condition_is_ignored():
    text = {**statement("Allow s3:ListBucket on arn:aws:s3:::app"), "Condition": {}}
    found, _ = findings(PolicyFact("p", "aws_iam_policy", {"Statement": text}))
    assert [each.properties["conditional"] for each in found if isinstance(each, Relationship)] == [False]


def test_a_relationship_is_conditional_if_every_grant_is_and_partly_if_some_are():
    one = "Allow s3:ListBucket on arn:aws:s3:::app when StringEquals aws:PrincipalOrgID o-1"
    free, other = (
        "Allow s3:DeleteBucket on arn:aws:s3:::app",
        "Allow s3:DeleteBucket on arn:aws:s3:::app when Bool a true",
    )
    for statements, expected in (([one, free], (False, True)), ([one, other], (True, None)), ([free], (False, None))):
        properties = allowed(*statements)["app"]
        assert (properties["conditional"], properties.get("partlyConditional")) == expected
    assert "o-1" in allowed(one, free)["app"]["conditions"]


def test_a_statement_that_is_denied_does_not_make_a_relationship_unconditional():
    properties = allowed(
        "Allow s3:ListBucket on arn:aws:s3:::app when Bool a true",
        "Allow s3:DeleteBucket on arn:aws:s3:::app",
        "Deny s3:DeleteBucket on *",
    )["app"]
    assert (properties["conditional"], properties["write"], "conditionalWrite" in properties) == (True, False, False)


def test_an_unresolved_variable_makes_a_grant_conditional():
    properties = allowed("Allow s3:ListBucket on arn:aws:s3:::app-${aws:PrincipalTag/team}")["app-logs"]
    assert (properties["conditional"], properties["variables"], "conditions" in properties) == (
        True,
        "aws:PrincipalTag/team",
        False,
    )


def test_a_resolved_variable_does_not_make_a_grant_conditional():
    properties = allowed("Allow s3:ListBucket on arn:aws:s3:::app-${aws:PrincipalAccount}")["app-A"]
    assert (properties["conditional"], "variables" in properties) == (False, False)


def test_a_variable_can_have_a_default():
    text = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::${aws:PrincipalTag/x, 'a'}udit"}
    found, _ = findings(PolicyFact("p", "aws_iam_policy", {"Version": "2012-10-17", "Statement": text}))
    assert [name(each) for each in found if isinstance(each, Relationship)] == ["audit"]


@pytest.mark.parametrize(
    ("text", "cross"),
    [
        ("Allow s3:ListBucket on arn:aws:s3:::app", {"app": False}),
        ("Allow s3:ListBucket on arn:aws:s3:::b-bucket", {"b-bucket": True}),
        ("Allow sqs:SendMessage on arn:aws:sqs:us-east-1:B:b-jobs", {"b-jobs": True}),
        ("Allow sqs:SendMessage on arn:aws:sqs:us-east-1:C:q", {f"@{C}": True}),
        ("Allow iam:GetPolicy on arn:aws:iam::aws:policy/ReadOnlyAccess", {"ReadOnly": False}),
    ],
)
def test_other_accounts_are_marked(text, cross):
    assert {target: properties["crossAccount"] for target, properties in allowed(text).items()} == cross


def test_one_relationship_joins_all_statements():
    found = allowed(
        "Allow s3:ListBucket on arn:aws:s3:::app",
        "Allow s3:GetObject on arn:aws:s3:::app/*",
        "Allow s3:ListBucket on arn:aws:s3:::audit",
    )
    assert found["app"]["actions"] == ["s3:GetObject", "s3:ListBucket"]
    assert {target: properties["statement"] for target, properties in found.items()} == {
        "app": "[0],[1]",
        "audit": "[2]",
    }


def test_the_statement_property_has_the_version_and_the_sids():
    texts = [
        statement("Allow s3:ListBucket on arn:aws:s3:::app"),
        statement("Allow s3:GetObject on arn:aws:s3:::app/*"),
    ]
    fact = PolicyFact("p", "aws_iam_policy", {"Statement": [{**texts[0], "Sid": "Buckets"}, texts[1]]}, "v3")
    found, _ = findings(fact)
    assert [each.properties["statement"] for each in found if isinstance(each, Relationship)] == ["v3/Buckets,[1]"]


@pytest.mark.parametrize("negated", [False, True])
def test_a_list_that_is_too_long_has_whole_actions_only_and_says_so(negated):
    actions = [f"s3:Future{number:04}" for number in range(1000)]
    text, name = ("not ", "notActions") if negated else ("", "actions")
    (properties,) = allowed(f"Allow {text}{','.join(actions)} on *").values()
    assert set(properties[name]) < set(actions)
    assert TEXT_LIMIT - 20 < len("".join(properties[name])) <= TEXT_LIMIT
    assert properties[f"{name}Truncated"] is True
    assert json.loads(properties["grants"])[0][name] == actions


def test_a_list_that_is_cut_is_normalized_alike():
    properties = allowed(f"Allow {','.join(f'S3:Future{n:04}' for n in range(1000))} on arn:aws:s3:::app")["app"]
    assert properties["normalizedActions"] == [action.lower() for action in properties["actions"]]


def test_a_list_that_fits_is_not_marked():
    assert "actionsTruncated" not in allowed("Allow s3:* on arn:aws:s3:::app")["app"]


def test_properties_are_primitives_or_lists_of_text():
    found = allowed("Allow * on *", "Allow s3:* on arn:aws:s3:::a*", "Deny s3:Put* on * when Bool a false")
    for properties in found.values():
        lists = [value for value in properties.values() if isinstance(value, list)]
        assert all(isinstance(text, str) for texts in lists for text in texts)
        assert all(isinstance(value, str | bool | int | list) for value in properties.values())


def test_a_service_is_requested_once_before_its_relationship():
    found, _ = findings(
        PolicyFact("p", "aws_iam_policy", document("Allow s3:Get* on *", "Allow s3:* on arn:aws:s3:::*"))
    )
    assert [type(each) for each in found] == [ServiceNode, Relationship]
    assert found[0] == ServiceNode(f"{A}:service:aws_s3", "aws_s3", "Amazon S3")


def test_a_service_that_the_reference_lists_no_more_has_an_entity_that_is_named_after_its_prefix():
    found, _ = findings(PolicyFact("p", "aws_iam_policy", document("Allow codestar:Do on *")))
    assert found[0] == ServiceNode(f"{A}:service:aws_codestar", "aws_codestar", "codestar")


def test_a_service_that_aws_does_not_have_is_named_but_has_no_entity():
    found, _ = findings(PolicyFact("p", "aws_iam_policy", document("Allow s3typo:Do on *")))
    assert [each.target_key for each in found if isinstance(each, Relationship)] == [f"{A}:service:aws_s3typo"]
    assert not any(isinstance(each, ServiceNode) for each in found)


def test_an_account_that_was_not_collected_is_mapped():
    found, _ = findings(
        PolicyFact("p", "aws_iam_policy", document("Allow sqs:SendMessage on arn:aws:sqs:us-east-1:C:q"))
    )
    link = found[0]
    assert isinstance(link, MappedRelationship)
    assert (link.direction, link.filter_keys) == ("FORWARD", (("_type", "_key"),))
    assert link.target["_key"] == f"arn:aws:iam::{C}:root"


def test_equal_permissions_share_their_properties():
    found, _ = findings(PolicyFact("p", "aws_iam_policy", document("Allow s3:ListBucket on arn:aws:s3:::app*")))
    assert len({id(each.properties) for each in found if isinstance(each, Relationship)}) == 1


@pytest.mark.parametrize("attached", [True, False])
def test_a_policy_that_nobody_has_says_so_on_all_its_relationships(attached):
    texts = document(
        "Allow * on *",
        "Allow s3:Get* on *",
        "Allow s3:* on arn:aws:s3:::app",
        "Allow sqs:* on arn:aws:sqs:us-east-1:C:q",
    )
    found, _ = findings(PolicyFact("p", "aws_iam_policy", texts, attached=attached))
    links = {name(each): each for each in found if isinstance(each, Relationship | MappedRelationship)}
    assert set(links) == {"account", "aws_s3", "app", f"@{C}"}
    assert {each.properties.get("attached") for each in links.values()} == {None if attached else False}


# Options ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options", "targets"),
    [
        ("sqs:* on *", {"wildcards": "expand"}, {"jobs", "jobs-dlq", "jobs-eu"}),
        ("s3:GetObject on *", {"wildcards": "expand"}, {"app", "app-logs", "audit", "home", "app-A"}),
        ("sqs:* on arn:aws:sqs:*:*:*", {"wildcards": "expand", "type_wide": "expand"}, {"jobs", "jobs-dlq", "jobs-eu"}),
        ("sqs:* on not arn:aws:sqs:us-east-1:A:jobs", {"wildcards": "expand"}, {"aws_sqs"}),
        ("ec2:StopInstances on arn:aws:ec2:*:*:instance/*", {"type_wide": "expand"}, {"i-1", "i-2"}),
        ("iot:DescribeThing on arn:aws:iot:*:*:thing/*", {"type_wide": "expand"}, set()),
        ("dynamodb:Query on arn:aws:dynamodb:*:*:table/*/index/*", {"type_wide": "expand"}, {"orders", "carts"}),
        ("sqs:* on arn:aws:sqs:us-east-1:A:jobs*", {"max_edges_per_pattern": 2}, {"jobs", "jobs-dlq"}),
        ("sqs:* on arn:aws:sqs:*:A:jobs*", {"max_edges_per_pattern": 2}, {"aws_sqs"}),
        ("sqs:* on arn:aws:sqs:*:A:jobs*", {"max_edges_per_pattern": 0}, {"jobs", "jobs-dlq", "jobs-eu"}),
        ("sqs:* on arn:aws:sqs:us-east-1:C:q", {"cross_account": "collected"}, set()),
        ("sqs:* on arn:aws:sqs:us-east-1:B:b-jobs", {"cross_account": "collected"}, {"b-jobs"}),
        ("sqs:* on arn:aws:sqs:us-east-1:B:b-jobs", {"cross_account": "off"}, set()),
        ("sqs:* on arn:aws:sqs:us-east-1:C:q", {"cross_account": "off"}, set()),
        ("s3:* on arn:aws:s3:::b-bucket", {"cross_account": "off"}, set()),
        ("s3:* on arn:aws:s3:::app", {"cross_account": "off"}, {"app"}),
    ],
)
def test_options_limit_the_targets(text, options, targets):
    assert set(allowed(f"Allow {text}", options=AnalysisLimits(**options))) == targets


def test_a_capped_pattern_has_the_number_of_matches():
    properties = allowed("Allow sqs:* on arn:aws:sqs:*:A:jobs*", options=AnalysisLimits(max_edges_per_pattern=2))[
        "aws_sqs"
    ]
    assert properties["matchedResources"] == 3
    assert "matchedResources" not in allowed("Allow sqs:* on *")["aws_sqs"]


def test_a_capped_pattern_in_another_account_is_drawn_to_the_account():
    found = allowed("Allow sqs:* on arn:aws:sqs:*:B:*", options=AnalysisLimits(max_edges_per_pattern=1))
    assert set(found) == {"b-jobs"}
    index = ResourceIndex()
    index.add(A, ())
    index.add(B, [(f"arn:aws:sqs:us-east-1:{B}:q{number}", "aws_sqs_queue") for number in range(2)])
    fact = PolicyFact("p", "aws_iam_policy", document("Allow sqs:* on arn:aws:sqs:*:B:*"))
    links = [
        each
        for each in findings(fact, AnalysisLimits(max_edges_per_pattern=1), index)[0]
        if isinstance(each, MappedRelationship)
    ]
    assert [(name(each), each.properties["matchedResources"]) for each in links] == [(f"@{B}", 2)]


def test_denials_are_drawn_if_enabled():
    texts = document("Allow s3:* on *", "Deny s3:DeleteBucket on arn:aws:s3:::audit", "Deny iam:* on *")
    found, _ = findings(PolicyFact("p", "aws_iam_policy", texts), AnalysisLimits(deny_edges=True))
    drawn = {(each.verb, name(each)) for each in found if isinstance(each, Relationship)}
    assert drawn == {("ALLOWS", "aws_s3"), ("DENIES", "audit"), ("DENIES", "aws_iam")}
    denied = next(each for each in found if isinstance(each, Relationship) and name(each) == "audit")
    assert (denied.properties["effect"], denied.properties["actions"]) == ("Deny", ["s3:DeleteBucket"])


# Counts and malformed documents ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("s3:ListBucket on arn:aws:s3:::app", {}),
        ("sqs:* on arn:aws:sqs:us-east-1:C:q", {"otherAccountPatterns": 1}),
        ("sqs:* on arn:aws:sqs:us-east-1:B:b-jobs", {"otherAccountPatterns": 1}),
        ("ec2:StopInstances on arn:aws:ec2:*:*:instance/*", {"collapsedPatterns": 1}),
        ("sqs:* on arn:aws:sqs:*:A:jobs*", {"cappedPatterns": 1, "cappedResources": 3}),
        ("sqs:* on arn:aws:sqs:us-east-1:A:gone", {"danglingArns": 1}),
        ("s3:* on arn:aws:s3:::gone", {"danglingArns": 1}),
        ("s3:* on arn:aws:s3:::gone*", {}),
        ("secretsmanager:* on arn:aws:secretsmanager:us-east-1:A:secret:gone", {}),
        ("s3:FutureAction,s3:ListBucket on arn:aws:s3:::app", {"unknownActions": 1}),
        ("s3:ListBucket on app,arn:aws:s*:::app,arn:aws:s3:::app", {"ignoredPatterns": 2}),
    ],
)
def test_unusual_patterns_are_counted(text, counted):
    fact = PolicyFact("p", "aws_iam_policy", document(f"Allow {text}"))
    counts = findings(fact, AnalysisLimits(max_edges_per_pattern=2))[1]
    assert {key: number for key, number in counts.items() if number} == counted


MALFORMED = [
    ("malformed JSON", "{", "not JSON: "),
    ("a list", "[]", "not a JSON object"),
    ("a number", "1", "not a JSON object"),
    ("a statement that is a string", {"Statement": "Allow"}, "[0]: not a JSON object"),
    ("no effect", {"Statement": {"Action": "*", "Resource": "*"}}, "[0]: Effect is None"),
    ("an effect in lower case", {"Statement": {"Effect": "allow", "Action": "*", "Resource": "*"}}, "[0]: Effect is 'allow'"),
    ("no action", {"Statement": {"Effect": "Allow", "Resource": "*"}}, "[0]: needs Action or NotAction"),
    ("both Action and NotAction", {"Statement": {"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}}, "[0]: needs Action or NotAction"),
    ("no resource", {"Statement": {"Effect": "Allow", "Action": "*"}}, "[0]: needs Resource or NotResource"),
    ("an action that is a number", {"Statement": {"Effect": "Allow", "Action": [1], "Resource": "*"}}, "[0]: Action is not text"),
    ("a condition that is a string", {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": "x"}}, "[0]: Condition is not an object of objects"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "detail"), [each[1:] for each in MALFORMED], ids=[each[0] for each in MALFORMED])
def test_a_malformed_document_is_reported_without_raising(text, detail):
    found, counts = findings(PolicyFact("p", "aws_iam_policy", text))
    assert len(found) == 1
    problem = found[0]
    assert isinstance(problem, AnalysisProblem)
    assert (problem.key, problem.type, problem.reason) == ("p", "aws_iam_policy", "invalid_policy")
    assert problem.detail.startswith(detail)
    assert counts["invalidDocuments"] == 1


def test_a_malformed_statement_does_not_affect_the_others():
    texts = [{"Sid": "Bad", "Effect": "Allow"}, statement("Allow s3:ListBucket on arn:aws:s3:::app")]
    found, counts = findings(PolicyFact("p", "aws_iam_policy", {"Statement": texts}))
    assert [type(each) for each in found] == [AnalysisProblem, Relationship]
    assert counts["invalidStatements"] == 1


@pytest.mark.parametrize("statements", [{}, {"Statement": []}])
def test_a_document_without_statements_allows_nothing(statements):
    assert findings(PolicyFact("p", "aws_iam_policy", statements))[0] == []


@pytest.mark.parametrize("encode", [json.dumps, lambda text: "%7B" + json.dumps(text)[1:].replace(" ", "%20")])
def test_a_document_can_be_text(encode):
    fact = PolicyFact("p", "aws_iam_policy", encode(document("Allow s3:ListBucket on arn:aws:s3:::app")))
    assert [name(each) for each in findings(fact)[0] if isinstance(each, Relationship)] == ["app"]


# Steps and users -------------------------------------------------------------------------------------------


def test_findings_are_yielded_in_small_steps():
    policies = [
        PolicyFact(f"p{number}", "aws_iam_policy", document("Allow * on arn:aws:*", "Allow s3:* on *"))
        for number in range(3)
    ]
    options = AnalysisLimits(wildcards="expand")
    steps = list(Permissions(Account(A), INDEX, options, Services(A), findings(policies[0])[1]).steps(policies))
    assert all(len(step) <= STEP_SIZE for step in steps)
    assert len(steps) >= len(policies)


@pytest.mark.parametrize(
    ("fact", "user"),
    [
        (PolicyFact(f"arn:aws:iam::{A}:user/team/ada/inline-policy/p", "aws_iam_user_policy", {}), "ada"),
        (PolicyFact("elsewhere", "aws_iam_user_policy", {}, user="bob"), "bob"),
        (PolicyFact("elsewhere", "aws_iam_user_policy", {}), None),
        (PolicyFact(f"arn:aws:iam::{A}:group/devs/inline-policy/p", "aws_iam_group_policy", {}), None),
    ],
)
def test_the_owner_of_an_inline_user_policy_is_read_from_its_key(fact, user):
    assert fact.username == user
