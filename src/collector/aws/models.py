"""botocore's service models without documentation and write operations.

A loaded model stays in memory as long as its client, and two thirds of it are documentation and write operations.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from botocore.loaders import JSONFileLoader, Loader

if TYPE_CHECKING:
    from collections.abc import Iterator

READ_PREFIXES = (
    "Assume", "BatchGet", "Describe", "Generate", "Get", "Head", "List", "Lookup", "Query", "Scan", "Search",
    "Simulate",
)  # fmt: skip
"""Name prefixes of operations that only read, or that obtain credentials or a report."""


EXTRAS = Path(__file__).parent / "sdk_extras"
"""Parameters and fields that AWS documents and the installed models do not have yet, as botocore's own `sdk-extras`."""


def install_models(loader: Loader) -> None:
    """Make a session's data loader strip service models, and add our extras to them."""
    loader.file_loader = ReadingModels()
    if str(EXTRAS) not in loader.search_paths:
        loader.search_paths.append(str(EXTRAS))


class ReadingModels(JSONFileLoader):  # type: ignore[misc]  # botocore is untyped
    """A `file_loader` for botocore's data loader that strips each service model."""

    def load_file(self, file_path: str) -> Any:
        """The content of a JSON file, plain or gzipped; None if it does not exist. The path has no extension."""
        plain, packed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            return orjson.loads(plain.read_bytes()) if plain.is_relative_to(EXTRAS) else _read(plain.read_bytes())
        return _read(gzip.decompress(packed.read_bytes())) if packed.is_file() else None


def _read(text: bytes) -> Any:
    model = orjson.loads(text)
    if "operations" in model and "shapes" in model:
        _drop_write_operations(model)
        for part in (*model["operations"].values(), *model["shapes"].values()):
            _drop_documentation(part)
    added = model.get("merge", {}).get("shapes")
    if added is not None:
        # botocore's extras that add members to existing shapes: so far those of write operations, which were dropped.
        model["merge"]["shapes"] = {name: shape for name, shape in added.items() if "type" in shape}
    return model


def _drop_write_operations(model: dict[str, Any]) -> None:
    """Drop write operations and the shapes that only they use. Error shapes stay: botocore looks them up by code."""
    operations = {name: each for name, each in model["operations"].items() if name.startswith(READ_PREFIXES)}
    shapes, used = model["shapes"], set[str]()
    pending = [each["shape"] for operation in operations.values() for each in _references(operation)]
    pending += [name for name, shape in shapes.items() if shape.get("exception")]
    while pending:
        name = pending.pop()
        if name not in used:
            used.add(name)
            pending += [each["shape"] for each in _references(shapes[name])]
    model["operations"] = operations
    model["shapes"] = {name: shape for name, shape in shapes.items() if name in used}


def _drop_documentation(part: dict[str, Any]) -> None:
    """Drop the documentation of an operation or a shape, and of its references."""
    part.pop("documentation", None)
    for each in _references(part):
        each.pop("documentation", None)


def _references(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The references from an operation or a shape to other shapes."""
    for name in ("input", "output", "member", "key", "value"):
        if name in part:
            yield part[name]
    yield from part.get("errors", ())
    yield from part.get("members", {}).values()
