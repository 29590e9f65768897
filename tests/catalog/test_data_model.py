"""Compares JupiterOne's published tables with the declarations and with a run over the sample estate.

`tests/data/data_model.md` is a literal copy of the tables. Every correction to them is in `TYPOS`, `ALIASES` or `LABELS`
here, and listed in docs/data-model.md.
"""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from collector.catalog.catalog import Catalog
from collector.catalog.document import declared_triples
from collector.catalog.published import Seen, names, published, row_covers
from tests.class_schemas import violations
from tests.runs import Collected

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parents[1]
TABLES = (HERE / "data" / "data_model.md").read_text(encoding="utf-8")
READ_BY_QUERIES: dict[str, list[str]] = json.loads((HERE / "data" / "query-properties.json").read_text())
ABSENT_TITLE = "## Properties that queries read and that are not sent"

CATALOG = Catalog.all()
NAMES = names(CATALOG)

TYPOS = {"Accessment": "Assessment"}
"""Misspelt classes."""

LABELS = {
    "aws_account": "Account",
    "aws_cloudfront_distribution_origin": "Origin",
    "aws_api_gateway_v2_integration": "Integration",
    "aws_api_gateway_v2_authorizer": "Authorizer",
}
"""Labels of resources that have none or that of another row."""

POLICIES = ("aws_iam_policy", "aws_iam_user_policy", "aws_iam_group_policy", "aws_iam_role_policy")

ALIASES = {
    "aws_efs_mount_point": ("aws_efs_mount_target",),
    "aws_elasticache_cluster": ("aws_elasticache_memcached_cluster", "aws_elasticache_redis_cluster"),
    "aws_lb": ("aws_alb", "aws_nlb"),
    "aws_db_resource": ("aws_db_instance",),
    "aws_<service>": ("Service",),
    "<AWS Resource>": ("resource",),
    "<Resource>": ("resource",),
}
"""Words of the tables that stand for other types."""

DRAWN_BY_ANALYSIS = {152, 153, 154}
"""Rows that follow from trust and permission policies instead of pointers."""


def _table_rows(title: str) -> list[list[str]]:
    section = TABLES.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def _entities() -> Iterator[tuple[str, str, str, list[str]]]:
    service = ""
    for named, resource, cell in _table_rows("Entities"):
        service = named or service
        type_, *classes = re.findall(r"`([^`]+)`", cell.replace("\\_", "_"))
        yield service, LABELS.get(type_, resource), type_, [TYPOS.get(cls, cls) for cls in classes]


def _relationships() -> Iterator[tuple[str, str, list[list[str]]]]:
    for title in ("Basic relationships", "Mapped relationships", "Advanced mappings"):
        for (cell,) in _table_rows(title):
            text = re.sub(r" _See.*_$", "", cell.replace("\\|", "|").replace("`", "").replace("**", ""))
            yield title.split()[0].lower(), text, _triples(text)


def _triples(text: str) -> list[list[str]]:
    """The triples of `a or b HAS|USES c (some note)`: each source with each verb and each target."""
    bare = re.sub(r" \([^)]*\)", "", text)
    source, verb, target = re.fullmatch(r"(.+?) ([A-Z|]+) (.+)", bare).groups()  # type: ignore[union-attr]
    sources = POLICIES if (source, verb) == ("aws_iam_policy", "ALLOWS") else _types(source)
    return [list(triple) for triple in product(sources, verb.split("|"), _types(target))]


def _types(ends: str) -> list[str]:
    return [type_ for end in ends.split(" or ") for type_ in ALIASES.get(end, (end,))]


def test_the_published_entities_are_those_of_the_tables():
    entities = [(each["service"], each["resource"], each["type"], each["classes"]) for each in published().entities]
    assert sorted(entities, key=str) == sorted(_entities(), key=str)
    assert len(entities) == 94


def test_the_published_rows_are_those_of_the_tables():
    rows = [(row["kind"], row["row"], row["relationships"]) for row in published().rows]
    assert rows == list(_relationships())
    assert len(rows) == 154


def test_every_published_type_is_declared_with_its_classes():
    declared = {(entity.type, cls) for entity in CATALOG.entities for cls in entity.classes}
    expected = {(each["type"], cls) for each in published().entities for cls in each["classes"]}
    assert expected - declared == set()


def test_every_published_row_is_declared():
    places: dict[int, set[str]] = {}
    for triple, place in declared_triples(CATALOG):
        for number in published().covered((triple,), NAMES):
            places.setdefault(number, set()).add(place)
    assert set(range(1, 155)) - places.keys() == set()
    assert {number for number, found in places.items() if found == {"analysis"}} == DRAWN_BY_ANALYSIS


@pytest.mark.parametrize(
    ("row", "triple", "expected"),
    [
        (("Domain", "HAS", "aws_route53_zone"), ("aws_route53_domain", "HAS", "aws_route53_zone"), True),
        (("Domain", "HAS", "aws_route53_zone"), ("Domain", "HAS", "aws_route53_zone"), True),
        (("Domain", "HAS", "aws_route53_zone"), ("aws_route53", "HAS", "aws_route53_zone"), False),
        (("aws_account", "HAS", "Service"), ("aws_account", "HAS", "aws_ec2"), True),
        (("aws_account", "HAS", "Service"), ("aws_account", "HAS", "aws_ecs_service"), False),
        (("aws_waf_v2_web_acl", "PROTECTS", "resource"), ("aws_waf_v2_web_acl", "PROTECTS", "aws_alb"), True),
        (("aws_waf_v2_web_acl", "PROTECTS", "resource"), ("aws_waf_v2_web_acl", "PROTECTS", "resource"), True),
        (("aws_iam_policy", "ALLOWS", "resource"), ("aws_iam_policy", "ALLOWS", "Service"), True),
        (("aws_iam_user", "IS", "Person"), ("aws_iam_user", "IS", "Person"), True),
        (("aws_iam_user", "IS", "Person"), ("aws_iam_user", "HAS", "Person"), False),
    ],
)
def test_a_row_covers_types_classes_services_or_any_resource(row, triple, expected):
    assert row_covers({"relationships": [list(row)]}, triple, NAMES) is expected


@pytest.fixture(scope="module")
def seen(sample: Collected) -> Seen:
    seen = Seen()
    for record in sample.records:
        seen.add(record)
    return seen


def test_the_sample_estate_has_an_entity_of_every_published_type(seen: Seen):
    assert published().types - seen.types == set()


def test_the_sample_estate_has_a_relationship_of_every_published_row(seen: Seen):
    assert set(range(1, 155)) - published().covered(seen.triples, NAMES) == set()


def test_every_entity_of_every_service_satisfies_the_schemas_of_its_classes(sample: Collected):
    entities = [record for record in sample.records if isinstance(record["_class"], list)]
    assert [f"{record['_key']}: {line}" for record in entities for line in violations(record)] == []


def test_relationships_to_people_hosts_and_peered_vpcs_are_mapped(sample: Collected):
    mapped = {record["_type"] for record in sample.records if "_mapping" in record}
    assert {"aws_iam_user_is_person", "aws_route53_record_connects_host", "aws_vpc_connects_vpc"} <= mapped


def test_the_coverage_of_the_published_model_is_summarised_in_one_line(seen: Seen):
    assert seen.summary(CATALOG) == "94 of 94 types, 154 of 154 rows"
    assert Seen().summary(CATALOG) == "0 of 94 types, 0 of 154 rows"


def _sent(sample: Collected) -> dict[str, set[str]]:
    """The properties that have a value in a golden graph or in the sample estate, by entity type."""
    golden = [json.loads(path.read_text())["entities"] for path in sorted((HERE / "golden").glob("*.json"))]
    entities: list[dict[str, Any]] = [record for graph in golden for record in graph]
    entities += [record for record in sample.records if isinstance(record["_class"], list)]
    sent: dict[str, set[str]] = {}
    for record in entities:
        sent.setdefault(record["_type"], set()).update(label for label, value in record.items() if value is not None)
    return sent


def _not_sent() -> set[tuple[str, str]]:
    """The (type, property) pairs that docs/data-model.md lists as not sent; `*` stands for any type."""
    text = (HERE.parent / "docs" / "data-model.md").read_text(encoding="utf-8")
    lines = [line for line in text.split(ABSENT_TITLE)[1].split("\n## ")[0].splitlines() if line.startswith("| `")]
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]
    return {
        pair
        for types, properties, _ in cells
        for pair in product(re.findall("`(.+?)`", types), re.findall("`(.+?)`", properties))
    }


def _missing(sample: Collected) -> set[tuple[str, str]]:
    sent = _sent(sample)
    return {(type_, label) for type_, labels in READ_BY_QUERIES.items() for label in {*labels} - sent.get(type_, set())}


def test_every_property_that_queries_read_is_sent_or_listed_as_not_sent(sample: Collected):
    missing, not_sent = _missing(sample), _not_sent()
    assert missing - not_sent - {(type_, label) for type_, label in missing if ("*", label) in not_sent} == set()


def test_properties_listed_as_not_sent_are_not_sent_and_are_read_by_queries(sample: Collected):
    missing = _missing(sample)
    assert _not_sent() - missing - {("*", label) for _, label in missing} == set()
