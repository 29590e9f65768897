import pytest

from collector.services import rds

RESTORE = [{"AttributeName": "restore", "AttributeValues": ["all", "210987654321"]}]
OWN = [{"AttributeName": "restore", "AttributeValues": []}]


@pytest.mark.parametrize(
    ("row", "public", "shared", "accounts"),
    [
        ({"SnapshotType": "manual", "Attributes": RESTORE}, True, True, ["210987654321"]),
        ({"SnapshotType": "manual", "Attributes": OWN}, False, False, []),
        ({"SnapshotType": "automated"}, False, False, []),
        ({"SnapshotType": "manual"}, None, None, None),
    ],
)
def test_who_may_restore_a_snapshot(row, public, shared, accounts):
    told = {name: source.fn(row) for name, source in rds.shared_with("Attributes").items()}
    assert told == {"public": public, "shared": shared, "sharedWithAccounts": accounts}


@pytest.mark.parametrize(
    ("endpoint", "label"),
    [("orders-1.c0ffee.us-east-1.rds.amazonaws.com", "orders-1"), ("x.c0ffee.us-east-1.rds.amazonaws.com", None)],
)
def test_a_host_name_has_two_characters_at_least(endpoint, label):
    assert rds.first_label(endpoint) == label


def test_a_cluster_answers_under_several_names():
    row = {"Endpoint": "A.example", "ReaderEndpoint": None, "CustomEndpoints": ["B.example"]}
    assert rds.cluster_endpoints.fn(row) == ["a.example", "b.example"]
