"""Parses policy documents into one normalized form; a malformed statement becomes a fault instead of an exception.

The accepted shapes are those of the IAM JSON policy grammar: `Statement` and most elements may be a single value or a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

import orjson

from collector.analysis.facts import PolicyDocument

VARIABLES_SINCE = "2012-10-17"
"""The first version of the policy language with variables; in older documents `${…}` is literal text (IAM documentation)."""

DocumentKind = Literal["identity", "resource", "trust"]


class Rule(NamedTuple):
    """The content of a statement without its label and principals; equal statements have equal rules.

    `condition` is JSON text with sorted keys. `variables` is true if the document's version of the language has variables.
    """

    effect: Literal["Allow", "Deny"]
    actions: tuple[str, ...]
    not_actions: bool
    resources: tuple[str, ...]
    not_resources: bool
    condition: str | None
    variables: bool


class Principals(NamedTuple):
    """The Principal or, if `negated`, the NotPrincipal of a statement: (kind, value) pairs such as `("AWS", "123456789012")`."""

    named: tuple[tuple[str, str], ...] = ()
    negated: bool = False


class Statement(NamedTuple):
    """A statement of a document. `label` is its Sid, or its position in brackets."""

    label: str
    rule: Rule
    principals: Principals


class Policy(NamedTuple):
    """A parsed document: its well-formed statements, and a description of what is wrong with each of the others."""

    statements: tuple[Statement, ...]
    faults: tuple[str, ...]


class _GrammarError(ValueError):
    """The document or a statement violates the grammar."""


def read(document: PolicyDocument, kind: DocumentKind) -> Policy:
    """Parse a document. Never raises; anything that cannot be parsed is reported in `Policy.faults`."""
    try:
        parsed = _parsed(document)
    except _GrammarError as fault:
        return Policy((), (str(fault),))
    variables = parsed.get("Version") == VARIABLES_SINCE
    statements: list[Statement] = []
    faults: list[str] = []
    for position, raw in enumerate(_as_list(parsed.get("Statement", []))):
        sid = raw.get("Sid") if isinstance(raw, Mapping) else None
        label = sid if isinstance(sid, str) and sid else f"[{position}]"
        try:
            statements.append(_statement(raw, label, kind, variables=variables))
        except _GrammarError as fault:
            faults.append(f"{label}: {fault}")
    return Policy(tuple(statements), tuple(faults))


def _parsed(document: PolicyDocument) -> Mapping[str, Any]:
    if isinstance(document, str):
        # IAM's API percent-encodes documents; no JSON text begins with a percent sign.
        text = unquote(document) if document.startswith("%") else document
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise _GrammarError(f"not JSON: {error}") from None
    if not isinstance(document, Mapping):
        raise _GrammarError("not a JSON object")
    return document


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _statement(raw: Any, label: str, kind: DocumentKind, *, variables: bool) -> Statement:
    if not isinstance(raw, Mapping):
        raise _GrammarError("not a JSON object")
    effect = raw.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise _GrammarError(f"Effect is {effect!r}")
    actions, not_actions = _either(raw, "Action", "NotAction")
    resources, not_resources = _resources(raw, kind)
    principals = Principals() if kind == "identity" else _principals(raw)
    rule = Rule(effect, actions, not_actions, resources, not_resources, _condition(raw.get("Condition")), variables)
    return Statement(label, rule, principals)


def _resources(raw: Mapping[str, Any], kind: DocumentKind) -> tuple[tuple[str, ...], bool]:
    if kind == "identity" or "Resource" in raw or "NotResource" in raw:
        return _either(raw, "Resource", "NotResource")
    # ECR repository policies and trust policies have no Resource: they apply to the resource that they are attached to.
    return ("*",), False


def _either(raw: Mapping[str, Any], positive: str, negative: str) -> tuple[tuple[str, ...], bool]:
    if (positive in raw) == (negative in raw):
        raise _GrammarError(f"needs {positive} or {negative}")
    negated = negative in raw
    values = _as_list(raw[negative if negated else positive])
    if not all(isinstance(value, str) for value in values):
        raise _GrammarError(f"{negative if negated else positive} is not text")
    return tuple(values), negated


def _condition(raw: Any) -> str | None:
    if not raw:
        return None
    if not isinstance(raw, Mapping) or not all(isinstance(keys, Mapping) for keys in raw.values()):
        raise _GrammarError("Condition is not an object of objects")
    return orjson.dumps(raw, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS).decode()


def _principals(raw: Mapping[str, Any]) -> Principals:
    if ("Principal" in raw) == ("NotPrincipal" in raw):
        raise _GrammarError("needs Principal or NotPrincipal")
    negated = "NotPrincipal" in raw
    named = raw["NotPrincipal" if negated else "Principal"]
    if isinstance(named, str):
        named = {"AWS": named}
    if not isinstance(named, Mapping):
        raise _GrammarError("Principal is not an object")
    return Principals(tuple(_pairs(named)), negated)


def _pairs(named: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind, values in named.items():
        for value in _as_list(values):
            if not isinstance(value, str | int):
                raise _GrammarError("a principal is not text")
            # An account id written as a number has lost its leading zeros.
            yield kind, value if isinstance(value, str) else f"{value:012d}"


def condition_values(condition: str | None) -> Iterator[tuple[str, str, str]]:
    """Yield each (operator, lower-case key, value) of a condition. Condition keys are case-insensitive (IAM documentation)."""
    for operator, keys in orjson.loads(condition or "{}").items():
        for key, values in keys.items():
            for value in _as_list(values):
                yield operator, key.lower(), value if isinstance(value, str) else orjson.dumps(value).decode()
