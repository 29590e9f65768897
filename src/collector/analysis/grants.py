"""What a permission relationship says: its properties, from the statements that contribute to it.

The names are JupiterOne's where its documentation has them (`actions`, `normalizedActions`, `resources`, `conditions`, the access
flags, `partial`, `negatedActions`). Lists are text joined by commas, conditions and negated actions are JSON text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from collector.analysis.authorization import LEVELS, all_of, everything, levels
from collector.analysis.results import Primitive, cut
from collector.analysis.services import ACCOUNT_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from collector.analysis.actions import Masks
    from collector.analysis.collapse import Reach
    from collector.analysis.denials import Remainder
    from collector.analysis.documents import Statement
    from collector.analysis.statements import StatementActions


class Grant(NamedTuple):
    """A statement, and one place that it leads to."""

    statement: Statement
    meaning: StatementActions
    reach: Reach

    @property
    def conditional(self) -> bool:
        """Whether the grant depends on the request: by a condition or by a variable."""
        return self.statement.rule.condition is not None or bool(self.reach.pattern.variables)


def properties(grants: Sequence[Grant], left: Remainder, version: str | None) -> dict[str, Primitive]:
    """The properties of one relationship. Everything is in a fixed order, so equal grants give equal text."""
    positive = [grant for grant in grants if not grant.statement.rule.not_actions]
    negative = [grant for grant in grants if grant.statement.rule.not_actions]
    named = [grant for grant in grants if not grant.statement.rule.not_resources]
    excluded = [grant for grant in grants if grant.statement.rule.not_resources]
    return {
        "effect": grants[0].statement.rule.effect,
        **_actions(positive),
        **_texts("notActions", (action for grant in negative for action in grant.statement.rule.actions)),
        **_texts("resources", (grant.reach.pattern.raw for grant in named)),
        **_texts("notResources", (text for grant in excluded for text in grant.statement.rule.resources)),
        **conditions((grant.statement for grant in grants), conditional=all(grant.conditional for grant in grants)),
        **_texts("variables", (name for grant in grants for name in grant.reach.pattern.variables)),
        "admin": _is_admin(grants, left),
        **_flags(left.masks),
        **negations(left, partial=bool(excluded)),
        **_matched(grants),
        "statement": proof((grant.statement for grant in grants), version),
    }


def conditions(statements: Iterable[Statement], *, conditional: bool) -> dict[str, Primitive]:
    """Whether a relationship depends on the request, and the conditions it depends on."""
    several = sorted({statement.rule.condition for statement in statements if statement.rule.condition})
    # They are JSON already.
    return {"conditional": conditional, **({"conditions": f"[{','.join(several)}]"} if several else {})}


def negations(left: Remainder, *, partial: bool = False) -> dict[str, Primitive]:
    """Whether something else takes a part of the grant away, and the actions that it says."""
    denied = sorted({action for each in left.negated if not each.rule.not_actions for action in each.rule.actions})
    spared = sorted({action for each in left.negated if each.rule.not_actions for action in each.rule.actions})
    return {
        "partial": partial or bool(left.negated),
        **({"negatedActions": orjson.dumps(denied).decode()} if denied else {}),
        **({"negatedNotActions": orjson.dumps(spared).decode()} if spared else {}),
    }


def proof(statements: Iterable[Statement], version: str | None) -> str:
    """Where it is written: the version of the policy and its statements by Sid, or by position: `v3/AllowRead,[2]`."""
    labels = ",".join(dict.fromkeys(statement.label for statement in statements))
    return cut(f"{version}/{labels}" if version else labels)


def _actions(grants: Sequence[Grant]) -> dict[str, Primitive]:
    written = {
        action for grant in grants for action in grant.meaning.written(grant.reach.masks, grant.reach.service)
    }  # fmt: skip
    return {
        **_texts("actions", written),
        **_texts("normalizedActions", (action.lower() for action in written)),
    }


def _texts(name: str, values: Iterable[str]) -> dict[str, Primitive]:
    several = sorted(set(values))
    return {name: cut(",".join(several))} if several else {}


def _flags(masks: Masks) -> Mapping[str, bool]:
    return {level: any(bits & levels(service)[level] for service, bits in masks.items()) for level in LEVELS.values()}


def _is_admin(grants: Sequence[Grant], left: Remainder) -> bool:
    """Whether every action of the account or of the service is granted."""
    services = {grant.reach.name for grant in grants if grant.reach.step == "service"} - {ACCOUNT_PREFIX}
    return all_actions(grants, left) or any(left.masks.get(service) == all_of(service) for service in services)


def all_actions(grants: Iterable[Grant], left: Remainder) -> bool:
    """Whether all actions are granted and left; those of a NotAction never are, whatever it leaves out."""
    whole = any(grant.meaning.all_actions and not grant.statement.rule.not_resources for grant in grants)
    return whole and left.masks == everything()


def _matched(grants: Iterable[Grant]) -> dict[str, Primitive]:
    total = sum(grant.reach.matched for grant in grants)
    return {"matchedResources": total} if total else {}
