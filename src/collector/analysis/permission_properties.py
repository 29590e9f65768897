"""The properties of a permission relationship, computed from the statements that contribute to it.

Names follow JupiterOne's documentation if it has them (`actions`, `normalizedActions`, `resources`, `conditions`, the access flags,
`partial`, `negatedActions`). `grants` says which action goes with which resource under which condition; the other properties are
summaries of it for queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, takewhile

import orjson

from collector.analysis.actions import Masks, union, without
from collector.analysis.authorization import LEVELS, levels
from collector.analysis.complements import common_exceptions
from collector.analysis.documents import Statement
from collector.analysis.globs import covers
from collector.analysis.grant_texts import grants_text
from collector.analysis.grants import EffectiveGrant, Grant, effective
from collector.analysis.results import TEXT_LIMIT, Primitive, Value, cut
from collector.analysis.services import ACCOUNT_PREFIX

_CHANGES = set(LEVELS.values()) - {"read", "list"}


def grant_properties(grants: Sequence[EffectiveGrant], version: str | None) -> dict[str, Value]:
    """Return the properties of one relationship. Lists are sorted, so equal grants have equal properties.

    Some grants must be effective; the others are listed with what denies them. `version` is the version of the policy that
    `statement` mentions, if there is one.
    """
    stated = [each.grant for each in grants]
    live = effective(grants)
    return {
        "effect": stated[0].statement.rule.effect,
        **_actions(stated),
        **_resources(stated),
        **conditions((grant.statement for grant in stated), [each.grant.conditional for each in live]),
        **_texts("variables", (name for grant in stated for name in grant.target.pattern.variables)),
        "scope": _scope(live),
        "admin": any(map(_is_admin, live)),
        **_flags(live),
        **_negations(grants),
        **_matched(stated),
        "statement": statement_labels((grant.statement for grant in stated), version),
        "grants": grants_text(grants),
    }


def conditions(statements: Iterable[Statement], conditional: Sequence[bool]) -> dict[str, Primitive]:
    """Return whether all or some grants are conditional, and the conditions of the statements as a JSON array."""
    texts = sorted({statement.rule.condition for statement in statements if statement.rule.condition})
    return {
        "conditional": all(conditional),
        **({"partlyConditional": True} if any(conditional) and not all(conditional) else {}),
        **({"conditions": f"[{','.join(texts)}]"} if texts else {}),
    }


def statement_labels(statements: Iterable[Statement], version: str | None) -> str:
    """Return the version of the policy and the Sids of its statements, or their positions: `v3/AllowRead,[2]`."""
    labels = ",".join(dict.fromkeys(statement.label for statement in statements))
    return cut(f"{version}/{labels}" if version else labels)


def action_lists(name: str, actions: Iterable[str]) -> dict[str, Value]:
    """Return a list of action patterns as a property. If it is longer than `TEXT_LIMIT`, only whole patterns are left out."""
    texts = sorted(set(actions))
    if sum(map(len, texts)) <= TEXT_LIMIT:
        return {name: texts} if texts else {}
    fitting = takewhile(lambda length: length <= TEXT_LIMIT, accumulate(map(len, texts)))
    return {name: texts[: len(list(fitting))], f"{name}Truncated": True}


def _actions(grants: Sequence[Grant]) -> dict[str, Value]:
    positive = [grant for grant in grants if not grant.statement.rule.not_actions]
    exceptions = [grant.patterns for grant in grants if grant.statement.rule.not_actions]
    found = action_lists("actions", (action for grant in positive for action in grant.patterns))
    kept = found.get("actions")
    normalized = sorted({action.lower() for action in kept}) if isinstance(kept, list) else []
    return {
        **found,
        **({"normalizedActions": normalized} if normalized else {}),
        **action_lists("notActions", common_exceptions(exceptions, str.lower)),
    }


def _resources(grants: Sequence[Grant]) -> dict[str, Primitive]:
    named = [grant for grant in grants if not grant.statement.rule.not_resources]
    exceptions = [grant.statement.rule.resources for grant in grants if grant.statement.rule.not_resources]
    return {
        **_texts("resources", (grant.target.pattern.raw for grant in named)),
        **_texts("notResources", common_exceptions(exceptions)),
    }


def _texts(name: str, values: Iterable[str]) -> dict[str, Primitive]:
    texts = sorted(set(values))
    return {name: cut(",".join(texts))} if texts else {}


def _scope(live: Sequence[EffectiveGrant]) -> str:
    """Return whether the grants are on the target itself (`own`), on what is below it (`below`), or on both."""
    below = {each.grant.target.below for each in live}
    return "both" if len(below) > 1 else "below" if True in below else "own"


def _flags(live: Sequence[EffectiveGrant]) -> dict[str, Primitive]:
    """Return the access levels that are granted for every request, and those that only some requests have."""
    certain = union(each.certain for each in live)
    possible = without(union(each.left.masks for each in live), certain)
    granted, sometimes = _levels(certain), _levels(possible)
    return {
        **{level: level in granted for level in LEVELS.values()},
        **{f"conditional{level.capitalize()}": True for level in LEVELS.values() if level in sometimes},
    }


def _levels(masks: Masks) -> set[str]:
    found: set[str] = set()
    for service, bits in masks.items():
        found.update(level for level, mask in levels(service).items() if bits & mask)
        if len(found) == len(LEVELS):
            break
    return found


def _is_admin(granted: EffectiveGrant) -> bool:
    """Whether a grant is every action of the account or of a service, on everything, for every request.

    A service with nothing to change has no administrators.
    """
    grant, rule, target = granted.grant, granted.grant.statement.rule, granted.grant.target
    if target.kind not in ("account", "service") or not target.pattern.every or rule.not_resources or rule.not_actions:
        return False
    if granted.left.denied or not _CHANGES & _levels(granted.certain):
        return False
    every = "*:*" if target.kind == "account" or target.name == ACCOUNT_PREFIX else f"{target.name}:*"
    return any(covers(action.lower(), every) for action in grant.patterns)


def _negations(grants: Sequence[EffectiveGrant]) -> dict[str, Primitive]:
    """Return `partial`, and the actions and exceptions of the Deny statements that limit the grants."""
    rules = {denial.actions.rule for each in grants for denial, _ in each.left.denied}
    if not rules:
        return {"partial": any(each.grant.statement.rule.not_resources for each in grants)}
    denied = sorted({action for rule in rules if not rule.not_actions for action in rule.actions})
    excepted = sorted({action for rule in rules if rule.not_actions for action in rule.actions})
    return {
        "partial": True,
        **({"negatedActions": orjson.dumps(denied).decode()} if denied else {}),
        **({"negatedNotActions": orjson.dumps(excepted).decode()} if excepted else {}),
    }


def _matched(grants: Iterable[Grant]) -> dict[str, Primitive]:
    total = sum(grant.target.matched for grant in grants)
    return {"matchedResources": total} if total else {}
