import pytest

from collector.services import cloudformation


@pytest.mark.parametrize(
    ("status", "active"),
    [
        ("CREATE_COMPLETE", True),
        ("UPDATE_IN_PROGRESS", True),
        ("UPDATE_ROLLBACK_COMPLETE", True),
        ("IMPORT_COMPLETE", True),
        ("CREATE_FAILED", False),
        ("ROLLBACK_COMPLETE", False),
        ("REVIEW_IN_PROGRESS", False),
        ("DELETE_FAILED", False),
    ],
)
def test_a_stack_is_active_while_it_has_its_resources(status, active):
    assert cloudformation.is_active(status) is active
