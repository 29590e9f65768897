"""Amazon Route 53: hosted zones and records (client `route53`), registered domains (client `route53domains`).

Both are global services with an endpoint in us-east-1.
"""

import re
from collections.abc import AsyncIterator
from ipaddress import ip_address, ip_network

from collector.schema.declarations import (
    RESOURCE,
    Call,
    Calls,
    Custom,
    Edge,
    Entity,
    First,
    Fixed,
    Gather,
    Hydrate,
    Join,
    MappedEntity,
    Row,
    Service,
    Template,
    Via,
    pick,
    service_node,
)  # fmt: skip
from collector.schema.paths import found
from collector.schema.values import computed, equals, lower, negated, only, present

SECOND_LEVEL = frozenset(
    {"ac", "co", "com", "edu", "gov", "gouv", "ltd", "net", "ne", "nom", "or", "org", "plc", "sch"}
)
"""Second-level labels of country domains, as in `co.uk`: such a pair is a public suffix, not a registrable domain."""

PRIVATE_NETWORKS = tuple(
    map(ip_network, ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
)
"""Networks of addresses that are not globally routable."""

ESCAPED = re.compile(r"\\(\d{3})")


async def list_zones(calls: Calls) -> AsyncIterator[list[Row]]:
    """All hosted zones, each with its bare id as `ZoneId`. `Id` is `/hostedzone/Z…`; tags and query logs use the bare id."""
    async for page in calls.pages("list_hosted_zones", MaxItems="100"):
        yield [{**zone, "ZoneId": str(zone.get("Id", "")).rpartition("/")[2]} for zone in page.get("HostedZones", ())]


def unescaped(name: str) -> str:
    r"""A DNS name in lower case, with octal escapes such as `\052` decoded."""
    return ESCAPED.sub(lambda code: chr(int(code[1], 8)), name).lower()


def plain_name(name: str) -> str:
    """A decoded DNS name without its trailing dot."""
    return unescaped(name).rstrip(".")


def registrable_domain(name: str) -> str | None:
    """The registrable domain of a name, by its suffix; None for reverse zones and names of one label."""
    labels = plain_name(name).split(".")
    if labels[-1] == "arpa" or len(labels) < 2:  # noqa: PLR2004  (a domain has at least two labels)
        return None
    is_pair = len(labels[-1]) == 2 and labels[-2] in SECOND_LEVEL  # noqa: PLR2004  (country codes have two letters)
    return ".".join(labels[-3:] if is_pair else labels[-2:])


def dns_target(name: str) -> str:
    """The DNS name as the load balancer or distribution reports it, without the prefix `dualstack.`."""
    return plain_name(name).removeprefix("dualstack.")


@computed("AliasTarget.DNSName", "AliasTarget.HostedZoneId", "^.ZoneId")
def alias_target(row: Row) -> str | None:
    """The DNS name that an alias points to; None if it is another record of the same zone."""
    alias = row.get("AliasTarget") or {}
    name = alias.get("DNSName")
    return dns_target(name) if name and alias.get("HostedZoneId") != row["^"].get("ZoneId") else None


@computed("AliasTarget.DNSName", "ResourceRecords[].Value")
def value(row: Row) -> list[str] | None:
    """The values of a record without trailing dots."""
    alias = (row.get("AliasTarget") or {}).get("DNSName")
    values = [alias] if alias else found(row, "ResourceRecords[].Value")
    return [one.removesuffix(".") for one in values] or None


def is_private(address: str) -> bool:
    """Whether an address is not globally routable."""
    return any(ip_address(address) in network for network in PRIVATE_NETWORKS)


@computed("Value")
def public_address(row: Row) -> str | None:
    """The address of an A or AAAA record if it is public."""
    address: str | None = row.get("Value")
    return address if address and not is_private(address) else None


@computed("Value")
def private_address(row: Row) -> str | None:
    """The address of an A or AAAA record if it is private."""
    address: str | None = row.get("Value")
    return address if address and is_private(address) else None


zone = Entity(
    type="aws_route53_zone",
    cls="DomainZone",
    rows=Custom(list_zones, ops=("list_hosted_zones",)),
    join=(
        Join(Call("list_query_logging_configs", "QueryLoggingConfigs", {"MaxResults": "100"}), "Logging", "HostedZoneId", "ZoneId"),
    ),
    gather=(
        Gather(
            "list_tags_for_resources", "Tagging", "ResourceTagSets", ids="ResourceIds", by="ZoneId", on="ResourceId", size=10,
            params={"ResourceType": "hostedzone"},
        ),
    ),
    hydrate=(Hydrate("get_hosted_zone", "Detail", {"Id": "ZoneId"}),),
    key=Template("arn:{partition}:route53:::hostedzone/{ZoneId}"),
    id="ZoneId",
    name=Via("Name", plain_name),
    web="https://{console}/route53/v2/hostedzones#ListRecordSets/{ZoneId}",
    tags="Tagging[].Tags[]",
    props=pick(
        "CallerReference", "Config.Comment", "Config.PrivateZone",
        domainName=Via("Name", plain_name),
        parentDomain=Via("Name", registrable_domain),
        public=negated("Config.PrivateZone"),
        recordsCount="ResourceRecordSetCount",
        vpcIds="Detail.VPCs[].VPCId",
        nameservers="Detail.DelegationSet.NameServers",
        loggingEnabled=present("Logging"),
        logGroupArn=only("Logging[].CloudWatchLogsLogGroupArn"),
    ),
    edges=(
        Edge(
            ("Domain", "aws_route53_domain"), "HAS", "aws_route53_zone",
            at=Via("Name", registrable_domain), when=negated("Config.PrivateZone"),
            outside=MappedEntity(
                {"_class": Fixed("Domain"), "name": Via("Name", registrable_domain), "domainName": Via("Name", registrable_domain)},
                match=(("_class", "name"), ("_class", "domainName")), create=False,
            ),
        ),
    ),
)  # fmt: skip

RECORD = "arn:{partition}:route53:::hostedzone/{^.ZoneId}/recordset/{name}/{Type}"

record = Entity(
    type="aws_route53_record",
    cls="DomainRecord",
    rows=Call(
        "list_resource_record_sets", "ResourceRecordSets", {"MaxItems": "300"},
        each="aws_route53_zone", args={"HostedZoneId": "ZoneId"},
    ),
    key=First(
        Template(RECORD + "/{SetIdentifier}", {"name": Via("Name", unescaped)}),
        Template(RECORD, {"name": Via("Name", unescaped)}),
    ),
    arn=None,
    name=Via("Name", plain_name),
    web="https://{console}/route53/v2/hostedzones#ListRecordSets/{^.ZoneId}",
    props=pick(
        "Type", "SetIdentifier", "Weight", "Failover", "MultiValueAnswer", "HealthCheckId",
        TTL=First("TTL", Fixed(0)),  # the class requires a number; an alias has no TTL
        latencyRegion="Region",
        value=value,
        resourceRecords="ResourceRecords[].Value",
        aliasTarget=Via("AliasTarget.DNSName", plain_name),
        aliasHostedZoneId="AliasTarget.HostedZoneId",
        evaluateTargetHealth="AliasTarget.EvaluateTargetHealth",
    ),
    edges=(
        Edge("aws_route53_zone", "HAS", "aws_route53_record", at="^.ZoneId"),
        Edge(
            "aws_route53_record", "CONNECTS", ("Gateway", RESOURCE), at=alias_target, by="dns",
            outside=MappedEntity({"_class": Fixed("Gateway"), "dnsName": alias_target}, (("_class", "dnsName"),), create=False),
        ),
        Edge(
            "aws_route53_record", "CONNECTS", ("Host", RESOURCE), each="ResourceRecords", when=equals("^.Type", "CNAME"),
            at=Via("Value", dns_target), by="dns",
            outside=MappedEntity({"_class": Fixed("Host"), "fqdn": Via("Value", plain_name)}, (("_class", "fqdn"),), create=False),
        ),
        Edge(
            "aws_route53_record", "CONNECTS", ("Host", RESOURCE), each="ResourceRecords", when=equals("^.Type", "A", "AAAA"),
            at="Value", by="address",
            outside=MappedEntity(
                {"_class": Fixed("Host"), "publicIpAddress": public_address, "privateIpAddress": private_address},
                match=(("_class", "publicIpAddress"), ("_class", "privateIpAddress")), create=False,
            ),
        ),
    ),
)  # fmt: skip

domain = Entity(
    type="aws_route53_domain",
    cls="Domain",
    client="route53domains",
    rows=Call("list_domains", "Domains", {"MaxItems": 100}),
    hydrate=(
        Hydrate("get_domain_detail", "Detail", {"DomainName": "DomainName"}, absent=("UnsupportedTLD",)),
        Hydrate("list_tags_for_domain", "Tagging", {"DomainName": "DomainName"}, absent=("UnsupportedTLD",)),
    ),
    key=Template("arn:{partition}:route53domains::{account}:domain/{DomainName}"),
    arn=None,
    id=lower("DomainName"),
    name=lower("DomainName"),
    created="Detail.CreationDate",
    web="https://{console}/route53/domains/home#/DomainDetail/{DomainName}",
    tags="Tagging.TagList",
    props=pick(
        "AutoRenew", "TransferLock", "Detail.RegistrarName", "Detail.RegistrarUrl", "Detail.AdminPrivacy",
        "Detail.RegistrantPrivacy", "Detail.TechPrivacy", "Detail.StatusList",
        domainName=lower("DomainName"),
        locked="TransferLock",
        registrar="Detail.RegistrarName",
        whoisServer="Detail.WhoIsServer",
        nameservers="Detail.Nameservers[].Name",
        expiresOn=First("Expiry", "Detail.ExpirationDate"),
        updatedOn="Detail.UpdatedDate",
    ),
    secrets=("Detail.AdminContact", "Detail.RegistrantContact", "Detail.TechContact", "Detail.BillingContact"),
)  # fmt: skip

SERVICE = Service(
    name="route53",
    client="route53",
    title="Route53",
    scope="global",
    node=service_node("aws_route53", "Amazon Route 53", category=("network",), function=("DNS",)),
    has=("aws_route53_domain", "aws_route53_zone"),
    entities=(domain, zone, record),
)
