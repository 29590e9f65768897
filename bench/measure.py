"""How things are measured: processor time of one process, its memory, medians, and the table in README.md.

What is compared runs in processes of their own that take turns, so that whatever else the machine does falls on both, and
no setting of one (garbage collector, event loop, caches) helps or hinders the other.
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
"""Every figure is the median of at least so many."""

README = Path(__file__).with_name("README.md")
MB = 1_000_000


class Spent(NamedTuple):
    """Seconds of this process's processor time, and of the clock on the wall."""

    cpu: float
    wall: float


class Cost(NamedTuple):
    """Seconds of processor time, and bytes of memory that are still held."""

    cpu: float
    memory: int


class Burst(NamedTuple):
    """How many calls went well, and what all of them took."""

    good: int
    spent: Spent


class Stopwatch:
    """Started when it is made."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def read(self) -> Spent:
        """What was spent since."""
        return Spent(time.process_time() - self._cpu, time.perf_counter() - self._wall)


def resident() -> int:
    """Bytes of memory that this process holds now."""
    return _status("VmRSS") or _largest()


def peak() -> int:
    """The most bytes of memory that this process ever held."""
    # ru_maxrss also counts what the parent held when it forked; Linux tells the truth in /proc.
    return _status("VmHWM") or _largest()


def largest_child() -> int:
    """The most bytes of memory that any child of this process ever held that has ended."""
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
    """The figures of one side of a comparison, round by round."""

    each: Sequence[float]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.each)


def ratio(ours: Side, theirs: Side) -> float:
    """Ours to theirs, by medians; below 1 is cheaper."""
    return ours.median / theirs.median


def spread(ours: Side, theirs: Side) -> tuple[float, float]:
    """The lowest and the highest ratio of the rounds, each of which had both sides one after the other."""
    rounds = [one / other for one, other in zip(ours.each, theirs.each, strict=True)]
    return min(rounds), max(rounds)


class Asked(NamedTuple):
    """A call: the method of a client, and where it goes."""

    service: str
    op: str
    params: dict[str, Any] = {}  # noqa: RUF012  (a field; nobody changes it)
    region: str = "us-east-1"


Contender: TypeAlias = Any
"""An object with `open`, `close` and the asynchronous methods that a bench asks for."""


class Arm:
    """One contender in a process of its own. Its event loop and its clients live from one question to the next."""

    def __init__(self, make: Callable[[], Contender], environment: Mapping[str, str], *, fast_loop: bool) -> None:
        """`make` builds the contender there; it must be importable. `fast_loop`: on uvloop, as the command line does."""
        self._process = ProcessPoolExecutor(1, get_context("spawn"), _begin, (make, dict(environment), fast_loop))

    def __enter__(self) -> Self:
        self.ask("open")
        return self

    def __exit__(self, *_: object) -> None:
        self.ask("close")
        self._process.shutdown()

    def ask(self, method: str, *arguments: object) -> Any:
        """What that method of the contender gives."""
        return self._process.submit(_answer, method, arguments).result()


class _Child:
    """What lives in the process of an arm."""

    runner: asyncio.Runner
    contender: Contender


def _begin(make: Callable[[], Contender], environment: Mapping[str, str], fast_loop: bool) -> None:  # noqa: FBT001  (a pool passes by place)
    os.environ.update(environment)
    _Child.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop if fast_loop else None)
    _Child.contender = make()


def _answer(method: str, arguments: Sequence[object]) -> Any:
    try:
        return _Child.runner.run(getattr(_Child.contender, method)(*arguments))
    except Exception as error:  # noqa: BLE001  (whatever went wrong there is told here)
        # Not every exception survives the way to another process.
        raise RuntimeError(f"{method}: {type(error).__name__}: {error}") from None


async def one_by_one(call: Callable[[], Awaitable[object]], times: int) -> Spent:
    """The same call again and again, none before the last has ended."""
    watch = Stopwatch()
    for _ in range(times):
        await call()
    return watch.read()


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table. `met` is None where nothing was promised."""

    what: str
    ours: str
    theirs: str = ""
    ratio: str = ""
    wanted: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """The line's cells."""
        mark = "" if self.met is None else "yes" if self.met else "**no**"
        return self.what, self.ours, self.theirs, self.ratio, self.wanted, mark


class Wanted(NamedTuple):
    """What is asked of a figure, in words and as a test."""

    words: str
    met: Callable[[float], bool]


def most(limit: float | None, shown: Callable[[float], str] = "{:.2g}".format) -> Wanted | None:
    """No more than the limit; nothing is wanted without one."""
    return None if limit is None else Wanted(f"at most {shown(limit)}", lambda value: value <= limit)


def least(limit: float, shown: Callable[[float], str] = "{:.2g}".format) -> Wanted:
    """No less than the limit."""
    return Wanted(f"at least {shown(limit)}", lambda value: value >= limit)


def beside(
    what: str, ours: Side, theirs: Side, *, shown: Callable[[float], str], wanted: Wanted | None = None
) -> Figure:
    """Both medians, their ratio with the lowest and highest of the rounds, and whether the ratio is as wanted."""
    found, (lowest, highest) = ratio(ours, theirs), spread(ours, theirs)
    met = None if wanted is None else wanted.met(found)
    cells = f"{found:.2f} ({lowest:.2f} to {highest:.2f})"
    return Figure(what, shown(ours.median), shown(theirs.median), cells, wanted.words if wanted else "", met)


def alone(what: str, value: float, *, shown: Callable[[float], str], wanted: Wanted | None = None) -> Figure:
    """A figure that stands beside nothing."""
    return Figure(
        what, shown(value), wanted=wanted.words if wanted else "", met=None if wanted is None else wanted.met(value)
    )


HEADINGS = ("measured", "ours", "plain aioboto3", "ours / plain", "wanted", "met")


def table(figures: Iterable[Figure]) -> str:
    """Figures as a table of Markdown, without the columns in which nothing stands."""
    rows = [HEADINGS, *(figure.cells() for figure in figures)]
    used = [column for column in zip(*rows, strict=True) if any(column[1:])]
    lines = [f"| {' | '.join(cells)} |" for cells in zip(*used, strict=True)]
    rule = "|".join(["---", *["---:"] * (len(used) - 1)])
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def machine() -> str:
    """What the figures were taken on."""
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
    """The text with what stands between the markers of that name replaced.

    Raises:
        LookupError: there are no such markers.
    """
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise LookupError(f"no markers for {name}")
    return f"{before}{begin}\n{content}\n{end}{after}"
