"""CPU time from rows to lines: conversion, resolution and serialization, separately and all together.

The pages of a complete collection of the canned estate are recorded. Then each stage runs over all of them repeatedly,
each time with an empty graph.
"""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

import orjson

from bench.canned import canned_server, resources
from bench.measure import ROUNDS, Arm, Figure, Side, Stopwatch, single
from collector import log
from collector.catalog.catalog import Catalog
from collector.config import load_settings
from collector.engine.run import Run
from collector.graph.assemble import AccountAssembler, Assembler, OutgoingRecord
from collector.graph.convert import PendingEdge
from collector.graph.resolve import AccountGraph
from collector.model import Options, Target
from collector.report import Ledger
from collector.schema.declarations import Entity
from collector.sinks.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from collector.graph.assemble import Page
    from collector.model import Batch, Scope
    from collector.report import Report

STAGES = ("entities", "pointers", "resolve", "serialise", "all")


class Counted(NamedTuple):
    """The number of records that a stage processed, and its seconds of CPU time."""

    records: int
    cpu: float


def figures() -> list[Figure]:
    """A figure for each stage, one for all together, and the rate of records."""
    with canned_server("100k", **tenth()) as aws, Arm(Pipeline, aws.environment(), fast_loop=True) as arm:
        arm.call("warm")
        rounds = [{stage: arm.call("stage", stage) for stage in STAGES} for _ in range(ROUNDS)]
    figures = [_figure(stage, [each[stage] for each in rounds]) for stage in STAGES]
    every = [each["all"] for each in rounds]
    rate = Side([counted.records / counted.cpu for counted in every]).median
    return [*figures, single("records per second, one core", rate, shown=lambda value: f"{value:,.0f}")]


def tenth() -> dict[str, int]:
    """The counts of an estate of ten thousand resources in 16 regions, too large for CPU caches."""
    once = {"aws_account", "aws_iam_account_password_policy"}
    return {kind: max(3, count // 10) for kind, count in resources("100k").items() if kind not in once}


def _figure(stage: str, counted: list[Counted]) -> Figure:
    each = Side([one.cpu / one.records for one in counted]).median
    return single(
        f"{NAMES[stage]} ({counted[0].records:,})", each, shown=lambda seconds: f"{seconds * 1e6:.1f} us each"
    )


NAMES = {
    "entities": "rows to entities",
    "pointers": "rows to pointers",
    "resolve": "entities and pointers to relationships",
    "serialise": "records to lines",
    "all": "rows to lines in batches, all records",
}


class Pipeline:
    """Conversion, resolution and serialization of recorded pages."""

    async def open(self) -> None:
        """Prepares the catalog and the converters."""
        self._pages: list[tuple[Page, Scope]] = []
        self._catalog = Catalog.all()
        self._assembler = Assembler(self._catalog, Options())
        self._target = Target("aws", "000000000001", "arn:aws:iam::000000000001:user/bench", (), ())

    async def close(self) -> None:
        """Does nothing: no resource is open."""

    async def warm(self) -> None:
        """Collects the estate and records its pages."""
        log.set_up("error", "json")
        take = AccountAssembler.take

        def keep(assembler: AccountAssembler, page: Page, scope: Scope) -> Iterator[OutgoingRecord]:
            self._pages.append((page, scope))
            return take(assembler, page, scope)

        with patch.object(AccountAssembler, "take", keep):
            await Run(load_settings({}), self._catalog, _NullSink(), unlimited=True)()

    async def stage(self, name: str) -> Counted:
        """Runs a stage once."""
        gc.collect()
        stage: Callable[[], Awaitable[Counted]] = getattr(self, f"_{name}")
        return await stage()

    async def _entities(self) -> Counted:
        watch = Stopwatch()
        nodes = self._nodes()
        return Counted(len(nodes), watch.read().cpu)

    async def _pointers(self) -> Counted:
        keys = {id(row): node.key for row, node, _ in self._nodes()}
        watch = Stopwatch()
        pointers = self._pendings(keys)
        return Counted(len(pointers), watch.read().cpu)

    async def _resolve(self) -> Counted:
        nodes = self._nodes()
        pointers = self._pendings({id(row): node.key for row, node, _ in nodes})
        watch, graph = Stopwatch(), AccountGraph(self._assembler.index)
        for _, node, type_ in nodes:
            for waiting in graph.add(type_, node.key, node.names) or ():
                graph.link(waiting.pending, waiting.scope)
        for pending, scope in pointers:
            graph.link(pending, scope)
        for _ in graph.close(self._target.account, frozenset()):
            pass
        return Counted(len(nodes) + len(pointers), watch.read().cpu)

    async def _serialise(self) -> Counted:
        records = [finished.record for finished in self._records(Ledger("bench", "0"))]
        watch = Stopwatch()
        for record in records:
            orjson.dumps(record, default=str, option=orjson.OPT_NON_STR_KEYS)
        return Counted(len(records), watch.read().cpu)

    async def _all(self) -> Counted:
        watch, ledger = Stopwatch(), Ledger("bench", "0")
        writer = Writer(self._target.account, _NullSink(), ledger, asyncio.Lock())
        writer.take(self._records(ledger))
        writer.end()
        await writer.deliver()
        return Counted(ledger.mapped + ledger.types.total() + ledger.relationships.total(), watch.read().cpu)

    def _records(self, ledger: Ledger) -> Iterator[OutgoingRecord]:
        assembler = self._assembler.account(self._target, Options(), ledger)
        for page, scope in self._pages:
            ledger.plan(scope)
            yield from assembler.take(page, scope)
        yield from assembler.close(frozenset())

    def _nodes(self) -> list[tuple[Any, Any, str]]:
        return [
            (row, node, page.declaration.type)
            for page, _ in self._pages
            if isinstance(page.declaration, Entity)
            for row, place in page.rows
            if (node := self._assembler.entities[page.declaration](row, place, [])) is not None
        ]

    def _pendings(self, keys: dict[int, str]) -> list[tuple[PendingEdge, Scope]]:
        return [
            (pending, scope)
            for page, scope in self._pages
            for row, place in page.rows
            for converter in self._assembler.edges.get(page.declaration, ())
            for pending in converter(row, keys.get(id(row)), place, [])
        ]


class _NullSink:
    """A sink that discards everything."""

    async def open(self) -> None:
        """Does nothing."""

    async def write(self, batch: Batch) -> None:
        """Discards the batch."""

    async def close(self, report: Report | None) -> None:
        """Does nothing."""
