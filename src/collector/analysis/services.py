"""The service entities for action prefixes and service principals.

The type is `aws_` plus the prefix without its first hyphen, as in JupiterOne's own data. Further hyphens become underscores, since a type
is in snake case (`aws_s3object_lambda`). Exceptions are taken from the same data, and from the services that are collected under another
name.
"""

from __future__ import annotations

import re
from functools import cache

from collector.analysis import authorization
from collector.analysis.facts import service_key
from collector.analysis.results import ServiceNode

ACCOUNT_PREFIX = "account"
"""The prefix of the actions on an account; the account entity represents this service."""

PREFIXES = {
    "elasticfilesystem": "aws_efs",
    "es": "aws_elasticsearch",
    "events": "aws_cloudwatch_events",
    "inspector2": "aws_inspector",
    "logs": "aws_cloudwatch_logs",
    "states": "aws_stepfunctions",
    "waf-regional": "aws_waf",
    "wafv2": "aws_waf_v2",
}
HOSTS = {
    "ecs-tasks": "aws_ecs",
    "edgelambda": "aws_lambda",
    "monitoring.rds": "aws_rds",
    "vpc-flow-logs": "aws_ec2_vpc",
}
RETIRED = (
    "builderid", "codestar", "deepcomposer", "deeplens", "deepracer", "elastic-inference", "evidently", "iot1click", "iotevents",
    "zocalo",
)  # fmt: skip
"""Prefixes of actions that AWS's own managed policies still grant, and that the authorization reference does not list any more."""

LABELS = (
    "apidestinations", "batchoperations", "billingreports", "bcm-data-exports", "cognito-idp", "config-conforms",
    "config-multiaccountsetup", "custom-resource", "delivery", "dms-vpc", "ec2fleet", "eks-connector", "eks-fargate",
    "eks-fargate-pods", "eks-nodegroup", "elasticache", "email", "lex", "macie", "maintenance-windows", "managedupdates", "member",
    "opsworks", "opsworks-cm", "reports", "replicator", "spot", "spotfleet", "stacksets", "streams", "task", "transitgateway",
)  # fmt: skip
"""First labels of service principals (`spotfleet.amazonaws.com`) that are no prefix of actions."""

_SUFFIX = re.compile(r"(\.amazonaws\.com(\.cn)?|\.amazon\.com|\.aws\.internal)$")
_REGION = re.compile(r"\.[a-z]{2}(-[a-z]+)+-\d$")
_LABEL = re.compile(r"[a-z0-9][a-z0-9-]*$")


def of_prefix(prefix: str) -> str:
    """Return the type of the service entity for a prefix of actions or ARNs."""
    return PREFIXES.get(prefix) or "aws_" + prefix.replace("-", "", 1).replace("-", "_")


def of_principal(host: str) -> str | None:
    """Return the type of the service entity for a service principal (`logs.eu-west-1.amazonaws.com`); None if it is not one."""
    name = _REGION.sub("", _SUFFIX.sub("", host.lower()))
    label = name.partition(".")[0]
    if name == host.lower() or not _LABEL.match(label):
        return None
    return HOSTS.get(name) or HOSTS.get(label) or of_prefix(label)


@cache
def known_types() -> frozenset[str]:
    """The types of the service entities that an account can have."""
    prefixes = {*authorization.services(), *RETIRED, *LABELS} - {ACCOUNT_PREFIX}
    return frozenset((*map(of_prefix, prefixes), *HOSTS.values()))


class Services:
    """The service entities of one account, each requested at most once.

    A service that AWS does not have, such as one that is misspelled in a policy, has no entity: relationships to it are mapped. So the
    types of all entities are known, and a report can name those that may be missing.
    """

    def __init__(self, account: str) -> None:
        self._account = account
        self._requested: set[str] = set()

    def key(self, type_: str) -> str:
        """Return the key of the service entity of a type."""
        return service_key(self._account, type_)

    def request(self, type_: str) -> list[ServiceNode]:
        """Return the request for a service entity, or an empty list if it was requested before or is unknown."""
        if type_ in self._requested or type_ not in known_types():
            return []
        self._requested.add(type_)
        return [ServiceNode(self.key(type_), type_, _names().get(type_, type_.removeprefix("aws_")))]


@cache
def _names() -> dict[str, str]:
    """Return AWS's names of the services, by the type of their entity."""
    return {of_prefix(prefix): service.name for prefix, service in reversed(authorization.services().items())}
