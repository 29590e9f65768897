"""The commands `plan`, `policy` and `doctor`: each gives its text and its exit code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from collector.aws.rates import Rates
from collector.aws.remedies import with_remedy
from collector.catalog.catalog import Catalog
from collector.config import ConfigurationError, Settings
from collector.faults import CallFailed
from collector.preflight import policy, policy_diff
from collector.preflight.doctor import diagnose, summarize
from collector.preflight.plan_report import plan_report
from collector.report import Exit


class Output(NamedTuple):
    """The text for standard output, the exit code of a command, and a line for standard error."""

    text: str
    code: Exit = Exit.COMPLETE
    error: str = ""


async def plan(settings: Settings, catalog: Catalog, layout: str) -> Output:
    """What a run would do, as `text` or `json`.

    Raises:
        CallFailed: when the credentials are rejected, or the organization cannot be read.
        ConfigurationError: when a requested region does not exist.
    """
    report = await plan_report(settings, catalog, Rates.of(settings.rates))
    text = policy.as_text(report.as_json()) if layout == "json" else _text(report.lines())
    if not report.refused:
        return Output(text)
    return Output(text, Exit.PARTIAL if report.estimates else Exit.NO_ACCOUNT)


async def doctor(settings: Settings, catalog: Catalog, layout: str) -> Output:
    """The problems that a run would have, as `text` or `json`."""
    diagnosis = await diagnose(settings, catalog)
    text = policy.as_text(diagnosis.as_json()) if layout == "json" else _text(diagnosis.lines())
    worst = next(iter(diagnosis.ranked), None)
    if diagnosis.accounts or worst is None:
        return Output(text, diagnosis.exit_code)
    return Output(text, diagnosis.exit_code, f"nothing can be reached: {with_remedy(worst.fault, worst.remedy)}")


def minimal_policy(settings: Settings, catalog: Catalog, layout: str, partition: str) -> Output:
    """The least-privilege policy: `json` is a list of documents, `cloudformation` a template."""
    required = policy.required_actions(catalog)
    if layout == "cloudformation":
        template = policy.template(required, role_name=settings.role_name, external_id=settings.external_id)
        return Output(policy.as_text(template))
    return Output(policy.as_text(policy.documents(required, partition)))


def caller_policy(settings: Settings, partition: str) -> Output:
    """The policy of the identity that assumes the roles.

    Raises:
        ConfigurationError: when the settings name no role.
    """
    first = settings.via_role_arn or settings.role_arn
    if not first and not settings.role_name:
        raise ConfigurationError("--caller needs --role-arn, or --role-name with --accounts or --org")
    roles = [f"arn:{partition}:iam::{account}:role/{settings.role_name}" for account in settings.accounts or ("*",)]
    return Output(policy.as_text(policy.caller_policy([first] if first else roles, organization=settings.org)))


async def diff_policy(settings: Settings, catalog: Catalog, against: str, partition: str) -> Output:
    """The missing, limited and surplus actions of a policy file, or with `role` of the role (or user) of each account.

    Raises:
        CallFailed: when the credentials are rejected, or the organization cannot be read.
        ConfigurationError: when there is no policy to compare with.
    """
    required = policy.required_actions(catalog)
    if against == "role":
        diffs = await policy_diff.diff_accounts(settings, catalog, required)
    else:
        diffs = {against: policy_diff.compare(required, policy_diff.load_policies(Path(against)), partition)}
    suffices = all(isinstance(diff, policy_diff.PolicyDiff) and diff.suffices for diff in diffs.values())
    return Output(_text(_diff_lines(diffs, required)), Exit.COMPLETE if suffices else Exit.PARTIAL)


def _diff_lines(
    diffs: dict[str, policy_diff.PolicyDiff | CallFailed], required: policy.RequiredActions
) -> Iterator[str]:
    for name, diff in sorted(diffs.items()):
        if isinstance(diff, CallFailed):
            yield f"{name}: {summarize(diff)}"
        else:
            yield f"{name}: {'suffices' if diff.suffices else 'does not suffice'}"
            yield from diff.lines(required)


def _text(lines: Iterable[Any]) -> str:
    return "".join(f"{line}\n" for line in lines)
