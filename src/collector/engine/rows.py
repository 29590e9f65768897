"""Loads the rows of a declaration: the raw items of a page are described, joined, gathered and hydrated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from collector.concurrency import chunks
from collector.engine.batches import BatchCalls
from collector.engine.context import JobContext, Params, arguments, has_arguments, items_in, was_listed
from collector.engine.listings import Listings
from collector.faults import CallFailed, Reason
from collector.model import READ_ERRORS, Place, UnknownValueError
from collector.schema.declarations import UNKNOWN, Declaration, Describe, Entity, Gather, Hydrate, Join, Row, Source
from collector.schema.paths import Read, Walk, reader, reads, value_at, walker


class RowLoader:
    """Loads the rows of one declaration. `inner` are the entity types whose rows have child resources."""

    def __init__(
        self, declaration: Declaration, context: JobContext, listings: Listings, inner: frozenset[str]
    ) -> None:
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
        self._batches: dict[Describe | Gather, BatchCalls] = defaultdict(BatchCalls)
        self.is_plain = (
            not (declaration.hydrate or declaration.gather or declaration.describe) and self.type not in inner
        )

    def rows(self, answer: Row, parent: Row | None) -> list[Row]:
        """The raw rows of this declaration in a page."""
        return self._listings.rows(answer, self.declaration.rows, parent, self.declaration)

    async def load(self, items: Sequence[Row], place: Place) -> list[tuple[Row, Place]]:
        """Complete the items of a page by further calls and filter them; returns each row with its place."""
        if not items:
            return []
        declaration = self.declaration
        if declaration.describe:
            rows = await self._describe_all(declaration.describe, items, place)
        else:  # declarations that share a call must not see each other's additions
            adds = declaration.hydrate or declaration.gather or declaration.join
            rows = [dict(row) for row in items] if adds else list(items)
        for join in declaration.join:
            await self._join(join, rows, place)
        placed = self._placed(rows, place)
        if self._when is not None and not self._when_late:
            placed = self._filter(placed)
        for gather in declaration.gather:
            await self._gather(gather, placed)
        gone: set[int] = set()
        for stage in self._stages:
            await self._hydrate(stage, placed, gone)
            # a stage may have read the row's own region, or found it deleted
            placed = self._placed([row for row, _ in placed if id(row) not in gone], place)
        if self._when is not None and self._when_late:
            placed = self._filter(placed)
        return placed

    def _filter(self, placed: list[tuple[Row, Place]]) -> list[tuple[Row, Place]]:
        return [(row, place) for row, place in placed if self._is_kept(row, place)]

    def _is_kept(self, row: Row, place: Place) -> bool:
        try:
            return self._when is None or bool(self._when(row, place))
        except READ_ERRORS as error:
            # an item that does not follow AWS's model is dropped alone, without its page
            self._context.note_unreadable(error, self.declaration)
            return False

    def _placed(self, rows: Sequence[Row], place: Place) -> list[tuple[Row, Place]]:
        """Each row with its place, whose region is empty if it is unknown. A row whose region cannot be read is dropped alone."""
        if self._region is None:
            return [(row, place) for row in rows]
        placed: list[tuple[Row, Place]] = []
        for row in rows:
            try:
                region = self._region(row, place)
                if region and not isinstance(region, str):
                    raise TypeError(f"the region {region!r:.200} is not text")
                placed.append((row, Place(place.partition, place.account, region) if region else place))
            except UnknownValueError:
                placed.append((row, Place(place.partition, place.account, "")))
            except READ_ERRORS as error:
                self._context.note_unreadable(error, self.declaration)
        return placed

    async def _describe_all(self, describe: Describe, items: Sequence[Row], place: Place) -> list[Row]:
        rows: list[Row] = []
        by = value_at(describe.by if describe.by != "@" else "Item")
        unique = self._by_value(items, by)
        if unique.pop(None, None) is not None:
            missing = KeyError(f"a row without {describe.by} cannot be described")
            self._context.note_unreadable(missing, self.declaration)
        batches = list(chunks(list(unique.values()), describe.size))
        await self._context.for_each(batches, partial(self._describe, describe, by, place, rows))
        return rows

    def _by_value(self, items: Iterable[Row], walk: Walk) -> dict[Any, Row]:
        """The items by their value at a path. One whose value cannot be read is dropped alone."""
        by_value: dict[Any, Row] = {}
        for item in items:
            try:
                by_value[identifier(walk(item))] = item
            except READ_ERRORS as error:
                self._context.note_unreadable(error, self.declaration)
        return by_value

    async def _describe(self, describe: Describe, by: Walk, place: Place, rows: list[Row], items: list[Row]) -> None:
        """Describe some items, in one call unless AWS refuses some of them, and add the answers to `rows`."""
        parent, region = items[0].get("^"), self._other_region(place)
        try:
            args = arguments(describe.args, parent)
        except READ_ERRORS as error:
            self._context.note_unreadable(error, self.declaration)
            return

        async def call(batch: list[Row]) -> None:
            params = {**describe.params, **args, describe.ids: [by(row) for row in batch]}
            answer, _ = await self._context.call(self.declaration, describe, params, region)
            described = items_in(answer, describe.items, describe.op)
            rows.extend({**item, "^": parent} if isinstance(item, dict) else {"Item": item} for item in described)

        await self._batches[describe].read(items, call, self._lose)

    def _lose(self, _: Sequence[object], failure: CallFailed) -> None:
        self._context.note(failure, [self.declaration], vanishing=was_listed(self.declaration))

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
            try:
                values = to(row, place)
                values = values if isinstance(values, list) else [values]
                row[join.at] = [item for value in values if value is not None for item in matches.get(value, ())]
            except READ_ERRORS as error:
                unknown(row, join.at)
                self._context.note_unreadable(error, self.declaration)

    async def _gather(self, gather: Gather, placed: list[tuple[Row, Place]]) -> None:
        by, on = value_at(gather.by), walker(gather.on)

        async def call(batch: list[tuple[Row, Place]]) -> None:
            params = {**gather.params, gather.ids: [by(row) for row, _ in batch]}
            answer, failures = await self._context.call(self.declaration, gather, params)
            by_row, failed = defaultdict(list), {identifier for identifier, _ in failures}
            for item in items_in(answer, gather.items, gather.op):
                try:
                    by_row[on(item)].append(item)
                except READ_ERRORS as error:
                    self._context.note_unreadable(error, self.declaration)
            for row, _ in batch:
                if by(row) not in by_row and (by(row) in failed or None in failed):
                    unknown(row, gather.at)
                else:
                    row[gather.at] = by_row.get(by(row), [])

        def lose(batch: list[tuple[Row, Place]], failure: CallFailed) -> None:
            self._lose(batch, failure)
            for row, _ in batch:
                unknown(row, gather.at)

        async def read(batch: list[tuple[Row, Place]]) -> None:
            await self._batches[gather].read(batch, call, lose)

        with_id = [(row, place) for row, place in placed if self._has_id(row, by, gather.at)]
        await self._context.for_each(list(chunks(with_id, gather.size)), read)

    def _has_id(self, row: Row, by: Walk, at: str) -> bool:
        """Whether the row has the identifier of its items. If that cannot be read, the field `at` is unknown."""
        try:
            return by(row) is not None and bool(identifier(by(row)))
        except READ_ERRORS as error:
            unknown(row, at)
            self._context.note_unreadable(error, self.declaration)
            return False

    async def _hydrate(self, stage: Sequence[_Hydration], placed: list[tuple[Row, Place]], gone: set[int]) -> None:
        async def add(pending: tuple[_Hydration, Row, Place]) -> None:
            hydration, row, place = pending
            hydrate = hydration.hydrate
            try:
                row[hydrate.at] = await self._answer(hydration, row, place)
            except CallFailed as failure:
                if failure.is_one_of(hydrate.absent):
                    return
                if failure.is_one_of(hydrate.gone):
                    failure = CallFailed(failure.operation, Reason.VANISHED, failure.code, failure.message)
                if failure.reason is Reason.VANISHED:
                    gone.add(id(row))
                unknown(row, hydrate.at)
                self._context.note(failure, [self.declaration], vanishing=True)

        calls = [
            (hydration, row, place)
            for row, place in placed
            for hydration in stage
            if self._is_needed(hydration, row, place)
        ]
        await self._context.for_each(calls, add)

    def _is_needed(self, hydration: _Hydration, row: Row, place: Place) -> bool:
        try:
            is_wanted = hydration.when is None or bool(hydration.when(row, place))
            return is_wanted and has_arguments(hydration.hydrate.args, row)
        except READ_ERRORS as error:
            unknown(row, hydration.hydrate.at)
            self._context.note_unreadable(error, self.declaration)
            return False

    async def _answer(self, hydration: _Hydration, row: Row, place: Place) -> Any:
        hydrate = hydration.hydrate
        params = {**hydrate.params, **arguments(hydrate.args, row)}
        if hydrate.regions:
            return await self._in_every_region(hydrate, params, row)
        if hydrate.items is not None:
            return await self._context.all_items(self.declaration, hydrate, params, self._other_region(place))
        answer, _ = await self._context.call(self.declaration, hydrate, params, self._other_region(place))
        return answer

    async def _in_every_region(self, hydrate: Hydrate, params: Params, row: Row) -> list[Row]:
        answers: dict[str, Row] = {}

        async def call(region: str) -> None:
            try:
                answer, _ = await self._context.call(self.declaration, hydrate, params, region)
            except CallFailed as failure:
                if not failure.is_one_of(hydrate.absent):
                    self._context.note(failure, [self.declaration], vanishing=True)
                    unknown(row, hydrate.at)
                return
            answers[region] = {**answer, "Region": region}

        regions = self._context.job.target.regions
        await self._context.for_each(list(regions), call)
        return [answers[region] for region in regions if region in answers]

    def _other_region(self, place: Place) -> str | None:
        return place.region if place.region not in ("", self._context.job.place.region) else None


def identifier(value: Any) -> Any:
    """An identifier to ask for among others. Raises `TypeError` for anything else, which would fail the whole call."""
    if not isinstance(value, str | int):
        raise TypeError(f"the identifier is {value!r:.200}")
    return value


class _Hydration(NamedTuple):
    """A hydrating call and its compiled condition."""

    hydrate: Hydrate
    when: Read | None


def unknown(row: Row, at: str) -> None:
    """Mark the field `at` of a row as unknown, because the call that reads it failed."""
    row.setdefault(UNKNOWN, set()).add(at)


def _stages(hydrates: Sequence[Hydrate]) -> list[list[_Hydration]]:
    """Group hydrating calls into stages of concurrent calls; one that reads another's answer is in a later stage."""
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
        stages[stage].append(_Hydration(hydrate, when))
    return stages
