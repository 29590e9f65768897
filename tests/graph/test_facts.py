from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.analysis.facts import PolicyFact, SecurityGroupFact
from collector.graph.compressed import CompressedRows
from collector.graph.convert import ConvertedEntity
from collector.graph.facts import PolicyFacts
from collector.model import Unreadable

DOCUMENTS: Any = st.text() | st.dictionaries(
    st.text(), st.none() | st.booleans() | st.lists(st.text(), max_size=2), max_size=2
)
FACTS = st.tuples(st.text(), st.just("aws_iam_policy"), DOCUMENTS, st.none() | st.text())


@settings(max_examples=30)
@given(st.lists(FACTS, max_size=3))
def test_compressed_facts_are_equal_on_every_iteration(facts):
    compressed = CompressedRows(PolicyFact)
    for fact in facts:
        compressed.add(*fact)
    assert list(compressed) == list(compressed) == [PolicyFact(*fact) for fact in facts]


def test_the_rules_of_a_group_are_stored_with_its_region():
    compressed = CompressedRows(SecurityGroupFact)
    compressed.add("sg", "r", None, [{"IpProtocol": "-1"}], ())
    assert list(compressed) == [SecurityGroupFact("sg", "r", None, [{"IpProtocol": "-1"}], [])]


def fact(**facts: Any) -> ConvertedEntity:
    return ConvertedEntity("k", {}, [], facts)


def test_an_address_that_is_none_costs_only_itself():
    added = PolicyFacts("1", "aws")
    (error,) = added.add("aws_eni", fact(vpc="v", addresses=["10.0.0.256", "10.0.0.4"]), "r")
    assert "10.0.0.256" in str(error)
    assert added.facts(()).network.addresses == {("v", "10.0.0.4"): ("k", "aws_eni")}


@pytest.mark.parametrize(
    "malformed",
    [
        {"ingress": [{"FromPort": Unreadable("x")}]},
        {"policy": {"A": b"x"}},
        {"arn": 5},
        {"cidrs": [{}]},
        {"organization": 5},
    ],
)
def test_a_fact_that_cannot_be_kept_costs_only_itself(malformed):
    added = PolicyFacts("1", "aws")
    assert len(added.add("aws_eni", fact(vpc="v", addresses=["10.0.0.4"], **malformed), "r")) == 1
    assert added.facts(()).network.addresses


def test_the_canonical_user_of_a_bucket_is_its_account():
    added = PolicyFacts("1", "aws")
    assert added.add("aws_s3_bucket", fact(canonicalUser="b1946ac9"), "r") == []
    assert added.facts(()).unique_ids == {"b1946ac9": ("arn:aws:iam::1:root", "aws_account")}


def test_what_blocks_a_resource_policy_is_part_of_its_fact():
    added = PolicyFacts("1", "aws")
    assert added.add("aws_s3_bucket", fact(policy={"Statement": []}, blockedBy="publicAccessBlock"), "r") == []
    assert [each.blocked_by for each in added.facts(()).resource_policies] == ["publicAccessBlock"]


@pytest.mark.parametrize(("count", "attached"), [(2, True), (0, False), (None, True)])
def test_a_policy_that_nobody_has_is_kept_as_such(count, attached):
    added = PolicyFacts("1", "aws")
    added.add("aws_iam_policy", fact(policy={"Statement": []}, version="v1", attached=count), "r")
    added.add("aws_iam_role_policy", fact(policy={"Statement": []}), "r")
    assert [(each.version, each.attached) for each in added.facts(()).policies] == [("v1", attached), (None, True)]


def test_ranges_are_kept_in_the_form_in_which_rules_are_compared():
    added = PolicyFacts("1", "aws")
    assert added.add("aws_subnet", fact(vpc="v", cidrs=["10.0.0.0/24", "2001:DB8:0::/64"]), "r") == []
    assert added.facts(()).network.networks.keys() == {("v", "10.0.0.0/24"), ("v", "2001:db8::/64")}
