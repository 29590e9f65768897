"""botocore's models without what a reader of AWS never needs: documentation, and the operations that change something.

A loaded model stays in memory for as long as its client. Of the clients of a run two thirds of the models are documentation and
writing operations.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from botocore.loaders import JSONFileLoader

if TYPE_CHECKING:
    from collections.abc import Iterator

READING = (
    "Assume",
    "BatchGet",
    "Describe",
    "Generate",
    "Get",
    "Head",
    "List",
    "Lookup",
    "Query",
    "Scan",
    "Search",
    "Simulate",
)
"""How the names of operations begin that only read, or obtain credentials or a report."""

DOCUMENTED = frozenset({"clientContextParams"})
"""Parts of a model whose documentation botocore asks for."""


class ReadingModels(JSONFileLoader):  # type: ignore[misc]  # botocore is untyped
    """A `file_loader` for botocore's data loader."""

    def load_file(self, file_path: str) -> Any:
        """What is in a file of JSON, compressed or not, named without its ending; None if there is no such file."""
        plain, packed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            return _read(plain.read_bytes())
        return _read(gzip.decompress(packed.read_bytes())) if packed.is_file() else None


def _read(text: bytes) -> Any:
    model = _undocumented(orjson.loads(text))
    if "operations" in model and "shapes" in model:
        _forget_writing(model)
    added = model.get("merge", {}).get("shapes")
    if added is not None:
        # Extras of a model that add a member to a shape: so far only to shapes of writing operations.
        model["merge"]["shapes"] = {name: shape for name, shape in added.items() if "type" in shape}
    return model


def _undocumented(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: inner if name in DOCUMENTED else _undocumented(inner)
            for name, inner in value.items()
            if name != "documentation" or not isinstance(inner, str)
        }
    return [_undocumented(inner) for inner in value] if isinstance(value, list) else value


def _forget_writing(model: dict[str, Any]) -> None:
    """Drop writing operations and the shapes that only they use. Errors are found by their codes and stay."""
    operations = {name: each for name, each in model["operations"].items() if name.startswith(READING)}
    shapes, used = model["shapes"], set[str]()
    waiting = [*_shapes_in(operations), *(name for name, shape in shapes.items() if shape.get("exception"))]
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting += _shapes_in(shapes[name])
    model["operations"] = operations
    model["shapes"] = {name: shape for name, shape in shapes.items() if name in used}


def _shapes_in(value: Any) -> Iterator[str]:
    """The names of the shapes that part of a model refers to."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from _shapes_in(each)
    if isinstance(value, dict) and isinstance(value.get("shape"), str):
        yield value["shape"]
