from __future__ import annotations

import json
import pickle

from hypothesis import given
from hypothesis import strategies as st

from collector.graph.assemble import BadRow, ConvertedRow
from collector.graph.convert import ConvertedEntity, PendingEdge
from collector.graph.entity_index import Name
from collector.graph.relationships import MappedTarget
from collector.sinks.writer import line_of
from collector.workers.packing import pack, unpack

texts = st.text(max_size=8)
maybe = st.none() | texts
outsides = st.builds(MappedTarget, st.dictionaries(texts, texts, max_size=2), st.just([["_key"]]), st.booleans())
pointers = st.lists(
    st.builds(
        PendingEdge, st.integers(0, 99), maybe, st.none() | st.tuples(texts, texts), maybe,
        st.lists(texts, max_size=2).map(tuple), maybe,
        st.none() | st.dictionaries(texts, texts | st.integers(), max_size=2), st.none() | outsides, st.booleans(),
    ),
    max_size=3,
)  # fmt: skip


@st.composite
def nodes(draw: st.DrawFn) -> ConvertedRow:
    type_, key = draw(texts), draw(texts)
    record = {"_key": key, "_type": type_, "_class": ["Host"], "name": draw(texts)}
    facts = draw(st.none() | st.dictionaries(texts, texts | st.lists(texts), max_size=2))
    names = draw(st.lists(st.builds(Name, texts, texts, texts), max_size=2))
    return ConvertedRow(type_, ConvertedEntity(key, record, names, facts), draw(texts), draw(pointers))


links = st.builds(ConvertedRow, st.just(""), st.none(), texts, pointers, st.none())
rows = st.lists(st.one_of(nodes(), links, st.builds(BadRow, texts, texts, texts)), max_size=6)


@given(rows)
def test_rows_are_equal_after_packing_and_pickling(packed):
    unpacked = list(unpack(pickle.loads(pickle.dumps(list(pack(packed, line_of))))))
    assert len(unpacked) == len(packed)
    for one, other in zip(packed, unpacked, strict=True):
        if isinstance(one, ConvertedRow) and one.entity is not None:
            assert isinstance(other, ConvertedRow)
            assert other.entity is not None
            assert json.loads(other.line or b"") == one.entity.record
            assert other.entity.record.items() <= one.entity.record.items()
            assert other._replace(entity=one.entity, line=None) == one
            assert other.entity._replace(record={}) == one.entity._replace(record={})
        else:
            assert other == one
