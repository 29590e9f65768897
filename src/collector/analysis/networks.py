"""Resolves the addresses, ranges and prefix lists of firewall rules to entities.

What was not collected is mapped as in JupiterOne: the Internet for all addresses, a host for one address, a network for a range.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any, NamedTuple

from collector.analysis import outside
from collector.analysis.facts import EntityRef, NetworkFacts
from collector.analysis.results import Described, Primitive

PRIVATE = tuple(
    map(
        ip_network,
        (
            "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
            "fc00::/7", "fe80::/10", "::1/128",
        ),
    )
)  # fmt: skip
"""Ranges that are not routed on the Internet (RFC 1918, 6598, 3927, 4193, 4291); `is_private` differs between Python versions."""


ALL_ADDRESSES = ("0.0.0.0/0", "::/0")
"""The ranges of all addresses, which are the Internet."""


class Range(NamedTuple):
    """An IP address range in canonical form: CIDR, network address, prefix length, and whether it is one address and public."""

    cidr: str
    address: str
    length: int
    single: bool
    public: bool


class NetworkPeer(NamedTuple):
    """The other end of a firewall rule: a collected entity or one outside. `mark` distinguishes rules with the same end."""

    mark: str
    entity: EntityRef | None
    outside: Described | None
    properties: dict[str, Primitive]


@lru_cache(maxsize=4096)
def parse(cidr: str) -> Range | None:
    """Parse a CIDR; None if it is malformed. Host bits are cleared, as AWS does."""
    try:
        found = ip_network(cidr.strip(), strict=False)
    except ValueError:
        return None
    single = found.prefixlen == found.max_prefixlen
    return Range(str(found), str(found.network_address), found.prefixlen, single, not _is_private(found))


def is_public(address: str) -> bool:
    """Whether an address or range is routed on the Internet.

    Raises:
        ValueError: if it is malformed.
    """
    found = parse(address)
    if found is None:
        raise ValueError(f"{address!r} is no IP address")
    return found.public


def _is_private(found: IPv4Network | IPv6Network) -> bool:
    for private in PRIVATE:
        if isinstance(found, IPv4Network) and isinstance(private, IPv4Network) and found.subnet_of(private):
            return True
        if isinstance(found, IPv6Network) and isinstance(private, IPv6Network) and found.subnet_of(private):
            return True
    return False


def combined(cidrs: Iterable[str]) -> list[str]:
    """Return the range of all addresses for each family of which the ranges together cover all, though none does alone."""
    found = {each.cidr for each in map(parse, cidrs) if each}
    if len(found) < 2:  # noqa: PLR2004 - one range is not combined
        return []
    four = [network for each in found if isinstance(network := ip_network(each), IPv4Network)]
    six = [network for each in found if isinstance(network := ip_network(each), IPv6Network)]
    whole = [*map(str, collapse_addresses(four)), *map(str, collapse_addresses(six))]
    return [cidr for cidr in ALL_ADDRESSES if cidr in whole and cidr not in found]


def cidrs_of(permission: Mapping[str, Any], facts: NetworkFacts) -> Iterator[str]:
    """Yield the ranges of a permission, those in prefix lists included."""
    yield from (each.get("CidrIp", "") for each in permission.get("IpRanges") or ())
    yield from (each.get("CidrIpv6", "") for each in permission.get("Ipv6Ranges") or ())
    for row in permission.get("PrefixListIds") or ():
        prefix_list = facts.prefix_lists.get(row.get("PrefixListId", ""))
        yield from prefix_list.cidrs or () if prefix_list else ()


def of_cidr(cidr: str, vpc: str | None, facts: NetworkFacts) -> NetworkPeer | None:
    """Return the peer for a CIDR in a rule of a VPC; None if the CIDR is malformed."""
    found = parse(cidr)
    if found is None:
        return None
    properties: dict[str, Primitive] = {"ipRange": found.cidr}
    if found.length == 0:
        return NetworkPeer(found.cidr, None, outside.internet(), properties)
    if found.single:
        entity = _host(found, vpc, facts)
        described = None if entity else outside.host(found.address, public=found.public)
        return NetworkPeer(found.cidr, entity, described, properties)
    entity = _network(found, vpc, facts)
    described = None if entity else outside.network(found.cidr, found.length, public=found.public)
    return NetworkPeer(found.cidr, entity, described, {**properties, "netmask": str(found.length)})


def of_prefix_list(id_: str, vpc: str | None, facts: NetworkFacts) -> Iterator[NetworkPeer]:
    """Yield the peers for a prefix list: one for each entry, or the list itself if its entries are unknown."""
    prefix_list = facts.prefix_lists.get(id_)
    if prefix_list is None or prefix_list.cidrs is None:
        name = prefix_list.name if prefix_list else None
        named: dict[str, Primitive] = {"prefixListId": id_, **({"prefixListName": name} if name else {})}
        yield NetworkPeer(id_, None, outside.prefix_list(id_, name), named)
        return
    for cidr in prefix_list.cidrs:
        peer = of_cidr(cidr, vpc, facts)
        if peer is not None:
            yield peer._replace(mark=f"{id_}:{peer.mark}", properties={**peer.properties, "prefixListId": id_})


def _host(found: Range, vpc: str | None, facts: NetworkFacts) -> EntityRef | None:
    """Return the entity with an address. Private addresses are resolved only in the VPC and its peers: other VPCs may reuse them."""
    if found.public and found.address in facts.public:
        return facts.public[found.address]
    entities = (facts.addresses.get((each, found.address)) for each in _reachable(vpc, facts))
    return next((entity for entity in entities if entity is not None), None)


def _network(found: Range, vpc: str | None, facts: NetworkFacts) -> EntityRef | None:
    entities = (facts.networks.get((each, found.cidr)) for each in _reachable(vpc, facts))
    return next((entity for entity in entities if entity is not None), None)


def _reachable(vpc: str | None, facts: NetworkFacts) -> tuple[str, ...]:
    return (vpc, *facts.peers.get(vpc, ())) if vpc else ()
