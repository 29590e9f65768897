"""Rules for the properties of all types, held over the golden graphs, which contain every declared property."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.analysis import authorization, outside
from collector.analysis.services import of_prefix
from collector.catalog.catalog import Catalog
from collector.graph.convert import EntityConverter, UnreadValue
from collector.model import Options, Place
from collector.schema.declarations import UNKNOWN, Fixed
from collector.services.s3.service import EVERYONE_ENTITY, bucket
from tests.runs import Collected

Record = dict[str, Any]
Rule = Callable[[list[Record]], Iterable[str]]

CATALOG = Catalog.all()
GOLDEN = [json.loads(path.read_text()) for path in sorted((Path(__file__).parents[1] / "golden").glob("*.json"))]
ENTITIES: list[Record] = [record for graph in GOLDEN for record in graph["entities"]]
RELATIONSHIPS: list[Record] = [record for graph in GOLDEN for record in graph["relationships"]]
TARGETS: list[Record] = [record["_mapping"]["targetEntity"] for record in RELATIONSHIPS if "_mapping" in record]

UNREADABLE = re.compile(r"arn:.*|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{17,}|[a-z]+-[0-9a-f]{8,17}")
"""ARNs, UUIDs, hexadecimal ids, and ids with a prefix such as `eipalloc-0b2c3d4e5f6071829`."""
NAMED = re.compile(r".*(_finding|_subscription|_detector|_eip|_task)")
"""Types whose names AWS leaves to the caller; ids are not names that a person can read."""

WITHOUT_ID = re.compile(
    r"aws_(accessanalyzer_analyzer|acm_certificate|api_gateway_domain_name|autoscaling_group|batch_compute_environment|batch_job_queue"
    r"|cloudformation_stack|cloudwatch_\w+|ecr_\w+|ecs_cluster|eks_cluster|elasticache_cluster_node|alb|nlb|elb|lb_\w+"
    r"|iam_\w+_policy|inspector_assessment|db_snapshot|db_cluster_snapshot|redshift_cluster|route53_record"
    r"|s3_bucket_policy|sns_topic|sqs_queue|transfer_user)"
)
"""Types for which AWS has no identifier beside the ARN and the name."""


def kind_of(value: Any) -> str | None:
    """The type of a property value; None if the value does not tell: null and empty lists."""
    if isinstance(value, list):
        return f"list of {kind_of(value[0])}" if value else None
    if value is None:
        return None
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def labels(record: Record) -> Iterator[tuple[str, Any]]:
    """The properties that are neither tags nor metadata."""
    return ((label, value) for label, value in record.items() if not label.startswith(("_", "tag.")))


def empty_texts(records: list[Record]) -> Iterator[str]:
    for record in records:
        for label, value in record.items():
            if any(one in ("", "[]", "{}") for one in (value if isinstance(value, list) else [value])):
                yield f"{record['_type']}.{label} is an empty text"


def several_types(records: list[Record]) -> Iterator[str]:
    kinds: dict[str, dict[str, str]] = defaultdict(dict)
    for record in records:
        for label, value in labels(record):
            if kind := kind_of(value):
                kinds[label].setdefault(kind, record["_type"])
    return (f"{label}: {found}" for label, found in kinds.items() if len(found) > 1)


def several_spellings(records: list[Record]) -> Iterator[str]:
    spellings: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for label, _ in labels(record):
            spellings[label.lower()].add(label)
    return (str(sorted(found)) for found in spellings.values() if len(found) > 1)


def buckets_without_public(records: list[Record]) -> Iterator[str]:
    buckets = (record for record in records if record["_type"] == "aws_s3_bucket")
    return (record["_key"] for record in buckets if not isinstance(record.get("public"), bool))


def without_id(records: list[Record]) -> Iterator[str]:
    services = {entity.type for entity in CATALOG.entities if entity.id is None and entity.classes == ("Service",)}
    types, with_id = {record["_type"] for record in records}, {record["_type"] for record in records if "id" in record}
    return (f"{type_} has no id" for type_ in types - with_id - services if not WITHOUT_ID.fullmatch(type_))


def unreadable_names(records: list[Record]) -> Iterator[str]:
    named = (record for record in records if NAMED.fullmatch(record["_type"]))
    return (f"{record['_type']}: {record['name']}" for record in named if UNREADABLE.fullmatch(record["name"]))


def severities_in_capitals(records: list[Record]) -> Iterator[str]:
    found = ((record, record.get("severity")) for record in records)
    return (f"{record['_type']}: {severity}" for record, severity in found if severity and not severity.islower())


def several_classes(records: list[Record]) -> Iterator[str]:
    classes: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if "_key" in record and "_class" in record:
            cls = record["_class"]
            classes[record["_key"]].add(str(sorted([cls] if isinstance(cls, str) else cls)))
    return (f"{key}: {found}" for key, found in classes.items() if len(found) > 1)


def single_values(records: list[Record]) -> Iterator[str]:
    found = (record for record in records if record["_type"] == "aws_route53_record" and "value" in record)
    return (record["_key"] for record in found if not isinstance(record["value"], list))


def filters_without_pairs(records: list[Record]) -> Iterator[str]:
    for record in records:
        if {"filterPatterns", "metricNames"} & record.keys():
            yield f"{record['_key']} has parallel lists"
        for one in json.loads(record.get("metricFilters", "[]")):
            if one.keys() != {"pattern", "metric", "namespace"}:
                yield f"{record['_key']}: {one}"


def types_in_other_case(records: list[Record]) -> Iterator[str]:
    return (record["_type"] for record in records if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", record["_type"]))


def services_of_policies() -> list[Record]:
    """The service entities that policies can bring: one for each prefix of actions."""
    return [{"_type": of_prefix(prefix)} for prefix in authorization.services()]


RULES: list[tuple[Rule, list[Record], list[Record]]] = [
    (empty_texts, ENTITIES + RELATIONSHIPS + TARGETS, [{"_type": "a", "description": ""}]),
    (empty_texts, ENTITIES + RELATIONSHIPS + TARGETS, [{"_type": "a", "rules": "[]"}]),
    (empty_texts, ENTITIES + RELATIONSHIPS + TARGETS, [{"_type": "a", "names": ["x", ""]}]),
    (several_types, ENTITIES, [{"_type": "a", "multiAZ": True}, {"_type": "b", "multiAZ": "enabled"}]),
    (several_types, ENTITIES, [{"_type": "a", "email": ["a@b.c"]}, {"_type": "b", "email": "a@b.c"}]),
    (several_spellings, ENTITIES, [{"_type": "a", "webAclId": "1"}, {"_type": "b", "webACLId": "2"}]),
    (buckets_without_public, ENTITIES, [{"_type": "aws_s3_bucket", "_key": "b"}]),
    (without_id, ENTITIES, [{"_type": "aws_api_gateway_v2_route"}]),
    (unreadable_names, ENTITIES, [{"_type": "aws_eip", "name": "eipalloc-0b2c3d4e5f6071829"}]),
    (unreadable_names, ENTITIES, [{"_type": "aws_sns_subscription", "name": "arn:aws:sqs:us-east-1:1:orders"}]),
    (severities_in_capitals, ENTITIES, [{"_type": "aws_inspector_finding", "severity": "HIGH"}]),
    (
        several_classes,
        ENTITIES + TARGETS,
        [
            {"_key": "global:everyone", "_class": "UserGroup"},
            {"_key": "global:everyone", "_class": ["UserGroup", "Everyone"]},
        ],
    ),
    (single_values, ENTITIES, [{"_type": "aws_route53_record", "_key": "r", "value": "10.0.0.1"}]),
    (filters_without_pairs, ENTITIES, [{"_key": "g", "metricFilters": '[{"pattern": "x"}]'}]),
    (types_in_other_case, ENTITIES + RELATIONSHIPS + services_of_policies(), [{"_type": "aws_s3object-lambda"}]),
]


@pytest.mark.parametrize(("rule", "records", "fault"), RULES, ids=[rule.__name__ for rule, _, _ in RULES])
def test_the_golden_graphs_keep_the_rule_and_a_fault_breaks_it(rule: Rule, records: list[Record], fault: list[Record]):
    assert sorted(set(rule(records))) == []
    assert list(rule(fault)) != []


@pytest.mark.parametrize(
    "rule", dict.fromkeys(rule for rule, _, _ in RULES if rule is not without_id), ids=lambda rule: rule.__name__
)
def test_the_sample_estate_keeps_the_rule(rule: Rule, sample: Collected):
    entities = [record for record in sample.records if isinstance(record["_class"], list)]
    assert sorted(set(rule(entities))) == []


def test_what_analysis_and_mapping_describe_has_the_types_and_classes_of_what_is_collected(sample: Collected):
    targets = [record["_mapping"]["targetEntity"] for record in sample.records if "_mapping" in record]
    everyone = [{"_type": "everyone", **target} for target in targets if target.get("_key") == "global:everyone"]
    assert everyone
    assert list(several_classes(targets)) == []
    assert list(empty_texts([{"_type": "outside", **target} for target in targets])) == []
    assert list(types_in_other_case(sample.records)) == []


def test_names_in_declarations_do_not_differ_in_case_only():
    declared = [{"_type": entity.type, **dict.fromkeys(entity.props)} for entity in CATALOG.entities]
    declared += [{"_type": edge.verb, **dict.fromkeys(edge.props)} for edge, _ in CATALOG.edges]
    assert list(several_spellings(declared)) == []


def test_everyone_is_described_alike_by_bucket_acls_and_by_policies():
    acl = {label: source.value for label, source in EVERYONE_ENTITY.items() if isinstance(source, Fixed)}
    assert outside.everyone().properties == acl
    assert acl["_class"] == ["UserGroup", "Everyone"]


def test_an_unknown_public_access_of_a_bucket_is_left_out():
    place = Place("aws", "123456789012", "")
    unread: list[UnreadValue] = []
    converter = EntityConverter(bucket, Options())
    row = {"Name": "logs", "BucketRegion": "us-east-1"}
    known = converter(row, place, unread)
    denied = converter({**row, UNKNOWN: {"Acl"}}, place, unread)
    assert known is not None
    assert denied is not None
    assert known.record["public"] is False
    assert "public" not in denied.record
