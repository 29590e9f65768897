"""The least that a run must be allowed, read off the declarations: IAM policies, and a role to hold them.

Every action is one that reads or lists. API Gateway's actions are HTTP methods, so there the paths are what is granted.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias

from collector.catalog.catalog import Catalog, affected, call_of, client_of, declarations, operations
from collector.catalog.permissions import API_GATEWAY, actions_of, api_of, path_of
from collector.schema.declarations import Declaration, Entity, Service

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Document: TypeAlias = dict[str, Any]

LIMIT = 6144
"""Characters of a managed policy, white space not counted (AWS: IAM and STS quotas)."""

VERSION = "2012-10-17"
GATEWAY = "apigateway:GET"

REACH = (("ec2", "describe_regions"), ("account", "list_regions"))
"""What is asked of every account before anything is collected: its regions; the second only where the first is refused."""

DESCRIPTION = "Lets the collector read the configuration of this account. It can read no data and change nothing."


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be allowed. `types`: each action, with the entity types that miss something without it.

    `paths`: API Gateway's, as `/restapis/*/stages`.
    """

    types: Mapping[str, frozenset[str]]
    operations: Mapping[str, frozenset[str]]
    paths: tuple[str, ...]

    def resources(self, action: str, partition: str) -> tuple[str, ...]:
        """The resources on which an action is needed."""
        return gateway_arns(self.paths, partition) if action == GATEWAY else ("*",)


def needs(catalog: Catalog) -> Needs:
    """What the services of a catalogue need, and every run besides."""
    types: dict[str, set[str]] = defaultdict(set)
    named: dict[str, set[str]] = defaultdict(set)
    paths: set[str] = set()
    for (client, op), affected_types in _asked(catalog):
        for action in actions_of(client, op):
            types[action] |= affected_types
            named[action].add(f"{client}:{api_of(client, op)}")
        if client in API_GATEWAY:
            paths.add(path_of(client, op))
    kept = {action: frozenset(types[action]) for action in sorted(types)}
    return Needs(kept, {action: frozenset(named[action]) for action in kept}, tuple(sorted(paths)))


def _asked(catalog: Catalog) -> Iterator[tuple[tuple[str, str], frozenset[str]]]:
    """Every operation, with the types that a refusal touches."""
    for operation in REACH:
        yield operation, frozenset()
    for service in catalog.services:
        for declaration in declarations(service):
            for operation in operations(service, declaration):
                yield operation, _touched(service, declaration, operation)


def _touched(service: Service, declaration: Declaration, operation: tuple[str, str]) -> frozenset[str]:
    """Without its rows a declaration loses what hangs on them as well; without a further answer, only its own properties."""
    call = call_of(declaration.rows)
    rows = {(client_of(service, declaration, call.client), call.op)} if call else set()
    if operation in rows or not isinstance(declaration, Entity):
        return affected(service, declaration)
    return frozenset({declaration.type})


def documents(needed: Needs, partition: str = "aws") -> list[Document]:
    """The policies, each within AWS's limit; the actions of one service stay together."""
    plain = [action for action in needed.types if action != GATEWAY]
    gateway = _statement([GATEWAY], gateway_arns(needed.paths, partition)) if needed.paths else None
    filled: list[list[str]] = []
    for _, group in groupby(plain, key=lambda action: action.partition(":")[0]):
        actions = list(group)
        for several in filled:
            first = gateway if several is filled[0] else None
            if size(_document([*several, *actions], first)) <= LIMIT:
                several.extend(actions)
                break
        else:
            filled.append(actions)
    return [_document(sorted(several), gateway if several is filled[0] else None) for several in filled]


def _document(actions: Sequence[str], further: Mapping[str, Any] | None = None) -> Document:
    return {"Version": VERSION, "Statement": [_statement(actions, ("*",)), *((further,) if further else ())]}


def _statement(actions: Sequence[str], resources: Sequence[str]) -> Document:
    one_or_more = resources[0] if len(resources) == 1 else list(resources)
    return {"Effect": "Allow", "Action": list(actions), "Resource": one_or_more}


def gateway_arns(paths: Iterable[str], partition: str) -> tuple[str, ...]:
    """API Gateway's paths as the resources of its actions, in every region."""
    return tuple(f"arn:{partition}:apigateway:*::{path}" for path in paths)


def size(document: Document) -> int:
    """The characters that AWS counts."""
    return len(re.sub(r"\s", "", json.dumps(document, ensure_ascii=False)))


def of_the_caller(roles: Sequence[str], *, organization: bool) -> list[Document]:
    """The policy of the identity that runs the collector, where the account's role does the reading."""
    asked = (("organizations", "list_accounts"), ("organizations", "list_tags_for_resource")) if organization else ()
    listing = [action for client, op in asked for action in actions_of(client, op)]
    statements = [_statement(["sts:AssumeRole"], roles), *([_statement(listing, ("*",))] if listing else [])]
    return [{"Version": VERSION, "Statement": statements}]


def template(needed: Needs, *, role_name: str | None = None, external_id: str | None = None) -> Document:
    """A CloudFormation template: a role that may be assumed with an external id, and its policies."""
    policies = {
        f"Policy{number}": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"Description": DESCRIPTION, "PolicyDocument": _substituted(document)},
        }
        for number, document in enumerate(documents(needed, "${AWS::Partition}"), 1)
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
            "Description": "Who may assume the role: the ARN of a role, a user or an account's root.",
            "AllowedPattern": r"arn:aws[a-z-]*:iam::\d{12}:(root|(role|user)/.+)",
        },
        "ExternalId": {
            "Type": "String",
            "Description": "What whoever assumes the role must name; empty when nothing need be named.",
            "Default": external_id,
            "AllowedPattern": r"(|[\w+=,.@:/-]{2,1224})",
        },
        "RoleName": {
            "Type": "String",
            "Description": "The same in every account, for --role-name.",
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
    """The same with the partition of the stack in the place of `${AWS::Partition}`."""
    match value:
        case dict():
            return {name: _substituted(each) for name, each in value.items()}
        case list():
            return [_substituted(each) for each in value]
        case str() if "${" in value:
            return {"Fn::Sub": value}
    return value


def document(catalog: Catalog) -> str:
    """What is needed and why, as JSON: the policies, and each action with its operations and the types that miss it."""
    needed = needs(catalog)
    actions = [
        {"action": action, "operations": sorted(needed.operations[action]), "types": sorted(types)}
        for action, types in needed.types.items()
    ]
    return as_text({"policies": documents(needed), "actions": actions})


def as_text(value: Any) -> str:
    """JSON to be read."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
