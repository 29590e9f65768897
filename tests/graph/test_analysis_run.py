"""The relationships that follow from the policies, trusts and firewall rules of the sample estate."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.runs import Collected, collect

ACCOUNT = "arn:aws:iam::123456789012:root"
POLICY = "arn:aws:iam::123456789012:policy/"


@pytest.fixture
def edges(sample: Collected) -> list[dict[str, Any]]:
    return [record for record in sample.records if not isinstance(record["_class"], list)]


def _from(edges, key: str, verb: str) -> list[dict[str, Any]]:
    return [edge for edge in edges if edge["_class"] == verb and edge.get("_fromEntityKey") == key]


def test_an_administrator_policy_is_one_edge_to_the_account(edges):
    (edge,) = _from(edges, "arn:aws:iam::aws:policy/AdministratorAccess", "ALLOWS")
    assert (edge["_toEntityKey"], edge["admin"], edge["actions"], edge["resources"]) == (ACCOUNT, True, ["*"], "*")


def test_all_actions_of_a_service_on_everything_are_one_edge_to_the_service(edges):
    (edge,) = _from(edges, POLICY + "storage/all-of-s3", "ALLOWS")
    assert (edge["_toEntityKey"], edge["actions"]) == ("123456789012:service:aws_s3", ["s3:*"])


def test_named_arns_are_edges_to_those_resources(edges):
    targets = {edge["_toEntityKey"]: edge for edge in _from(edges, POLICY + "read-data", "ALLOWS")}
    assert targets.keys() == {"arn:aws:s3:::acme-data", "arn:aws:dynamodb:us-east-1:123456789012:table/orders"}
    edge = targets["arn:aws:s3:::acme-data"]
    assert edge["normalizedActions"] == ["s3:getobject", "s3:listbucket"]
    assert [grant["scope"] for grant in json.loads(edge["grants"])] == ["own", "below"]
    assert (edge["read"], edge["write"], edge["conditional"]) == (True, False, False)


def test_a_role_that_trusts_another_account_is_a_mapped_edge_with_its_external_id(edges):
    (edge,) = [
        e
        for e in edges
        if e["_class"] == "TRUSTS" and e.get("_mapping", {}).get("targetEntity", {}).get("_type") == "aws_account"
    ]
    assert edge["externalId"] == "acme-partner-7"
    assert edge["_mapping"]["targetEntity"]["_key"] == "arn:aws:iam::222233334444:root"
    assert (edge["crossAccount"], edge["_mapping"]["relationshipDirection"]) == (True, "FORWARD")


def test_a_role_trusts_the_services_and_users_of_its_own_account(edges):
    targets = {edge["_toEntityKey"] for edge in edges if edge["_class"] == "TRUSTS" and "_toEntityKey" in edge}
    assert "123456789012:service:aws_lambda" in targets
    assert any(":user/" in target for target in targets)


def test_a_port_open_to_the_world_is_an_edge_from_the_internet(edges):
    ssh = [edge for edge in edges if edge["_type"] == "internet_allows_aws_security_group" and edge["fromPort"] == 22]
    (edge,) = ssh
    assert (edge["toPort"], edge["ipProtocol"], edge["ingress"]) == (22, "tcp", True)
    assert edge["_mapping"]["targetEntity"]["_key"] == "global:internet"
    assert edge["_mapping"]["relationshipDirection"] == "REVERSE"


def test_a_rule_that_names_a_group_is_an_edge_between_the_groups(edges):
    between = [edge for edge in edges if edge["_type"] == "aws_security_group_allows_group"]
    assert (5432, True) in [(edge["fromPort"], edge["ingress"]) for edge in between]


def test_relationship_properties_are_primitives_or_lists_of_actions(edges):
    structures = {
        name for edge in edges for name, value in edge.items() if name != "_mapping" and isinstance(value, list | dict)
    }
    assert structures == {"actions", "normalizedActions"}


def test_the_counts_of_the_analysis_are_in_the_report(sample):
    assert sample.report["analysis"].keys() >= {"collapsedPatterns", "unknownActions"}


async def test_deny_edges_are_drawn_if_a_setting_asks_for_them(estate):
    collected = await collect(services="account,iam", deny_edges=True)
    assert any(record["_class"] == "DENIES" for record in collected.records)


async def test_an_account_that_is_not_collected_is_a_mapped_end(estate):
    collected = await collect(services="iam")
    mapped = [r for r in collected.records if r.get("_mapping", {}).get("targetEntity", {}).get("_key") == ACCOUNT]
    assert mapped
    assert all("_fromEntityKey" not in record for record in mapped)


async def test_an_invalid_policy_is_reported_and_does_not_affect_others(estate):
    def broken(answer, request):
        for policy in answer["Policies"]:
            if policy["Arn"].endswith("read-data"):
                policy["PolicyVersionList"][0]["Document"] = (
                    "%7B%22Version%22%3A%20%222012-10-17%22%2C%20%22Statement%22%3A%20%5B%7B%22Effect%22%3A%20%22Maybe%22%7D%5D%7D"
                )
        return answer

    key = ("iam", "GetAccountAuthorizationDetails")
    repaired = estate.stub.patches[key]
    estate.stub.patches[key] = lambda answer, request: broken(repaired(answer, request), request)
    collected = await collect(services="account,iam,s3")
    problems = [p for s in collected.report["scopes"] for p in s["problems"]]
    assert [(p["operation"], p["reason"]) for p in problems] == [("analysis:aws_iam_policy", "invalid_response")]
    assert _from(collected.records, POLICY + "storage/all-of-s3", "ALLOWS")
