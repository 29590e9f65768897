"""How far up a grant is drawn: to resources, to a service, to the account.

A pattern that names some resources is drawn to each of them. One that names all resources of a type or of a service is drawn
to the service, one that names everything to the account; so JupiterOne does it. Every step says which actions it is about.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from collector.analysis.actions import Masks, union
from collector.analysis.arn_scopes import ArnScope, ArnType, arn_type, named_in
from collector.analysis.authorization import Form, all_of, applicable, everything, shapes
from collector.analysis.globs import head, is_wild, matches
from collector.analysis.matching import Found, ResourceIndex, Wanted
from collector.analysis.patterns import EVERYTHING, Pattern, PatternReader, of_partition, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from collector.analysis.facts import Account, AnalysisLimits
    from collector.analysis.statements import StatementActions

Step: TypeAlias = Literal["account", "service", "foreign", "resource"]

_ACCOUNT_DIGITS = 12


class Reach(NamedTuple):
    """Where one pattern of a statement leads, and the actions that can be allowed there.

    `name` is the action prefix or ARN service of a service, the id of a foreign account, the type of resources; `keys` are the
    resources. `service` is the one whose unlisted actions count. `matched` is the number of resources that were too many.
    """

    step: Step
    name: str
    pattern: Pattern
    masks: Masks
    service: str = ""
    owner: str = ""
    scope: ArnScope | None = None
    keys: tuple[str, ...] = ()
    matched: int = 0


class Reaches(NamedTuple):
    """Everything that a statement leads to, and what there is to count on the way."""

    every: tuple[Reach, ...]
    counts: Counter[str]


class Collapse:
    """Finds the targets of statements of one account's policies; equal statements are resolved once."""

    def __init__(self, account: Account, index: ResourceIndex, options: AnalysisLimits) -> None:
        """Start with an index that is complete."""
        self._account = account
        self._index = index
        self._options = options
        self._known: dict[tuple[StatementActions, str | None], Reaches] = {}
        self._found_before: dict[tuple[str, str, Wanted], Found] = {}

    def reaches(self, meaning: StatementActions, user: str | None) -> Reaches:
        """The targets of a statement, for a policy that may belong to a user."""
        question = (meaning, user if "${" in "".join(meaning.rule.resources) else None)
        answer = self._known.get(question)
        if answer is None:
            counts: Counter[str] = Counter()
            reader = PatternReader(self._account.id, question[1])
            answer = self._known[question] = Reaches(tuple(self._statement(meaning, reader, counts)), counts)
        return answer

    def _statement(self, meaning: StatementActions, reader: PatternReader, counts: Counter[str]) -> Iterator[Reach]:
        if meaning.unlisted:
            counts["unknownActions"] += len(meaning.unlisted)
        if meaning.rule.not_resources:
            # Everything but a few resources is never drawn to each of the others.
            yield from self._whole(meaning, EVERYTHING)
            return
        for raw in dict.fromkeys(meaning.rule.resources):
            pattern = parse(raw, reader, variables=meaning.rule.variables)
            if pattern is None:
                counts["ignoredPatterns"] += 1
            elif of_partition(pattern, self._account.partition):
                yield from self._pattern(meaning, pattern, counts)

    def _pattern(self, meaning: StatementActions, pattern: Pattern, counts: Counter[str]) -> Iterator[Reach]:
        if pattern.every and self._options.wildcards == "collapse":
            yield from self._whole(meaning, pattern)
        elif pattern.every:
            yield from self._expanded(meaning, pattern, counts)
        elif pattern.account in ("", "aws") or matches(pattern.account, self._account.id):
            yield from self._own(meaning, pattern, counts)
        elif len(pattern.account) == _ACCOUNT_DIGITS and pattern.account.isdigit():
            yield from self._foreign(meaning, pattern, counts)

    def _whole(self, meaning: StatementActions, pattern: Pattern) -> Iterator[Reach]:
        if meaning.all_actions or meaning.rule.not_actions:
            if meaning.masks:
                yield Reach("account", self._account.id, pattern, everything())
            return
        for service in meaning.masks:
            yield Reach("service", service, pattern, {service: all_of(service)}, service)
        for service in dict.fromkeys(name.partition(":")[0] for name in meaning.unlisted):
            if service not in meaning.masks:
                yield Reach("service", service, pattern, {}, service)

    def _expanded(self, meaning: StatementActions, pattern: Pattern, counts: Counter[str]) -> Iterator[Reach]:
        for kind in filter(None, map(arn_type, self._index.types(self._account.id))):
            for scope in kind.scopes:
                if meaning.applies(scope.masks, scope.services[0]):
                    yield from self._found(kind, scope, pattern, "*", self._account.id, counts)

    def _own(self, meaning: StatementActions, pattern: Pattern, counts: Counter[str]) -> Iterator[Reach]:
        if pattern.all_resources and pattern.any_region and self._options.wildcards == "collapse":
            yield from self._service(meaning, pattern)
            return
        collapsed = list(self._type_wide(meaning, pattern))
        if collapsed:
            counts["collapsedPatterns"] += 1
            yield from collapsed
        reached = list(self._resources(meaning, pattern, counts))
        yield from reached
        if not reached and not collapsed and pattern.names_one and _could_exist(meaning, pattern):
            counts["danglingArns"] += 1

    def _service(self, meaning: StatementActions, pattern: Pattern) -> Iterator[Reach]:
        """All resources of an ARN service: one target for each service whose actions can be allowed on them."""
        possible = union(form.masks for form in shapes(pattern.service) if _fits(pattern, form))
        own = [pattern.service] if meaning.unlisted_of(pattern.service) else []
        for service in dict.fromkeys((*meaning.masks, *own)):
            masks = {service: possible[service]} if service in possible else {}
            unlisted = service if service == pattern.service else ""
            if meaning.applies(masks, unlisted):
                yield Reach("service", service, pattern, masks, unlisted)

    def _type_wide(self, meaning: StatementActions, pattern: Pattern) -> Iterator[Reach]:
        """All resources of a type, whether it is collected or not: the service of their ARNs is the target."""
        if not self._collapses(pattern):
            return
        every = [form.masks for form in shapes(pattern.service) if _fits(pattern, form) and _all_of(pattern.tail, form)]
        every += [scope.masks for kind, scope in named_in(pattern.service) if self._all_by(kind, scope, pattern)]
        masks = union(every)
        if every and meaning.applies(masks, pattern.service):
            yield Reach("service", pattern.service, pattern, masks, pattern.service)

    def _collapses(self, pattern: Pattern) -> bool:
        return self._options.type_wide == "collapse" and pattern.any_region and is_wild(pattern.tail)

    def _all_by(self, kind: ArnType, scope: ArnScope, pattern: Pattern) -> bool:
        """Whether a pattern reaches all resources of a type, by their own names or by what lies below them."""
        fits = [form for form in kind.forms if scope.elsewhere or _fits(pattern, form)]
        return any(_all_of(parent, form) for parent in scope.parents(pattern.tail) for form in fits)

    def _resources(self, meaning: StatementActions, pattern: Pattern, counts: Counter[str]) -> Iterator[Reach]:
        collapses = self._collapses(pattern)
        for kind, scope, parent in _named(meaning, pattern):
            if not (collapses and self._all_by(kind, scope, pattern)):
                for owner in self._owners(kind, scope, pattern, parent):
                    yield from self._found(kind, scope, pattern, parent, owner, counts)

    def _owners(self, kind: ArnType, scope: ArnScope, pattern: Pattern, parent: str) -> Iterable[str]:
        """In which accounts to look. Names without an account are looked for everywhere, wildcards at home."""
        if pattern.account == "aws":
            return ("aws",)
        if scope.elsewhere and not pattern.account:
            return ()
        if not kind.bare or scope.elsewhere or is_wild(parent) or is_wild(pattern.region):
            return (self._account.id,)
        arn = f"arn:{self._account.partition}:{pattern.service}:{pattern.region}::{parent}"
        owner = self._index.owner(kind, arn, self._account.id) if len(self._index.accounts) > 1 else self._account.id
        if owner is None or (owner != self._account.id and self._options.cross_account == "off"):
            return ()
        return (owner,)

    def _foreign(self, meaning: StatementActions, pattern: Pattern, counts: Counter[str]) -> Iterator[Reach]:
        if self._options.cross_account == "off":
            return
        if pattern.account not in self._index.accounts:
            masks = applicable(pattern.service)
            if self._options.cross_account == "mapped" and meaning.applies(masks, pattern.service):
                yield Reach("foreign", pattern.account, pattern, masks, pattern.service)
            return
        for kind, scope, parent in _named(meaning, pattern):
            yield from self._found(kind, scope, pattern, parent, pattern.account, counts)

    def _found(
        self, kind: ArnType, scope: ArnScope, pattern: Pattern, parent: str, owner: str, counts: Counter[str]
    ) -> Iterator[Reach]:
        anywhere = scope.elsewhere or pattern.every
        wanted = Wanted(None if anywhere else pattern.service, pattern.region, pattern.account, parent)
        found = self._find(kind, owner, wanted)
        service = scope.services[0] if pattern.every else pattern.service
        if found.keys and kind.type == "aws_account" and owner == self._account.id:
            yield Reach("account", owner, pattern, scope.masks, service, owner, scope)
        elif found.keys:
            yield Reach("resource", kind.type, pattern, scope.masks, service, owner, scope, found.keys)
        elif found.number:
            counts["cappedPatterns"] += 1
            counts["cappedResources"] += found.number
            step: Step = "service" if owner in (self._account.id, "aws") else "foreign"
            yield Reach(
                step, service if step == "service" else owner, pattern, scope.masks, service, matched=found.number
            )

    def _find(self, kind: ArnType, owner: str, wanted: Wanted) -> Found:
        question = (kind.type, owner, wanted)
        if question not in self._found_before:
            self._found_before[question] = self._index.find(kind, owner, wanted, self._options.max_edges_per_pattern)
        return self._found_before[question]


def _named(meaning: StatementActions, pattern: Pattern) -> Iterator[tuple[ArnType, ArnScope, str]]:
    """The collected types that a pattern may name, each way in which it may, and the pattern for the names of the entities."""
    start = head(pattern.tail)
    for kind, scope in named_in(pattern.service):
        possible = scope.elsewhere or kind.colons or kind.can_be(start)
        if possible and meaning.applies(scope.masks, pattern.service):
            for parent in scope.parents(pattern.tail):
                yield kind, scope, parent


def _could_exist(meaning: StatementActions, pattern: Pattern) -> bool:
    """Whether the one resource that a pattern names is of a type that would have been collected."""
    return any(kind.can_be(parent) for kind, _, parent in _named(meaning, pattern))


def _fits(pattern: Pattern, form: Form) -> bool:
    """Whether region and account of ARNs of a form can be what the pattern says: `arn:aws:s3:::*` is about buckets only."""
    account = pattern.account.strip("*") == "" if form.account == "" else pattern.account != ""
    return account and (form.region == "" or pattern.region != "")


def _all_of(tail: str, form: Form) -> bool:
    """Whether a pattern takes in every resource part of a form."""
    start = head(tail)
    return is_wild(tail) and tail[len(start) :].strip("*/:") == "" and form.prefix.startswith(start)
