from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.graph.convert import EdgeConverter, EntityConverter, UnreadValue, plain
from collector.model import Options, Place, UnknownValueError, Unreadable
from collector.schema.declarations import UNKNOWN, Call, Edge, Entity, First, Fixed, MappedEntity, Template, Via, pick
from collector.schema.values import JsonText, computed, equals, present

PLACE = Place("aws", "123456789012", "eu-west-1")


def _entity(**changes) -> Entity:
    fields: dict[str, Any] = {
        "type": "aws_vpc",
        "cls": "Network",
        "rows": Call("describe_vpcs", "Vpcs"),
        "key": Template("arn:{partition}:ec2:{region}:{OwnerId|account}:vpc/{VpcId}"),
        "id": "VpcId",
        "name": "VpcId",
        "tags": "Tags",
        "props": pick("CidrBlock", public=Fixed(False)),
    }
    return Entity(**(fields | changes))


def _converted(row, options=None, **changes):
    entity = EntityConverter(_entity(**changes), options or Options())(row, PLACE, [])
    assert entity is not None
    return entity


def test_a_row_becomes_an_entity():
    entity = _converted({"VpcId": "vpc-1", "OwnerId": "111122223333", "CidrBlock": "10.0.0.0/16"})
    assert entity.record == {
        "_key": "arn:aws:ec2:eu-west-1:111122223333:vpc/vpc-1",
        "_type": "aws_vpc",
        "_class": ["Network"],
        "CIDR": None,
        "internal": None,
        "cidrBlock": "10.0.0.0/16",
        "public": False,
        "name": "vpc-1",
        "id": "vpc-1",
        "displayName": "vpc-1",
        "accountId": "123456789012",
        "region": "eu-west-1",
        "arn": "arn:aws:ec2:eu-west-1:111122223333:vpc/vpc-1",
    }
    assert entity.names == [("id", "eu-west-1", "vpc-1")]


def test_a_row_without_the_fields_of_its_key_is_no_entity():
    assert EntityConverter(_entity(), Options())({"OwnerId": "1"}, PLACE, []) is None


def test_the_name_tag_is_the_display_name_and_replaces_a_missing_name():
    tagged = {"VpcId": "vpc-1", "Tags": [{"Key": "Name", "Value": "main"}]}
    named, unnamed = _converted(tagged), _converted(tagged, name="Missing")
    assert (named.record["name"], named.record["displayName"]) == ("vpc-1", "main")
    assert (unnamed.record["name"], unnamed.record["displayName"]) == ("main", "main")


def test_a_property_without_a_value_is_omitted():
    entity = _converted({"VpcId": "vpc-1"})
    assert "cidrBlock" not in entity.record


@pytest.mark.parametrize("value", ["", "[]", "{}", JsonText("{}"), {}])
def test_an_empty_text_or_structure_is_omitted(value):
    entity = _converted({"VpcId": "vpc-1", "CidrBlock": value}, props={"cidrBlock": "CidrBlock"})
    assert "cidrBlock" not in entity.record


@pytest.mark.parametrize(
    ("value", "kept"),
    [(["a", "", None, "b"], ["a", "b"]), ([""], []), ([], []), ([[], ["a"]], ['["a"]']), (" ", " "), (0, 0)],
)
def test_lists_keep_what_is_not_empty(value, kept):
    assert plain(value) == kept


def test_an_entity_without_an_arn_has_no_arn_property():
    entity = _converted({"VpcId": "vpc-1"}, arn=None)
    assert "arn" not in entity.record


def test_the_rows_own_region_overrides_the_scopes():
    entity = _converted({"VpcId": "b", "Region": "ap-south-1"}, region="Region")
    assert entity.record["region"] == "ap-south-1"
    assert ":ap-south-1:" in entity.key


def test_tags_from_options_have_jupiterones_names():
    options = Options(account_name="prod", tag_account_name=True, tag_production=True)
    assert options.tags() == {"tag.AccountName": "prod", "tag.Production": True}
    assert Options(account_name="prod").tags() == {}


def test_a_classification_tag_fills_the_property_that_the_class_requires():
    entity = _converted({"VpcId": "v", "Tags": [{"Key": "Classification", "Value": "Secret"}]}, cls="DataStore")
    assert entity.record["classification"] == "secret"


def test_raw_data_redacts_the_values_of_secrets_and_keeps_their_names():
    row = {"VpcId": "v", "Env": {"Variables": {"PASSWORD": "x"}}, "Defs": [{"Secret": "y", "Open": 1}], "^": {"A": 1}}
    entity = _converted(row, Options(raw=True), secrets=("Env.Variables", "Defs[].Secret", "Missing.Path"))
    assert entity.record["_rawData"] == [
        {
            "name": "default",
            "rawData": {
                "VpcId": "v",
                "Env": {"Variables": {"PASSWORD": "REDACTED"}},
                "Defs": [{"Secret": "REDACTED", "Open": 1}],
            },
        }
    ]
    assert row["Env"] == {"Variables": {"PASSWORD": "x"}}


def test_values_that_read_a_failed_call_are_omitted():
    row = {"VpcId": "v", "CidrBlock": "10.0.0.0/16", UNKNOWN: {"Routes"}}
    entity = _converted(row, props=pick("CidrBlock", public=present("Routes[].Gateway"), name2="CidrBlock"))
    assert "public" not in entity.record
    assert entity.record["cidrBlock"] == "10.0.0.0/16"
    assert _links(Edge("aws_vpc", "HAS", "aws_x", at=First("Routes[].Id", "VpcId")), row) == []
    assert _links(Edge("aws_vpc", "HAS", "aws_x", at=First("VpcId", "Routes[].Id")), row)
    assert _links(Edge("aws_vpc", "HAS", "aws_x", at="VpcId"), row)


def test_values_that_read_a_failed_call_of_the_parent_are_omitted():
    row = {"VpcId": "v", "^": {"Id": "p", UNKNOWN: {"Policy"}}}
    entity = _converted(row, props=pick(public=present("^.Policy.Statement"), parent="^.Id"))
    assert "public" not in entity.record
    assert entity.record["parent"] == "p"


FAILED = {"VpcId": "v", "KeyId": "alias/x", UNKNOWN: {"Detail"}}
"""A row of which a failed call left the field `Detail` unknown."""


def never(_: object) -> None:
    raise ZeroDivisionError


def test_nothing_that_reads_a_failed_call_is_computed_noted_or_concluded():
    unread: list[UnreadValue] = []
    unknown, known = Via("Detail", never), Via("VpcId", str.upper)
    entity = _entity(
        props={"a": unknown, "b": known}, display=unknown, created=unknown, active=unknown, tags="Detail.Tags", vpc=unknown,
        also={"dns": unknown, "name": known}, facts={"policy": unknown, "vpc": known}, arn=unknown, web="https://x/{Detail.Id}",
    )  # fmt: skip
    converted = EntityConverter(entity, Options())(FAILED, PLACE, unread)
    assert converted is not None
    assert unread == []
    assert {"a", "createdOn", "active", "arn", "webLink"}.isdisjoint(converted.record)
    assert (converted.record["b"], converted.record["displayName"]) == ("V", "v")
    assert converted.facts == {"policy": None, "vpc": "V"}
    assert [name.kind for name in converted.names] == ["id", "name"]


def test_a_row_whose_key_a_failed_call_left_unknown_is_no_entity():
    with pytest.raises(UnknownValueError):
        EntityConverter(_entity(key="Detail.Arn"), Options())(FAILED, PLACE, [])


def test_what_reads_an_unknown_region_is_left_out():
    entity = _converted(FAILED, region="Detail.Region", key="VpcId", web="https://x/{region}/{VpcId}")
    assert {"region", "webLink"}.isdisjoint(entity.record)
    assert entity.names == [("id", "", "v")]


def test_a_pointer_in_an_unknown_region_gives_no_edge():
    place, unread = Place("aws", "1", ""), list[UnreadValue]()
    edge = Edge("aws_vpc", "USES", "aws_x", at="KeyId")
    assert EdgeConverter(edge, _entity(), 7)(FAILED, "k", place, unread) == []
    assert unread == []


@pytest.mark.parametrize(
    "unknown",
    [
        {"at": Via("Detail.Id", never)},
        {"when": Via("Detail.Id", never)},
        {"key": Via("Detail.Id", never)},
        {"of": Via("Detail.Id", never)},
        {"vpc": Via("Detail.Id", never), "by": "privateAddress"},
        {"each": "Detail[]"},
    ],
    ids=lambda changes: next(iter(changes)),
)
@pytest.mark.parametrize("each", [None, "Items[]"])
def test_an_edge_that_reads_a_failed_call_is_not_drawn(unknown, each):
    if each and "each" not in unknown:  # the sources read an item, whose parent is the row
        unknown = {name: Via(f"^.{source.path}", never) if name != "by" else source for name, source in unknown.items()}
        unknown["each"] = each
    unread: list[UnreadValue] = []
    edge = Edge("aws_vpc", "HAS", "aws_x", **{"at": "VpcId", **unknown})
    assert EdgeConverter(edge, _entity(), 7)({**FAILED, "Items": [{"VpcId": "w"}]}, "k", PLACE, unread) == []
    assert unread == []


def test_an_edge_keeps_what_does_not_read_the_failed_call():
    unread: list[UnreadValue] = []
    person = MappedEntity({"_class": Fixed("Person"), "name": "VpcId", "email": "Detail"}, match=(("_class", "name"),))
    edge = Edge("aws_vpc", "HAS", "aws_x", at="VpcId", props={"a": Via("Detail", never), "b": "VpcId"}, outside=person)
    (pending,) = EdgeConverter(edge, _entity(), 7)(FAILED, "k", PLACE, unread)
    assert (pending.name, pending.props, unread) == ("v", {"b": "v"}, [])
    assert pending.outside is not None
    assert pending.outside.entity == {"_class": "Person", "name": "v"}
    (direct,) = _links(Edge("aws_vpc", "HAS", "aws_x", at="VpcId", outside="Detail.Arn"), FAILED)
    assert (direct.name, direct.outside) == ("v", None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (JsonText("x" * 5000), "x" * 5000),
        ("x" * 4096, "x" * 4096),
        ("x" * 4097, "x" * 4093 + "..."),
        (datetime(2026, 1, 1, tzinfo=UTC), 1767225600000),
        (["a", None, "b"], ["a", "b"]),
        ([1, 2.5], [1, 2.5]),
        ([1, "a"], ["1", "a"]),
        ([{"b": 1}], ['{"b":1}']),
        ({"b": 1, "a": [1]}, '{"a":[1],"b":1}'),
        (None, None),
        (False, False),
    ],
)
def test_values_become_valid_property_values(value, expected):
    assert plain(value) == expected


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_value_becomes_a_structure_or_a_mixed_list(value):
    result = plain(value)
    values = result if isinstance(result, list) else [result]
    assert not any(isinstance(one, dict | list) for one in values)
    assert len({type(one) for one in values} - {int, float}) <= 1


def _links(edge: Edge, row, key="k"):
    return list(EdgeConverter(edge, _entity(), 7)(row, key, PLACE, []))


def test_a_repeated_pointer_of_a_row_gives_one_edge():
    edge = Edge("aws_vpc", "HAS", "aws_security_group", at="Groups[].GroupId")
    row = {"Groups": [{"GroupId": "a"}, {"GroupId": "b"}, {"GroupId": "a"}, {}]}
    assert [pending.name for pending in _links(edge, row)] == ["a", "b"]


def test_an_empty_pointer_gives_no_edge():
    assert _links(Edge("aws_vpc", "HAS", "aws_x", at="Id"), {"Id": ""}) == []
    assert _links(Edge("aws_vpc", "HAS", "aws_x", at="Id"), {}) == []


def test_an_edge_for_each_item_reads_the_item_and_its_row():
    edge = Edge(
        "aws_vpc", "HAS", "aws_x", each="Members[]", at=Template("{^.VpcId}/{Id}"), when=equals("State", "on"),
        props=pick("Role"), key="Id",
    )  # fmt: skip
    row = {"VpcId": "v", "Members": [{"Id": 1, "State": "on", "Role": "writer"}, {"Id": 2, "State": "off"}]}
    (pending,) = _links(edge, row)
    assert (pending.name, pending.key, pending.props) == ("v/1", "1", {"role": "writer"})


def test_scalar_items_are_read_as_item():
    edge = Edge("aws_vpc", "HAS", "aws_x", each="Names[]", at=Template("{region}/{Item}"))
    assert [pending.name for pending in _links(edge, {"Names": ["a", "b"]})] == ["eu-west-1/a", "eu-west-1/b"]


def test_edge_properties_are_primitives():
    @computed("Actions")
    def actions(row):
        return row["Actions"]

    (pending,) = _links(
        Edge("aws_vpc", "HAS", "aws_x", at="Id", props={"actions": actions}), {"Id": "x", "Actions": ["a", "b"]}
    )
    assert pending.props == {"actions": '["a","b"]'}


def test_a_described_end_needs_all_values_of_one_match_group():
    person = MappedEntity({"_class": Fixed("Person"), "email": "Email"}, match=(("_class", "email"),))
    edge = Edge("aws_vpc", "IS", "Person", outside=person)
    assert _links(edge, {}) == []
    (pending,) = _links(edge, {"Email": "a@b.c"})
    assert pending.outside is not None
    assert pending.outside.entity == {"_class": "Person", "email": "a@b.c"}


def test_the_row_is_the_source_if_both_ends_are_of_its_type():
    converter = EdgeConverter(Edge("aws_vpc", "CONNECTS", "aws_vpc", at="Peer"), _entity(), 0)
    assert converter.ends.outward


def test_a_value_that_cannot_be_read_costs_its_property_only():
    unread: list[UnreadValue] = []
    props = pick("CidrBlock", malformed=Via("Size", len), huge="Huge", late="Late")
    row = {"VpcId": "v", "CidrBlock": "10.0.0.0/16", "Size": 5, "Huge": 10**30, "Late": Unreadable("+12024-01-01")}
    entity = EntityConverter(_entity(props=props, tags="Size[]", facts={"x": Via("Size", len)}), Options())(
        row, PLACE, unread
    )
    assert entity is not None
    assert entity.record["cidrBlock"] == "10.0.0.0/16"
    assert {"malformed", "huge", "late"}.isdisjoint(entity.record)
    assert entity.facts == {"x": None}
    assert [name for name, _ in unread] == ["malformed", "huge", "late", "tags", "fact x"]


def test_an_item_whose_pointer_cannot_be_read_costs_its_edge_only():
    unread: list[UnreadValue] = []
    edge = Edge("aws_vpc", "HAS", "aws_x", each="Items[]", at=Via("Id", str.lower), props={"size": Via("Size", len)})
    row = {"Items": [{"Id": 5}, {"Id": "A", "Size": 1}, {"Id": "B", "Size": "xy"}]}
    pending = EdgeConverter(edge, _entity(), 7)(row, "k", PLACE, unread)
    assert [(each.name, each.props) for each in pending] == [("a", {}), ("b", {"size": 2})]
    assert [name for name, _ in unread] == ["aws_vpc HAS aws_x", "aws_vpc HAS aws_x: size"]


def test_a_value_that_cannot_be_read_because_a_call_failed_is_not_noted_twice():
    unread: list[UnreadValue] = []
    entity = _entity(props={"malformed": computed("Detail.X")(lambda row: row["Detail"]["X"])})
    assert EntityConverter(entity, Options())({"VpcId": "v", UNKNOWN: {"Detail"}}, PLACE, unread)
    assert unread == []
