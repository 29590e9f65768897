"""What the absence of a record proves nothing about, given the entity types that a run may not have seen completely.

Beside the entities and relationships of these types, that is what the analysis of the account would have drawn from them. The
types of such relationships are an open set, since policies name services and principals of all kinds: patterns stand for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from itertools import product
from typing import NamedTuple

from collector.analysis.arntypes import NAMEABLE
from collector.analysis.services import known_types as known_services
from collector.analysis.services import of_prefix
from collector.analysis.triples import RESOURCE, SERVICE, TRIPLES
from collector.catalog.catalog import Catalog
from collector.schema.relationship_types import type_of

ACCOUNT, ROLE, VPC = "aws_account", "aws_iam_role", "aws_vpc"
POLICIES = ("aws_iam_policy", "aws_iam_user_policy", "aws_iam_group_policy", "aws_iam_role_policy")
STATEMENTS = ("ALLOWS", "DENIES")
"""The verbs of the statements of identity policies."""
FIREWALLS = {"aws_security_group": ("ALLOWS",), "aws_network_acl": ("ALLOWS", "DENIES")}
"""The verbs of the rules of each firewall."""
PRINCIPALS = (ACCOUNT, "aws_iam_user", ROLE, "aws_iam_saml_provider", "aws_iam_oidc_provider")
"""The types of collected entities that a policy can name as a principal."""


class PartialDatasets(NamedTuple):
    """The types that may be incomplete: names, and patterns in which `*` stands for any text."""

    types: frozenset[str]
    patterns: frozenset[str]

    def matches(self, type_: str) -> bool:
        """Whether a type may be incomplete."""
        return type_ in self.types or any(fnmatchcase(type_, pattern) for pattern in self.patterns)

    def expanded(self, known: Iterable[str]) -> frozenset[str]:
        """The names, and those of the known types that match a pattern."""
        return self.types | {type_ for type_ in known if self.matches(type_)}


def partial_datasets(catalog: Catalog, incomplete: Iterable[str]) -> PartialDatasets:
    """All types that may be incomplete if these are; relationship types among them stand for themselves only."""
    types = frozenset(incomplete)
    drawn = frozenset(_drawn(catalog, types))
    patterns = frozenset(each for each in drawn if "*" in each)
    return PartialDatasets(catalog.affected_types(types) | (drawn - patterns), patterns)


def known_types(catalog: Catalog) -> frozenset[str]:
    """All types that a run can emit, but for services and principals that this version does not know."""
    return catalog.affected_types(catalog.types) | drawable_types(catalog)


def drawable_types(catalog: Catalog) -> frozenset[str]:
    """The types of all relationships and service entities that the analysis draws between known types."""
    ends = {RESOURCE: frozenset(catalog.types), SERVICE: known_services()}
    found = {type_of(ACCOUNT, "HAS", service) for service in known_services()}
    for source, verb, target, _ in TRIPLES:
        pairs = product(ends.get(source, (source,)), ends.get(target, (target,)))
        found.update(type_of(near, verb, far) for near, far in pairs)
    return known_services() | found


def policy_types(catalog: Catalog) -> frozenset[str]:
    """The types with a resource policy."""
    return frozenset(entity.type for entity in catalog.entities if "policy" in entity.facts).difference(POLICIES)


def network_types(catalog: Catalog) -> frozenset[str]:
    """The types that firewall rules reach by an address or a range."""
    return frozenset(entity.type for entity in catalog.entities if {"addresses", "cidrs"} & entity.facts.keys())


def analysed_types(catalog: Catalog) -> frozenset[str]:
    """The types that the analysis starts from: without it, everything that it draws is missing."""
    return frozenset((*POLICIES, ROLE, *FIREWALLS)) | policy_types(catalog)


def _drawn(catalog: Catalog, incomplete: frozenset[str]) -> Iterator[str]:
    yield from _of_policies(incomplete)
    yield from _of_resource_policies(incomplete, policy_types(catalog))
    yield from _of_firewalls(incomplete, network_types(catalog))
    names_services = bool(incomplete & {*POLICIES, *policy_types(catalog), ROLE})
    if names_services:
        yield from known_services()
    if names_services or ACCOUNT in incomplete:
        yield f"{ACCOUNT}_has_*"


def _of_policies(incomplete: frozenset[str]) -> Iterator[str]:
    """Relationships of identity policies, to resources, to their services (of too many resources), and to accounts."""
    for policy in POLICIES:
        if policy in incomplete:
            yield from (f"{policy}_{verb.lower()}_*" for verb in STATEMENTS)
        for type_ in incomplete & NAMEABLE.keys():
            targets = (type_, *_services_of(type_))
            yield from (type_of(policy, verb, target) for verb in STATEMENTS for target in targets)


def _of_resource_policies(incomplete: frozenset[str], guarded: frozenset[str]) -> Iterator[str]:
    """Relationships of resource policies and trust policies, from and to principals."""
    for type_ in incomplete & guarded:
        yield from _into(type_, "ALLOWS")
    for principal in incomplete.intersection(PRINCIPALS):
        yield from (type_of(principal, "ALLOWS", type_) for type_ in guarded)
        yield type_of(ROLE, "TRUSTS", principal)
    if ROLE in incomplete:
        yield f"{ROLE}_trusts_*"


def _of_firewalls(incomplete: frozenset[str], network: frozenset[str]) -> Iterator[str]:
    """Relationships of firewall rules. Through a VPC, rules reach what is in the VPCs that are peered with it."""
    peers = network if VPC in incomplete else network & incomplete
    for firewall, verbs in FIREWALLS.items():
        if firewall in incomplete:
            for verb in verbs:
                yield f"{firewall}_{verb.lower()}_*"
                yield from _into(firewall, verb)
        yield from (type_of(*end) for peer in peers for end in _rules(firewall, peer))


def _rules(firewall: str, peer: str) -> Iterator[tuple[str, str, str]]:
    for verb in FIREWALLS[firewall]:
        yield firewall, verb, peer
        yield peer, verb, firewall


def _into(type_: str, verb: str) -> Iterator[str]:
    """Patterns for all relationships with this target, which are named without the words that the source has too."""
    words = type_.split("_")
    for shared in range(len(words)):
        yield f"{'_'.join(words[:shared])}*_{verb.lower()}_{'_'.join(words[shared:])}"


def _services_of(type_: str) -> set[str]:
    nameable = NAMEABLE[type_]
    references = (*nameable.own, *(reference for child in nameable.children for reference in child.types))
    return {of_prefix(service) for service, _ in references}
