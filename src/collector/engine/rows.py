"""One declaration at work: from the raw items of a page to finished rows, batched, joined, gathered, hydrated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from collector.concurrency import chunks
from collector.engine.context import JobContext, Params, arguments, has_arguments
from collector.engine.listings import Listings, listed
from collector.faults import CallFailed, Reason
from collector.model import Place
from collector.schema.declarations import UNKNOWN, Declaration, Describe, Entity, Gather, Hydrate, Join, Row, Source
from collector.schema.paths import Read, Walk, found, has_unknowns, reader, reads, unknown_reads, walker


class RowLoader:
    """One declaration at work: its rows from raw items to finished."""

    def __init__(
        self, declaration: Declaration, context: JobContext, listings: Listings, inner: frozenset[str]
    ) -> None:
        """Compile the declaration; `inner` are the types below whose rows others are found."""
        self.declaration = declaration
        self._context, self._listings = context, listings
        self.type = declaration.type if isinstance(declaration, Entity) else ""
        late = {hydrate.at for hydrate in declaration.hydrate}
        self._when = reader(declaration.when) if declaration.when is not None else None
        self._when_late = declaration.when is not None and any(
            path.split(".")[0] in late for path in reads(declaration.when)
        )
        self._region = reader(declaration.region) if isinstance(declaration, Entity) and declaration.region else None
        self._stages = _stages(declaration.hydrate)
        self._noted: set[Join] = set()
        self.is_plain = (
            not (declaration.hydrate or declaration.gather or declaration.describe) and self.type not in inner
        )

    def rows(self, answer: Row, parent: Row | None) -> list[Row]:
        """The raw rows of this declaration in a page."""
        return listed(answer, self.declaration.rows, parent)

    async def finished(self, items: Sequence[Row], place: Place) -> list[tuple[Row, Place]]:
        """The rows of a page with all that is to be added to them, and where each lies."""
        if not items:
            return []
        declaration = self.declaration
        rows = await self._batched(declaration.describe, items, place) if declaration.describe else list(items)
        if declaration.hydrate or declaration.gather or declaration.join:
            rows = [dict(row) for row in rows]  # declarations that share a call must not see each other's additions
        for join in declaration.join:
            await self._join(join, rows, place)
        placed = [(row, self._place(row, place)) for row in rows]
        if self._when is not None and not self._when_late:
            placed = self._kept(placed)
        for gather in declaration.gather:
            await self._gather(gather, placed)
        gone: set[int] = set()
        for stage in self._stages:
            await self._hydrate(stage, placed, gone)
            # a stage may have told the row's own region, or that it is no more
            placed = [(row, self._place(row, place)) for row, _ in placed if id(row) not in gone]
        if self._when is not None and self._when_late:
            placed = self._kept(placed)
        return placed

    def _kept(self, placed: list[tuple[Row, Place]]) -> list[tuple[Row, Place]]:
        return [(row, place) for row, place in placed if self._is_kept(row, place)]

    def _is_kept(self, row: Row, place: Place) -> bool:
        try:
            return self._when is None or bool(self._when(row, place))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as odd:
            # an item that is not as AWS's model says costs itself, not its page
            failure = CallFailed(
                f"{self._context.job.service.name}:{self.type}", Reason.INVALID, type(odd).__name__, str(odd)
            )
            self._context.note(failure, [self.declaration])
            return False

    def _place(self, row: Row, place: Place) -> Place:
        region = self._region(row, place) if self._region else None
        return Place(place.partition, place.account, region) if region else place

    async def _batched(self, batch: Describe, items: Sequence[Row], place: Place) -> list[Row]:
        rows: list[Row] = []
        by = walker(batch.by if batch.by != "@" else "Item")
        once = list({by(row): row for row in items}.values())
        describe = partial(self._describe, batch, by, place, rows)
        await self._context.for_each(list(chunks(once, batch.size)), describe)
        return rows

    async def _describe(self, batch: Describe, by: Walk, place: Place, rows: list[Row], some: list[Row]) -> None:
        """Add the descriptions of some ids."""
        parent = some[0].get("^")
        params = {**batch.params, **arguments(batch.args, parent), batch.ids: [by(row) for row in some]}
        with self._context.guarded([self.declaration], batch.absent, vanishing=True):
            try:
                answer = await self._context.call(self.declaration, None, batch.op, params, self._other(place))
            except CallFailed as failure:
                if failure.reason is not Reason.VANISHED or len(some) == 1:
                    raise
                for one in some:  # one that vanished must not take the others with it
                    await self._describe(batch, by, place, rows, [one])
                return
            rows.extend({**item, "^": parent} for item in found(answer, batch.items))

    async def _join(self, join: Join, rows: list[Row], place: Place) -> None:
        matches = await self._listings.matches(join)
        if isinstance(matches, CallFailed):
            if join not in self._noted:
                self._noted.add(join)
                self._context.note(matches, [self.declaration])
            for row in rows:
                unknown(row, join.at)
            return
        to = reader(join.to)
        for row in rows:
            values = to(row, place)
            several = values if isinstance(values, list) else [values]
            row[join.at] = [item for value in several if value is not None for item in matches.get(value, ())]

    async def _gather(self, gather: Gather, placed: list[tuple[Row, Place]]) -> None:
        by, on = walker(gather.by), walker(gather.on)

        async def describe(some: list[tuple[Row, Place]]) -> None:
            params = {**gather.params, gather.ids: [by(row) for row, _ in some]}
            with self._context.guarded([self.declaration], vanishing=True):
                answer = await self._context.call(self.declaration, gather.client, gather.op, params)
                belonging = defaultdict(list)
                for item in found(answer, gather.items):
                    belonging[on(item)].append(item)
                for row, _ in some:
                    row[gather.at] = belonging.get(by(row), [])
            for row, _ in some:
                if gather.at not in row:
                    unknown(row, gather.at)

        wanted = [(row, place) for row, place in placed if by(row) is not None]
        await self._context.for_each(list(chunks(wanted, gather.size)), describe)

    async def _hydrate(self, stage: Sequence[_Hydration], placed: list[tuple[Row, Place]], gone: set[int]) -> None:
        async def add(one: tuple[_Hydration, Row, Place]) -> None:
            hydration, row, place = one
            hydrate = hydration.hydrate
            try:
                row[hydrate.at] = await self._answer(hydration, row, place)
            except CallFailed as failure:
                if failure.is_one_of(hydrate.absent):
                    return
                if failure.reason is Reason.VANISHED:
                    gone.add(id(row))
                unknown(row, hydrate.at)
                self._context.note(failure, [self.declaration], vanishing=True)

        wanted = [
            (hydration, row, place)
            for row, place in placed
            for hydration in stage
            if self._is_wanted(hydration, row, place)
        ]
        await self._context.for_each(wanted, add)

    def _is_wanted(self, hydration: _Hydration, row: Row, place: Place) -> bool:
        if has_unknowns(row) and hydration.owed(row):  # whether to ask is itself unknown
            unknown(row, hydration.hydrate.at)
            return False
        return (hydration.when is None or bool(hydration.when(row, place))) and has_arguments(
            hydration.hydrate.args, row
        )

    async def _answer(self, hydration: _Hydration, row: Row, place: Place) -> Any:
        hydrate = hydration.hydrate
        params = {**hydrate.params, **arguments(hydrate.args, row)}
        if hydrate.regions:
            return await self._in_every_region(hydrate, params, row)
        if hydrate.items is not None:
            return await self._context.all_items(self.declaration, hydrate, params, self._other(place))
        return await self._context.call(self.declaration, hydrate.client, hydrate.op, params, self._other(place))

    async def _in_every_region(self, hydrate: Hydrate, params: Params, row: Row) -> list[Row]:
        answers: dict[str, Row] = {}

        async def ask(region: str) -> None:
            try:
                answer = await self._context.call(self.declaration, hydrate.client, hydrate.op, params, region)
            except CallFailed as failure:
                if not failure.is_one_of(hydrate.absent):
                    self._context.note(failure, [self.declaration], vanishing=True)
                    unknown(row, hydrate.at)
                return
            answers[region] = {**answer, "Region": region}

        regions = self._context.job.target.regions
        await self._context.for_each(list(regions), ask)
        return [answers[region] for region in regions if region in answers]

    def _other(self, place: Place) -> str | None:
        return place.region if place.region != self._context.job.place.region else None


class _Hydration(NamedTuple):
    """A hydrating call with its condition compiled, and whether a failed call owes what it asks with."""

    hydrate: Hydrate
    when: Read | None
    owed: Callable[[Row], bool]


def unknown(row: Row, at: str) -> None:
    """Mark an answer as one that a failed call owes: what would be read from it is not known."""
    row.setdefault(UNKNOWN, set()).add(at)


def _stages(hydrates: Sequence[Hydrate]) -> list[list[_Hydration]]:
    """Hydrating calls in stages: one that reads another's answer waits for it, the rest run side by side."""
    stages: list[list[_Hydration]] = []
    placed: dict[str, int] = {}
    for hydrate in hydrates:
        sources: tuple[Source, ...] = (*hydrate.args.values(), *((hydrate.when,) if hydrate.when is not None else ()))
        heads = {path.split(".")[0].removesuffix("[]") for source in sources for path in reads(source)}
        stage = max((placed[head] + 1 for head in heads if head in placed), default=0)
        placed[hydrate.at] = stage
        while len(stages) <= stage:
            stages.append([])
        when = reader(hydrate.when) if hydrate.when is not None else None
        stages[stage].append(_Hydration(hydrate, when, unknown_reads(*sources)))
    return stages
