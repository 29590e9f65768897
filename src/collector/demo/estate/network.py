"""Networks: VPCs and what is in them, security groups, peering, flow logs, encryption keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from collector.demo.estate.cloud import Cloud, Json, policy, tags
from collector.demo.places import HOME, PARTNER, REGION, SECOND_REGION

if TYPE_CHECKING:
    from collector.demo.estate.seeded import SeededIds


def key(cloud: Cloud, made: SeededIds) -> None:
    """A key that encrypts nearly everything, with an alias and rotation."""
    kms = cloud.client("kms")
    account = {"Sid": "Account", "Principal": {"AWS": f"arn:aws:iam::{HOME}:root"}, "Action": "kms:*", "Resource": "*"}
    answer = kms.create_key(
        Description="Data of the shop",
        Policy=policy(account),
        Tags=[{"TagKey": "Classification", "TagValue": "confidential"}],
    )
    made.key = answer["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/shop", TargetKeyId=made.key)
    kms.enable_key_rotation(KeyId=made.key)


def vpc(cloud: Cloud, made: SeededIds) -> None:
    """Two networks, one of them with two subnets, gateways, a route table, an ACL and an address for NAT."""
    ec2 = cloud.client("ec2")
    made.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    # Moto cannot start awsvpc tasks in a network without host names.
    ec2.modify_vpc_attribute(VpcId=made.vpc, EnableDnsHostnames={"Value": True})
    made.second_vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[made.vpc], Tags=tags(Name="shop", Environment="production"))
    made.subnet = _subnet(ec2, made.vpc, "10.0.1.0/24", "a")
    made.second_subnet = _subnet(ec2, made.vpc, "10.0.2.0/24", "b")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=made.vpc)
    table = ec2.create_route_table(VpcId=made.vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=made.subnet)
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.create_nat_gateway(SubnetId=made.subnet, AllocationId=address)
    private = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2.attach_vpn_gateway(VpcId=made.vpc, VpnGatewayId=private)
    ec2.create_network_acl(VpcId=made.vpc)


def _subnet(ec2: Any, network: str, block: str, zone: str) -> str:
    answer = ec2.create_subnet(VpcId=network, CidrBlock=block, AvailabilityZone=f"{REGION}{zone}")
    subnet: str = answer["Subnet"]["SubnetId"]
    ec2.create_tags(Resources=[subnet], Tags=tags(Name=f"shop-{zone}"))
    return subnet


def security_groups(cloud: Cloud, made: SeededIds) -> None:
    """A group open to the world, one open to that group, and one with an odd name."""
    ec2 = cloud.client("ec2")
    made.web_group = _group(ec2, made.vpc, "web")
    made.data_group = _group(ec2, made.vpc, "data")
    odd = _group(ec2, made.vpc, "odd: (a) & b; {c} #1 @home")
    ec2.authorize_security_group_ingress(
        GroupId=made.web_group,
        IpPermissions=[
            _rule(443, IpRanges=[{"CidrIp": "0.0.0.0/0"}], Ipv6Ranges=[{"CidrIpv6": "::/0"}]),
            _rule(22, IpRanges=[{"CidrIp": "0.0.0.0/0", "Description": "for now"}]),
        ],
    )
    ec2.authorize_security_group_ingress(
        GroupId=made.data_group,
        IpPermissions=[
            _rule(5432, UserIdGroupPairs=[{"GroupId": made.web_group}]),
            _rule(5433, IpRanges=[{"CidrIp": "203.0.113.7/32", "Description": "the office"}]),
            _rule(5434, IpRanges=[{"CidrIp": "10.1.0.0/16"}]),
        ],
    )
    ec2.authorize_security_group_ingress(
        GroupId=odd, IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": odd}]}]
    )


def _group(ec2: Any, network: str, name: str) -> str:
    group: str = ec2.create_security_group(GroupName=name, Description=f"Group {name}", VpcId=network)["GroupId"]
    return group


def _rule(port: int, **sources: Any) -> Json:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **sources}


def peering(cloud: Cloud, made: SeededIds) -> None:
    """Peering between the two networks, and with a network of the partner in another region."""
    ec2 = cloud.client("ec2")
    near = ec2.create_vpc_peering_connection(VpcId=made.vpc, PeerVpcId=made.second_vpc)
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=near["VpcPeeringConnection"]["VpcPeeringConnectionId"])
    partner = cloud.of_account(PARTNER)
    abroad = partner.client("ec2", SECOND_REGION)
    made.partner_vpc = abroad.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    far = ec2.create_vpc_peering_connection(
        VpcId=made.vpc, PeerVpcId=made.partner_vpc, PeerOwnerId=PARTNER, PeerRegion=SECOND_REGION
    )
    abroad.accept_vpc_peering_connection(VpcPeeringConnectionId=far["VpcPeeringConnection"]["VpcPeeringConnectionId"])
    partner.close()


def flow_logs(cloud: Cloud, made: SeededIds) -> None:
    """The traffic of the network, logged to a log group and to a bucket."""
    ec2 = cloud.client("ec2")
    common = {"ResourceIds": [made.vpc], "ResourceType": "VPC", "TrafficType": "ALL"}
    ec2.create_flow_logs(**common, LogGroupName="/shop/network", DeliverLogsPermissionArn=made.roles["flow-logs"])
    # Moto refuses a prefix behind the bucket.
    ec2.create_flow_logs(**common, LogDestinationType="s3", LogDestination="arn:aws:s3:::acme-logs")
