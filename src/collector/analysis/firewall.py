"""Relationships for the rules of security groups and network ACLs: one for each rule and each peer that it names.

For inbound rules the peer ALLOWS (or DENIES) the firewall; for outbound rules the firewall ALLOWS (or DENIES) the peer. The
properties are those of JupiterOne's firewall rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from collector.analysis import outside
from collector.analysis.facts import Account, EntityRef, NetworkAclFact, NetworkFacts, SecurityGroupFact
from collector.analysis.matching import ResourceIndex
from collector.analysis.networks import NetworkPeer, cidrs_of, combined, of_cidr, of_prefix_list
from collector.analysis.results import (
    AnalysisProblem,
    AnalysisVerb,
    Direction,
    MappedRelationship,
    Primitive,
    Relationship,
    Result,
    guarded,
)

ALL_PORTS = (0, 65535)
"""The range for all ports, which the API omits; with it, queries can compare ports without a special case."""

PROTOCOLS = {"-1": "*", "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
"""Protocol numbers (IANA) and the names that EC2 uses for them; `*` stands for all protocols."""

_WITH_PORTS = ("tcp", "udp")
_WITH_TYPES = ("icmp", "icmpv6")
_VERBS: Mapping[str, AnalysisVerb] = {"allow": "ALLOWS", "deny": "DENIES"}
_STALE = frozenset(("deleted", "rejected", "expired", "failed"))
_GROUP, _ACL = "aws_security_group", "aws_network_acl"


class _Side(NamedTuple):
    """The firewall at one end of the relationships of a rule, their verb, and the direction of the rule."""

    entity: EntityRef
    verb: AnalysisVerb
    ingress: bool


class Firewalls:
    """Draws the firewalls of one account.

    `groups` are the keys of the security groups collected in the account. `counts` is incremented.
    """

    def __init__(
        self, account: Account, index: ResourceIndex, network: NetworkFacts, groups: Iterable[str], counts: Counter[str]
    ) -> None:
        self._account = account
        self._index = index
        self._network = network
        self._groups = frozenset(groups)
        self._counts = counts

    def security_group(self, fact: SecurityGroupFact) -> Iterator[Result]:
        """Yield the relationships for the rules of a security group."""
        for ingress, permissions in ((True, fact.ingress), (False, fact.egress)):
            side = _Side(EntityRef(fact.key, _GROUP), "ALLOWS", ingress)
            seen: set[str] = set()
            for permission in permissions:
                yield from guarded(partial(self._permission, side, permission, seen), fact)

    def network_acl(self, fact: NetworkAclFact) -> Iterator[Result]:
        """Yield the relationships for the entries of a network ACL."""
        alike: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
        for entry in fact.entries:
            yield from guarded(partial(self._entry, entry), fact)
            alike.setdefault(_kind(entry), []).append(entry)
        for entries in alike.values():
            yield from guarded(partial(self._together, entries), fact)

    def _together(self, entries: Sequence[Mapping[str, Any]], fact: NetworkAclFact) -> Iterator[Result]:
        """Yield the relationships to the Internet of entries for the same traffic that together are for all addresses."""
        last = max(entries, key=lambda entry: entry.get("RuleNumber") or 0)
        for cidr in combined(map(_range_of, entries)) if len(entries) > 1 else ():
            yield from self._entry({**last, "CidrBlock": cidr, "combined": True}, fact)

    def _entry(self, entry: Mapping[str, Any], fact: NetworkAclFact) -> Iterator[Result]:
        cidr = _range_of(entry)
        peer = of_cidr(cidr, fact.vpc, self._network)
        verb = _VERBS.get(entry.get("RuleAction", ""))
        if verb is None:
            detail = f"entry {entry.get('RuleNumber')} neither allows nor denies"
            yield AnalysisProblem(fact.key, _ACL, "invalid_rule", detail)
            return
        side = _Side(EntityRef(fact.key, _ACL), verb, not entry.get("Egress"))
        if peer is None:
            yield self._invalid_range(side, cidr)
            return
        number = entry.get("RuleNumber")
        rule = {
            **traffic(_as_permission(entry)),
            "ruleNumber": number,
            "priority": number,
            "ruleAction": entry.get("RuleAction"),
            **({"combined": True} if entry.get("combined") else {}),
        }
        yield from self._drawn(side, peer._replace(mark=f"{number}:{peer.mark}"), rule)

    def _permission(
        self, side: _Side, permission: Mapping[str, Any], seen: set[str], fact: SecurityGroupFact
    ) -> Iterator[Result]:
        rule = {**traffic(permission), "groupId": fact.key.rpartition("/")[2]}
        for peer in self._peers(side, fact, permission):
            if isinstance(peer, AnalysisProblem):
                yield peer
                continue
            mark = _mark(rule, peer)
            if mark not in seen:
                # A prefix list may contain a range that the rule also names directly.
                seen.add(mark)
                yield from self._drawn(side, peer, rule)

    def _peers(
        self, side: _Side, fact: SecurityGroupFact, permission: Mapping[str, Any]
    ) -> Iterator[NetworkPeer | AnalysisProblem]:
        ranges = [(each, each.get("CidrIp", "")) for each in permission.get("IpRanges") or ()]
        ranges += [(each, each.get("CidrIpv6", "")) for each in permission.get("Ipv6Ranges") or ()]
        for row, cidr in ranges:
            peer = of_cidr(cidr, fact.vpc, self._network)
            yield _described(peer, row) if peer else self._invalid_range(side, cidr)
        for cidr in combined(cidrs_of(permission, self._network)):
            peer = of_cidr(cidr, fact.vpc, self._network)
            if peer is not None:
                yield peer._replace(properties={**peer.properties, "combined": True})
        for pair in permission.get("UserIdGroupPairs") or ():
            group = self._group(fact, pair)
            if group is not None:
                yield _described(group, pair)
        for row in permission.get("PrefixListIds") or ():
            for peer in of_prefix_list(row.get("PrefixListId", ""), fact.vpc, self._network):
                yield _described(peer, row)

    def _group(self, fact: SecurityGroupFact, pair: Mapping[str, Any]) -> NetworkPeer | None:
        """Return the peer for a security group that a rule names; None for groups of ended peerings and for missing groups."""
        owner, id_ = pair.get("UserId"), pair.get("GroupId")
        if not owner or not id_ or pair.get("PeeringStatus") in _STALE:
            self._counts["staleGroupRules"] += 1
            return None
        key = f"arn:{self._account.partition}:ec2:{fact.region}:{owner}:security-group/{id_}"
        collected = key in self._groups or self._index.entity(key, (_GROUP,)) is not None
        cross = owner != self._account.id
        if not collected and not cross:
            self._counts["danglingGroups"] += 1
            return None
        peering = pair.get("VpcPeeringConnectionId")
        return NetworkPeer(
            id_ if not cross else f"{owner}/{id_}",
            EntityRef(key, _GROUP) if collected else None,
            None if collected else outside.security_group(key),
            {"crossAccount": cross, **({"vpcPeeringConnectionId": peering} if peering else {})},
        )

    def _drawn(self, side: _Side, peer: NetworkPeer, rule: Mapping[str, Primitive]) -> Iterator[Result]:
        directions = {
            "ingress": side.ingress,
            "inbound": side.ingress,
            "egress": not side.ingress,
            "outbound": not side.ingress,
        }
        properties = {**rule, **directions, **peer.properties}
        mark = f"{'ingress' if side.ingress else 'egress'}:{_mark(rule, peer)}"
        if peer.entity is not None:
            source, target = (peer.entity, side.entity) if side.ingress else (side.entity, peer.entity)
            yield Relationship(*source, side.verb, *target, mark, properties)
        elif peer.outside is not None:
            direction: Direction = "REVERSE" if side.ingress else "FORWARD"
            yield MappedRelationship(*side.entity, side.verb, direction, *peer.outside, mark, properties)

    def _invalid_range(self, side: _Side, cidr: str) -> AnalysisProblem:
        self._counts["invalidRanges"] += 1
        return AnalysisProblem(*side.entity, "invalid_range", cidr)


def traffic(permission: Mapping[str, Any]) -> dict[str, Primitive]:
    """Return the protocol and port properties of a permission.

    The API passes ICMP types and codes in the port fields. They get properties of their own, so that no query takes them for ports.
    """
    protocol = str(permission.get("IpProtocol", "-1"))
    protocol = PROTOCOLS.get(protocol, protocol.lower())
    first, last = permission.get("FromPort"), permission.get("ToPort")
    if not isinstance(first, int | None) or not isinstance(last, int | None):
        raise TypeError(f"the ports are {first!r} to {last!r}")
    properties: dict[str, Primitive] = {"ipProtocol": protocol, "protocol": protocol}
    if protocol in _WITH_TYPES:
        return {**properties, "icmpType": -1 if first is None else first, "icmpCode": -1 if last is None else last}
    if protocol not in _WITH_PORTS or first in (None, -1) or last in (None, -1):
        first, last = ALL_PORTS
    ports = "*" if (first, last) == ALL_PORTS else f"{first}-{last}"
    return {**properties, "fromPort": first, "toPort": last, "portRange": ports}


def _as_permission(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return protocol and ports of a network ACL entry in the shape of a security group permission."""
    ports, types = entry.get("PortRange") or {}, entry.get("IcmpTypeCode") or {}
    first, last = (types.get("Type"), types.get("Code")) if types else (ports.get("From"), ports.get("To"))
    return {"IpProtocol": entry.get("Protocol", "-1"), "FromPort": first, "ToPort": last}


def _range_of(entry: Mapping[str, Any]) -> str:
    return entry.get("CidrBlock") or entry.get("Ipv6CidrBlock") or ""


def _kind(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the direction, the action and the traffic of an entry."""
    return tuple(str(entry.get(name)) for name in ("Egress", "RuleAction", "Protocol", "PortRange", "IcmpTypeCode"))


def _described(peer: NetworkPeer, row: Mapping[str, Any]) -> NetworkPeer:
    text = row.get("Description")
    return peer._replace(properties={**peer.properties, "description": text}) if text else peer


def _mark(rule: Mapping[str, Primitive], peer: NetworkPeer) -> str:
    """Return the text that distinguishes a rule from others between the same two entities."""
    first = rule.get("fromPort", rule.get("icmpType"))
    last = rule.get("toPort", rule.get("icmpCode"))
    return f"{rule['ipProtocol']}:{first}-{last}:{peer.mark}"
