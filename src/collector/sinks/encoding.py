"""Encoding of a batch for upload and for the spool: metadata, and its lines as gzip."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any, TypeAlias

import orjson

from collector.model import Batch

GZIP_LEVEL = 2
"""The lines are so repetitive that level 6 takes three times the CPU to save a tenth of the bytes."""

Lines: TypeAlias = list[bytes]
Number: TypeAlias = tuple[int, ...]
"""Identifies a batch or a piece of one within a run: `(7,)` is batch 7, `(7, 1, 2)` the second half of its first half."""


@dataclass(frozen=True, slots=True)
class EncodedBatch:
    """Records of one account: `entities` lines, then `relationships` lines, as gzip in `body`.

    `size` is the number of bytes before compression.
    """

    run: str
    number: Number
    account: str
    entities: int
    relationships: int
    size: int
    body: bytes = field(repr=False)

    @property
    def label(self) -> str:
        """The number as text: `7`, or `7.1.2` for a piece."""
        return ".".join(map(str, self.number))

    @property
    def key(self) -> str:
        """The idempotency key, by which an endpoint recognizes a batch that it already has."""
        return f"{self.run}/{self.label}"

    def records(self) -> tuple[Lines, Lines]:
        """Decompress the entity lines and the relationship lines."""
        lines = gzip.decompress(self.body).split(b"\n")[:-1]
        return lines[: self.entities], lines[self.entities :]

    def halves(self) -> tuple[EncodedBatch, EncodedBatch] | None:
        """Split at the record boundary nearest to the middle; None for a single record.

        The result is deterministic, so that the keys of pieces stay valid after a restart.
        """
        entities, relationships = self.records()
        lines = [*entities, *relationships]
        if len(lines) < 2:  # noqa: PLR2004  (one record cannot be split)
            return None
        middle = _middle(lines)
        return self._piece(1, lines[:middle], len(entities)), self._piece(2, lines[middle:], len(entities) - middle)

    def _piece(self, index: int, lines: Sequence[bytes], entities: int) -> EncodedBatch:
        piece = replace(self, number=(*self.number, index))
        return _with_lines(piece, lines, max(0, min(entities, len(lines))))


def encode(batch: Batch, *, copies: bool = False) -> EncodedBatch:
    """Compress a batch, with the chosen shared records or, as `copies`, all. CPU-bound: call it in a thread."""
    entities, relationships = batch.records(copies=copies)
    data = b"\n".join((*entities, *relationships, b""))
    return EncodedBatch(
        batch.run,
        (batch.sequence,),
        batch.account,
        len(entities),
        len(relationships),
        len(data),
        _compressed(data),
    )


def to_file(batch: EncodedBatch) -> bytes:
    """The content of a spool file: one line of JSON with the metadata, then the gzip body."""
    metadata = {
        "run": batch.run,
        "number": batch.number,
        "account": batch.account,
        "entities": batch.entities,
        "relationships": batch.relationships,
        "size": batch.size,
        "length": len(batch.body),
        "crc32": zlib.crc32(batch.body),
    }
    return orjson.dumps(metadata) + b"\n" + batch.body


def from_file(data: bytes) -> tuple[EncodedBatch, int] | None:
    """Decode a spool file: the batch, and the number of records lost if the file is truncated or corrupt.

    The intact records before the damage are kept. None if the metadata or all records are unreadable.
    """
    head, _, body = data.partition(b"\n")
    try:
        metadata: dict[str, Any] = orjson.loads(head)
        batch = EncodedBatch(
            metadata["run"],
            tuple(metadata["number"]),
            metadata["account"],
            metadata["entities"],
            metadata["relationships"],
            metadata["size"],
            body,
        )
        intact = len(body) == metadata["length"] and zlib.crc32(body) == metadata["crc32"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return (batch, 0) if intact else _recover(batch)


def _recover(damaged: EncodedBatch) -> tuple[EncodedBatch, int] | None:
    lines = list(takewhile(_is_json, _decompress_prefix(damaged.body).split(b"\n")[:-1]))
    lost = damaged.entities + damaged.relationships - len(lines)
    if not lines or lost < 0:
        return None
    return _with_lines(damaged, lines, min(damaged.entities, len(lines))), lost


def _with_lines(batch: EncodedBatch, lines: Sequence[bytes], entities: int) -> EncodedBatch:
    data = b"\n".join((*lines, b""))
    body = _compressed(data)
    return replace(batch, entities=entities, relationships=len(lines) - entities, size=len(data), body=body)


def _decompress_prefix(damaged: bytes, step: int = 512) -> bytes:
    """Decompress as much as is readable before the damage."""
    inflate, lines = zlib.decompressobj(wbits=31), bytearray()
    try:
        for start in range(0, len(damaged), step):
            lines += inflate.decompress(damaged[start : start + step])
    except zlib.error:
        pass
    return bytes(lines)


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _middle(lines: Sequence[bytes]) -> int:
    """The index that splits the bytes most evenly, with at least one line on either side."""
    half = sum(map(len, lines)) / 2
    best, before = 1, len(lines[0])
    nearest = abs(before - half)
    for index, line in enumerate(lines[1:-1], 2):
        before += len(line)
        if abs(before - half) < nearest:
            best, nearest = index, abs(before - half)
    return best


def _compressed(data: bytes) -> bytes:
    """Gzip without a timestamp, so that equal data gives equal bytes."""
    return gzip.compress(data, GZIP_LEVEL, mtime=0)
