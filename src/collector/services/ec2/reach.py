"""Whether the internet reaches a network: by a gateway, a route to it, and a network ACL that lets outside traffic in.

Source of the rule: JupiterOne's documentation of `public` on AWS networks. Both must hold for one family of addresses.
"""

from __future__ import annotations

from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeAlias

from collector.schema.declarations import Computed, Join, Row
from collector.services.ec2.listings import INTERNET_GATEWAYS, NETWORK_ACLS, ROUTE_TABLES

Network: TypeAlias = IPv4Network | IPv6Network

INTERNAL = (
    "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
    "fc00::/7", "fe80::/10",
)  # fmt: skip
EVERY_PROTOCOL = "-1"


def joins(*, on: str, to: str) -> tuple[Join, ...]:
    """What decides about a network: its VPC's route tables, their gateways, and the ACLs found by these paths."""
    return (
        Join(ROUTE_TABLES, "RouteTables", on="VpcId", to="VpcId"),
        Join(INTERNET_GATEWAYS, "Gateways", on="InternetGatewayId", to="RouteTables[].Routes[].GatewayId"),
        Join(NETWORK_ACLS, "NetworkAcls", on=on, to=to),
    )


_READS = ("VpcId", "RouteTables[].Routes", "Gateways[].Attachments", "NetworkAcls[].Entries")


def explicit_table(row: Row) -> Row | None:
    """The route table that names this subnet."""
    tables = row["RouteTables"]
    return next((table for table in tables if row["SubnetId"] in _values(table.get("Associations"), "SubnetId")), None)


def main_table(row: Row) -> Row | None:
    """The route table of a VPC that holds for every subnet without one of its own."""
    return next((table for table in row["RouteTables"] if True in _values(table.get("Associations"), "Main")), None)


def effective_table(row: Row) -> Row | None:
    """The route table that holds for this subnet."""
    return explicit_table(row) or main_table(row)


def vpc_is_public(row: Row) -> bool:
    """Whether any route table and any network ACL of the VPC open it."""
    return bool(routed_families(row["RouteTables"], row) & open_families(row["NetworkAcls"]))


def subnet_is_public(row: Row) -> bool:
    """Whether the subnet's own route table and network ACL open it."""
    table = effective_table(row)
    return bool(routed_families([table] if table else [], row) & open_families(row["NetworkAcls"]))


def routed_families(tables: list[Row], row: Row) -> set[int]:
    """The IP versions for which one of the tables leads to an internet gateway of the row's VPC."""
    attached = {
        gateway["InternetGatewayId"]: _values(gateway.get("Attachments"), "VpcId") for gateway in row["Gateways"]
    }
    families: set[int] = set()
    for table in tables:
        for route in table.get("Routes") or ():
            gateway = route.get("GatewayId") or ""
            # The gateway of a shared VPC is hidden from all but its owner; then the route's own state is what AWS
            # tells: a route to a gateway that is not attached is a blackhole.
            here = row["VpcId"] in attached.get(gateway, (row["VpcId"],))
            if gateway.startswith("igw-") and here and route.get("State", "active") == "active":
                families.add(6 if route.get("DestinationIpv6CidrBlock") else 4)
    return families


def open_families(acls: list[Row]) -> set[int]:
    """The IP versions for which one of the network ACLs lets something in from outside."""
    return {family for acl in acls for family in _open_families(acl.get("Entries") or [])}


def _open_families(entries: list[Row]) -> set[int]:
    denials: list[Row] = []
    families: set[int] = set()
    for entry in sorted((one for one in entries if not one.get("Egress")), key=lambda one: one["RuleNumber"]):
        network = _network(entry)
        if entry["RuleAction"] == "deny":
            denials.append(entry)
        elif _is_outside(network) and not any(_covers(denial, entry) for denial in denials):
            families.add(network.version)
    return families


def _covers(denial: Row, permit: Row) -> bool:
    """Whether nothing of what the later rule lets in is left by the earlier one."""
    around, inside = _network(denial), _network(permit)
    if around.version != inside.version or not inside.subnet_of(around):  # type: ignore[arg-type]  # of one version
        return False
    if denial["Protocol"] == EVERY_PROTOCOL:
        return True
    wide, narrow = denial.get("PortRange"), permit.get("PortRange")
    if denial["Protocol"] != permit["Protocol"] or not wide or not narrow:
        return False
    return bool(wide["From"] <= narrow["From"] and narrow["To"] <= wide["To"])


def _network(entry: Row) -> Network:
    return _parsed(entry.get("CidrBlock") or entry["Ipv6CidrBlock"])


@cache
def _parsed(cidr: str) -> Network:
    return ip_network(cidr, strict=False)


def _is_outside(network: Network) -> bool:
    inside = (_parsed(cidr) for cidr in INTERNAL)
    return not any(network.version == one.version and network.subnet_of(one) for one in inside)  # type: ignore[arg-type]


def _values(items: list[Row] | None, field: str) -> list[object]:
    return [item.get(field) for item in items or ()]


VPC_IS_PUBLIC = Computed(vpc_is_public, _READS)
SUBNET_IS_PUBLIC = Computed(subnet_is_public, (*_READS, "SubnetId", "RouteTables[].Associations"))
