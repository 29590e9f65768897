"""What the commands say that come before a run: `plan`, `policy` and `doctor`, each as a text and an exit code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from collector.aws.rates import Rates
from collector.catalog.catalog import Catalog
from collector.config import ConfigurationError, Settings
from collector.faults import CallFailed
from collector.preflight import policy
from collector.preflight import policy_diff as granted
from collector.preflight.doctor import diagnose, told
from collector.preflight.plan_report import plan_report
from collector.preflight.policy import Needs

COMPLETE, PARTIAL, NOTHING = 0, 3, 4
"""Exit codes: all is well; something is lacking; nothing could be reached."""


class Output(NamedTuple):
    """For standard output, and for the exit code."""

    text: str
    code: int = COMPLETE


async def plan(chosen: Settings, catalog: Catalog, layout: str) -> Output:
    """What a run would do.

    Raises:
        Failed: when the credentials are refused, or the organization cannot be read.
        ConfigurationError: when a region was asked for that does not exist.
    """
    outlook = await plan_report(chosen, catalog, Rates.of(chosen.rates))
    text = policy.as_text(outlook.as_json()) if layout == "json" else _text(outlook.lines())
    return Output(text, COMPLETE if not outlook.refused else PARTIAL if outlook.forecasts else NOTHING)


async def doctor(chosen: Settings, catalog: Catalog, layout: str) -> Output:
    """What is wrong before a run."""
    diagnosis = await diagnose(chosen, catalog)
    text = policy.as_text(diagnosis.as_json()) if layout == "json" else _text(diagnosis.lines())
    return Output(text, diagnosis.exit_code)


def least(chosen: Settings, catalog: Catalog, layout: str, partition: str) -> Output:
    """The least policy: a list of documents, or a CloudFormation template."""
    needed = policy.needs(catalog)
    if layout == "cloudformation":
        return Output(
            policy.as_text(policy.template(needed, role_name=chosen.role_name, external_id=chosen.external_id))
        )
    return Output(policy.as_text(policy.documents(needed, partition)))


def of_the_caller(chosen: Settings, partition: str) -> Output:
    """The policy of whoever assumes the roles. Raises `ConfigurationError` when no role was named."""
    first = chosen.via_role_arn or chosen.role_arn
    if not first and not chosen.role_name:
        raise ConfigurationError("--caller needs --role-arn, or --role-name with --accounts or --org")
    roles = [f"arn:{partition}:iam::{account}:role/{chosen.role_name}" for account in chosen.accounts or ("*",)]
    return Output(policy.as_text(policy.of_the_caller([first] if first else roles, organization=chosen.org)))


async def difference(chosen: Settings, catalog: Catalog, against: str, partition: str) -> Output:
    """What a policy file, or the `role` (or user) itself, is granted of what is needed, and what besides.

    Raises:
        Failed: when the credentials are refused, or the organization cannot be read.
        ConfigurationError: when there is no policy to compare with.
    """
    needed = policy.needs(catalog)
    if against == "role":
        found = await granted.of_accounts(chosen, catalog, needed)
    else:
        found = {against: granted.compare(needed, granted.of_file(Path(against)), partition)}
    suffices = all(isinstance(each, granted.PolicyDiff) and each.suffices for each in found.values())
    return Output(_text(_differences(found, needed)), COMPLETE if suffices else PARTIAL)


def _differences(found: dict[str, granted.PolicyDiff | CallFailed], needed: Needs) -> Iterator[str]:
    for name, each in sorted(found.items()):
        if isinstance(each, CallFailed):
            yield f"{name}: {told(each)}"
        else:
            yield f"{name}: {'suffices' if each.suffices else 'does not suffice'}"
            yield from each.lines(needed)


def check_rates(chosen: Settings) -> None:
    """Raises `ConfigurationError` when a rate is set for something that is never called."""
    operations = {name for names in policy.needs(Catalog.all()).operations.values() for name in names}
    known = {*operations, *(name.split(":")[0] for name in operations), "sts", "organizations"}
    for name in chosen.rates:
        if name not in known:
            raise ConfigurationError(
                f"[rates]: nothing that is called is named {name!r}; names are like 'ec2' or 'ec2:DescribeVpcs'"
            )


def _text(lines: Iterable[Any]) -> str:
    return "".join(f"{line}\n" for line in lines)
