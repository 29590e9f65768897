from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model import Place, UnknownValueError
from collector.schema.declarations import UNKNOWN, Computed, First, Fixed, Row, Source, Template, Via, camel, pick
from collector.schema.paths import found, found_rows, reader, reads, template, value_at, walker

PLACE = Place("aws", "123456789012", "eu-west-1")
ROW = {
    "Id": "x",
    "State": {"Name": "running"},
    "Groups": [{"GroupId": "a"}, {"GroupId": "b"}, {}],
    "Methods": {"GET": {"uri": "1"}, "PUT": {"uri": "2"}},
    "Empty": [],
    "Nothing": None,
    "^": {"OwnerId": "111122223333"},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("@", ROW),
        ("Id", "x"),
        ("State.Name", "running"),
        ("State.Code", None),
        ("Missing.Name", None),
        ("Nothing.Name", None),
        ("Groups[]", ROW["Groups"]),
        ("Groups[].GroupId", ["a", "b"]),
        ("Methods{}.uri", ["1", "2"]),
        ("Empty[].X", []),
        ("Missing[].X", []),
        ("^.OwnerId", "111122223333"),
    ],
)
def test_a_path_returns_its_value_or_none(path, value):
    assert walker(path)(ROW) == value


def test_nested_lists_are_flattened():
    answer = {"Reservations": [{"Instances": [{"I": 1}, {"I": 2}]}, {"Instances": []}, {"Instances": [{"I": 3}]}]}
    assert [row["I"] for row in found(answer, "Reservations[].Instances[]")] == [1, 2, 3]


def test_rows_of_nested_lists_have_their_element_as_parent_without_a_cycle():
    answer = {"Reservations": [{"OwnerId": "1", "Instances": [{"I": 1}]}]}
    (row,) = found_rows(answer, "Reservations[].Instances[]", None)
    assert row["^"]["OwnerId"] == "1"
    assert "^" not in answer["Reservations"][0]["Instances"][0]


def test_rows_of_nested_lists_have_the_parent_above_their_element():
    answer = {"A": [{"Name": "a", "B": [{"I": 1}]}]}
    (row,) = found_rows(answer, "A[].B[]", {"Id": "parent"})
    assert (row["^"]["Name"], row["^"]["^"]["Id"]) == ("a", "parent")


def test_a_scalar_item_becomes_a_row():
    assert list(found_rows({"Ids": ["a"]}, "Ids", None)) == [{"Item": "a"}]
    assert list(found_rows({"Ids": ["a"]}, "Ids", {"P": 1})) == [{"Item": "a", "^": {"P": 1}}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("arn:{partition}:ec2:{region}:{account}:vpc/{Id}", "arn:aws:ec2:eu-west-1:123456789012:vpc/x"),
        ("{Missing}/{Id}", None),
        ("{Missing|account}/{Id}", "123456789012/x"),
        ("{^.OwnerId|account}", "111122223333"),
        ("https://{console}/", "https://console.aws.amazon.com/"),
        ("plain", "plain"),
    ],
)
def test_a_template_is_filled_from_row_and_place_or_is_none(text, value):
    assert template(text)(ROW, PLACE) == value


def test_a_quoted_template_escapes_the_values_of_the_row():
    assert template("https://x/#{Name}", quoted=True)({"Name": "a b/ü?"}, PLACE) == "https://x/#a%20b%2F%C3%BC%3F"


def test_a_place_name_in_a_template_never_reads_a_field():
    assert template("{region}")({"region": "moon"}, PLACE) == "eu-west-1"


def test_every_kind_of_source_has_a_value_and_lists_its_paths():
    computed = Computed(lambda row: row["Id"] * 2, ("Id",))
    cases: list[tuple[Source, object, list[str]]] = [
        ("Id", "x", ["Id"]),
        (Via("Id", str.upper), "X", ["Id"]),
        (Via("Missing", str.upper), None, ["Missing"]),
        (Template("{region}-{Id|State.Name}"), "eu-west-1-x", ["Id", "State.Name"]),
        (Template("{name}/{Id}", {"name": Via("Id", str.upper)}), "X/x", ["Id", "Id"]),
        (Fixed(["network"]), ["network"], []),
        (computed, "xx", ["Id"]),
        (First("Missing", "Empty", Via("Id", str.upper)), "X", ["Missing", "Empty", "Id"]),
    ]
    for source, value, paths in cases:
        assert reader(source)(ROW, PLACE) == value
        assert list(reads(source)) == paths


PARTIAL: Row = {"Id": "x", "Part": ["a"], "^": {"Id": "p", UNKNOWN: {"Policy"}}, UNKNOWN: {"Detail", "Part"}}
"""A row of which a failed call left the fields `Detail` and `Part` unknown, and of its parent `Policy`."""


def never(value: object) -> object:
    raise AssertionError(f"computed from {value!r}")


@pytest.mark.parametrize(
    "source",
    [
        "Detail",
        "Detail.State.Name",
        "Detail[].Id",
        "Part[]",
        "^.Policy.Statement",
        "@",
        Via("Detail.State", never),
        Via("Part[]", never),
        Via("^.Policy", never),
        Computed(never, ("Id", "Detail.State")),
        Computed(never, ("Id", "^.Policy[].Effect")),
        Template("{Id}/{Detail.Name}"),
        Template("{^.Policy|Id}"),
        Template("{name}", {"name": Via("Detail", never)}),
        First("Missing", "Detail.Name", "Id"),
        First(Via("Detail", never), "Id"),
    ],
    ids=str,
)
def test_a_source_that_reads_an_unknown_field_is_not_computed(source):
    with pytest.raises(UnknownValueError):
        reader(source)(PARTIAL, PLACE)


@pytest.mark.parametrize(
    "source", ["^.^.Policy.Id", Via("^.^.Policy", never), Computed(never, ("Id", "^.^.Policy"))], ids=str
)
def test_a_field_of_a_parent_may_be_unknown_though_all_of_the_row_is_known(source):
    with pytest.raises(UnknownValueError):
        reader(source)({"Id": "x", "^": {"Item": "y", "^": {UNKNOWN: {"Policy"}}}}, PLACE)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("Id", "x"),
        ("Details", None),
        ("^.Id", "p"),
        ("^.Detail", None),
        (Computed(lambda row: row["Id"], ("Id", "^.Id")), "x"),
        (First("Id", "Detail"), "x"),
        (Template("{Id|Detail}"), "x"),
        (Fixed("Detail"), "Detail"),
    ],
    ids=str,
)
def test_a_source_that_reads_known_fields_only_has_its_value(source, value):
    assert reader(source)(PARTIAL, PLACE) == value


def test_what_reads_an_unknown_region_is_not_computed():
    with pytest.raises(UnknownValueError):
        template("{account}/{region}")(ROW, Place("aws", "1", ""))


def test_an_argument_of_a_call_that_is_unknown_has_no_value():
    with pytest.raises(UnknownValueError):
        value_at("^.Policy.Id")(PARTIAL)
    assert value_at("^.Id")(PARTIAL) == "p"


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("CidrBlock", "cidrBlock"), ("State.Name", "name"), ("ARN", "arn"), ("DBInstanceArn", "dbInstanceArn"),
        ("VPCId", "vpcId"), ("MultiAZ", "multiAZ"), ("vpcId", "vpcId"), ("KMSMasterKeyId", "kmsMasterKeyId"), ("Subnets[]", "subnets"),
    ],
)  # fmt: skip
def test_fields_become_lower_camel_case(field, name):
    assert camel(field) == name
    assert pick(field) == {name: field}


@given(
    st.recursive(
        st.none() | st.text(),
        lambda inner: st.dictionaries(
            st.sampled_from("ABC"), inner | st.lists(st.dictionaries(st.sampled_from("ABC"), inner))
        ),
    )
)
def test_no_response_of_the_right_shape_makes_a_path_fail(answer):
    if isinstance(answer, dict) and not isinstance(answer.get("A"), str) and not isinstance(answer.get("A"), list):
        walker("A")(answer)
    rows = answer.get("B") if isinstance(answer, dict) else None
    if isinstance(rows, list):
        assert len(found(answer, "B[]")) == len(rows)


@pytest.mark.parametrize(
    ("partition", "suffix"),
    [("aws", "amazonaws.com"), ("aws-us-gov", "amazonaws.com"), ("aws-cn", "amazonaws.com.cn")],
)
def test_host_names_end_in_the_domain_of_the_partition(partition, suffix):
    assert template("api.{suffix}")({}, Place(partition, "1", "r")) == f"api.{suffix}"
