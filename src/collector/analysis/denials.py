"""What Deny statements take away from the grants of the same document.

A Deny that always holds takes its actions from what it takes in wholly. One with a condition or an open variable, or one that takes
in only a part of what was granted, takes nothing away: it leaves the grant `partial`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from collector.analysis.actions import NOTHING, Masks, common, meet, union, without
from collector.analysis.globs import covers, intersects, matches
from collector.analysis.patterns import Pattern, PatternReader, parse
from collector.analysis.statements import StatementActions, statement_actions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from collector.analysis.arn_scopes import ArnScope
    from collector.analysis.collapse import Reach
    from collector.analysis.documents import Statement

WHOLLY, PARTLY, NOT = 2, 1, 0


class Denial(NamedTuple):
    """A Deny statement and its patterns."""

    statement_actions: StatementActions
    patterns: tuple[Pattern, ...]

    @property
    def always(self) -> bool:
        """Whether it holds for every request."""
        return self.statement_actions.rule.condition is None

    def of_resource(self, scope: ArnScope, arn: str, owner: str) -> int:
        """How much it takes of what reaches a resource in a certain way."""
        texts = scope.texts(arn, owner)
        inside = [pattern for pattern in self.patterns if any(matches(pattern.text, text) for text in texts)]
        return self._degree(inside, affected_types=bool(inside) or self._below(scope, arn))

    def of_reach(self, reach: Reach) -> int:
        """How much it takes of what a pattern is about."""
        inside = [pattern for pattern in self.patterns if covers(pattern.text, reach.pattern.text)]
        affected_types = bool(inside) or any(intersects(pattern.text, reach.pattern.text) for pattern in self.patterns)
        return self._degree(inside, affected_types=affected_types)

    def _below(self, scope: ArnScope, arn: str) -> bool:
        """Whether some of what lies below a resource is taken in."""
        return bool(scope.separator) and any(_below(pattern, scope, arn) for pattern in self.patterns)

    def _degree(self, inside: Sequence[Pattern], *, affected_types: bool) -> int:
        """The degree for a target that some patterns take in wholly, and that at least one touches.

        A variable stands for what a request will say, so a pattern with one takes in nothing for certain.
        """
        if self.statement_actions.rule.not_resources:
            wholly, partly = not affected_types, not any(not pattern.variables for pattern in inside)
        else:
            wholly, partly = any(not pattern.variables for pattern in inside), affected_types
        if wholly and self.always:
            return WHOLLY
        return PARTLY if wholly or partly else NOT


class Remainder(NamedTuple):
    """What is left of a grant, and the Deny statements that took something or may take something."""

    masks: Masks
    unlisted: frozenset[str]
    negated: tuple[StatementActions, ...]

    @property
    def something(self) -> bool:
        """Whether any action is left."""
        return bool(self.masks or self.unlisted)


def denials(statements: Iterable[Statement], reader: PatternReader) -> tuple[Denial, ...]:
    """The Deny statements among these."""
    found = []
    for statement in statements:
        rule = statement.rule
        if rule.effect == "Deny":
            parsed = (parse(raw, reader, variables=rule.variables) for raw in rule.resources)
            found.append(Denial(statement_actions(rule), tuple(pattern for pattern in parsed if pattern is not None)))
    return tuple(found)


def remainder(granted: Masks, unlisted: Iterable[str], denied: Sequence[tuple[Denial, int]]) -> Remainder:
    """What Deny statements leave of granted actions, each taking the actions as far as said."""
    taken = [denial for denial, degree in denied if degree == WHOLLY]
    left = without(granted, union(denial.statement_actions.masks for denial in taken)) if taken else granted
    names = frozenset(unlisted)
    remaining = frozenset(
        name for name in names if not any(denial.statement_actions.speaks_of(name) for denial in taken)
    )
    negated = [
        denial.statement_actions
        for denial, degree in denied
        if degree and concerns(denial.statement_actions, granted, names)
    ]
    return Remainder(left, remaining, tuple(negated))


def joined(remainders: Iterable[Remainder]) -> Remainder:
    """What is left of several grants together."""
    every = list(remainders)
    if len(every) == 1:
        return every[0]
    negated = dict.fromkeys(one for each in every for one in each.negated)
    names = frozenset(name for each in every for name in each.unlisted)
    return Remainder(union(each.masks for each in every), names, tuple(negated))


def granted(statement_actions: StatementActions, masks: Masks) -> Masks:
    """The actions of a statement that can be allowed somewhere."""
    return masks if statement_actions.all_actions else common(statement_actions.masks, masks) if masks else NOTHING


def concerns(denied: StatementActions, masks: Masks, names: Iterable[str]) -> bool:
    """Whether a rule speaks of some of these actions, those that the reference does not know by their names."""
    return meet(denied.masks, masks) or any(map(denied.speaks_of, names))


def reached_from(pattern: Pattern, scope: ArnScope, arn: str, owner: str) -> bool:
    """Whether a pattern takes in a resource, or some of what lies below it."""
    inside = any(matches(pattern.text, text) for text in scope.texts(arn, owner))
    return inside or (bool(scope.separator) and _below(pattern, scope, arn))


def _below(pattern: Pattern, scope: ArnScope, arn: str) -> bool:
    if pattern.every or pattern.service not in scope.services:
        return False
    place = (pattern.partition, pattern.service, pattern.region, pattern.account)
    if scope.elsewhere:
        place = (pattern.partition, "*", pattern.region, "")
    return any(matches(":".join(("arn", *place, parent)), arn) for parent in scope.parents(pattern.tail))
