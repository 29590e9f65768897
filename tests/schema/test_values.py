from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model import Place
from collector.schema import values
from collector.schema.paths import reader

PLACE = Place("aws", "1", "r")


def read(source, row):
    return reader(source)(row, PLACE)


@pytest.mark.parametrize(
    ("source", "row", "value"),
    [
        (values.boolean("A"), {"A": "true"}, True),
        (values.boolean("A"), {"A": "Enabled"}, True),
        (values.boolean("A"), {"A": "Disabled"}, False),
        (values.boolean("A"), {"A": False}, False),
        (values.boolean("A"), {}, None),
        (values.negated("A"), {"A": True}, False),
        (values.integer("A"), {"A": "42"}, 42),
        (values.integer("A"), {"A": "many"}, None),
        (values.text("A"), {"A": 4}, "4"),
        (values.lower("A"), {"A": "ABC"}, "abc"),
        (values.last_segment("A"), {"A": "arn:x:role/path/name"}, "name"),
        (values.without_suffix("A", ":*"), {"A": "arn:group:*"}, "arn:group"),
        (values.without_suffix("A", ":*"), {"A": ["x:*", "y"]}, ["x", "y"]),
        (
            values.document("A"),
            {"A": {"b": 1, "a": datetime(2026, 1, 1, tzinfo=UTC)}},
            '{"a":"2026-01-01T00:00:00+00:00","b":1}',
        ),
        (values.document("A"), {"A": "text"}, "text"),
        (values.present("A.B"), {"A": {"B": []}}, False),
        (values.present("A.B"), {"A": {"B": 0}}, True),
        (values.equals("A", "x", "y"), {"A": "y"}, True),
        (values.equals("A", "x"), {}, False),
        (values.differs("A", "x"), {}, True),
        (values.is_one_of("A", "x", "y"), {"A": "y"}, True),
        (values.is_one_of("A", "x", "y"), {"A": "z"}, False),
        (values.is_one_of("A", "x"), {}, None),
        (values.is_none_of("A", "x"), {"A": "x"}, False),
        (values.is_none_of("A", "x"), {}, None),
        (values.count("A"), {"A": [1, 2]}, 2),
        (values.unique("A[]"), {"A": ["b", "a", "b"]}, ["b", "a"]),
        (values.only("A"), {"A": ["x", "y"]}, "x"),
        (values.only("A"), {"A": []}, None),
        (values.entry("A", "k"), {"A": [{"Key": "j", "Value": 1}, {"Key": "k", "Value": 2}]}, 2),
        (values.entry("A", "z"), {"A": []}, None),
    ],
)
def test_values_are_converted(source, row, value):
    assert read(source, row) == value


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), 1767323045000),
        (datetime(2026, 1, 2, 3, 4, 5), 1767323045000),
        (datetime(2026, 1, 2, 4, 4, 5, tzinfo=timezone(timedelta(hours=1))), 1767323045000),
        (1767323045, 1767323045000),
        ("1767323045.5", 1767323045500),
        ("2026-01-02T03:04:05Z", 1767323045000),
        ("2026-01-02T03:04:05.000+0000", 1767323045000),
        ("no time", None),
    ],
)  # fmt: skip
def test_times_become_milliseconds_in_utc(time, expected):
    assert values.milliseconds(time) == expected


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_iso_text_and_datetime_are_the_same_time(moment):
    assert values.milliseconds(moment.isoformat()) == values.milliseconds(moment)
