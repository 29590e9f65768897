import pytest

from collector.services import cloudtrail


def plain(*kinds):
    return {"EventSelectors": [{"ReadWriteType": kind} for kind in kinds]}


def advanced(*limits):
    fields = [
        {"Field": "eventCategory", "Equals": ["Data"]},
        *({"Field": "readOnly", "Equals": [limit]} for limit in limits),
    ]
    return {"AdvancedEventSelectors": [{"FieldSelectors": fields}]}


@pytest.mark.parametrize(
    ("selectors", "read", "write"),
    [
        (None, None, None),
        ({}, None, None),
        (plain("All"), True, True),
        (plain("ReadOnly"), True, False),
        (plain("WriteOnly"), False, True),
        (plain("ReadOnly", "WriteOnly"), True, True),
        (advanced(), True, True),
        (advanced("true"), True, False),
        (advanced("false"), False, True),
    ],
)
def test_selectors_decide_whether_reads_and_writes_are_recorded(selectors, read, write):
    row = {"Selectors": selectors}
    assert (cloudtrail.reading.fn(row), cloudtrail.writing.fn(row)) == (read, write)


@pytest.mark.parametrize(
    ("owner", "callers", "foreign"),
    [
        ("123456789012", [{"Account": "123456789012"}], False),
        ("999988887777", [{"Account": "123456789012"}], True),
        ("999988887777", [], False),
    ],
)
def test_a_trail_of_another_account_is_foreign(owner, callers, foreign):
    row = {"TrailARN": f"arn:aws:cloudtrail:eu-west-1:{owner}:trail/all", "Caller": callers}
    assert cloudtrail.is_foreign.fn(row) is foreign
