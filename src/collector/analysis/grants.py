"""The properties of a permission relationship, computed from the statements that contribute to it.

Names follow JupiterOne's documentation if it has them (`actions`, `normalizedActions`, `resources`, `conditions`, the access flags,
`partial`, `negatedActions`). Lists are comma-separated text; conditions and negated actions are JSON text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import orjson

from collector.analysis.actions import Masks
from collector.analysis.authorization import LEVELS, all_of, everything, levels
from collector.analysis.collapse import GrantTarget
from collector.analysis.denials import Remainder
from collector.analysis.documents import Statement
from collector.analysis.results import Primitive, cut
from collector.analysis.services import ACCOUNT_PREFIX
from collector.analysis.statements import StatementActions


class Grant(NamedTuple):
    """A statement, its actions, and one of its targets."""

    statement: Statement
    actions: StatementActions
    target: GrantTarget

    @property
    def conditional(self) -> bool:
        """Whether the grant depends on the request, because of a condition or an unresolved variable."""
        return self.statement.rule.condition is not None or bool(self.target.pattern.variables)


def grant_properties(grants: Sequence[Grant], left: Remainder, version: str | None) -> dict[str, Primitive]:
    """Return the properties of one relationship. Lists are sorted, so equal grants have equal properties.

    `version` is the version of the policy that `statement` mentions, if there is one.
    """
    positive = [grant for grant in grants if not grant.statement.rule.not_actions]
    negative = [grant for grant in grants if grant.statement.rule.not_actions]
    named = [grant for grant in grants if not grant.statement.rule.not_resources]
    excluded = [grant for grant in grants if grant.statement.rule.not_resources]
    return {
        "effect": grants[0].statement.rule.effect,
        **_actions(positive),
        **_texts("notActions", (action for grant in negative for action in grant.statement.rule.actions)),
        **_texts("resources", (grant.target.pattern.raw for grant in named)),
        **_texts("notResources", (text for grant in excluded for text in grant.statement.rule.resources)),
        **conditions((grant.statement for grant in grants), conditional=all(grant.conditional for grant in grants)),
        **_texts("variables", (name for grant in grants for name in grant.target.pattern.variables)),
        "admin": _is_admin(grants, left),
        **_flags(left.masks),
        **_negations(left, partial=bool(excluded)),
        **_matched(grants),
        "statement": statement_labels((grant.statement for grant in grants), version),
    }


def conditions(statements: Iterable[Statement], *, conditional: bool) -> dict[str, Primitive]:
    """Return `conditional`, and the conditions of the statements as a JSON array."""
    texts = sorted({statement.rule.condition for statement in statements if statement.rule.condition})
    return {"conditional": conditional, **({"conditions": f"[{','.join(texts)}]"} if texts else {})}


def _negations(left: Remainder, *, partial: bool) -> dict[str, Primitive]:
    """Return `partial`, and the actions and exceptions of the Deny statements that limit the grant."""
    denied = sorted({action for each in left.negated if not each.rule.not_actions for action in each.rule.actions})
    excepted = sorted({action for each in left.negated if each.rule.not_actions for action in each.rule.actions})
    return {
        "partial": partial or bool(left.negated),
        **({"negatedActions": orjson.dumps(denied).decode()} if denied else {}),
        **({"negatedNotActions": orjson.dumps(excepted).decode()} if excepted else {}),
    }


def statement_labels(statements: Iterable[Statement], version: str | None) -> str:
    """Return the version of the policy and the Sids of its statements, or their positions: `v3/AllowRead,[2]`."""
    labels = ",".join(dict.fromkeys(statement.label for statement in statements))
    return cut(f"{version}/{labels}" if version else labels)


def _actions(grants: Sequence[Grant]) -> dict[str, Primitive]:
    patterns = {
        action for grant in grants for action in grant.actions.patterns_for(grant.target.masks, grant.target.service)
    }
    return {**_texts("actions", patterns), **_texts("normalizedActions", (action.lower() for action in patterns))}


def _texts(name: str, values: Iterable[str]) -> dict[str, Primitive]:
    texts = sorted(set(values))
    return {name: cut(",".join(texts))} if texts else {}


def _flags(masks: Masks) -> Mapping[str, bool]:
    return {level: any(bits & levels(service)[level] for service, bits in masks.items()) for level in LEVELS.values()}


def _is_admin(grants: Sequence[Grant], left: Remainder) -> bool:
    """Whether every action of the account or of a service is granted and not denied; for the account, NotAction does not count."""
    services = {grant.target.name for grant in grants if grant.target.kind == "service"} - {ACCOUNT_PREFIX}
    if any(left.masks.get(service) == all_of(service) for service in services):
        return True
    wildcard = any(grant.actions.all_actions and not grant.statement.rule.not_resources for grant in grants)
    return wildcard and left.masks == everything()


def _matched(grants: Iterable[Grant]) -> dict[str, Primitive]:
    total = sum(grant.target.matched for grant in grants)
    return {"matchedResources": total} if total else {}
