from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.analysis.facts import PolicyFact, SecurityGroupFact
from collector.graph.facts import CompressedFacts

JSON: Any = st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), st.lists)


@given(st.lists(st.tuples(st.text(), st.text(), st.text() | st.dictionaries(st.text(), JSON), st.none() | st.text())))
def test_packed_facts_come_out_as_they_went_in_each_time(facts):
    packed = CompressedFacts(PolicyFact)
    for fact in facts:
        packed.add(*fact)
    assert list(packed) == list(packed) == [PolicyFact(*fact) for fact in facts]


def test_rules_of_a_group_are_kept_with_their_place():
    packed = CompressedFacts(SecurityGroupFact)
    packed.add("sg", "r", None, [{"IpProtocol": "-1"}], ())
    assert list(packed) == [SecurityGroupFact("sg", "r", None, [{"IpProtocol": "-1"}], [])]
