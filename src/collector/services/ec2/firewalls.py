"""EC2 security groups and network ACLs."""

from __future__ import annotations

from collector.schema.declarations import Call, Edge, Entity, First, Fixed, Template, Via, pick
from collector.schema.values import as_json, document, is_one_of
from collector.services.ec2.listings import NAME, NETWORK_ACLS

security_group = Entity(
    type="aws_security_group",
    cls="Firewall",
    rows=Call("describe_security_groups", "SecurityGroups", {"MaxResults": 200}),
    key=First(
        "SecurityGroupArn", Template("arn:{partition}:ec2:{region}:{OwnerId|account}:security-group/{GroupId}")
    ),
    id="GroupId",
    owner="OwnerId",
    name="GroupName",
    web="https://{console}/ec2/home?region={region}#SecurityGroup:groupId={GroupId}",
    tags="Tags",
    props=pick(
        "GroupId", "VpcId", "OwnerId", "Description",
        category=Fixed(["network"]),
        isStateful=Fixed(value=True),
        default=is_one_of("GroupName", "default"),
        ingressRules=document("IpPermissions"),
        egressRules=document("IpPermissionsEgress"),
    ),
    facts={"vpc": "VpcId", "ingress": "IpPermissions", "egress": "IpPermissionsEgress"},
)  # fmt: skip


def rules(*, egress: bool) -> Via:
    """The entries of a network ACL in one direction, as JSON text in the order of evaluation."""
    return Via(
        "Entries",
        lambda entries: as_json(
            sorted(
                (one for one in entries if bool(one.get("Egress")) is egress), key=lambda one: one.get("RuleNumber", 0)
            )
        ),
    )


network_acl = Entity(
    type="aws_network_acl",
    cls="Firewall",
    rows=NETWORK_ACLS,
    key=Template("arn:{partition}:ec2:{region}:{OwnerId|account}:network-acl/{NetworkAclId}"),
    id="NetworkAclId",
    owner="OwnerId",
    name=NAME,
    web="https://{console}/vpcconsole/home?region={region}#NetworkAclDetails:networkAclId={NetworkAclId}",
    tags="Tags",
    props=pick(
        "VpcId", "OwnerId", "IsDefault",
        category=Fixed(["network"]),
        isStateful=Fixed(value=False),
        ingressRules=rules(egress=False),
        egressRules=rules(egress=True),
        subnetIds="Associations[].SubnetId",
    ),
    edges=(Edge("aws_network_acl", "PROTECTS", "aws_subnet", at="Associations[].SubnetId"),),
    facts={"vpc": "VpcId", "entries": "Entries"},
)  # fmt: skip
