from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.graph.convert import EdgeEnds, PendingEdge
from collector.graph.entity_index import Name
from collector.graph.relationships import MappedTarget
from collector.graph.resolve import AccountGraph, NameIndex
from collector.model import GLOBAL, Scope
from collector.schema.declarations import RESOURCE, Edge
from collector.schema.relationship_types import type_of

SCOPE = Scope("1", "r", "s")


def _ends(source, verb, target, *, outward=True, by="id", of=None) -> EdgeEnds:
    sources, targets = ((one,) if isinstance(one, str) else one for one in (source, target))
    near, far = (sources, targets) if outward else (targets, sources)
    return EdgeEnds(verb, near, far, by, outward, Edge(source, verb, target, at="X", by=by, of=of))


def _graph(*ends: EdgeEnds) -> AccountGraph:
    return AccountGraph(NameIndex(ends))


def _pointer(
    name, *, edge=0, near="a", near_name=None, within=(GLOBAL,), key=None, props=None, outside=None
) -> PendingEdge:
    return PendingEdge(edge, near, near_name, name, within, key, props, outside)


def _name(kind, text, within=GLOBAL) -> Name:
    return Name(kind, within, text)


def _drawn(graph: AccountGraph, pending: PendingEdge) -> dict[str, Any]:
    record = graph.link(pending, SCOPE)
    assert record is not None
    return record


def test_a_relationship_is_drawn_when_its_second_end_is_added():
    graph = _graph(_ends("aws_a", "USES", "aws_b"))
    graph.add("aws_a", "a", [])
    assert graph.link(_pointer("b"), SCOPE) is None
    (waiting,) = graph.add("aws_b", "b", []) or []
    record = graph.link(waiting.pending, waiting.scope)
    assert record == {
        "_key": "a|uses|b",
        "_type": "aws_a_uses_b",
        "_class": "USES",
        "_fromEntityKey": "a",
        "_toEntityKey": "b",
        "displayName": "USES",
    }


def test_the_direction_is_as_declared_whichever_row_has_the_pointer():
    graph = _graph(_ends("aws_vpc", "CONTAINS", "aws_subnet", outward=False))
    graph.add("aws_vpc", "vpc", [])
    graph.add("aws_subnet", "a", [])
    record = _drawn(graph, _pointer("vpc"))
    assert (record["_fromEntityKey"], record["_toEntityKey"]) == ("vpc", "a")


def test_an_end_is_found_by_key_id_or_another_name():
    graph = _graph(_ends("aws_a", "USES", "aws_b"), _ends("aws_a", "HAS", "aws_b", by="name"))
    graph.add("aws_a", "a", [])
    graph.add("aws_b", "arn:b", [_name("id", "b-1"), _name("name", "bee"), _name("unused", "x")])
    for edge, name in ((0, "arn:b"), (0, "b-1"), (1, "bee")):
        record = _drawn(graph, _pointer(name, edge=edge))
        assert record["_toEntityKey"] == "arn:b"


def test_an_entity_of_another_type_is_no_match():
    graph = _graph(_ends("aws_a", "USES", "aws_b"))
    graph.add("aws_a", "a", [])
    graph.add("aws_c", "b-1", [])
    assert graph.link(_pointer("b-1"), SCOPE) is None


def test_an_entity_of_any_of_the_types_is_a_match():
    graph = _graph(_ends(("aws_alb", "aws_nlb"), "CONNECTS", "aws_group", outward=False))
    graph.add("aws_group", "a", [])
    graph.link(_pointer("lb"), SCOPE)
    (waiting,) = graph.add("aws_nlb", "lb", []) or []
    assert waiting.pending.name == "lb"
    record = _drawn(graph, waiting.pending)
    assert record["_type"] == "aws_nlb_connects_group"


def test_an_open_target_matches_every_entity_with_the_name_in_any_order():
    graph = _graph(_ends("aws_record", "CONNECTS", RESOURCE, by="address"))
    graph.add("aws_eip", "eip", [_name("address", "1.2.3.4")])
    graph.add("aws_record", "a", [])
    assert graph.link(_pointer("1.2.3.4"), SCOPE) is None
    graph.add("aws_instance", "i", [_name("address", "1.2.3.4")])
    assert [(record["_type"], record["_toEntityKey"]) for record in _closed(graph)] == [
        ("aws_record_connects_eip", "eip"),
        ("aws_record_connects_instance", "i"),
    ]


def test_a_repeated_key_is_dropped_and_counted():
    graph = _graph(_ends("aws_a", "USES", "aws_b"))
    assert graph.add("aws_a", "a", []) == []
    assert graph.add("aws_a", "a", []) is None
    assert graph.duplicates == 1


def test_a_key_distinguishes_relationships_of_one_pair():
    graph = _graph(_ends("aws_a", "LOGS", "aws_b", of="X"))
    graph.add("aws_a", "a", [])
    graph.add("aws_b", "b", [])
    keys = [record["_key"] for mark in ("one", "two") if (record := graph.link(_pointer("b", key=mark), SCOPE))]
    assert keys == ["a|logs|b|one", "a|logs|b|two"]


def test_links_wait_for_both_ends():
    graph = _graph(_ends("aws_vpc", "LOGS", "aws_bucket", of="V"))
    pending = _pointer("bucket", near=None, near_name=(GLOBAL, "vpc-1"), props={"status": "ACTIVE"})
    assert graph.link(pending, SCOPE) is None
    (waiting,) = graph.add("aws_vpc", "arn:vpc", [_name("id", "vpc-1")]) or []
    assert graph.link(waiting.pending, SCOPE) is None
    (waiting,) = graph.add("aws_bucket", "bucket", []) or []
    record = _drawn(graph, waiting.pending)
    assert (record["_fromEntityKey"], record["_toEntityKey"], record["status"]) == ("arn:vpc", "bucket", "ACTIVE")


def _closed(graph: AccountGraph, unseen=frozenset()):
    return [record for record, _ in graph.close("1", unseen)]


def test_an_arn_of_another_account_becomes_a_mapped_relationship():
    graph = _graph(_ends("aws_a", "USES", "aws_kms_key"))
    graph.add("aws_a", "a", [])
    graph.link(_pointer("arn:aws:kms:r:222233334444:key/k"), SCOPE)
    (record,) = _closed(graph)
    assert record["_mapping"] == {
        "sourceEntityKey": "a",
        "relationshipDirection": "FORWARD",
        "targetFilterKeys": [["_type", "_key"]],
        "targetEntity": {
            "_type": "aws_kms_key",
            "_key": "arn:aws:kms:r:222233334444:key/k",
            "accountId": "222233334444",
        },
    }
    assert record["_type"] == "aws_a_uses_kms_key"
    assert "_fromEntityKey" not in record


def test_a_described_end_is_mapped_only_if_no_collected_entity_matches():
    graph = _graph(_ends("aws_record", "CONNECTS", RESOURCE, by="address"))
    outside = MappedTarget(
        {"_class": "Host", "publicIpAddress": "1.2.3.4"}, [["_class", "publicIpAddress"]], create=False
    )
    graph.add("aws_record", "a", [])
    graph.link(_pointer("1.2.3.4", outside=outside), SCOPE)
    graph.link(_pointer("5.6.7.8", outside=outside), SCOPE)
    graph.add("aws_eip", "eip", [_name("address", "5.6.7.8")])
    mapped, direct = _closed(graph)
    assert mapped["_mapping"]["skipTargetCreation"] is True
    assert direct["_toEntityKey"] == "eip"


@pytest.mark.parametrize("order", [("here", "there"), ("there", "here")])
@pytest.mark.parametrize(
    ("vpcs", "expected"),
    [
        (("here",), ["here", "here/eip"]),
        (("here", "elsewhere"), ["here", "here/eip"]),
        ((), []),
        (("here", "there"), []),
    ],
)
def test_a_private_address_means_what_has_it_in_the_vpc_and_nothing_if_vpcs_share_it(order, vpcs, expected):
    host = MappedTarget({"_class": "Host", "privateIpAddress": "10.0.0.4"}, [["privateIpAddress"]], create=False)
    graph = _graph(_ends("aws_record", "CONNECTS", RESOURCE, by="privateAddress"))
    graph.add("aws_record", "a", [])
    graph.link(_pointer("10.0.0.4", within=vpcs, outside=host), SCOPE)
    for vpc in order:
        graph.add("aws_eni", vpc, [_name("privateAddress", "10.0.0.4", vpc)])
        graph.add("aws_eip", f"{vpc}/eip", [_name("privateAddress", "10.0.0.4", vpc)])
    assert sorted(record["_toEntityKey"] for record in _closed(graph)) == expected
    assert sorted(each.reason for each in graph.dangling) == ([] if expected else ["ambiguous"])


def test_a_private_address_that_nothing_in_the_vpc_has_is_not_looked_for_elsewhere():
    graph = _graph(_ends("aws_group", "HAS", "aws_eni", by="privateAddress"))
    graph.add("aws_group", "a", [])
    graph.add("aws_eni", "there", [_name("privateAddress", "10.0.0.4", "vpc-2")])
    graph.link(_pointer("10.0.0.4", within=("vpc-1",)), SCOPE)
    assert _closed(graph) == []
    assert [each.reason for each in graph.dangling] == ["not found"]


def test_an_address_without_a_vpc_means_the_only_entity_that_has_it():
    graph = _graph(_ends("aws_record", "CONNECTS", RESOURCE, by="privateAddress"))
    graph.add("aws_record", "a", [])
    graph.add("aws_eni", "there", [_name("privateAddress", "10.0.0.4", "vpc-2")])
    graph.link(_pointer("10.0.0.4", within=()), SCOPE)
    assert [record["_toEntityKey"] for record in _closed(graph)] == ["there"]


def test_an_id_of_any_type_that_two_types_share_matches_neither():
    graph = _graph(_ends("aws_rule", "EVALUATES", RESOURCE))
    graph.add("aws_rule", "rule", [])
    graph.add("aws_b", "arn:b", [_name("id", "web", "eu")])
    graph.add("aws_c", "arn:c", [_name("id", "web")])
    graph.add("aws_c", "arn:d", [_name("id", "web", "us")])
    graph.link(_pointer("web", near="rule", within=("eu",)), SCOPE)
    graph.link(_pointer("web", near="rule", within=("us",), key="no"), SCOPE)
    graph.link(_pointer("web", near="rule", within=("ap",), key="yes"), SCOPE)
    assert [record["_toEntityKey"] for record in _closed(graph)] == ["arn:c"]
    assert {each.reason: count for each, count in graph.dangling.items()} == {"ambiguous": 2}


@pytest.mark.parametrize(
    ("name", "unseen", "reason"),
    [
        ("b-1", frozenset(), "not found"),
        ("b-1", frozenset({"aws_b"}), "not collected"),
        ("b-1", frozenset({"aws_c"}), "not found"),
    ],
)
def test_a_dangling_pointer_is_counted_with_its_reason(name, unseen, reason):
    graph = _graph(_ends("aws_a", "USES", "aws_b"))
    graph.add("aws_a", "a", [])
    graph.link(_pointer(name), SCOPE)
    assert _closed(graph, unseen) == []
    assert [(*dangling, count) for dangling, count in graph.dangling.items()] == [("aws_a", "USES", "aws_b", reason, 1)]


@pytest.mark.parametrize(
    ("source", "verb", "target", "expected"),
    [
        ("aws_ec2", "HAS", "aws_instance", "aws_ec2_has_instance"),
        ("aws_account", "HAS", "aws_account", "aws_account_has_account"),
        ("aws_s3_bucket", "HAS", "aws_s3_bucket_policy", "aws_s3_bucket_has_policy"),
        ("aws_security_group", "PROTECTS", "aws_instance", "aws_security_group_protects_instance"),
        ("aws_security_group", "ALLOWS", "aws_security_group", "aws_security_group_allows_group"),
        ("internet", "ALLOWS", "aws_security_group", "internet_allows_aws_security_group"),
        ("aws_iam_user", "IS", "Person", "aws_iam_user_is_person"),
    ],
)
def test_relationship_types_follow_jupiterones_rule(source, verb, target, expected):
    assert type_of(source, verb, target) == expected


@given(
    st.permutations(
        [
            ("entity", "aws_a", "a"),
            ("entity", "aws_b", "b"),
            ("entity", "aws_b", "c"),
            ("link", "a", "b"),
            ("link", "a", "c"),
            ("link", "a", "z"),
        ]
    )
)
def test_the_order_of_entities_and_pointers_does_not_matter(steps):
    graph, sent = _graph(_ends("aws_a", "USES", "aws_b")), []
    added: set[str] = set()
    links = [step for step in steps if step[0] == "link"]
    for kind, first, second in steps:
        if kind == "entity":
            added.add(second)
            freed = graph.add(first, second, []) or []
            records = [graph.link(each.pending, each.scope) for each in freed]
        elif first in added:
            records = [graph.link(_pointer(second, near=first), SCOPE)]
        else:
            continue  # a pointer comes with the entity of its row
        for record in filter(None, records):
            assert {record["_fromEntityKey"], record["_toEntityKey"]} <= added
            sent.append(record["_key"])
    possible = {
        f"a|uses|{second}"
        for _, first, second in links
        if second != "z" and steps.index(("link", first, second)) > steps.index(("entity", "aws_a", "a"))
    }
    assert set(sent) == possible
    assert len(sent) == len(set(sent))


def test_two_pointers_of_one_row_to_the_same_entity_draw_one_relationship():
    graph = _graph(_ends("aws_a", "USES", "aws_b"), _ends("aws_a", "USES", "aws_b", by="alias"))
    graph.add("aws_a", "a", [])
    graph.add("aws_b", "b", [_name("alias", "bee")])
    row = [_pointer("b"), _pointer("bee", edge=1)]
    drawn = [graph.link(pending, SCOPE) for pending in graph.index.mark_repeats(row)]
    assert [record is not None for record in drawn] == [True, False]
    assert graph.duplicates == 1


def test_a_relationship_that_cannot_repeat_is_not_remembered():
    graph = _graph(_ends("aws_a", "USES", "aws_b"), _ends("aws_a", "USES", "aws_b", by="alias"))
    graph.add("aws_b", "b", [_name("alias", "bee")])
    for number in range(3):
        graph.add("aws_a", f"a{number}", [])
        (pointer,) = graph.index.mark_repeats([_pointer("bee", edge=1, near=f"a{number}")])
        assert graph.link(pointer, SCOPE) is not None
    assert not any(graph._drawn.values())


def test_a_relationship_declared_at_both_ends_is_drawn_once():
    graph = _graph(_ends("aws_a", "USES", "aws_b"), _ends("aws_a", "USES", "aws_b", outward=False))
    graph.add("aws_a", "a", [])
    graph.add("aws_b", "b", [])
    rows = ([_pointer("b")], [_pointer("a", edge=1, near="b")])
    drawn = [graph.link(pending, SCOPE) for row in rows for pending in graph.index.mark_repeats(row)]
    assert [record is not None for record in drawn] == [True, False]
    assert graph.duplicates == 1


INSTANCE, FINDING = "aws_instance", "aws_ecr_image_scan_finding"
BEGINNINGS = (
    "arn:aws:ec2:eu-west-1:1:instance/",
    "arn:aws:ec2:us-east-1:1:instance/",
    "arn:aws:sqs:r:1:",
    "",
    "x:",
    "a/b:",
)
KEYS = st.tuples(
    st.sampled_from(BEGINNINGS), st.one_of(st.text("ab:/-", max_size=8), st.text("ab:/", min_size=65))
).map("".join)


@given(st.lists(st.tuples(KEYS, st.sampled_from((INSTANCE, FINDING)), st.booleans())))
def test_every_entity_is_found_by_key_and_by_name_however_its_key_is_stored(entities):
    graph = _graph(_ends("aws_a", "USES", INSTANCE), _ends("aws_a", "HAS", FINDING))
    graph.add("aws_a", "a", [])
    first: dict[str, str] = {}
    named: dict[tuple[str, str], str] = {}
    for key, type_, is_suffix in entities:
        name = key.rpartition("/")[2] if is_suffix else f"name of {key}"
        assert (graph.add(type_, key, [_name("id", name)]) is None) == (key in first or key == "a")
        if key not in first and key != "a":
            first[key] = type_
            named.setdefault((type_, name), key)
    assert all(key in graph.entities for key in first)
    assert "arn:aws:ec2:eu-west-1:1:instance/none" not in graph.entities
    for (type_, name), key in named.items():
        record = _drawn(graph, _pointer(name, edge=0 if type_ == INSTANCE else 1, key=key))
        by_key = name if first.get(name) == type_ else key  # a name that is also a key matches the entity with that key
        assert (record["_toEntityKey"], record["_type"]) == (by_key, type_of("aws_a", record["_class"], type_))
    assert dict(graph.entities.nameable()) == {key: type_ for key, type_ in first.items() if type_ == INSTANCE}
