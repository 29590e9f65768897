"""What the rule of a statement means: the actions it speaks of, and whether it reaches an entity."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from collector.analysis.actions import NOTHING, Masks, meet, union, without
from collector.analysis.authorization import EVERY_ACTION, everything, expand
from collector.analysis.globs import matches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collector.analysis.documents import Rule

_FEW = 8


@dataclass(frozen=True, slots=True, eq=False)
class StatementActions:
    """The actions of a rule. `unlisted` are those that it names though the reference does not know them.

    `all_actions` is said of a rule that speaks of every action there is.
    """

    rule: Rule
    masks: Masks
    unlisted: tuple[str, ...]
    all_actions: bool
    _by_service: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def unlisted_of(self, service: str) -> tuple[str, ...]:
        """The actions of a service that the rule names though the reference does not know them."""
        return tuple(name for name in self.unlisted if name.partition(":")[0] == service)

    def applies(self, masks: Masks, service: str) -> bool:
        """Whether the rule speaks of one of these actions, or names an unlisted one of the service."""
        return meet(self.masks, masks) or bool(self.unlisted and self.unlisted_of(service))

    def speaks_of(self, name: str) -> bool:
        """Whether the rule speaks of an action that the reference does not know."""
        return (
            any(matches(pattern.lower(), name) or pattern == "*" for pattern in self.rule.actions)
            != self.rule.not_actions
        )

    def written(self, masks: Masks, service: str) -> tuple[str, ...]:
        """The rule's action patterns, as they are written, that take in one of these actions."""
        named = self.unlisted_of(service)
        return tuple(
            pattern for pattern in self._candidates(masks, service)
            if meet(expand(pattern).masks, masks) or expand(pattern).unlisted in named
        )  # fmt: skip

    def _candidates(self, masks: Masks, service: str) -> Iterable[str]:
        if len(self.rule.actions) <= _FEW or len(masks) > _FEW:
            return self.rule.actions
        if not self._by_service:
            self._by_service.update(_by_service(self.rule.actions))
        return dict.fromkeys(pattern for prefix in (*masks, service) for pattern in self._by_service.get(prefix, ()))


@lru_cache(maxsize=1024)
def statement_actions(rule: Rule) -> StatementActions:
    """The meaning of a rule; mostly the same object for equal rules."""
    masks, unlisted = _actions(rule.actions, negated=rule.not_actions)
    return StatementActions(
        rule, masks, unlisted, all_actions=not rule.not_actions and not EVERY_ACTION.isdisjoint(rule.actions)
    )


@lru_cache(maxsize=1024)
def _actions(patterns: tuple[str, ...], *, negated: bool) -> tuple[Masks, tuple[str, ...]]:
    """The actions that patterns stand for, and those that they name though the reference does not know them."""
    if not EVERY_ACTION.isdisjoint(patterns):
        return NOTHING if negated else everything(), ()
    expansions = [expand(pattern) for pattern in patterns]
    masks = expansions[0].masks if len(expansions) == 1 else union(each.masks for each in expansions)
    if negated:
        return without(everything(), masks), ()
    return masks, tuple(dict.fromkeys(each.unlisted for each in expansions if each.unlisted))


def _by_service(patterns: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for pattern in patterns:
        expansion = expand(pattern)
        prefixes = expansion.unlisted.partition(":")[:1] if expansion.unlisted else expansion.masks
        for prefix in prefixes:
            found.setdefault(prefix, []).append(pattern)
    return {prefix: tuple(dict.fromkeys(several)) for prefix, several in found.items()}
