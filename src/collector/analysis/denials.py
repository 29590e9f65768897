"""What Deny statements take away from the grants of the same document.

A Deny that always holds takes its actions from what it takes in wholly. One with a condition or an open variable, or one that takes
in only a part of what was granted, takes nothing away: it leaves the grant `partial`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from collector.analysis.actions import NOTHING, Masks, common, meet, union, without
from collector.analysis.globs import covers, intersects, matches
from collector.analysis.patterns import Pattern, Reader, parse
from collector.analysis.statements import Meaning, meaning

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from collector.analysis.documents import Statement
    from collector.analysis.ladder import Reach
    from collector.analysis.scopes import Scope

WHOLLY, PARTLY, NOT = 2, 1, 0


class Denial(NamedTuple):
    """A Deny statement and its patterns."""

    meaning: Meaning
    patterns: tuple[Pattern, ...]

    @property
    def certain(self) -> bool:
        """Whether it holds for every request."""
        return self.meaning.rule.condition is None and not any(pattern.variables for pattern in self.patterns)

    def of_resource(self, scope: Scope, arn: str, owner: str) -> int:
        """How much it takes of what reaches a resource in a certain way."""
        inside = any(matches(pattern.text, text) for pattern in self.patterns for text in scope.texts(arn, owner))
        if self.meaning.rule.not_resources:
            return self._degree(wholly=not inside and not self._below(scope, arn), partly=not inside)
        return self._degree(wholly=inside, partly=inside or self._below(scope, arn))

    def of_reach(self, reach: Reach) -> int:
        """How much it takes of what a pattern is about."""
        inside = any(covers(pattern.text, reach.pattern.text) for pattern in self.patterns)
        touched = inside or any(intersects(pattern.text, reach.pattern.text) for pattern in self.patterns)
        if self.meaning.rule.not_resources:
            return self._degree(wholly=not touched, partly=not inside)
        return self._degree(wholly=inside, partly=touched)

    def _below(self, scope: Scope, arn: str) -> bool:
        """Whether some of what lies below a resource is taken in."""
        return any(matches(parent, arn) for pattern in self.patterns for parent in _parents(scope, pattern))

    def _degree(self, *, wholly: bool, partly: bool) -> int:
        if wholly:
            return WHOLLY if self.certain else PARTLY
        return PARTLY if partly else NOT


class Remainder(NamedTuple):
    """What is left of a grant, and the Deny statements that took something or may take something."""

    masks: Masks
    unlisted: frozenset[str]
    negated: tuple[Meaning, ...]

    @property
    def something(self) -> bool:
        """Whether any action is left."""
        return bool(self.masks or self.unlisted)


def denials(statements: Iterable[Statement], reader: Reader) -> tuple[Denial, ...]:
    """The Deny statements among these."""
    found = []
    for statement in statements:
        rule = statement.rule
        if rule.effect == "Deny":
            parsed = (parse(raw, reader, variables=rule.variables) for raw in rule.resources)
            found.append(Denial(meaning(rule), tuple(pattern for pattern in parsed if pattern is not None)))
    return tuple(found)


def remainder(granted: Masks, unlisted: Iterable[str], denied: Sequence[tuple[Denial, int]]) -> Remainder:
    """What Deny statements leave of granted actions, each taking the actions as far as said."""
    taken = [denial for denial, degree in denied if degree == WHOLLY]
    left = without(granted, union(denial.meaning.masks for denial in taken)) if taken else granted
    names = frozenset(unlisted)
    remaining = frozenset(name for name in names if not any(denial.meaning.speaks_of(name) for denial in taken))
    negated = [denial.meaning for denial, degree in denied if degree and _concerns(denial.meaning, granted, names)]
    return Remainder(left, remaining, tuple(negated))


def joined(remainders: Iterable[Remainder]) -> Remainder:
    """What is left of several grants together."""
    every = list(remainders)
    if len(every) == 1:
        return every[0]
    negated = dict.fromkeys(one for each in every for one in each.negated)
    names = frozenset(name for each in every for name in each.unlisted)
    return Remainder(union(each.masks for each in every), names, tuple(negated))


def granted(meaning: Meaning, masks: Masks) -> Masks:
    """The actions of a statement that can be allowed somewhere."""
    return masks if meaning.all_actions else common(meaning.masks, masks) if masks else NOTHING


def _concerns(denied: Meaning, masks: Masks, names: Iterable[str]) -> bool:
    return meet(denied.masks, masks) or any(map(denied.speaks_of, names))


def _parents(scope: Scope, pattern: Pattern) -> Iterable[str]:
    """The patterns for the ARNs of the resources below which a pattern takes something in."""
    if not scope.separator or pattern.every or pattern.service not in scope.services:
        return ()
    place = (pattern.partition, pattern.service, pattern.region, pattern.account)
    if scope.elsewhere:
        place = (pattern.partition, "*", pattern.region, "")
    return tuple(":".join(("arn", *place, parent)) for parent in scope.parents(pattern.tail))
