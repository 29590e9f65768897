"""Whether a VPC or subnet is reachable from the internet: by a route to an internet gateway and an open network ACL.

Both must apply to the same IP version. Source of the rule: JupiterOne's documentation of `public` on AWS networks.
"""

from __future__ import annotations

from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeAlias

from collector.analysis.networks import is_public
from collector.schema.declarations import Computed, Join, Row
from collector.schema.paths import found
from collector.services.ec2.listings import INTERNET_GATEWAYS, NETWORK_ACLS, ROUTE_TABLES

Network: TypeAlias = IPv4Network | IPv6Network

EVERY_PROTOCOL = "-1"


def joins(*, on: str, to: str) -> tuple[Join, ...]:
    """The route tables of a network's VPC, their internet gateways, and the network ACLs that match by these paths."""
    return (
        Join(ROUTE_TABLES, "RouteTables", on="VpcId", to="VpcId"),
        Join(INTERNET_GATEWAYS, "Gateways", on="InternetGatewayId", to="RouteTables[].Routes[].GatewayId"),
        Join(NETWORK_ACLS, "NetworkAcls", on=on, to=to),
    )


_READS = ("VpcId", "RouteTables[].Routes", "Gateways[].Attachments", "NetworkAcls[].Entries")


def explicit_table(row: Row) -> Row | None:
    """The route table that is associated with this subnet."""
    tables = row["RouteTables"]
    return next(
        (table for table in tables if row.get("SubnetId") in _values(table.get("Associations"), "SubnetId")), None
    )


def main_table(row: Row) -> Row | None:
    """The main route table of a VPC, which applies to every subnet without an associated one."""
    return next((table for table in row["RouteTables"] if True in _values(table.get("Associations"), "Main")), None)


def effective_table(row: Row) -> Row | None:
    """The route table that applies to this subnet."""
    return explicit_table(row) or main_table(row)


def vpc_is_public(row: Row) -> bool | None:
    """Whether any route table and any network ACL of the VPC let the internet reach it; None if an ACL does not tell."""
    return _is_public(row["RouteTables"], row)


def subnet_is_public(row: Row) -> bool | None:
    """Whether the route table and the network ACL of the subnet let the internet reach it; None if the ACL does not tell."""
    table = effective_table(row)
    return _is_public([table] if table else [], row)


def _is_public(tables: list[Row], row: Row) -> bool | None:
    acls = row["NetworkAcls"]
    if not all(_is_rule(entry) for acl in acls for entry in acl.get("Entries") or ()):
        return None
    return bool(routed_families(tables, row) & open_families(acls))


def _is_rule(entry: Row) -> bool:
    """Whether an entry says what it does, and to which addresses."""
    return bool(entry.get("RuleAction") and (entry.get("CidrBlock") or entry.get("Ipv6CidrBlock")))


def routed_families(tables: list[Row], row: Row) -> set[int]:
    """The IP versions for which one of the tables has an active route to an internet gateway of the row's VPC."""
    attached = {
        gateway.get("InternetGatewayId"): _values(gateway.get("Attachments"), "VpcId") for gateway in row["Gateways"]
    }
    families: set[int] = set()
    for table in tables:
        for route in table.get("Routes") or ():
            gateway = route.get("GatewayId") or ""
            # Only the owner of a shared VPC sees its gateway. Without it, the state of the route decides: a route to a
            # detached gateway is a blackhole.
            is_attached = row.get("VpcId") in attached.get(gateway, (row.get("VpcId"),))
            if gateway.startswith("igw-") and is_attached and route.get("State", "active") == "active":
                families.add(6 if route.get("DestinationIpv6CidrBlock") else 4)
    return families


def open_families(acls: list[Row]) -> set[int]:
    """The IP versions for which one of the network ACLs allows inbound traffic from outside."""
    return {family for acl in acls for family in _open_families(acl.get("Entries") or [])}


def _open_families(entries: list[Row]) -> set[int]:
    denials: list[Row] = []
    families: set[int] = set()
    for entry in sorted((one for one in entries if not one.get("Egress")), key=lambda one: one.get("RuleNumber", 0)):
        network = _network(entry)
        if entry.get("RuleAction") == "deny":
            denials.append(entry)
        elif (
            entry.get("RuleAction") == "allow"
            and is_public(str(network))
            and not any(_covers(denial, entry) for denial in denials)
        ):
            families.add(network.version)
    return families


def _covers(denial: Row, permit: Row) -> bool:
    """Whether an earlier deny rule covers everything that a later rule allows."""
    around, inside = _network(denial), _network(permit)
    if around.version != inside.version or not inside.subnet_of(around):  # type: ignore[arg-type]  # same version
        return False
    if denial.get("Protocol") == EVERY_PROTOCOL:
        return True
    wide, narrow = (found(entry, "PortRange.From") + found(entry, "PortRange.To") for entry in (denial, permit))
    if denial.get("Protocol") != permit.get("Protocol") or len(wide) < 2 or len(narrow) < 2:  # noqa: PLR2004  (both ends)
        return False
    return bool(wide[0] <= narrow[0] and narrow[1] <= wide[1])


def _network(entry: Row) -> Network:
    return _parsed(entry.get("CidrBlock") or entry.get("Ipv6CidrBlock", ""))


@cache
def _parsed(cidr: str) -> Network:
    return ip_network(cidr, strict=False)


def _values(items: list[Row] | None, field: str) -> list[object]:
    return [item.get(field) for item in items or ()]


VPC_IS_PUBLIC = Computed(vpc_is_public, _READS)
SUBNET_IS_PUBLIC = Computed(subnet_is_public, (*_READS, "SubnetId", "RouteTables[].Associations"))
