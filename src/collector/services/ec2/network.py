"""EC2 networking: VPCs, subnets, route tables, gateways, peerings and flow logs."""

from __future__ import annotations

from collector.schema.declarations import (
    Call,
    Computed,
    Edge,
    Entity,
    First,
    Fixed,
    Join,
    Links,
    Row,
    Template,
    Via,
    pick,
)
from collector.schema.paths import found
from collector.schema.values import (
    computed,
    differs,
    document,
    equals,
    is_one_of,
    last_segment,
    only,
    unique,
    without_suffix,
)
from collector.services.ec2.listings import FLOW_LOGS, INTERNET_GATEWAYS, NAME, PEERINGS, ROUTE_TABLES
from collector.services.ec2.reach import SUBNET_IS_PUBLIC, VPC_IS_PUBLIC, effective_table, explicit_table, joins

REQUESTER = Template(
    "arn:{partition}:ec2:{RequesterVpcInfo.Region}:{RequesterVpcInfo.OwnerId}:vpc/{RequesterVpcInfo.VpcId}"
)
ACCEPTER = Template(
    "arn:{partition}:ec2:{AccepterVpcInfo.Region}:{AccepterVpcInfo.OwnerId}:vpc/{AccepterVpcInfo.VpcId}"
)
PEERING = pick("VpcPeeringConnectionId", status="Status.Code")


@computed("Requested[].AccepterVpcInfo.VpcId", "Accepted[].RequesterVpcInfo.VpcId")
def peers(row: Row) -> list[str]:
    """The ids of the VPCs that this VPC is peered with, as requester or accepter."""
    return found(row, "Requested[].AccepterVpcInfo.VpcId") + found(row, "Accepted[].RequesterVpcInfo.VpcId")


def ranges(ipv4: str) -> Computed:
    """The address ranges of a VPC or a subnet in both families; `ipv4` is the path to those of IPv4."""
    ipv6 = "Ipv6CidrBlockAssociationSet[].Ipv6CidrBlock"
    return Computed(lambda row: found(row, ipv4) + found(row, ipv6), (ipv4, ipv6))


@computed("Status.Code", "RequesterVpcInfo.OwnerId", "AccepterVpcInfo.OwnerId")
def is_requested_by_other_account(peering: Row) -> bool:
    """Whether another account requested this active peering, so that only the accepter's end is collected here."""
    requester, accepter = (peering.get(end, {}).get("OwnerId") for end in ("RequesterVpcInfo", "AccepterVpcInfo"))
    return bool(peering.get("Status", {}).get("Code") == "active" and requester != accepter)


@computed("FlowLogs[].FlowLogStatus")
def is_logged(row: Row) -> bool:
    """Whether the VPC has an active flow log."""
    return any(log.get("FlowLogStatus") == "ACTIVE" for log in row["FlowLogs"])


vpc = Entity(
    type="aws_vpc",
    cls="Network",
    rows=Call("describe_vpcs", "Vpcs", {"MaxResults": 200}),
    join=(
        *joins(on="VpcId", to="VpcId"),
        Join(FLOW_LOGS, "FlowLogs", on="ResourceId", to="VpcId"),
        Join(PEERINGS, "Requested", on="RequesterVpcInfo.VpcId", to="VpcId"),
        Join(PEERINGS, "Accepted", on="AccepterVpcInfo.VpcId", to="VpcId"),
    ),
    key=Template("arn:{partition}:ec2:{region}:{OwnerId|account}:vpc/{VpcId}"),
    id="VpcId",
    owner="OwnerId",
    owner_only=("flowLogStatus", "loggingEnabled"),
    name=NAME,
    active=is_one_of("State", "available"),
    web="https://{console}/vpcconsole/home?region={region}#VpcDetails:VpcId={VpcId}",
    tags="Tags",
    props=pick(
        "VpcId", "OwnerId", "State", "InstanceTenancy", "DhcpOptionsId",
        CIDR="CidrBlock",
        netmask=last_segment("CidrBlock"),
        cidrBlocks="CidrBlockAssociationSet[].CidrBlock",
        ipv6CidrBlocks="Ipv6CidrBlockAssociationSet[].Ipv6CidrBlock",
        defaultVpc="IsDefault",
        internal=Fixed(value=True),
        public=VPC_IS_PUBLIC,
        flowLogStatus=unique("FlowLogs[].FlowLogStatus"),
        loggingEnabled=is_logged,
    ),
    edges=(
        Edge(
            "aws_vpc", "CONNECTS", "aws_vpc", at=ACCEPTER,
            each="Requested[]", when=equals("Status.Code", "active"), key="VpcPeeringConnectionId", props=PEERING,
        ),
        Edge(
            "aws_vpc", "CONNECTS", "aws_vpc", at=REQUESTER,
            each="Accepted[]", when=is_requested_by_other_account, key="VpcPeeringConnectionId", props=PEERING,
        ),
    ),
    facts={"vpc": "VpcId", "cidrs": ranges("CidrBlockAssociationSet[].CidrBlock"), "peers": peers},
)  # fmt: skip


@computed("SubnetId", "RouteTables[].RouteTableId", "RouteTables[].Associations")
def route_table_of(row: Row) -> str | None:
    """The id of a subnet's route table: the associated one, else the main one of its VPC."""
    table = effective_table(row)
    return table.get("RouteTableId") if table else None


@computed("SubnetId", "RouteTables[].Associations")
def is_derived(row: Row) -> bool | None:
    """True if the subnet uses the main route table of its VPC; None if a route table is associated with it."""
    return None if explicit_table(row) else True


subnet = Entity(
    type="aws_subnet",
    cls="Network",
    rows=Call("describe_subnets", "Subnets", {"MaxResults": 200}),
    join=joins(on="Associations[].SubnetId", to="SubnetId"),
    key="SubnetArn",
    id="SubnetId",
    owner="OwnerId",
    name=NAME,
    active=is_one_of("State", "available"),
    web="https://{console}/vpcconsole/home?region={region}#SubnetDetails:subnetId={SubnetId}",
    tags="Tags",
    props=pick(
        "VpcId", "OwnerId", "State", "AvailabilityZone", "AvailabilityZoneId", "MapPublicIpOnLaunch",
        "AssignIpv6AddressOnCreation", "DefaultForAz", "AvailableIpAddressCount",
        CIDR="CidrBlock", netmask=last_segment("CidrBlock"),
        ipv6CidrBlocks="Ipv6CidrBlockAssociationSet[].Ipv6CidrBlock",
        internal=Fixed(value=True),
        public=SUBNET_IS_PUBLIC,
    ),
    edges=(
        Edge("aws_vpc", "CONTAINS", "aws_subnet", at="VpcId"),
        Edge("aws_subnet", "USES", "aws_route_table", at=route_table_of, props={"derived": is_derived}),
    ),
    facts={"vpc": "VpcId", "cidrs": ranges("CidrBlock")},
)  # fmt: skip

route_table = Entity(
    type="aws_route_table",
    cls="Configuration",
    rows=ROUTE_TABLES,
    key=Template("arn:{partition}:ec2:{region}:{OwnerId|account}:route-table/{RouteTableId}"),
    id="RouteTableId",
    owner="OwnerId",
    name=NAME,
    web="https://{console}/vpcconsole/home?region={region}#RouteTableDetails:RouteTableId={RouteTableId}",
    tags="Tags",
    props=pick(
        "VpcId", "OwnerId",
        routes=document("Routes"),
        associations=document("Associations"),
        main=Via("Associations[].Main", any),
        propagatingVgws="PropagatingVgws[].GatewayId",
    ),
    edges=(Edge("aws_vpc", "HAS", "aws_route_table", at="VpcId"),),
)  # fmt: skip

internet_gateway = Entity(
    type="aws_internet_gateway",
    cls="Gateway",
    rows=INTERNET_GATEWAYS,
    key=Template("arn:{partition}:ec2:{region}:{OwnerId|account}:internet-gateway/{InternetGatewayId}"),
    id="InternetGatewayId",
    owner="OwnerId",
    name=NAME,
    active=Via("Attachments[].State", lambda states: "available" in states),
    web="https://{console}/vpcconsole/home?region={region}#InternetGateway:internetGatewayId={InternetGatewayId}",
    tags="Tags",
    props=pick(
        "OwnerId",
        category=Fixed(["network"]),
        function=Fixed(["routing"]),
        public=Fixed(value=True),
        vpcId=only("Attachments[].VpcId"),
        attachments=document("Attachments"),
    ),
    edges=(Edge("aws_vpc", "HAS", "aws_internet_gateway", at="Attachments[].VpcId"),),
)

nat_gateway = Entity(
    type="aws_nat_gateway",
    cls="Gateway",
    rows=Call("describe_nat_gateways", "NatGateways", {"MaxResults": 200}),
    when=differs("State", "deleted"),
    key=Template("arn:{partition}:ec2:{region}:{account}:natgateway/{NatGatewayId}"),
    id="NatGatewayId",
    name=NAME,
    created="CreateTime",
    active=is_one_of("State", "available"),
    web="https://{console}/vpcconsole/home?region={region}#NatGatewayDetails:natGatewayId={NatGatewayId}",
    tags="Tags",
    props=pick(
        "State", "VpcId", "SubnetId", "ConnectivityType", "FailureMessage",
        category=Fixed(["network"]), function=Fixed(["nat"]),
        public=differs("ConnectivityType", "private"),
        publicIpAddresses="NatGatewayAddresses[].PublicIp", privateIpAddresses="NatGatewayAddresses[].PrivateIp",
        natGatewayAddresses=document("NatGatewayAddresses"),
    ),
    edges=(
        Edge("aws_vpc", "HAS", "aws_nat_gateway", at="VpcId"),
        Edge("aws_nat_gateway", "USES", "aws_eni", at="NatGatewayAddresses[].NetworkInterfaceId"),
        Edge("aws_nat_gateway", "USES", "aws_eip", at="NatGatewayAddresses[].AllocationId"),
    ),
)  # fmt: skip

vpn_gateway = Entity(
    type="aws_vpn_gateway",
    cls="Gateway",
    rows=Call("describe_vpn_gateways", "VpnGateways"),
    when=differs("State", "deleted"),
    key=Template("arn:{partition}:ec2:{region}:{account}:vpn-gateway/{VpnGatewayId}"),
    id="VpnGatewayId",
    name=NAME,
    active=is_one_of("State", "available"),
    web="https://{console}/vpcconsole/home?region={region}#VpnGatewayDetails:VpnGatewayId={VpnGatewayId}",
    tags="Tags",
    props=pick(
        "State", "Type", "AmazonSideAsn", "AvailabilityZone",
        category=Fixed(["network"]),
        function=Fixed(["routing", "remote-access-gateway"]),
        public=Fixed(value=False),
        vpcAttachments=document("VpcAttachments"),
    ),
    edges=(
        Edge(
            "aws_vpc", "HAS", "aws_vpn_gateway", at="VpcId",
            each="VpcAttachments[]", when=equals("State", "attached"),
        ),
    ),
)  # fmt: skip

FLOW_LOG = pick(
    "FlowLogId",
    "TrafficType",
    createdOn="CreationTime",
    active=is_one_of("FlowLogStatus", "ACTIVE"),
    status="FlowLogStatus",
)
LOG_GROUP = First(
    without_suffix("LogDestination", ":*"), Template("arn:{partition}:logs:{region}:{account}:log-group:{LogGroupName}")
)
LOG_BUCKET = Via("LogDestination", lambda arn: arn.partition("/")[0])

flow_logs = Links(
    title="VPC flow logs",
    rows=FLOW_LOGS,
    when=Via("ResourceId", lambda resource: resource.startswith("vpc-")),
    edges=(
        Edge(
            "aws_vpc", "LOGS", "aws_cloudwatch_log_group", of="ResourceId", at=LOG_GROUP,
            when=differs("LogDestinationType", "s3", "kinesis-data-firehose"), key="FlowLogId", props=FLOW_LOG,
        ),
        Edge(
            "aws_vpc", "LOGS", "aws_s3_bucket", of="ResourceId", at=LOG_BUCKET, outside=LOG_BUCKET,
            when=equals("LogDestinationType", "s3"), key="FlowLogId", props=FLOW_LOG,
        ),
    ),
)  # fmt: skip
