"""Checks what a run depends on, before one: credentials, roles, regions, permissions, endpoints, outputs.

Each finding names the fault, what would be missing, and the remedy. Nothing is collected.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from collector.aws.accounts import AccountSession, Caller, Member
from collector.aws.calls import RetryPolicy
from collector.catalog.catalog import Catalog, declarations, scope_of
from collector.catalog.permissions import actions_of
from collector.concurrency import for_each
from collector.config import ConfigurationError, Settings
from collector.faults import CallFailed, Reason
from collector.model import GLOBAL
from collector.preflight.policy import needs
from collector.preflight.probes import AT_ONCE, Answers, ask
from collector.preflight.reach import FIRM, Reach, reach
from collector.schema.declarations import Entity
from collector.sinks.check import check

SHOWN = 8
"""Types that a line names before it only counts them."""

UNANSWERED = (Reason.UNREACHABLE, Reason.TIMEOUT)


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault: where it is, what it is, the entity types that would be missing or not whole, and what to do about it."""

    check: str
    subject: str
    fault: str
    remedy: str
    missing: tuple[str, ...] = ()


@dataclass(slots=True)
class Diagnosis:
    """All findings. `accounts` are those that could be reached, with how their permissions were found out."""

    findings: list[Finding] = field(default_factory=list)
    accounts: dict[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """4 when nothing could be collected, 2 when there is any other fault, else 0."""
        return 4 if not self.accounts else 2 if self.findings else 0

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {"accounts": self.accounts, "findings": [asdict(finding) for finding in self.findings]}

    def lines(self) -> Iterator[str]:
        """For people."""
        for finding in self.findings:
            yield f"✗ {finding.check} {finding.subject}: {finding.fault}"
            if finding.missing:
                yield f"    missing: {_named(finding.missing)}"
            yield f"    remedy: {finding.remedy}"
        for account, how in sorted(self.accounts.items()):
            yield f"✓ account {account}: {how}"
        if not self.findings:
            yield "✓ no fault was found"


def _named(types: tuple[str, ...]) -> str:
    more = f" and {len(types) - SHOWN} more types" if len(types) > SHOWN else ""
    return ", ".join(types[:SHOWN]) + more


async def diagnose(settings: Settings, catalog: Catalog, patience: RetryPolicy = FIRM) -> Diagnosis:
    """Check everything. Only bugs escape."""
    diagnosis = Diagnosis()
    async with reach(settings, catalog, patience) as way:
        await _Doctor(way, catalog, diagnosis).examine()
    diagnosis.findings += [Finding("output", *each) for each in await check(settings)]
    diagnosis.findings += _folders(settings)
    return diagnosis


class _Doctor:
    """One examination."""

    def __init__(self, way: Reach, catalog: Catalog, diagnosis: Diagnosis) -> None:
        self._way, self._catalog, self._diagnosis = way, catalog, diagnosis
        self._needed = needs(catalog)
        self._all = tuple(sorted(catalog.types))

    async def examine(self) -> None:
        """Credentials, then each account."""
        try:
            caller = await self._way.accounts.caller()
            await self._way.accounts.check_regions(caller)
        except CallFailed as failed:
            self._find("credentials", failed.operation, told(failed), _renewal(failed), self._all)
            return
        except ConfigurationError as error:
            self._find("region", "--regions", str(error), "correct the name")
            return

        async def visit(member: Member, reached: AccountSession | CallFailed) -> None:
            if isinstance(reached, CallFailed):
                self._refused(caller, member, reached)
            else:
                await self._account(member, reached)

        try:
            await self._way.visit(caller, visit)
        except CallFailed as failed:
            remedy = (
                "run it in the organization's management account (or as a delegated administrator), or name --accounts"
            )
            self._find("organization", failed.operation, told(failed), remedy, self._all)

    def _find(self, check: str, subject: str, fault: str, remedy: str, missing: Iterable[str] = ()) -> None:
        self._diagnosis.findings.append(Finding(check, subject, fault, remedy, tuple(sorted(missing))))

    def _refused(self, caller: Caller, member: Member, failed: CallFailed) -> None:
        subject = f"{member.role or member.account} in {member.account}" if member.role else member.account
        remedy = (
            _entry(failed, caller, self._way.settings) if failed.operation == "sts:AssumeRole" else _renewal(failed)
        )
        self._find("role" if member.role else "account", subject, told(failed), remedy, self._all)

    async def _account(self, member: Member, reached: AccountSession) -> None:
        target = reached.target
        calls = self._way.calls(reached, target.home)
        self._disabled(target.account)
        await self._regions(reached)
        answers = await ask(calls, reached, member.role, self._catalog, self._needed)
        self._denied(target.account, answers, member.role or target.caller)
        self._failed(target.account, answers)
        how = (
            "all permissions simulated"
            if answers.simulated
            else "permissions tried as far as that goes without any resource"
        )
        self._diagnosis.accounts[target.account] = (
            f"{of(len(target.regions), 'region')}, {how}, {of(answers.calls, 'call')} made"
        )

    def _disabled(self, account: str) -> None:
        for scope, record in self._way.ledger.scopes.items():
            if record.skipped and scope.account == account and scope.region != GLOBAL:
                remedy = "enable it in the account (account:EnableRegion), or leave it out of --regions"
                self._find(
                    "region", f"{scope.region} in {account}", "not enabled for the account", remedy, self._regional()
                )

    async def _regions(self, reached: AccountSession) -> None:
        """STS takes a question from everyone, in every region: whoever gets no answer there gets none anywhere in it."""

        async def one(region: str) -> None:
            try:
                await self._way.calls(reached, region).once("sts", "get_caller_identity", {})
            except CallFailed as failed:
                self._find(
                    "region", f"{region} in {reached.target.account}", told(failed), _region(failed), self._regional()
                )

        await for_each(list(reached.target.regions), one, AT_ONCE)

    def _denied(self, account: str, answers: Answers, arn: str) -> None:
        for action, why in sorted(answers.denied.items()):
            self._find(
                "permission",
                f"{action} in {account}",
                why,
                _permit(action, why, arn),
                self._needed.types.get(action, ()),
            )

    def _failed(self, account: str, answers: Answers) -> None:
        """One finding for each endpoint and reason, not one for each operation."""
        grouped: dict[tuple[str, str, Reason], list[tuple[str, CallFailed]]] = defaultdict(list)
        for asked, failed in answers.failures:
            grouped[asked.client, asked.region, failed.reason].append((asked.op, failed))
        for (client, region, _), several in sorted(grouped.items()):
            missing = {
                type_ for op, _ in several for action in actions_of(client, op) for type_ in self._needed.types[action]
            }
            failed = several[0][1]
            self._find(
                "endpoint", f"{client} in {region} of {account}", told(failed), _endpoint(failed, client), missing
            )

    def _regional(self) -> set[str]:
        return {
            declaration.type
            for service in self._catalog.services
            for declaration in declarations(service)
            if isinstance(declaration, Entity) and scope_of(service, declaration) == "regional"
        }


def of(number: int, noun: str) -> str:
    """`1 region`, `1,200 regions`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def told(failed: CallFailed) -> str:
    """A failure in one line."""
    return " ".join(f"{failed.operation}: {failed.reason} ({failed.code}) {failed.message}".split())


def _renewal(failed: CallFailed) -> str:
    if failed.reason in UNANSWERED:
        return _endpoint(failed, "sts")
    if failed.code == "NoCredentials":
        return "give credentials: AWS_PROFILE, `aws sso login`, or the role of the machine"
    return "renew the credentials, and see that AWS_PROFILE names the right ones"


def _entry(failed: CallFailed, caller: Caller, settings: Settings) -> str:
    if failed.reason not in (Reason.DENIED, Reason.DENIED_BY_SCP):
        return _renewal(failed)
    if "no identity-based policy" in failed.message:
        return f"allow {caller.arn} sts:AssumeRole on the role: `collector policy --caller` prints the policy"
    external = (
        "the external id must be the one that its trust policy names (--external-id)"
        if settings.external_id
        else "an external id, if its trust policy names one, must be given (--external-id)"
    )
    by = settings.via_role_arn or caller.arn
    return (
        f"the role must exist and trust {by}; {external}; {by} must be allowed sts:AssumeRole on it:"
        " `collector policy --format cloudformation` makes such a role, `--caller` prints what the caller needs"
    )


def _region(failed: CallFailed) -> str:
    if failed.reason in UNANSWERED:
        return "see to the network's way there (proxy, VPC endpoint, firewall), or leave the region out of --regions"
    return "enable the region, and STS in it, or leave it out of --regions"


def _endpoint(failed: CallFailed, client: str) -> str:
    if failed.reason in UNANSWERED:
        setting = f"AWS_ENDPOINT_URL_{client.upper().replace('-', '_')}"
        return f"see to the network's way there (proxy, VPC endpoint, firewall) and to AWS_ENDPOINT_URL and {setting}"
    if failed.reason is Reason.NOT_SUBSCRIBED:
        return "subscribe the account to the service, or leave the service out with --skip-services"
    return "try again; if it stays, leave the service out with --skip-services and report it"


def _permit(action: str, why: str, arn: str) -> str:
    if "SCP" in why:
        return f"have {action} allowed where the organization's policies (SCP) are kept"
    if "boundary" in why:
        return f"add {action} to the permissions boundary of {arn}"
    return f"allow {arn} {action}: `collector policy` prints the whole policy, `collector policy --diff role` what is missing"


def _folders(settings: Settings) -> Iterator[Finding]:
    """Files that cannot be written."""
    files = [("--output", Path(where)) for where in settings.output if where != "-" and "://" not in where]
    for option, path in (*files, *([("--report", settings.report)] if settings.report else ())):
        if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
            yield Finding(
                "output", f"{option} {path}", f"{path.parent} is no folder that can be written to", "make the folder"
            )
