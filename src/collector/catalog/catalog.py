"""All declarations of all services, indexed: what there is, who shares a call, what a failure touches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import import_module
from pkgutil import iter_modules

from collector import services
from collector.schema.declarations import (
    RESOURCE,
    Call,
    Custom,
    Declaration,
    Edge,
    Entity,
    Gather,
    Hydrate,
    Links,
    Nested,
    Rows,
    SameAnswer,
    Service,
    Template,
)
from collector.schema.relationship_types import type_of


class UnknownServiceError(ValueError):
    """A service was named that no file declares."""


@dataclass(frozen=True)
class Catalog:
    """The services of a run."""

    services: tuple[Service, ...]

    @classmethod
    def of(cls, services: Iterable[Service]) -> Catalog:
        """Take declarations as they are written and add what follows from them: the `HAS` edges of service nodes."""
        return cls(tuple(_with_node_edges(service) for service in services))

    @classmethod
    def all(cls) -> Catalog:
        """Every service of the package."""
        return cls.of(declared())

    def choose(self, only: Iterable[str] = (), skip: Iterable[str] = ()) -> Catalog:
        """The services with these names, `all` standing for the default ones; without names, the default ones.

        Raises:
            UnknownServiceError: for a name that is not a service.
        """
        known = {service.name: service for service in self.services}
        named = list(only) or ["all"]
        unknown = sorted(({*named, *skip} - {"all"}) - set(known))
        if unknown:
            raise UnknownServiceError(f"unknown service {unknown[0]!r}; known are: {', '.join(sorted(known))}")
        wanted = set(named) | (
            {name for name, service in known.items() if service.default} if "all" in named else set()
        )
        return Catalog(tuple(s for s in self.services if s.name in wanted and s.name not in set(skip)))

    @cached_property
    def entities(self) -> tuple[Entity, ...]:
        """Every entity declaration, service nodes included."""
        return tuple(
            declaration
            for service in self.services
            for declaration in declarations(service)
            if isinstance(declaration, Entity)
        )

    @cached_property
    def types(self) -> Mapping[str, Entity]:
        """The first declaration of each entity type."""
        found: dict[str, Entity] = {}
        for entity in self.entities:
            found.setdefault(entity.type, entity)
        return found

    @cached_property
    def edges(self) -> tuple[tuple[Edge, Declaration], ...]:
        """Every edge with the declaration that it stands on."""
        return tuple(
            (edge, declaration)
            for service in self.services
            for declaration in declarations(service)
            for edge in declaration.edges
        )

    def triples(self, edge: Edge) -> Iterator[tuple[str, str, str]]:
        """The relationships that an edge can draw, one (from, verb, to) for each pair of types."""
        for source in self._expand(edge.source):
            for target in self._expand(edge.target):
                yield source, edge.verb, target

    def repeated_calls(self) -> frozenset[tuple[str, str]]:
        """The (client, operation) pairs that several services ask for once an account: facts that stand in two places."""
        asked: dict[tuple[str, str], set[str]] = {}
        for service in self.services:
            for declaration in declarations(service):
                if scope_of(service, declaration) == "global":
                    for operation in operations(service, declaration):
                        asked.setdefault(operation, set()).add(service.name)
        return frozenset(operation for operation, services in asked.items() if len(services) > 1)

    def relationship_types(self, edge: Edge) -> frozenset[str]:
        """The `_type`s of the relationships that an edge can draw."""
        return frozenset(type_of(*triple) for triple in self.triples(edge))

    def affected_types(self, types: Iterable[str]) -> frozenset[str]:
        """Entity types together with every relationship type that has one of them at an end."""
        wanted = set(types)
        found = set(wanted)
        for edge, _ in self.edges:
            for source, verb, target in self.triples(edge):
                if source in wanted or target in wanted:
                    found.add(type_of(source, verb, target))
        return frozenset(found)

    def _expand(self, types: str | tuple[str, ...]) -> tuple[str, ...]:
        several = (types,) if isinstance(types, str) else types
        return tuple(each for one in several for each in ((one, *self.types) if one == RESOURCE else (one,)))


@cache
def declared() -> tuple[Service, ...]:
    """All services, by name. Each module of `collector.services` declares one as `SERVICE`; a package does so in its `service`."""
    modules = sorted(iter_modules(services.__path__), key=lambda module: module.name)
    names = (f"{module.name}.service" if module.ispkg else module.name for module in modules)
    return tuple(import_module(f"{services.__name__}.{name}").SERVICE for name in names)


def declarations(service: Service) -> tuple[Declaration, ...]:
    """Everything that a service declares: its node, its entities, its links."""
    node = (service.node,) if service.node else ()
    return (*node, *service.entities, *service.links)


def scope_of(service: Service, declaration: Declaration) -> str:
    """`global` or `regional`."""
    return declaration.scope or service.scope


def client_of(service: Service, declaration: Declaration, client: str | None = None) -> str:
    """The botocore client of a call: its own, else its declaration's, else its service's."""
    return client or declaration.client or service.client


def call_of(rows: Rows) -> Call | None:
    """The call that a declaration's rows come from, if one is made."""
    if isinstance(rows, SameAnswer):
        return rows.call
    return rows if isinstance(rows, Call) else None


def operations(service: Service, declaration: Declaration) -> Iterator[tuple[str, str]]:
    """Every (client, operation) that a declaration may call."""
    several: tuple[Rows, ...] = (declaration.rows, *(join.rows for join in declaration.join))
    for rows in several:
        if isinstance(rows, Custom):
            yield from ((client_of(service, declaration, rows.client), op) for op in rows.ops)
        elif call := call_of(rows):
            yield client_of(service, declaration, call.client), call.op
    further_calls: tuple[Hydrate | Gather, ...] = (*declaration.hydrate, *declaration.gather)
    for further in further_calls:
        yield client_of(service, declaration, further.client), further.op
    if declaration.describe:
        call = call_of(declaration.rows)
        yield client_of(service, declaration, call.client if call else None), declaration.describe.op


def parent_type(declaration: Declaration) -> str | None:
    """The entity type under whose rows this one is found, if any."""
    rows = call_of(declaration.rows) or declaration.rows
    return rows.each if isinstance(rows, Call | Nested) else None


def clients_of(catalog: Catalog) -> list[str]:
    """The botocore clients that a catalogue's operations need."""
    return sorted(
        {
            client
            for service in catalog.services
            for each in declarations(service)
            for client, _ in operations(service, each)
        }
    )


def affected(service: Service, declaration: Declaration) -> frozenset[str]:
    """The entity types that lose rows or properties when this declaration's rows fail: its own and those below it."""
    if isinstance(declaration, Links):
        return frozenset(
            type_
            for edge in declaration.edges
            for type_ in ((edge.source,) if isinstance(edge.source, str) else edge.source)
        )
    own = declaration.type if isinstance(declaration, Entity) else ""
    below = (affected(service, child) for child in declarations(service) if parent_type(child) == own)
    return frozenset({own}).union(*below)


def _with_node_edges(service: Service) -> Service:
    node = service.node
    if node is None:
        return service
    at = Template(f"{{account}}:service:{node.type}")
    entities = tuple(
        replace(entity, edges=(Edge(node.type, "HAS", entity.type, at=at), *entity.edges))
        if entity.type in service.has
        else entity
        for entity in service.entities
    )
    return replace(service, entities=entities)
