from collector.services import batch


def test_compute_environments_are_sorted_by_order():
    order = [{"order": 2, "computeEnvironment": "second"}, {"order": 1, "computeEnvironment": "first"}]
    assert batch.in_order(order) == ["first", "second"]
