"""Who is meant by the addresses, networks and prefix lists of a firewall rule.

The ends are JupiterOne's: the Internet for all addresses, a host for one, a network for a range.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, NamedTuple

from collector.analysis import outside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.analysis.facts import EntityRef, NetworkFacts
    from collector.analysis.results import Described, Primitive

_PRIVATE = tuple(
    map(
        ip_network,
        (
            "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
            "fc00::/7", "fe80::/10", "::1/128",
        ),
    )
)  # fmt: skip
"""Ranges that are not routed on the Internet (RFC 1918, 6598, 3927, 4193, 4291); what Python calls private differs by version."""


class Range(NamedTuple):
    """A range of addresses in its canonical spelling."""

    cidr: str
    address: str
    length: int
    single: bool
    public: bool


class NetworkPeer(NamedTuple):
    """The other end of a rule: collected, or outside; `mark` tells the rules apart that have the same end."""

    mark: str
    entity: EntityRef | None
    outside: Described | None
    properties: dict[str, Primitive]


@lru_cache(maxsize=4096)
def parse(cidr: str) -> Range | None:
    """The range, or None if it is none. Bits behind the prefix are dropped, as AWS does."""
    try:
        found = ip_network(cidr.strip(), strict=False)
    except ValueError:
        return None
    single = found.prefixlen == found.max_prefixlen
    return Range(str(found), str(found.network_address), found.prefixlen, single, not _is_private(found))


def _is_private(found: IPv4Network | IPv6Network) -> bool:
    for private in _PRIVATE:
        if isinstance(found, IPv4Network) and isinstance(private, IPv4Network) and found.subnet_of(private):
            return True
        if isinstance(found, IPv6Network) and isinstance(private, IPv6Network) and found.subnet_of(private):
            return True
    return False


def of_cidr(cidr: str, vpc: str | None, facts: NetworkFacts) -> NetworkPeer | None:
    """The end that a range stands for, as seen from a VPC; None if it is no range."""
    found = parse(cidr)
    if found is None:
        return None
    properties: dict[str, Primitive] = {"ipRange": found.cidr}
    if found.length == 0:
        return NetworkPeer(found.cidr, None, outside.internet(), properties)
    if found.single:
        known = _host(found, vpc, facts)
        return NetworkPeer(
            found.cidr, known, None if known else outside.host(found.address, public=found.public), properties
        )
    known = _network(found, vpc, facts)
    described = None if known else outside.network(found.cidr, found.length, public=found.public)
    return NetworkPeer(found.cidr, known, described, {**properties, "netmask": str(found.length)})


def of_prefix_list(id_: str, vpc: str | None, facts: NetworkFacts) -> Iterator[NetworkPeer]:
    """The ends that a prefix list stands for: its entries, or the list itself where they are not known."""
    known = facts.prefix_lists.get(id_)
    if known is None or known.cidrs is None:
        name = known.name if known else None
        named: dict[str, Primitive] = {"prefixListId": id_, **({"prefixListName": name} if name else {})}
        yield NetworkPeer(id_, None, outside.prefix_list(id_, name), named)
        return
    for cidr in known.cidrs:
        other = of_cidr(cidr, vpc, facts)
        if other is not None:
            yield other._replace(mark=f"{id_}:{other.mark}", properties={**other.properties, "prefixListId": id_})


def _host(found: Range, vpc: str | None, facts: NetworkFacts) -> EntityRef | None:
    """A private address means somebody of the same VPC or of one that it is peered with: other VPCs use the same ones."""
    if found.public and found.address in facts.public:
        return facts.public[found.address]
    near = (facts.addresses.get((each, found.address)) for each in _near(vpc, facts))
    return next((entity for entity in near if entity is not None), None)


def _network(found: Range, vpc: str | None, facts: NetworkFacts) -> EntityRef | None:
    near = (facts.networks.get((each, found.cidr)) for each in _near(vpc, facts))
    return next((entity for entity in near if entity is not None), None)


def _near(vpc: str | None, facts: NetworkFacts) -> tuple[str, ...]:
    return (vpc, *facts.peers.get(vpc, ())) if vpc else ()
