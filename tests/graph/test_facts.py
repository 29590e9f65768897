from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.analysis.facts import PolicyFact, SecurityGroupFact
from collector.graph.facts import CompressedFacts

JSON: Any = st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), st.lists)


@given(st.lists(st.tuples(st.text(), st.text(), st.text() | st.dictionaries(st.text(), JSON), st.none() | st.text())))
def test_compressed_facts_are_equal_on_every_iteration(facts):
    compressed = CompressedFacts(PolicyFact)
    for fact in facts:
        compressed.add(*fact)
    assert list(compressed) == list(compressed) == [PolicyFact(*fact) for fact in facts]


def test_the_rules_of_a_group_are_stored_with_its_region():
    compressed = CompressedFacts(SecurityGroupFact)
    compressed.add("sg", "r", None, [{"IpProtocol": "-1"}], ())
    assert list(compressed) == [SecurityGroupFact("sg", "r", None, [{"IpProtocol": "-1"}], [])]
