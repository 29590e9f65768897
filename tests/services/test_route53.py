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
def test_escapes_and_the_trailing_dot_of_a_name_are_removed(name, plain):
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
def test_a_zone_belongs_to_its_registrable_domain(zone, domain):
    assert route53.registrable_domain(zone) == domain


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
def test_an_alias_within_its_zone_has_no_target(alias, target):
    assert route53.alias_target.fn({"AliasTarget": alias, "^": {"ZoneId": "Z1"}}) == target


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
