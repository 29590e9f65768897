from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model import Place
from collector.schema.declarations import Computed, First, Fixed, Source, Template, Via, camel, pick
from collector.schema.paths import found, found_rows, reader, reads, template, walker

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
def test_a_path_is_followed_until_it_breaks_off(path, value):
    assert walker(path)(ROW) == value


def test_lists_within_lists_come_out_flat():
    answer = {"Reservations": [{"Instances": [{"I": 1}, {"I": 2}]}, {"Instances": []}, {"Instances": [{"I": 3}]}]}
    assert [row["I"] for row in found(answer, "Reservations[].Instances[]")] == [1, 2, 3]


def test_rows_know_the_element_around_them_and_make_no_circle():
    answer = {"Reservations": [{"OwnerId": "1", "Instances": [{"I": 1}]}]}
    (row,) = found_rows(answer, "Reservations[].Instances[]", None)
    assert row["^"]["OwnerId"] == "1"
    assert "^" not in answer["Reservations"][0]["Instances"][0]


def test_rows_below_a_parent_know_it_and_the_element_around_them():
    answer = {"A": [{"Name": "a", "B": [{"I": 1}]}]}
    (row,) = found_rows(answer, "A[].B[]", {"Id": "parent"})
    assert (row["^"]["Name"], row["^"]["^"]["Id"]) == ("a", "parent")


def test_a_bare_value_becomes_a_row():
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
def test_a_template_is_filled_from_row_and_place_or_gives_nothing(text, value):
    assert template(text)(ROW, PLACE) == value


def test_a_link_escapes_the_values_of_the_row():
    assert template("https://x/#{Name}", quoted=True)({"Name": "a b/ü?"}, PLACE) == "https://x/#a%20b%2F%C3%BC%3F"


def test_a_field_named_like_a_place_never_shows_through():
    assert template("{region}")({"region": "moon"}, PLACE) == "eu-west-1"


def test_every_kind_of_source_reads_and_says_what_it_reads():
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
def test_no_answer_of_the_right_shape_breaks_a_path(answer):
    if isinstance(answer, dict) and not isinstance(answer.get("A"), str) and not isinstance(answer.get("A"), list):
        walker("A")(answer)
    rows = answer.get("B") if isinstance(answer, dict) else None
    if isinstance(rows, list):
        assert len(found(answer, "B[]")) == len(rows)
