"""The findings of the analysis: plain, picklable values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from collector.model import READ_ERRORS

Primitive: TypeAlias = str | int | float | bool | None
Value: TypeAlias = Primitive | list[str]
Properties: TypeAlias = Mapping[str, Value]
AnalysisVerb: TypeAlias = Literal["ALLOWS", "DENIES", "TRUSTS"]
Direction: TypeAlias = Literal["FORWARD", "REVERSE"]

TEXT_LIMIT = 4096
"""The maximum length of a text property of a relationship, except JSON; JupiterOne's search does not index longer ones."""


class Relationship(NamedTuple):
    """A relationship between two entities that were collected or that a preceding `ServiceNode` requested.

    Relationships of the same policy may share one `properties` object, so it must not be modified.
    """

    source_key: str
    source_type: str
    verb: AnalysisVerb
    target_key: str
    target_type: str
    discriminator: str | None
    properties: Properties


class MappedRelationship(NamedTuple):
    """A relationship to an entity that was not collected; if the direction is `REVERSE`, that entity is the source.

    `filter_keys` are groups of properties of `target` by which the entity is found; each group is an alternative.
    """

    source_key: str
    source_type: str
    verb: AnalysisVerb
    direction: Direction
    target: Mapping[str, Value]
    filter_keys: tuple[tuple[str, ...], ...]
    discriminator: str | None
    properties: Properties


class ServiceNode(NamedTuple):
    """A request for the account's service entity of a type; issued once per type, before the first relationship with it."""

    key: str
    type: str
    name: str


class EntityProperties(NamedTuple):
    """Additional properties of an entity that was collected earlier."""

    key: str
    type: str
    properties: Mapping[str, Primitive | tuple[str, ...]]


class AnalysisProblem(NamedTuple):
    """A fact, or a part of one, that could not be analysed; the rest is analysed nevertheless."""

    key: str
    type: str
    reason: str
    detail: str


class Counts(NamedTuple):
    """The counts for the report, such as dangling principals or collapsed patterns; the last finding of an account."""

    numbers: Mapping[str, int]


Result: TypeAlias = Relationship | MappedRelationship | ServiceNode | EntityProperties | AnalysisProblem | Counts


class Fact(Protocol):
    """What all facts have: the key and the type of their entity."""

    @property
    def key(self) -> str: ...  # noqa: D102  (as above)
    @property
    def type(self) -> str: ...  # noqa: D102  (as above)


F = TypeVar("F", bound=Fact)


class Described(NamedTuple):
    """An entity that was not collected: its properties, and the groups of them by which it is found."""

    properties: Mapping[str, Value]
    filter_keys: tuple[tuple[str, ...], ...]


def guarded(findings: Callable[[F], Iterator[Result]], fact: F) -> Iterator[Result]:
    """Yield the findings of a fact. Where it differs from AWS's model, the rest of it is lost alone and reported."""
    try:
        yield from findings(fact)
    except READ_ERRORS as error:
        yield AnalysisProblem(fact.key, fact.type, "unreadable", f"{type(error).__name__}: {error}")


def cut(text: str) -> str:
    """Shorten a text to `TEXT_LIMIT` characters, with an ellipsis at its end."""
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 3] + "..."
