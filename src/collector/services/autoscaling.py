"""Amazon EC2 Auto Scaling."""

from collector.schema.declarations import Call, Edge, Entity, Service, Via, pick, service_node
from collector.schema.values import count, document, equals

group = Entity(
    type="aws_autoscaling_group",
    cls=("Deployment", "Group"),
    rows=Call("describe_auto_scaling_groups", "AutoScalingGroups", {"MaxRecords": 100}),
    key="AutoScalingGroupARN",
    name="AutoScalingGroupName",
    created="CreatedTime",
    active=equals("Status", None),  # only a group that is being deleted has a status
    web="https://{console}/ec2/home?region={region}#AutoScalingGroupDetails:id={AutoScalingGroupName}",
    tags="Tags",
    props=pick(
        "LaunchConfigurationName", "MinSize", "MaxSize", "DesiredCapacity", "AvailabilityZones", "HealthCheckType",
        "HealthCheckGracePeriod", "TargetGroupARNs", "ServiceLinkedRoleARN", "Status",
        LoadBalancerNames="LoadBalancerNames",
        launchTemplate=document("LaunchTemplate"),
        mixedInstancesPolicy=document("MixedInstancesPolicy"),
        desiredSize="DesiredCapacity",
        currentSize=count("Instances"),
        instanceIds="Instances[].InstanceId",
        subnetIds=Via("VPCZoneIdentifier", lambda subnets: [one for one in subnets.split(",") if one]),
    ),
    edges=(Edge("aws_autoscaling_group", "HAS", "aws_instance", at="Instances[].InstanceId"),),
)  # fmt: skip

SERVICE = Service(
    name="autoscaling",
    client="autoscaling",
    title="AutoScaling",
    node=service_node(
        "aws_autoscaling", "Amazon EC2 Auto Scaling", category=("infrastructure",), function=("compute", "scaling")
    ),
    has=("aws_autoscaling_group",),
    entities=(group,),
)
