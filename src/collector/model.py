"""Values that the wings pass to one another: places, scopes, targets, batches, totals, options."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field, replace
from hashlib import blake2b
from typing import Any, NamedTuple, TypeAlias

__version__ = "0.1.0"

Record: TypeAlias = dict[str, Any]

READ_ERRORS = (AttributeError, LookupError, OverflowError, TypeError, ValueError)
"""What reading a value raises if the row differs from AWS's model: a missing member, a wrong type, an absurd number."""

CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
"""The host of the web console, by partition."""

HOMES = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""The region that serves global services, by partition."""

GLOBAL = "global"
"""Stands for the region of global resources and scopes."""


AWS = "aws"
"""Stands for the account of resources that AWS owns, as in their ARNs."""


def domain_of(partition: str) -> str:
    """The domain in which the host names of AWS's services end."""
    return "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row was found. Kept beside the row, never in it. `region` is empty if a failed call left it unknown."""

    partition: str
    account: str
    region: str

    @property
    def console(self) -> str:
        """The host of the web console; that of `aws` for an unlisted partition."""
        return CONSOLES.get(self.partition, CONSOLES["aws"])

    @property
    def suffix(self) -> str:
        """The domain in which the host names of AWS's services end."""
        return domain_of(self.partition)


class Scope(NamedTuple):
    """The unit of planning and reporting: one service in one region of one account."""

    account: str
    region: str
    service: str


@dataclass(frozen=True, slots=True)
class Target:
    """An account to collect.

    `caller` is the ARN that calls are made as; `regions` are to be collected, `enabled` are all enabled ones, or those that are
    known if `knows_enabled` is false. `name` is the organization's name for the account, and `organization` holds the ids of all
    its accounts, if they were listed.
    """

    partition: str
    account: str
    caller: str
    regions: tuple[str, ...]
    enabled: tuple[str, ...]
    name: str | None = None
    organization: frozenset[str] = frozenset()
    knows_enabled: bool = True

    @property
    def home(self) -> str:
        """The region for global services; in an unlisted partition the first region to collect."""
        return HOMES.get(self.partition, self.regions[0] if self.regions else HOMES["aws"])


class Dangling(NamedTuple):
    """A pointer that resolved to no entity: the relationship's source type, verb and target type, and the reason."""

    source: str
    verb: str
    target: str
    reason: str


class UnknownValueError(LookupError):
    """A value is not known, because a failed call left the field that it reads unknown.

    It is one of `READ_ERRORS`: whatever reads it is lost alone. It is not noted as unreadable, because the call itself is reported.
    """


class Unreadable:
    """Stands in a row for a value of a response that is not of its type, such as a time beyond the year 9999.

    It costs only what reads it: it is no valid property, and converting or comparing it raises. It is no dataclass, because
    orjson would write it as a structure.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Unreadable({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unreadable) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


class SharedRecord(NamedTuple):
    """A record of a resource that another account owns, or AWS, and that more accounts of a run may see.

    `ends` are the keys of the entities that a relationship joins; an entity has none. `line` is the record as JSON.
    """

    key: str
    owner: str
    ends: tuple[str, ...]
    line: bytes


@dataclass(slots=True)
class Batch:
    """Records of one account, each one line of JSON without its line end.

    `run` and `sequence`, the number of the batch within the run from 1, identify it. `size` is in bytes with line ends.
    `entities` and `relationships` are those that only this account has. `shared` are the others: an output for each account
    gets them all, one in which keys are unique gets `chosen`. `owned` are the digests of the keys of entities that other
    accounts may see too.
    """

    account: str
    sequence: int = 0
    run: str = ""
    entities: list[bytes] = field(default_factory=list)
    relationships: list[bytes] = field(default_factory=list)
    size: int = 0
    shared: list[SharedRecord] = field(default_factory=list)
    chosen: list[SharedRecord] = field(default_factory=list)
    owned: list[bytes] = field(default_factory=list)

    def records(self, *, copies: bool = False) -> tuple[list[bytes], list[bytes]]:
        """The lines of the entities and of the relationships, with the chosen shared records or, as `copies`, all."""
        shared = self.shared if copies else self.chosen
        entities = [record.line for record in shared if not record.ends]
        relationships = [record.line for record in shared if record.ends]
        return [*self.entities, *entities], [*self.relationships, *relationships]

    def lines(self) -> bytes:
        """The batch as NDJSON for an output in which keys are unique."""
        entities, relationships = self.records()
        return b"\n".join((*entities, *relationships, b"")) if entities or relationships else b""


def digest_of(key: str) -> bytes:
    """A digest of the key of a record, which needs a fifth of the memory."""
    return blake2b(key.encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Totals:
    """What a run, or a part of it, has done so far.

    `scopes` are planned and `ended` of them are done; `accounts` is the number of accounts that have planned scopes.
    """

    accounts: int = 0
    scopes: int = 0
    ended: int = 0
    entities: int = 0
    calls: int = 0
    throttles: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(*map(sum, zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. Of its `accounts`, some are `done`, and some `waiting` for their turn; none are known at first."""

    totals: Totals = Totals()
    accounts: int = 0
    done: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Options:
    """The options of conversion: what is added to every entity."""

    account_name: str | None = None
    tag_account_name: bool = False
    tag_production: bool = False
    raw: bool = False

    def for_account(self, name: str | None) -> Options:
        """The options for an account that the organization calls `name`, unless a name was given as an option."""
        return replace(self, account_name=self.account_name or name)

    def tags(self) -> dict[str, Any]:
        """The properties that JupiterOne's own configuration calls `@tag`."""
        tags = {"tag.AccountName": self.account_name} if self.tag_account_name and self.account_name else {}
        return tags | ({"tag.Production": True} if self.tag_production else {})
