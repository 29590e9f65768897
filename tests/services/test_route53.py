import asyncio
import json

import pytest

from collector.services import route53
from collector.services.s3 import service as s3
from tests import pipeline


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("example.com.", "example.com"),
        ("\\052.Example.com.", "*.example.com"),
        ("a\\100b.example.com", "a@b.example.com"),
        (".", ""),
    ],
)
def test_escapes_and_the_trailing_dot_of_a_name_are_removed(name, plain):
    assert route53.plain_name(name) == plain


@pytest.mark.parametrize(
    ("zone", "names"),
    [
        ("example.com.", ["example.com"]),
        ("Shop.example.com.au.", ["shop.example.com.au", "example.com.au", "com.au"]),
        ("2.0.192.in-addr.arpa.", []),
        ("local.", []),
        (".", []),
    ],
)
def test_a_zone_may_belong_to_its_own_name_or_a_parent(zone, names):
    assert route53.domain_names(zone) == names


ZONE = "Z1"
OTHERS = (
    "route53.get_hosted_zone", "route53.list_query_logging_configs", "route53.list_tags_for_resources",
    "route53domains.get_domain_detail", "route53domains.list_tags_for_domain",
)  # fmt: skip


def graph(folder, *others, zone="example.com.", domains=(), records=(), vpcs=()):
    """The graph of one zone, the domains that are registered, and the recorded answers of other services."""
    answers: dict[str, dict[str, object]] = {op: {} for op in OTHERS} | {
        "route53.list_hosted_zones": {"HostedZones": [{"Id": f"/hostedzone/{ZONE}", "Name": zone}]},
        "route53.get_hosted_zone": {"VPCs": [{"VPCId": vpc, "VPCRegion": "us-east-1"} for vpc in vpcs]},
        "route53.list_resource_record_sets": {"ResourceRecordSets": records},
        "route53domains.list_domains": {"Domains": [{"DomainName": name} for name in domains]},
    }
    for op, answer in answers.items():
        (folder / f"{op}.json").write_text(json.dumps(answer))
    return asyncio.run(pipeline.collect("route53", *others, folder=str(folder)))


@pytest.mark.parametrize(
    ("registered", "owners"),
    [
        (("example.com.au", "example.com"), {"example.com.au"}),
        (("com.au", "Example.com.au"), {"Example.com.au"}),
        (("example.com.au", "a.example.com.au"), {"a.example.com.au"}),
        (("ample.com.au",), set()),
    ],
)
def test_a_zone_belongs_to_the_closest_registered_domain(tmp_path, registered, owners):
    outcome = graph(tmp_path, zone="A.example.com.au.", domains=registered)
    edges = [each for each in outcome.relationships if each["_type"] == "aws_route53_domain_has_zone"]
    assert {each["_fromEntityKey"].rpartition("/")[2] for each in edges} == owners
    mapped = [each for each in outcome.relationships if each["_type"] == "domain_has_aws_route53_zone"]
    names = {each["_mapping"]["targetEntity"]["name"] for each in mapped}
    assert names == (set() if owners else {"a.example.com.au", "example.com.au", "com.au"})


TARGETS = {
    "CloudFront": ("d111111abcdef8.cloudfront.net.", "d111111abcdef8.cloudfront.net"),
    "application load balancer": (
        "dualstack.Web-1.us-east-1.elb.amazonaws.com.", "web-1.us-east-1.elb.amazonaws.com"
    ),
    "network load balancer": ("net-1.elb.eu-west-1.amazonaws.com.", "net-1.elb.eu-west-1.amazonaws.com"),
    "classic load balancer": ("ipv6.old-1.us-east-1.elb.amazonaws.com.", "old-1.us-east-1.elb.amazonaws.com"),
    "API Gateway": ("d-1a2b3c.execute-api.us-east-1.amazonaws.com.", "d-1a2b3c.execute-api.us-east-1.amazonaws.com"),
    "VPC endpoint": (
        "vpce-1-a.ec2.us-east-1.vpce.amazonaws.com.", "vpce-1-a.ec2.us-east-1.vpce.amazonaws.com"
    ),
    "Global Accelerator": ("a1b2.awsglobalaccelerator.com.", "a1b2.awsglobalaccelerator.com"),
    "Elastic Beanstalk": ("shop.us-east-1.elasticbeanstalk.com.", "shop.us-east-1.elasticbeanstalk.com"),
    "AppSync": ("d222222abcdef8.cloudfront.net.", "d222222abcdef8.cloudfront.net"),
    "App Runner": ("1a2b.us-east-1.awsapprunner.com.", "1a2b.us-east-1.awsapprunner.com"),
    "OpenSearch": ("search-a-1.aos.us-east-1.on.aws.", "search-a-1.aos.us-east-1.on.aws"),
    "VPC Lattice": ("a-1.7d67968.vpc-lattice-svcs.us-east-1.on.aws.", "a-1.7d67968.vpc-lattice-svcs.us-east-1.on.aws"),
}  # fmt: skip
"""For each kind of resource that Route 53 documents for aliases, an alias and the name that the resource reports."""


def alias(name, zone="Z2", *, record="www.example.com."):
    target = {"HostedZoneId": zone, "DNSName": name}
    return {"Name": record, "Type": "A", "AliasTarget": target, "^": {"ZoneId": ZONE}}


@pytest.mark.parametrize(("name", "target"), TARGETS.values(), ids=TARGETS)
def test_an_alias_points_to_the_name_that_the_resource_reports(name, target):
    row = alias(name)
    assert route53.alias_target.fn(row) == target
    assert (route53.website.fn(row), route53.other_records.fn(row)) == (None, None)


@pytest.mark.parametrize(
    ("endpoint", "region"),
    [
        ("s3-website-us-east-1.amazonaws.com.", "us-east-1"),
        ("s3-website.eu-central-1.amazonaws.com.", "eu-central-1"),
        ("s3-website.cn-north-1.amazonaws.com.cn.", "cn-north-1"),
    ],
)
def test_an_alias_to_a_website_points_to_the_bucket_that_bears_the_name_of_the_record(endpoint, region):
    row = alias(endpoint)
    assert route53.website.fn(row) in set(s3.hosts({"Name": "www.example.com", "BucketRegion": region}))
    assert (route53.alias_target.fn(row), route53.other_records.fn(row)) == (None, None)


def test_an_alias_within_its_zone_points_to_all_records_of_that_name_and_of_its_type():
    row = alias("\\052.Example.com.", ZONE)
    named = {"Name": "*.example.com.", "SetIdentifier": "one", "^": {"ZoneId": ZONE}}
    assert route53.other_records.fn(row) == route53.record_set.fn(named | {"Type": "A"})
    assert route53.other_records.fn(row) != route53.record_set.fn(named | {"Type": "AAAA"})
    assert (route53.alias_target.fn(row), route53.website.fn(row)) == (None, None)


def host_of(outcome, type_, label):
    """What the first collected entity of a type reports as its host name."""
    values = (each[label] for each in outcome.entities if each["_type"] == type_ and each.get(label))
    return next(value if isinstance(value, str) else value[0] for value in values)


REPORTED = {
    "aws_alb": ("elb", "dualstackDnsName"),
    "aws_nlb": ("elb", "dnsName"),
    "aws_elb": ("elb", "dnsName"),
    "aws_cloudfront_distribution": ("cloudfront", "domainName"),
    "aws_api_gateway_domain_name": ("apigateway", "gatewayDomainNames"),
    "aws_elasticsearch_domain": ("elasticsearch", "endpointV2"),
}
"""The types that an alias can point to by name: the service, and the property with the name for aliases."""


@pytest.mark.parametrize(("type_", "service", "label"), [(key, *value) for key, value in REPORTED.items()])
def test_an_alias_is_tied_to_the_resource_that_was_collected(tmp_path, type_, service, label):
    host = host_of(asyncio.run(pipeline.collect(service)), type_, label)
    outcome = graph(tmp_path, service, records=[{key: v for key, v in alias(f"{host}.").items() if key != "^"}])
    tied = [each for each in outcome.relationships if each["_class"] == "CONNECTS" and "recordset" in each["_key"]]
    types = {each["_key"]: each["_type"] for each in outcome.entities}
    assert [types[each["_toEntityKey"]] for each in tied] == [type_]


@pytest.mark.parametrize("record", ["10.0.0.10", "ip-10-0-0-10.ec2.internal"])
@pytest.mark.parametrize(
    ("vpcs", "found"),
    [((), True), (("vpc-0a1b2c3d4e5f60718",), True), (("vpc-1", "vpc-0a1b2c3d4e5f60718"), True), (("vpc-1",), False)],
)
def test_a_private_address_or_name_means_what_has_it_in_a_vpc_of_the_zone(tmp_path, record, vpcs, found):
    type_ = "A" if record[0].isdigit() else "CNAME"
    row = {"Name": "app.example.com.", "Type": type_, "ResourceRecords": [{"Value": record}]}
    outcome = graph(tmp_path, "ec2", records=[row], vpcs=vpcs)
    tied = {
        each["_type"] for each in outcome.relationships if each["_class"] == "CONNECTS" and "recordset" in each["_key"]
    }
    expected = {"aws_route53_record_connects_instance", "aws_route53_record_connects_eni"}
    assert tied - {"aws_route53_record_connects_eip"} == (expected if found else set())


@pytest.mark.parametrize("endpoint", ["s3-website-{}.amazonaws.com.", "s3-website.{}.amazonaws.com."])
def test_an_alias_to_a_website_is_tied_to_its_bucket(tmp_path, endpoint):
    buckets = [e for e in asyncio.run(pipeline.collect("s3")).entities if e["_type"] == "aws_s3_bucket"]
    row = alias(endpoint.format(buckets[0]["region"]), record=f"{buckets[0]['name']}.")
    del row["^"]
    outcome = graph(tmp_path, "s3", records=[row])
    tied = [each for each in outcome.relationships if each["_type"] == "aws_route53_record_connects_s3_bucket"]
    assert [each["_toEntityKey"] for each in tied] == [buckets[0]["_key"]]


def test_an_alias_within_its_zone_is_tied_to_every_weighted_record(tmp_path):
    weighted = [
        {"Name": "api.example.com.", "Type": type_, "SetIdentifier": name, "Weight": 1}
        for type_, name in (("A", "east"), ("A", "west"), ("AAAA", "six"))
    ]
    row = alias("api.example.com.", ZONE)
    del row["^"]
    outcome = graph(tmp_path, records=[row, *weighted])
    tied = [each for each in outcome.relationships if each["_class"] == "CONNECTS"]
    assert [each["_toEntityKey"].rpartition("recordset/")[2] for each in tied] == [
        "api.example.com./A/east",
        "api.example.com./A/west",
    ]


def test_a_record_that_is_no_alias_has_no_alias_target():
    row = {"Name": "www.example.com.", "Type": "A", "^": {"ZoneId": ZONE}}
    assert {each.fn(row) for each in (route53.alias_target, route53.website, route53.other_records)} == {None}


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ({"ResourceRecords": [{"Value": "192.0.2.1"}]}, ["192.0.2.1"]),
        ({"ResourceRecords": [{"Value": "192.0.2.1"}, {"Value": "192.0.2.2"}]}, ["192.0.2.1", "192.0.2.2"]),
        ({"AliasTarget": {"DNSName": "d1.cloudfront.net."}}, ["d1.cloudfront.net"]),
        ({}, None),
    ],
)
def test_the_value_of_a_record_is_always_a_list(row, value):
    assert route53.value.fn(row) == value
