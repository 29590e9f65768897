import pytest

from collector.services import ecs

PAIRS = [{"name": "subnetId", "value": "subnet-1"}, {"name": "subnetId"}, {"name": "macAddress", "value": "0a:1b"}]


@pytest.mark.parametrize(("name", "values"), [("subnetId", ["subnet-1"]), ("macAddress", ["0a:1b"]), ("dns", [])])
def test_values_of_one_name_are_selected_from_pairs(name, values):
    assert ecs.values_of("details[]", name).fn(PAIRS) == values


@pytest.mark.parametrize(
    ("text", "units"),
    [("256", 256), ("1 vCPU", 1024), (".25 vcpu", 256), ("0.25 vCPU", 256), ("1024.0", 1024), ("x", None)],
)
def test_cpu_is_a_number_of_units(text, units):
    assert ecs.cpu_units(text) == units


@pytest.mark.parametrize(("text", "size"), [("512", 512), ("1GB", 1024), ("0.5 GB", 512), ("much", None)])
def test_memory_is_a_number_of_mebibytes(text, size):
    assert ecs.mebibytes(text) == size


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (
            {"taskArn": "a:task/web/0123456789ab", "taskDefinitionArn": "a:task-definition/orders:7"},
            "orders:7 01234567",
        ),
        ({"taskArn": "a:task/web/0123456789ab"}, "01234567"),
        ({}, None),
    ],
)
def test_a_task_is_named_after_its_definition(row, name):
    assert ecs.task_name.fn(row) == name
