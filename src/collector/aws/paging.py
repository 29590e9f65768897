"""Pagination: botocore's paginator models as a pure function from a response to the parameters of the next page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import jmespath

Search: TypeAlias = Callable[[Mapping[str, Any]], Any]
"""Extracts a token from a response."""


@dataclass(frozen=True, slots=True)
class Paging:
    """The tokens of a paginated operation: request parameters, and where the response holds the value of each.

    `more` extracts the flag that says whether there is another page, for operations that have one.
    """

    inputs: tuple[str, ...]
    outputs: tuple[Search, ...]
    more: Search | None = None

    def following(self, answer: Mapping[str, Any]) -> dict[str, Any] | None:
        """The parameters of the next page, or None after the last. An empty page with a token is not the last."""
        if self.more is not None and not self.more(answer):
            return None
        found = {name: output(answer) for name, output in zip(self.inputs, self.outputs, strict=True)}
        tokens = {name: token for name, token in found.items() if token not in (None, "")}
        return tokens or None


def paging_of(config: Mapping[str, Any]) -> Paging:
    """Convert one entry of a botocore `paginators-1` model."""
    more = config.get("more_results")
    outputs = tuple(_search(output) for output in _as_tuple(config["output_token"]))
    return Paging(_as_tuple(config["input_token"]), outputs, _search(more) if more else None)


def by_token(name: str) -> Paging:
    """Paging for an operation without a botocore paginator: the response member and the parameter are both `name`."""
    return Paging((name,), (_search(name),))


def _search(expression: str) -> Search:
    if expression.isidentifier():  # most tokens are plain members, which need no JMESPath interpreter
        return lambda answer: answer.get(expression)
    search: Search = jmespath.compile(expression).search
    return search


def _as_tuple(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
