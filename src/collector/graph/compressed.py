"""Rows of JSON values that are kept compressed until they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar
from zlib import compress, decompress

import orjson

T = TypeVar("T")

TOGETHER = 16
"""Rows compressed as one: rows of one kind repeat one another's text."""


class CompressedRows(Iterable[T]):
    """Rows as compressed JSON, decompressed on each iteration. `kind` makes a row of the fields passed to `add`."""

    def __init__(self, kind: Callable[..., T]) -> None:
        self._kind = kind
        self._packed: list[bytes] = []
        self._loose: list[bytes] = []

    def add(self, *fields: Any) -> None:
        """Add the fields of a row."""
        self._loose.append(orjson.dumps(fields))
        if len(self._loose) == TOGETHER:
            self._packed.append(compress(b"[" + b",".join(self._loose) + b"]", level=1))
            self._loose.clear()

    def clear(self) -> None:
        """Remove all rows."""
        self._packed.clear()
        self._loose.clear()

    def __iter__(self) -> Iterator[T]:
        for packed in self._packed:
            for fields in orjson.loads(decompress(packed)):
                yield self._kind(*fields)
        for line in self._loose:
            yield self._kind(*orjson.loads(line))
