"""Listings of EC2 that several declarations read, and what most of its resources share."""

from __future__ import annotations

from collector.schema.declarations import Call, First
from collector.schema.values import entry

FLOW_LOGS = Call("describe_flow_logs", "FlowLogs", {"MaxResults": 1000})
INTERNET_GATEWAYS = Call("describe_internet_gateways", "InternetGateways", {"MaxResults": 200})
NETWORK_ACLS = Call("describe_network_acls", "NetworkAcls", {"MaxResults": 200})
PEERINGS = Call("describe_vpc_peering_connections", "VpcPeeringConnections", {"MaxResults": 200})
ROUTE_TABLES = Call("describe_route_tables", "RouteTables", {"MaxResults": 100})

NAME = entry("Tags", "Name")
"""EC2 resources have no name but the one in their `Name` tag; without it, the engine takes their id."""


def given(path: str) -> First:
    """The text at a path; where there is none, EC2 sometimes says `""`."""
    return First(path)
