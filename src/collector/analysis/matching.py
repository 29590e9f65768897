"""The index of what policies can name: finds the resources that a pattern matches without trying them all.

Resources lie in groups that share everything of their ARN but the resource part. A group is sorted when it is first
searched; then a pattern costs two binary searches for the text in front of its first wildcard, and a test of what lies between.
"""

from __future__ import annotations

import gc
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

from collector.analysis.arn_scopes import arn_type
from collector.analysis.arntypes import NAMEABLE
from collector.analysis.facts import EntityRef
from collector.analysis.globs import Match, after, head, is_wild, matcher, matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from collector.analysis.arn_scopes import ArnType

_SEGMENTS = 6

SETTLED_AT_ONCE = 10_000
"""How many resources are put in order in one step."""


class Wanted(NamedTuple):
    """What is looked for: the segments of an ARN as patterns. Without a service, any service and account will do."""

    service: str | None
    region: str
    account: str
    tail: str


class Found(NamedTuple):
    """How many resources match, and their keys: none if there are more than were asked for."""

    number: int
    keys: tuple[str, ...] = ()


class _Name(NamedTuple):
    """A pattern for a resource part: what it begins with, whether that is all, and a test where a `*` behind it is not enough."""

    start: str
    single: bool
    match: Match | None

    @classmethod
    def of(cls, tail: str) -> _Name:
        start = head(tail)
        single = not is_wild(tail)
        return cls(start, single, None if single or tail == start + "*" else matcher(tail))


class _Group:
    """Resources whose ARNs begin with the same `prefix`, which ends with the fifth colon; kept is what comes behind it.

    New names are in a list. In order they are in a tuple: the garbage collector looks into every list, not into tuples of text.
    """

    __slots__ = ("account", "names", "prefix", "region", "service")

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        _, _, self.service, self.region, self.account, _ = prefix.split(":")
        self.names: list[str] | tuple[str, ...] = ()

    def answers(self, wanted: Wanted) -> bool:
        """Whether the segments in front of the resource part match."""
        if not _segment(wanted.region, self.region):
            return False
        if wanted.service is None:
            return True
        return self.service == wanted.service and _segment(wanted.account, self.account)

    @property
    def every(self) -> tuple[str, ...]:
        """All names, in order, each once: a shared resource may have been seen from several accounts."""
        if isinstance(self.names, list):
            self.names = tuple(sorted(set(self.names)))
        return self.names

    def search(self, name: _Name) -> tuple[str, ...]:
        """The names that match, in order."""
        names, start = self.every, name.start
        low = bisect_left(names, start)
        if name.single:
            return names[low : low + 1] if low < len(names) and names[low] == start else ()
        between = names[low : bisect_right(names, after(start), low)]
        if name.match is None:
            return between
        match = name.match
        return tuple(each for each in between if match(each, 0))


class ResourceIndex:
    """The resources of one account or of several, by type and owner.

    The owner is the account in the ARN; for ARNs without one it is the account in which the resource was collected.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._groups: dict[tuple[str, str], dict[str, _Group]] = {}
        self._keys: dict[str, str] = {}
        self._arns: dict[str, str] = {}
        self._types: dict[str, list[str]] = {}
        self._owners: dict[str, list[str]] = {}
        self._unsettled: list[_Group] = []
        self._open: dict[str, dict[tuple[str, str], _Group]] = {}
        self.accounts: set[str] = set()

    def add(self, account: str, resources: Iterable[tuple[str, str]], arns: Mapping[str, str] | None = None) -> None:
        """Take resources collected in an account; what no policy can name is left out.

        `arns` gives the ARN of a key that is none. An account is known to policies by another ARN than its key.
        """
        self.accounts.add(account)
        known = self._open.setdefault(account, {})
        for key, type_ in resources:
            if type_ not in NAMEABLE:
                continue
            arn = self._learn(key, type_, arns) if arns or type_ == "aws_account" else key
            name = arn.split(":", _SEGMENTS - 1)[-1]
            prefix = arn[: len(arn) - len(name)]
            group = known.get((type_, prefix))
            if group is None:
                if prefix.count(":") < _SEGMENTS - 1:
                    continue
                group = known[type_, prefix] = self._group(account, type_, prefix)
            if not isinstance(group.names, list):
                group.names = list(group.names)
                self._unsettled.append(group)
            group.names.append(name)

    def settle(self) -> Iterator[None]:
        """Put everything in order, a little at a time; what was not put in order before is when it is first searched."""
        done = 0
        while self._unsettled:
            done += len(self._unsettled.pop().every)
            if done >= SETTLED_AT_ONCE or not self._unsettled:
                # A tuple of text is let go of when the collector has looked at it once: better here than at all of them later.
                gc.collect(0)
                yield
                done = 0

    def find(self, kind: ArnType, owner: str, wanted: Wanted, limit: int = 0) -> Found:
        """The resources of a type and an owner that match; with a limit, only their number if there are more."""
        groups = [group for group in self._groups.get((kind.type, owner), {}).values() if group.answers(wanted)]
        found = [(group.prefix, group.search(name)) for name in _names(kind, wanted) for group in groups]
        number = sum(len(names) for _, names in found)
        if limit and number > limit:
            return Found(number)
        arns = [prefix + name for prefix, names in found for name in names]
        return Found(number, tuple(map(self._key, arns) if self._keys else arns))

    def owner(self, kind: ArnType, arn: str, home: str) -> str | None:
        """In which account a resource was collected whose ARN does not say so; the account at home is asked first."""
        others = (owner for owner in self._owners.get(kind.type, ()) if owner != home)
        return next((owner for owner in (home, *others) if self._holds(kind.type, owner, arn)), None)

    def entity(self, arn: str, types: Iterable[str]) -> EntityRef | None:
        """The resource with this ARN, if it was collected and is of one of the types."""
        parts = arn.split(":", _SEGMENTS - 1)
        if len(parts) < _SEGMENTS:
            return None
        for type_ in types:
            kind = arn_type(type_)
            owner = parts[4] or (self.owner(kind, arn, "") if kind else "")
            if owner and self._holds(type_, owner, arn):
                return EntityRef(self._key(arn), type_)
        return None

    def _holds(self, type_: str, owner: str, arn: str) -> bool:
        tail = arn.split(":", _SEGMENTS - 1)[-1]
        group = self._groups.get((type_, owner), {}).get(arn[: len(arn) - len(tail)])
        return group is not None and bool(group.search(_Name(tail, single=True, match=None)))

    def entities(self, owner: str, type_: str) -> Iterator[str]:
        """The keys of all resources of a type and an owner."""
        for group in self._groups.get((type_, owner), {}).values():
            for name in group.every:
                yield self._key(group.prefix + name)

    def arn(self, key: str) -> str:
        """The ARN of a resource."""
        return self._arns.get(key, key)

    def types(self, owner: str) -> tuple[str, ...]:
        """The types of which the owner has resources."""
        return tuple(self._types.get(owner, ()))

    def _learn(self, key: str, type_: str, arns: Mapping[str, str] | None) -> str:
        arn = arns.get(key, key) if arns else key
        if type_ == "aws_account" and arn == key:
            arn = key.replace(":iam::", ":account::").replace(":root", ":account")
        if arn != key:
            self._keys[arn], self._arns[key] = key, arn
        return arn

    def _group(self, account: str, type_: str, prefix: str) -> _Group:
        group = _Group(prefix)
        owner = group.account or account
        groups = self._groups.setdefault((type_, owner), {})
        if not groups:
            self._types.setdefault(owner, []).append(type_)
            self._owners.setdefault(type_, []).append(owner)
        return groups.setdefault(prefix, group)

    def _key(self, arn: str) -> str:
        return self._keys.get(arn, arn)


def _names(kind: ArnType, wanted: Wanted) -> list[_Name]:
    """The patterns for the resource part: a `*` for the account also takes in the colons behind it (IAM documentation)."""
    names = [_Name.of(wanted.tail)]
    start = head(wanted.tail)
    if (
        kind.colons
        and wanted.account == "*"
        and wanted.service is not None
        and not any(start.startswith(form.prefix) for form in kind.forms)
        and not wanted.tail.startswith("*")
    ):
        names.append(_Name.of("*:" + wanted.tail))
    return names


def _segment(pattern: str, text: str) -> bool:
    return pattern in ("*", text) or (is_wild(pattern) and matches(pattern, text))
