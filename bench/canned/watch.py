"""CloudWatch, CloudWatch Logs and EventBridge answers."""

from typing import Any

from . import wire
from .answers import AwsError, Paging, Params, detail, every, listing, named, shaped, values, varied
from .estate import Place
from .functions import FUNCTION
from .ids import basics, digits
from .kms import KEY

_TAGS = wire.tags(Environment="%(env)s", Owner="watch@example.com")
_ALARM: dict[str, Any] = {
    "AlarmName": "alarm-%(here)s%(n)s",
    "AlarmArn": "arn:aws:cloudwatch:%(region)s:%(account)s:alarm:alarm-%(here)s%(n)s",
    "AlarmDescription": "CPU of instance %(instance)s",
    "AlarmConfigurationUpdatedTimestamp": "%(at)s",
    "ActionsEnabled": True,
    "OKActions": [],
    "AlarmActions": ["arn:aws:sns:%(region)s:%(account)s:topic-%(here)s%(topic)s"],
    "InsufficientDataActions": [],
    "StateValue": "OK",
    "StateReason": "Threshold Crossed: 1 datapoint [2.0] was not greater than the threshold (80.0).",
    "StateReasonData": '{"version":"1.0","queryDate":"2026-11-23T00:00:00.000+0000","threshold":80.0}',
    "StateUpdatedTimestamp": "%(at)s",
    "MetricName": "CPUUtilization",
    "Namespace": "AWS/EC2",
    "Statistic": "Average",
    "Dimensions": [{"Name": "InstanceId", "Value": "i-0%(here)s%(instance)s"}],
    "Period": 300,
    "EvaluationPeriods": 2,
    "DatapointsToAlarm": 2,
    "Threshold": "80.0",
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "missing",
    "StateTransitionedTimestamp": "%(at)s",
}
_GROUP: dict[str, Any] = {
    "logGroupName": "/canned/%(here)s%(n)s",
    "creationTime": "%(milliseconds)s",
    "retentionInDays": 30,
    "metricFilterCount": "%(filters)s",
    "arn": "arn:aws:logs:%(region)s:%(account)s:log-group:/canned/%(here)s%(n)s:*",
    "storedBytes": 1048576,
    "logGroupClass": "STANDARD",
    "logGroupArn": "arn:aws:logs:%(region)s:%(account)s:log-group:/canned/%(here)s%(n)s",
}
_FILTER: dict[str, Any] = {
    "filterName": "filter-%(n)s",
    "filterPattern": "{ $.errorCode = AccessDenied* }",
    "metricTransformations": [{"metricName": "Denied", "metricNamespace": "Canned", "metricValue": "1"}],
    "creationTime": "%(milliseconds)s",
    "logGroupName": "/canned/%(here)s%(n)s",
}
_FILTERED = 20
_BUS: dict[str, Any] = {
    "Name": "%(bus)s",
    "Arn": "arn:aws:events:%(region)s:%(account)s:event-bus/%(bus)s",
    "CreationTime": "%(epoch)s",
    "LastModifiedTime": "%(epoch)s",
}
_BUSES = 2
_RULE_NAME = "rule-%(here)s%(n)s"
_RULE: dict[str, Any] = {
    "Name": _RULE_NAME,
    "State": "ENABLED",
    "Description": "Rule %(n)s",
    "EventBusName": "%(bus)s",
}
_OF_DEFAULT = {
    "Arn": f"arn:aws:events:%(region)s:%(account)s:rule/{_RULE_NAME}",
    "ScheduleExpression": "rate(5 minutes)",
}
_OF_OTHER = {
    "Arn": f"arn:aws:events:%(region)s:%(account)s:rule/%(bus)s/{_RULE_NAME}",
    "EventPattern": '{"source":["aws.ec2"],"detail-type":["EC2 Instance State-change Notification"]}',
}
_TARGETS = {
    "function": {"Id": "target-1", "Arn": FUNCTION},
    "queue": {"Id": "target-1", "Arn": "arn:aws:sqs:%(region)s:%(account)s:queue-%(here)s%(queue)s"},
}


def _alarm_fields(place: Place, n: int) -> dict[str, str]:
    instance, topic = n % max(1, place.n["aws_instance"]), n % place.n["aws_sns_topic"]
    return {**basics(place, n), "instance": digits(instance), "topic": digits(topic)}


def _group_fields(place: Place, n: int) -> dict[str, str]:
    fields = basics(place, n)
    keys = place.n["aws_kms_key"]
    fields["milliseconds"] = fields["epoch"].replace(".", "")
    fields["filters"] = str(int(n % _FILTERED == 0))
    fields["key"] = digits(n % keys) if keys else ""
    return fields


def _filters(place: Place, params: Params) -> range:
    name = params.get("logGroupName")
    if name is None:
        return range(0, place.n["aws_cloudwatch_log_group"], _FILTERED)
    number = named(place, name, "aws_cloudwatch_log_group", "ResourceNotFoundException")
    return range(number, number + (number % _FILTERED == 0))


def _alarms(place: Place, params: Params) -> range:
    types = values(params, "AlarmTypes.member")
    return range(place.n["aws_cloudwatch_metric_alarm"] if not types or "MetricAlarm" in types else 0)


def _bus_name(place: Place, bus: int) -> str:
    return f"bus-{place.here}{digits(bus)}" if bus else "default"


def _rule_fields(place: Place, n: int) -> dict[str, str]:
    functions, queues = place.n["aws_lambda_function"], place.n["aws_sqs_queue"]
    return {
        **basics(place, n),
        "bus": _bus_name(place, n % _BUSES),
        "function": digits(n % max(1, functions)),
        "queue": digits(n % max(1, queues)),
    }


def _on_bus(place: Place, params: Params) -> range:
    name = str(params.get("EventBusName", "default")).rpartition("/")[2]
    buses = [_bus_name(place, bus) for bus in range(_BUSES)]
    if name not in buses:
        raise AwsError("ResourceNotFoundException", f"Event bus {name} does not exist.")
    return range(buses.index(name), place.n["aws_cloudwatch_event_rule"], _BUSES)


def _target(place: Place, n: int) -> str:
    return "function" if place.n["aws_lambda_function"] and (n % 3 or not place.n["aws_sqs_queue"]) else "queue"


def _of_rule(place: Place, params: Params) -> range:
    number = named(place, params["Rule"], "aws_cloudwatch_event_rule", "ResourceNotFoundException")
    return range(number, number + bool(place.n["aws_lambda_function"] or place.n["aws_sqs_queue"]))


def _tagged(service: str, parameter: str, kind: str, value: Any) -> None:
    detail(service, "ListTagsForResource", parameter, kind, value, "ResourceNotFoundException")


_LIMIT = Paging("limit", "nextToken", "nextToken", default=50, maximum=50)
_EVENTS = Paging("Limit", default=100, maximum=100)
_row = shaped("cloudwatch", "DescribeAlarms", "MetricAlarms", _ALARM, _alarm_fields)
listing(
    "cloudwatch",
    "DescribeAlarms",
    "MetricAlarms",
    _row,
    _alarms,
    Paging("MaxRecords", default=50, maximum=100),
    CompositeAlarms=[],
)
_tagged("cloudwatch", "ResourceARN", "aws_cloudwatch_metric_alarm", {"Tags": _TAGS})

_row = varied(
    "logs",
    "DescribeLogGroups",
    "logGroups",
    {True: {**_GROUP, "kmsKeyId": KEY}, False: _GROUP},
    lambda place, n: n % 4 == 0 and place.n["aws_kms_key"] > 0,
    _group_fields,
)
listing("logs", "DescribeLogGroups", "logGroups", _row, every("aws_cloudwatch_log_group"), _LIMIT)
_row = shaped("logs", "DescribeMetricFilters", "metricFilters", _FILTER, _group_fields)
listing("logs", "DescribeMetricFilters", "metricFilters", _row, _filters, _LIMIT)
_row = shaped("logs", "DescribeSubscriptionFilters", "subscriptionFilters", {"filterName": "%(n)s"})
listing("logs", "DescribeSubscriptionFilters", "subscriptionFilters", _row, lambda *_: range(0), _LIMIT)
_tagged(
    "logs",
    "resourceArn",
    "aws_cloudwatch_log_group",
    {"tags": {"Environment": "%(env)s", "Owner": "watch@example.com"}},
)

_row = shaped("events", "ListEventBuses", "EventBuses", _BUS, lambda p, n: {**basics(p, n), "bus": _bus_name(p, n)})
listing("events", "ListEventBuses", "EventBuses", _row, lambda *_: range(_BUSES), _EVENTS)
_row = varied(
    "events",
    "ListRules",
    "Rules",
    {0: {**_RULE, **_OF_DEFAULT}, 1: {**_RULE, **_OF_OTHER}},
    lambda _, n: n % _BUSES,
    _rule_fields,
)
listing("events", "ListRules", "Rules", _row, _on_bus, _EVENTS)
_row = varied("events", "ListTargetsByRule", "Targets", _TARGETS, _target, _rule_fields)
listing("events", "ListTargetsByRule", "Targets", _row, _of_rule, _EVENTS)
_tagged("events", "ResourceARN", "aws_cloudwatch_event_rule", {"Tags": _TAGS})
