"""What AWS allows in an account that was reached: by simulation where that is allowed, and by one small call of each listing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from collector.aws.accounts import AccountSession
from collector.aws.calls import ScopeCalls
from collector.catalog.catalog import Catalog
from collector.catalog.permissions import action_of
from collector.concurrency import chunks, for_each
from collector.faults import CallFailed, Reason
from collector.preflight.call_estimate import Asked, CallKind, estimate_calls
from collector.preflight.policy import GATEWAY, Needs
from collector.schema.paths import walker

PAGE_SIZES = frozenset(
    {"Limit", "MaxItems", "MaxRecords", "MaxResults", "PageSize", "ResourcesPerPage", "limit", "maxResults"}
)
SMALL = 5
"""The least page of EC2's listings."""
SMALL_RECORDS = 20
"""The least that RDS, ElastiCache and Redshift take for `MaxRecords` (their API references)."""

AT_ONCE = 16
SIMULATED_AT_ONCE = 100
DENIED = (Reason.DENIED, Reason.DENIED_BY_SCP)


@dataclass(slots=True)
class Answers:
    """What was found out in an account: actions that are denied, with the reason; other failures, with what was asked."""

    denied: dict[str, str] = field(default_factory=dict)
    failures: list[tuple[Asked, CallFailed]] = field(default_factory=list)
    simulated: bool = False
    calls: int = 0


async def ask(calls: ScopeCalls, reached: AccountSession, role: str | None, catalog: Catalog, needed: Needs) -> Answers:
    """Simulate, and call. `role` is the ARN of the role that was assumed, if one was."""
    answers = Answers()
    principal = await _principal(calls, reached.target.caller, role)
    if principal is not None:
        try:
            answers.denied = await _simulate(calls, principal, needed, reached.target.partition, reached.target.home)
            answers.simulated = True
        except CallFailed:
            pass  # it takes iam:SimulatePrincipalPolicy, which a run does not need
    await _call_all(calls, reached, catalog, answers)
    return answers


async def _principal(calls: ScopeCalls, caller: str, role: str | None) -> str | None:
    """The ARN whose policies are simulated; None where there is none (root, a federated user) or it cannot be found out."""
    if role is not None:
        return role
    kind, _, rest = caller.split(":", 5)[5].partition("/")
    if kind == "user":
        return caller
    if kind != "assumed-role":
        return None
    try:
        found = await calls.once("iam", "get_role", {"RoleName": rest.partition("/")[0]})
    except CallFailed:
        return None
    return str(found["Role"]["Arn"])  # with its path, which a session's ARN leaves out


async def _simulate(calls: ScopeCalls, principal: str, needed: Needs, partition: str, region: str) -> dict[str, str]:
    denied: dict[str, str] = {}
    plain = [action for action in needed.types if action != GATEWAY]
    for actions in chunks(plain, SIMULATED_AT_ONCE):
        denied |= await _refusals(calls, {"PolicySourceArn": principal, "ActionNames": actions})
    if needed.paths:
        arns = [f"arn:{partition}:apigateway:{region}::{path.replace('*', 'x')}" for path in needed.paths]
        denied |= await _refusals(calls, {"PolicySourceArn": principal, "ActionNames": [GATEWAY], "ResourceArns": arns})
    return denied


async def _refusals(calls: ScopeCalls, params: Mapping[str, Any]) -> dict[str, str]:
    pages = calls.pages("iam", "simulate_principal_policy", params)
    results = [result async for page in pages for result in page.get("EvaluationResults") or ()]
    return {result["EvalActionName"]: _why(result) for result in results if result["EvalDecision"] != "allowed"}


def _why(result: Mapping[str, Any]) -> str:
    if not result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True):
        return "a policy of the organization (SCP) denies it"
    if not result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True):
        return "the permissions boundary does not allow it"
    return "a policy denies it" if result["EvalDecision"] == "explicitDeny" else "no policy allows it"


async def _call_all(calls: ScopeCalls, reached: AccountSession, catalog: Catalog, answers: Answers) -> None:
    row = {"AccountId": reached.target.account, "CallerArn": reached.target.caller}

    async def one(asked: Asked) -> None:
        answers.calls += 1
        try:
            await calls.once(asked.client, asked.op, _params(asked, row), region=asked.region)
        except CallFailed as failure:
            if failure.is_one_of(asked.absent):
                return
            action = action_of(asked.client, asked.op)
            if failure.reason in DENIED and action is not None:
                by_scp = failure.reason is Reason.DENIED_BY_SCP
                answers.denied.setdefault(
                    action, "a policy of the organization (SCP) denies it" if by_scp else "AWS denies it"
                )
            else:
                answers.failures.append((asked, failure))

    await for_each(list(_worth_asking(reached, catalog)), one, AT_ONCE)


def _worth_asking(reached: AccountSession, catalog: Catalog) -> Iterator[Asked]:
    """One call of each listing, the regional ones in one region; what hangs on rows cannot be asked without any."""
    target = reached.target
    one_region = target.home if target.home in target.regions else next(iter(target.regions), target.home)
    asked_before: set[tuple[str, ...]] = set()
    for asked in _early(estimate_calls(catalog, target).asked):
        key = (asked.client, asked.op, str(sorted(asked.params.items())))
        if key not in asked_before and asked.region in (one_region, target.home):
            asked_before.add(key)
            yield asked


def _early(several: Iterable[Asked]) -> Iterator[Asked]:
    return (asked for asked in several if asked.kind is not CallKind.ROWS and asked.op != "assume_role")


def _params(asked: Asked, row: Mapping[str, Any]) -> dict[str, Any]:
    small = {name: _smaller(name, value) if name in PAGE_SIZES else value for name, value in asked.params.items()}
    given = {name: walker(path)(dict(row)) for name, path in asked.args.items()}
    return {**small, **({name: [value] for name, value in given.items()} if asked.listed else given)}


def _smaller(name: str, size: Any) -> Any:
    """A smaller page; some operations take it as text."""
    least = min(int(size), SMALL_RECORDS if name == "MaxRecords" else SMALL)
    return str(least) if isinstance(size, str) else least
