"""Parses the patterns of `Resource` and `NotResource`: resolves policy variables and splits them into ARN segments.

Source of the rules: the IAM documentation of the Resource element, of ARNs and of policy variables.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from collector.analysis.globs import ESCAPED, is_wild, matches

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_ASTERISKS = re.compile(r"\*{2,}")
_ACCOUNT_VARIABLES = frozenset(("aws:principalaccount", "aws:resourceaccount"))
_SEGMENTS = 6


class PatternReader(NamedTuple):
    """What a pattern means depends on: the policy's account and, if it belongs to one user, that user's name, for variables.

    `completes` is true for identity, session and boundary policies: AWS takes the missing parts of a short ARN for `*` there.
    """

    account: str
    user: str | None = None
    completes: bool = True


class Pattern(NamedTuple):
    """A pattern that can match something.

    `raw` is the text in the policy. In `text`, variables are resolved; those listed in `variables` depend on the request and are
    replaced by `*`. `every` is true if the pattern matches everything in a partition.
    """

    raw: str
    text: str
    variables: tuple[str, ...]
    partition: str
    service: str
    region: str
    account: str
    tail: str
    every: bool

    @property
    def any_region(self) -> bool:
        """Whether the pattern matches resources of all regions, or resources without a region."""
        return self.region in ("", "*")

    @property
    def all_resources(self) -> bool:
        """Whether the resource part consists of wildcards only."""
        return "*" in self.tail and self.tail.strip("*/:") == ""

    @property
    def names_one(self) -> bool:
        """Whether the pattern is a single ARN."""
        return not is_wild(self.text)


EVERYTHING = Pattern("*", "*", (), "*", "*", "*", "*", "*", every=True)
"""The pattern `*`."""


@lru_cache(maxsize=1024)
def parse(raw: str, reader: PatternReader, *, variables: bool) -> Pattern | None:
    """Parse a pattern; None if it can match nothing because it is not an ARN or has a form that IAM does not accept.

    `variables` is true if the document's version of the policy language has variables. Missing segments are `*` if the last one ends
    with `*`, or if the reader completes them. Any other short ARN, and one with a wildcard in its service, matches nothing.
    """
    text, unknown = _resolved(raw, reader) if variables else (raw, ())
    text = _ASTERISKS.sub("*", text)
    if text == "*":
        return EVERYTHING._replace(raw=raw, variables=unknown)
    parts = text.split(":", _SEGMENTS - 1)
    if parts[0] != "arn":
        return None
    if len(parts) < _SEGMENTS:
        if not parts[-1].endswith("*"):
            if not reader.completes:
                return None
            text += ":*" * (_SEGMENTS - len(parts))
        parts += ["*"] * (_SEGMENTS - len(parts))
    every = all(part == "*" for part in parts[2:])
    if is_wild(parts[2]) and not every:
        return None
    _, partition, service, region, account, tail = parts
    return Pattern(raw, text, unknown, partition, service, region, account, tail, every)


def of_partition(pattern: Pattern, partition: str) -> bool:
    """Whether the pattern matches resources of a partition."""
    return matches(pattern.partition, partition)


def _resolved(raw: str, reader: PatternReader) -> tuple[str, tuple[str, ...]]:
    unknown: list[str] = []

    def value(found: re.Match[str]) -> str:
        # A default value may follow: ${aws:PrincipalTag/team, 'none'}.
        name = found[1].partition(",")[0].strip()
        if name in ESCAPED:
            return ESCAPED[name]
        if name.lower() in _ACCOUNT_VARIABLES:
            return reader.account
        if name.lower() == "aws:username" and reader.user is not None:
            return reader.user
        unknown.append(name)
        return "*"

    return _VARIABLE.sub(value, raw), tuple(unknown)
