"""Which accounts, as whom, and in which regions: found out before anything is collected.

Organizations throttles hard, so it is asked serially, by the caller alone, and a member's tags only when its turn has come.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import aioboto3

from collector.aws.calls import CallContext, ScopeCalls, SharedAnswers
from collector.aws.credentials import Identity, own, role
from collector.catalog.catalog import Catalog
from collector.concurrency import for_each
from collector.config import ConfigurationError, Settings
from collector.faults import CallFailed, Reason
from collector.model import GLOBAL, HOMES, Scope, Target
from collector.report import Ledger, ScopeRecord

SKIP_TAG = ("j1-integration", "SKIP")
"""A member with this tag is left out, as in JupiterOne's own integration."""

ACTIVE = "ACTIVE"
SESSION = "collector"


@dataclass(frozen=True, slots=True)
class Member:
    """An account that was asked for: a role in it, or, without one, the caller's own."""

    account: str
    role: str | None = None
    name: str | None = None
    in_organization: bool = False


@dataclass(frozen=True, slots=True)
class AccountSession:
    """An account that answers: what to collect there, who signs, and the calls that its services share."""

    target: Target
    identity: Identity
    shared: SharedAnswers
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """The user's own credentials, and who they are."""

    identity: Identity
    account: str
    arn: str

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`."""
        return self.arn.split(":")[1]


class Accounts:
    """Finds the accounts of a run and gets into them."""

    def __init__(
        self, session: aioboto3.Session, line: CallContext, ledger: Ledger, settings: Settings, catalog: Catalog
    ) -> None:
        """Nothing is asked yet."""
        self._session, self._line, self._ledger, self._settings = session, line, ledger, settings
        self._repeated = catalog.repeated_calls()
        self._region = session.region_name

    async def caller(self) -> Caller:
        """Who we are. Raises `CallFailed` when AWS does not know us."""
        record = ScopeRecord()
        identity = Identity("", own(self._session))
        region = self._region or HOMES["aws"]
        answer = await ScopeCalls(self._line, identity, region, record).once("sts", "get_caller_identity", {})
        caller = Caller(Identity(answer["Account"], own(self._session)), answer["Account"], answer["Arn"])
        self._ledger.scopes[Scope(caller.account, GLOBAL, "account")] = record
        self._ledger.begin(Scope(caller.account, GLOBAL, "account"))
        self._ledger.end(Scope(caller.account, GLOBAL, "account"))
        return caller

    async def check_regions(self, caller: Caller) -> None:
        """Raises `ConfigurationError` when a region was asked for that neither botocore nor AWS knows."""
        known = set(await self._known(caller.partition))
        unknown = [region for region in self._settings.regions if region not in known]
        if unknown:
            record = self._ledger.plan(Scope(caller.account, GLOBAL, "account"))
            calls = ScopeCalls(self._line, caller.identity, HOMES.get(caller.partition, HOMES["aws"]), record)
            known |= set(await self._regions(calls, caller.partition))
        for region in unknown:
            if region not in known:
                raise ConfigurationError(f"unknown region {region!r} in partition {caller.partition}")

    async def members(self, caller: Caller) -> AsyncIterator[Member]:
        """The accounts to collect, in their order. Raises `CallFailed` when the organization cannot be read."""
        settings = self._settings
        skipped = set(settings.skip_accounts)
        if settings.org:
            async for member in self._organization(caller):
                if member.account in skipped:
                    self._skip(member.account, "SkippedByOption", "left out by --skip-accounts")
                else:
                    yield member
        elif settings.accounts:
            for account in settings.accounts:
                if account not in skipped:
                    yield Member(account, self._role_in(account, caller))
        elif settings.role_arn:
            yield Member(settings.role_arn.split(":")[4], settings.role_arn)
        else:
            yield Member(caller.account)

    async def reach(self, member: Member, caller: Caller) -> AccountSession | None:
        """Get into an account and learn its regions; None, and noted, when its tag says to skip it.

        Raises:
            Failed: when the account refuses.
        """
        if member.in_organization and await self._is_tagged_to_be_skipped(member, caller):
            self._skip(member.account, "SkippedByTag", "tagged {}: {}".format(*SKIP_TAG))
            return None
        identity = self.signer(member, caller)
        scope = Scope(member.account, GLOBAL, "account")
        record = self._ledger.begin(scope)
        home = HOMES.get(caller.partition, self._region or HOMES["aws"])
        calls = ScopeCalls(self._line, identity, home, record)
        arn = caller.arn
        if member.role:
            arn = (await calls.once("sts", "get_caller_identity", {}))["Arn"]
        enabled = {region for region, on in (await self._regions(calls, caller.partition)).items() if on}
        self._ledger.end(scope)
        regions = self._chosen(member.account, enabled)
        target = Target(caller.partition, member.account, arn, regions, tuple(sorted(enabled)))
        return AccountSession(target, identity, SharedAnswers(self._repeated), member.name)

    def signer(self, member: Member, caller: Caller) -> Identity:
        """Who signs the calls in an account: whoever its role makes us, or without one the caller."""
        return Identity(member.account, self._issue(member, caller)) if member.role else caller.identity

    def _role_in(self, account: str, caller: Caller) -> str:
        return f"arn:{caller.partition}:iam::{account}:role/{self._settings.role_name}"

    def _issue(self, member: Member, caller: Caller) -> Any:
        """The role's credentials, by way of another role where one is given; through the home region's STS."""
        settings = self._settings
        through = caller.identity
        if settings.via_role_arn:
            issue = role(
                self._assume(caller.identity, member), settings.via_role_arn, SESSION, settings.via_external_id
            )
            through = Identity(caller.account, issue)
        return role(self._assume(through, member), member.role or "", SESSION, settings.external_id)

    def _assume(self, identity: Identity, member: Member) -> Any:
        record = self._ledger.plan(Scope(member.account, GLOBAL, "account"))
        home = self._region or HOMES["aws"]

        async def assume(params: Mapping[str, Any]) -> Mapping[str, Any]:
            return await ScopeCalls(self._line, identity, home, record).once("sts", "assume_role", params)

        return assume

    async def _organization(self, caller: Caller) -> AsyncIterator[Member]:
        calls = ScopeCalls(
            self._line,
            caller.identity,
            HOMES[caller.partition],
            self._ledger.plan(Scope(caller.account, GLOBAL, "account")),
        )
        async for page in calls.pages("organizations", "list_accounts", {}):
            for row in page.get("Accounts", []):
                account = row["Id"]
                if row.get("Status") != ACTIVE:
                    self._skip(account, str(row.get("Status")), "the account is not active")
                elif account == caller.account:
                    yield Member(account, name=row.get("Name"))  # no role needed where we already are
                else:
                    yield Member(account, self._role_in(account, caller), row.get("Name"), in_organization=True)

    async def _is_tagged_to_be_skipped(self, member: Member, caller: Caller) -> bool:
        record = self._ledger.plan(Scope(member.account, GLOBAL, "account"))
        calls = ScopeCalls(self._line, caller.identity, HOMES[caller.partition], record)
        pages = calls.pages("organizations", "list_tags_for_resource", {"ResourceId": member.account})
        return SKIP_TAG in [(tag["Key"], tag["Value"]) async for page in pages for tag in page.get("Tags", [])]

    def _skip(self, account: str, code: str, message: str) -> None:
        self._ledger.skip(
            Scope(account, GLOBAL, "account"), CallFailed("organizations:ListAccounts", Reason.ERROR, code, message)
        )

    def _chosen(self, account: str, enabled: set[str]) -> tuple[str, ...]:
        """The regions to collect; one that was asked for and is not enabled is told, not asked."""
        asked = self._settings.regions
        for region in asked:
            if region not in enabled:
                failure = CallFailed(
                    "ec2:DescribeRegions", Reason.REGION_DISABLED, "not-opted-in", "not enabled for the account"
                )
                self._ledger.skip(Scope(account, region, "account"), failure)
        return tuple(region for region in chosen_regions(asked, enabled) if region in enabled)

    async def _regions(self, calls: ScopeCalls, partition: str) -> dict[str, bool]:
        """Every region and whether it is enabled: from EC2, else from the Account API, else by trying each."""
        try:
            answer = await calls.once("ec2", "describe_regions", {"AllRegions": True})
        except CallFailed as denied:
            _only_denied(denied)
            return await self._regions_otherwise(calls, partition)
        return {row["RegionName"]: row.get("OptInStatus") != "not-opted-in" for row in answer.get("Regions", [])}

    async def _regions_otherwise(self, calls: ScopeCalls, partition: str) -> dict[str, bool]:
        try:
            pages = calls.pages("account", "list_regions", {"MaxResults": 50})
            rows = [row async for page in pages for row in page.get("Regions", [])]
            return {row["RegionName"]: row["RegionOptStatus"] in ("ENABLED", "ENABLED_BY_DEFAULT") for row in rows}
        except CallFailed:
            return await self._regions_that_answer(calls, partition)

    async def _regions_that_answer(self, calls: ScopeCalls, partition: str) -> dict[str, bool]:
        """A disabled region's STS does not take our credentials."""
        states: dict[str, bool] = {}

        async def probe(region: str) -> None:
            try:
                await calls.once("sts", "get_caller_identity", {}, region=region)
                states[region] = True
            except CallFailed:
                states[region] = False

        await for_each(await self._known(partition), probe, 8)
        return states

    async def _known(self, partition: str) -> tuple[str, ...]:
        """The regions of a partition as botocore's endpoint data has them."""
        return tuple(await self._session._session.get_available_regions("ec2", partition))  # noqa: SLF001  (aioboto3's own forgets to await)


def _only_denied(failure: CallFailed) -> None:
    if failure.reason not in (Reason.DENIED, Reason.DENIED_BY_SCP):
        raise failure


def chosen_regions(asked: Iterable[str], enabled: Iterable[str]) -> tuple[str, ...]:
    """The regions to collect: those asked for, in that order, or all enabled ones by name."""
    return tuple(dict.fromkeys(asked)) or tuple(sorted(enabled))
