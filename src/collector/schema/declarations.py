"""The vocabulary of the declarations: what a service has, and which calls read it.

All of it is immutable data. A name (entity type, class, verb, property, operation, response field) is always a literal.
Only a value may be computed, and a computed value names the fields that it reads. The plan, the permissions and the
documents are therefore derived from the declarations without running them, and a test checks every name against
botocore's models.

A row is an item of a response, with the fields that further calls add to it. A value of a row is a `Source`:

* `"State.Name"`: a path. Dots join fields; `X[]` reads each item of a list, `X{}` each value of a map; `@` is the row
  itself, and `^` its parent: the row, or the list element of the response, in which it was found;
* `Via(path, fn)`: the value at a path, converted by a function; `collector.schema.values` has the usual ones;
* `Template("arn:{partition}:ec2:{region}:{OwnerId|account}:vpc/{VpcId}")`: text with values. `partition`, `region`,
  `account`, `console` and `suffix` (of host names) come from the place of the row, everything else is a path, and `|` separates alternatives;
* `First(a, b)`: the first source that has a value;
* `Fixed(value)`: a constant;
* `Computed(fn, reads)`: a function of the whole row, with the paths that it reads.

A source without a value is None: the property, name or relationship is then omitted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

Row: TypeAlias = dict[str, Any]
Json: TypeAlias = str | int | float | bool | list[Any] | dict[str, Any] | None

Verb: TypeAlias = Literal[
    "ALLOWS", "ASSIGNED", "CONNECTS", "CONTAINS", "DEFINES", "DENIES", "EVALUATES", "HAS", "IDENTIFIED",
    "IS", "LOGS", "PROTECTS", "RUNS", "TRIGGERS", "TRUSTS", "USES",
]  # fmt: skip

UNKNOWN = "!"
"""The field with the names of the fields that a failed call left unknown. Values that read them are omitted."""

RESOURCE = "resource"
"""As an end of an `Edge`: an entity of any type."""


@dataclass(frozen=True, slots=True)
class Via:
    """The value at a path, converted by `fn`, which is not called without one."""

    path: str
    fn: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Template:
    """Text with values of the row and its place; None if one of them is missing.

    `words` defines names for other sources, such as converted values: `Template("{name}", {"name": lower("Id")})`.
    """

    text: str
    words: Mapping[str, Source] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Fixed:
    """A constant: the same value for every row."""

    value: Json


@dataclass(frozen=True, slots=True)
class Computed:
    """The result of a function of the whole row; `reads` are the paths that it reads."""

    fn: Callable[[Row], Any]
    reads: tuple[str, ...]


@dataclass(frozen=True, slots=True, init=False)
class First:
    """The value of the first source that has one; an empty string or list counts as none."""

    sources: tuple[Source, ...]

    def __init__(self, *sources: Source) -> None:
        object.__setattr__(self, "sources", sources)


Source: TypeAlias = str | Via | Template | Fixed | Computed | First


@dataclass(frozen=True, slots=True, eq=False)
class Failures:
    """Failures that a successful answer reports: each item at the path `items` is reported as one of the call.

    The other paths are read from the item; `@` is the item itself.

    Attributes:
        items: `failures[]`, `failedItems{}`, `TagsError`.
        code: its error code, which decides the reason. Without one, the code is the name of the member.
        message: what AWS says about it.
        id: the identifier of the resource that it concerns; a `Gather` then knows which row it could not complete.
    """

    items: str
    code: str | None = None
    message: str | None = None
    id: str | None = None


# Rows -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A listing: each item of its pages is a row. Declarations that name the same `Call` object share its responses.

    Attributes:
        op: the operation, as the method of a botocore client: `describe_vpcs`.
        items: the path to the items in a page.
        params: constant parameters.
        each: an entity type. The operation is then called once for each of its rows, which is the `^` of the new rows.
        args: parameters that are read from that row, as paths. Without a value for each of them, no call is made.
        when: only for rows of `each` for which this is true.
        wrap: for items that are scalars: the field of the row that has the value.
        token: the page token, if botocore has no paginator: a member of the response and a parameter of the same name.
        absent: error codes that mean "there are none"; see `Hydrate`.
        client: the botocore client, if it is not the declaration's.
        failures: the members of a page that report failures.
    """

    op: str
    items: str
    params: Mapping[str, Any] = field(default_factory=dict)
    each: str | None = None
    args: Mapping[str, str] = field(default_factory=dict)
    when: Source | None = None
    wrap: str | None = None
    token: str | None = None
    absent: tuple[str, ...] = ()
    client: str | None = None
    failures: tuple[Failures, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SameAnswer:
    """Other items in the responses of a `Call` that another declaration reads; the call is made once for both."""

    call: Call
    items: str


@dataclass(frozen=True, slots=True, eq=False)
class Nested:
    """Items in the complete rows of another entity type (`each`); no call is made."""

    each: str
    items: str


@dataclass(frozen=True, slots=True, eq=False)
class Synthetic:
    """One row for each account, or for each region in a regional scope; no call is made.

    Its fields are `AccountId`, `AccountName` (the organization's, if it was listed), `CallerArn`, `Regions` (the ones that are collected) and `EnabledRegions`.
    """


class Calls(Protocol):
    """The calls that the function of a `Custom` may make. They wait for rate limits and retry, as all calls do."""

    async def once(self, op: str, /, *, again: tuple[str, ...] = (), **params: object) -> Row:
        """Make one call. Error codes in `again` mean "not ready yet": the call is repeated later.

        Raises:
            CallFailed: when the call fails permanently.
        """

    def pages(self, op: str, /, *, token: str | None = None, **params: object) -> AsyncIterator[Row]:
        """All pages of a listing. `token` is the name of its page token if botocore has no paginator.

        Raises:
            CallFailed: when a page fails permanently, or AWS returns the same page token twice.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Custom:
    """Rows that need more than one listing: `fn` yields lists of rows. `ops` names every operation that it calls."""

    fn: Callable[[Calls], AsyncIterator[list[Row]]]
    ops: tuple[str, ...]
    client: str | None = None


Rows: TypeAlias = Call | SameAnswer | Nested | Synthetic | Custom


# Further calls --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Hydrate:
    """A further call for each row. Its response is added to the row as the field `at`, which later calls can read.

    Attributes:
        args: parameters that are read from the row, as paths. Without a value for each of them, no call is made.
        params: constant parameters.
        items: the path to the items: all pages are read, and the list of items is added instead of the response.
        when: only for rows for which this is true.
        absent: error codes that mean "this row has none": no field is added and no problem is reported. A code may be
            followed by text that the message must contain: `"AccessDeniedException: resource-based policy"`.
        gone: error codes that mean "the row was deleted since it was listed", written as in `absent`: it is dropped. The codes that
            mean this for every operation need not be named.
        regions: call in every region of the run and add the list of responses, each with its `Region`.
        failures: the members of the response that report failures.
    """

    op: str
    at: str
    args: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    items: str | None = None
    when: Source | None = None
    absent: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    client: str | None = None
    regions: bool = False
    failures: tuple[Failures, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Describe:
    """A further call for many rows at once. Its items replace the rows: `describe_clusters` after `list_clusters`.

    The identifier at the path `by` goes into the list parameter `ids`, at most `size` per call. `args` are read from
    the parent of the rows, `failures` are the members of the response that report failures. A call that AWS refuses
    because of one of the rows is repeated without it.
    """

    op: str
    items: str
    ids: str
    size: int
    by: str = "@"
    params: Mapping[str, Any] = field(default_factory=dict)
    args: Mapping[str, str] = field(default_factory=dict)
    failures: tuple[Failures, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Gather:
    """A further call for many rows at once. Each row gets the list of its items as the field `at`.

    An item belongs to a row if its value at `on` equals the row's value at `by`. The latter goes into the list
    parameter `ids`, at most `size` per call. `failures` are the members of the response that report failures. A call
    that AWS refuses because of one of the rows is repeated without it.
    """

    op: str
    at: str
    items: str
    ids: str
    by: str
    on: str
    size: int
    params: Mapping[str, Any] = field(default_factory=dict)
    client: str | None = None
    failures: tuple[Failures, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Join:
    """Another listing of the same scope, read once. Each row gets the list of matching items as the field `at`.

    An item matches a row if a value of its `on` equals a value of the row's `to`.
    """

    rows: Call | SameAnswer | Custom
    at: str
    on: Source
    to: Source


# Entities and relationships -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MappedEntity:
    """The end of a mapped relationship: an entity that is not collected and is found by its properties in JupiterOne.

    `entity` maps property names (`_class`, `_type`, …) to values. `match` lists alternative groups of properties that
    identify it; only complete groups are used. `create` lets JupiterOne create the entity if none matches.
    """

    entity: Mapping[str, Source]
    match: tuple[tuple[str, ...], ...]
    create: bool = True


@dataclass(frozen=True, slots=True)
class Edge:
    """A relationship, in the notation of the data model: `Edge("aws_vpc", "CONTAINS", "aws_subnet", at="VpcId")`.

    It is declared on the entity whose row has the pointer, whatever its direction. If both ends are of that type, the
    row is the source. An end may be one of several types (`("aws_alb", "aws_nlb")`) or of any type (`RESOURCE`).

    Attributes:
        at: what the row calls the other end: its key or short identifier, or with `by`, a name of that kind. A name that
            is unique in a region means the resource in the region of the row.
        by: a kind of name that the other entity declares in `also`; `collector.schema.names` has all kinds.
        vpc: the ids of the VPCs of which one has the other end, for a kind of name that is unique in a VPC.
        of: the key or short identifier of the near end, if that is not the row's own entity.
        each: a path. One edge is drawn for each item there, and all other sources read the item: its `^` is the row,
            and a scalar item is read as `Item`.
        when: only if this is true.
        props: properties of the relationship.
        key: distinguishes relationships of one pair of entities.
        outside: the other end, if it is not collected, by its key or its properties: a mapped relationship is then
            sent, and without `at` always. A pointer that is an ARN of another account needs no `outside`.
    """

    source: str | tuple[str, ...]
    verb: Verb
    target: str | tuple[str, ...]
    at: Source | None = None
    by: str = "id"
    vpc: Source | None = None
    of: Source | None = None
    each: str | None = None
    when: Source | None = None
    props: Mapping[str, Source] = field(default_factory=dict)
    key: Source | None = None
    outside: Source | MappedEntity | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """`source` as a tuple."""
        return (self.source,) if isinstance(self.source, str) else self.source

    @property
    def targets(self) -> tuple[str, ...]:
        """`target` as a tuple."""
        return (self.target,) if isinstance(self.target, str) else self.target


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Declaration:
    """What entities and links have in common: how their rows are read and completed.

    The further calls are made in the order of the fields. `when` keeps only rows for which it is true. `client` and
    `scope` override those of the service.
    """

    rows: Rows
    when: Source | None = None
    describe: Describe | None = None
    join: tuple[Join, ...] = ()
    gather: tuple[Gather, ...] = ()
    hydrate: tuple[Hydrate, ...] = ()
    edges: tuple[Edge, ...] = ()
    client: str | None = None
    scope: Literal["global", "regional"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entity(Declaration):
    """An entity type: its rows, its key, its properties, and the edges whose pointers are in its rows.

    Attributes:
        cls: its JupiterOne class or classes.
        key: unique in the account. A row without it is reported as malformed.
        id: the short identifier by which others point to it: `vpc-0abc`.
        also: further kinds of names by which an `Edge` can find it: `{"dns": "DNSName"}`.
        vpc: the id of its VPC, for names that are unique in a VPC.
        arn: the ARN, if it is not the key; None if AWS has none.
        owner: the account that owns the resource, if accounts see resources of others, such as shared subnets.
        owner_only: the properties that only the owner sees rightly; the records of other accounts are without them.
        region: the row's own region, if it may differ from the scope's. Its further calls go there.
        web: the template of its page in the AWS console; values are escaped.
        tags: the list or map of its tags.
        secrets: paths whose values must never be sent; they are redacted in `_rawData`.
        facts: values that the analysis of policies and networks reads.
    """

    type: str
    cls: str | tuple[str, ...]
    key: Source
    name: Source
    display: Source | None = None
    id: Source | None = None
    arn: Source | None = "@key"
    also: Mapping[str, Source] = field(default_factory=dict)
    vpc: Source | None = None
    owner: Source | None = None
    owner_only: tuple[str, ...] = ()
    region: Source | None = None
    created: Source | None = None
    active: Source | None = None
    web: str | None = None
    tags: Source | None = None
    props: Mapping[str, Source] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    facts: Mapping[str, Source] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """`cls` as a tuple."""
        return (self.cls,) if isinstance(self.cls, str) else self.cls


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Links(Declaration):
    """Rows that are no entities but contain relationships between others."""

    title: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Service:
    """The declarations of one AWS service. `name` is its name in `--services`, `client` its botocore client.

    `node` is the entity of the service itself, one for each account; it HAS every entity of the types in `has`.
    `default` services are collected without `--services`.
    """

    name: str
    client: str
    title: str
    entities: tuple[Entity, ...]
    links: tuple[Links, ...] = ()
    node: Entity | None = None
    has: tuple[str, ...] = ()
    scope: Literal["global", "regional"] = "regional"
    default: bool = True


def pick(*paths: str, **named: Source) -> dict[str, Source]:
    """Properties: response fields as they are, named in lowerCamelCase, and sources under names of their own."""
    return {camel(path): path for path in paths} | named


def camel(path: str) -> str:
    """The property for a path: `zone` for `Placement.Zone`, `dbInstanceArn` for `DBInstanceArn`, `arn` for `ARN`."""
    last = path.rpartition(".")[2].removesuffix("[]")
    capitals = len(last) - len(last.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    lowered = capitals if capitals in (0, 1, len(last)) else capitals - 1
    return last[:lowered].lower() + last[lowered:]


def service_node(
    type_: str,
    name: str,
    *,
    category: tuple[str, ...],
    function: tuple[str, ...],
    hydrate: tuple[Hydrate, ...] = (),
    join: tuple[Join, ...] = (),
    props: Mapping[str, Source] | None = None,
) -> Entity:
    """The entity of an AWS service itself, one for each account, with `aws_account HAS` it.

    `category` and `function` are properties of JupiterOne's class `Service`, with the values that it defines.
    """
    return Entity(
        type=type_,
        cls="Service",
        rows=Synthetic(),
        scope="global",
        key=Template(f"{{account}}:service:{type_}"),
        id=None,
        arn=None,
        name=Fixed(name),
        props={"category": Fixed(list(category)), "function": Fixed(list(function)), **(props or {})},
        hydrate=hydrate,
        join=join,
        edges=(Edge("aws_account", "HAS", type_, at=Template("arn:{partition}:iam::{account}:root")),),
    )
