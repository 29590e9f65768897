"""Route 53 Domains answers."""

from typing import Any

from . import wire
from .answers import Paging, Params, answers, inventory, named
from .estate import Place
from .ids import basics
from .zones import domain_name

_CONTACT = {
    "FirstName": "Canned",
    "LastName": "Owner",
    "ContactType": "COMPANY",
    "CountryCode": "US",
    "Email": "x@example.com",
}
_DETAIL: dict[str, Any] = {
    "DomainName": "%(domain)s",
    "Nameservers": [{"Name": f"ns-{number}.awsdns-{number}.com", "GlueIps": []} for number in range(1, 5)],
    "AutoRenew": True,
    "AdminContact": _CONTACT,
    "RegistrantContact": _CONTACT,
    "TechContact": _CONTACT,
    "AdminPrivacy": True,
    "RegistrantPrivacy": True,
    "TechPrivacy": True,
    "RegistrarName": "Amazon Registrar, Inc.",
    "WhoIsServer": "whois.registrar.amazon",
    "RegistrarUrl": "https://registrar.amazon.com",
    "AbuseContactEmail": "abuse@example.com",
    "AbuseContactPhone": "+1.2065550100",
    "CreationDate": "%(epoch)s",
    "UpdatedDate": "%(epoch)s",
    "ExpirationDate": "1830297600.0",
    "StatusList": ["clientTransferProhibited"],
}
_DETAILS = wire.body("route53domains", "GetDomainDetail", _DETAIL)
_TAGS = wire.body(
    "route53domains", "ListTagsForDomain", {"TagList": wire.tags(Environment="%(env)s", Owner="dns@example.com")}
)


def _fields(place: Place, n: int) -> dict[str, str]:
    return {**basics(place, n), "domain": domain_name(place, n)}


def _number(place: Place, params: Params) -> int:
    return named(place, str(params["DomainName"]).removesuffix(".com"), "aws_route53_domain", "InvalidInput")


inventory(
    "route53domains",
    "ListDomains",
    "Domains",
    "aws_route53_domain",
    {"DomainName": "%(domain)s", "AutoRenew": True, "TransferLock": True, "Expiry": "1830297600.0"},
    Paging("MaxItems", "Marker", "NextPageMarker", default=20, maximum=100),
    _fields,
)


@answers("route53domains", "GetDomainDetail")
def _detail(place: Place, params: Params) -> str:
    return place.fill(_DETAILS, _fields(place, _number(place, params)))


@answers("route53domains", "ListTagsForDomain")
def _tags(place: Place, params: Params) -> str:
    return place.fill(_TAGS, basics(place, _number(place, params)))
