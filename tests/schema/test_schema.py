from __future__ import annotations

import pytest

from tests.class_schemas import fits, violations


@pytest.mark.parametrize(
    ("value", "notation", "expected"),
    [
        (None, "string|null", True),
        ("x", "string|null", True),
        (1, "string|null", False),
        (True, "number", False),
        (1.5, "integer", False),
        (["10.0.0.1"], "array<string:ipv4>|null", True),
        (["::1"], "array<string:ipv4>|null", False),
        ("b", "enum(a|b)|null", True),
        ("c", "enum(a|b)|null", False),
        (11, "integer [minimum=1,maximum=10]", False),
        ([], "string [minLength=2]|array<string [minLength=2]> [minItems=1]", False),
        ("10.0.0.0/16", r"string|null [pattern=^([0-9]{1,3}\.){3}[0-9]{1,3}(/([0-9]|[1-2][0-9]|3[0-2]))?$]", True),
        ("nowhere", r"string|null [pattern=^([0-9]{1,3}\.){3}[0-9]{1,3}(/([0-9]|[1-2][0-9]|3[0-2]))?$]", False),
        ("not a link", "string:uri", False),
    ],
)
def test_a_value_fits_a_notation_or_not(value, notation, expected):
    assert fits(value, notation) is expected


def test_missing_properties_wrong_values_and_structures_are_violations():
    entity = {
        "_key": "0123456789",
        "_type": "aws_vpc",
        "_class": ["Network"],
        "name": "v",
        "displayName": "v",
        "CIDR": "moon",
        "internal": True,
        "box": {},
    }
    problems = " ".join(violations(entity))
    assert "requires public" in problems
    assert "CIDR: 'moon'" in problems
    assert "box is a structure" in problems
