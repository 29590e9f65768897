"""Policy documents, brought into one shape: every list a tuple, every statement whole or named as faulty.

The shapes allowed are those of the IAM JSON policy grammar: a statement or an element may be one value or a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import unquote

import orjson

if TYPE_CHECKING:
    from collector.analysis.facts import PolicyDocument

VARIABLES_SINCE = "2012-10-17"
"""The first version of the policy language that has variables; in older documents `${…}` is text (IAM documentation)."""

Kind = Literal["identity", "resource", "trust"]


class Rule(NamedTuple):
    """What a statement says, without who says it where; equal statements are equal rules."""

    effect: Literal["Allow", "Deny"]
    actions: tuple[str, ...]
    not_actions: bool
    resources: tuple[str, ...]
    not_resources: bool
    condition: str | None
    variables: bool


class Principals(NamedTuple):
    """Who a statement speaks of: (kind, value) pairs such as `("AWS", "123456789012")`."""

    named: tuple[tuple[str, str], ...] = ()
    negated: bool = False


class Statement(NamedTuple):
    """A statement of a document; `label` is its Sid, or its position in brackets."""

    label: str
    rule: Rule
    principals: Principals


class Policy(NamedTuple):
    """A document that was read: its sound statements, and what is wrong with the others."""

    statements: tuple[Statement, ...]
    faults: tuple[str, ...]


class _FaultyError(ValueError):
    """The document, or a statement, does not follow the grammar."""


def read(document: PolicyDocument, kind: Kind) -> Policy:
    """The statements of a document. Never raises: what cannot be read is among the faults."""
    try:
        parsed = _parsed(document)
    except _FaultyError as fault:
        return Policy((), (str(fault),))
    variables = parsed.get("Version") == VARIABLES_SINCE
    statements: list[Statement] = []
    faults: list[str] = []
    for position, raw in enumerate(_several(parsed.get("Statement", []))):
        label = _label(raw, position)
        try:
            statements.append(_statement(raw, label, kind, variables=variables))
        except _FaultyError as fault:
            faults.append(f"{label}: {fault}")
    return Policy(tuple(statements), tuple(faults))


def _parsed(document: PolicyDocument) -> Mapping[str, Any]:
    if isinstance(document, str):
        # IAM's API percent-encodes documents; no JSON text begins with a percent sign.
        text = unquote(document) if document.startswith("%") else document
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise _FaultyError(f"not JSON: {error}") from None
    if not isinstance(document, Mapping):
        raise _FaultyError("not a JSON object")
    return document


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _label(raw: Any, position: int) -> str:
    sid = raw.get("Sid") if isinstance(raw, Mapping) else None
    return sid if isinstance(sid, str) and sid else f"[{position}]"


def _statement(raw: Any, label: str, kind: Kind, *, variables: bool) -> Statement:
    if not isinstance(raw, Mapping):
        raise _FaultyError("not a JSON object")
    effect = raw.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise _FaultyError(f"Effect is {effect!r}")
    actions, not_actions = _either(raw, "Action", "NotAction")
    resources, not_resources = _resources(raw, kind)
    principals = Principals() if kind == "identity" else _principals(raw)
    rule = Rule(effect, actions, not_actions, resources, not_resources, _condition(raw.get("Condition")), variables)
    return Statement(label, rule, principals)


def _resources(raw: Mapping[str, Any], kind: Kind) -> tuple[tuple[str, ...], bool]:
    if kind == "identity" or "Resource" in raw or "NotResource" in raw:
        return _either(raw, "Resource", "NotResource")
    # ECR's repository policies and trust policies speak of what they hang on.
    return ("*",), False


def _either(raw: Mapping[str, Any], positive: str, negative: str) -> tuple[tuple[str, ...], bool]:
    if (positive in raw) == (negative in raw):
        raise _FaultyError(f"needs {positive} or {negative}")
    negated = negative in raw
    values = _several(raw[negative if negated else positive])
    if not all(isinstance(value, str) for value in values):
        raise _FaultyError(f"{negative if negated else positive} is not text")
    return tuple(values), negated


def _condition(raw: Any) -> str | None:
    if not raw:
        return None
    if not isinstance(raw, Mapping) or not all(isinstance(keys, Mapping) for keys in raw.values()):
        raise _FaultyError("Condition is not an object of objects")
    return orjson.dumps(raw, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS).decode()


def _principals(raw: Mapping[str, Any]) -> Principals:
    if ("Principal" in raw) == ("NotPrincipal" in raw):
        raise _FaultyError("needs Principal or NotPrincipal")
    negated = "NotPrincipal" in raw
    named = raw["NotPrincipal" if negated else "Principal"]
    if isinstance(named, str):
        named = {"AWS": named}
    if not isinstance(named, Mapping):
        raise _FaultyError("Principal is not an object")
    return Principals(tuple(_pairs(named)), negated)


def _pairs(named: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind, values in named.items():
        for value in _several(values):
            if not isinstance(value, str | int):
                raise _FaultyError("a principal is not text")
            # An account id written as a number has lost its leading zeros.
            yield kind, value if isinstance(value, str) else f"{value:012d}"


def condition_values(condition: str | None) -> Iterator[tuple[str, str, str]]:
    """Every (operator, key in lower case, value) of a condition; condition keys are not case-sensitive (IAM documentation)."""
    for operator, keys in orjson.loads(condition or "{}").items():
        for key, values in keys.items():
            for value in _several(values):
                yield operator, key.lower(), value if isinstance(value, str) else orjson.dumps(value).decode()
