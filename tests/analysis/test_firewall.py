"""Relationships for firewall rules: the peer for each part of a rule, and the properties for its traffic."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from collector.analysis.facts import Account, EntityRef, NetworkAclFact, NetworkFacts, PrefixList, SecurityGroupFact
from collector.analysis.firewall import Firewalls, traffic
from collector.analysis.results import AnalysisProblem, MappedRelationship, Relationship, Result
from tests.analysis.estate import INDEX, A, B, C

EC2 = f"arn:aws:ec2:us-east-1:{A}"
GROUP = f"{EC2}:security-group/sg-1"
OTHER = f"{EC2}:security-group/sg-2"
ACL = f"{EC2}:network-acl/acl-1"


def entity(type_: str, id_: str) -> EntityRef:
    return EntityRef(f"{EC2}:{id_}", type_)


NETWORK = NetworkFacts(
    addresses={
        ("vpc-1", "10.0.0.5"): entity("aws_instance", "instance/i-5"),
        ("vpc-2", "10.2.0.5"): entity("aws_eni", "network-interface/eni-5"),
        ("vpc-3", "10.3.0.5"): entity("aws_instance", "instance/i-far"),
        ("vpc-1", "2600:1f14::5"): entity("aws_eni", "network-interface/eni-6"),
    },
    networks={
        ("vpc-1", "10.0.0.0/16"): entity("aws_vpc", "vpc/vpc-1"),
        ("vpc-1", "2600:1f14::/56"): entity("aws_vpc", "vpc/vpc-1"),
        ("vpc-1", "10.0.1.0/24"): entity("aws_subnet", "subnet/subnet-1"),
        ("vpc-2", "10.2.0.0/16"): entity("aws_vpc", "vpc/vpc-2"),
        ("vpc-3", "10.3.0.0/16"): entity("aws_vpc", "vpc/vpc-3"),
    },
    public={"52.1.1.1": entity("aws_eip", "elastic-ip/eip-1")},
    peers={"vpc-1": ("vpc-2",)},
    prefix_lists={
        "pl-own": PrefixList("pl-own", "office", ("10.0.1.0/24", "198.51.100.0/24", "0.0.0.0/0")),
        "pl-s3": PrefixList("pl-s3", "com.amazonaws.us-east-1.s3"),
        "pl-empty": PrefixList("pl-empty", "empty", ()),
        "pl-half": PrefixList("pl-half", "half", ("128.0.0.0/1",)),
    },
)


def v4(*cidrs: str, **more: Any) -> dict[str, Any]:
    return {"IpRanges": [{"CidrIp": cidr, **more} for cidr in cidrs]}


def v6(*cidrs: str) -> dict[str, Any]:
    return {"Ipv6Ranges": [{"CidrIpv6": cidr} for cidr in cidrs]}


def pair(group: str | None, owner: str | None = A, **more: Any) -> dict[str, Any]:
    fields = {"GroupId": group, "UserId": owner, **more}
    return {"UserIdGroupPairs": [{key: value for key, value in fields.items() if value is not None}]}


def lists(*ids: str) -> dict[str, Any]:
    return {"PrefixListIds": [{"PrefixListId": each} for each in ids]}


SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}


def firewalls(counts: Counter[str] | None = None) -> Firewalls:
    return Firewalls(Account(A), INDEX, NETWORK, (GROUP, OTHER), Counter() if counts is None else counts)


def findings(*ingress: Any, egress: Any = (), vpc: str | None = "vpc-1") -> tuple[list[Result], Counter[str]]:
    counts: Counter[str] = Counter()
    fact = SecurityGroupFact(GROUP, "us-east-1", vpc, ingress, egress)
    return list(firewalls(counts).security_group(fact)), counts


def drawn(*ingress: Any, egress: Any = (), vpc: str | None = "vpc-1") -> dict[str, Relationship | MappedRelationship]:
    """Return the relationships by their peer: the last part of its key, or `@` and the name of a mapped entity."""
    found = findings(*ingress, egress=egress, vpc=vpc)[0]
    return {peer(each): each for each in found if isinstance(each, Relationship | MappedRelationship)}


def peer(link: Relationship | MappedRelationship) -> str:
    if isinstance(link, MappedRelationship):
        return f"@{link.target['_class']}:{link.target['displayName']}"
    far = link.source_key if link.properties["ingress"] else link.target_key
    return far.rpartition("/")[2]


PEERS = [
    # case, rule, peers
    ("all of IPv4", v4("0.0.0.0/0"), {"@Internet:Internet"}),
    ("all of IPv6", v6("::/0"), {"@Internet:Internet"}),
    ("all of IPv4 with host bits", v4("1.2.3.4/0"), {"@Internet:Internet"}),
    ("half of IPv4", v4("0.0.0.0/1"), {"@Network:0.0.0.0/1"}),
    ("both halves of IPv4", v4("0.0.0.0/1", "128.0.0.0/1"), {"@Network:0.0.0.0/1", "@Network:128.0.0.0/1", "@Internet:Internet"}),
    ("three parts of IPv4", v4("0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/2"), {"@Network:0.0.0.0/1", "@Network:128.0.0.0/2", "@Network:192.0.0.0/2", "@Internet:Internet"}),
    ("halves that overlap", v4("0.0.0.0/1", "64.0.0.0/2", "128.0.0.0/1"), {"@Network:0.0.0.0/1", "@Network:64.0.0.0/2", "@Network:128.0.0.0/1", "@Internet:Internet"}),
    ("all but a quarter of IPv4", v4("0.0.0.0/1", "128.0.0.0/2"), {"@Network:0.0.0.0/1", "@Network:128.0.0.0/2"}),
    ("both halves of IPv6", v6("::/1", "8000::/1"), {"@Network:::/1", "@Network:8000::/1", "@Internet:Internet"}),
    ("halves of different families", {**v4("0.0.0.0/1"), **v6("8000::/1")}, {"@Network:0.0.0.0/1", "@Network:8000::/1"}),
    ("halves, one of them in a prefix list", {**v4("0.0.0.0/1"), **lists("pl-half")}, {"@Network:0.0.0.0/1", "@Network:128.0.0.0/1", "@Internet:Internet"}),
    ("the IPv6 range of the VPC", v6("2600:1f14::/56"), {"vpc-1"}),
    ("a public address", v4("198.51.100.7/32"), {"@Host:198.51.100.7"}),
    ("a public address of the account", v4("52.1.1.1/32"), {"eip-1"}),
    ("a private address of the same VPC", v4("10.0.0.5/32"), {"i-5"}),
    ("a private address of a peered VPC", v4("10.2.0.5/32"), {"eni-5"}),
    ("a private address of a VPC that is not peered", v4("10.3.0.5/32"), {"@Host:10.3.0.5"}),
    ("an unused private address", v4("10.0.0.6/32"), {"@Host:10.0.0.6"}),
    ("an IPv6 address of the VPC", v6("2600:1f14::5/128"), {"eni-6"}),
    ("another spelling of an IPv6 address", v6("2600:1F14:0:0::5/128"), {"eni-6"}),
    ("an unused IPv6 address", v6("2001:db8::7/128"), {"@Host:2001:db8::7"}),
    ("a private IPv6 address", v6("fd00::7/128"), {"@Host:fd00::7"}),
    ("the range of the VPC", v4("10.0.0.0/16"), {"vpc-1"}),
    ("the range of a subnet", v4("10.0.1.0/24"), {"subnet-1"}),
    ("the range of a subnet with host bits", v4("10.0.1.77/24"), {"subnet-1"}),
    ("the range of a peered VPC", v4("10.2.0.0/16"), {"vpc-2"}),
    ("the range of a VPC that is not peered", v4("10.3.0.0/16"), {"@Network:10.3.0.0/16"}),
    ("an unused private range", v4("10.0.0.0/8"), {"@Network:10.0.0.0/8"}),
    ("a public range", v4("198.51.100.0/24"), {"@Network:198.51.100.0/24"}),
    ("a range of IPv6", v6("2001:db8::/56"), {"@Network:2001:db8::/56"}),
    ("two ranges", v4("10.0.0.5/32", "10.0.1.0/24"), {"i-5", "subnet-1"}),
    ("both families", {**v4("0.0.0.0/0"), **v6("2001:db8::/56")}, {"@Internet:Internet", "@Network:2001:db8::/56"}),
    ("the group itself", pair("sg-1"), {"sg-1"}),
    ("another group", pair("sg-2"), {"sg-2"}),
    ("a group that was not collected", pair("sg-new"), set()),
    ("a group of another collected account", pair("sg-b", B), {"sg-b"}),
    ("a group of an account that was not collected", pair("sg-c", C), {"@Firewall:sg-c"}),
    ("a group over a peering", pair("sg-c", C, VpcPeeringConnectionId="pcx-1", PeeringStatus="active"), {"@Firewall:sg-c"}),
    ("a group over a peering that was deleted", pair("sg-c", C, PeeringStatus="deleted"), set()),
    ("a group over a peering that was rejected", pair("sg-c", C, PeeringStatus="rejected"), set()),
    ("a stale group without an owner", pair("sg-c", None), set()),
    ("a group with a name but no id", {"UserIdGroupPairs": [{"GroupName": "default", "UserId": A}]}, set()),
    ("a prefix list of the account", lists("pl-own"), {"subnet-1", "@Network:198.51.100.0/24", "@Internet:Internet"}),
    ("a prefix list of AWS", lists("pl-s3"), {"@Network:com.amazonaws.us-east-1.s3"}),
    ("an unknown prefix list", lists("pl-new"), {"@Network:pl-new"}),
    ("a prefix list without entries", lists("pl-empty"), set()),
    ("no peers", {}, set()),
    ("lists that are null", {"IpRanges": None, "UserIdGroupPairs": None}, set()),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "peers"), [each[1:] for each in PEERS], ids=[each[0] for each in PEERS])
def test_each_part_of_a_rule_is_drawn_to_its_peer(rule, peers):
    assert set(drawn({**SSH, **rule})) == peers


TRAFFIC = [
    ("one port", {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}, ("tcp", 22, 22, "22-22")),
    ("a port range", {"IpProtocol": "udp", "FromPort": 1000, "ToPort": 2000}, ("udp", 1000, 2000, "1000-2000")),
    ("port 0", {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 0}, ("tcp", 0, 0, "0-0")),
    ("all ports", {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535}, ("tcp", 0, 65535, "*")),
    ("all ports of all protocols", {"IpProtocol": "-1"}, ("*", 0, 65535, "*")),
    (
        "all protocols with meaningless ports",
        {"IpProtocol": "-1", "FromPort": 22, "ToPort": 22},
        ("*", 0, 65535, "*"),
    ),
    ("no protocol", {}, ("*", 0, 65535, "*")),
    ("omitted ports", {"IpProtocol": "tcp"}, ("tcp", 0, 65535, "*")),
    ("ports of minus one", {"IpProtocol": "tcp", "FromPort": -1, "ToPort": -1}, ("tcp", 0, 65535, "*")),
    ("TCP by its number", {"IpProtocol": "6", "FromPort": 443, "ToPort": 443}, ("tcp", 443, 443, "443-443")),
    ("UDP by its number", {"IpProtocol": 17, "FromPort": 53, "ToPort": 53}, ("udp", 53, 53, "53-53")),
    ("a protocol in upper case", {"IpProtocol": "TCP", "FromPort": 1, "ToPort": 2}, ("tcp", 1, 2, "1-2")),
    ("GRE has no ports", {"IpProtocol": "47"}, ("47", 0, 65535, "*")),
    ("ESP has no ports", {"IpProtocol": "50", "FromPort": 1, "ToPort": 2}, ("50", 0, 65535, "*")),
]


@pytest.mark.parametrize(("permission", "expected"), [each[1:] for each in TRAFFIC], ids=[each[0] for each in TRAFFIC])
def test_traffic_has_protocol_and_ports(permission, expected):
    found = traffic(permission)
    assert (found["ipProtocol"], found["fromPort"], found["toPort"], found["portRange"]) == expected
    assert found["protocol"] == found["ipProtocol"]


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        ({"IpProtocol": "icmp", "FromPort": 8, "ToPort": 0}, ("icmp", 8, 0)),
        ({"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1}, ("icmp", -1, -1)),
        ({"IpProtocol": "1", "FromPort": 8, "ToPort": -1}, ("icmp", 8, -1)),
        ({"IpProtocol": "icmpv6"}, ("icmpv6", -1, -1)),
        ({"IpProtocol": "58", "FromPort": 128, "ToPort": 0}, ("icmpv6", 128, 0)),
    ],
)
def test_icmp_traffic_has_types_instead_of_ports(permission, expected):
    found = traffic(permission)
    assert (found["ipProtocol"], found["icmpType"], found["icmpCode"]) == expected
    assert not {"fromPort", "toPort", "portRange"} & set(found)


def test_the_peer_of_an_inbound_rule_allows_the_group():
    link = drawn({**SSH, **v4("10.0.0.5/32")})["i-5"]
    assert isinstance(link, Relationship)
    assert (link.source_type, link.verb, link.target_key, link.target_type) == (
        "aws_instance",
        "ALLOWS",
        GROUP,
        "aws_security_group",
    )
    assert [link.properties[name] for name in ("ingress", "inbound", "egress", "outbound")] == [
        True,
        True,
        False,
        False,
    ]


def test_the_group_allows_the_peer_of_an_outbound_rule():
    link = drawn(egress=[{**SSH, **v4("10.0.0.5/32")}])["i-5"]
    assert isinstance(link, Relationship)
    assert (link.source_key, link.target_type) == (GROUP, "aws_instance")
    assert [link.properties[name] for name in ("ingress", "inbound", "egress", "outbound")] == [
        False,
        False,
        True,
        True,
    ]


def test_mapped_relationships_have_the_direction_of_the_traffic():
    links = [*drawn({**SSH, **v4("0.0.0.0/0")}).values(), *drawn(egress=[{**SSH, **v4("0.0.0.0/0")}]).values()]
    assert [each.direction for each in links if isinstance(each, MappedRelationship)] == ["REVERSE", "FORWARD"]
    assert {each.source_key for each in links} == {GROUP}


def test_a_group_that_allows_itself_has_two_relationships():
    found = findings({**SSH, **pair("sg-1")}, egress=[{**SSH, **pair("sg-1")}])[0]
    marks = [(each.source_key, each.target_key, each.discriminator) for each in found if isinstance(each, Relationship)]
    assert marks == [(GROUP, GROUP, "ingress:tcp:22-22:sg-1"), (GROUP, GROUP, "egress:tcp:22-22:sg-1")]


def test_every_rule_has_its_own_discriminator():
    rules = [
        {**SSH, **v4("0.0.0.0/0"), **v6("::/0"), **lists("pl-own", "pl-own")},
        {"IpProtocol": "udp", "FromPort": 22, "ToPort": 22, **v4("0.0.0.0/0")},
        {"IpProtocol": "tcp", "FromPort": 2, "ToPort": 222, **v4("0.0.0.0/0")},
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 2222, **v4("0.0.0.0/0")},
        {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, **v4("0.0.0.0/0")},
        {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, **v4("0.0.0.0/0")},
    ]
    found = findings(*rules, egress=rules)[0]
    marks = [each.discriminator for each in found if isinstance(each, Relationship | MappedRelationship)]
    assert len(marks) == len(set(marks)) == 20


def test_a_rule_has_its_range_description_and_group():
    properties = drawn({**SSH, **v4("10.0.1.0/24", Description="from the office")})["subnet-1"].properties
    assert (properties["ipRange"], properties["netmask"], properties["description"], properties["groupId"]) == (
        "10.0.1.0/24",
        "24",
        "from the office",
        "sg-1",
    )


def test_a_rule_has_the_id_of_its_prefix_list():
    found = drawn({**SSH, **lists("pl-own", "pl-s3")})
    assert found["subnet-1"].properties["prefixListId"] == "pl-own"
    assert found["@Network:com.amazonaws.us-east-1.s3"].properties["prefixListName"] == "com.amazonaws.us-east-1.s3"


def test_a_group_of_another_account_has_its_peering():
    properties = drawn({**SSH, **pair("sg-c", C, VpcPeeringConnectionId="pcx-1")})["@Firewall:sg-c"].properties
    assert (properties["crossAccount"], properties["vpcPeeringConnectionId"]) == (True, "pcx-1")
    assert drawn({**SSH, **pair("sg-2")})["sg-2"].properties["crossAccount"] is False


def test_hosts_are_mapped_by_their_address():
    found = drawn({**SSH, **v4("198.51.100.7/32", "10.9.9.9/32")})
    public, private = found["@Host:198.51.100.7"], found["@Host:10.9.9.9"]
    assert isinstance(public, MappedRelationship)
    assert isinstance(private, MappedRelationship)
    assert public.filter_keys == (("_class", "publicIpAddress"),)
    assert private.filter_keys == (("_class", "privateIpAddress"),)
    assert private.target["privateIpAddress"] == "10.9.9.9"


@pytest.mark.parametrize(
    ("cidr", "key", "public"),
    [
        ("198.51.100.0/24", "CIDR", True),
        ("10.0.0.0/8", "CIDR", False),
        ("100.64.0.0/10", "CIDR", False),
        ("8.0.0.0/5", "CIDR", True),
        ("2600::/16", "CIDRv6", True),
        ("fd00::/8", "CIDRv6", False),
    ],
)
def test_networks_are_mapped_by_their_range(cidr, key, public):
    rule = {"IpRanges": [{"CidrIp": cidr}]} if key == "CIDR" else v6(cidr)
    link = drawn({**SSH, **rule})[f"@Network:{cidr}"]
    assert isinstance(link, MappedRelationship)
    assert link.filter_keys == (("_class", key),)
    assert (link.target[key], link.target["public"], link.target["internal"]) == (cidr, public, not public)


def test_private_addresses_are_not_resolved_without_a_vpc():
    assert set(drawn({**SSH, **v4("10.0.0.5/32")}, vpc=None)) == {"@Host:10.0.0.5"}


def test_stale_and_missing_groups_are_counted():
    counts = findings({**SSH, **pair("sg-c", C, PeeringStatus="deleted")}, {**SSH, **pair("sg-new")})[1]
    assert counts == {"staleGroupRules": 1, "danglingGroups": 1}


def test_a_malformed_range_is_reported():
    found, counts = findings({**SSH, **v4("10.0.0.0/99", "10.0.0.5/32")})
    assert [type(each) for each in found] == [AnalysisProblem, Relationship]
    assert found[0] == AnalysisProblem(GROUP, "aws_security_group", "invalid_range", "10.0.0.0/99")
    assert counts == {"invalidRanges": 1}


# Network ACLs ----------------------------------------------------------------------------------------------


def entry(
    number: int, cidr: str = "0.0.0.0/0", action: str = "allow", *, egress: bool = False, **more: Any
) -> dict[str, Any]:
    key = "Ipv6CidrBlock" if ":" in cidr else "CidrBlock"
    return {"RuleNumber": number, "RuleAction": action, "Egress": egress, "Protocol": "-1", key: cidr, **more}


def entries(*rows: dict[str, Any]) -> list[Relationship | MappedRelationship]:
    found = firewalls().network_acl(NetworkAclFact(ACL, "vpc-1", rows))
    return [each for each in found if isinstance(each, Relationship | MappedRelationship)]


@pytest.mark.parametrize(
    ("row", "end", "verb", "mark"),
    [
        (entry(100), "@Internet:Internet", "ALLOWS", "ingress:*:0-65535:100:0.0.0.0/0"),
        (entry(100, egress=True), "@Internet:Internet", "ALLOWS", "egress:*:0-65535:100:0.0.0.0/0"),
        (entry(32767, action="deny"), "@Internet:Internet", "DENIES", "ingress:*:0-65535:32767:0.0.0.0/0"),
        (entry(101, "::/0"), "@Internet:Internet", "ALLOWS", "ingress:*:0-65535:101:::/0"),
        (entry(100, "10.0.1.0/24"), "subnet-1", "ALLOWS", "ingress:*:0-65535:100:10.0.1.0/24"),
        (entry(100, "10.0.0.5/32", "deny"), "i-5", "DENIES", "ingress:*:0-65535:100:10.0.0.5/32"),
        (entry(100, "10.9.0.0/16"), "@Network:10.9.0.0/16", "ALLOWS", "ingress:*:0-65535:100:10.9.0.0/16"),
        (
            entry(100, Protocol="6", PortRange={"From": 80, "To": 443}),
            "@Internet:Internet",
            "ALLOWS",
            "ingress:tcp:80-443:100:0.0.0.0/0",
        ),
        (
            entry(100, Protocol="1", IcmpTypeCode={"Type": 8, "Code": -1}),
            "@Internet:Internet",
            "ALLOWS",
            "ingress:icmp:8--1:100:0.0.0.0/0",
        ),
    ],
)
def test_an_entry_of_a_network_acl_is_drawn_like_a_rule(row, end, verb, mark):
    (link,) = entries(row)
    assert (peer(link), link.verb, link.discriminator) == (end, verb, mark)
    assert (link.properties["ruleNumber"], link.properties["priority"]) == (row["RuleNumber"], row["RuleNumber"])
    assert link.properties["ruleAction"] == row["RuleAction"]


def test_entries_for_the_same_traffic_that_cover_everything_are_the_internet():
    halves = entry(100, "0.0.0.0/1"), entry(200, "128.0.0.0/1")
    links = {peer(each): each for each in entries(*halves)}
    assert set(links) == {"@Network:0.0.0.0/1", "@Network:128.0.0.0/1", "@Internet:Internet"}
    internet = links["@Internet:Internet"]
    assert (internet.properties["ruleNumber"], internet.properties["ipRange"]) == (200, "0.0.0.0/0")
    assert internet.properties["combined"] is True
    assert all("combined" not in links[name].properties for name in links.keys() - {"@Internet:Internet"})


@pytest.mark.parametrize(
    "other",
    [
        entry(200, "128.0.0.0/1", "deny"),
        entry(200, "128.0.0.0/1", egress=True),
        entry(200, "128.0.0.0/1", Protocol="6", PortRange={"From": 1, "To": 2}),
        entry(200, "128.0.0.0/2"),
    ],
)
def test_entries_for_different_traffic_cover_nothing_together(other):
    assert "@Internet:Internet" not in {peer(each) for each in entries(entry(100, "0.0.0.0/1"), other)}


def test_ranges_that_are_combined_are_marked():
    found = drawn({**SSH, **v4("0.0.0.0/1", "128.0.0.0/1")})
    assert found["@Internet:Internet"].properties["combined"] is True
    assert "combined" not in drawn({**SSH, **v4("0.0.0.0/0")})["@Internet:Internet"].properties
    assert "combined" not in found["@Network:0.0.0.0/1"].properties


def test_the_same_range_in_two_entries_is_two_relationships():
    links = entries(entry(100), entry(200), entry(32767, action="deny"))
    assert len({(each.verb, each.discriminator) for each in links}) == 3


def test_an_entry_that_neither_allows_nor_denies_is_reported_and_not_drawn():
    entry = {"RuleNumber": 1, "CidrBlock": "0.0.0.0/0", "Protocol": "-1"}
    (problem,) = firewalls().network_acl(NetworkAclFact(ACL, "vpc-1", [entry]))
    assert isinstance(problem, AnalysisProblem)
    assert (problem.reason, problem.detail) == ("invalid_rule", "entry 1 neither allows nor denies")


def test_an_entry_without_a_range_is_reported():
    found = list(firewalls().network_acl(NetworkAclFact(ACL, "vpc-1", [{"RuleNumber": 1, "RuleAction": "allow"}])))
    assert found == [AnalysisProblem(ACL, "aws_network_acl", "invalid_range", "")]
