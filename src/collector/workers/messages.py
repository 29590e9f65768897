"""What a process and its workers say to each other, and how it is framed on a pipe. Both ends are ours: pickle is safe here."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from collector.aws.accounts import Member
from collector.faults import Reason
from collector.model import Batch, Scope, Target
from collector.report import Ledger, ScopeRecord
from collector.workers.packing import PackedRow

_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Configure:
    """The first word to a worker, before anything is known of AWS: what the user wants."""

    settings: dict[str, Any]
    unlimited: bool


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Who the user's own credentials are, before the first task."""

    account: str
    arn: str
    run_id: str


@dataclass(frozen=True, slots=True)
class CollectAccount:
    """To collect: an account with all that belongs to it."""

    key: str
    member: Member


@dataclass(frozen=True, slots=True)
class CollectScopes:
    """To collect: some scopes of an account that was reached. `name` is the account's."""

    key: str
    member: Member
    target: Target
    name: str | None
    scopes: tuple[Scope, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """Start no more calls; `signal` is the name of the one that asks for it."""

    signal: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """A batch of a whole account."""

    key: str
    batch: Batch


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a share."""

    key: str
    scope: Scope
    rows: list[PackedRow]


@dataclass(frozen=True, slots=True)
class ScopeEnded:
    """All rows of one scope of a share have been told, and this is its record."""

    key: str
    scope: Scope
    record: ScopeRecord


@dataclass(frozen=True, slots=True)
class Done:
    """What was to collect is collected: its part of the ledger, as far as it was not told yet. `buckets` are the worker's rate limits, as used so far."""

    key: str
    ledger: Ledger
    bug: bool
    buckets: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class AccountRefused:
    """An account could not be got into."""

    key: str
    operation: str
    reason: Reason
    code: str
    message: str


Task: TypeAlias = CollectAccount | CollectScopes
Command: TypeAlias = Configure | Authenticate | Task | Stop
Reply: TypeAlias = Delivered | Rows | ScopeEnded | Done | AccountRefused


OnMessage: TypeAlias = Callable[[Any], Awaitable[None]]
"""Takes what comes of a task while it is worked on; the worker's next word is heard only after that."""


class TaskRunner(Protocol):
    """Whoever has tasks done by worker processes."""

    async def run(self, task: Task, on_message: OnMessage, weight: int = 1) -> Done:
        """Have a task done.

        Raises:
            Failed: when the account refuses, or the worker died.
        """


class Reader(Protocol):
    """The reading end of a pipe, as asyncio has it."""

    async def readexactly(self, count: int, /) -> bytes:
        """Exactly so many bytes. Raises `IncompleteReadError` at the end."""


def encode(word: Command | Reply) -> bytes:
    """A word with its length before it."""
    data = pickle.dumps(word, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


async def receive(reader: Reader) -> Any:
    """The next word: an `Command` where a worker listens, an `Reply` where its parent does.

    Raises:
        IncompleteReadError: when the other end has gone.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return pickle.loads(await reader.readexactly(length))  # noqa: S301  (written by our own other end)
