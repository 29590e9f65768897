"""RDS answers."""

from . import database_rows as rows
from .answers import Paging, detail, every, inventory, listing, shaped, varied
from .estate import Place
from .ids import basics, digits, groups_of, moment, subnets_of, vpc_of

_PAGE = Paging("MaxRecords", "Marker", "Marker", default=100, maximum=100)


def _clustered(place: Place, n: int) -> bool:
    # The first instances are the members of the clusters, two of each as far as they go.
    return n < min(2 * place.n["aws_rds_cluster"], place.n["aws_db_instance"])


def _network_fields(place: Place, n: int) -> dict[str, str]:
    subnet = n % place.n["aws_subnet"]
    vpc = vpc_of(place, subnet)
    key = digits(n % place.n["aws_kms_key"])
    return {"subnet": digits(subnet), "vpc": digits(vpc), "group": groups_of(place, vpc, n)[0], "key": key}


def _cluster_fields(place: Place, n: int) -> dict[str, str]:
    members = [k for k in (n, n + place.n["aws_rds_cluster"]) if k < place.n["aws_db_instance"]]
    texts = (place.fill(rows.MEMBER, {"instance": digits(k), "writer": str(k == n).lower()}) for k in members)
    return {**basics(place, n), **_network_fields(place, n), "members": "".join(texts)}


def _instance_fields(place: Place, n: int) -> dict[str, str]:
    if not _clustered(place, n):
        return {**basics(place, n), **_network_fields(place, n)}
    cluster = n % place.n["aws_rds_cluster"]
    return {**basics(place, n), **_network_fields(place, cluster), "cluster": digits(cluster)}


def _snapshot_fields(place: Place, n: int) -> dict[str, str]:
    first = min(2 * place.n["aws_rds_cluster"], place.n["aws_db_instance"])
    alone = place.n["aws_db_instance"] - first
    instance = first + n % alone if alone else n % place.n["aws_db_instance"]
    upper = f"{place.here}{digits(instance)}".upper()
    more = {"instance": digits(instance), "instance_upper": upper, "created": moment(instance)}
    return {**basics(place, n), **_network_fields(place, instance), **more}


def _cluster_snapshot_fields(place: Place, n: int) -> dict[str, str]:
    cluster = n % place.n["aws_rds_cluster"]
    upper = f"{place.here}{digits(cluster)}".upper()
    more = {"cluster": digits(cluster), "cluster_upper": upper, "created": moment(cluster)}
    return {**basics(place, n), **_network_fields(place, cluster), **more}


def _subnet_group_fields(place: Place, n: int) -> dict[str, str]:
    return {"vpc": digits(n), "subnet": digits(subnets_of(place, n)[0])}


inventory("rds", "DescribeDBClusters", "DBClusters", "aws_rds_cluster", rows.CLUSTER, _PAGE, _cluster_fields)
_row = varied("rds", "DescribeDBInstances", "DBInstances", rows.INSTANCES, _clustered, _instance_fields)
listing("rds", "DescribeDBInstances", "DBInstances", _row, every("aws_db_instance"), _PAGE)
inventory("rds", "DescribeDBSnapshots", "DBSnapshots", "aws_db_snapshot", rows.SNAPSHOT, _PAGE, _snapshot_fields)
inventory(
    "rds",
    "DescribeDBClusterSnapshots",
    "DBClusterSnapshots",
    "aws_db_cluster_snapshot",
    rows.CLUSTER_SNAPSHOT,
    _PAGE,
    _cluster_snapshot_fields,
)
listing(
    "rds",
    "DescribeDBSubnetGroups",
    "DBSubnetGroups",
    shaped("rds", "DescribeDBSubnetGroups", "DBSubnetGroups", rows.SUBNET_GROUP, _subnet_group_fields),
    lambda place, _: range(
        min(place.n["aws_vpc"], place.n["aws_subnet"])
        if place.n["aws_db_instance"] or place.n["aws_rds_cluster"]
        else 0
    ),
    _PAGE,
)
_OWN = [{"AttributeName": "restore", "AttributeValues": []}]
detail(
    "rds",
    "DescribeDBSnapshotAttributes",
    "DBSnapshotIdentifier",
    "aws_db_snapshot",
    {"DBSnapshotAttributesResult": {"DBSnapshotIdentifier": "rds-%(here)s%(n)s", "DBSnapshotAttributes": _OWN}},
    "DBSnapshotNotFound",
)
detail(
    "rds",
    "DescribeDBClusterSnapshotAttributes",
    "DBClusterSnapshotIdentifier",
    "aws_db_cluster_snapshot",
    {
        "DBClusterSnapshotAttributesResult": {
            "DBClusterSnapshotIdentifier": "rdsc-%(here)s%(n)s",
            "DBClusterSnapshotAttributes": _OWN,
        }
    },
    "DBClusterSnapshotNotFoundFault",
)
