"""The vocabulary in which a service says what it has and how AWS tells it.

Everything here is immutable data. A name (type, class, verb, property, operation, response field) is
always a literal; only a *value* may be computed, and a computed value says which fields it reads. So the
plan, the permissions and the documentation are read off the declarations without running them, and a
test checks every name against botocore's models.

A value is written as a `Source`:

* a path, `"State.Name"`: fields joined by dots; `X[]` goes into each item of a list, `X{}` into each value
  of a map; `@` is the row itself and `^` the row (or response element) that this row was found in;
* `Via(path, fn)`: what lies at one path, converted (`collector.schema.values` has the usual ones);
* `Template(text)`: `"arn:{partition}:ec2:{region}:{OwnerId|account}:vpc/{VpcId}"`, where `partition`,
  `region`, `account` and `console` are the row's place, everything else a path, and `|` means "else";
* `First(a, b)`: the first source that gives something;
* `Fixed(value)`: always the same;
* `Computed(fn, reads)`: a function of the whole row, with the paths that it reads.
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
"""Where a row keeps the names of answers that failed calls owe it. A value that would read them is left out."""

RESOURCE = "resource"
"""The open target: any collected entity, whatever its type."""


@dataclass(frozen=True, slots=True)
class Via:
    """What lies at a path, converted. Nothing there, nothing converted."""

    path: str
    fn: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Template:
    """Text with fields of the row and of its place; nothing if a field is missing. `words` name values that are converted."""

    text: str
    words: Mapping[str, Source] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same value for every row."""

    value: Json


@dataclass(frozen=True, slots=True)
class Computed:
    """A function of the whole row; `reads` names the paths that it looks at."""

    fn: Callable[[Row], Any]
    reads: tuple[str, ...]


@dataclass(frozen=True, slots=True, init=False)
class First:
    """The first of several sources that gives a value."""

    sources: tuple[Source, ...]

    def __init__(self, *sources: Source) -> None:
        object.__setattr__(self, "sources", sources)


Source: TypeAlias = str | Via | Template | Fixed | Computed | First


# Where rows come from -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """An operation, and where its items lie. Declarations that name the same `Call` share its answer.

    All pages are read. `token` names the output member to hand back under the same name where botocore knows
    no paginator. With `each`, the operation is called for every row of that entity type, with `args` (parameter
    to path) from it. `absent` are the error codes that mean "there are none"; see `Hydrate` for their form.
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


@dataclass(frozen=True, slots=True, eq=False)
class SameAnswer:
    """Other items of the same pages: declarations that name slices of one `Call` share its answer."""

    call: Call
    items: str


@dataclass(frozen=True, slots=True, eq=False)
class Nested:
    """Rows that lie in another entity's finished row; no call is made."""

    each: str
    items: str


@dataclass(frozen=True, slots=True, eq=False)
class Synthetic:
    """One row for each account (each region, in a regional scope), made of what the run itself knows.

    Its fields: `AccountId`, `CallerArn`, `Regions` (those collected), `EnabledRegions`.
    """


class Calls(Protocol):
    """What a `Custom` may do: call operations of its own scope. Waiting and retrying happen inside."""

    async def once(self, op: str, /, *, again: tuple[str, ...] = (), **params: object) -> Row:
        """Call an operation; the codes in `again` mean "not ready yet", and it is asked again later."""


@dataclass(frozen=True, slots=True, eq=False)
class Custom:
    """The escape hatch: rows that need a loop of their own. It still names its operations."""

    fn: Callable[[Calls], AsyncIterator[list[Row]]]
    ops: tuple[str, ...]
    client: str | None = None


Rows: TypeAlias = Call | SameAnswer | Nested | Synthetic | Custom


# What is added to a row -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Hydrate:
    """A further call for one row; its answer is added to the row under `at`.

    With `items`, all pages are read and the list of items is added instead. With `regions`, it is called in every
    region of the run, and the list of answers is added, each with its `Region`.

    `absent` are error codes that mean "this one has none": nothing is added and nothing is wrong. A code may
    carry a text that the message must contain, `"AccessDeniedException: resource-based policy"`.
    """

    op: str
    at: str
    args: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    items: str | None = None
    when: Source | None = None
    absent: tuple[str, ...] = ()
    client: str | None = None
    regions: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Describe:
    """A further call for many rows at once; its items replace them.

    `by` is the path of the identifier that goes into the list parameter `ids`, at most `size` a call. `args` are
    taken from the row's parent (all rows of one call have the same).
    """

    op: str
    items: str
    ids: str
    size: int
    by: str = "@"
    params: Mapping[str, Any] = field(default_factory=dict)
    args: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Gather:
    """A further call for many rows at once; each row gets under `at` the list of items that belong to it.

    An item belongs to the row whose `by` equals the item's `on`. `ids` takes at most `size` identifiers a call.
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


@dataclass(frozen=True, slots=True, eq=False)
class Join:
    """Another listing of the same scope, read once; each row gets under `at` its list of matching items.

    An item matches when one of the values at its `on` is one of the values at the row's `to`.
    """

    rows: Call | SameAnswer | Custom
    at: str
    on: Source
    to: Source


# What leaves ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MappedEntity:
    """An end that was not collected, described by properties so that the graph downstream can find it.

    `entity` describes it (`_class`, `_type`, …: literal names, computed values). `match` lists the properties that find
    it, each group an alternative; a group counts only if all of its values are there. `create` lets downstream make
    the entity when it finds none. Source: JupiterOne's mapped relationships.
    """

    entity: Mapping[str, Source]
    match: tuple[tuple[str, ...], ...]
    create: bool = True


@dataclass(frozen=True, slots=True)
class Edge:
    """A relationship, written as the data model writes it: `Edge("aws_vpc", "CONTAINS", "aws_subnet", at="VpcId")`.

    It stands on the entity whose row holds the pointer, whichever way the arrow goes; where both ends are of that type, the
    row is the source. `at` gives what the other end is called there: its key, or its short identifier, or with `by`
    one of the names that the other entity declares in `also`. Several types may be meant (`("aws_alb", "aws_nlb")`), or
    `RESOURCE`, any type.

    With `each`, the edge is made for each item at that path: `at`, `of`, `when`, `props`, `key` and `outside` read the item,
    whose `^` is the row (an item that is a bare value is read as `Item`). `of` names the near end where it is not the
    row's own entity. `key` sets apart several edges of one pair.

    `outside` says what the other end is when it lies outside of what was collected: its key, or a description; then a
    mapped relationship is sent. Without `at` it is always sent. A pointer that is an ARN of another account needs no
    `outside`.
    """

    source: str | tuple[str, ...]
    verb: Verb
    target: str | tuple[str, ...]
    at: Source | None = None
    by: str = "id"
    of: Source | None = None
    each: str | None = None
    when: Source | None = None
    props: Mapping[str, Source] = field(default_factory=dict)
    key: Source | None = None
    outside: Source | MappedEntity | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Declaration:
    """How rows are obtained: what entities and links have in common."""

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
    """A type of the graph: its rows, its key, its properties, and the edges whose pointers stand in its rows.

    `arn` is the key unless told otherwise (`None`: AWS has none). `id` is the short identifier under which others
    point here; `also` are further names of that kind (`{"dns": "DNSName"}`), for `Edge.by`. `region` is
    the row's own region where that is not the scope's; its further calls go there. `secrets` are paths whose values
    never leave, not even in `_rawData`.
    """

    type: str
    cls: str | tuple[str, ...]
    key: Source
    name: Source
    display: Source | None = None
    id: Source | None = None
    arn: Source | None = "@key"
    also: Mapping[str, Source] = field(default_factory=dict)
    region: Source | None = None
    created: Source | None = None
    active: Source | None = None
    web: str | None = None
    tags: Source | None = None
    props: Mapping[str, Source] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    facts: Mapping[str, Source] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Links(Declaration):
    """Rows that are no entity of their own but tell of relationships between others."""

    title: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Service:
    """What one AWS service has. `name` is what `--services` calls it; `client` the botocore client.

    `node` is the service's own entity, made once for each account; it HAS every entity of the types in `has`.
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
    """Take these response fields as they are, in lowerCamelCase; name the ones that differ."""
    return {camel(path): path for path in paths} | named


def camel(path: str) -> str:
    """`Placement.AvailabilityZone` is `availabilityZone`, `DBInstanceArn` is `dbInstanceArn`, `ARN` is `arn`."""
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
    """The entity of an AWS service itself, one for each account: `aws_account HAS` it, and it HAS what it runs.

    `category` and `function` are words of JupiterOne's class `Service`.
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
