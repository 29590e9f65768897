"""What JupiterOne's class schemas require beyond the keys and names that every entity has.

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
"""Properties that a class requires and allows to be null: sent as null where AWS does not tell."""

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
"""Properties that a class requires and an entity must therefore declare."""


def defaults(classes: Sequence[str]) -> dict[str, None]:
    """The nullable properties of all classes of an entity, each as null."""
    return dict.fromkeys(name for cls in classes for name in NULLABLE.get(cls, ()))
