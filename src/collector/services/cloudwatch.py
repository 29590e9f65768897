"""Amazon CloudWatch: alarms (client `cloudwatch`), EventBridge rules (client `events`), log groups (client `logs`)."""

from collections.abc import AsyncIterator
from dataclasses import replace

from collector.schema.declarations import (
    Call,
    Calls,
    Custom,
    Edge,
    Entity,
    First,
    Hydrate,
    Join,
    Row,
    Service,
    Template,
    Via,
    pick,
    service_node,
)
from collector.schema.paths import found
from collector.schema.patterns import encrypted_with, lambda_functions, tagged
from collector.schema.values import JsonText, as_json, computed, document, is_one_of, present, unique, without_suffix


async def list_rules(calls: Calls) -> AsyncIterator[list[Row]]:
    """The rules of every event bus. Without a bus name, AWS lists the rules of the default bus only."""
    async for buses in calls.pages("list_event_buses", token="NextToken", Limit=100):  # noqa: S106  (a page token)
        for name in found(buses, "EventBuses[].Name"):
            async for page in calls.pages("list_rules", EventBusName=name, Limit=100):
                yield [{"EventBusName": name, **rule} for rule in page.get("Rules", ())]


@computed("AlarmActions", "OKActions", "InsufficientDataActions")
def topics(row: Row) -> list[str]:
    """The ARNs of the SNS topics that an alarm notifies, each once."""
    every = (arn for name in ("AlarmActions", "OKActions", "InsufficientDataActions") for arn in row.get(name) or ())
    return [arn for arn in dict.fromkeys(every) if arn.split(":")[2:3] == ["sns"]]


def metric_filters(filters: list[Row]) -> str:
    """The metric filters of a log group as JSON text: pattern, metric and namespace of each metric that they write."""
    return JsonText(
        as_json(
            [
                {
                    "pattern": one.get("filterPattern"),
                    "metric": to.get("metricName"),
                    "namespace": to.get("metricNamespace"),
                }
                for one in filters
                for to in one.get("metricTransformations") or ()
            ]
        )
    )


alarm = Entity(
    type="aws_cloudwatch_metric_alarm",
    cls="Monitor",
    rows=Call("describe_alarms", "MetricAlarms", {"AlarmTypes": ["MetricAlarm"], "MaxRecords": 100}),
    join=(tagged("cloudwatch:alarm", "AlarmArn"),),
    key="AlarmArn",
    name="AlarmName",
    also={"name": "AlarmName"},
    active="ActionsEnabled",
    web="https://{console}/cloudwatch/home?region={region}#alarmsV2:alarm/{AlarmName}",
    tags="Tagging[].Tags[]",
    props=pick(
        "ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions", "StateValue", "StateReason",
        "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Unit", "EvaluationPeriods",
        "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData",
        description="AlarmDescription",
        stateUpdatedOn="StateUpdatedTimestamp",
        updatedOn="AlarmConfigurationUpdatedTimestamp",
        dimensions=document("Dimensions"),
        metrics=document("Metrics"),
    ),
    edges=(Edge("aws_cloudwatch_metric_alarm", "TRIGGERS", "aws_sns_topic", at=topics),),
)  # fmt: skip

rule = Entity(
    type="aws_cloudwatch_event_rule",
    cls="Task",
    client="events",
    rows=Custom(list_rules, ops=("list_event_buses", "list_rules")),
    hydrate=(
        Hydrate(
            "list_targets_by_rule", "Targets", {"Rule": "Name", "EventBusName": "EventBusName"}, {"Limit": 100}, items="Targets"
        ),
        Hydrate("list_tags_for_resource", "Tagging", {"ResourceARN": "Arn"}),
    ),
    key="Arn",
    name="Name",
    also={"name": Template("{EventBusName}/{Name}")},
    active=is_one_of("State", "ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"),
    web="https://{console}/events/home?region={region}#/eventbus/{EventBusName}/rules/{Name}",
    tags="Tagging.Tags",
    props=pick(
        "EventPattern", "State", "Description", "ScheduleExpression", "RoleArn", "ManagedBy", "EventBusName",
        targetArns="Targets[].Arn",
        targetRoleArns=unique("Targets[].RoleArn"),
    ),
    secrets=(
        "Targets[].Input", "Targets[].InputTransformer.InputTemplate", "Targets[].HttpParameters.HeaderParameters",
        "Targets[].HttpParameters.QueryStringParameters",
    ),
    edges=(
        Edge("aws_cloudwatch_event_rule", "TRIGGERS", "aws_lambda_function", at=lambda_functions("Targets[].Arn")),
    ),
)  # fmt: skip

log_group = Entity(
    type="aws_cloudwatch_log_group",
    cls="Logs",
    client="logs",
    rows=Call("describe_log_groups", "logGroups", {"limit": 50}),
    join=(
        Join(Call("describe_metric_filters", "metricFilters", {"limit": 50}), "Filters", "logGroupName", "logGroupName"),
        replace(tagged("logs", "logGroupArn"), on=without_suffix("ResourceARN", ":*")),
    ),
    key=First("logGroupArn", without_suffix("arn", ":*")),
    name="logGroupName",
    also={"name": "logGroupName"},
    created="creationTime",
    web="https://{console}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{logGroupName}",
    tags="Tagging[].Tags[]",
    props=pick(
        "retentionInDays", "metricFilterCount", "storedBytes", "kmsKeyId", "logGroupClass",
        "dataProtectionStatus",
        encrypted=present("kmsKeyId"),
        metricFilters=Via("Filters", metric_filters),
    ),
    edges=encrypted_with("aws_cloudwatch_log_group", "kmsKeyId"),
)  # fmt: skip

SERVICE = Service(
    name="cloudwatch",
    client="cloudwatch",
    title="CloudWatch",
    node=service_node(
        "aws_cloudwatch", "Amazon CloudWatch", category=("infrastructure",), function=("monitoring", "logging")
    ),
    has=("aws_cloudwatch_metric_alarm", "aws_cloudwatch_event_rule", "aws_cloudwatch_log_group"),
    entities=(alarm, rule, log_group),
)
