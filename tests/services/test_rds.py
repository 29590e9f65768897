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
def test_only_a_manual_snapshot_can_be_shared(row, public, shared, accounts):
    values = {name: source.fn(row) for name, source in rds.shared_with("Attributes").items()}
    assert values == {"public": public, "shared": shared, "sharedWithAccounts": accounts}


@pytest.mark.parametrize(
    ("endpoint", "label"),
    [("orders-1.c0ffee.us-east-1.rds.amazonaws.com", "orders-1"), ("x.c0ffee.us-east-1.rds.amazonaws.com", None)],
)
def test_a_host_name_has_at_least_two_characters(endpoint, label):
    assert rds.first_label(endpoint) == label


def test_all_endpoints_of_a_cluster_are_listed_in_lower_case():
    row = {"Endpoint": "A.example", "ReaderEndpoint": None, "CustomEndpoints": ["B.example"]}
    assert rds.cluster_endpoints.fn(row) == ["a.example", "b.example"]
