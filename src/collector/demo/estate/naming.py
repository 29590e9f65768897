"""DNS: a registered domain, its zones, and records that point to other resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector.demo.estate.cloud import Cloud, Json, tags
from collector.demo.places import REGION

if TYPE_CHECKING:
    from collector.demo.estate.seeded import SeededIds

DOMAIN = "example.com"
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
"""AWS's hosted zone id for all aliases to CloudFront."""


def domain(cloud: Cloud, _ids: SeededIds) -> None:
    """A registered domain; its registration also creates its zone."""
    contact = {
        "FirstName": "Alice",
        "LastName": "Example",
        "ContactType": "PERSON",
        "AddressLine1": "1 Main Street",
        "City": "Springfield",
        "CountryCode": "US",
        "ZipCode": "12345",
        "State": "CA",
        "PhoneNumber": "+1.5555550100",
        "Email": "alice@example.com",
    }
    # Moto rejects one year because of a rounding error of microseconds.
    cloud.client("route53domains").register_domain(
        DomainName=DOMAIN,
        DurationInYears=2,
        AutoRenew=True,
        AdminContact=contact,
        RegistrantContact=contact,
        TechContact=contact,
    )


def zones(cloud: Cloud, ids: SeededIds) -> None:
    """Records in the domain's zone, and a private zone of the VPC."""
    route53 = cloud.client("route53")
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    route53.create_hosted_zone(
        Name="internal.example.com",
        CallerReference="internal",
        VPC={"VPCRegion": REGION, "VPCId": ids.vpc},
        HostedZoneConfig={"PrivateZone": True, "Comment": "inside only"},
    )
    records = [
        _alias("shop", f"dualstack.{ids.load_balancer_host}.", ids.load_balancer_zone),
        _alias("www", f"{ids.distribution_host}.", CLOUDFRONT_ZONE),
        _record("database", "CNAME", ids.database_host),
        _record("ssh", "A", ids.address),
        {**_record("elsewhere", "CNAME", "host.example.net"), "SetIdentifier": "one", "Weight": 10},
        _record("*.wild", "TXT", '"v=spf1 -all" "second \\"string\\""'),
    ]
    changes = [{"Action": "CREATE", "ResourceRecordSet": record} for record in records]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    route53.change_tags_for_resource(
        ResourceType="hostedzone", ResourceId=zone.rsplit("/", 1)[1], AddTags=tags(Team="platform")
    )


def _alias(name: str, host: str, zone: str) -> Json:
    target = {"HostedZoneId": zone, "DNSName": host, "EvaluateTargetHealth": False}
    return {"Name": f"{name}.{DOMAIN}", "Type": "A", "AliasTarget": target}


def _record(name: str, kind: str, value: str) -> Json:
    return {"Name": f"{name}.{DOMAIN}", "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
