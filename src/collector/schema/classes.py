"""The properties that JupiterOne's class schemas require, beyond those that every entity has.

Source: the class schemas of `@jupiterone/data-model` 0.64.2. `Monitor` has no schema there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

NULLABLE: Mapping[str, tuple[str, ...]] = {
    "ApplicationEndpoint": ("address",),
    "DataStore": ("classification", "encrypted"),
    "Disk": ("classification", "encrypted"),
    "Finding": ("severity", "numericSeverity"),
    "Host": (
        "category", "ipv4Addresses", "ipv6Addresses", "macAddresses", "publicIpAddresses", "privateIpAddresses",
        "hostname", "fqdn", "serial", "deviceId", "lastSeenOn", "make", "model", "osName", "osType", "osDetails", "osVersion",
    ),
    "Network": ("CIDR", "internal"),
    "User": ("firstName", "lastName", "email", "shortLoginId", "username"),
}  # fmt: skip
"""Properties that a class requires but that may be null. They are null if AWS returns no value."""

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "Account": ("vendor",),
    "Assessment": ("category", "summary", "internal"),
    "Domain": ("domainName",),
    "DomainRecord": ("type", "TTL"),
    "DomainZone": ("domainName",),
    "Finding": ("category", "open"),
    "Firewall": ("category",),
    "Gateway": ("category", "function", "public"),
    "IpAddress": ("ipAddress",),
    "Network": ("public",),
    "Scanner": ("category",),
    "Service": ("category", "function"),
}
"""Properties that a class requires and that may not be null: every entity of the class must declare them."""


def defaults(classes: Sequence[str]) -> dict[str, None]:
    """All nullable properties of these classes, each with the value None."""
    return dict.fromkeys(name for cls in classes for name in NULLABLE.get(cls, ()))
