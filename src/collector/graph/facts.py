"""What the analysis needs to know of an account, noted in compact form while its entities pass by."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar
from zlib import compress, decompress

import orjson

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
)
from collector.graph.convert import ConvertedEntity

T = TypeVar("T")

POLICIES = frozenset({"aws_iam_policy", "aws_iam_user_policy", "aws_iam_group_policy", "aws_iam_role_policy"})
PRINCIPALS = frozenset({"aws_iam_user", "aws_iam_role"})
PREFERRED = "aws_instance"
"""An address belongs to an instance and to its interface alike: the instance is who is meant."""


class CompressedFacts(Iterable[T]):
    """Facts as compressed JSON, unpacked each time they are gone through.

    As Python's objects the rules of a security group take five times the memory and the text of a policy three times, and they
    are most of what is noted of an account.
    """

    def __init__(self, kind: Callable[..., T]) -> None:
        """None yet. `kind` takes what `add` was given."""
        self._kind = kind
        self._packed: list[bytes] = []

    def add(self, *fields: Any) -> None:
        """Take one."""
        self._packed.append(compress(orjson.dumps(fields), level=1))

    def __iter__(self) -> Iterator[T]:
        for packed in self._packed:
            yield self._kind(*orjson.loads(decompress(packed)))


class PolicyFacts:
    """The facts of one account; dropped with it."""

    def __init__(self, account: str, partition: str) -> None:
        """Nothing is known yet."""
        self._account, self._partition = account, partition
        self._organization: frozenset[str] = frozenset()
        self._policies = CompressedFacts(PolicyFact)
        self._resource_policies = CompressedFacts(ResourcePolicyFact)
        self._trusts = CompressedFacts(TrustFact)
        self._groups = CompressedFacts(SecurityGroupFact)
        self._acls = CompressedFacts(NetworkAclFact)
        self._arns: dict[str, str] = {}
        self._unique_ids: dict[str, EntityRef] = {}
        self._addresses: dict[tuple[str, str], EntityRef] = {}
        self._networks: dict[tuple[str, str], EntityRef] = {}
        self._public: dict[str, EntityRef] = {}
        self._peers: dict[str, tuple[str, ...]] = {}

    def note(self, type_: str, node: ConvertedEntity, region: str) -> None:
        """Take what an entity tells, which lies in a region; each declaration names its facts."""
        facts = node.facts
        entity = EntityRef(node.key, type_)
        if type_ in PRINCIPALS:
            self._unique_ids.update((name, entity) for kind, name in node.names if kind == "id")
        if facts:
            self._policy(entity, facts)
            self._network(entity, facts, region)
            if arn := facts.get("arn"):  # policies name it by another ARN than its key
                self._arns[node.key] = arn
            self._organization |= frozenset(facts.get("organization") or ())

    def facts(self, resources: Iterable[tuple[str, str]]) -> Facts:
        """Everything that was noted; `resources` are the (key, type) of all entities."""
        network = NetworkFacts(self._addresses, self._networks, self._public, self._peers)
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
            network=network,
        )

    def _policy(self, entity: EntityRef, facts: Mapping[str, Any]) -> None:
        document = _text(facts.get("policy"))
        if document and entity.type in POLICIES:
            if facts.get("attached", 1):  # a policy that hangs on nobody allows nothing
                self._policies.add(entity.key, entity.type, document, facts.get("version"))
        elif document:
            self._resource_policies.add(entity.key, entity.type, document)
        if trust := _text(facts.get("trust")):
            self._trusts.add(entity.key, trust)

    def _network(self, entity: EntityRef, facts: Mapping[str, Any], region: str) -> None:
        vpc = facts.get("vpc")
        if "ingress" in facts or "egress" in facts:
            self._groups.add(entity.key, region, vpc, facts.get("ingress") or (), facts.get("egress") or ())
        if entries := facts.get("entries"):
            self._acls.add(entity.key, vpc, entries)
        for cidr in _several(facts.get("cidrs")):
            self._networks[vpc or "", cidr] = entity
        for address in _several(facts.get("addresses")):
            self._address(entity, vpc or "", address)
        if peers := _several(facts.get("peers")):
            self._peers[vpc or ""] = tuple(peers)

    def _address(self, entity: EntityRef, vpc: str, address: str) -> None:
        known: dict[Any, EntityRef] = self._public if ipaddress.ip_address(address).is_global else self._addresses
        key: Any = address if known is self._public else (vpc, address)
        if key not in known or entity.type == PREFERRED:
            known[key] = entity


def _text(document: Any) -> Any:
    """Plain text: a JSON parser in C takes no kind of it."""
    return str(document) if isinstance(document, str) else document


def _several(value: Any) -> list[str]:
    return [] if value is None else value if isinstance(value, list) else [value]
