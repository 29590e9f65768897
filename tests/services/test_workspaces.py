import pytest

from collector.services import workspaces


@pytest.mark.parametrize(
    ("name", "system"),
    [
        ("WINDOWS_11", "windows"),
        ("WINDOWS_SERVER_2022", "windows"),
        ("AMAZON_LINUX_2", "linux"),
        ("ROCKY_8", "linux"),
        ("UNKNOWN", None),
    ],
)
def test_the_operating_system_is_windows_or_linux(name, system):
    assert workspaces.os_type(name) == system
