"""A batch as it is sent and kept: its tags, and its lines compressed."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from collector.model import Batch, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

LEVEL = 2
"""Of gzip. The lines repeat themselves so much that level 6 takes three times the CPU to save a tenth of the bytes."""

Lines: TypeAlias = list[bytes]
Number: TypeAlias = tuple[int, ...]
"""A batch's sequence; of a piece of it, `(7, 1, 2)` is the second half of the first half of batch 7."""


@dataclass(frozen=True, slots=True)
class EncodedBatch:
    """Records of one scope: `entities` lines, then `relationships` lines; `size` counts their bytes before compression."""

    run: str
    number: Number
    scope: Scope
    entities: int
    relationships: int
    size: int
    body: bytes = field(repr=False)

    @property
    def label(self) -> str:
        """`7`, or `7.1.2` for a piece."""
        return ".".join(map(str, self.number))

    @property
    def key(self) -> str:
        """By which an endpoint tells that it has the parcel already."""
        return f"{self.run}/{self.label}"

    def records(self) -> tuple[Lines, Lines]:
        """The entities' and the relationships' lines."""
        lines = gzip.decompress(self.body).split(b"\n")[:-1]
        return lines[: self.entities], lines[self.entities :]

    def halves(self) -> tuple[EncodedBatch, EncodedBatch] | None:
        """Two pieces, cut at the record border that is nearest to the middle; None for a single record.

        The same parcel always gives the same pieces, so that their keys mean the same after a restart.
        """
        entities, relationships = self.records()
        lines = [*entities, *relationships]
        if len(lines) < 2:  # noqa: PLR2004  (one record has no border)
            return None
        middle = _middle(lines)
        return self._piece(1, lines[:middle], len(entities)), self._piece(2, lines[middle:], len(entities) - middle)

    def _piece(self, which: int, lines: Sequence[bytes], entities: int) -> EncodedBatch:
        inside = max(0, min(entities, len(lines)))
        data = b"\n".join((*lines, b""))
        return replace(
            self,
            number=(*self.number, which),
            entities=inside,
            relationships=len(lines) - inside,
            size=len(data),
            body=_compressed(data),
        )


def encoded(batch: Batch) -> EncodedBatch:
    """A batch, compressed. Takes a while: not for the event loop."""
    data = batch.lines()
    return EncodedBatch(
        batch.run,
        (batch.sequence,),
        batch.scope,
        len(batch.entities),
        len(batch.relationships),
        len(data),
        _compressed(data),
    )


def to_file(parcel: EncodedBatch) -> bytes:
    """A line of JSON that says what follows, then the compressed lines."""
    about = {
        "run": parcel.run,
        "number": parcel.number,
        "scope": parcel.scope._asdict(),
        "entities": parcel.entities,
        "relationships": parcel.relationships,
        "size": parcel.size,
        "length": len(parcel.body),
        "crc32": zlib.crc32(parcel.body),
    }
    return orjson.dumps(about) + b"\n" + parcel.body


def from_file(data: bytes) -> tuple[EncodedBatch, int] | None:
    """The parcel that a file holds, and how many of its records a torn file has lost; None when not even its tags are left.

    Of a torn file the whole records before the tear are kept.
    """
    head, _, body = data.partition(b"\n")
    try:
        about: dict[str, Any] = orjson.loads(head)
        parcel = EncodedBatch(
            about["run"],
            tuple(about["number"]),
            Scope(**about["scope"]),
            about["entities"],
            about["relationships"],
            about["size"],
            body,
        )
        whole = len(body) == about["length"] and zlib.crc32(body) == about["crc32"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return (parcel, 0) if whole else _mended(parcel)


def _mended(torn: EncodedBatch) -> tuple[EncodedBatch, int] | None:
    lines = list(takewhile(_is_json, _readable(torn.body).split(b"\n")[:-1]))
    lost = torn.entities + torn.relationships - len(lines)
    if not lines or lost < 0:
        return None
    data = b"\n".join((*lines, b""))
    inside = min(torn.entities, len(lines))
    return replace(
        torn, entities=inside, relationships=len(lines) - inside, size=len(data), body=_compressed(data)
    ), lost


def _readable(torn: bytes, step: int = 512) -> bytes:
    """What can be decompressed before the tear."""
    inflate, lines = zlib.decompressobj(wbits=31), bytearray()
    try:
        for start in range(0, len(torn), step):
            lines += inflate.decompress(torn[start : start + step])
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
    """The border nearest to half of the bytes, with at least one line on either side."""
    half = sum(map(len, lines)) / 2
    best, before = 1, len(lines[0])
    nearest = abs(before - half)
    for index, line in enumerate(lines[1:-1], 2):
        before += len(line)
        if abs(before - half) < nearest:
            best, nearest = index, abs(before - half)
    return best


def _compressed(data: bytes) -> bytes:
    """The same bytes each time: no time of day inside."""
    return gzip.compress(data, LEVEL, mtime=0)
