"""Managed prefix lists, which rules of security groups name in place of address ranges."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from collector.schema.declarations import Calls, Computed, Custom, Join, Row
from collector.schema.paths import found

AWS = "AWS"
"""The owner of the lists that AWS manages, whose entries change without notice."""


async def list_prefix_lists(calls: Calls) -> AsyncIterator[list[Row]]:
    """The prefix lists of a region, those of customers with their entries."""
    async for page in calls.pages("describe_managed_prefix_lists", MaxResults=100):
        yield [await with_entries(calls, row) for row in page.get("PrefixLists", ())]


async def with_entries(calls: Calls, row: Row) -> Row:
    """A prefix list with its entries, unless AWS manages it."""
    if row.get("OwnerId") == AWS:
        return row
    entries: list[Row] = []
    async for page in calls.pages("get_managed_prefix_list_entries", PrefixListId=row["PrefixListId"], MaxResults=100):
        entries += page.get("Entries", ())
    return {**row, "Entries": entries}


PREFIX_LISTS = Custom(list_prefix_lists, ops=("describe_managed_prefix_lists", "get_managed_prefix_list_entries"))
NAMED_BY_RULES = tuple(
    Join(PREFIX_LISTS, f"{side}Lists", on="PrefixListId", to=f"{side}[].PrefixListIds[].PrefixListId")
    for side in ("IpPermissions", "IpPermissionsEgress")
)


def _prefix_lists(row: Row) -> list[dict[str, Any]]:
    rows = [each for join in NAMED_BY_RULES for each in row.get(join.at) or ()]
    return [
        {
            "id": each.get("PrefixListId"),
            "name": each.get("PrefixListName"),
            "cidrs": found(each, "Entries[].Cidr") if "Entries" in each else None,
        }
        for each in rows
    ]


named_prefix_lists = Computed(_prefix_lists, tuple(join.at for join in NAMED_BY_RULES))
"""The prefix lists that the rules of a security group name: id, name, and ranges if they are known."""
