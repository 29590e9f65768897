"""Listings: what is fetched once for all declarations that read it, and the rows that lie in its pages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import anyio

from collector.engine.context import JobContext, Listing
from collector.faults import CallFailed
from collector.schema.declarations import Call, Custom, Declaration, Join, Row, Rows, SameAnswer, Synthetic
from collector.schema.paths import found, found_rows, reader


class Listings:
    """Listings that several declarations of a scope read: each is fetched once, by whoever needs it first."""

    def __init__(self, context: JobContext) -> None:
        """Nothing is fetched yet."""
        self._context = context
        self._owners = {join: declaration for declaration in context.job.declaration for join in declaration.join}
        self.shared = {listing_of(join.rows) for join in self._owners}
        self._locks: dict[Listing, anyio.Lock] = defaultdict(anyio.Lock)
        self._answers: dict[Listing, list[Row] | CallFailed] = {}
        self._matches: dict[Join, Mapping[Any, list[Row]] | CallFailed] = {}

    async def of(self, rows: Listing, declaration: Declaration) -> list[Row]:
        """All pages of a listing. Raises the same `CallFailed` to everyone who asks."""
        async with self._locks[rows]:
            if rows not in self._answers:
                self._answers[rows] = await self._fetch(rows, declaration)
        answers = self._answers[rows]
        if isinstance(answers, CallFailed):
            raise answers
        return answers

    async def _fetch(self, rows: Listing, declaration: Declaration) -> list[Row] | CallFailed:
        try:
            return [answer async for answer in self._context.answers(rows, declaration, None, None)]
        except CallFailed as failure:
            absent = rows.absent if isinstance(rows, Call) else ()
            return [] if failure.is_one_of(absent) else failure

    async def matches(self, join: Join) -> Mapping[Any, list[Row]] | CallFailed:
        """The rows of a joined listing by what they match on."""
        if join not in self._matches:
            self._matches[join] = await self._matched(join)
        return self._matches[join]

    async def _matched(self, join: Join) -> Mapping[Any, list[Row]] | CallFailed:
        try:
            answers = await self.of(listing_of(join.rows), self._owners[join])
        except CallFailed as failure:
            return failure
        by_value: dict[Any, list[Row]] = defaultdict(list)
        on = reader(join.on)
        for answer in answers:
            for row in listed(answer, join.rows, None):
                got = on(row, self._context.job.place)
                for value in got if isinstance(got, list) else [got]:
                    by_value[value].append(row)
        return by_value


def listing_of(rows: Rows) -> Listing:
    """What is fetched for these rows: slices of one call are one listing."""
    return rows.call if isinstance(rows, SameAnswer) else rows


def listed(answer: Row, rows: Rows, parent: Row | None) -> list[Row]:
    """The rows that lie in a page of a listing."""
    if isinstance(rows, Custom):
        return list(answer["Rows"])
    if isinstance(rows, Synthetic):
        return [answer]
    if isinstance(rows, Call) and rows.wrap is not None:
        return [{rows.wrap: item, "Item": item, "^": parent} for item in found(answer, rows.items)]
    return list(found_rows(answer, rows.items, parent))
