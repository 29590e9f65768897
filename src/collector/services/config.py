"""AWS Config. Compliance is read for all rules of a region at once, evaluation results per rule that has any."""

from typing import Any

from collector.schema.declarations import (
    RESOURCE,
    Call,
    Computed,
    Edge,
    Entity,
    Fixed,
    Hydrate,
    Join,
    Row,
    Service,
    Template,
    Via,
    pick,
    service_node,
)
from collector.schema.paths import found, walker
from collector.schema.patterns import tagged
from collector.schema.values import is_one_of, only, unique

ACCOUNT = "AWS::::Account"
NO_RECORDER = ("NoSuchConfigurationRecorderException",)

KEYS = {
    "AWS::AutoScaling::AutoScalingGroup": "{id}",
    "AWS::ACM::Certificate": "{id}",
    "AWS::CloudFormation::Stack": "{id}",
    "AWS::CloudFront::Distribution": "{id}",
    "AWS::CloudWatch::Alarm": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{id}",
    "AWS::DynamoDB::Table": "arn:{partition}:dynamodb:{region}:{account}:table/{id}",
    "AWS::EC2::EIP": "arn:{partition}:ec2:{region}:{account}:elastic-ip/{id}",
    "AWS::EC2::Instance": "arn:{partition}:ec2:{region}:{account}:instance/{id}",
    "AWS::EC2::InternetGateway": "arn:{partition}:ec2:{region}:{account}:internet-gateway/{id}",
    "AWS::EC2::NatGateway": "arn:{partition}:ec2:{region}:{account}:natgateway/{id}",
    "AWS::EC2::NetworkAcl": "arn:{partition}:ec2:{region}:{account}:network-acl/{id}",
    "AWS::EC2::NetworkInterface": "arn:{partition}:ec2:{region}:{account}:network-interface/{id}",
    "AWS::EC2::RouteTable": "arn:{partition}:ec2:{region}:{account}:route-table/{id}",
    "AWS::EC2::SecurityGroup": "arn:{partition}:ec2:{region}:{account}:security-group/{id}",
    "AWS::EC2::Subnet": "arn:{partition}:ec2:{region}:{account}:subnet/{id}",
    "AWS::EC2::VPC": "arn:{partition}:ec2:{region}:{account}:vpc/{id}",
    "AWS::EC2::Volume": "arn:{partition}:ec2:{region}:{account}:volume/{id}",
    "AWS::ECR::Repository": "arn:{partition}:ecr:{region}:{account}:repository/{id}",
    "AWS::EFS::FileSystem": "arn:{partition}:elasticfilesystem:{region}:{account}:file-system/{id}",
    "AWS::EKS::Cluster": "arn:{partition}:eks:{region}:{account}:cluster/{id}",
    "AWS::ElasticLoadBalancing::LoadBalancer": "arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/{id}",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "{id}",
    "AWS::IAM::Group": "{id}",
    "AWS::IAM::Policy": "{id}",
    "AWS::IAM::Role": "{id}",
    "AWS::IAM::User": "{id}",
    "AWS::KMS::Key": "arn:{partition}:kms:{region}:{account}:key/{id}",
    "AWS::Lambda::Function": "arn:{partition}:lambda:{region}:{account}:function:{id}",
    "AWS::RDS::DBCluster": "{id}",
    "AWS::RDS::DBInstance": "{id}",
    "AWS::Redshift::Cluster": "arn:{partition}:redshift:{region}:{account}:cluster:{id}",
    "AWS::S3::Bucket": "arn:{partition}:s3:::{id}",
    "AWS::SNS::Topic": "{id}",
    "AWS::SQS::Queue": "arn:{partition}:sqs:{region}:{account}:{id}",
}
"""The entity key for a resource id of AWS Config, by resource type. `{id}` alone is an ARN or a unique short id."""


def resource_key(rule: str, kind: str, resource: str) -> str | None:
    """The key or unique id of a resource in the graph; None for types that are not collected. `rule` is the rule's ARN."""
    _, partition, _, region, account, _ = rule.split(":", 5)
    short = resource.rpartition("/")[2] if kind == "AWS::SQS::Queue" else resource
    key = "{id}" if resource.startswith("arn:") else KEYS.get(kind, "")
    return key.format(partition=partition, region=region, account=account, id=short) or None


QUALIFIER = "EvaluationResultIdentifier.EvaluationResultQualifier"
EVALUATED = tuple(map(walker, ("^.ConfigRuleArn", f"{QUALIFIER}.ResourceType", f"{QUALIFIER}.ResourceId")))


def evaluated_resource(item: Row) -> str | None:
    """The key or id of the evaluated resource."""
    rule, kind, resource = (walk(item) for walk in EVALUATED)
    return resource_key(rule, kind, resource) if rule and kind and resource else None


def scoped_resource(row: Row) -> str | None:
    """The key or id of the one resource that the scope of a rule names; None if it names none."""
    scope = row.get("Scope", {})
    kinds = scope.get("ComplianceResourceTypes", ())
    resource = scope.get("ComplianceResourceId")
    return resource_key(row.get("ConfigRuleArn", ""), kinds[0], resource) if kinds and resource else None


def is_about_account(row: Row) -> bool:
    """Whether a rule has no scope, or evaluated the account."""
    kinds = found(row, f"Evaluations[].{QUALIFIER}.ResourceType")
    return ACCOUNT in kinds or not row.get("Scope")


def recording_regions(regions: list[dict[str, Any]]) -> list[str]:
    """The regions with an active configuration recorder."""
    return [
        one["Region"] for one in regions if any(s.get("recording") for s in one.get("ConfigurationRecordersStatus", ()))
    ]


QUALIFIER = "EvaluationResultIdentifier.EvaluationResultQualifier"
COMPLIANCE = Call("describe_compliance_by_config_rule", "ComplianceByConfigRules")
STATE = only("Compliance[].Compliance.ComplianceType")

EVALUATIONS = Hydrate(
    "get_compliance_details_by_config_rule",
    "Evaluations",
    {"ConfigRuleName": "ConfigRuleName"},
    {"Limit": 100},
    items="EvaluationResults",
    when=Via("Compliance[].Compliance.ComplianceType", lambda found: bool({"COMPLIANT", "NON_COMPLIANT"} & {*found})),
)

EVALUATES = (
    Edge(
        "aws_config_rule",
        "EVALUATES",
        "aws_account",
        at=Template("arn:{partition}:iam::{account}:root"),
        when=Computed(is_about_account, ("Scope", f"Evaluations[].{QUALIFIER}.ResourceType")),
        props={"complianceType": STATE},
    ),
    Edge(
        "aws_config_rule",
        "EVALUATES",
        RESOURCE,
        each="Evaluations",
        at=Computed(evaluated_resource, (f"{QUALIFIER}.ResourceType", f"{QUALIFIER}.ResourceId", "^.ConfigRuleArn")),
        props=pick("ComplianceType", f"{QUALIFIER}.ResourceType"),
    ),
    Edge(
        "aws_config_rule",
        "EVALUATES",
        RESOURCE,
        at=Computed(scoped_resource, ("ConfigRuleArn", "Scope.ComplianceResourceTypes", "Scope.ComplianceResourceId")),
    ),
)

rule = Entity(
    type="aws_config_rule",
    cls="ControlPolicy",
    rows=Call("describe_config_rules", "ConfigRules"),
    join=(
        Join(COMPLIANCE, "Compliance", on="ConfigRuleName", to="ConfigRuleName"),
        tagged("config:config-rule", "ConfigRuleArn"),
    ),
    hydrate=(EVALUATIONS,),
    key="ConfigRuleArn",
    id="ConfigRuleId",
    also={"name": "ConfigRuleName"},
    name="ConfigRuleName",
    active=is_one_of("ConfigRuleState", "ACTIVE"),
    web="https://{console}/config/home?region={region}#/rules/details?configRuleName={ConfigRuleName}",
    tags="Tagging[].Tags[]",
    props=pick(
        "ConfigRuleName",
        "Description",
        "ConfigRuleState",
        "MaximumExecutionFrequency",
        "CreatedBy",
        "Scope.ComplianceResourceTypes",
        "Scope.ComplianceResourceId",
        "Scope.TagKey",
        "Scope.TagValue",
        "Source.SourceIdentifier",
        category=Fixed(["config"]),
        sourceOwner="Source.Owner",
        complianceState=STATE,
    ),
    edges=EVALUATES,
)

SERVICE = Service(
    name="config",
    client="config",
    title="Config",
    node=service_node(
        "aws_config",
        "AWS Config",
        category=("security",),
        function=("configuration-management",),
        hydrate=(
            Hydrate("describe_configuration_recorders", "Recorders", regions=True, absent=NO_RECORDER),
            Hydrate("describe_configuration_recorder_status", "States", regions=True, absent=NO_RECORDER),
            Hydrate("describe_delivery_channels", "Channels", regions=True, absent=("NoSuchDeliveryChannelException",)),
        ),
        props=pick(
            recordingRegions=Via("States", recording_regions),
            recorderNames=unique("Recorders[].ConfigurationRecorders[].name"),
            recorderRoleArns=unique("Recorders[].ConfigurationRecorders[].roleARN"),
            recordedResourceTypes=unique("Recorders[].ConfigurationRecorders[].recordingGroup.resourceTypes[]"),
            recorderErrors=unique("States[].ConfigurationRecordersStatus[].lastErrorMessage"),
            deliveryBuckets=unique("Channels[].DeliveryChannels[].s3BucketName"),
            deliveryTopicArns=unique("Channels[].DeliveryChannels[].snsTopicARN"),
        ),
    ),
    has=("aws_config_rule",),
    entities=(rule,),
)
