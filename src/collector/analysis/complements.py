"""Complements: what NotAction and NotResource leave out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from collector.analysis.actions import Masks, union, without
from collector.analysis.authorization import everything, forms
from collector.analysis.facts import Account
from collector.analysis.globs import covers
from collector.analysis.patterns import EVERYTHING, Pattern


def common_exceptions(lists: Iterable[Sequence[str]], fold: Callable[[str], str] = str) -> set[str]:
    """Return the patterns that all lists of exceptions cover: two statements with exceptions grant what either grants.

    `fold` maps patterns to a form in which they are compared.
    """
    every = list(dict.fromkeys(map(tuple, lists)))
    return {
        pattern
        for patterns in every
        for pattern in patterns
        if all(any(covers(fold(other), fold(pattern)) for other in others) for others in every)
    }


def all_but(patterns: Iterable[Pattern]) -> Pattern:
    """Return the pattern for everything but `patterns`. It depends on the request if they have unresolved variables."""
    return EVERYTHING._replace(variables=tuple(dict.fromkeys(name for each in patterns for name in each.variables)))


def exempted(patterns: Iterable[Pattern], account: Account) -> Masks:
    """Return the actions for which a NotResource of these patterns leaves no resource of the account."""
    certain = [pattern for pattern in patterns if not pattern.variables]
    if any(pattern.every for pattern in certain):
        return everything()
    covered: list[Masks] = []
    for service in {pattern.service for pattern in certain}:
        covered += (masks for form, masks in forms(service).items() if _is_covered(form, certain, account))
    return without(union(covered), _elsewhere(certain, account)) if covered else {}


def _elsewhere(patterns: Sequence[Pattern], account: Account) -> Masks:
    """Return the actions that can be allowed on an ARN that no pattern covers."""
    every = (each for service in everything() for each in forms(service).items())
    return union(masks for form, masks in every if not _is_covered(form, patterns, account))


def _is_covered(form: str, patterns: Sequence[Pattern], account: Account) -> bool:
    """Whether a pattern matches all ARNs of a form in the account."""
    _, _, service, region, owner, resource = form.replace("{}", "*").split(":", 5)
    text = ":".join(("arn", account.partition, service, region, account.id if owner == "*" else owner, resource))
    return any(pattern.service == service and covers(pattern.text, text) for pattern in patterns)
