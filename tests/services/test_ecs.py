import pytest

from collector.services import ecs

PAIRS = [{"name": "subnetId", "value": "subnet-1"}, {"name": "subnetId"}, {"name": "macAddress", "value": "0a:1b"}]


@pytest.mark.parametrize(("name", "values"), [("subnetId", ["subnet-1"]), ("macAddress", ["0a:1b"]), ("dns", [])])
def test_values_of_one_name_are_selected_from_pairs(name, values):
    assert ecs.values_of("details[]", name).fn(PAIRS) == values
