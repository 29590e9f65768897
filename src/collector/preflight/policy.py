"""The least-privilege IAM policies of a run, derived from the declarations, and a role that holds them.

Every action reads or lists. API Gateway's actions are HTTP methods, so its policy statement is limited to the paths instead.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeAlias

from collector.catalog.catalog import Catalog, affected, call_of, client_of, declarations, operations
from collector.catalog.permissions import API_GATEWAY, actions_of, api_of, path_of
from collector.schema.declarations import Declaration, Entity, Service

Document: TypeAlias = dict[str, Any]

LIMIT = 6144
"""Maximum characters of a managed policy, not counting white space (AWS: IAM and STS quotas)."""

VERSION = "2012-10-17"
GATEWAY = "apigateway:GET"

SETUP_OPERATIONS = (("ec2", "describe_regions"), ("account", "list_regions"))
"""Calls that find the regions of every account before collection; the second is made only if the first is denied."""

DESCRIPTION = "Lets the collector read the configuration of this account. It cannot read data or change anything."


@dataclass(frozen=True, slots=True)
class RequiredActions:
    """The IAM actions that a run needs.

    `types` maps each action to the entity types that are incomplete without it, `operations` to the API operations that need it.
    `paths` are API Gateway's, as `/restapis/*/stages`.
    """

    types: Mapping[str, frozenset[str]]
    operations: Mapping[str, frozenset[str]]
    paths: tuple[str, ...]

    def resources(self, action: str, partition: str) -> tuple[str, ...]:
        """The resources on which an action is needed."""
        return gateway_arns(self.paths, partition) if action == GATEWAY else ("*",)


def required_actions(catalog: Catalog) -> RequiredActions:
    """The actions that the services of a catalog need, and those that every run needs."""
    types: dict[str, set[str]] = defaultdict(set)
    named: dict[str, set[str]] = defaultdict(set)
    paths: set[str] = set()
    for (client, op), affected_types in _operations(catalog):
        for action in actions_of(client, op):
            types[action] |= affected_types
            named[action].add(f"{client}:{api_of(client, op)}")
        if client in API_GATEWAY:
            paths.add(path_of(client, op))
    by_action = {action: frozenset(types[action]) for action in sorted(types)}
    return RequiredActions(by_action, {action: frozenset(named[action]) for action in by_action}, tuple(sorted(paths)))


def _operations(catalog: Catalog) -> Iterator[tuple[tuple[str, str], frozenset[str]]]:
    """Every operation, with the entity types that its denial affects."""
    for operation in SETUP_OPERATIONS:
        yield operation, frozenset()
    for service in catalog.services:
        for declaration in declarations(service):
            for operation in operations(service, declaration):
                yield operation, _affected_types(service, declaration, operation)


def _affected_types(service: Service, declaration: Declaration, operation: tuple[str, str]) -> frozenset[str]:
    """A denied listing also affects the types below the declaration; a denied further call affects only its own type."""
    call = call_of(declaration.rows)
    listing = (client_of(service, declaration, call.client), call.op) if call else None
    if operation == listing or not isinstance(declaration, Entity):
        return affected(service, declaration)
    return frozenset({declaration.type})


def documents(required: RequiredActions, partition: str = "aws") -> list[Document]:
    """The policy documents, each within AWS's size limit. The actions of one service stay in one document."""
    plain = [action for action in required.types if action != GATEWAY]
    gateway = _statement([GATEWAY], gateway_arns(required.paths, partition)) if required.paths else None
    groups: list[list[str]] = []
    for _, same_service in groupby(plain, key=lambda action: action.partition(":")[0]):
        actions = list(same_service)
        for group in groups:
            if size(_document([*group, *actions], gateway if group is groups[0] else None)) <= LIMIT:
                group.extend(actions)
                break
        else:
            groups.append(actions)
    return [_document(sorted(group), gateway if group is groups[0] else None) for group in groups]


def _document(actions: Sequence[str], gateway: Mapping[str, Any] | None) -> Document:
    return {"Version": VERSION, "Statement": [_statement(actions, ("*",)), *((gateway,) if gateway else ())]}


def _statement(actions: Sequence[str], resources: Sequence[str]) -> Document:
    one_or_more = resources[0] if len(resources) == 1 else list(resources)
    return {"Effect": "Allow", "Action": list(actions), "Resource": one_or_more}


def gateway_arns(paths: Iterable[str], partition: str) -> tuple[str, ...]:
    """API Gateway paths as resource ARNs of every region."""
    return tuple(f"arn:{partition}:apigateway:*::{path}" for path in paths)


def size(document: Document) -> int:
    """The number of characters that AWS counts against `LIMIT`."""
    return len(re.sub(r"\s", "", json.dumps(document, ensure_ascii=False)))


def caller_policy(roles: Sequence[str], *, organization: bool) -> list[Document]:
    """The policy of the identity that assumes the roles; with `organization`, it may also list the accounts."""
    listing = (("organizations", "list_accounts"), ("organizations", "list_tags_for_resource")) if organization else ()
    actions = [action for client, op in listing for action in actions_of(client, op)]
    statements = [_statement(["sts:AssumeRole"], roles), *([_statement(actions, ("*",))] if actions else [])]
    return [{"Version": VERSION, "Statement": statements}]


def template(required: RequiredActions, *, role_name: str | None = None, external_id: str | None = None) -> Document:
    """A CloudFormation template of a role, with an optional external id in its trust policy, and its managed policies."""
    policies = {
        f"Policy{number}": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"Description": DESCRIPTION, "PolicyDocument": _substituted(document)},
        }
        for number, document in enumerate(documents(required, "${AWS::Partition}"), 1)
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"{DESCRIPTION} Needs CAPABILITY_NAMED_IAM.",
        "Parameters": _parameters(role_name or "collector", external_id or ""),
        "Conditions": {"HasExternalId": {"Fn::Not": [{"Fn::Equals": [{"Ref": "ExternalId"}, ""]}]}},
        "Resources": {"Role": _role(policies), **policies},
        "Outputs": {"RoleArn": {"Description": "For --role-arn.", "Value": {"Fn::GetAtt": ["Role", "Arn"]}}},
    }


def _parameters(role_name: str, external_id: str) -> Document:
    return {
        "TrustedPrincipal": {
            "Type": "String",
            "Description": "The ARN of the role, user or account root that may assume the role.",
            "AllowedPattern": r"arn:aws[a-z-]*:iam::\d{12}:(root|(role|user)/.+)",
        },
        "ExternalId": {
            "Type": "String",
            "Description": "The external id that is required to assume the role; empty for none.",
            "Default": external_id,
            "AllowedPattern": r"(|[\w+=,.@:/-]{2,1224})",
        },
        "RoleName": {
            "Type": "String",
            "Description": "The name of the role for --role-name, the same in every account.",
            "Default": role_name,
            "AllowedPattern": r"[\w+=,.@-]{1,64}",
        },
    }


def _role(policies: Iterable[str]) -> Document:
    named = {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}}
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": {"Ref": "TrustedPrincipal"}},
        "Action": "sts:AssumeRole",
        "Condition": {"Fn::If": ["HasExternalId", named, {"Ref": "AWS::NoValue"}]},
    }
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": {"Ref": "RoleName"},
            "Description": DESCRIPTION,
            "AssumeRolePolicyDocument": {"Version": VERSION, "Statement": [trust]},
            "ManagedPolicyArns": [{"Ref": name} for name in policies],
        },
    }


def _substituted(value: Any) -> Any:
    """The same value, with each string that contains `${…}` wrapped in `Fn::Sub`."""
    match value:
        case dict():
            return {name: _substituted(each) for name, each in value.items()}
        case list():
            return [_substituted(each) for each in value]
        case str() if "${" in value:
            return {"Fn::Sub": value}
    return value


def permissions_document(catalog: Catalog) -> str:
    """The policies as JSON, and each action with its operations and the entity types that are incomplete without it."""
    required = required_actions(catalog)
    actions = [
        {"action": action, "operations": sorted(required.operations[action]), "types": sorted(types)}
        for action, types in required.types.items()
    ]
    return as_text({"policies": documents(required), "actions": actions})


def as_text(value: Any) -> str:
    """A value as indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
