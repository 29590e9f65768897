"""A made-up estate: what lives where, decided by (account, region, counts) alone.

Resource number ``n`` of a type is the same in every run: its id is made from the place and the number, and whatever it
points to is computed from the number, so that nothing has to be stored and every pointer meets its target.
"""

import json
import zlib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Self

from .profiles import ACCOUNT_TYPES, FLOORS, NAMED, NEEDS, REGIONS
from .text import Text

MANAGEMENT_ACCOUNT = "000000000001"
_KINDS = frozenset(NAMED["100k"][2])
_NO_HOLES: Mapping[str, str] = {}
_PER_ACCOUNT = ("aws_account", "aws_iam_account_password_policy")


@dataclass(frozen=True)
class Profile:
    """How many resources of each type one account has, over which regions, and how many such accounts there are."""

    counts: Mapping[str, int]
    accounts: int = 1
    regions: Mapping[str, int] = field(default_factory=lambda: REGIONS)

    @classmethod
    def load(cls, name: str, **counts: int) -> Self:
        """The profile of that name, or in that JSON file, with some counts changed (``accounts`` is one of them)."""
        if name in NAMED:
            accounts, regions, base = NAMED[name]
        elif Path(name).is_file():
            told = json.loads(Path(name).read_text())
            accounts, regions, base = told.get("accounts", 1), told.get("regions", REGIONS), told["counts"]
        else:
            raise ValueError(f"no profile {name!r}: one of {', '.join(NAMED)}, or a JSON file")
        accounts = counts.pop("accounts", accounts)
        if unknown := sorted({*base, *counts} - _KINDS):
            raise ValueError(f"no such types in the estate: {', '.join(unknown)}")
        return cls({**base, **counts}, accounts, regions)

    @cached_property
    def shares(self) -> Mapping[str, Mapping[str, int]]:
        """Region -> type -> count, of one account; the region "" has what an account has once."""
        wanted = {kind: self.counts.get(kind, 0) for kind in sorted(_KINDS)}
        shares: dict[str, dict[str, int]] = {name: {} for name in ("", *self.regions)}
        for kind, total in wanted.items():
            if kind in ACCOUNT_TYPES:
                shares[""][kind] = total
            else:
                for region, part in zip(self.regions, _split(total, list(self.regions.values())), strict=True):
                    shares[region][kind] = part
        for region in self.regions:
            _complete(shares[region], shares[""])
        _complete(shares[""], shares[""])
        return shares

    @cached_property
    def bucket_bounds(self) -> list[int]:
        """Where in the numbering of an account's buckets the next region begins."""
        return list(accumulate(_split(self.shares[""]["aws_s3_bucket"], list(self.regions.values()))))

    def resources(self) -> dict[str, int]:
        """Type -> how many resources of it a full collection of all accounts finds."""
        totals = dict.fromkeys(_PER_ACCOUNT, self.accounts)
        for kind in sorted(_KINDS):
            totals[kind] = self.accounts * sum(share.get(kind, 0) for share in self.shares.values())
        return {kind: total for kind, total in sorted(totals.items()) if total}


def _split(total: int, weights: list[int]) -> list[int]:
    """Parts by weight that add up to the total; none is empty as long as there is one for each."""
    if total < len(weights):
        return [1] * total + [0] * (len(weights) - total)
    spare, whole = total - len(weights), sum(weights)
    bounds = [spare * upto // whole for upto in accumulate(weights, initial=0)]
    return [1 + after - before for before, after in pairwise(bounds)]


def _complete(share: dict[str, int], account: dict[str, int]) -> None:
    """Raises what is too small for the rest, until every pointer has a target."""
    before: list[int] = []
    while before != (before := [*share.values(), *account.values()]):
        for kind, others in NEEDS.items():
            for other in others if share.get(kind) else ():
                owner = account if other in ACCOUNT_TYPES else share
                owner[other] = max(owner.get(other, 0), 1)
        for kind, factors in FLOORS.items():
            floor = sum(factor * share.get(other, 0) for other, factor in factors.items())
            if floor > share.get(kind, 0):
                share[kind] = floor


class Place:
    """One account in one region, or in none: how much is there, and text that is bound to it.

    ``here`` is eight hexadecimal digits that stand for the place in every id.
    """

    __slots__ = ("_texts", "account", "estate", "here", "n", "region")

    def __init__(self, estate: "Estate", account: str, region: str) -> None:
        self.estate = estate
        self.account = account
        self.region = region
        self.here = f"{zlib.crc32(f'{account}/{region}'.encode()):08x}"
        self.n: Mapping[str, int] = estate.profile.shares.get(region, estate.nothing)
        self._texts: dict[str, Text] = {}

    @property
    def home(self) -> "Place":
        """The account's first region."""
        return self.estate.place(self.account, self.estate.regions[0])

    @property
    def whole(self) -> "Place":
        """The account without a region."""
        return self.estate.place(self.account, "")

    def fill(self, template: str, holes: Mapping[str, str] = _NO_HOLES) -> str:
        """The template with account, region, place and these holes filled in."""
        text = self._texts.get(template)
        if text is None:
            bound = template.replace("%(account)s", self.account).replace("%(region)s", self.region)
            text = self._texts[template] = Text(bound.replace("%(here)s", self.here))
        return text.fill(holes)

    def number(self, name: str, count: int) -> int | None:
        """The number that a name or id ends with; none if it is of another place, or not one of so many."""
        try:
            number = int(name[-8:], 16)
        except ValueError:
            return None
        return number if self.here in name and number < count else None


class Estate:
    """All places of a profile, made when they are first asked for."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.regions = list(profile.regions)
        self.accounts = [f"{number:012d}" for number in range(1, profile.accounts + 1)]
        self.nothing: Mapping[str, int] = dict.fromkeys(_KINDS, 0)
        self._places: dict[tuple[str, str], Place] = {}

    def place(self, account: str, region: str) -> Place:
        """The place of that account and region; any account has the same counts, an unknown region has nothing."""
        place = self._places.get((account, region))
        if place is None:
            place = self._places[account, region] = Place(self, account, region)
        return place

    def bucket_region(self, number: int) -> str:
        """The region where an account's bucket of that number lives."""
        return self.regions[bisect_right(self.profile.bucket_bounds, number)]


def resources(profile: str, **counts: int) -> dict[str, int]:
    """Type -> how many resources of it a full collection of that profile finds, over all its accounts."""
    return Profile.load(profile, **counts).resources()
