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


class ReadingModels(JSONFileLoader):  # type: ignore[misc]  # botocore is untyped
    """A `file_loader` for botocore's data loader."""

    def load_file(self, file_path: str) -> Any:
        """What is in a file of JSON, compressed or not, named without its ending; None if there is no such file."""
        plain, packed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            return _read(plain.read_bytes())
        return _read(gzip.decompress(packed.read_bytes())) if packed.is_file() else None


def _read(text: bytes) -> Any:
    model = orjson.loads(text)
    if "operations" in model and "shapes" in model:
        _forget_writing(model)
        for part in (*model["operations"].values(), *model["shapes"].values()):
            _forget_documentation(part)
    added = model.get("merge", {}).get("shapes")
    if added is not None:
        # Extras of a model that add a member to a shape: so far only to shapes of writing operations.
        model["merge"]["shapes"] = {name: shape for name, shape in added.items() if "type" in shape}
    return model


def _forget_writing(model: dict[str, Any]) -> None:
    """Drop writing operations and the shapes that only they use. Errors are found by their codes and stay."""
    operations = {name: each for name, each in model["operations"].items() if name.startswith(READING)}
    shapes, used = model["shapes"], set[str]()
    waiting = [each["shape"] for operation in operations.values() for each in _named_by(operation)]
    waiting += [name for name, shape in shapes.items() if shape.get("exception")]
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting += [each["shape"] for each in _named_by(shapes[name])]
    model["operations"] = operations
    model["shapes"] = {name: shape for name, shape in shapes.items() if name in used}


def _forget_documentation(part: dict[str, Any]) -> None:
    """Of an operation or a shape, and of what it refers to."""
    part.pop("documentation", None)
    for each in _named_by(part):
        each.pop("documentation", None)


def _named_by(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The references to shapes of an operation or a shape."""
    for name in ("input", "output", "member", "key", "value"):
        if name in part:
            yield part[name]
    yield from part.get("errors", ())
    yield from part.get("members", {}).values()
