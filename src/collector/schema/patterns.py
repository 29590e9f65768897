"""Declarations that several services share: functions that return them."""

from __future__ import annotations

from collector.schema.declarations import Call, Computed, Edge, First, Join, Source, Template, Via
from collector.schema.paths import walker


def guarded_by(type_: str, at: Source) -> tuple[Edge, Edge]:
    """Both directions of one fact, as JupiterOne's data model lists them: it HAS security groups, and they PROTECT it."""
    return (
        Edge(type_, "HAS", "aws_security_group", at=at),
        Edge("aws_security_group", "PROTECTS", type_, at=at),
    )


def encrypted_with(type_: str, path: str) -> tuple[Edge, Edge]:
    """It USES the KMS key that AWS names at the path: by ARN or key id, or by an alias (`alias/…`, of its own region, or its ARN)."""
    walk = walker(path)
    is_alias = Computed(lambda row: _is_alias(walk(row)), (path,))
    is_key = Computed(lambda row: not _is_alias(walk(row)), (path,))
    alias = First(
        Via(path, lambda name: name if name.startswith("arn:") else None),
        Template(f"arn:{{partition}}:kms:{{region}}:{{account}}:{{{path}}}"),
    )
    return (
        Edge(type_, "USES", "aws_kms_key", at=path, when=is_key),
        Edge(type_, "USES", "aws_kms_key", at=alias, by="alias", when=is_alias),
    )


def _is_alias(name: object) -> bool:
    return str(name or "").startswith("alias/") or ":alias/" in str(name)


def tagged(resource_type: str, arn: Source) -> Join:
    """The tags of all resources of one type in a region, a hundred a call; they are at `Tagging[].Tags[]`."""
    everything = {"ResourceTypeFilters": [resource_type], "ResourcesPerPage": 100}
    call = Call("get_resources", "ResourceTagMappingList", everything, client="resourcegroupstaggingapi")
    return Join(call, "Tagging", on="ResourceARN", to=arn)


def filled(path: str) -> Via:
    """What lies at the path, unless it is empty or zero, which is how AWS often says that there is none."""
    return Via(path, lambda value: value or None)


def lambda_functions(path: str) -> Via:
    """The Lambda functions among the ARNs at the path, as a list, without the version or alias that an ARN may end in."""
    return Via(path, _functions)


def _functions(arns: str | list[str]) -> list[str]:
    several = [arns] if isinstance(arns, str) else arns
    parts = (arn.split(":") for arn in several)
    return [":".join(part[:7]) for part in parts if part[2:3] == ["lambda"] and part[5:6] == ["function"]]


def without_stage(arn: str) -> str:
    """The ARN of a REST API from that of one of its stages; any other ARN as it is."""
    return arn.partition("/stages/")[0]
