import json
from typing import Any

from collector.graph.convert import plain
from collector.services import cloudwatch

TOPIC = "arn:aws:sns:us-east-1:123456789012:ops"


def test_each_topic_of_an_alarm_is_listed_once_without_other_actions():
    row = {"AlarmActions": [TOPIC, "arn:aws:automate:us-east-1:ec2:stop"], "OKActions": [TOPIC]}
    assert cloudwatch.topics.fn(row) == [TOPIC]
    assert cloudwatch.topics.fn({}) == []


class Calls:
    """Two buses on two pages, the second with two pages of rules."""

    async def once(self, op, /, *, again=(), **params):
        raise AssertionError(f"{op} has pages")

    async def pages(self, op, /, *, token=None, **params):
        rules: dict[str, list[Any]] = {
            "a": [{"Rules": []}],
            "b": [{"Rules": [{"Name": "r1"}]}, {"Rules": [{"Name": "r2"}]}],
        }
        buses: list[Any] = [{"EventBuses": [{"Name": "a"}]}, {"EventBuses": [{"Name": "b"}]}]
        for page in buses if op == "list_event_buses" else rules[params["EventBusName"]]:
            yield page


async def test_all_pages_of_rules_of_every_bus_are_listed():
    pages = [page async for page in cloudwatch.list_rules(Calls())]
    assert pages == [[], [{"EventBusName": "b", "Name": "r1"}], [{"EventBusName": "b", "Name": "r2"}]]


def test_each_metric_of_a_filter_is_told_with_its_pattern():
    transformations = [
        {"metricName": "Root", "metricNamespace": "CIS"},
        {"metricName": "All", "metricNamespace": "Ops"},
    ]
    filters: list[dict[str, Any]] = [
        {"filterPattern": "{ $.root }", "metricTransformations": transformations},
        {"filterPattern": "x"},
    ]
    assert json.loads(cloudwatch.metric_filters(filters)) == [
        {"pattern": "{ $.root }", "metric": "Root", "namespace": "CIS"},
        {"pattern": "{ $.root }", "metric": "All", "namespace": "Ops"},
    ]


def test_a_log_group_without_metric_filters_has_no_property_for_them():
    assert plain(cloudwatch.metric_filters([])) is None
