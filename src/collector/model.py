"""What moves through the collector, and what leaves it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

__version__ = "0.1.0"

Record: TypeAlias = dict[str, Any]

CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
"""The web console of each partition."""

HOMES = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""The region in which each partition's global services are asked."""

GLOBAL = "global"
"""The region of what has none."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row was found; it stands beside the row, never in it."""

    partition: str
    account: str
    region: str

    @property
    def console(self) -> str:
        """The host of the web console."""
        return CONSOLES.get(self.partition, CONSOLES["aws"])


class Scope(NamedTuple):
    """The unit of planning and of honesty: one service in one region of one account."""

    account: str
    region: str
    service: str


@dataclass(frozen=True, slots=True)
class Target:
    """An account to collect: who it is and where it may be asked."""

    partition: str
    account: str
    caller: str
    regions: tuple[str, ...]
    enabled: tuple[str, ...]

    @property
    def home(self) -> str:
        """The region for global services."""
        return HOMES.get(self.partition, self.regions[0] if self.regions else HOMES["aws"])


class Dangling(NamedTuple):
    """A pointer that led nowhere: the relationship's type words, and why."""

    source: str
    verb: str
    target: str
    reason: str


@dataclass(slots=True)
class Batch:
    """Finished records of one scope, each one line of JSON without its line end.

    `run` and `sequence`, which counts the batches of a run from 1, tell it from all others.
    """

    scope: Scope
    sequence: int = 0
    run: str = ""
    entities: list[bytes] = field(default_factory=list)
    relationships: list[bytes] = field(default_factory=list)
    size: int = 0

    def lines(self) -> bytes:
        """The batch as NDJSON."""
        return b"\n".join((*self.entities, *self.relationships, b""))


@dataclass(frozen=True, slots=True)
class Options:
    """What the user adds to every entity."""

    account_name: str | None = None
    tag_account_name: bool = False
    tag_production: bool = False
    raw: bool = False

    def tags(self) -> dict[str, Any]:
        """The tags that JupiterOne's own configuration calls `@tag`."""
        named = {"tag.AccountName": self.account_name} if self.tag_account_name and self.account_name else {}
        return named | ({"tag.Production": True} if self.tag_production else {})
