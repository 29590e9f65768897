"""How a listing goes on: botocore's paginator models as a small pure function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jmespath


@dataclass(frozen=True, slots=True)
class Paging:
    """The tokens of a listing: what the answer gives, under which parameters it goes back."""

    inputs: tuple[str, ...]
    outputs: tuple[Any, ...]
    more: Any | None = None

    def following(self, answer: Mapping[str, Any]) -> dict[str, Any] | None:
        """The parameters of the next page; None after the last. An empty page with a token is not the last."""
        if self.more is not None and not self.more.search(answer):
            return None
        found = {name: output.search(answer) for name, output in zip(self.inputs, self.outputs, strict=True)}
        tokens = {name: token for name, token in found.items() if token not in (None, "")}
        return tokens or None


def paging_of(config: Mapping[str, Any]) -> Paging:
    """Read one entry of a `paginators-1` model."""
    more = config.get("more_results")
    outputs = tuple(jmespath.compile(output) for output in _several(config["output_token"]))
    return Paging(_several(config["input_token"]), outputs, jmespath.compile(more) if more else None)


def by_token(name: str) -> Paging:
    """A listing that botocore knows no paginator for: the output member goes back under the same name."""
    return Paging((name,), (jmespath.compile(name),))


def _several(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
