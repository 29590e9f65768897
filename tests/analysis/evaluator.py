"""A small reference evaluator of identity policies in three values: what a document decides about one action on one ARN.

It follows IAM's documented evaluation logic and shares no code and no data with the analysis. A condition or a policy variable may
hold or not, depending on the request.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import cache
from typing import Any

VARIABLE = re.compile(r"\$\{[^}]*\}")


class Decision(IntEnum):
    """For which requests a statement applies, or an action is allowed."""

    NEVER = 0
    SOMETIMES = 1
    ALWAYS = 2


def decide(document: dict[str, Any], action: str, arn: str, account: str) -> Decision:
    """Return whether a document allows an action on a resource to a principal of an account."""
    applies = {"Allow": Decision.NEVER, "Deny": Decision.NEVER}
    variables = document.get("Version") == "2012-10-17"
    for statement in listed(document["Statement"]):
        if names_action(statement, action):
            found = min(names_resource(statement, arn, account, variables=variables), holds(statement))
            applies[statement["Effect"]] = max(applies[statement["Effect"]], found)
    if applies["Deny"] == Decision.ALWAYS:
        return Decision.NEVER
    return min(applies["Allow"], Decision.ALWAYS if applies["Deny"] == Decision.NEVER else Decision.SOMETIMES)


def names_action(statement: dict[str, Any], action: str) -> bool:
    patterns = listed(statement.get("Action", statement.get("NotAction")))
    named = any(glob(pattern.lower(), action.lower()) for pattern in patterns)
    return named if "Action" in statement else not named


def names_resource(statement: dict[str, Any], arn: str, account: str, *, variables: bool) -> Decision:
    patterns = listed(statement.get("Resource", statement.get("NotResource")))
    named = max((named_by(pattern, arn, account, variables=variables) for pattern in patterns), default=Decision.NEVER)
    return named if "Resource" in statement else Decision(Decision.ALWAYS - named)


def named_by(pattern: str, arn: str, account: str, *, variables: bool) -> Decision:
    if variables:
        for name in ("${aws:PrincipalAccount}", "${aws:ResourceAccount}"):
            pattern = pattern.replace(name, account)
    unknown = variables and VARIABLE.search(pattern)
    if not glob(completed(VARIABLE.sub("*", pattern) if unknown else pattern), arn):
        return Decision.NEVER
    return Decision.SOMETIMES if unknown else Decision.ALWAYS


def completed(pattern: str) -> str:
    """Add the parts that an ARN lacks: AWS takes them for `*`."""
    return pattern + ":*" * (5 - pattern.count(":")) if pattern.startswith("arn:") else pattern


def holds(statement: dict[str, Any]) -> Decision:
    return Decision.SOMETIMES if statement.get("Condition") else Decision.ALWAYS


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@cache
def expression(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in pattern), re.DOTALL)


def glob(pattern: str, text: str) -> bool:
    return expression(pattern).fullmatch(text) is not None
