"""Maps operations to the IAM actions that they need. Most are `service:Operation`; the tables have the exceptions.

Source: AWS's service authorization reference.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache

import botocore.session
from botocore import xform_name

PREFIXES: Mapping[str, str] = {
    "accessanalyzer": "access-analyzer",
    "cloudhsmv2": "cloudhsm",
    "efs": "elasticfilesystem",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "opensearch": "es",
    "resourcegroupstaggingapi": "tag",
}
"""The service prefix of actions, by botocore client, if it is not the name of the client."""

ACTIONS: Mapping[str, str | None] = {
    "accessanalyzer:GetFindingV2": "access-analyzer:GetFinding",
    "accessanalyzer:ListFindingsV2": "access-analyzer:ListFindings",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3control:GetPublicAccessBlock": "s3:GetAccountPublicAccessBlock",
    "sts:GetCallerIdentity": None,
}
"""Operations whose action has another name; None if no permission is needed."""

FURTHER: Mapping[str, str] = {
    "lambda:GetFunction": "lambda:ListTags",
}
"""Actions for a complete response. Without this one, Lambda omits a function's tags (API reference, GetFunction)."""

API_GATEWAY = ("apigateway", "apigatewayv2")
"""Clients whose actions are HTTP methods on paths: every read operation needs `apigateway:GET`."""


@cache
def api_of(client: str, op: str) -> str:
    """The name of an operation in the AWS API: `DescribeVpcs` for `describe_vpcs`."""
    return _names(client)[op]


def action_of(client: str, op: str) -> str | None:
    """The IAM action that an operation needs; None if it needs no permission."""
    if client in API_GATEWAY:
        return "apigateway:GET"
    api = api_of(client, op)
    name = f"{client}:{api}"
    return ACTIONS[name] if name in ACTIONS else f"{PREFIXES.get(client, client)}:{api}"


def actions_of(client: str, op: str) -> tuple[str, ...]:
    """All IAM actions that an operation needs for a complete response."""
    action = action_of(client, op)
    if action is None:
        return ()
    return (action, FURTHER[action]) if action in FURTHER else (action,)


def path_of(client: str, op: str) -> str:
    """The resource path of an API Gateway operation, with `*` for each parameter: `/restapis/*/stages`."""
    uri: str = _session().get_service_model(client).operation_model(api_of(client, op)).http["requestUri"]
    return re.sub(r"\{[^}]*\}", "*", uri.removeprefix("/v2"))


@cache
def _names(client: str) -> Mapping[str, str]:
    model = _session().get_service_model(client)
    return {xform_name(name): name for name in model.operation_names}


@cache
def _session() -> botocore.session.Session:
    """A session that reads models only: `policy` must work on a machine whose AWS settings are broken or absent."""
    no_file = (None, None, os.devnull, None)
    no_settings = {"profile": (None, None, None, None), "config_file": no_file, "credentials_file": no_file}
    return botocore.session.Session(session_vars=no_settings)
