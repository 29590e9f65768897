"""Listings that several declarations share, and the rows in their pages."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from collector.catalog.catalog import client_of
from collector.engine.context import JobContext, Listing, listing_of
from collector.faults import CallFailed
from collector.model import READ_ERRORS
from collector.schema.declarations import Call, Custom, Declaration, Join, Row, Rows, Synthetic
from collector.schema.paths import found, found_rows, reader


class Listings:
    """The listings that declarations of a job join. Each is read once and kept."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._owners = {join: declaration for declaration in context.job.declarations for join in declaration.join}
        self.shared = {listing_of(join.rows) for join in self._owners}
        self._locks: dict[Listing, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._answers: dict[Listing, list[Row] | CallFailed] = {}
        self._matches: dict[Join, Mapping[Any, list[Row]]] = {}

    async def of(self, rows: Listing, declaration: Declaration) -> list[Row]:
        """All pages of a listing. Raises `CallFailed` if it failed, the same one to every caller."""
        async with self._locks[rows]:
            if rows not in self._answers:
                self._answers[rows] = await self._read(rows, declaration)
        answers = self._answers[rows]
        if isinstance(answers, CallFailed):
            raise answers
        return answers

    async def _read(self, rows: Listing, declaration: Declaration) -> list[Row] | CallFailed:
        job = self._context.job
        if isinstance(rows, Call | Custom) and client_of(job.service, declaration, rows.client) in job.not_offered:
            return []
        try:
            return [answer async for answer in self._context.answers(rows, declaration, None, None)]
        except CallFailed as failure:
            absent = rows.absent if isinstance(rows, Call) else ()
            return [] if failure.is_one_of(absent) else failure

    def rows(self, answer: Row, rows: Rows, parent: Row | None, declaration: Declaration) -> list[Row]:
        """The rows in a page of a listing of a declaration; none, which is recorded, if it differs from AWS's model."""
        try:
            return listed(answer, rows, parent)
        except READ_ERRORS as error:
            self._context.note_unreadable(error, declaration)
            return []

    async def matches(self, join: Join) -> Mapping[Any, list[Row]] | CallFailed:
        """The rows of a joined listing by the value they match on, or its failure."""
        try:
            answers = await self.of(listing_of(join.rows), self._owners[join])
        except CallFailed as failure:
            return failure
        if join not in self._matches:  # no await in between: pages that waited together index it once
            self._matches[join] = self._index(join, answers)
        return self._matches[join]

    def _index(self, join: Join, answers: Iterable[Row]) -> Mapping[Any, list[Row]]:
        by_value: dict[Any, list[Row]] = defaultdict(list)
        on = reader(join.on)
        for answer in answers:
            for row in self.rows(answer, join.rows, None, self._owners[join]):
                try:
                    values = on(row, self._context.job.place)
                    for value in values if isinstance(values, list) else [values]:
                        by_value[value].append(row)
                except READ_ERRORS as error:  # it can match nothing
                    self._context.note_unreadable(error, self._owners[join])
        return by_value


def listed(answer: Row, rows: Rows, parent: Row | None) -> list[Row]:
    """The rows in a page of a listing. `parent` is the row that the listing belongs to."""
    if isinstance(rows, Custom):
        return list(answer["Rows"])
    if isinstance(rows, Synthetic):
        return [answer]
    if isinstance(rows, Call) and rows.wrap is not None:
        return [{rows.wrap: item, "Item": item, "^": parent} for item in found(answer, rows.items)]
    return list(found_rows(answer, rows.items, parent))
