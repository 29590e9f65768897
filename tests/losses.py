"""What depends on an operation, or on one member of its answers: derived from the declarations, apart from the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

from collector.catalog.catalog import affected, client_of, declarations, describing_client, parent_type
from collector.graph.tags import LIFTED
from collector.schema.declarations import (
    Call,
    Custom,
    Declaration,
    Describe,
    Edge,
    Entity,
    Gather,
    Hydrate,
    Join,
    MappedEntity,
    Nested,
    Rows,
    SameAnswer,
    Service,
    Source,
    Template,
)
from collector.schema.paths import reads

Path: TypeAlias = tuple[str, ...]
"""The fields on the way to a value; lists and maps are not marked. The path of a whole row or answer is empty."""


class Member(NamedTuple):
    """A member of the answers of an operation; the whole answer without a path."""

    client: str
    op: str
    path: Path = ()


@dataclass
class Loss:
    """What the rows of a declaration lack: some or all of the rows themselves, and what is at or below the paths."""

    rows: bool = False
    paths: set[Path] = field(default_factory=set)

    def hits(self, *sources: Source | None) -> bool:
        """Whether one of these sources reads what is lost."""
        found = [path_of(path) for source in sources if source is not None for path in reads(source)]
        return any(_meet(path, lost) for path in found for lost in self.paths)

    def lose(self, items: Path, path: Path) -> None:
        """Lose what is at a path of an answer whose rows are at `items`."""
        if items[: len(path)] == path:
            self.rows = True
        elif path[: len(items)] == items:
            self.paths.add(path[len(items) :])

    def add_field(self, at: str, found: Loss) -> None:
        """Lose what a further call lacks in the field that it adds: all of it, if it lacks rows."""
        self.paths |= {(at,)} if found.rows else {(at, *path) for path in found.paths}


def path_of(path: str) -> Path:
    return () if path == "@" else tuple(part.removesuffix("[]").removesuffix("{}") for part in path.split("."))


def without(value: Any, path: Path) -> Any:
    """The value without the members at a path, in all items of the lists on the way."""
    if isinstance(value, list):
        return [without(item, path) for item in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    rest = {name: inner for name, inner in value.items() if name != path[0]}
    return rest if len(path) == 1 else {**value, path[0]: without(value[path[0]], path[1:])}


def _meet(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


class Losses:
    """What a service loses if a member of its answers is not there."""

    def __init__(self, service: Service, member: Member) -> None:
        self._service, self._member = service, member
        self.of: dict[Declaration, Loss] = {}
        for declaration in _parents_first(service):
            self.of[declaration] = loss = Loss()
            self._listing(declaration, loss)
            if declaration.describe is not None:
                self._describe(declaration, declaration.describe, loss)
            self._further(declaration, loss)
            key = declaration.key if isinstance(declaration, Entity) else None
            loss.rows = loss.rows or loss.hits(declaration.when, key)

    @cached_property
    def rows_of(self) -> frozenset[str]:
        """The types of entities that may be missing."""
        return frozenset(each.type for each, loss in self._entities() if loss.rows)

    @cached_property
    def types(self) -> frozenset[str]:
        """The types of which a row or a field of a row may be missing."""
        lossy = (each for each, loss in self.of.items() if loss.rows or loss.paths)
        return frozenset(type_ for each in lossy for type_ in affected(self._service, each))

    @cached_property
    def names_of(self) -> frozenset[str]:
        """The types of entities of which a name, its place or a fact for the analysis may be missing."""
        return frozenset(
            each.type
            for each, loss in self._entities()
            if loss.hits(each.id, *each.also.values(), each.vpc, each.region, *each.facts.values())
        )

    def labels(self, type_: str) -> set[str]:
        """The properties of an entity type that may be missing or different; `tag.*` stands for all tags."""
        return {label for each, loss in self._entities() if each.type == type_ for label in self._labels(each, loss)}

    def edges(self) -> Iterator[tuple[Edge, bool, set[str]]]:
        """All edges: whether a relationship of it may be missing, and the properties that may be."""
        for declaration, loss in self.of.items():
            for edge in declaration.edges:
                item = _of_item(edge, loss)
                outside = edge.outside.entity.values() if isinstance(edge.outside, MappedEntity) else (edge.outside,)
                at_item = edge.each is not None and any(path_of(edge.each)[: len(lost)] == lost for lost in loss.paths)
                missing = loss.rows or at_item or item.hits(edge.at, edge.of, edge.when, edge.key, edge.vpc, *outside)
                yield edge, missing, {label for label, source in edge.props.items() if item.hits(source)}

    def _entities(self) -> Iterator[tuple[Entity, Loss]]:
        return ((each, loss) for each, loss in self.of.items() if isinstance(each, Entity))

    def _parents(self, declaration: Declaration) -> list[Declaration]:
        parent = parent_type(declaration)
        return [each for each in self.of if isinstance(each, Entity) and each.type == parent]

    def _is_member(self, client: str, op: str) -> bool:
        return (client, op) == self._member[:2]

    def _calls(self, declaration: Declaration, rows: Rows) -> bool:
        call = rows.call if isinstance(rows, SameAnswer) else rows
        if not isinstance(call, Call | Custom):
            return False
        client = client_of(self._service, declaration, call.client)
        return any(self._is_member(client, op) for op in (call.ops if isinstance(call, Custom) else (call.op,)))

    def _listing(self, declaration: Declaration, loss: Loss) -> None:
        rows = declaration.rows
        call = rows.call if isinstance(rows, SameAnswer) else rows
        for above in (self.of[parent] for parent in self._parents(declaration)):
            args = (*call.args.values(), call.when) if isinstance(call, Call) else ()
            loss.rows = loss.rows or above.rows or above.hits(*args)
            up = ("^", "^") if isinstance(call, Call | Nested) and "[]." in call.items else ("^",)
            for path in above.paths:
                if isinstance(call, Nested):
                    _lose_nested(loss, call.items, path)
                loss.paths.add((*up, *path))
        if self._calls(declaration, rows):
            self._lose_rows(rows, loss)

    def _lose_rows(self, rows: Rows, loss: Loss) -> None:
        if isinstance(rows, Custom):
            loss.rows = True
            loss.paths.add(())
        elif isinstance(rows, Call) and rows.wrap:
            loss.rows = loss.rows or _meet(path_of(rows.items), self._member.path)
        elif isinstance(rows, Call | SameAnswer):
            _lose_nested(loss, rows.items, self._member.path)

    def _describe(self, declaration: Declaration, describe: Describe, loss: Loss) -> None:
        """The described items replace the rows, which keep their parents."""
        by = "Item" if describe.by == "@" else describe.by
        loss.rows = loss.rows or loss.hits(by, *(f"^.{path}" for path in describe.args.values()))
        loss.paths = {path for path in loss.paths if path[:1] == ("^",)}
        if self._is_member(describing_client(self._service, declaration), describe.op):
            loss.lose(path_of(describe.items), self._member.path)

    def _further(self, declaration: Declaration, loss: Loss) -> None:
        for join in declaration.join:
            loss.add_field(join.at, self._joined(declaration, join, loss))
        for gather in declaration.gather:
            loss.add_field(gather.at, self._gathered(declaration, gather, loss))
        for _ in declaration.hydrate:  # one may read the answer of another
            for hydrate in declaration.hydrate:
                loss.add_field(hydrate.at, self._hydrated(declaration, hydrate, loss))

    def _joined(self, declaration: Declaration, join: Join, loss: Loss) -> Loss:
        found = Loss(rows=loss.hits(join.to))
        if self._calls(declaration, join.rows):
            self._lose_rows(join.rows, found)
            found.rows = found.rows or found.hits(join.on)
        return found

    def _gathered(self, declaration: Declaration, gather: Gather, loss: Loss) -> Loss:
        found = Loss(rows=loss.hits(gather.by))
        if self._is_member(client_of(self._service, declaration, gather.client), gather.op):
            found.lose(path_of(gather.items), self._member.path)
            found.rows = found.rows or found.hits(gather.on)
        return found

    def _hydrated(self, declaration: Declaration, hydrate: Hydrate, loss: Loss) -> Loss:
        found = Loss(rows=loss.hits(*hydrate.args.values(), hydrate.when))
        if self._is_member(client_of(self._service, declaration, hydrate.client), hydrate.op):
            found.lose(path_of(hydrate.items or "@"), self._member.path)
        return found

    def _labels(self, entity: Entity, loss: Loss) -> Iterator[str]:
        yield from (label for label, source in entity.props.items() if loss.hits(source))
        own: dict[str, tuple[Source | None, ...]] = {
            "name": (entity.name, entity.tags, entity.id, entity.props.get("id")),
            "displayName": (entity.display, entity.name, entity.tags, entity.id, entity.props.get("id")),
            "id": (entity.id,),
            "active": (entity.active,),
            "createdOn": (entity.created,),
            "arn": (None if entity.arn == "@key" else entity.arn,),
            "accountId": (entity.owner,),
        }
        yield from (label for label, sources in own.items() if loss.hits(*sources))
        if loss.hits(entity.owner):
            yield from entity.owner_only
        if loss.hits(entity.tags):
            yield from ("tag.*", "tags", *LIFTED)
        if self._loses_region(entity):
            yield from ("region", "webLink")
        if entity.web and loss.hits(Template(entity.web)):
            yield "webLink"

    def _loses_region(self, entity: Entity) -> bool:
        """Whether the region of an entity is lost: its own, or that of its parent."""
        parents = [each for each in self._parents(entity) if isinstance(each, Entity)]
        return self.of[entity].hits(entity.region) or any(self._loses_region(each) for each in parents)


def _lose_nested(loss: Loss, items: str, path: Path) -> None:
    """Lose what is at a path of an answer, or of a parent row, for the rows at `items`; `^` is the element of an outer list."""
    loss.lose(path_of(items), path)
    if path_of(items) == path:  # a row may be there, with nothing in it
        loss.paths.add(())
    outer = path_of(items.rpartition("[].")[0])
    if outer != () and path[: len(outer)] == outer and len(path) > len(outer) and not _meet(path, path_of(items)):
        loss.paths.add(("^", *path[len(outer) :]))


def _of_item(edge: Edge, loss: Loss) -> Loss:
    """The loss as the sources of an edge see it: with `each`, they read an item whose `^` is the row."""
    if edge.each is None:
        return loss
    items = path_of(edge.each)
    below = {path[len(items) :] for path in loss.paths if path[: len(items)] == items and len(path) > len(items)}
    return Loss(rows=loss.rows, paths=below | {("^", *path) for path in loss.paths})


def _parents_first(service: Service) -> Iterable[Declaration]:
    remaining = list(declarations(service))
    while remaining:
        types = {each.type for each in remaining if isinstance(each, Entity)}
        ready = [each for each in remaining if parent_type(each) not in types]
        yield from ready
        remaining = [each for each in remaining if each not in ready]
