"""Grants: a statement of a policy and one of its targets, and what Deny statements leave of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from collector.analysis.actions import NO_ACTIONS, Masks
from collector.analysis.collapse import GrantTarget
from collector.analysis.denials import Remainder
from collector.analysis.documents import Statement
from collector.analysis.statements import StatementActions


@dataclass(frozen=True, eq=False)
class Grant:
    """A statement, its actions, and one of its targets."""

    statement: Statement
    actions: StatementActions
    target: GrantTarget

    @property
    def conditional(self) -> bool:
        """Whether the grant depends on the request, because of a condition or an unresolved variable."""
        return self.statement.rule.condition is not None or bool(self.target.pattern.variables)

    @cached_property
    def patterns(self) -> tuple[str, ...]:
        """The action patterns that apply to the target, as written; with NotAction, the actions that are left out."""
        if self.statement.rule.not_actions:
            return self.statement.rule.actions
        return self.actions.patterns_for(self.target.masks, self.target.service)


class EffectiveGrant(NamedTuple):
    """A grant, and what the Deny statements of its document leave of it."""

    grant: Grant
    left: Remainder

    @property
    def certain(self) -> Masks:
        """The actions that are granted for every request."""
        return NO_ACTIONS if self.grant.conditional else self.left.certain

    @property
    def unlimited(self) -> bool:
        """Whether an action is granted for every request, be it in the authorization reference or not."""
        return bool(self.certain) or bool(self.left.unlisted and not self.left.denied and not self.grant.conditional)


def effective(grants: Iterable[EffectiveGrant]) -> list[EffectiveGrant]:
    """Return the grants of which something is left; if the list is empty, there is nothing to draw."""
    return [each for each in grants if not each.left.empty]
