"""The effect of Deny statements on the grants of the same document.

An unconditional Deny removes its actions from a grant if it covers the whole target. A Deny with a condition or an unresolved
variable, or one that covers only a part of the target, removes nothing: it marks the grant as `partial`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from collector.analysis.actions import Masks, union, without
from collector.analysis.arn_scopes import ArnScope
from collector.analysis.collapse import GrantTarget
from collector.analysis.documents import Rule, Statement
from collector.analysis.globs import covers, intersects, matches
from collector.analysis.patterns import Pattern, PatternReader, parse
from collector.analysis.statements import StatementActions, statement_actions

FULL, PARTIAL, NONE = 2, 1, 0
"""The degrees to which a Deny covers a target or a principal."""


class Denial(NamedTuple):
    """A Deny statement: its Sid or position, its actions, and its resource patterns."""

    label: str
    actions: StatementActions
    patterns: tuple[Pattern, ...]

    def degree_on_resource(self, scope: ArnScope, arn: str, owner: str) -> int:
        """Return the degree to which it covers what one scope of a resource grants access to."""
        return self._degree(degree_on_resource(self.actions.rule, self.patterns, scope, arn, owner))

    def degree_on_target(self, target: GrantTarget) -> int:
        """Return the degree to which it covers the pattern of a target."""
        inside = [pattern for pattern in self.patterns if covers(pattern.text, target.pattern.text)]
        overlaps = bool(inside) or any(intersects(pattern.text, target.pattern.text) for pattern in self.patterns)
        return self._degree(_degree(self.actions.rule, inside, overlaps=overlaps))

    def _degree(self, degree: int) -> int:
        return degree if self.actions.rule.condition is None else min(degree, PARTIAL)


class Remainder(NamedTuple):
    """What Deny statements leave of a grant.

    `masks` and `unlisted` are the actions that are not denied for every request; `certain` are those of `masks` that are not denied
    for any. `denied` are the Deny statements that limit the grant, each with the degree to which it covers the target.
    """

    masks: Masks
    certain: Masks
    unlisted: frozenset[str]
    denied: tuple[tuple[Denial, int], ...]

    @property
    def empty(self) -> bool:
        """Whether no action is left."""
        return not (self.masks or self.unlisted)


def degree_on_resource(rule: Rule, patterns: Sequence[Pattern], scope: ArnScope, arn: str, owner: str) -> int:
    """Return the degree to which a rule with these patterns covers one scope of a resource, apart from its condition."""
    texts = scope.texts(arn, owner)
    inside = [pattern for pattern in patterns if any(matches(pattern.text, text) for text in texts)]
    below = not inside and bool(scope.separator) and any(_below(pattern, scope, arn) for pattern in patterns)
    return _degree(rule, inside, overlaps=bool(inside) or below)


def _degree(rule: Rule, inside: Sequence[Pattern], *, overlaps: bool) -> int:
    """Return the degree for a target of which some patterns cover all (`inside`) or at least a part (`overlaps`).

    The value of an unresolved variable depends on the request, so a pattern with one is never certain to cover the target.
    """
    certain = any(not pattern.variables for pattern in inside)
    full, partial = (not overlaps, not certain) if rule.not_resources else (certain, overlaps)
    return FULL if full else PARTIAL if partial else NONE


def denials(statements: Iterable[Statement], reader: PatternReader) -> tuple[Denial, ...]:
    """Return the Deny statements among the statements."""
    found = []
    for statement in statements:
        rule = statement.rule
        if rule.effect == "Deny":
            parsed = (parse(raw, reader, variables=rule.variables) for raw in rule.resources)
            patterns = tuple(pattern for pattern in parsed if pattern is not None)
            found.append(Denial(statement.label, statement_actions(rule), patterns))
    return tuple(found)


def remainder(allowed: StatementActions, target: GrantTarget, denied: Sequence[tuple[Denial, int]]) -> Remainder:
    """Apply Deny statements, each with the degree to which it covers the target, to a grant."""
    masks = allowed.among(target.masks)
    names = frozenset(allowed.unlisted_of(target.service))
    limiting = tuple(each for each in denied if each[1] and each[0].actions.covers_any(masks, names))
    if not limiting:
        return Remainder(masks, masks, names, ())
    full = [denial.actions for denial, degree in limiting if degree == FULL]
    left = without(masks, union(actions.masks for actions in full))
    certain = without(left, union(denial.actions.masks for denial, _ in limiting))
    names_left = frozenset(name for name in names if not any(actions.covers_unlisted(name) for actions in full))
    return Remainder(left, certain, names_left, limiting)


def matches_resource(pattern: Pattern, scope: ArnScope, arn: str, owner: str) -> bool:
    """Whether a pattern matches the ARN of a resource or, for a scope below it, the ARNs of some of its child resources."""
    inside = any(matches(pattern.text, text) for text in scope.texts(arn, owner))
    return inside or (bool(scope.separator) and _below(pattern, scope, arn))


def _below(pattern: Pattern, scope: ArnScope, arn: str) -> bool:
    """Whether a pattern matches some of the child resources of a resource."""
    if pattern.every or pattern.service not in scope.services:
        return False
    segments = (pattern.partition, pattern.service, pattern.region, pattern.account)
    if scope.other_service:
        segments = (pattern.partition, "*", pattern.region, "")
    return any(matches(":".join(("arn", *segments, parent)), arn) for parent in scope.parents(pattern.tail))
