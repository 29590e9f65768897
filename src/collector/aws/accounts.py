"""Resolves the accounts of a run, their credentials and their enabled regions, before anything is collected.

Organizations throttles heavily: it is called sequentially, only with the caller's credentials, and the tags of a member
account are read only when its turn comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import aioboto3

from collector.aws.calls import CallContext, ScopeCalls, SharedAnswers
from collector.aws.credentials import ISSUED, AssumeRole, CredentialProvider, Identity, default_provider, role_provider
from collector.aws.faults import NO_SUCH_HOST
from collector.aws.remedies import AwsConfigurationError, is_configuration, remedy_of
from collector.catalog.catalog import ENABLED_REGIONS, Catalog
from collector.concurrency import for_each
from collector.config import ConfigurationError, Settings
from collector.faults import CallFailed, Reason
from collector.model import GLOBAL, HOMES, READ_ERRORS, Scope, Target
from collector.report import Ledger, ScopeRecord

SKIP_TAG = ("j1-integration", "SKIP")
"""A member account with this tag is skipped, as in JupiterOne's own integration."""

REFUSED = frozenset({Reason.DENIED, Reason.DENIED_BY_SCP})
"""Why `ec2:DescribeRegions` may fail though other ways to find the regions may succeed."""

RegionStates: TypeAlias = Mapping[str, bool | CallFailed]
"""Regions to whether they are enabled, or to the failure because of which that is unknown."""

ACTIVE = "ACTIVE"
SESSION = "collector"


@dataclass(frozen=True, slots=True)
class Member:
    """An account to collect. `role` is the ARN of the role to assume in it; None for the caller's own credentials.

    `name` is the organization's name for it, and `organization` holds the ids of all accounts of the organization. `tagged`
    accounts may have a tag that leaves them out.
    """

    account: str
    role: str | None = None
    name: str | None = None
    organization: frozenset[str] = frozenset()
    tagged: bool = False


@dataclass(frozen=True, slots=True)
class AccountSession:
    """An accessible account: its target, the identity that signs its calls, and the answers that its services share."""

    target: Target
    identity: Identity
    shared: SharedAnswers


@dataclass(frozen=True, slots=True)
class Caller:
    """The user's own credentials, with their account and ARN as reported by `sts:GetCallerIdentity`."""

    identity: Identity
    account: str
    arn: str

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`."""
        return self.arn.split(":")[1]


class Accounts:
    """Lists the accounts of a run and opens a session in each."""

    def __init__(
        self, session: aioboto3.Session, context: CallContext, ledger: Ledger, settings: Settings, catalog: Catalog
    ) -> None:
        self._session, self._context, self._ledger, self._settings = session, context, ledger, settings
        self._repeated = catalog.repeated_calls()
        self._listing_regions = catalog.types_that_read(ENABLED_REGIONS)
        self._home = session.region_name or HOMES["aws"]

    async def caller(self) -> Caller:
        """Identify the user's credentials.

        Raises:
            CallFailed: if there are no credentials or AWS rejects them.
            AwsConfigurationError: if a setting, as of the endpoint, the region or the keys, cannot be used.
        """
        record = ScopeRecord()
        provider = default_provider(self._session)
        calls = ScopeCalls(self._context, Identity("", provider), self._home, record)
        try:
            answer = await calls.once("sts", "get_caller_identity", {})
        except CallFailed as failure:
            if is_configuration(failure.code):
                raise AwsConfigurationError(failure.message, remedy_of(failure)) from failure
            raise
        with _reading("sts:GetCallerIdentity"):
            caller = Caller(Identity(answer["Account"], provider), answer["Account"], answer["Arn"])
            _ = caller.partition
        scope = _account_scope(caller.account)
        self._ledger.begin(scope).add(record)
        self._ledger.end(scope)
        return caller

    async def check_regions(self, caller: Caller) -> None:
        """Validate the configured regions. If AWS's list cannot be had, a region exists unless its host name does not.

        Raises:
            ConfigurationError: if neither botocore nor AWS knows one of them in the caller's partition.
        """
        home = self._home_of(caller)
        known = self._context.availability.partition_regions(home)
        unknown = [region for region in self._settings.regions if region not in known]
        if not unknown:
            return
        calls = self._calls(caller.account, caller.identity, home)
        try:
            states = await self._regions(calls, home)
        except CallFailed:
            states = await self._probe_regions(calls, unknown)
        for region in unknown:
            if not _exists(region, states):
                raise ConfigurationError(f"unknown region {region!r} in partition {caller.partition}")

    async def members(self, caller: Caller) -> list[Member]:
        """The accounts to collect, in order. An organization is listed to its end first: each account's analysis needs all of it.

        Raises:
            CallFailed: if the accounts of the organization cannot be listed.
        """
        settings = self._settings
        skipped = set(settings.skip_accounts)
        if settings.org:
            return await self._organization(caller, skipped)
        if settings.accounts:
            return [Member(each, self._role_in(each, caller)) for each in settings.accounts if each not in skipped]
        if settings.role_arn:
            return [Member(settings.role_arn.split(":")[4], settings.role_arn)]
        return [Member(caller.account)]

    async def reach(self, member: Member, caller: Caller) -> AccountSession | None:
        """Open a session in an account and determine the regions to collect: those that are not known to be disabled.

        Returns None, and records the account as skipped, if the account has the tag `SKIP_TAG`.

        Raises:
            CallFailed: if the role cannot be assumed, or the regions cannot be listed and none are configured.
        """
        if member.tagged and await self._has_skip_tag(member, caller):
            self._skip(member.account, "SkippedByTag", "tagged {}: {}".format(*SKIP_TAG))
            return None
        identity = self.identity_for(member, caller)
        scope = _account_scope(member.account)
        record = self._ledger.begin(scope)
        home = self._home_of(caller)
        calls = ScopeCalls(self._context, identity, home, record)
        arn = caller.arn
        if member.role:
            answer = await calls.once("sts", "get_caller_identity", {})
            with _reading("sts:GetCallerIdentity"):
                arn = answer["Arn"]
        states = await self._states_of_regions(calls, home)
        knows_enabled = not self._record_unknown(states, record)
        self._ledger.end(scope)
        enabled = tuple(sorted(region for region, state in states.items() if state is True))
        regions = self._regions_to_collect(member.account, states)
        target = Target(
            caller.partition, member.account, arn, regions, enabled, member.name, member.organization, knows_enabled
        )
        return AccountSession(target, identity, SharedAnswers(self._repeated))

    def identity_for(self, member: Member, caller: Caller) -> Identity:
        """The identity that signs the calls in an account: its assumed role, or the caller if it has no role."""
        return Identity(member.account, self._provider(member, caller)) if member.role else caller.identity

    def _role_in(self, account: str, caller: Caller) -> str:
        return f"arn:{caller.partition}:iam::{account}:role/{self._settings.role_name}"

    def _provider(self, member: Member, caller: Caller) -> CredentialProvider:
        """Credentials of the member's role, through an intermediate role if `via_role_arn` is set."""
        settings = self._settings
        source = caller.identity
        if settings.via_role_arn:
            assume = self._assume(caller.identity, member)
            provider = role_provider(assume, settings.via_role_arn, SESSION, settings.via_external_id)
            source = Identity(caller.account, provider)
        return role_provider(self._assume(source, member), member.role or "", SESSION, settings.external_id)

    def _assume(self, identity: Identity, member: Member) -> AssumeRole:
        """`sts:AssumeRole` with the credentials of `identity`, at the STS endpoint of the session's region."""
        calls = self._calls(member.account, identity, self._home)

        async def assume(params: Mapping[str, Any]) -> Mapping[str, Any]:
            answer = await calls.once("sts", "assume_role", params)
            with _reading("sts:AssumeRole"):
                return {"Credentials": {name: answer["Credentials"][name] for name in ISSUED}}

        return assume

    def _home_of(self, caller: Caller) -> str:
        """The region for global services; in an unlisted partition that of the session."""
        return HOMES.get(caller.partition, self._home)

    def _calls(self, account: str, identity: Identity, region: str) -> ScopeCalls:
        """Calls that are recorded in the `account` scope of an account."""
        return ScopeCalls(self._context, identity, region, self._ledger.plan(_account_scope(account)))

    async def _organization(self, caller: Caller, skipped: set[str]) -> list[Member]:
        """The active accounts of the organization. AWS replaces `Status` with `State`; an account with neither is collected."""
        calls = self._calls(caller.account, caller.identity, self._home_of(caller))
        pages = calls.pages("organizations", "list_accounts", {})
        rows = [row async for page in pages for row in page.get("Accounts", [])]
        with _reading("organizations:ListAccounts"):
            everyone = frozenset(row["Id"] for row in rows)
        if not everyone:  # it has a management account at least
            raise CallFailed("organizations:ListAccounts", Reason.INVALID, "NoAccounts", "the answer has no account")
        members = []
        for row in rows:
            self._ledger.account_names[row["Id"]] = row.get("Name") or ""
            account, state = row["Id"], row.get("State") or row.get("Status") or ACTIVE
            role = self._role_in(account, caller) if account != caller.account else None  # the caller is in it already
            if state != ACTIVE:
                self._skip(account, state, f"the account is not active: {state}")
            elif account in skipped:
                self._skip(account, "SkippedByOption", "left out by --skip-accounts")
            else:
                members.append(Member(account, role, row.get("Name"), everyone, tagged=role is not None))
        return members

    async def _has_skip_tag(self, member: Member, caller: Caller) -> bool:
        calls = self._calls(member.account, caller.identity, self._home_of(caller))
        pages = calls.pages("organizations", "list_tags_for_resource", {"ResourceId": member.account})
        tags = [tag async for page in pages for tag in page.get("Tags", [])]
        return SKIP_TAG in [(tag.get("Key"), tag.get("Value")) for tag in tags]

    def _skip(self, account: str, code: str, message: str) -> None:
        failure = CallFailed("organizations:ListAccounts", Reason.ERROR, code, message)
        self._ledger.skip(_account_scope(account), failure)

    async def _states_of_regions(self, calls: ScopeCalls, home: str) -> RegionStates:
        """The states of the regions of an account. A run with configured regions needs no list: it finds out by calling them."""
        try:
            return await self._regions(calls, home)
        except CallFailed as failure:
            if not self._settings.regions:
                raise
            return dict.fromkeys(self._settings.regions, failure)

    def _record_unknown(self, states: RegionStates, record: ScopeRecord) -> bool:
        """Record why it is unknown of some regions whether they are enabled, and return whether there are any.

        They are collected as if they were. Only the types that list the enabled regions are incomplete.
        """
        failures = {state for state in states.values() if isinstance(state, CallFailed)}
        for failure in failures:
            record.fail(failure, self._listing_regions, benign=not self._listing_regions)
        return bool(failures)

    def _regions_to_collect(self, account: str, states: RegionStates) -> tuple[str, ...]:
        """The selected regions without those that are disabled, of which configured ones are recorded as skipped."""
        configured = self._settings.regions
        disabled = {region for region, state in states.items() if state is False}
        for region in configured:
            if region in disabled:
                failure = CallFailed(
                    "ec2:DescribeRegions", Reason.REGION_DISABLED, "not-opted-in", "not enabled for the account"
                )
                self._ledger.skip(Scope(account, region, "account"), failure)
        return tuple(region for region in select_regions(configured, states) if region not in disabled)

    async def _regions(self, calls: ScopeCalls, home: str) -> RegionStates:
        """Every region of the account, whose partition is that of `home`, and its state.

        Falls back from EC2 to the Account API if the call is denied, and to one call in each region if that fails too.

        Raises:
            CallFailed: if they cannot be listed.
        """
        try:
            answer = await calls.once("ec2", "describe_regions", {"AllRegions": True})
            return _listed("ec2:DescribeRegions", answer.get("Regions"), "OptInStatus", "not-opted-in")
        except CallFailed as failure:
            if failure.reason not in REFUSED:
                raise
            states = await self._regions_without_ec2(calls, home)
            if not any(states.values()):  # also if there are none: botocore does not know the partition
                raise
            return states

    async def _regions_without_ec2(self, calls: ScopeCalls, home: str) -> RegionStates:
        try:
            pages = calls.pages("account", "list_regions", {"MaxResults": 50})
            rows = [row async for page in pages for row in page.get("Regions") or ()]
            return _listed("account:ListRegions", rows, "RegionOptStatus", "DISABLED")
        except CallFailed:
            known = self._context.availability.partition_regions(home)
            return await self._probe_regions(calls, known.union(self._settings.regions))

    async def _probe_regions(self, calls: ScopeCalls, regions: Iterable[str]) -> RegionStates:
        """Call STS in each region: in a disabled one it rejects the credentials. Any other failure says nothing about it."""
        states: dict[str, bool | CallFailed] = {}

        async def probe(region: str) -> None:
            try:
                await calls.once("sts", "get_caller_identity", {}, region=region)
                states[region] = True
            except CallFailed as failure:
                states[region] = False if failure.reason is Reason.REGION_DISABLED else failure

        await for_each(sorted(regions), probe, 8)
        return states


@contextmanager
def _reading(operation: str) -> Iterator[None]:
    """Turns an answer that differs from AWS's model into a failure of the call."""
    try:
        yield
    except READ_ERRORS as error:
        raise CallFailed(operation, Reason.INVALID, type(error).__name__, str(error)) from error


def _listed(operation: str, rows: Iterable[Mapping[str, Any]] | None, field: str, disabled: str) -> RegionStates:
    """The states in a list of regions. Every account has an enabled region: a list without one is no list.

    Raises:
        CallFailed: if the answer differs from AWS's model.
    """
    with _reading(operation):
        states = {str(row["RegionName"]): row.get(field) != disabled for row in rows or ()}
    if not any(states.values()):
        raise CallFailed(operation, Reason.INVALID, "NoRegions", "the answer has no enabled region")
    return states


def _exists(region: str, states: RegionStates) -> bool:
    """Whether there may be a region: it is listed, or a call to it did not fail for want of its host name."""
    state = states.get(region)
    return region in states and not (isinstance(state, CallFailed) and state.code == NO_SUCH_HOST)


def _account_scope(account: str) -> Scope:
    return Scope(account, GLOBAL, "account")


def select_regions(configured: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """The configured regions in their order without duplicates, or all known regions sorted by name."""
    return tuple(dict.fromkeys(configured)) or tuple(sorted(known))
