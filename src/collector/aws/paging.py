"""How a listing goes on: botocore's paginator models as a small pure function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import jmespath

Search: TypeAlias = Callable[[Mapping[str, Any]], Any]
"""What finds a token in an answer."""


@dataclass(frozen=True, slots=True)
class Paging:
    """The tokens of a listing: what the answer gives, under which parameters it goes back."""

    inputs: tuple[str, ...]
    outputs: tuple[Search, ...]
    more: Search | None = None

    def following(self, answer: Mapping[str, Any]) -> dict[str, Any] | None:
        """The parameters of the next page; None after the last. An empty page with a token is not the last."""
        if self.more is not None and not self.more(answer):
            return None
        found = {name: output(answer) for name, output in zip(self.inputs, self.outputs, strict=True)}
        tokens = {name: token for name, token in found.items() if token not in (None, "")}
        return tokens or None


def paging_of(config: Mapping[str, Any]) -> Paging:
    """Read one entry of a `paginators-1` model."""
    more = config.get("more_results")
    outputs = tuple(_search(output) for output in _several(config["output_token"]))
    return Paging(_several(config["input_token"]), outputs, _search(more) if more else None)


def by_token(name: str) -> Paging:
    """A listing that botocore knows no paginator for: the output member goes back under the same name."""
    return Paging((name,), (_search(name),))


def _search(expression: str) -> Search:
    """Most tokens are plain fields, which need no interpreter of expressions."""
    if expression.isidentifier():
        return lambda answer: answer.get(expression)
    search: Search = jmespath.compile(expression).search
    return search


def _several(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
