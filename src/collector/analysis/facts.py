"""The input of the analysis: plain values extracted from what was collected in one account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

PolicyDocument: TypeAlias = Mapping[str, Any] | str
"""A policy document as returned by an API: a parsed structure, JSON text, or percent-encoded JSON text."""

PolicyType: TypeAlias = Literal["aws_iam_policy", "aws_iam_user_policy", "aws_iam_group_policy", "aws_iam_role_policy"]


class EntityRef(NamedTuple):
    """A reference to a collected entity."""

    key: str
    type: str


@dataclass(frozen=True, slots=True)
class Account:
    """The account that owns the facts.

    `organization` holds the ids of all accounts of its organization; empty means unknown. A trusted account outside of the
    organization is marked `external`.
    """

    id: str
    partition: str = "aws"
    organization: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """The key of the account's entity."""
        return account_key(self.id, self.partition)


@dataclass(frozen=True, slots=True)
class PolicyFact:
    """An identity policy: the default version of a managed policy, or an inline policy.

    `user` is the name of the owner of an inline user policy; it resolves `${aws:username}`. If it is None, the name is taken
    from a key of the form `<user ARN>/inline-policy/<name>`. `attached` is false for a managed policy that no principal has.
    """

    key: str
    type: PolicyType
    document: PolicyDocument
    version: str | None = None
    user: str | None = None
    attached: bool = True

    @property
    def username(self) -> str | None:
        """The value of `${aws:username}` in the policy, or None if it does not belong to a single, identifiable user."""
        if self.user is not None or self.type != "aws_iam_user_policy":
            return self.user
        owner, found, _ = self.key.rpartition("/inline-policy/")
        return owner.rpartition("/")[2] if found else None


@dataclass(frozen=True, slots=True)
class ResourcePolicyFact:
    """The resource policy of a bucket, key, queue, topic, function or repository.

    `blocked_by` names the setting that keeps it from applying to everyone, if there is one.
    """

    key: str
    type: str
    document: PolicyDocument
    blocked_by: str | None = None


@dataclass(frozen=True, slots=True)
class TrustFact:
    """The trust policy of a role."""

    type: ClassVar[str] = "aws_iam_role"
    key: str
    document: PolicyDocument


@dataclass(frozen=True, slots=True)
class SecurityGroupFact:
    """A security group; its permissions have the shape of the EC2 operation `DescribeSecurityGroups`."""

    type: ClassVar[str] = "aws_security_group"
    key: str
    region: str
    vpc: str | None
    ingress: Sequence[Mapping[str, Any]] = ()
    egress: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class NetworkAclFact:
    """A network ACL; its entries have the shape of the EC2 operation `DescribeNetworkAcls`."""

    type: ClassVar[str] = "aws_network_acl"
    key: str
    vpc: str | None
    entries: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class PrefixList:
    """A prefix list; `cidrs` is None if it is managed by AWS or its entries could not be read."""

    id: str
    name: str | None = None
    cidrs: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """The entities behind IP addresses and ranges.

    Private address ranges of VPCs may overlap, so `addresses` and `networks` are keyed by (VPC id, address or CIDR), and `public`
    by the address alone. `peers` lists the ids of the VPCs with which a VPC is peered.
    """

    addresses: Mapping[tuple[str, str], EntityRef] = field(default_factory=dict)
    networks: Mapping[tuple[str, str], EntityRef] = field(default_factory=dict)
    public: Mapping[str, EntityRef] = field(default_factory=dict)
    peers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prefix_lists: Mapping[str, PrefixList] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """The complete input for the analysis of one account.

    `resources` are (key, type) pairs. A key is assumed to be the resource's ARN unless `arns` maps it to another one.
    `unique_ids` maps the unique ids (`AIDA…`, `AROA…`) of collected users and roles to their entities. `security_groups` is
    iterated twice; the other iterables only once.
    """

    account: Account
    resources: Iterable[tuple[str, str]] = ()
    arns: Mapping[str, str] = field(default_factory=dict)
    policies: Iterable[PolicyFact] = ()
    resource_policies: Iterable[ResourcePolicyFact] = ()
    trusts: Iterable[TrustFact] = ()
    unique_ids: Mapping[str, EntityRef] = field(default_factory=dict)
    security_groups: Iterable[SecurityGroupFact] = ()
    network_acls: Iterable[NetworkAclFact] = ()
    network: NetworkFacts = field(default_factory=NetworkFacts)


@dataclass(frozen=True, slots=True)
class AnalysisLimits:
    """Bounds on the relationships drawn for identity policies: for wide grants and across accounts.

    * `wildcards`: a grant on all resources of a service, or on everything, becomes one relationship to the service or the
      account (`collapse`), or one to each collected resource that it reaches (`expand`).
    * `type_wide`: the same for a grant on all resources of one type (`instance/*`); it collapses to the service.
    * `max_edges_per_pattern`: a resource pattern of a statement that matches more resources of one type than this collapses
      to the service, with the number in `matchedResources`; 0 means no limit.
    * `cross_account`: grants on resources of an account that was not collected become a mapped relationship to that account
      (`mapped`) or are dropped (`collected`); `off` drops all grants on resources of other accounts.
    * `deny_edges`: Deny statements of identity policies are drawn as DENIES relationships.
    """

    wildcards: Literal["collapse", "expand"] = "collapse"
    type_wide: Literal["collapse", "expand"] = "collapse"
    max_edges_per_pattern: int = 1000
    cross_account: Literal["mapped", "collected", "off"] = "mapped"
    deny_edges: bool = False


def account_key(account: str, partition: str) -> str:
    """Return the key of an account's entity; policies use the same ARN for the account in a principal."""
    return f"arn:{partition}:iam::{account}:root"


def service_key(account: str, type_: str) -> str:
    """Return the key of a service entity of an account."""
    return f"{account}:service:{type_}"
