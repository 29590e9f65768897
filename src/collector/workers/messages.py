"""The messages between a run and its worker processes, framed as a length and a pickle. Both ends are our own."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from collector.aws.accounts import Member
from collector.faults import Reason
from collector.model import Batch, Scope, Target, Totals
from collector.report import Ledger, ScopeRecord
from collector.workers.packing import PackedRow

_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Configure:
    """The first message to a worker: the settings that differ from their defaults."""

    settings: dict[str, Any]
    unlimited: bool


@dataclass(frozen=True, slots=True)
class Authenticate:
    """The identity of the user's own credentials; sent before the first task."""

    account: str
    arn: str
    run_id: str


@dataclass(frozen=True, slots=True)
class CollectAccount:
    """A task: collect one account."""

    key: str
    member: Member


@dataclass(frozen=True, slots=True)
class CollectScopes:
    """A task: collect some scopes of one account."""

    key: str
    member: Member
    target: Target
    scopes: tuple[Scope, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """Cancel the calls in flight and start no more. `signal` is the name of the signal that the run received."""

    signal: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """A batch of an account that the worker collects."""

    key: str
    batch: Batch


@dataclass(frozen=True, slots=True)
class Rows:
    """Converted rows of a scope that the worker collects."""

    key: str
    scope: Scope
    rows: list[PackedRow]


@dataclass(frozen=True, slots=True)
class ScopeEnded:
    """The record of a scope, sent after all of its rows."""

    key: str
    scope: Scope
    record: ScopeRecord


@dataclass(frozen=True, slots=True)
class TaskTotals:
    """The totals of a running task, without the scopes whose records it has sent. They replace earlier ones."""

    key: str
    totals: Totals


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a task, with the rest of its ledger. `buckets` is the worker's use of rate limits."""

    key: str
    ledger: Ledger
    bug: bool
    buckets: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class AccountRefused:
    """The end of a task whose account could not be collected: the fields of a `CallFailed`."""

    key: str
    operation: str
    reason: Reason
    code: str
    message: str


Task: TypeAlias = CollectAccount | CollectScopes
Command: TypeAlias = Configure | Authenticate | Task | Stop
Reply: TypeAlias = Delivered | Rows | ScopeEnded | TaskTotals | Done | AccountRefused

OnMessage: TypeAlias = Callable[[Any], Awaitable[None]]
"""Takes a message of a task in progress. The next message of the worker is received only after it returns."""


class TaskRunner(Protocol):
    """Runs tasks in worker processes."""

    async def run(self, task: Task, on_message: OnMessage, weight: int = 1) -> Done:
        """Run a task to its end.

        Raises:
            CallFailed: when the account could not be collected, or the worker died.
        """


class Reader(Protocol):
    """The reading end of a stream; `asyncio.StreamReader` is one."""

    async def readexactly(self, count: int, /) -> bytes:
        """Exactly `count` bytes. Raises `IncompleteReadError` at the end of the stream."""


def encode(message: Command | Reply) -> bytes:
    """Frame a message: its length in four bytes, then its pickle."""
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


async def receive(reader: Reader) -> Any:
    """The next message: a `Command` in a worker, a `Reply` in its parent.

    Raises:
        IncompleteReadError: when the other end has closed the stream.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return pickle.loads(await reader.readexactly(length))  # noqa: S301  (written by our own other end)
