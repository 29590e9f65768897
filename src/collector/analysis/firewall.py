"""What security groups and network ACLs let through: one relationship for each rule and each end that it names.

Inbound, the other end ALLOWS (or DENIES) the group; outbound, the group ALLOWS the other end. The properties are those of
JupiterOne's firewall rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from collector.analysis import outside
from collector.analysis.facts import Account, EntityRef, NetworkAclFact, NetworkFacts, SecurityGroupFact
from collector.analysis.networks import NetworkPeer, of_cidr, of_prefix_list
from collector.analysis.results import (
    AnalysisProblem,
    AnalysisVerb,
    Direction,
    MappedRelationship,
    Primitive,
    Relationship,
    Result,
)

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping

    from collector.analysis.matching import ResourceIndex

ALL_PORTS = (0, 65535)
"""What the API leaves out for all ports; the numbers let queries compare ports without a case of their own."""

PROTOCOLS = {"-1": "*", "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
"""Protocol numbers (IANA) by the names that EC2 uses for them, and `*` for all."""

_WITH_PORTS = ("tcp", "udp")
_WITH_TYPES = ("icmp", "icmpv6")
_STALE = frozenset(("deleted", "rejected", "expired", "failed"))
_GROUP, _ACL = "aws_security_group", "aws_network_acl"


class _Side(NamedTuple):
    """The firewall whose rule is drawn, and the rule's direction."""

    entity: EntityRef
    verb: AnalysisVerb
    ingress: bool


class Firewalls:
    """Draws the firewalls of one account."""

    def __init__(
        self, account: Account, index: ResourceIndex, network: NetworkFacts, groups: Iterable[str], counts: Counter[str]
    ) -> None:
        """`groups` are the keys of the security groups collected in the account; `counts` are added to."""
        self._account = account
        self._index = index
        self._network = network
        self._groups = frozenset(groups)
        self._counts = counts

    def security_group(self, fact: SecurityGroupFact) -> Iterator[Result]:
        """The rules of a security group."""
        for ingress, permissions in ((True, fact.ingress), (False, fact.egress)):
            side = _Side(EntityRef(fact.key, _GROUP), "ALLOWS", ingress)
            seen: set[str] = set()
            for permission in permissions:
                yield from self._permission(side, fact, permission, seen)

    def network_acl(self, fact: NetworkAclFact) -> Iterator[Result]:
        """The entries of a network ACL."""
        for entry in fact.entries:
            verb: AnalysisVerb = "ALLOWS" if entry.get("RuleAction") == "allow" else "DENIES"
            side = _Side(EntityRef(fact.key, _ACL), verb, not entry.get("Egress"))
            cidr = entry.get("CidrBlock") or entry.get("Ipv6CidrBlock") or ""
            other = of_cidr(cidr, fact.vpc, self._network)
            if other is None:
                yield self._faulty(side, cidr)
                continue
            number = entry.get("RuleNumber")
            said = {
                **traffic(_acl_ports(entry)),
                "ruleNumber": number,
                "priority": number,
                "ruleAction": entry.get("RuleAction"),
            }
            yield from self._drawn(side, other._replace(mark=f"{number}:{other.mark}"), said)

    def _permission(
        self, side: _Side, fact: SecurityGroupFact, permission: Mapping[str, Any], seen: set[str]
    ) -> Iterator[Result]:
        said = {**traffic(permission), "groupId": fact.key.rpartition("/")[2]}
        for other in self._others(side, fact, permission):
            if isinstance(other, AnalysisProblem):
                yield other
                continue
            mark = _mark(said, other)
            if mark not in seen:
                # A prefix list may hold a range that the rule names as well.
                seen.add(mark)
                yield from self._drawn(side, other, said)

    def _others(
        self, side: _Side, fact: SecurityGroupFact, permission: Mapping[str, Any]
    ) -> Iterator[NetworkPeer | AnalysisProblem]:
        ranges = [(each, each.get("CidrIp", "")) for each in permission.get("IpRanges") or ()]
        ranges += [(each, each.get("CidrIpv6", "")) for each in permission.get("Ipv6Ranges") or ()]
        for row, cidr in ranges:
            other = of_cidr(cidr, fact.vpc, self._network)
            yield _described(other, row) if other else self._faulty(side, cidr)
        for pair in permission.get("UserIdGroupPairs") or ():
            group = self._group(fact, pair)
            if group is not None:
                yield _described(group, pair)
        for row in permission.get("PrefixListIds") or ():
            for other in of_prefix_list(row.get("PrefixListId", ""), fact.vpc, self._network):
                yield _described(other, row)

    def _group(self, fact: SecurityGroupFact, pair: Mapping[str, Any]) -> NetworkPeer | None:
        """A group that a rule names. A peering that has ended leaves a stale rule behind; the group means nothing any more."""
        owner, id_ = pair.get("UserId"), pair.get("GroupId")
        if not owner or not id_ or pair.get("PeeringStatus") in _STALE:
            self._counts["staleGroupRules"] += 1
            return None
        key = f"arn:{self._account.partition}:ec2:{fact.region}:{owner}:security-group/{id_}"
        known = key in self._groups or self._index.entity(key, (_GROUP,)) is not None
        cross = owner != self._account.id
        if not known and not cross:
            self._counts["danglingGroups"] += 1
            return None
        peering = pair.get("VpcPeeringConnectionId")
        said: dict[str, Primitive] = {"crossAccount": cross, **({"vpcPeeringConnectionId": peering} if peering else {})}
        return NetworkPeer(
            id_ if not cross else f"{owner}/{id_}",
            EntityRef(key, _GROUP) if known else None,
            None if known else outside.security_group(key),
            said,
        )

    def _drawn(self, side: _Side, other: NetworkPeer, said: Mapping[str, Primitive]) -> Iterator[Result]:
        directions = {
            "ingress": side.ingress,
            "inbound": side.ingress,
            "egress": not side.ingress,
            "outbound": not side.ingress,
        }
        properties = {**said, **directions, **other.properties}
        mark = f"{'ingress' if side.ingress else 'egress'}:{_mark(said, other)}"
        if other.entity is not None:
            source, target = (other.entity, side.entity) if side.ingress else (side.entity, other.entity)
            yield Relationship(*source, side.verb, *target, mark, properties)
        elif other.outside is not None:
            direction: Direction = "REVERSE" if side.ingress else "FORWARD"
            yield MappedRelationship(*side.entity, side.verb, direction, *other.outside, mark, properties)

    def _faulty(self, side: _Side, cidr: str) -> AnalysisProblem:
        self._counts["invalidRanges"] += 1
        return AnalysisProblem(*side.entity, "invalid_range", cidr)


def traffic(permission: Mapping[str, Any]) -> dict[str, Primitive]:
    """Which traffic a rule is about. ICMP has types and codes in the place of ports, so that a type never looks like a port."""
    protocol = str(permission.get("IpProtocol", "-1"))
    protocol = PROTOCOLS.get(protocol, protocol.lower())
    first, last = permission.get("FromPort"), permission.get("ToPort")
    said: dict[str, Primitive] = {"ipProtocol": protocol, "protocol": protocol}
    if protocol in _WITH_TYPES:
        return {**said, "icmpType": -1 if first is None else first, "icmpCode": -1 if last is None else last}
    if protocol not in _WITH_PORTS or first in (None, -1) or last in (None, -1):
        first, last = ALL_PORTS
    ports = "*" if (first, last) == ALL_PORTS else f"{first}-{last}"
    return {**said, "fromPort": first, "toPort": last, "portRange": ports}


def _acl_ports(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of a network ACL in the form of a permission of a security group."""
    ports, types = entry.get("PortRange") or {}, entry.get("IcmpTypeCode") or {}
    first, last = (types.get("Type"), types.get("Code")) if types else (ports.get("From"), ports.get("To"))
    return {"IpProtocol": entry.get("Protocol", "-1"), "FromPort": first, "ToPort": last}


def _described(other: NetworkPeer, row: Mapping[str, Any]) -> NetworkPeer:
    text = row.get("Description")
    return other._replace(properties={**other.properties, "description": text}) if text else other


def _mark(said: Mapping[str, Primitive], other: NetworkPeer) -> str:
    """What sets a rule apart from the others between the same ends."""
    first = said.get("fromPort", said.get("icmpType"))
    last = said.get("toPort", said.get("icmpCode"))
    return f"{said['ipProtocol']}:{first}-{last}:{other.mark}"
