"""Operations: logs, CloudTrail, alarms, EventBridge, Config, CloudFormation, SNS and SQS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from collector.demo.estate.cloud import Cloud, tags
from collector.demo.places import HOME, REGION, SECOND_REGION

if TYPE_CHECKING:
    from collector.demo.estate.seeded import SeededIds

TOPIC = f"arn:aws:sns:{REGION}:{HOME}:alerts"
BUCKET_RULE = "buckets-not-public"
ACCOUNT_RULE = "root-has-mfa"


def log_groups(cloud: Cloud, ids: SeededIds) -> None:
    """Log groups for the flow logs (with a metric filter), for the trail, and in the second region."""
    logs = cloud.client("logs")
    for name in ("/shop/network", "/shop/trail"):
        logs.create_log_group(logGroupName=name, tags={"Team": "security"}, kmsKeyId=ids.key)
    logs.put_retention_policy(logGroupName="/shop/network", retentionInDays=30)
    metric = {"metricName": "Rejected", "metricNamespace": "Shop", "metricValue": "1"}
    logs.put_metric_filter(
        logGroupName="/shop/network", filterName="rejected", filterPattern="REJECT", metricTransformations=[metric]
    )
    cloud.client("logs", SECOND_REGION).create_log_group(logGroupName="/standby")


def trail(cloud: Cloud, ids: SeededIds) -> None:
    """A multi-region trail to a bucket and a log group."""
    cloudtrail = cloud.client("cloudtrail")
    cloudtrail.create_trail(
        Name="everything",
        S3BucketName="acme-logs",
        S3KeyPrefix="trail",
        IsMultiRegionTrail=True,
        EnableLogFileValidation=True,
        KmsKeyId=ids.key,
        CloudWatchLogsLogGroupArn=f"arn:aws:logs:{REGION}:{HOME}:log-group:/shop/trail:*",
        CloudWatchLogsRoleArn=ids.roles["flow-logs"],
        TagsList=tags(Team="security"),
    )
    cloudtrail.start_logging(Name="everything")


def alarm(cloud: Cloud, _ids: SeededIds) -> None:
    """An alarm on the metric of the log group."""
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName="rejected traffic",
        AlarmDescription="Too much traffic is rejected",
        MetricName="Rejected",
        Namespace="Shop",
        Period=60,
        EvaluationPeriods=1,
        Threshold=100,
        Statistic="Sum",
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[TOPIC],
        Tags=tags(Team="security"),
    )


def event_rules(cloud: Cloud, ids: SeededIds) -> None:
    """A schedule that invokes a function, and an event pattern on a custom bus."""
    events = cloud.client("events")
    events.put_rule(Name="every-five-minutes", ScheduleExpression="rate(5 minutes)", Tags=tags(Team="orders"))
    events.put_targets(Rule="every-five-minutes", Targets=[{"Id": "orders", "Arn": ids.function}])
    events.create_event_bus(Name="shop")
    events.put_rule(Name="ordered", EventBusName="shop", EventPattern=json.dumps({"source": ["shop.orders"]}))


def config_rules(cloud: Cloud, ids: SeededIds) -> None:
    """A recorder, and rules on buckets and on the account."""
    config = cloud.client("config")
    recorder = {"name": "default", "roleARN": ids.roles["config-recorder"]}
    config.put_configuration_recorder(
        ConfigurationRecorder={
            **recorder,
            "recordingGroup": {"allSupported": True, "includeGlobalResourceTypes": True},
        }
    )
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "acme-logs"})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    config.put_config_rule(
        ConfigRule={
            "ConfigRuleName": BUCKET_RULE,
            "Source": {"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_PUBLIC_READ_PROHIBITED"},
            "Scope": {"ComplianceResourceTypes": ["AWS::S3::Bucket"]},
        },
        Tags=tags(Team="security"),
    )
    config.put_config_rule(
        ConfigRule={
            "ConfigRuleName": ACCOUNT_RULE,
            "Source": {"Owner": "AWS", "SourceIdentifier": "ROOT_ACCOUNT_MFA_ENABLED"},
        }
    )


def stack(cloud: Cloud, _ids: SeededIds) -> None:
    """A stack that creates a queue, with a NoEcho parameter."""
    template = {
        "Description": "The queue of returned goods",
        "Parameters": {"Token": {"Type": "String", "NoEcho": True}, "Stage": {"Type": "String"}},
        "Resources": {"Returns": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "returns"}}},
        "Outputs": {"Stage": {"Value": {"Ref": "Stage"}}},
    }
    cloud.client("cloudformation").create_stack(
        StackName="returns",
        TemplateBody=json.dumps(template),
        Parameters=[
            {"ParameterKey": "Token", "ParameterValue": "s3cr3t-stack"},
            {"ParameterKey": "Stage", "ParameterValue": "production"},
        ],
        Tags=tags(Team="orders"),
    )


def messages(cloud: Cloud, _ids: SeededIds) -> None:
    """A topic with a queue and an email address as subscribers; a dead-letter queue; a queue in the second region."""
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    sns.create_topic(Name="alerts", Attributes={"KmsMasterKeyId": "alias/shop"}, Tags=tags(Team="platform"))
    sqs.create_queue(QueueName="orders-dead")
    dead = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{HOME}:orders-dead", "maxReceiveCount": 5}
    sqs.create_queue(
        QueueName="orders",
        Attributes={"KmsMasterKeyId": "alias/shop", "RedrivePolicy": json.dumps(dead)},
        tags={"Team": "orders"},
    )
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{HOME}:orders")
    sns.subscribe(TopicArn=TOPIC, Protocol="email", Endpoint="oncall@example.com")
    cloud.client("sqs", SECOND_REGION).create_queue(QueueName="standby.fifo", Attributes={"FifoQueue": "true"})
