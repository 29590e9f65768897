"""The actions that the rule of a policy statement covers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from collector.analysis.actions import NO_ACTIONS, Masks, common, meet, union, without
from collector.analysis.authorization import EVERY_ACTION, everything, expand
from collector.analysis.documents import Rule
from collector.analysis.globs import matches

_FEW = 8


@dataclass(frozen=True, slots=True, eq=False)
class StatementActions:
    """The actions that a rule covers.

    `masks` are the actions of the authorization reference. `unlisted` are the names of actions that the rule names but that are
    missing from the reference. `all_actions` is true if the rule has a pattern for every action and no NotAction.
    """

    rule: Rule
    masks: Masks
    unlisted: tuple[str, ...]
    all_actions: bool
    _by_service: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def unlisted_of(self, service: str) -> tuple[str, ...]:
        """Return the unlisted actions of a service."""
        return tuple(name for name in self.unlisted if name.partition(":")[0] == service)

    def applies(self, masks: Masks, service: str) -> bool:
        """Whether the rule covers one of these actions or names an unlisted action of the service."""
        return meet(self.masks, masks) or bool(self.unlisted and self.unlisted_of(service))

    def among(self, masks: Masks) -> Masks:
        """Return the actions in `masks` that the rule covers."""
        return masks if self.all_actions else common(self.masks, masks) if masks else NO_ACTIONS

    def covers_unlisted(self, name: str) -> bool:
        """Whether the rule covers an action that is missing from the reference; `name` is in lower case."""
        named = any(matches(pattern.lower(), name) or pattern == "*" for pattern in self.rule.actions)
        return named != self.rule.not_actions

    def covers_any(self, masks: Masks, unlisted: Iterable[str]) -> bool:
        """Whether the rule covers one of these actions, or one of these unlisted actions."""
        return meet(self.masks, masks) or any(map(self.covers_unlisted, unlisted))

    def patterns_for(self, masks: Masks, service: str) -> tuple[str, ...]:
        """Return the rule's action patterns, as written, that match one of these actions or an unlisted one of the service."""
        unlisted = self.unlisted_of(service)
        return tuple(
            pattern for pattern in self._candidates(masks, service)
            if meet(expand(pattern).masks, masks) or expand(pattern).unlisted in unlisted
        )  # fmt: skip

    def _candidates(self, masks: Masks, service: str) -> Iterable[str]:
        if len(self.rule.actions) <= _FEW or len(masks) > _FEW:
            return self.rule.actions
        if not self._by_service:
            self._by_service.update(_by_service(self.rule.actions))
        return dict.fromkeys(pattern for prefix in (*masks, service) for pattern in self._by_service.get(prefix, ()))


@lru_cache(maxsize=1024)
def statement_actions(rule: Rule) -> StatementActions:
    """Return the actions of a rule. Cached: equal rules usually share one object."""
    masks, unlisted = _actions(rule.actions, negated=rule.not_actions)
    return StatementActions(
        rule, masks, unlisted, all_actions=not rule.not_actions and not EVERY_ACTION.isdisjoint(rule.actions)
    )


@lru_cache(maxsize=1024)
def _actions(patterns: tuple[str, ...], *, negated: bool) -> tuple[Masks, tuple[str, ...]]:
    """Return the actions that patterns match, and the names of the unlisted actions among them."""
    if not EVERY_ACTION.isdisjoint(patterns):
        return NO_ACTIONS if negated else everything(), ()
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
    return {prefix: tuple(dict.fromkeys(names)) for prefix, names in found.items()}
