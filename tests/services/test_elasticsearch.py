import pytest

from collector.services import elasticsearch


@pytest.mark.parametrize(
    ("row", "active"),
    [
        ({"Created": True, "Deleted": False}, True),
        ({"Created": True}, True),
        ({"Created": True, "Deleted": True}, False),
        ({"Created": False}, False),
        ({}, False),
    ],
)
def test_a_domain_is_active_from_creation_until_deletion(row, active):
    assert elasticsearch.is_active.fn(row) is active
