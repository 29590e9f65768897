"""Checks the preconditions of a run: credentials, roles, regions, permissions, endpoints, outputs.

Each finding names the fault, the entity types that would be missing, and the remedy. Nothing is collected.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import Any

from collector.aws.accounts import AccountSession, Caller, Member
from collector.aws.calls import RetryPolicy
from collector.aws.remedies import UNANSWERED, AwsConfigurationError, has_remedy, remedy_of
from collector.catalog.catalog import Catalog, declarations, scope_of
from collector.catalog.permissions import actions_of
from collector.concurrency import for_each
from collector.config import ConfigurationError, Settings
from collector.faults import CallFailed, Reason
from collector.model import GLOBAL
from collector.preflight.policy import required_actions
from collector.preflight.probes import AT_ONCE, DENIED, ProbeResult, probe_account
from collector.preflight.reach import QUICK_RETRIES, Reach, open_reach
from collector.report import Exit
from collector.schema.declarations import Entity
from collector.sinks.check import check as check_uploads
from collector.sinks.files import check_file, unwritable
from collector.sinks.outputs import is_url

SHOWN = 8
"""Types that a line names; the rest are counted."""


class Check(StrEnum):
    """What is checked. The first in this list costs a run the most."""

    CONFIGURATION = "configuration"
    CREDENTIALS = "credentials"
    ORGANIZATION = "organization"
    OUTPUT = "output"
    ACCOUNT = "account"
    ROLE = "role"
    REGION = "region"
    ENDPOINT = "endpoint"
    PERMISSION = "permission"


SEVERITY = list(Check)


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault: the failed check, its subject, the remedy, and the entity types that would be missing or incomplete."""

    check: Check
    subject: str
    fault: str
    remedy: str
    missing: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """The finding as text, below the heading of its check."""
        yield f"  ✗ {self.subject}: {self.fault}"
        if self.missing:
            more = f" and {len(self.missing) - SHOWN} more types" if len(self.missing) > SHOWN else ""
            yield f"      missing: {', '.join(self.missing[:SHOWN])}{more}"
        yield f"      remedy: {self.remedy}"


@dataclass(slots=True)
class Diagnosis:
    """All findings. `accounts` maps the accounts that could be reached to a line about what was checked there."""

    findings: list[Finding] = field(default_factory=list)
    accounts: dict[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> Exit:
        """`NO_ACCOUNT` when nothing can be reached, `PARTIAL` when there is any other finding, else `COMPLETE`."""
        return Exit.NO_ACCOUNT if not self.accounts else Exit.PARTIAL if self.findings else Exit.COMPLETE

    @property
    def ranked(self) -> list[Finding]:
        """The findings by check, the worst check first; within a check, first those that cost the most types."""
        return sorted(self.findings, key=lambda each: (SEVERITY.index(each.check), -len(each.missing), each.subject))

    @property
    def verdict(self) -> str:
        """The conclusion in one line."""
        if not self.accounts:
            return "✗ nothing can be reached: a run would collect nothing"
        if not self.findings:
            return "✓ no problems found"
        counts = Counter(finding.check for finding in self.ranked)
        found = ", ".join(f"{count:,} {check}" for check, count in counts.items())
        effect = "the output could not be written" if Check.OUTPUT in counts else "a run would be incomplete"
        return f"✗ {pluralize(len(self.findings), 'finding')} ({found}): {effect}"

    def as_json(self) -> dict[str, Any]:
        """The diagnosis for scripts."""
        findings = [asdict(finding) for finding in self.ranked]
        return {"accounts": self.accounts, "findings": findings, "verdict": self.verdict}

    def lines(self) -> Iterator[str]:
        """The diagnosis as text: accounts, then the findings of each check, then the verdict."""
        for account, summary in sorted(self.accounts.items()):
            yield f"✓ account {account}: {summary}"
        for check, findings in groupby(self.ranked, key=lambda finding: finding.check):
            yield f"{check}:"
            for finding in findings:
                yield from finding.lines()
        yield self.verdict


async def diagnose(settings: Settings, catalog: Catalog, retry_policy: RetryPolicy = QUICK_RETRIES) -> Diagnosis:
    """Run all checks. Failures become findings and are not raised."""
    diagnosis = Diagnosis()
    try:
        async with open_reach(settings, catalog, retry_policy) as reach:
            await _Doctor(reach, catalog, diagnosis).examine()
    except AwsConfigurationError as error:
        subject = "AWS settings of this machine"
        missing = tuple(sorted(catalog.types))
        diagnosis.findings.append(Finding(Check.CONFIGURATION, subject, error.fault, error.remedy, missing))
    diagnosis.findings += [Finding(Check.OUTPUT, *fault) for fault in await check_uploads(settings)]
    diagnosis.findings += _unusable_files(settings)
    return diagnosis


class _Doctor:
    """The checks that make calls to AWS."""

    def __init__(self, reach: Reach, catalog: Catalog, diagnosis: Diagnosis) -> None:
        self._reach, self._catalog, self._diagnosis = reach, catalog, diagnosis
        self._required = required_actions(catalog)
        self._all_types = tuple(sorted(catalog.types))
        self._regional_types = {
            declaration.type
            for service in catalog.services
            for declaration in declarations(service)
            if isinstance(declaration, Entity) and scope_of(service, declaration) == "regional"
        }

    async def examine(self) -> None:
        """Check the credentials and region names, then each account.

        Raises:
            AwsConfigurationError: when the AWS settings of this machine cannot be used.
        """
        try:
            caller = await self._reach.accounts.caller()
            await self._reach.accounts.check_regions(caller)
        except CallFailed as failure:
            self._find(Check.CREDENTIALS, failure.operation, summarize(failure), remedy_of(failure), self._all_types)
            return
        except AwsConfigurationError:
            raise
        except ConfigurationError as error:
            self._find(Check.REGION, "--regions", str(error), "correct the name")
            return

        async def visit(member: Member, session: AccountSession | CallFailed) -> None:
            if isinstance(session, CallFailed):
                self._report_refusal(caller, member, session)
            else:
                await self._check_account(member, session)

        try:
            await self._reach.visit(caller, visit)
        except CallFailed as failure:
            remedy = "run this in the organization's management or delegated administrator account, or pass --accounts"
            self._find(Check.ORGANIZATION, failure.operation, summarize(failure), remedy, self._all_types)

    def _find(self, check: Check, subject: str, fault: str, remedy: str, missing: Iterable[str] = ()) -> None:
        self._diagnosis.findings.append(Finding(check, subject, fault, remedy, tuple(sorted(missing))))

    def _report_refusal(self, caller: Caller, member: Member, failure: CallFailed) -> None:
        subject = f"{member.role} in {member.account}" if member.role else member.account
        by_role = failure.operation == "sts:AssumeRole"
        remedy = _fix_role(failure, caller, self._reach.settings) if by_role else remedy_of(failure)
        self._find(Check.ROLE if member.role else Check.ACCOUNT, subject, summarize(failure), remedy, self._all_types)

    async def _check_account(self, member: Member, session: AccountSession) -> None:
        target = session.target
        self._report_disabled_regions(target.account)
        await self._check_regions(session)
        calls = self._reach.calls(session, target.home)
        availability = self._reach.context.availability
        result = await probe_account(calls, session, member.role, self._catalog, self._required, availability)
        for action, why in sorted(result.denied.items()):
            remedy = _fix_permission(action, why, member.role or target.caller)
            missing = self._required.types.get(action, ())
            self._find(Check.PERMISSION, f"{action} in {target.account}", why, remedy, missing)
        self._report_failures(target.account, result)
        extent = "all permissions simulated" if result.simulated else "permissions tried where no resource is needed"
        made = pluralize(result.calls, "call")
        self._diagnosis.accounts[target.account] = f"{pluralize(len(target.regions), 'region')}, {extent}, {made} made"

    def _report_disabled_regions(self, account: str) -> None:
        remedy = "enable it in the account (account:EnableRegion), or leave it out of --regions"
        for scope, record in self._reach.ledger.of_account(account).items():
            if record.skipped and scope.region != GLOBAL:
                subject = f"{scope.region} in {account}"
                self._find(Check.REGION, subject, "not enabled for the account", remedy, self._regional_types)

    async def _check_regions(self, session: AccountSession) -> None:
        """Call GetCallerIdentity in each region. It needs no permission, so a failure concerns the region as a whole."""

        async def one(region: str) -> None:
            try:
                await self._reach.calls(session, region).once("sts", "get_caller_identity", {})
            except CallFailed as failure:
                subject = f"{region} in {session.target.account}"
                self._find(Check.REGION, subject, summarize(failure), _fix_region(failure), self._regional_types)

        await for_each(list(session.target.regions), one, AT_ONCE)

    def _report_failures(self, account: str, result: ProbeResult) -> None:
        """Report one finding for each endpoint and reason, not for each operation."""
        grouped: dict[tuple[str, str, Reason], list[tuple[str, CallFailed]]] = defaultdict(list)
        for call, failure in result.failures:
            grouped[call.client, call.region, failure.reason].append((call.op, failure))
        for (client, region, _), failures in sorted(grouped.items()):
            actions = (action for op, _ in failures for action in actions_of(client, op))
            missing = {type_ for action in actions for type_ in self._required.types[action]}
            subject, first = f"{client} in {region} of {account}", failures[0][1]
            self._find(Check.ENDPOINT, subject, summarize(first), _fix_endpoint(first, client), missing)


def pluralize(number: int, noun: str) -> str:
    """A number and its noun: `1 region`, `1,200 regions`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def summarize(failure: CallFailed) -> str:
    """A failure in one line."""
    return " ".join(f"{failure.operation}: {failure.reason} ({failure.code}) {failure.message}".split())


def _fix_role(failure: CallFailed, caller: Caller, settings: Settings) -> str:
    if failure.reason not in DENIED:
        return remedy_of(failure)
    if "no identity-based policy" in failure.message:
        return f"allow {caller.arn} sts:AssumeRole on the role: `collector policy --caller` prints the policy"
    external_id = (
        "--external-id must match the external id in its trust policy"
        if settings.external_id
        else "--external-id must be passed if its trust policy requires an external id"
    )
    by = settings.via_role_arn or caller.arn
    return (
        f"the role must exist and trust {by}; {external_id}; {by} must be allowed sts:AssumeRole on it:"
        " `collector policy --format cloudformation` prints a template of such a role, `--caller` the caller's policy"
    )


def _fix_region(failure: CallFailed) -> str:
    if failure.reason in UNANSWERED:
        return "check the network path (proxy, VPC endpoint, firewall), or leave the region out of --regions"
    return "enable the region, and STS in it, or leave it out of --regions"


def _fix_endpoint(failure: CallFailed, client: str) -> str:
    if failure.reason in UNANSWERED or has_remedy(failure):
        return remedy_of(failure, client)
    if failure.reason is Reason.NOT_SUBSCRIBED:
        return "subscribe the account to the service, or leave the service out with --skip-services"
    return "try again; if the failure persists, leave the service out with --skip-services and report it"


def _fix_permission(action: str, why: str, arn: str) -> str:
    if "SCP" in why:
        return f"have {action} allowed in the service control policies (SCP) of the organization"
    if "boundary" in why:
        return f"add {action} to the permissions boundary of {arn}"
    return f"allow {arn} {action}: `collector policy` prints the whole policy, `collector policy --diff role` what is missing"


def _unusable_files(settings: Settings) -> Iterator[Finding]:
    targets: list[tuple[str, str]] = []
    for output in settings.output:
        if not is_url(output):
            try:
                check_file(output)
            except ConfigurationError as error:
                yield Finding(Check.OUTPUT, f"--output {output}", str(error), "correct the name")
            else:
                targets.append(("--output", output))
    if settings.report:
        targets.append(("--report", str(settings.report)))
    for option, target in targets:
        if fault := unwritable(target):
            yield Finding(
                Check.OUTPUT, f"{option} {target}", fault, "name a file in a directory that is there and writable"
            )
