"""What a worker process tells its parent, and how it is framed on a pipe. Both ends are ours: pickle is safe here."""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from collector.aws.accounts import Member
from collector.faults import Reason
from collector.model import Batch
from collector.report import Ledger

_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Hello:
    """The first word to a worker: what to do, and as whom."""

    settings: dict[str, Any]
    account: str
    arn: str
    run_id: str
    unlimited: bool


@dataclass(frozen=True, slots=True)
class Done:
    """An account is collected: its part of the ledger."""

    member: Member
    ledger: Ledger
    bug: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """An account could not be got into."""

    member: Member
    operation: str
    reason: Reason
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """A batch of an account."""

    batch: Batch


Word: TypeAlias = Hello | Member | Done | Refused | Delivered


class Reader(Protocol):
    """The reading end of a pipe, as asyncio has it."""

    async def readexactly(self, count: int, /) -> bytes:
        """Exactly so many bytes. Raises `IncompleteReadError` at the end."""


def framed(word: Word) -> bytes:
    """A word with its length before it."""
    data = pickle.dumps(word, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


async def heard(reader: Reader) -> Word:
    """The next word. Raises `IncompleteReadError` when the other end has gone."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    word: Word = pickle.loads(await reader.readexactly(length))  # noqa: S301  (written by our own other end)
    return word
