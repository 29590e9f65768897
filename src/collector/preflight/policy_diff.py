"""Compares the required actions with the policies in a file, or with those of the identity that reads an account."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

from collector.analysis.actions import union, without
from collector.analysis.authorization import expand
from collector.analysis.documents import Policy, Rule, read
from collector.analysis.globs import covers, intersects, matches
from collector.aws.accounts import AccountSession, Member
from collector.aws.calls import ScopeCalls
from collector.catalog.catalog import Catalog
from collector.config import ConfigurationError, Settings
from collector.faults import CallFailed
from collector.preflight.policy import RequiredActions
from collector.preflight.reach import open_reach


class Level(IntEnum):
    """How far an action is allowed. `LIMITED` means on some resources only, or under a condition."""

    MISSING = 0
    LIMITED = 1
    GRANTED = 2


@dataclass(frozen=True, slots=True)
class IdentityPolicies:
    """The policies of an identity. An action must also be allowed by the permissions boundary, if there is one."""

    policies: tuple[Policy, ...]
    boundary: tuple[Policy, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyDiff:
    """The difference between required and granted actions.

    `limited` actions are granted on some resources only, or under a condition. `surplus` maps each action pattern that grants more
    than is required to the number of excess actions.
    """

    missing: tuple[str, ...] = ()
    limited: tuple[str, ...] = ()
    surplus: Mapping[str, int] = field(default_factory=dict)

    @property
    def suffices(self) -> bool:
        """Whether every required action is granted without limit."""
        return not self.missing and not self.limited

    def lines(self, required: RequiredActions) -> Iterator[str]:
        """One line for each action or pattern, with the entity types that are incomplete without the action."""
        for action in self.missing:
            yield f"missing {action}: {_types(required, action)}"
        for action in self.limited:
            yield f"limited {action}: only on some resources, or under a condition: {_types(required, action)}"
        for pattern, count in self.surplus.items():
            yield f"surplus {pattern}: {count:,} actions that are not needed"


def _types(required: RequiredActions, action: str) -> str:
    return ", ".join(sorted(required.types[action])) or "no types affected, the collector has a fallback"


def compare(required: RequiredActions, identity: IdentityPolicies, partition: str) -> PolicyDiff:
    """Compare the required actions with what the policies of an identity grant."""
    rules = [statement.rule for policy in identity.policies for statement in policy.statements]
    boundary = [statement.rule for policy in identity.boundary for statement in policy.statements]
    levels = {
        action: _level(action, required.resources(action, partition), rules, boundary) for action in required.types
    }
    return PolicyDiff(
        missing=tuple(action for action, level in levels.items() if level is Level.MISSING),
        limited=tuple(action for action, level in levels.items() if level is Level.LIMITED),
        surplus=dict(_surplus(required, rules)),
    )


def _level(action: str, resources: Sequence[str], rules: Sequence[Rule], boundary: Sequence[Rule]) -> Level:
    """The level over all resources that the action is needed on; limited if the resources differ."""
    levels = {min(_level_on(action, resource, each) for each in (rules, boundary or rules)) for resource in resources}
    return levels.pop() if len(levels) == 1 else Level.LIMITED


def _level_on(action: str, resource: str, rules: Sequence[Rule]) -> Level:
    applicable = [rule for rule in rules if _has_action(rule, action) and _has_some(rule, resource)]
    denials = [rule for rule in applicable if rule.effect == "Deny"]
    grants = [rule for rule in applicable if rule.effect == "Allow"]
    if not grants or any(_has_all(rule, resource) for rule in denials):
        return Level.MISSING
    return Level.LIMITED if denials or not any(_has_all(rule, resource) for rule in grants) else Level.GRANTED


def _has_action(rule: Rule, action: str) -> bool:
    return any(matches(pattern.lower(), action.lower()) for pattern in rule.actions) != rule.not_actions


def _has_some(rule: Rule, resource: str) -> bool:
    if rule.not_resources:
        return not any(covers(pattern, resource) for pattern in rule.resources)
    return any(intersects(pattern, resource) for pattern in rule.resources)


def _has_all(rule: Rule, resource: str) -> bool:
    """Whether the rule applies unconditionally to everything that the resource pattern matches."""
    if rule.condition:
        return False
    if rule.not_resources:
        return not any(intersects(pattern, resource) for pattern in rule.resources)
    return any(covers(pattern, resource) for pattern in rule.resources)


def _surplus(required: RequiredActions, rules: Iterable[Rule]) -> Iterator[tuple[str, int]]:
    required_masks = union(expand(action).masks for action in required.types)
    for rule in rules:
        for pattern in rule.actions if rule.effect == "Allow" and not rule.not_actions else ():
            if excess := without(expand(pattern).masks, required_masks):
                yield pattern, sum(bits.bit_count() for bits in excess.values())


def load_policies(path: Path) -> IdentityPolicies:
    """Load the policies of a JSON file: one document, or a list of documents.

    Raises:
        ConfigurationError: when the file cannot be read, or a document in it is not an IAM policy.
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
    return IdentityPolicies(policies)


KINDS = ["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"]


async def identity_policies(calls: ScopeCalls, arn: str) -> IdentityPolicies:
    """Read the policies of a role or user with the call that a run makes, so that no further permission is needed.

    Raises:
        CallFailed: when the call fails.
        ConfigurationError: when the identity has no policies (root, a federated user).
    """
    details: dict[str, list[dict[str, Any]]] = {}
    pages = calls.pages("iam", "get_account_authorization_details", {"Filter": KINDS, "MaxItems": 1000})
    async for page in pages:
        for part in ("UserDetailList", "RoleDetailList", "GroupDetailList", "Policies"):
            details.setdefault(part, []).extend(page.get(part) or ())
    identity = _identity(details, arn)
    if identity is None:
        raise ConfigurationError(f"{arn} is not a role or user of its account, so it has no policies")
    groups = [group for group in details["GroupDetailList"] if group["GroupName"] in identity.get("GroupList", ())]
    managed = {policy["Arn"]: policy for policy in details["Policies"]}
    documents = [document for holder in (identity, *groups) for document in _documents(holder, managed)]
    boundary_arn = identity.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    boundary = _default(managed[boundary_arn]) if boundary_arn in managed else []
    return IdentityPolicies(
        tuple(read(each, "identity") for each in documents), tuple(read(each, "identity") for each in boundary)
    )


def _identity(details: Mapping[str, list[dict[str, Any]]], arn: str) -> dict[str, Any] | None:
    """The role or user of an ARN. A session's ARN contains the name of its role, but not the role's path."""
    kind, _, rest = arn.split(":", 5)[5].partition("/")
    if kind == "assumed-role":
        name = rest.partition("/")[0]
        return next((role for role in details["RoleDetailList"] if role["RoleName"] == name), None)
    identities = (*details["RoleDetailList"], *details["UserDetailList"])
    return next((identity for identity in identities if identity["Arn"] == arn), None)


def _documents(holder: Mapping[str, Any], managed: Mapping[str, dict[str, Any]]) -> Iterator[Any]:
    for part in ("UserPolicyList", "RolePolicyList", "GroupPolicyList"):
        yield from (inline["PolicyDocument"] for inline in holder.get(part) or ())
    for attached in holder.get("AttachedManagedPolicies") or ():
        yield from _default(managed.get(attached["PolicyArn"], {}))


def _default(policy: Mapping[str, Any]) -> list[Any]:
    return [version["Document"] for version in policy.get("PolicyVersionList", ()) if version["IsDefaultVersion"]]


async def diff_accounts(
    settings: Settings, catalog: Catalog, required: RequiredActions
) -> dict[str, PolicyDiff | CallFailed]:
    """For each account id, the diff with the policies of the identity that reads it, or the failure to read them.

    Raises:
        CallFailed: when the credentials are rejected, or the organization cannot be read.
        ConfigurationError: when an identity has no policies.
    """
    diffs: dict[str, PolicyDiff | CallFailed] = {}
    async with open_reach(settings, catalog) as reach:

        async def visit(member: Member, session: AccountSession | CallFailed) -> None:
            diffs[member.account] = session if isinstance(session, CallFailed) else await diff(session)

        async def diff(session: AccountSession) -> PolicyDiff | CallFailed:
            try:
                identity = await identity_policies(reach.calls(session, session.target.home), session.target.caller)
            except CallFailed as failure:
                return failure
            return compare(required, identity, session.target.partition)

        await reach.visit(await reach.accounts.caller(), visit)
    return diffs
