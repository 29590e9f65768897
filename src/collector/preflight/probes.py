"""Finds the actions that are denied in an account: by IAM policy simulation if allowed, and by one small call of each listing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from collector.aws.accounts import AccountSession
from collector.aws.availability import NOTHING_KNOWN, Availability
from collector.aws.calls import ScopeCalls
from collector.catalog.catalog import Catalog
from collector.catalog.permissions import action_of
from collector.concurrency import chunks, for_each
from collector.faults import NOT_OFFERED, CallFailed, Reason
from collector.preflight.call_estimate import CallEstimate, CallKind, PlannedCall, estimate_calls
from collector.preflight.policy import GATEWAY, RequiredActions
from collector.schema.paths import walker

PAGE_SIZES = frozenset(
    {"Limit", "MaxItems", "MaxRecords", "MaxResults", "PageSize", "ResourcesPerPage", "limit", "maxResults"}
)
SMALL = 5
"""The minimum page size of EC2's listings."""
SMALL_RECORDS = 20
"""The minimum `MaxRecords` of RDS, ElastiCache and Redshift (their API references)."""

AT_ONCE = 16
SIMULATED_AT_ONCE = 100
DENIED = (Reason.DENIED, Reason.DENIED_BY_SCP)
DENIED_BY_SCP = "a service control policy (SCP) denies it"


@dataclass(slots=True)
class ProbeResult:
    """What the probes of one account found: denied actions with the reason in words, and other failures with their calls."""

    denied: dict[str, str] = field(default_factory=dict)
    failures: list[tuple[PlannedCall, CallFailed]] = field(default_factory=list)
    simulated: bool = False
    calls: int = 0


async def probe_account(
    calls: ScopeCalls,
    session: AccountSession,
    role: str | None,
    catalog: Catalog,
    required: RequiredActions,
    availability: Availability = NOTHING_KNOWN,
) -> ProbeResult:
    """Simulate the policies of the identity, then call each listing. `role` is the ARN of the assumed role, if any."""
    result = ProbeResult()
    principal = await _principal(calls, session.target.caller, role)
    if principal is not None:
        try:
            result.denied = await _simulate(calls, principal, required, session.target.partition, session.target.home)
            result.simulated = True
        except CallFailed:
            pass  # simulation needs iam:SimulatePrincipalPolicy, which a run does not
    await _call_listings(calls, estimate_calls(catalog, session.target, availability=availability), result)
    return result


async def _principal(calls: ScopeCalls, caller: str, role: str | None) -> str | None:
    """The ARN whose policies are simulated; None for root and federated users, or if the role cannot be read."""
    if role is not None:
        return role
    kind, _, rest = caller.split(":", 5)[5].partition("/")
    if kind == "user":
        return caller
    if kind != "assumed-role":
        return None
    try:
        answer = await calls.once("iam", "get_role", {"RoleName": rest.partition("/")[0]})
    except CallFailed:
        return None
    return str(answer["Role"]["Arn"])  # a session's ARN lacks the role's path


async def _simulate(
    calls: ScopeCalls, principal: str, required: RequiredActions, partition: str, region: str
) -> dict[str, str]:
    denied: dict[str, str] = {}
    plain = [action for action in required.types if action != GATEWAY]
    for actions in chunks(plain, SIMULATED_AT_ONCE):
        denied |= await _denials(calls, {"PolicySourceArn": principal, "ActionNames": actions})
    if required.paths:
        arns = [f"arn:{partition}:apigateway:{region}::{path.replace('*', 'x')}" for path in required.paths]
        denied |= await _denials(calls, {"PolicySourceArn": principal, "ActionNames": [GATEWAY], "ResourceArns": arns})
    return denied


async def _denials(calls: ScopeCalls, params: Mapping[str, Any]) -> dict[str, str]:
    pages = calls.pages("iam", "simulate_principal_policy", params)
    results = [result async for page in pages for result in page.get("EvaluationResults") or ()]
    return {result["EvalActionName"]: _explain(result) for result in results if result["EvalDecision"] != "allowed"}


def _explain(result: Mapping[str, Any]) -> str:
    if not result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True):
        return DENIED_BY_SCP
    if not result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True):
        return "the permissions boundary does not allow it"
    return "a policy denies it" if result["EvalDecision"] == "explicitDeny" else "no policy allows it"


async def _call_listings(calls: ScopeCalls, estimate: CallEstimate, result: ProbeResult) -> None:
    row = {"AccountId": estimate.target.account, "CallerArn": estimate.target.caller}

    async def one(call: PlannedCall) -> None:
        result.calls += 1
        try:
            await calls.once(call.client, call.op, _params(call, row), region=call.region)
        except CallFailed as failure:
            if failure.is_one_of((*call.absent, NOT_OFFERED)):
                return
            action = action_of(call.client, call.op)
            if failure.reason in DENIED and action is not None:
                by_scp = failure.reason is Reason.DENIED_BY_SCP
                result.denied.setdefault(action, DENIED_BY_SCP if by_scp else "AWS denied the call")
            else:
                result.failures.append((call, failure))

    await for_each(list(_probes(estimate)), one, AT_ONCE)


def _probes(estimate: CallEstimate) -> Iterator[PlannedCall]:
    """Each listing once, the regional ones in one region. Per-row calls cannot be made without a row."""
    target = estimate.target
    one_region = target.home if target.home in target.regions else next(iter(target.regions), target.home)
    seen: set[tuple[str, ...]] = set()
    for call in estimate.calls:
        key = (call.client, call.op, str(sorted(call.params.items())))
        if call.kind is not CallKind.PER_ROW and key not in seen and call.region in (one_region, target.home):
            seen.add(key)
            yield call


def _params(call: PlannedCall, row: Mapping[str, Any]) -> dict[str, Any]:
    small = {name: _smaller(name, value) if name in PAGE_SIZES else value for name, value in call.params.items()}
    args = {name: walker(path)(dict(row)) for name, path in call.args.items()}
    return {**small, **({name: [value] for name, value in args.items()} if call.as_list else args)}


def _smaller(name: str, size: Any) -> Any:
    """A smaller page size, as text if the operation takes text."""
    smaller = min(int(size), SMALL_RECORDS if name == "MaxRecords" else SMALL)
    return str(smaller) if isinstance(size, str) else smaller
