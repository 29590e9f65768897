"""Amazon EC2: combines the declarations of this package."""

from collector.schema.declarations import Hydrate, Row, Service, service_node
from collector.schema.values import computed
from collector.services.ec2.compute import ami, instance, key_pair
from collector.services.ec2.firewalls import network_acl, security_group
from collector.services.ec2.interfaces import eip, eni
from collector.services.ec2.network import (
    flow_logs,
    internet_gateway,
    nat_gateway,
    route_table,
    subnet,
    vpc,
    vpn_gateway,
)
from collector.services.ec2.storage import snapshot, volume


@computed("Encryption[].EbsEncryptionByDefault", "Encryption[].Region")
def encrypting_regions(row: Row) -> list[str]:
    """The regions in which new EBS volumes are encrypted by default."""
    return [answer["Region"] for answer in row.get("Encryption") or () if answer.get("EbsEncryptionByDefault")]


SERVICE = Service(
    name="ec2",
    client="ec2",
    title="EC2",
    node=service_node(
        "aws_ec2",
        "Amazon EC2",
        category=("infrastructure",),
        function=("compute", "networking", "storage"),
        hydrate=(Hydrate("get_ebs_encryption_by_default", "Encryption", regions=True),),
        props={"ebsEncryptionByDefaultRegions": encrypting_regions},
    ),
    has=(
        "aws_instance", "aws_subnet", "aws_ebs_volume", "aws_network_acl", "aws_vpc", "aws_security_group",
        "aws_ami", "aws_key_pair", "aws_ebs_snapshot", "aws_eip", "aws_eni", "aws_internet_gateway", "aws_vpn_gateway",
    ),
    entities=(
        vpc, subnet, route_table, internet_gateway, nat_gateway, vpn_gateway,
        security_group, network_acl, eni, eip, instance, ami, key_pair, volume, snapshot,
    ),
    links=(flow_logs,),
)  # fmt: skip
