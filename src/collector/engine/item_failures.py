"""Failures inside a successful answer: items that AWS could not read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from collector.aws.faults import classify_item
from collector.catalog.permissions import api_of
from collector.faults import CallFailed
from collector.schema.declarations import Failures, Row
from collector.schema.paths import found, walker


class ItemFailure(NamedTuple):
    """A failure of one item: the identifier of its resource, if AWS gives one, and the classified failure."""

    id: Any
    failure: CallFailed


def item_failures(answer: Row, declared: tuple[Failures, ...], client: str, op: str) -> Iterator[ItemFailure]:
    """The failures that an answer of the operation reports in its declared members."""
    for each in declared:
        for item in found(answer, each.items):
            identifier = _read(each.id, item)
            code = _read(each.code, item) or each.items.rpartition(".")[2].rstrip("[]{}")
            message = ": ".join(str(part) for part in (identifier, _read(each.message, item)) if part)
            classification = classify_item(str(code), message)
            failure = CallFailed(
                f"{client}:{api_of(client, op)}", classification.reason, classification.code, classification.message
            )
            yield ItemFailure(identifier, failure)


def _read(path: str | None, item: Any) -> Any:
    if path is None:
        return None
    if path == "@":
        return item
    return walker(path)(item) if isinstance(item, dict) else None
