"""The index of what policies can name: finds the resources that a pattern matches without trying them all.

Resources lie in groups that share everything of their ARN but the resource part. A group is sorted when it is first
searched; then a pattern costs two binary searches for the text in front of its first wildcard, and a test of what lies between.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from collector.analysis.facts import Entity
from collector.analysis.globs import after, head, is_wild, literal, matcher, matches
from collector.analysis.scopes import ArnType, arn_type

_SEGMENTS = 6


class Wanted(NamedTuple):
    """What is looked for: the segments of an ARN as patterns. Without a service, any service and account will do."""

    service: str | None
    region: str
    account: str
    tail: str


class Found(NamedTuple):
    """How many resources match, and their keys: none if there are more than were asked for."""

    count: int
    keys: tuple[str, ...] = ()


class _Group:
    """Resources whose ARNs begin with the same `prefix`, which ends with the fifth colon."""

    __slots__ = ("account", "arns", "prefix", "region", "service", "settled")

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        _, _, self.service, self.region, self.account, _ = prefix.split(":")
        self.arns: list[str] = []
        self.settled = True

    def add(self, arn: str) -> None:
        self.arns.append(arn)
        self.settled = False

    def answers(self, wanted: Wanted) -> bool:
        """Whether the segments in front of the resource part match."""
        if not _segment(wanted.region, self.region):
            return False
        if wanted.service is None:
            return True
        return self.service == wanted.service and _segment(wanted.account, self.account)

    def search(self, tail: str) -> list[str]:
        """The ARNs whose resource part matches the pattern, in order."""
        self._settle()
        start = self.prefix + head(tail)
        low = bisect_left(self.arns, start)
        if not is_wild(tail):
            return self.arns[low : low + 1] if low < len(self.arns) and self.arns[low] == start else []
        between = self.arns[low : bisect_right(self.arns, after(start), low)]
        if tail == literal(head(tail)) + "*":
            return between
        match, begin = matcher(tail), len(self.prefix)
        return [arn for arn in between if match(arn, begin)]

    def _settle(self) -> None:
        if not self.settled:
            # The same shared resource may have been seen from several accounts.
            self.arns = sorted(set(self.arns))
            self.settled = True


class ResourceIndex:
    """The resources of one account or of several, by type and owner.

    The owner is the account in the ARN; for ARNs without one it is the account in which the resource was collected.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._groups: dict[tuple[str, str], dict[str, _Group]] = {}
        self._keys: dict[str, str] = {}
        self._types: dict[str, list[str]] = {}
        self._bare: dict[str, dict[str, str]] = {}
        self._answers: dict[tuple[str, str, Wanted, int], Found] = {}
        self.accounts: set[str] = set()

    def add(self, account: str, resources: Iterable[tuple[str, str]], arns: Mapping[str, str] | None = None) -> None:
        """Take resources collected in an account; what no policy can name is left out.

        `arns` gives the ARN of a key that is none. An account is known to policies by another ARN than its key.
        """
        self.accounts.add(account)
        self._answers.clear()
        self._bare.clear()
        for key, type_ in resources:
            kind = arn_type(type_)
            if kind is not None:
                self._add(account, self._arn(key, type_, arns), kind)

    def find(self, kind: ArnType, owner: str, wanted: Wanted, limit: int = 0) -> Found:
        """The resources of a type and an owner that match; with a limit, only their number if there are more."""
        question = (kind.type, owner, wanted, limit)
        answer = self._answers.get(question)
        if answer is None:
            groups = self._groups.get((kind.type, owner), {})
            found = [arn for group in groups.values() if group.answers(wanted) for arn in _search(group, kind, wanted)]
            keys = () if limit and len(found) > limit else tuple(map(self._key, found) if self._keys else found)
            answer = self._answers[question] = Found(len(found), keys)
        return answer

    def owner(self, kind: ArnType, arn: str) -> str | None:
        """In which account a resource was collected whose ARN does not say so."""
        if kind.type not in self._bare:
            every = ((owner, groups) for (type_, owner), groups in self._groups.items() if type_ == kind.type)
            self._bare[kind.type] = {arn: owner for owner, groups in every for group in groups.values() for arn in group.arns}
        return self._bare[kind.type].get(arn)

    def entity(self, arn: str, types: Iterable[str]) -> Entity | None:
        """The resource with this ARN, if it was collected and is of one of the types."""
        parts = arn.split(":", _SEGMENTS - 1)
        if len(parts) < _SEGMENTS:
            return None
        for type_ in types:
            group = self._groups.get((type_, parts[4]), {}).get(arn[: len(arn) - len(parts[5])])
            if group is not None and arn in group.search(parts[5]):
                return Entity(self._key(arn), type_)
        return None

    def entities(self, owner: str, type_: str) -> Iterator[str]:
        """The keys of all resources of a type and an owner."""
        for group in self._groups.get((type_, owner), {}).values():
            yield from map(self._key, group.search("*"))

    def types(self, owner: str) -> tuple[str, ...]:
        """The types of which the owner has resources."""
        return tuple(self._types.get(owner, ()))

    def _arn(self, key: str, type_: str, arns: Mapping[str, str] | None) -> str:
        arn = arns.get(key, key) if arns else key
        if type_ == "aws_account" and arn == key:
            arn = key.replace(":iam::", ":account::").replace(":root", ":account")
        if arn != key:
            self._keys[arn] = key
        return arn

    def _add(self, account: str, arn: str, kind: ArnType) -> None:
        parts = arn.split(":", _SEGMENTS - 1)
        if len(parts) < _SEGMENTS:
            return
        owner = parts[4] or account
        place = (kind.type, owner)
        groups = self._groups.get(place)
        if groups is None:
            groups = self._groups[place] = {}
            self._types.setdefault(owner, []).append(kind.type)
        prefix = arn[: len(arn) - len(parts[5])]
        group = groups.get(prefix)
        if group is None:
            group = groups[prefix] = _Group(prefix)
        group.add(arn)

    def _key(self, arn: str) -> str:
        return self._keys.get(arn, arn)


def _search(group: _Group, kind: ArnType, wanted: Wanted) -> list[str]:
    """What matches in a group; a `*` for the account also takes in the colons behind it (IAM documentation)."""
    if kind.colons and wanted.account == "*" and wanted.service is not None and not kind.can_be(head(wanted.tail)):
        return group.search("*:" + wanted.tail)
    return group.search(wanted.tail)


def _segment(pattern: str, text: str) -> bool:
    return pattern in ("*", text) or (is_wild(pattern) and matches(pattern, text))
