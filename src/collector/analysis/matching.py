"""An index of resources by ARN: finds the resources that a pattern matches without testing all of them.

Resources are grouped by everything in their ARN but the resource part. A group is sorted before it is first searched. A pattern then
costs two binary searches for its literal prefix, and a test of the names that begin with that prefix.
"""

from __future__ import annotations

import gc
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from collector.analysis.arn_scopes import ArnType, arn_type
from collector.analysis.arntypes import NAMEABLE
from collector.analysis.facts import EntityRef
from collector.analysis.globs import Match, after, head, is_wild, matcher, matches

_SEGMENTS = 6

SORTED_AT_ONCE = 10_000
"""Number of resources sorted in one step."""


class ArnQuery(NamedTuple):
    """The segments of an ARN as patterns. If `service` is None, service and account are not compared."""

    service: str | None
    region: str
    account: str
    tail: str


class Matches(NamedTuple):
    """The number of matching resources, and their keys; the keys are empty if the number exceeds the limit of the query."""

    number: int
    keys: tuple[str, ...] = ()


class _NamePattern(NamedTuple):
    """A pattern for a resource part: its literal prefix, and whether it consists of that alone.

    `match` is None if no further test is needed: the pattern has no wildcard, or its only wildcard is a `*` at the end.
    """

    start: str
    single: bool
    match: Match | None

    @classmethod
    def of(cls, tail: str) -> _NamePattern:
        start = head(tail)
        single = not is_wild(tail)
        return cls(start, single, None if single or tail == start + "*" else matcher(tail))


class _Group:
    """Resources whose ARNs have the same `prefix`, up to and including the fifth colon; `names` are their resource parts.

    New names are collected in a list. Sorted names are kept in a tuple, because the garbage collector stops tracking tuples of
    strings, while it traverses every list.
    """

    __slots__ = ("account", "names", "prefix", "region", "service")

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        _, _, self.service, self.region, self.account, _ = prefix.split(":")
        self.names: list[str] | tuple[str, ...] = ()

    def fits(self, query: ArnQuery) -> bool:
        """Whether the segments before the resource part match."""
        if not _segment(query.region, self.region):
            return False
        if query.service is None:
            return True
        return self.service == query.service and _segment(query.account, self.account)

    @property
    def sorted_names(self) -> tuple[str, ...]:
        """All names, sorted and without duplicates: a shared resource may have been collected from several accounts."""
        if isinstance(self.names, list):
            self.names = tuple(sorted(set(self.names)))
        return self.names

    def search(self, name: _NamePattern) -> tuple[str, ...]:
        """Return the matching names, sorted."""
        names, start = self.sorted_names, name.start
        low = bisect_left(names, start)
        if name.single:
            return names[low : low + 1] if low < len(names) and names[low] == start else ()
        candidates = names[low : bisect_right(names, after(start), low)]
        match = name.match
        return candidates if match is None else tuple(each for each in candidates if match(each, 0))


class ResourceIndex:
    """The resources of one or more accounts, by type and owner.

    The owner is the account in the ARN. For ARNs without an account, it is the account from which the resource was collected.
    `accounts` are the ids of the accounts that have been added.
    """

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], dict[str, _Group]] = {}
        self._keys: dict[str, str] = {}
        self._arns: dict[str, str] = {}
        self._types: dict[str, list[str]] = {}
        self._owners: dict[str, list[str]] = {}
        self._unsorted: list[_Group] = []
        self._groups_of: dict[str, dict[tuple[str, str], _Group]] = {}
        self.accounts: set[str] = set()

    def add(self, account: str, resources: Iterable[tuple[str, str]], arns: Mapping[str, str] | None = None) -> None:
        """Add resources, as (key, type) pairs, that were collected from an account. Types that no policy can name are ignored.

        `arns` maps keys that are not ARNs to the ARN of the resource. The account entity is indexed by the ARN that
        policies use for it, which is not its key.
        """
        self.accounts.add(account)
        groups = self._groups_of.setdefault(account, {})
        for key, type_ in resources:
            if type_ not in NAMEABLE:
                continue
            arn = self._register_arn(key, type_, arns) if arns or type_ == "aws_account" else key
            name = arn.split(":", _SEGMENTS - 1)[-1]
            prefix = arn[: len(arn) - len(name)]
            group = groups.get((type_, prefix))
            if group is None:
                if prefix.count(":") < _SEGMENTS - 1:
                    continue
                group = groups[type_, prefix] = self._group(account, type_, prefix)
            if not isinstance(group.names, list):
                group.names = list(group.names)
                self._unsorted.append(group)
            group.names.append(name)

    def sort(self) -> Iterator[None]:
        """Sort the names added so far, in short steps. Sorting ahead is optional: a group is sorted when it is first searched."""
        done = 0
        while self._unsorted:
            done += len(self._unsorted.pop().sorted_names)
            if done >= SORTED_AT_ONCE or not self._unsorted:
                # The garbage collector untracks a tuple of strings at its first pass: pay for that here, not for all at once later.
                gc.collect(0)
                yield
                done = 0

    def find(self, kind: ArnType, owner: str, query: ArnQuery, limit: int = 0) -> Matches:
        """Return the matching resources of a type and an owner; only their number if it exceeds `limit` (0: no limit)."""
        groups = [group for group in self._groups.get((kind.type, owner), {}).values() if group.fits(query)]
        found = [(group.prefix, group.search(name)) for name in _names(kind, query) for group in groups]
        number = sum(len(names) for _, names in found)
        if limit and number > limit:
            return Matches(number)
        arns = [prefix + name for prefix, names in found for name in names]
        return Matches(number, tuple(map(self._key, arns) if self._keys else arns))

    def owner(self, kind: ArnType, arn: str, home: str) -> str | None:
        """Return the account from which a resource without an account in its ARN was collected. `home` is searched first."""
        others = (owner for owner in self._owners.get(kind.type, ()) if owner != home)
        return next((owner for owner in (home, *others) if self._holds(kind.type, owner, arn)), None)

    def entity(self, arn: str, types: Iterable[str]) -> EntityRef | None:
        """Return the collected resource with this ARN, or None if there is none of these types."""
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
        return group is not None and bool(group.search(_NamePattern(tail, single=True, match=None)))

    def entities(self, owner: str, type_: str) -> Iterator[str]:
        """Yield the keys of all resources of a type and an owner."""
        for group in self._groups.get((type_, owner), {}).values():
            for name in group.sorted_names:
                yield self._key(group.prefix + name)

    def arn(self, key: str) -> str:
        """Return the ARN of the resource with this key."""
        return self._arns.get(key, key)

    def types(self, owner: str) -> tuple[str, ...]:
        """Return the types of the resources of an owner."""
        return tuple(self._types.get(owner, ()))

    def _register_arn(self, key: str, type_: str, arns: Mapping[str, str] | None) -> str:
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


def _names(kind: ArnType, query: ArnQuery) -> list[_NamePattern]:
    """Return the patterns for the resource part: a `*` for the account also matches colons (IAM documentation)."""
    names = [_NamePattern.of(query.tail)]
    start = head(query.tail)
    if (
        kind.colons
        and query.account == "*"
        and query.service is not None
        and not any(start.startswith(form.prefix) for form in kind.forms)
        and not query.tail.startswith("*")
    ):
        names.append(_NamePattern.of("*:" + query.tail))
    return names


def _segment(pattern: str, text: str) -> bool:
    return pattern in ("*", text) or (is_wild(pattern) and matches(pattern, text))
