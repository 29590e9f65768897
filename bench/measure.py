"""Measurements: CPU time and memory of a process, medians, and the tables of README.md.

Each side of a comparison runs in a process of its own, and the sides take turns. Load from elsewhere on the machine
then affects both, and settings of one (garbage collector, event loop, caches) do not affect the other.
"""

from __future__ import annotations

import asyncio
import os
import platform
import re
import resource
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

import uvloop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

ROUNDS = 5
"""The minimum number of rounds behind every median."""

README = Path(__file__).with_name("README.md")
MB = 1_000_000


class Spent(NamedTuple):
    """Seconds of CPU time of this process, and of wall time."""

    cpu: float
    wall: float


class Cost(NamedTuple):
    """Seconds of CPU time, and bytes of memory that stay allocated."""

    cpu: float
    memory: int


class Burst(NamedTuple):
    """The number of successful calls, and the time of all calls."""

    good: int
    spent: Spent


class Stopwatch:
    """Measures CPU and wall time since its creation."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def read(self) -> Spent:
        """The time since the creation of the stopwatch."""
        return Spent(time.process_time() - self._cpu, time.perf_counter() - self._wall)


def resident() -> int:
    """The resident memory of this process in bytes."""
    return _status("VmRSS") or _largest()


def peak() -> int:
    """The peak resident memory of this process in bytes."""
    # ru_maxrss includes the memory of the parent at the fork; /proc does not.
    return _status("VmHWM") or _largest()


def largest_child() -> int:
    """The peak resident memory in bytes among terminated children of this process."""
    return _largest(resource.RUSAGE_CHILDREN)


def _status(field: str) -> int:
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _largest(whose: int = resource.RUSAGE_SELF) -> int:
    largest = resource.getrusage(whose).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024


class Side(NamedTuple):
    """The figures of one side of a comparison, one per round."""

    each: Sequence[float]

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.each)


def ratio(ours: Side, theirs: Side) -> float:
    """Our median divided by theirs; below 1 is cheaper."""
    return ours.median / theirs.median


def ratio_range(ours: Side, theirs: Side) -> tuple[float, float]:
    """The lowest and the highest ratio of a round, in which both sides ran one after the other."""
    rounds = [one / other for one, other in zip(ours.each, theirs.each, strict=True)]
    return min(rounds), max(rounds)


class ApiCall(NamedTuple):
    """An API call: the method of a boto3 client, its parameters and region."""

    service: str
    op: str
    params: dict[str, Any] = {}  # noqa: RUF012  (a field that nothing mutates)
    region: str = "us-east-1"


Contender: TypeAlias = Any
"""An object with the asynchronous methods `open`, `close` and those that the benchmark calls."""


class Arm:
    """One side of a comparison in a process of its own. Its event loop and clients persist between calls."""

    def __init__(self, make: Callable[[], Contender], environment: Mapping[str, str], *, fast_loop: bool) -> None:
        """`make` creates the contender in the child process and must be importable. `fast_loop` selects uvloop."""
        self._process = ProcessPoolExecutor(1, get_context("spawn"), _begin, (make, dict(environment), fast_loop))

    def __enter__(self) -> Self:
        self.call("open")
        return self

    def __exit__(self, *_: object) -> None:
        self.call("close")
        self._process.shutdown()

    def call(self, method: str, *arguments: object) -> Any:
        """Calls a method of the contender and returns its result."""
        return self._process.submit(_answer, method, arguments).result()


class _Child:
    """The state of an arm's process."""

    runner: asyncio.Runner
    contender: Contender


def _begin(make: Callable[[], Contender], environment: Mapping[str, str], fast_loop: bool) -> None:  # noqa: FBT001  (a pool passes arguments by position)
    os.environ.update(environment)
    _Child.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop if fast_loop else None)
    _Child.contender = make()


def _answer(method: str, arguments: Sequence[object]) -> Any:
    try:
        return _Child.runner.run(getattr(_Child.contender, method)(*arguments))
    except Exception as error:  # noqa: BLE001  (every failure is raised in the parent)
        # Not every exception can be pickled.
        raise RuntimeError(f"{method}: {type(error).__name__}: {error}") from None


async def one_by_one(call: Callable[[], Awaitable[object]], times: int) -> Spent:
    """Repeats a call sequentially."""
    watch = Stopwatch()
    for _ in range(times):
        await call()
    return watch.read()


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of a table. `met` is None without a target."""

    what: str
    ours: str
    theirs: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """The cells of the row."""
        mark = "" if self.met is None else "yes" if self.met else "**no**"
        return self.what, self.ours, self.theirs, self.ratio, self.target, mark


class Target(NamedTuple):
    """The target of a figure, in words and as a predicate."""

    words: str
    met: Callable[[float], bool]


def at_most(limit: float | None, shown: Callable[[float], str] = "{:.2g}".format) -> Target | None:
    """A target of at most `limit`; None without a limit."""
    return None if limit is None else Target(f"at most {shown(limit)}", lambda value: value <= limit)


def at_least(limit: float, shown: Callable[[float], str] = "{:.2g}".format) -> Target:
    """A target of at least `limit`."""
    return Target(f"at least {shown(limit)}", lambda value: value >= limit)


def compared(
    what: str, ours: Side, theirs: Side, *, shown: Callable[[float], str], target: Target | None = None
) -> Figure:
    """A figure with both medians, their ratio and its range over the rounds, and whether the ratio meets the target."""
    found, (lowest, highest) = ratio(ours, theirs), ratio_range(ours, theirs)
    met = None if target is None else target.met(found)
    cells = f"{found:.2f} ({lowest:.2f} to {highest:.2f})"
    return Figure(what, shown(ours.median), shown(theirs.median), cells, target.words if target else "", met)


def single(what: str, value: float, *, shown: Callable[[float], str], target: Target | None = None) -> Figure:
    """A figure without comparison."""
    return Figure(
        what, shown(value), target=target.words if target else "", met=None if target is None else target.met(value)
    )


HEADINGS = ("measured", "ours", "plain aioboto3", "ours / plain", "target", "met")


def table(figures: Iterable[Figure]) -> str:
    """A Markdown table of figures, without empty columns."""
    rows = [HEADINGS, *(figure.cells() for figure in figures)]
    used = [column for column in zip(*rows, strict=True) if any(column[1:])]
    lines = [f"| {' | '.join(cells)} |" for cells in zip(*used, strict=True)]
    rule = "|".join(["---", *["---:"] * (len(used) - 1)])
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def machine() -> str:
    """The machine and the versions that the figures depend on."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("aioboto3", "aiobotocore", "botocore", "aiohttp", "uvloop")
    )
    return (
        f"{_processor()}, {os.cpu_count()} cores{load}; {platform.system()} {platform.machine()}, "
        f"{platform.python_implementation()} {platform.python_version()}; {packages}."
    )


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown processor"
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else "unknown processor"


def replaced(text: str, name: str, content: str) -> str:
    """The text with new content between the markers of that name.

    Raises:
        LookupError: There are no such markers.
    """
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise LookupError(f"no markers for {name}")
    return f"{head}{begin}\n{content}\n{end}{tail}"
