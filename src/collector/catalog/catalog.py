"""All declarations, indexed: services, entity types, edges, operations, and the types that a failed call affects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import import_module
from pkgutil import iter_modules

from collector import services
from collector.config import ConfigurationError
from collector.schema.declarations import (
    RESOURCE,
    Call,
    Custom,
    Declaration,
    Edge,
    Entity,
    Gather,
    Hydrate,
    Nested,
    Rows,
    SameAnswer,
    Service,
    Synthetic,
    Template,
)
from collector.schema.relationship_types import type_of

ENABLED_REGIONS = "EnabledRegions"
"""The field of a `Synthetic` row with the regions that are enabled for the account; unknown if they cannot be listed."""


class UnknownServiceError(ConfigurationError):
    """The name of a service is not declared."""


@dataclass(frozen=True)
class Catalog:
    """The declarations of the selected services."""

    services: tuple[Service, ...]

    @classmethod
    def of(cls, services: Iterable[Service]) -> Catalog:
        """The catalogue of these services, with the derived `HAS` edges of their service entities added."""
        return cls(tuple(_with_node_edges(service) for service in services))

    @classmethod
    @cache
    def all(cls) -> Catalog:
        """The catalogue of all services."""
        return cls.of(declared())

    def choose(self, only: Iterable[str] = (), skip: Iterable[str] = ()) -> Catalog:
        """The services with these names, of which `all` selects the default ones. The default of `only` is `all`.

        Raises:
            UnknownServiceError: if a name is not that of a service.
        """
        names = {service.name for service in self.services}
        only, skip = set(only) or {"all"}, set(skip)
        unknown = sorted((only | skip) - names - {"all"})
        if unknown:
            raise UnknownServiceError(f"unknown service {unknown[0]!r}; known are: {', '.join(sorted(names))}")
        selected = only | {s.name for s in self.services if s.default and "all" in only}
        return Catalog(tuple(s for s in self.services if s.name in selected - skip))

    @cached_property
    def entities(self) -> tuple[Entity, ...]:
        """All entity declarations, including the entities of the services themselves."""
        every = (declaration for service in self.services for declaration in declarations(service))
        return tuple(declaration for declaration in every if isinstance(declaration, Entity))

    @cached_property
    def types(self) -> Mapping[str, Entity]:
        """The first declaration of each entity type."""
        types: dict[str, Entity] = {}
        for entity in self.entities:
            types.setdefault(entity.type, entity)
        return types

    @cached_property
    def regional_types(self) -> frozenset[str]:
        """The entity types that are listed in regions, some of them in the global scope too."""
        return frozenset(
            declaration.type
            for service in self.services
            for declaration in declarations(service)
            if isinstance(declaration, Entity) and scope_of(service, declaration) == "regional"
        )

    @cached_property
    def affected_by_regions(self) -> frozenset[str]:
        """The types that may lose records or properties if a region is left out."""
        regional = (
            affected(service, declaration)
            for service in self.services
            for declaration in declarations(service)
            if scope_of(service, declaration) == "regional"
        )
        return frozenset().union(*regional)

    @cached_property
    def global_types(self) -> frozenset[str]:
        """The entity types that are listed in the global scope only. Their names are unique in the account."""
        return frozenset(self.types) - self.regional_types

    @cached_property
    def edges(self) -> tuple[tuple[Edge, Declaration], ...]:
        """All edges, each with its declaration."""
        return tuple(
            (edge, declaration)
            for service in self.services
            for declaration in declarations(service)
            for edge in declaration.edges
        )

    def types_that_read(self, field: str) -> frozenset[str]:
        """The entity types with a property that is this field of a `Synthetic` row."""
        synthetic = (entity for entity in self.entities if isinstance(entity.rows, Synthetic))
        return frozenset(entity.type for entity in synthetic if field in entity.props.values())

    def triples(self, edge: Edge) -> Iterator[tuple[str, str, str]]:
        """The (source type, verb, target type) triples of the relationships that an edge can draw."""
        for source in self._expand(edge.sources):
            for target in self._expand(edge.targets):
                yield source, edge.verb, target

    def repeated_calls(self) -> frozenset[tuple[str, str]]:
        """The (client, operation) pairs that more than one service calls in its global scope, to share responses."""
        callers: dict[tuple[str, str], set[str]] = {}
        for service in self.services:
            for declaration in declarations(service):
                if scope_of(service, declaration) == "global":
                    for operation in operations(service, declaration):
                        callers.setdefault(operation, set()).add(service.name)
        return frozenset(operation for operation, services in callers.items() if len(services) > 1)

    def relationship_types(self, edge: Edge) -> frozenset[str]:
        """The `_type` values of the relationships that an edge can draw."""
        return frozenset(type_of(*triple) for triple in self.triples(edge))

    def affected_types(self, types: Iterable[str]) -> frozenset[str]:
        """These entity types, and all declared relationship types with one of them at an end."""
        entity_types = frozenset(types)
        triples = (triple for edge, _ in self.edges for triple in self.triples(edge))
        return entity_types | {type_of(*each) for each in triples if each[0] in entity_types or each[2] in entity_types}

    def _expand(self, types: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(type_ for end in types for type_ in ((end, *self.types) if end == RESOURCE else (end,)))


@cache
def declared() -> tuple[Service, ...]:
    """All services, sorted by module: the `SERVICE` of each module, or of the `service` module of a package."""
    modules = sorted(iter_modules(services.__path__), key=lambda module: module.name)
    names = (f"{module.name}.service" if module.ispkg else module.name for module in modules)
    return tuple(import_module(f"{services.__name__}.{name}").SERVICE for name in names)


def declarations(service: Service) -> tuple[Declaration, ...]:
    """All declarations of a service: its own entity, its entities and its links."""
    node = (service.node,) if service.node else ()
    return (*node, *service.entities, *service.links)


def scope_of(service: Service, declaration: Declaration) -> str:
    """The scope of a declaration: `global` or `regional`."""
    return declaration.scope or service.scope


def client_of(service: Service, declaration: Declaration, client: str | None = None) -> str:
    """The botocore client of a call: its own (`client`), or else its declaration's, or else its service's."""
    return client or declaration.client or service.client


def listing_client(service: Service, declaration: Declaration) -> str | None:
    """The botocore client that reads a declaration's rows; None for rows that need no call of their own."""
    rows = call_of(declaration.rows) or declaration.rows
    if isinstance(rows, Call | Custom):
        return client_of(service, declaration, rows.client)
    return client_of(service, declaration) if declaration.describe else None


def call_of(rows: Rows) -> Call | None:
    """The call that reads a declaration's rows; None if there is no single one."""
    if isinstance(rows, SameAnswer):
        return rows.call
    return rows if isinstance(rows, Call) else None


def describing_client(service: Service, declaration: Declaration) -> str:
    """The botocore client of a declaration's `describe`: that of the call that lists its rows."""
    call = call_of(declaration.rows)
    return client_of(service, declaration, call.client if call else None)


def operations(service: Service, declaration: Declaration) -> Iterator[tuple[str, str]]:
    """Every (client, operation) pair that a declaration may call."""
    listings: tuple[Rows, ...] = (declaration.rows, *(join.rows for join in declaration.join))
    for rows in listings:
        if isinstance(rows, Custom):
            yield from ((client_of(service, declaration, rows.client), op) for op in rows.ops)
        elif call := call_of(rows):
            yield client_of(service, declaration, call.client), call.op
    further_calls: tuple[Hydrate | Gather, ...] = (*declaration.hydrate, *declaration.gather)
    for further in further_calls:
        yield client_of(service, declaration, further.client), further.op
    if declaration.describe:
        yield describing_client(service, declaration), declaration.describe.op


def parent_type(declaration: Declaration) -> str | None:
    """The entity type whose rows are the parents of this declaration's rows; None if there are no parents."""
    rows = call_of(declaration.rows) or declaration.rows
    return rows.each if isinstance(rows, Call | Nested) else None


def clients_of(catalog: Catalog) -> list[str]:
    """The botocore clients that a catalogue needs, sorted."""
    calls = (call for s in catalog.services for declaration in declarations(s) for call in operations(s, declaration))
    return sorted({client for client, _ in calls})


def affected(service: Service, declaration: Declaration) -> frozenset[str]:
    """The types that may lose records or properties if a call of this declaration fails: also its children's.

    Relationship types are among them only if both of their ends are entities of other declarations.
    """
    types = drawn_between_others(declaration)
    if isinstance(declaration, Entity):
        types |= {declaration.type}
        children = (child for child in declarations(service) if parent_type(child) == declaration.type)
        types = types.union(*(affected(service, child) for child in children))
    return types


def drawn_between_others(declaration: Declaration) -> frozenset[str]:
    """The types of the relationships that a declaration draws between entities of others."""
    edges = (edge for edge in declaration.edges if edge.of is not None)
    return frozenset(
        type_of(source, edge.verb, target) for edge in edges for source in edge.sources for target in edge.targets
    )


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
