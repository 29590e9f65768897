"""The targets of a grant: single resources, a service, or the account.

A pattern that names some resources leads to each of them. A pattern for all resources of a type or of a service collapses to the
service, and a pattern for everything collapses to the account, as in JupiterOne. Each target has the actions that apply to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, TypeAlias

from collector.analysis.actions import NO_ACTIONS, Masks, union, without
from collector.analysis.arn_scopes import ArnScope, ArnType, arn_type, scopes_in
from collector.analysis.authorization import Form, all_of, applicable, everything, shapes
from collector.analysis.complements import all_but, exempted
from collector.analysis.facts import Account, AnalysisLimits
from collector.analysis.globs import head, is_wild, matches
from collector.analysis.matching import ArnQuery, Matches, ResourceIndex
from collector.analysis.patterns import Pattern, PatternReader, of_partition, parse
from collector.analysis.statements import StatementActions

TargetKind: TypeAlias = Literal["account", "service", "foreign", "resource"]

_ACCOUNT_DIGITS = 12


class GrantTarget(NamedTuple):
    """A target of one resource pattern of a statement, and the actions that can be allowed on it.

    `name` depends on `kind`: the action prefix or ARN service of a service, the id of an account, or the type of resources.
    `keys` are the keys of the resources. Unlisted actions apply to the target if they belong to `service`. `matched` is the number
    of matching resources if the pattern collapsed because of the limit on relationships, else 0. `levels` are the only access levels
    of actions that the target allows; empty means all.
    """

    kind: TargetKind
    name: str
    pattern: Pattern
    masks: Masks
    service: str = ""
    owner: str = ""
    scope: ArnScope | None = None
    keys: tuple[str, ...] = ()
    matched: int = 0
    levels: tuple[str, ...] = ()

    @property
    def below(self) -> bool:
        """Whether the pattern names only what is below the target: objects of a bucket, some resources of a service."""
        return bool(self.scope.separator) if self.scope else not self.pattern.every


class GrantTargets(NamedTuple):
    """All targets of a statement, and the counts for the report that resolving its patterns produced."""

    targets: tuple[GrantTarget, ...]
    counts: Counter[str]


class Collapse:
    """Finds the targets of the statements of one account's policies; equal statements are resolved once.

    The index must be complete: all resources have been added to it.
    """

    def __init__(self, account: Account, index: ResourceIndex, options: AnalysisLimits) -> None:
        self._account = account
        self._index = index
        self._options = options
        self._targets: dict[tuple[StatementActions, str | None], GrantTargets] = {}
        self._matches: dict[tuple[str, str, ArnQuery], Matches] = {}

    def targets(self, actions: StatementActions, user: str | None) -> GrantTargets:
        """Return the targets of a statement; `user` is the name of the only user to whom its policy applies, if there is one."""
        key = (actions, user if "${" in "".join(actions.rule.resources) else None)
        targets = self._targets.get(key)
        if targets is None:
            counts: Counter[str] = Counter()
            reader = PatternReader(self._account.id, key[1])
            targets = self._targets[key] = GrantTargets(tuple(self._statement(actions, reader, counts)), counts)
        return targets

    def _statement(
        self, actions: StatementActions, reader: PatternReader, counts: Counter[str]
    ) -> Iterator[GrantTarget]:
        if actions.unlisted:
            counts["unknownActions"] += len(actions.unlisted)
        patterns = []
        for raw in dict.fromkeys(actions.rule.resources):
            pattern = parse(raw, reader, variables=actions.rule.variables)
            if pattern is None:
                counts["ignoredPatterns"] += 1
            elif of_partition(pattern, self._account.partition):
                patterns.append(pattern)
        if actions.rule.not_resources:
            # NotResource always collapses: it would lead to nearly every resource of the account.
            yield from self._everything(actions, all_but(patterns), exempted(patterns, self._account))
            return
        for pattern in patterns:
            yield from self._pattern(actions, pattern, counts)

    def _pattern(self, actions: StatementActions, pattern: Pattern, counts: Counter[str]) -> Iterator[GrantTarget]:
        if pattern.every and self._options.wildcards == "collapse":
            yield from self._everything(actions, pattern)
        elif pattern.every:
            yield from self._expanded(actions, pattern, counts)
        elif pattern.account in ("", "aws") or matches(pattern.account, self._account.id):
            yield from self._own(actions, pattern, counts)
        elif len(pattern.account) == _ACCOUNT_DIGITS and pattern.account.isdigit():
            yield from self._foreign(actions, pattern, counts)

    def _everything(
        self, actions: StatementActions, pattern: Pattern, exempt: Masks = NO_ACTIONS
    ) -> Iterator[GrantTarget]:
        """Yield the account or the services; the actions in `exempt` cannot be allowed on any of their resources."""
        left = without(actions.masks, exempt) if exempt else actions.masks
        if actions.all_actions or actions.rule.not_actions:
            if left:
                masks = without(everything(), exempt) if exempt else everything()
                yield GrantTarget("account", self._account.id, pattern, masks)
            return
        for service in left:
            masks = {service: all_of(service) & ~exempt.get(service, 0)}
            yield GrantTarget("service", service, pattern, masks, service)
        for service in dict.fromkeys(name.partition(":")[0] for name in actions.unlisted):
            if service not in left and exempt != everything():
                yield GrantTarget("service", service, pattern, {}, service)

    def _expanded(self, actions: StatementActions, pattern: Pattern, counts: Counter[str]) -> Iterator[GrantTarget]:
        for kind in filter(None, map(arn_type, self._index.types(self._account.id))):
            for scope in kind.scopes:
                if actions.applies(scope.masks, scope.services[0]):
                    yield from self._search(kind, scope, pattern, "*", self._account.id, counts)

    def _own(self, actions: StatementActions, pattern: Pattern, counts: Counter[str]) -> Iterator[GrantTarget]:
        if pattern.all_resources and pattern.any_region and self._options.wildcards == "collapse":
            yield from self._service(actions, pattern)
            return
        collapsed = list(self._type_wide(actions, pattern))
        if collapsed:
            counts["collapsedPatterns"] += 1
            yield from collapsed
        reached = list(self._resources(actions, pattern, counts))
        yield from reached
        if not reached and not collapsed and pattern.names_one and _could_exist(actions, pattern):
            counts["danglingArns"] += 1

    def _service(self, actions: StatementActions, pattern: Pattern) -> Iterator[GrantTarget]:
        """Yield the targets for all resources of an ARN service: each service whose actions can be allowed on them."""
        possible = union(form.masks for form in shapes(pattern.service) if _fits(pattern, form))
        own = [pattern.service] if actions.unlisted_of(pattern.service) else []
        for service in dict.fromkeys((*actions.masks, *own)):
            masks = {service: possible[service]} if service in possible else {}
            unlisted = service if service == pattern.service else ""
            if actions.applies(masks, unlisted):
                yield GrantTarget("service", service, pattern, masks, unlisted)

    def _type_wide(self, actions: StatementActions, pattern: Pattern) -> Iterator[GrantTarget]:
        """Yield the service of the pattern if it names all resources of a type, whether the type is collected or not."""
        if not self._collapses(pattern):
            return
        found = [form.masks for form in shapes(pattern.service) if _fits(pattern, form) and _all_of(pattern.tail, form)]
        found += [scope.masks for kind, scope in scopes_in(pattern.service) if self._names_all(kind, scope, pattern)]
        masks = union(found)
        if found and actions.applies(masks, pattern.service):
            yield GrantTarget("service", pattern.service, pattern, masks, pattern.service)

    def _collapses(self, pattern: Pattern) -> bool:
        return self._options.type_wide == "collapse" and pattern.any_region and is_wild(pattern.tail)

    def _names_all(self, kind: ArnType, scope: ArnScope, pattern: Pattern) -> bool:
        """Whether a pattern names all resources of a type, by their own ARNs or by those of their child resources."""
        fits = [form for form in kind.forms if scope.other_service or _fits(pattern, form)]
        return any(_all_of(parent, form) for parent in scope.parents(pattern.tail) for form in fits)

    def _resources(self, actions: StatementActions, pattern: Pattern, counts: Counter[str]) -> Iterator[GrantTarget]:
        collapses = self._collapses(pattern)
        for kind, scope, parent in _named(actions, pattern):
            if not (collapses and self._names_all(kind, scope, pattern)):
                for owner in self._owners(kind, scope, pattern, parent):
                    yield from self._search(kind, scope, pattern, parent, owner, counts)

    def _owners(self, kind: ArnType, scope: ArnScope, pattern: Pattern, parent: str) -> Iterable[str]:
        """Return the accounts to search. Exact ARNs without an account are searched in all accounts, wildcards in the own one."""
        if pattern.account == "aws":
            return ("aws",)
        if scope.other_service and not pattern.account:
            return ()
        if not kind.without_account or scope.other_service or is_wild(parent) or is_wild(pattern.region):
            return (self._account.id,)
        arn = f"arn:{self._account.partition}:{pattern.service}:{pattern.region}::{parent}"
        owner = self._index.owner(kind, arn, self._account.id) if len(self._index.accounts) > 1 else self._account.id
        if owner is None or (owner != self._account.id and self._options.cross_account == "off"):
            return ()
        return (owner,)

    def _foreign(self, actions: StatementActions, pattern: Pattern, counts: Counter[str]) -> Iterator[GrantTarget]:
        counts["otherAccountPatterns"] += 1
        if self._options.cross_account == "off":
            return
        if pattern.account not in self._index.accounts:
            masks = applicable(pattern.service)
            if self._options.cross_account == "mapped" and actions.applies(masks, pattern.service):
                yield GrantTarget("foreign", pattern.account, pattern, masks, pattern.service)
            return
        for kind, scope, parent in _named(actions, pattern):
            yield from self._search(kind, scope, pattern, parent, pattern.account, counts)

    def _search(
        self, kind: ArnType, scope: ArnScope, pattern: Pattern, parent: str, owner: str, counts: Counter[str]
    ) -> Iterator[GrantTarget]:
        any_service = scope.other_service or pattern.every
        query = ArnQuery(None if any_service else pattern.service, pattern.region, pattern.account, parent)
        found = self._find(kind, owner, query)
        service = scope.services[0] if pattern.every else pattern.service
        if found.keys and kind.type == "aws_account" and owner == self._account.id:
            yield GrantTarget("account", owner, pattern, scope.masks, service, owner, scope)
        elif found.keys:
            yield GrantTarget("resource", kind.type, pattern, scope.masks, service, owner, scope, found.keys)
        elif found.number:
            counts["cappedPatterns"] += 1
            counts["cappedResources"] += found.number
            local = owner in (self._account.id, "aws")
            target: TargetKind = "service" if local else "foreign"
            name = service if local else owner
            yield GrantTarget(target, name, pattern, scope.masks, service, matched=found.number)

    def _find(self, kind: ArnType, owner: str, query: ArnQuery) -> Matches:
        key = (kind.type, owner, query)
        if key not in self._matches:
            self._matches[key] = self._index.find(kind, owner, query, self._options.max_edges_per_pattern)
        return self._matches[key]


def _named(actions: StatementActions, pattern: Pattern) -> Iterator[tuple[ArnType, ArnScope, str]]:
    """Yield the collected types that a pattern may name, each with the scope and the pattern for the names of its entities."""
    start = head(pattern.tail)
    for kind, scope in scopes_in(pattern.service):
        possible = scope.other_service or kind.colons or kind.can_start_with(start)
        if possible and actions.applies(scope.masks, pattern.service):
            for parent in scope.parents(pattern.tail):
                yield kind, scope, parent


def _could_exist(actions: StatementActions, pattern: Pattern) -> bool:
    """Whether the resource that a pattern without wildcards names is of a collected type."""
    return any(kind.can_start_with(parent) for kind, _, parent in _named(actions, pattern))


def _fits(pattern: Pattern, form: Form) -> bool:
    """Whether region and account of a pattern fit ARNs of a form. `arn:aws:s3:::*` fits buckets only."""
    account = pattern.account.strip("*") == "" if form.account == "" else pattern.account != ""
    return account and (form.region == "" or pattern.region != "")


def _all_of(tail: str, form: Form) -> bool:
    """Whether a pattern matches every resource part of a form."""
    start = head(tail)
    return is_wild(tail) and tail[len(start) :].strip("*/:") == "" and form.prefix.startswith(start)
