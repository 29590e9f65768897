"""What policies grant of what is needed: documents in a file, or those of the identity that reads an account."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from collector.analysis.actions import union, without
from collector.analysis.authorization import expand
from collector.analysis.documents import Policy, Rule, read
from collector.analysis.globs import covers, intersects, matches
from collector.config import ConfigurationError
from collector.faults import CallFailed
from collector.preflight.reach import reach

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from collector.aws.accounts import AccountSession, Member
    from collector.aws.calls import ScopeCalls
    from collector.catalog.catalog import Catalog
    from collector.config import Settings
    from collector.preflight.policy import Needs


class Level(IntEnum):
    """How far an action is allowed: not at all, on some resources or under a condition, without limit."""

    MISSING = 0
    LIMITED = 1
    GRANTED = 2


@dataclass(frozen=True, slots=True)
class Granted:
    """The policies of an identity; a boundary must grant as well whatever they grant."""

    policies: tuple[Policy, ...]
    boundary: tuple[Policy, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyDiff:
    """Actions that are `missing`, those granted only on some resources or under a condition, and patterns that grant more.

    `surplus` counts the actions beyond what is needed.
    """

    missing: tuple[str, ...] = ()
    limited: tuple[str, ...] = ()
    surplus: Mapping[str, int] = field(default_factory=dict)

    @property
    def suffices(self) -> bool:
        """Whether a run would be allowed everything that it needs."""
        return not self.missing and not self.limited

    def lines(self, needed: Needs) -> Iterator[str]:
        """One line for each action or pattern, with the types that miss something without the action."""
        for action in self.missing:
            yield f"missing {action}: {_types(needed, action)}"
        for action in self.limited:
            yield f"limited {action}: only on some resources, or under a condition: {_types(needed, action)}"
        for pattern, count in self.surplus.items():
            yield f"surplus {pattern}: {count:,} actions that are not needed"


def _types(needed: Needs, action: str) -> str:
    return ", ".join(sorted(needed.types[action])) or "what it tells is found out in another way"


def compare(needed: Needs, granted: Granted, partition: str) -> PolicyDiff:
    """Hold what is granted against what is needed."""
    rules = [statement.rule for policy in granted.policies for statement in policy.statements]
    fence = [statement.rule for policy in granted.boundary for statement in policy.statements]
    levels = {action: _level(action, needed.resources(action, partition), rules, fence) for action in needed.types}
    return PolicyDiff(
        missing=tuple(action for action, level in levels.items() if level is Level.MISSING),
        limited=tuple(action for action, level in levels.items() if level is Level.LIMITED),
        surplus=dict(_surplus(needed, rules)),
    )


def _level(action: str, resources: Sequence[str], rules: Sequence[Rule], fence: Sequence[Rule]) -> Level:
    """Over all resources that the action is needed on; some of them are better than none."""
    levels = {min(_on_one(action, resource, several) for several in (rules, fence or rules)) for resource in resources}
    return levels.pop() if len(levels) == 1 else Level.LIMITED


def _on_one(action: str, resource: str, rules: Sequence[Rule]) -> Level:
    speaking = [rule for rule in rules if _speaks_of(rule, action) and _reaches(rule, resource)]
    denials = [rule for rule in speaking if rule.effect == "Deny"]
    grants = [rule for rule in speaking if rule.effect == "Allow"]
    if not grants or any(_is_whole(rule, resource) for rule in denials):
        return Level.MISSING
    return Level.LIMITED if denials or not any(_is_whole(rule, resource) for rule in grants) else Level.GRANTED


def _speaks_of(rule: Rule, action: str) -> bool:
    return any(matches(pattern.lower(), action.lower()) for pattern in rule.actions) != rule.not_actions


def _reaches(rule: Rule, resource: str) -> bool:
    if rule.not_resources:
        return not any(covers(pattern, resource) for pattern in rule.resources)
    return any(intersects(pattern, resource) for pattern in rule.resources)


def _is_whole(rule: Rule, resource: str) -> bool:
    """Whether the rule holds for all that the resource stands for, whatever the circumstances."""
    if rule.condition:
        return False
    if rule.not_resources:
        return not any(intersects(pattern, resource) for pattern in rule.resources)
    return any(covers(pattern, resource) for pattern in rule.resources)


def _surplus(needed: Needs, rules: Iterable[Rule]) -> Iterator[tuple[str, int]]:
    wanted = union(expand(action).masks for action in needed.types)
    for rule in rules:
        for pattern in rule.actions if rule.effect == "Allow" and not rule.not_actions else ():
            more = without(expand(pattern).masks, wanted)
            if more:
                yield pattern, sum(bits.bit_count() for bits in more.values())


def of_file(path: Path) -> Granted:
    """The policies of a file: a document, or a list of them.

    Raises:
        ConfigurationError: when there is no policy in it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from error
    policies = tuple(read(document, "identity") for document in (content if isinstance(content, list) else [content]))
    for policy in policies:
        if policy.faults or not policy.statements:
            raise ConfigurationError(f"{path} is not an IAM policy: {(*policy.faults, 'no statement')[0]}")
    return Granted(policies)


KINDS = ["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"]


async def of_identity(calls: ScopeCalls, arn: str) -> Granted:
    """The policies of a role or a user, asked for as a run asks, so that no further permission is needed.

    Raises:
        Failed: when that is refused.
        ConfigurationError: when the identity is none that has policies (root, a federated user).
    """
    details: dict[str, list[dict[str, Any]]] = {}
    pages = calls.pages("iam", "get_account_authorization_details", {"Filter": KINDS, "MaxItems": 1000})
    async for page in pages:
        for part in ("UserDetailList", "RoleDetailList", "GroupDetailList", "Policies"):
            details.setdefault(part, []).extend(page.get(part) or ())
    found = _identity(details, arn)
    if found is None:
        raise ConfigurationError(f"{arn} is no role or user of its account, so it has no policies")
    groups = [group for group in details["GroupDetailList"] if group["GroupName"] in found.get("GroupList", ())]
    managed = {policy["Arn"]: policy for policy in details["Policies"]}
    documents = [document for holder in (found, *groups) for document in _documents(holder, managed)]
    fence = found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    boundary = _default(managed[fence]) if fence in managed else []
    return Granted(
        tuple(read(each, "identity") for each in documents), tuple(read(each, "identity") for each in boundary)
    )


def _identity(details: Mapping[str, list[dict[str, Any]]], arn: str) -> dict[str, Any] | None:
    """The role or user behind an ARN. A session's ARN names its role without the role's path."""
    kind, _, rest = arn.split(":", 5)[5].partition("/")
    if kind == "assumed-role":
        name = rest.partition("/")[0]
        return next((role for role in details["RoleDetailList"] if role["RoleName"] == name), None)
    several = (*details["RoleDetailList"], *details["UserDetailList"])
    return next((holder for holder in several if holder["Arn"] == arn), None)


def _documents(holder: Mapping[str, Any], managed: Mapping[str, dict[str, Any]]) -> Iterator[Any]:
    for part in ("UserPolicyList", "RolePolicyList", "GroupPolicyList"):
        yield from (inline["PolicyDocument"] for inline in holder.get(part) or ())
    for attached in holder.get("AttachedManagedPolicies") or ():
        yield from _default(managed.get(attached["PolicyArn"], {}))


def _default(policy: Mapping[str, Any]) -> list[Any]:
    return [version["Document"] for version in policy.get("PolicyVersionList", ()) if version["IsDefaultVersion"]]


async def of_accounts(settings: Settings, catalog: Catalog, needed: Needs) -> dict[str, PolicyDiff | CallFailed]:
    """For each account, the difference to what the identity that would read it is granted, or why that is not known.

    Raises:
        Failed: when the credentials are refused, or the organization cannot be read.
        ConfigurationError: when an identity has no policies.
    """
    found: dict[str, PolicyDiff | CallFailed] = {}
    async with reach(settings, catalog) as way:
        caller = await way.accounts.caller()

        async def visit(member: Member, reached: AccountSession | CallFailed) -> None:
            found[member.account] = reached if isinstance(reached, CallFailed) else await one(reached)

        async def one(reached: AccountSession) -> PolicyDiff | CallFailed:
            try:
                granted = await of_identity(way.calls(reached, reached.target.home), reached.target.caller)
            except CallFailed as failed:
                return failed
            return compare(needed, granted, reached.target.partition)

        await way.visit(caller, visit)
    return found
