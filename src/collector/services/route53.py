"""Amazon Route 53: hosted zones and records (client `route53`), registered domains (client `route53domains`).

Both are global services with an endpoint in us-east-1.
"""

import re
from collections.abc import AsyncIterator

from collector.analysis.networks import is_public as is_public_address
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

ESCAPED = re.compile(r"\\(\d{3})")

WEBSITES = re.compile(r"s3-website[.-][a-z0-9-]+\.amazonaws\.com(\.cn)?")
"""A region's endpoint for S3 websites, in both spellings. The bucket is not part of it: it bears the record's name."""

STACKED = re.compile(r"(?:dualstack|ipv6)\.(?=.+\.elb\.)")
"""The prefix of the name of a load balancer that says which addresses are meant."""

VPC_DOMAINS = (".ec2.internal", ".compute.internal")
"""What the private DNS names of instances end in."""

DISTRIBUTION = re.compile(r".+\.cloudfront\.(?:net|cn)")


async def list_zones(calls: Calls) -> AsyncIterator[list[Row]]:
    """All hosted zones. Each gets its bare id as `ZoneId`, and the names that its domain may have as `DomainNames`.

    `Id` is `/hostedzone/Z…`; tags and query logs use the bare id.
    """
    async for page in calls.pages("list_hosted_zones", MaxItems="100"):
        yield [
            {
                **zone,
                "ZoneId": str(zone.get("Id", "")).rpartition("/")[2],
                "DomainNames": domain_names(str(zone.get("Name", ""))),
            }
            for zone in page.get("HostedZones", ())
        ]


def unescaped(name: str) -> str:
    r"""A DNS name in lower case, with octal escapes such as `\052` decoded."""
    return ESCAPED.sub(lambda code: chr(int(code[1], 8)), name).lower()


def plain_name(name: str) -> str:
    """A decoded DNS name without its trailing dot."""
    return unescaped(name).rstrip(".")


def domain_names(zone: str) -> list[str]:
    """The names that the registered domain of a zone may have, the longest first; none for reverse zones.

    They are the zone's own name and its parents of two or more labels. Which of them is registered, the name does not
    say: suffixes such as `co.uk` and `com.au` follow no rule.
    """
    labels = plain_name(zone).split(".")
    if labels[-1] == "arpa":
        return []
    return [".".join(labels[first:]) for first in range(len(labels) - 1)]


def longest(domains: list[str]) -> str | None:
    """The registered domain that is closest to a zone, among those that contain it, in lower case."""
    return max((plain_name(name) for name in domains), key=len, default=None)


def sole(names: list[str]) -> str | None:
    """The only name; None of several, of which nothing says which one is registered."""
    return names[0] if len(names) == 1 else None


def dns_target(name: str) -> str:
    """The DNS name as the resource behind it reports it: a load balancer's without the prefix `dualstack.`."""
    return STACKED.sub("", plain_name(name))


def is_within(row: Row) -> bool:
    """Whether the record is an alias to another record of its zone."""
    return bool((row.get("AliasTarget") or {}).get("HostedZoneId") == row["^"].get("ZoneId"))


def alias_host(row: Row) -> str | None:
    """The DNS name of the resource to which an alias points; None if it is another record of the zone."""
    name = (row.get("AliasTarget") or {}).get("DNSName")
    return dns_target(name) if name and not is_within(row) else None


@computed("AliasTarget.DNSName", "AliasTarget.HostedZoneId", "^.ZoneId")
def alias_target(row: Row) -> str | None:
    """The DNS name of the resource to which an alias points; None for S3 websites and other records of the zone."""
    host = alias_host(row)
    return host if host and not WEBSITES.fullmatch(host) else None


@computed("AliasTarget.DNSName", "AliasTarget.HostedZoneId", "^.ZoneId")
def distribution_host(row: Row) -> str | None:
    """The DNS name of the CloudFront distribution to which an alias points."""
    host = alias_host(row)
    return host if host and DISTRIBUTION.fullmatch(host) else None


@computed("AliasTarget.DNSName", "AliasTarget.HostedZoneId", "Name", "^.ZoneId")
def website(row: Row) -> str | None:
    """The DNS name of the S3 website to which an alias points: the endpoint of the bucket with the record's name."""
    host, name = alias_host(row), row.get("Name")
    return f"{plain_name(name)}.{host}" if name and host and WEBSITES.fullmatch(host) else None


def named_record(name: str, row: Row) -> str:
    """The records of this name and of the type of a row in its zone, as their keys end."""
    return f"{row['^'].get('ZoneId')}/recordset/{plain_name(name)}./{row.get('Type')}"


@computed("AliasTarget.DNSName", "AliasTarget.HostedZoneId", "Type", "^.ZoneId")
def other_records(row: Row) -> str | None:
    """The name, as in `record_set`, of the records of the zone to which an alias points: those of its own type."""
    name = (row.get("AliasTarget") or {}).get("DNSName")
    return named_record(name, row) if name and is_within(row) else None


@computed("Name", "Type", "^.ZoneId")
def record_set(row: Row) -> str | None:
    """What records of one name and type in a zone have in common; weighted ones, for instance, differ beyond it."""
    return named_record(row["Name"], row) if row.get("Name") else None


@computed("AliasTarget.DNSName", "ResourceRecords[].Value")
def value(row: Row) -> list[str] | None:
    """The values of a record without trailing dots."""
    alias = (row.get("AliasTarget") or {}).get("DNSName")
    values = [alias] if alias else found(row, "ResourceRecords[].Value")
    return [one.removesuffix(".") for one in values] or None


@computed("Value")
def public_address(row: Row) -> str | None:
    """The address of an A or AAAA record if it is public."""
    address: str | None = row.get("Value")
    return address if address and is_public_address(address) else None


@computed("Value")
def private_address(row: Row) -> str | None:
    """The address of an A or AAAA record if it is private."""
    address: str | None = row.get("Value")
    return address if address and not is_public_address(address) else None


def private_dns_target(name: str) -> str | None:
    """The DNS name of an instance as only its VPC resolves it: `ip-10-0-0-5.ec2.internal`."""
    target = dns_target(name)
    return target if target.endswith(VPC_DOMAINS) else None


def public_dns_target(name: str) -> str | None:
    """The DNS name of any other resource."""
    target = dns_target(name)
    return None if target.endswith(VPC_DOMAINS) else target


@computed("Config.PrivateZone")
def is_public(row: Row) -> bool:
    """Whether a zone is public, as it is if AWS leaves its configuration out."""
    return not (row.get("Config") or {}).get("PrivateZone")


@computed("^.Config.PrivateZone", "^.Registered")
def registered_elsewhere(row: Row) -> bool:
    """Whether the zone of a name is public, and none of its domains is registered in this account."""
    return bool(is_public.fn(row["^"])) and not row["^"].get("Registered")


DOMAINS = Call("list_domains", "Domains", {"MaxItems": 100}, client="route53domains")

zone = Entity(
    type="aws_route53_zone",
    cls="DomainZone",
    rows=Custom(list_zones, ops=("list_hosted_zones",)),
    join=(
        Join(Call("list_query_logging_configs", "QueryLoggingConfigs", {"MaxResults": "100"}), "Logging", "HostedZoneId", "ZoneId"),
        Join(DOMAINS, "Registered", on=lower("DomainName"), to="DomainNames"),
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
        parentDomain=First(Via("Registered[].DomainName", longest), Via("DomainNames", sole)),
        public=negated("Config.PrivateZone"),
        recordsCount="ResourceRecordSetCount",
        vpcIds="Detail.VPCs[].VPCId",
        nameservers="Detail.DelegationSet.NameServers",
        loggingEnabled=present("Logging"),
        logGroupArn=only("Logging[].CloudWatchLogsLogGroupArn"),
    ),
    edges=(
        Edge(
            "aws_route53_domain", "HAS", "aws_route53_zone",
            at=Via("Registered[].DomainName", longest), when=is_public,
        ),
        # Registered elsewhere: whichever of the names JupiterOne knows.
        Edge(
            "Domain", "HAS", "aws_route53_zone", each="DomainNames", when=registered_elsewhere,
            outside=MappedEntity(
                {"_class": Fixed("Domain"), "name": "Item", "domainName": "Item"},
                match=(("_class", "name"), ("_class", "domainName")), create=False,
            ),
        ),
    ),
)  # fmt: skip

ZONE_VPCS = "^.^.Detail.VPCs[].VPCId"
"""The VPCs that a private zone is associated with, seen from a value of a record."""

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
    also={"recordSet": record_set},
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
            outside=MappedEntity(
                {"_class": Fixed("Gateway"), "dnsName": alias_target, "domainName": distribution_host},
                match=(("_class", "dnsName"), ("_class", "domainName")), create=False,
            ),
        ),
        Edge(
            "aws_route53_record", "CONNECTS", "aws_s3_bucket", at=website, by="dns",
            outside=MappedEntity(
                {"_type": Fixed("aws_s3_bucket"), "_key": Template("arn:{partition}:s3:::{name}", {"name": Via("Name", plain_name)})}, match=(("_type", "_key"),), create=False,
            ),
        ),
        Edge("aws_route53_record", "CONNECTS", "aws_route53_record", at=other_records, by="recordSet"),
        Edge(
            "aws_route53_record", "CONNECTS", ("Host", RESOURCE), each="ResourceRecords", when=equals("^.Type", "CNAME"),
            at=Via("Value", public_dns_target), by="dns",
            outside=MappedEntity({"_class": Fixed("Host"), "fqdn": Via("Value", public_dns_target)}, (("_class", "fqdn"),), create=False),
        ),
        Edge(
            "aws_route53_record", "CONNECTS", RESOURCE, each="ResourceRecords", when=equals("^.Type", "CNAME"),
            at=Via("Value", private_dns_target), by="privateDns", vpc=ZONE_VPCS,
        ),
        Edge(
            "aws_route53_record", "CONNECTS", ("Host", RESOURCE), each="ResourceRecords", when=equals("^.Type", "A", "AAAA"),
            at=public_address, by="address",
            outside=MappedEntity(
                {"_class": Fixed("Host"), "publicIpAddress": public_address},
                match=(("_class", "publicIpAddress"),), create=False,
            ),
        ),
        Edge(
            "aws_route53_record", "CONNECTS", RESOURCE, each="ResourceRecords", when=equals("^.Type", "A", "AAAA"),
            at=private_address, by="privateAddress", vpc=ZONE_VPCS,
        ),
    ),
)  # fmt: skip

domain = Entity(
    type="aws_route53_domain",
    cls="Domain",
    client="route53domains",
    rows=DOMAINS,
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
