"""Renders the grants of a permission relationship as JSON text, without loss.

Each grant has its statement, its actions and resources as written, its condition, and the Deny statements that limit it. So a reader
can decide which action is allowed on which resource, and for which requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from collector.analysis.denials import FULL, Denial
from collector.analysis.documents import Rule
from collector.analysis.grants import EffectiveGrant, Grant


def grants_text(grants: Iterable[EffectiveGrant]) -> str:
    """Return the grants as a JSON array. Resource patterns of one statement that are granted alike are one element."""
    alike: dict[tuple[Any, ...], tuple[EffectiveGrant, dict[str, None]]] = {}
    for each in grants:
        grant, target = each.grant, each.grant.target
        key = (grant.statement.label, grant.patterns, target.below, target.pattern.variables, each.left.denied)
        alike.setdefault(key, (each, {}))[1][target.pattern.raw] = None
    return orjson.dumps([_grant(first, list(resources)) for first, resources in alike.values()]).decode()


def _grant(effective: EffectiveGrant, resources: list[str]) -> dict[str, Any]:
    grant, left = effective
    (label, rule, principals), variables = grant.statement, grant.target.pattern.variables
    return {
        **_label(label),
        **_lists(rule, grant.patterns, rule.resources if rule.not_resources else resources),
        **({"notPrincipal": sorted(value for _, value in principals.named)} if principals.negated else {}),
        **({"variables": sorted(variables)} if variables else {}),
        "scope": "below" if grant.target.below else "own",
        **({"levels": list(grant.target.levels)} if grant.target.levels else {}),
        **({"denied": [_denial(grant, *each) for each in left.denied]} if left.denied else {}),
    }


def _denial(grant: Grant, denial: Denial, degree: int) -> dict[str, Any]:
    rule, target = denial.actions.rule, grant.target
    actions = rule.actions if rule.not_actions else denial.actions.patterns_for(target.masks, target.service)
    return {
        "statement": denial.label,
        **_lists(rule, actions or rule.actions, rule.resources),
        "wholly": degree == FULL,
    }


def _label(label: str) -> dict[str, str]:
    return {"statement" if label.startswith("[") else "sid": label}


def _lists(rule: Rule, actions: Iterable[str], resources: Iterable[str]) -> dict[str, Any]:
    """Return the actions, the resources and the condition of a rule, under the names that say which lists are exceptions."""
    return {
        "notActions" if rule.not_actions else "actions": sorted(set(actions)),
        "notResources" if rule.not_resources else "resources": sorted(set(resources)),
        **({"condition": orjson.Fragment(rule.condition)} if rule.condition else {}),
    }
