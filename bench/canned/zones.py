"""Route 53 answers: hosted zones and their records."""

import re
from typing import Any

from . import wire
from .answers import Paging, Params, answers, constant, every, listing, one_of, shaped
from .balancers import BALANCER_DNS
from .estate import Place
from .ids import basics, digits, public_address

_ZONE_ID = "Z%(zone_upper)s"
_DOMAIN = "%(domain)s"
_ZONE: dict[str, Any] = {
    "Id": f"/hostedzone/{_ZONE_ID}",
    "Name": f"{_DOMAIN}.",
    "CallerReference": "canned-%(zone)s",
    "Config": {"Comment": "Zone %(zone)s", "PrivateZone": "%(private)s"},
    "ResourceRecordSetCount": "%(count)s",
}
_APEX: dict[str, dict[str, Any]] = {
    "NS": {
        "Name": f"{_DOMAIN}.",
        "Type": "NS",
        "TTL": 172800,
        "ResourceRecords": [{"Value": f"ns-{number}.awsdns-{number}.com."} for number in range(1, 5)],
    },
    "SOA": {
        "Name": f"{_DOMAIN}.",
        "Type": "SOA",
        "TTL": 900,
        "ResourceRecords": [{"Value": "ns-1.awsdns-1.com. hostmaster.amazon.com. 1 7200 900 1209600 86400"}],
    },
}
_BALANCER = BALANCER_DNS.replace("%(here)s", "%(home)s").replace("%(region)s", "%(home_region)s")
_NAME = f"r%(n)s.{_DOMAIN}."
_RECORDS: dict[str, dict[str, Any]] = {
    **_APEX,
    "A": {"Name": _NAME, "Type": "A", "TTL": 300, "ResourceRecords": [{"Value": "%(value)s"}]},
    "CNAME": {"Name": _NAME, "Type": "CNAME", "TTL": 300, "ResourceRecords": [{"Value": "%(n)s.host.example.net."}]},
    "TXT": {"Name": _NAME, "Type": "TXT", "TTL": 300, "ResourceRecords": [{"Value": '"v=spf1 -all"'}]},
    "alias": {
        "Name": _NAME,
        "Type": "A",
        "AliasTarget": {
            "HostedZoneId": "Z35SXDOTRQ7X7K",
            "DNSName": f"dualstack.{BALANCER_DNS}.".replace("%(here)s", "%(home)s").replace(
                "%(region)s", "%(home_region)s"
            ),
            "EvaluateTargetHealth": False,
        },
    },
}
_PRIVATE = {"VPCs": [{"VPCRegion": "%(home_region)s", "VPCId": "vpc-0%(home)s%(vpc)s"}]}
_PUBLIC = {
    "DelegationSet": {"NameServers": [f"ns-{number}.awsdns-{number}.com" for number in range(1, 5)]},
}
_ZONES = {
    private: wire.body("route53", "GetHostedZone", {"HostedZone": _ZONE, **(_PRIVATE if private else _PUBLIC)})
    for private in (False, True)
}
_PAGE = Paging("maxitems", "marker", "NextMarker", default=100, maximum=100, more="IsTruncated", clamp=True)
_RECORD_PAGE = Paging("maxitems", "", default=300, maximum=300, clamp=True)


def domain_name(place: Place, number: int) -> str:
    """A registered domain of the account."""
    return f"d{place.here}{digits(number)}.com"


def _private(place: Place, zone: int) -> bool:
    return zone % 4 == 3 and place.home.n["aws_vpc"] > 0  # noqa: PLR2004 - every fourth zone


def _fields(place: Place, zone: int) -> dict[str, str]:
    number, home, domains = digits(zone), place.home, place.n["aws_route53_domain"]
    domain = domain_name(place, zone % domains) if domains else "example.com"
    return {
        **basics(place, zone),
        "zone": number,
        "zone_upper": f"{place.here}{number}".upper(),
        "domain": f"zone{place.here}{number}.{domain}",
        "private": str(_private(place, zone)).lower(),
        "count": str(len(range(zone, place.n["aws_route53_record"], place.n["aws_route53_zone"]))),
        "home": home.here,
        "home_region": home.region,
        "vpc": digits(zone % max(1, home.n["aws_vpc"])),
        "group": digits(zone % max(1, home.n["aws_cloudwatch_log_group"])),
    }


def _zone(place: Place, params: Params) -> int:
    return one_of(place, str(params["Id"]).lower(), place.n["aws_route53_zone"], "NoSuchHostedZone")


def _kind(place: Place, record: int) -> str:
    turn = record // place.n["aws_route53_zone"]
    if turn < 2:  # noqa: PLR2004 - the two apex records of a zone
        return ("NS", "SOA")[turn]
    kind = ("A", "alias", "CNAME", "A", "TXT")[turn % 5]
    return kind if kind != "alias" or place.home.n["aws_alb"] else "CNAME"


def _record(place: Place, record: int, fields: dict[str, str]) -> str:
    home = place.home
    # Half of the addresses are Elastic IPs, the others do not belong to the account.
    own = home.n["aws_eip"] and record // place.n["aws_route53_zone"] % 2
    value = public_address(home, record % home.n["aws_eip"]) if own else f"198.51.100.{record & 255}"
    more = {"n": digits(record), "value": value}
    if balancers := home.n["aws_alb"]:
        more |= {"short": "alb", "balancer": digits(record % balancers)}
    return place.fill(_RECORD_TEXTS[_kind(place, record)], {**fields, **more})


_RECORD_TEXTS = {
    kind: wire.row("route53", "ListResourceRecordSets", "ResourceRecordSets", value) for kind, value in _RECORDS.items()
}
_MIDDLE = wire.body(
    "route53",
    "ListResourceRecordSets",
    {
        "ResourceRecordSets": "%(rows)s",
        "IsTruncated": True,
        "NextRecordName": "%(next_name)s",
        "NextRecordType": "%(next_type)s",
        "MaxItems": "%(size)s",
    },
)
_LAST = wire.body(
    "route53",
    "ListResourceRecordSets",
    {"ResourceRecordSets": "%(rows)s", "IsTruncated": False, "MaxItems": "%(size)s"},
)


@answers("route53", "ListResourceRecordSets")
def _records(place: Place, params: Params) -> str:
    zone, zones = _zone(place, params), place.n["aws_route53_zone"]
    fields, (_, size) = _fields(place, zone), _RECORD_PAGE.bounds(place, "ListResourceRecordSets", params)
    name = str(params.get("name", ""))
    # The name of a record contains its number; the two apex records differ in their type.
    match = re.match(r"r([0-9a-f]{8})\.", name)
    start = int(match[1], 16) // zones if match else int(params.get("type") == "SOA")
    numbers = range(zone, place.n["aws_route53_record"], zones)
    fields["rows"] = "".join([_record(place, number, fields) for number in numbers[start : start + size]])
    fields["size"] = str(size)
    if start + size >= len(numbers):
        return place.fill(_LAST, fields)
    following = numbers[start + size]
    kind = _kind(place, following)
    apex = f"{fields['domain']}."
    fields["next_name"] = apex if kind in _APEX else f"r{digits(following)}.{apex}"
    fields["next_type"] = "A" if kind == "alias" else kind
    return place.fill(_MIDDLE, fields)


@answers("route53", "GetHostedZone")
def _hosted_zone(place: Place, params: Params) -> str:
    zone = _zone(place, params)
    return place.fill(_ZONES[_private(place, zone)], _fields(place, zone))


listing(
    "route53",
    "ListHostedZones",
    "HostedZones",
    shaped("route53", "ListHostedZones", "HostedZones", _ZONE, _fields),
    every("aws_route53_zone"),
    _PAGE,
    MaxItems="%(size)s",
    Marker="",
)
_LOGGED = {
    "Id": "00000000-0000-4000-8000-0000%(zone)s",
    "HostedZoneId": _ZONE_ID,
    "CloudWatchLogsLogGroupArn": "arn:aws:logs:%(home_region)s:%(account)s:log-group:/canned/%(home)s%(group)s",
}
listing(
    "route53",
    "ListQueryLoggingConfigs",
    "QueryLoggingConfigs",
    shaped("route53", "ListQueryLoggingConfigs", "QueryLoggingConfigs", _LOGGED, _fields),
    lambda place, _: range(0, place.n["aws_route53_zone"] if place.home.n["aws_cloudwatch_log_group"] else 0, 5),
    Paging("maxresults", "nexttoken", default=100, maximum=100),
)
constant("route53", "GetDNSSEC", {"Status": {"ServeSignature": "NOT_SIGNING"}, "KeySigningKeys": []})
_TAGS = wire.row(
    "route53",
    "ListTagsForResources",
    "ResourceTagSets",
    {"ResourceType": "hostedzone", "ResourceId": "%(id)s", "Tags": wire.tags(Environment="%(env)s", Owner="dns")},
)
_TAGGED = wire.body("route53", "ListTagsForResources", {"ResourceTagSets": "%(rows)s"})


@answers("route53", "ListTagsForResources")
def _tags(place: Place, params: Params) -> str:
    ids = re.findall(r"<ResourceId>([^<]+)</ResourceId>", str(params.get("body", "")))
    rows = (place.fill(_TAGS, {**_fields(place, _zone(place, {"Id": name})), "id": name}) for name in ids)
    return place.fill(_TAGGED, {"rows": "".join(rows)})
