"""Equivalence of the timestamp parser with botocore's."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from botocore.utils import parse_timestamp as botocore_timestamp
from hypothesis import given
from hypothesis import strategies as st

from collector.aws.parsers import parse_timestamp
from collector.model import Unreadable
from tests.aws.parser_choices import EPOCHS, ISO_8601, RFC_822
from tests.aws.parser_compare import outcome, same

# dateutil warns of a zone that it does not know, such as `T` in `0:0T`, and goes on without one
pytestmark = pytest.mark.filterwarnings("ignore::dateutil.parser.UnknownTimezoneWarning")

FORMS = (
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S.%fZ",
    "%Y-%m-%dT%H:%M:%S+00:00",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%a, %d %b %Y %H:%M:%S GMT",
    "%Y%m%dT%H%M%SZ",
)
UNUSUAL = (
    "",
    " ",
    "Z",
    "0001-01-01T00:00:00Z",
    "2024-02-30T00:00:00Z",
    "2024-01-02T24:00:00Z",
    "2024-01-02T03:04:60Z",
    "1e400",
    "nan",
    "0:0T",
)
OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def assert_equal(value: object) -> None:
    ours, theirs = outcome(parse_timestamp, value), outcome(botocore_timestamp, value)
    if isinstance(theirs, datetime):
        assert isinstance(ours, datetime), value
        assert same(ours, theirs), value
    else:
        assert ours == Unreadable(str(value)), value


@pytest.mark.parametrize(
    "value", [*EPOCHS, *ISO_8601, *RFC_822, *UNUSUAL, "1704164645", "1704164645.25", None, True, [], b"2024"]
)
def test_a_value_is_parsed_as_botocore_parses_it(value):
    assert_equal(value)


@given(moment=st.datetimes(min_value=datetime(1000, 1, 1)), form=st.sampled_from(FORMS))  # the format adds the zone
def test_any_time_in_any_format_is_parsed_as_botocore_parses_it(moment, form):
    assert_equal(moment.strftime(form))


@given(moment=st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9999, 12, 30), timezones=OFFSETS))
def test_any_utc_offset_is_parsed_as_botocore_parses_it(moment):
    text = moment.isoformat()
    assert_equal(text)
    parsed = parse_timestamp(text)
    assert isinstance(parsed, datetime)
    assert parsed.utcoffset() == botocore_timestamp(text).utcoffset()


@given(text=st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-3][0-9]T[0-9]{2}:[0-5][0-9]:[0-9]{2}(\.[0-9]{1,9})?Z", fullmatch=True))
def test_invalid_days_and_hours_are_unreadable_where_botocore_raises(text):
    assert_equal(text)


@given(text=st.text("0123456789-:.TZ+, ", max_size=30))
def test_any_text_has_the_same_outcome_as_with_botocore(text):
    assert_equal(text)


@given(seconds=st.integers(-(2**70), 2**70) | st.integers(0, 2**32) | st.floats() | st.floats(0, 2**32))
def test_any_number_has_the_same_outcome_as_with_botocore(seconds):
    assert_equal(seconds)


@pytest.fixture
def _new_york(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_new_york")
@pytest.mark.parametrize("epoch", [1704164645, 1704164645.0, "1704164645"])
def test_epoch_seconds_are_in_utc_regardless_of_the_local_time_zone(epoch):
    assert parse_timestamp(epoch) == datetime.fromtimestamp(1704164645, UTC)
    assert str(parse_timestamp(epoch)) == "2024-01-02 03:04:05+00:00"


@pytest.mark.parametrize("value", [253402300800, 253402300800.5, 1e18, "12024-01-02T03:04:05Z"])
def test_a_time_beyond_the_year_9999_is_unreadable_and_keeps_its_text(value):
    assert parse_timestamp(value) == Unreadable(str(value))
