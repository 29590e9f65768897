"""Functions that return edges, joins and values that many services share."""

from __future__ import annotations

from collector.schema.declarations import Call, Computed, Edge, First, Join, Source, Template, Via
from collector.schema.paths import walker


def guarded_by(type_: str, at: Source) -> tuple[Edge, Edge]:
    """The edges between a resource and its security groups, in both directions: it HAS them, and they PROTECT it."""
    return (
        Edge(type_, "HAS", "aws_security_group", at=at),
        Edge("aws_security_group", "PROTECTS", type_, at=at),
    )


def encrypted_with(type_: str, path: str) -> tuple[Edge, Edge]:
    """The edges for USES of the KMS key at a path: an ARN, a key id, or an alias (ARN, or `alias/…` in its region)."""
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
    """A join with the tags of all resources of one type in a region, at `Tagging[].Tags[]`; 100 per call."""
    params = {"ResourceTypeFilters": [resource_type], "ResourcesPerPage": 100}
    call = Call("get_resources", "ResourceTagMappingList", params, client="resourcegroupstaggingapi")
    return Join(call, "Tagging", on="ResourceARN", to=arn)


def filled(path: str) -> Via:
    """The value at a path; None if it is empty or zero, by which AWS often means "none"."""
    return Via(path, lambda value: value or None)


def lambda_functions(path: str) -> Via:
    """The ARNs of Lambda functions among the ARNs at a path, as a list, without a version or alias."""
    return Via(path, _functions)


def _functions(arns: str | list[str]) -> list[str]:
    parts = (arn.split(":") for arn in ([arns] if isinstance(arns, str) else arns))
    return [":".join(part[:7]) for part in parts if part[2:3] == ["lambda"] and part[5:6] == ["function"]]


def without_stage(arn: str) -> str:
    """The ARN of the REST API, for the ARN of one of its stages; any other ARN as it is."""
    return arn.partition("/stages/")[0]
