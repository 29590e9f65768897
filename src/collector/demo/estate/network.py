"""Networks: VPCs and their components, security groups, peering, flow logs; and the KMS key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from collector.demo.estate.cloud import Cloud, Json, policy, tags
from collector.demo.places import HOME, PARTNER, REGION, SECOND_REGION

if TYPE_CHECKING:
    from collector.demo.estate.seeded import SeededIds


def key(cloud: Cloud, ids: SeededIds) -> None:
    """The key that encrypts nearly everything, with an alias and rotation."""
    kms = cloud.client("kms")
    account = {"Sid": "Account", "Principal": {"AWS": f"arn:aws:iam::{HOME}:root"}, "Action": "kms:*", "Resource": "*"}
    answer = kms.create_key(
        Description="Data of the shop",
        Policy=policy(account),
        Tags=[{"TagKey": "Classification", "TagValue": "confidential"}],
    )
    ids.key = answer["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/shop", TargetKeyId=ids.key)
    kms.enable_key_rotation(KeyId=ids.key)


def vpc(cloud: Cloud, ids: SeededIds) -> None:
    """Two VPCs, one of them with two subnets, gateways, a route table, a network ACL and an address for NAT."""
    ec2 = cloud.client("ec2")
    ids.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    # Moto cannot start awsvpc tasks in a VPC without DNS host names.
    ec2.modify_vpc_attribute(VpcId=ids.vpc, EnableDnsHostnames={"Value": True})
    ids.second_vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[ids.vpc], Tags=tags(Name="shop", Environment="production"))
    ids.subnet = _subnet(ec2, ids.vpc, "10.0.1.0/24", "a")
    ids.second_subnet = _subnet(ec2, ids.vpc, "10.0.2.0/24", "b")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=ids.vpc)
    table = ec2.create_route_table(VpcId=ids.vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=ids.subnet)
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.create_nat_gateway(SubnetId=ids.subnet, AllocationId=address)
    private = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2.attach_vpn_gateway(VpcId=ids.vpc, VpnGatewayId=private)
    ec2.create_network_acl(VpcId=ids.vpc)


def _subnet(ec2: Any, network: str, block: str, zone: str) -> str:
    answer = ec2.create_subnet(VpcId=network, CidrBlock=block, AvailabilityZone=f"{REGION}{zone}")
    subnet: str = answer["Subnet"]["SubnetId"]
    ec2.create_tags(Resources=[subnet], Tags=tags(Name=f"shop-{zone}"))
    return subnet


def security_groups(cloud: Cloud, ids: SeededIds) -> None:
    """A group open to the world, one open to that group, and one whose name has special characters."""
    ec2 = cloud.client("ec2")
    ids.web_group = _group(ec2, ids.vpc, "web")
    ids.data_group = _group(ec2, ids.vpc, "data")
    punctuated = _group(ec2, ids.vpc, "odd: (a) & b; {c} #1 @home")
    ec2.authorize_security_group_ingress(
        GroupId=ids.web_group,
        IpPermissions=[
            _rule(443, IpRanges=[{"CidrIp": "0.0.0.0/0"}], Ipv6Ranges=[{"CidrIpv6": "::/0"}]),
            _rule(22, IpRanges=[{"CidrIp": "0.0.0.0/0", "Description": "for now"}]),
        ],
    )
    ec2.authorize_security_group_ingress(
        GroupId=ids.data_group,
        IpPermissions=[
            _rule(5432, UserIdGroupPairs=[{"GroupId": ids.web_group}]),
            _rule(5433, IpRanges=[{"CidrIp": "203.0.113.7/32", "Description": "the office"}]),
            _rule(5434, IpRanges=[{"CidrIp": "10.1.0.0/16"}]),
        ],
    )
    ec2.authorize_security_group_ingress(
        GroupId=punctuated, IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": punctuated}]}]
    )


def _group(ec2: Any, network: str, name: str) -> str:
    group: str = ec2.create_security_group(GroupName=name, Description=f"Group {name}", VpcId=network)["GroupId"]
    return group


def _rule(port: int, **sources: Any) -> Json:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **sources}


def peering(cloud: Cloud, ids: SeededIds) -> None:
    """Peering between the two VPCs, and with a VPC of the partner in another region."""
    ec2 = cloud.client("ec2")
    near = ec2.create_vpc_peering_connection(VpcId=ids.vpc, PeerVpcId=ids.second_vpc)
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=near["VpcPeeringConnection"]["VpcPeeringConnectionId"])
    partner = cloud.of_account(PARTNER)
    abroad = partner.client("ec2", SECOND_REGION)
    ids.partner_vpc = abroad.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    far = ec2.create_vpc_peering_connection(
        VpcId=ids.vpc, PeerVpcId=ids.partner_vpc, PeerOwnerId=PARTNER, PeerRegion=SECOND_REGION
    )
    abroad.accept_vpc_peering_connection(VpcPeeringConnectionId=far["VpcPeeringConnection"]["VpcPeeringConnectionId"])
    partner.close()


def flow_logs(cloud: Cloud, ids: SeededIds) -> None:
    """Flow logs of the VPC, to a log group and to a bucket."""
    ec2 = cloud.client("ec2")
    common = {"ResourceIds": [ids.vpc], "ResourceType": "VPC", "TrafficType": "ALL"}
    ec2.create_flow_logs(**common, LogGroupName="/shop/network", DeliverLogsPermissionArn=ids.roles["flow-logs"])
    # Moto rejects a prefix after the bucket name.
    ec2.create_flow_logs(**common, LogDestinationType="s3", LogDestination="arn:aws:s3:::acme-logs")
