"""Declarations that several services share: functions that return them."""

from __future__ import annotations

from collector.paths import walker
from collector.spec import Computed, Edge, Source, Template, Via


def guarded_by(type_: str, at: Source) -> tuple[Edge, Edge]:
    """Both directions of one fact, as JupiterOne's data model lists them: it HAS security groups, and they PROTECT it."""
    return (
        Edge(type_, "HAS", "aws_security_group", at=at),
        Edge("aws_security_group", "PROTECTS", type_, at=at),
    )


def encrypted_with(type_: str, path: str) -> tuple[Edge, Edge]:
    """It USES the KMS key that AWS names at the path: by ARN or key id, or by an alias of its own region (`alias/…`)."""
    walk = walker(path)
    is_alias = Computed(lambda row: str(walk(row) or "").startswith("alias/"), (path,))
    is_key = Computed(lambda row: not str(walk(row) or "").startswith("alias/"), (path,))
    alias = Template(f"arn:{{partition}}:kms:{{region}}:{{account}}:{{{path}}}")
    return (
        Edge(type_, "USES", "aws_kms_key", at=path, when=is_key),
        Edge(type_, "USES", "aws_kms_key", at=alias, by="alias", when=is_alias),
    )


def lambda_functions(path: str) -> Via:
    """The Lambda functions among the ARNs at the path, as a list, without the version or alias that an ARN may end in."""
    return Via(path, _functions)


def _functions(arns: str | list[str]) -> list[str]:
    several = [arns] if isinstance(arns, str) else arns
    parts = (arn.split(":") for arn in several)
    return [":".join(part[:7]) for part in parts if part[2:3] == ["lambda"] and part[5:6] == ["function"]]
