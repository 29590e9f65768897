"""What the analysis finds: plain values, ready to be written or to be sent between processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

Primitive: TypeAlias = str | int | float | bool | None
Properties: TypeAlias = Mapping[str, Primitive]
AnalysisVerb: TypeAlias = Literal["ALLOWS", "DENIES", "TRUSTS"]
Direction: TypeAlias = Literal["FORWARD", "REVERSE"]

TEXT_LIMIT = 4096
"""The longest string of a relationship that is not JSON; JupiterOne's search indexes no more."""


class Relationship(NamedTuple):
    """A relationship whose two ends were collected, or are service entities asked for by a `ServiceNode` before it.

    Several links of a policy may share one `properties` object; it is never changed after it was handed out.
    """

    source_key: str
    source_type: str
    verb: AnalysisVerb
    target_key: str
    target_type: str
    discriminator: str | None
    properties: Properties


class MappedRelationship(NamedTuple):
    """A relationship to what lies outside of what was collected; with `REVERSE` the described end is its source.

    `filter_keys` are the properties of `target` that find it, each group an alternative.
    """

    source_key: str
    source_type: str
    verb: AnalysisVerb
    direction: Direction
    target: Mapping[str, Primitive]
    filter_keys: tuple[tuple[str, ...], ...]
    discriminator: str | None
    properties: Properties


class ServiceNode(NamedTuple):
    """Asks for the account's service entity of this type; asked once for each type, before the first link to it."""

    key: str
    type: str
    name: str


class EntityProperties(NamedTuple):
    """Properties that belong on an entity that was collected earlier."""

    key: str
    type: str
    properties: Mapping[str, Primitive | tuple[str, ...]]


class AnalysisProblem(NamedTuple):
    """A fact that could not be read, or not wholly; the analysis of the rest went on."""

    key: str
    type: str
    reason: str
    detail: str


class Counts(NamedTuple):
    """How often something happened that a reader of the graph should know of; the last finding of an account."""

    numbers: Mapping[str, int]


Result: TypeAlias = Relationship | MappedRelationship | ServiceNode | EntityProperties | AnalysisProblem | Counts


class Described(NamedTuple):
    """An end that was not collected: its properties, and which of them find it."""

    properties: Mapping[str, Primitive]
    filter_keys: tuple[tuple[str, ...], ...]


def cut(text: str) -> str:
    """The text, shortened to what a property may hold."""
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 3] + "..."
