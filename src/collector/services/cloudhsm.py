"""AWS CloudHSM clusters (client `cloudhsmv2`). CloudHSM Classic has been discontinued."""

from collector.schema.declarations import Call, Entity, Service, Template, pick, service_node
from collector.schema.patterns import guarded_by
from collector.schema.values import count, is_one_of

hsm = Entity(
    type="aws_hsm",
    cls="CryptoKey",
    rows=Call("describe_clusters", "Clusters", {"MaxResults": 25}),
    key=Template("arn:{partition}:cloudhsm:{region}:{account}:cluster/{ClusterId}"),
    id="ClusterId",
    name="ClusterId",
    also={"privateAddress": "Hsms[].EniIp"},
    vpc="VpcId",
    created="CreateTimestamp",
    active=is_one_of("State", "ACTIVE", "UPDATE_IN_PROGRESS", "MODIFY_IN_PROGRESS"),
    web="https://{console}/cloudhsm/home?region={region}#/clusters/{ClusterId}",
    tags="TagList",
    props=pick(
        "ClusterId", "HsmType", "State", "VpcId", "Mode", "NetworkType", "BackupPolicy", "SourceBackupId",
        securityGroupId="SecurityGroup",
        subnetIds="SubnetMapping{}",
        hsmIds="Hsms[].HsmId",
        hsmCount=count("Hsms"),
        privateIpAddresses="Hsms[].EniIp",
        networkInterfaceIds="Hsms[].EniId",
    ),
    secrets=("PreCoPassword",),
    edges=guarded_by("aws_hsm", "SecurityGroup"),
)  # fmt: skip

SERVICE = Service(
    name="cloudhsm",
    client="cloudhsmv2",
    title="CloudHSM",
    node=service_node("aws_cloudhsm", "AWS CloudHSM", category=("security",), function=("encryption",)),
    has=("aws_hsm",),
    entities=(hsm,),
)
