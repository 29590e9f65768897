"""A synthetic estate, computed from (account, region, counts) alone.

Resource number ``n`` of a type is the same in every run: its id is derived from the place and the number, and the
resources that it refers to are computed from the number. Nothing is stored, and every reference has a target.
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
from .text import Template

MANAGEMENT_ACCOUNT = "000000000001"
_KINDS = frozenset(NAMED["100k"][2])
_NO_FIELDS: Mapping[str, str] = {}
_PER_ACCOUNT = ("aws_account", "aws_iam_account_password_policy")


@dataclass(frozen=True)
class Profile:
    """The number of resources of each type in one account, the weights of its regions, and the number of accounts."""

    counts: Mapping[str, int]
    accounts: int = 1
    regions: Mapping[str, int] = field(default_factory=lambda: REGIONS)

    @classmethod
    def load(cls, name: str, **counts: int) -> Self:
        """The profile of that name or in that JSON file, with changed counts (``accounts`` is one of them).

        Raises:
            ValueError: There is no such profile, or no such type.
        """
        if name in NAMED:
            accounts, regions, base = NAMED[name]
        elif Path(name).is_file():
            content = json.loads(Path(name).read_text())
            accounts, regions, base = content.get("accounts", 1), content.get("regions", REGIONS), content["counts"]
        else:
            raise ValueError(f"no profile {name!r}: one of {', '.join(NAMED)}, or a JSON file")
        accounts = counts.pop("accounts", accounts)
        if unknown := sorted({*base, *counts} - _KINDS):
            raise ValueError(f"no such types in the estate: {', '.join(unknown)}")
        return cls({**base, **counts}, accounts, regions)

    @cached_property
    def shares(self) -> Mapping[str, Mapping[str, int]]:
        """Region -> type -> count of one account; the region "" has the global resources."""
        counts = {kind: self.counts.get(kind, 0) for kind in sorted(_KINDS)}
        shares: dict[str, dict[str, int]] = {name: {} for name in ("", *self.regions)}
        for kind, total in counts.items():
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
        """For each region, the number of the first bucket of the next region."""
        return list(accumulate(_split(self.shares[""]["aws_s3_bucket"], list(self.regions.values()))))

    def resources(self) -> dict[str, int]:
        """Type -> number of resources in a full collection of all accounts."""
        totals = dict.fromkeys(_PER_ACCOUNT, self.accounts)
        for kind in sorted(_KINDS):
            totals[kind] = self.accounts * sum(share.get(kind, 0) for share in self.shares.values())
        return {kind: total for kind, total in sorted(totals.items()) if total}


def _split(total: int, weights: list[int]) -> list[int]:
    """Parts of `total` in proportion to the weights. None is 0 unless `total` is less than their number."""
    if total < len(weights):
        return [1] * total + [0] * (len(weights) - total)
    spare, sum_of_weights = total - len(weights), sum(weights)
    bounds = [spare * upto // sum_of_weights for upto in accumulate(weights, initial=0)]
    return [1 + end - start for start, end in pairwise(bounds)]


def _complete(share: dict[str, int], account: dict[str, int]) -> None:
    """Raises counts until every reference has a target."""
    previous: list[int] = []
    while previous != (previous := [*share.values(), *account.values()]):
        for kind, others in NEEDS.items():
            for other in others if share.get(kind) else ():
                owner = account if other in ACCOUNT_TYPES else share
                owner[other] = max(owner.get(other, 0), 1)
        for kind, factors in FLOORS.items():
            floor = sum(factor * share.get(other, 0) for other, factor in factors.items())
            if floor > share.get(kind, 0):
                share[kind] = floor


class Place:
    """One account in one region, or its global resources (region ""): the counts in `n`, and template rendering.

    ``here`` is a hash of eight hexadecimal digits that is part of every id of the place.
    """

    __slots__ = ("_texts", "account", "estate", "here", "n", "region")

    def __init__(self, estate: "Estate", account: str, region: str) -> None:
        self.estate = estate
        self.account = account
        self.region = region
        self.here = f"{zlib.crc32(f'{account}/{region}'.encode()):08x}"
        self.n: Mapping[str, int] = estate.profile.shares.get(region, estate.nothing)
        self._texts: dict[str, Template] = {}

    @property
    def home(self) -> "Place":
        """The place of the account's first region."""
        return self.estate.place(self.account, self.estate.regions[0])

    @property
    def global_place(self) -> "Place":
        """The place of the account's global resources."""
        return self.estate.place(self.account, "")

    def fill(self, template: str, fields: Mapping[str, str] = _NO_FIELDS) -> str:
        """The template with account, region, place and `fields` filled in."""
        text = self._texts.get(template)
        if text is None:
            bound = template.replace("%(account)s", self.account).replace("%(region)s", self.region)
            text = self._texts[template] = Template(bound.replace("%(here)s", self.here))
        return text.fill(fields)

    def number(self, name: str, count: int) -> int | None:
        """The number at the end of a name or id; None if it is of another place or not below `count`."""
        try:
            number = int(name[-8:], 16)
        except ValueError:
            return None
        return number if self.here in name and number < count else None


class Estate:
    """All places of a profile, created on first use."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.regions = list(profile.regions)
        self.accounts = [f"{number:012d}" for number in range(1, profile.accounts + 1)]
        self.nothing: Mapping[str, int] = dict.fromkeys(_KINDS, 0)
        self._places: dict[tuple[str, str], Place] = {}

    def place(self, account: str, region: str) -> Place:
        """The place of that account and region. All accounts have the same counts; an unknown region is empty."""
        place = self._places.get((account, region))
        if place is None:
            place = self._places[account, region] = Place(self, account, region)
        return place

    def bucket_region(self, number: int) -> str:
        """The region of the account's bucket of that number."""
        return self.regions[bisect_right(self.profile.bucket_bounds, number)]


def resources(profile: str, **counts: int) -> dict[str, int]:
    """Type -> number of resources in a full collection of all accounts of that profile."""
    return Profile.load(profile, **counts).resources()
