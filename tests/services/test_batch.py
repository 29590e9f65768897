from collector.services import batch


def test_a_queue_tries_its_environments_in_their_order():
    order = [{"order": 2, "computeEnvironment": "second"}, {"order": 1, "computeEnvironment": "first"}]
    assert batch.in_order(order) == ["first", "second"]
