import pytest

from collector.services import route53


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("example.com.", "example.com"),
        ("\\052.Example.com.", "*.example.com"),
        ("a\\100b.example.com", "a@b.example.com"),
        (".", ""),
    ],
)
def test_names_are_written_as_people_write_them(name, plain):
    assert route53.plain_name(name) == plain


@pytest.mark.parametrize(
    ("zone", "domain"),
    [
        ("example.com.", "example.com"),
        ("a.b.example.com.", "example.com"),
        ("shop.example.co.uk.", "example.co.uk"),
        ("example.de.", "example.de"),
        ("2.0.192.in-addr.arpa.", None),
        ("local.", None),
        (".", None),
    ],
)
def test_a_zone_belongs_to_the_domain_that_someone_registered(zone, domain):
    assert route53.domain_of(zone) == domain


@pytest.mark.parametrize(
    ("alias", "target"),
    [
        (
            {"HostedZoneId": "Z2", "DNSName": "dualstack.Web-1.us-east-1.elb.amazonaws.com."},
            "web-1.us-east-1.elb.amazonaws.com",
        ),
        ({"HostedZoneId": "Z1", "DNSName": "www.example.com."}, None),
        ({}, None),
    ],
)
def test_an_alias_leads_to_a_resource_unless_it_stays_in_its_zone(alias, target):
    assert route53.alias_target.fn({"AliasTarget": alias, "^": {"ZoneId": "Z1"}}) == target


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ({"ResourceRecords": [{"Value": "192.0.2.1"}]}, "192.0.2.1"),
        ({"ResourceRecords": [{"Value": "192.0.2.1"}, {"Value": "192.0.2.2"}]}, ["192.0.2.1", "192.0.2.2"]),
        ({"AliasTarget": {"DNSName": "d1.cloudfront.net."}}, "d1.cloudfront.net"),
        ({}, None),
    ],
)
def test_the_value_is_a_list_only_when_there_are_several(row, value):
    assert route53.value.fn(row) == value
