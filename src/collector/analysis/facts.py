"""What the analysis reads: plain values that stand for what was collected in one account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

PolicyDocument: TypeAlias = Mapping[str, Any] | str
"""A policy document as the API gives it: a structure, JSON text, or JSON text that is percent-encoded."""

PolicyType: TypeAlias = Literal["aws_iam_policy", "aws_iam_user_policy", "aws_iam_group_policy", "aws_iam_role_policy"]


class EntityRef(NamedTuple):
    """A collected entity, as far as a relationship needs to know it."""

    key: str
    type: str


@dataclass(frozen=True, slots=True)
class Account:
    """The account that owns the facts.

    `organization` holds the ids of all accounts of its organization where they are known: a trusted account outside
    of it is marked `external`. Empty means unknown.
    """

    id: str
    partition: str = "aws"
    organization: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """The key of the account's own entity."""
        return account_key(self.id, self.partition)


@dataclass(frozen=True, slots=True)
class PolicyFact:
    """An identity policy: the default version of a managed one, or an inline one.

    `user` is the name of the owner of an inline user policy, so that `${aws:username}` in it is known. Where it is
    missing it is read from a key of the form `<user ARN>/inline-policy/<name>`.
    """

    key: str
    type: PolicyType
    document: PolicyDocument
    version: str | None = None
    user: str | None = None

    @property
    def username(self) -> str | None:
        """Whose `${aws:username}` the policy's variables mean, if only one user can be meant."""
        if self.user is not None or self.type != "aws_iam_user_policy":
            return self.user
        owner, found, _ = self.key.rpartition("/inline-policy/")
        return owner.rpartition("/")[2] if found else None


@dataclass(frozen=True, slots=True)
class ResourcePolicyFact:
    """The policy that hangs on a resource: of a bucket, key, queue, topic, function or repository."""

    key: str
    type: str
    document: PolicyDocument


@dataclass(frozen=True, slots=True)
class TrustFact:
    """The trust policy of a role."""

    key: str
    document: PolicyDocument


@dataclass(frozen=True, slots=True)
class SecurityGroupFact:
    """A security group with its permissions in the shape of EC2's `DescribeSecurityGroups`."""

    key: str
    region: str
    vpc: str | None
    ingress: Sequence[Mapping[str, Any]] = ()
    egress: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class NetworkAclFact:
    """A network ACL with its entries in the shape of EC2's `DescribeNetworkAcls`."""

    key: str
    vpc: str | None
    entries: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class PrefixList:
    """A prefix list; `cidrs` is None where its entries are AWS's own or could not be read."""

    id: str
    name: str | None = None
    cidrs: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """Who answers to an address or a range.

    Private space overlaps from VPC to VPC, so `addresses` and `networks` are keyed by (VPC, address or CIDR); `public` by
    the address alone. `peers` lists the VPCs that a VPC is peered with.
    """

    addresses: Mapping[tuple[str, str], EntityRef] = field(default_factory=dict)
    networks: Mapping[tuple[str, str], EntityRef] = field(default_factory=dict)
    public: Mapping[str, EntityRef] = field(default_factory=dict)
    peers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prefix_lists: Mapping[str, PrefixList] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the analysis of one account starts from.

    `resources` are (key, type) pairs. A key is taken for the resource's ARN; `arns` gives the ARN where it is another.
    `unique_ids` maps the unique ids (`AIDA…`, `AROA…`) of collected users and roles to them. `security_groups` are gone
    through twice.
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
    """How wide grants are bounded, and what becomes of those that leave the account.

    * `wildcards`: a grant on every resource of a service, or on everything, is one relationship to the service or the
      account (`collapse`), or one to every collected resource that it reaches (`expand`).
    * `type_wide`: the same for a grant on every resource of one type (`instance/*`); it collapses to the service.
    * `max_edges_per_pattern`: a resource pattern of a statement that matches more resources of one type collapses to
      the service, with the number in `matchedResources`; 0 is no bound.
    * `cross_account`: resources of an account that was not collected are a mapped relationship to that account
      (`mapped`), nothing (`collected`); `off` draws nothing at all out of the account.
    * `deny_edges`: Deny statements of identity policies are drawn too, as DENIES.
    """

    wildcards: Literal["collapse", "expand"] = "collapse"
    type_wide: Literal["collapse", "expand"] = "collapse"
    max_edges_per_pattern: int = 1000
    cross_account: Literal["mapped", "collected", "off"] = "mapped"
    deny_edges: bool = False


def account_key(account: str, partition: str) -> str:
    """The key of an account's entity; it is also what names the account in a policy's principal."""
    return f"arn:{partition}:iam::{account}:root"


def service_key(account: str, type_: str) -> str:
    """The key of an account's service entity."""
    return f"{account}:service:{type_}"
