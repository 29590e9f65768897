from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.analysis.facts import PolicyFact, SecurityGroupFact
from collector.graph.facts import CompressedFacts

DOCUMENTS: Any = st.text() | st.dictionaries(
    st.text(), st.none() | st.booleans() | st.lists(st.text(), max_size=2), max_size=2
)
FACTS = st.tuples(st.text(), st.just("aws_iam_policy"), DOCUMENTS, st.none() | st.text())


@settings(max_examples=30)
@given(st.lists(FACTS, max_size=3))
def test_compressed_facts_are_equal_on_every_iteration(facts):
    compressed = CompressedFacts(PolicyFact)
    for fact in facts:
        compressed.add(*fact)
    assert list(compressed) == list(compressed) == [PolicyFact(*fact) for fact in facts]


def test_the_rules_of_a_group_are_stored_with_its_region():
    compressed = CompressedFacts(SecurityGroupFact)
    compressed.add("sg", "r", None, [{"IpProtocol": "-1"}], ())
    assert list(compressed) == [SecurityGroupFact("sg", "r", None, [{"IpProtocol": "-1"}], [])]
