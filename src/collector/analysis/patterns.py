"""The patterns of `Resource` and `NotResource`: variables filled in, cut into the segments of an ARN.

Source of the rules: IAM's documentation of the Resource element, of ARNs and of policy variables.
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
    """Whose policy is read: what its variables mean."""

    account: str
    user: str | None = None


class Pattern(NamedTuple):
    """A pattern that can match something.

    `raw` is what the policy says, `text` the same with its variables filled in; those in `variables` are not known before
    a request and stand as `*`. `every` patterns match everything of a partition.
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
        """Whether resources of all regions, or those that have none, are meant."""
        return self.region in ("", "*")

    @property
    def all_resources(self) -> bool:
        """Whether the resource part is nothing but wildcards."""
        return "*" in self.tail and self.tail.strip("*/:") == ""

    @property
    def names_one(self) -> bool:
        """Whether the pattern is one ARN."""
        return not is_wild(self.text)


EVERYTHING = Pattern("*", "*", (), "*", "*", "*", "*", "*", every=True)
"""The pattern `*`."""


@lru_cache(maxsize=1024)
def parse(raw: str, reader: PatternReader, *, variables: bool) -> Pattern | None:
    """The pattern, or None if it can match nothing: what is no ARN, or a form that IAM does not take.

    `variables` says whether the document's version of the language has them. Segments that are missing behind a `*` are `*`;
    an ARN that is short in any other way, or one with a wildcard in its service, matches nothing.
    """
    text, unknown = _filled(raw, reader) if variables else (raw, ())
    text = _ASTERISKS.sub("*", text)
    if text == "*":
        return EVERYTHING._replace(raw=raw, variables=unknown)
    parts = text.split(":", _SEGMENTS - 1)
    if parts[0] != "arn" or (len(parts) < _SEGMENTS and not parts[-1].endswith("*")):
        return None
    parts += ["*"] * (_SEGMENTS - len(parts))
    every = all(part == "*" for part in parts[2:])
    if is_wild(parts[2]) and not every:
        return None
    _, partition, service, region, account, tail = parts
    return Pattern(raw, text, unknown, partition, service, region, account, tail, every)


def of_partition(pattern: Pattern, partition: str) -> bool:
    """Whether the pattern speaks of this partition."""
    return matches(pattern.partition, partition)


def _filled(raw: str, reader: PatternReader) -> tuple[str, tuple[str, ...]]:
    unknown: list[str] = []

    def fill(found: re.Match[str]) -> str:
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

    return _VARIABLE.sub(fill, raw), tuple(unknown)
