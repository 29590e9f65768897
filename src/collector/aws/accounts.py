"""Which account and which regions: asked once for each account, before anything is collected."""

from __future__ import annotations

from dataclasses import dataclass

import aioboto3

from collector.aws.calls import Line, ScopeCalls
from collector.aws.credentials import Identity, own
from collector.faults import Failed, Reason
from collector.model import GLOBAL, Scope
from collector.plan import HOMES, Target, chosen_regions
from collector.report import Ledger, ScopeRecord

NOT_OPTED_IN = "not-opted-in"


class UnknownRegionError(ValueError):
    """A region was asked for that AWS does not have."""


@dataclass(frozen=True, slots=True)
class Reached:
    """An account that answers: what to collect there, and who signs."""

    target: Target
    identity: Identity


async def reach(session: aioboto3.Session, line: Line, ledger: Ledger, asked: tuple[str, ...], home: str) -> Reached:
    """Find out who we are and which regions there are; its calls count for the account's own scope.

    Raises:
        Failed: when the credentials are not accepted.
        UnknownRegionError: when a region of `asked` does not exist.
    """
    record = ScopeRecord()
    caller = await ScopeCalls(line, Identity("", own(session)), home, record).once("sts", "get_caller_identity", {})
    account, arn = caller["Account"], caller["Arn"]
    partition = arn.split(":")[1]
    scope = Scope(account, GLOBAL, "account")
    ledger.scopes[scope] = record
    ledger.begin(scope)
    identity = Identity(account, own(session))
    calls = ScopeCalls(line, identity, HOMES.get(partition, home), record)
    enabled, disabled = await _regions(session, calls, partition)
    ledger.end(scope)
    known = {*enabled, *disabled, *await known_regions(session, partition)}
    for region in asked:
        if region not in known:
            raise UnknownRegionError(f"unknown region {region!r} in partition {partition}")
    return Reached(Target(partition, account, arn, chosen_regions(asked, enabled), tuple(sorted(enabled))), identity)


async def known_regions(session: aioboto3.Session, partition: str) -> tuple[str, ...]:
    """The regions of a partition as botocore's endpoint data has them."""
    return tuple(await session._session.get_available_regions("ec2", partition))  # noqa: SLF001  (aioboto3's own forgets to await)


async def _regions(session: aioboto3.Session, calls: ScopeCalls, partition: str) -> tuple[set[str], set[str]]:
    """The regions that are enabled for the account, and those that are not. Denied, botocore's list stands in."""
    try:
        answer = await calls.once("ec2", "describe_regions", {"AllRegions": True})
    except Failed as failure:
        if failure.reason in (Reason.DENIED, Reason.DENIED_BY_SCP):
            return set(await known_regions(session, partition)), set()
        raise
    rows = answer.get("Regions", [])
    enabled = {row["RegionName"] for row in rows if row.get("OptInStatus") != NOT_OPTED_IN}
    return enabled, {row["RegionName"] for row in rows} - enabled
