"""EC2 calls whose answers declarations share, and sources that most EC2 declarations use."""

from __future__ import annotations

from collector.schema.declarations import Call
from collector.schema.values import entry

FLOW_LOGS = Call("describe_flow_logs", "FlowLogs", {"MaxResults": 1000})
INTERNET_GATEWAYS = Call("describe_internet_gateways", "InternetGateways", {"MaxResults": 200})
NETWORK_ACLS = Call("describe_network_acls", "NetworkAcls", {"MaxResults": 200})
PEERINGS = Call("describe_vpc_peering_connections", "VpcPeeringConnections", {"MaxResults": 200})
ROUTE_TABLES = Call("describe_route_tables", "RouteTables", {"MaxResults": 100})

NAME = entry("Tags", "Name")
"""EC2 resources are named by their `Name` tag only; without it, the engine uses the id."""
