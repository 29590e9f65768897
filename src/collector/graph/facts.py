"""Gathers the facts that the analysis of an account needs, in compact form, as its entities are converted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from sys import intern
from typing import Any

from collector.analysis.facts import (
    Account,
    EntityRef,
    Facts,
    NetworkAclFact,
    NetworkFacts,
    PolicyFact,
    ResourcePolicyFact,
    SecurityGroupFact,
    TrustFact,
    account_key,
)
from collector.analysis.networks import is_public, parse
from collector.graph.compressed import CompressedRows
from collector.graph.convert import ConvertedEntity
from collector.model import READ_ERRORS

POLICIES = frozenset({"aws_iam_policy", "aws_iam_user_policy", "aws_iam_group_policy", "aws_iam_role_policy"})
PRINCIPALS = frozenset({"aws_iam_user", "aws_iam_role"})
PREFERRED = "aws_instance"
"""An instance and its network interface have the same address: a rule for the address applies to the instance."""


class PolicyFacts:
    """Accumulates the facts of one account."""

    def __init__(self, account: str, partition: str, organization: frozenset[str] = frozenset()) -> None:
        self._account, self._partition = account, partition
        self._organization = organization
        self._policies = CompressedRows(PolicyFact)
        self._resource_policies = CompressedRows(ResourcePolicyFact)
        self._trusts = CompressedRows(TrustFact)
        self._groups = CompressedRows(SecurityGroupFact)
        self._acls = CompressedRows(NetworkAclFact)
        self._arns: dict[str, str] = {}
        self._unique_ids: dict[str, EntityRef] = {}
        self._addresses: dict[tuple[str, str], EntityRef] = {}
        self._networks: dict[tuple[str, str], EntityRef] = {}
        self._public: dict[str, EntityRef] = {}
        self._peers: dict[str, tuple[str, ...]] = {}
        self._readers = (self._policy, self._trust, self._rules, self._entries, self._peer, self._own)

    def add(self, type_: str, entity: ConvertedEntity, region: str) -> list[Exception]:
        """Add the facts of an entity in a region. Its declaration names them in `facts`.

        A fact that cannot be read is left out alone; returns one exception for each.
        """
        facts = entity.facts
        ref = EntityRef(entity.key, type_)
        if type_ in PRINCIPALS:
            self._unique_ids.update((name.text, ref) for name in entity.names if name.kind == "id")
        if not facts:
            return []
        unread: list[Exception] = []
        for read in self._readers:
            try:
                read(ref, facts, region)
            except READ_ERRORS as error:
                unread.append(error)
        vpc = facts.get("vpc") or ""
        for add, name in ((self._cidr, "cidrs"), (self._address, "addresses")):
            for value in _as_list(facts.get(name)):
                try:
                    add(ref, vpc, value)
                except READ_ERRORS as error:
                    unread.append(error)
        return unread

    def facts(self, resources: Iterable[tuple[str, str]]) -> Facts:
        """All facts that were added; `resources` are the (key, type) pairs of all entities."""
        return Facts(
            account=Account(self._account, self._partition, self._organization),
            resources=resources,
            arns=self._arns,
            policies=self._policies,
            resource_policies=self._resource_policies,
            trusts=self._trusts,
            unique_ids=self._unique_ids,
            security_groups=self._groups,
            network_acls=self._acls,
            network=NetworkFacts(self._addresses, self._networks, self._public, self._peers),
        )

    def _policy(self, entity: EntityRef, facts: Mapping[str, Any], _: str) -> None:
        document = facts.get("policy")
        if document and entity.type in POLICIES:
            attached = facts.get("attached") != 0  # an inline policy has no count
            self._policies.add(entity.key, entity.type, document, facts.get("version"), None, attached)
        elif document:
            self._resource_policies.add(entity.key, entity.type, document, facts.get("blockedBy"))

    def _trust(self, entity: EntityRef, facts: Mapping[str, Any], _: str) -> None:
        if trust := facts.get("trust"):
            self._trusts.add(entity.key, trust)

    def _rules(self, entity: EntityRef, facts: Mapping[str, Any], region: str) -> None:
        if "ingress" in facts or "egress" in facts:
            self._groups.add(
                entity.key, region, facts.get("vpc"), facts.get("ingress") or (), facts.get("egress") or ()
            )

    def _entries(self, entity: EntityRef, facts: Mapping[str, Any], _: str) -> None:
        if entries := facts.get("entries"):
            self._acls.add(entity.key, facts.get("vpc"), entries)

    def _peer(self, _entity: EntityRef, facts: Mapping[str, Any], _: str) -> None:
        if peers := _as_list(facts.get("peers")):
            self._peers[facts.get("vpc") or ""] = tuple(peers)

    def _own(self, entity: EntityRef, facts: Mapping[str, Any], _: str) -> None:
        if arn := facts.get("arn"):  # policies name the entity by this ARN, not by its key
            self._arns[entity.key] = _text(arn)
        if owner := facts.get("canonicalUser"):  # S3's own id of the account
            account = EntityRef(account_key(self._account, self._partition), "aws_account")
            self._unique_ids[_text(owner)] = account
        if members := facts.get("organization"):
            self._organization |= frozenset(map(_text, members))

    def _cidr(self, entity: EntityRef, vpc: str, cidr: str) -> None:
        known = parse(_text(cidr))
        self._networks[intern(_text(vpc)), known.cidr if known else cidr] = entity

    def _address(self, entity: EntityRef, vpc: str, address: str) -> None:
        entities: dict[Any, EntityRef] = self._public if is_public(_text(address)) else self._addresses
        key: Any = address if entities is self._public else (intern(_text(vpc)), address)
        if key not in entities or entity.type == PREFERRED:
            entities[key] = entity


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.200} is not text")
    return value


def _as_list(value: Any) -> list[str]:
    return [] if value is None else value if isinstance(value, list) else [value]
