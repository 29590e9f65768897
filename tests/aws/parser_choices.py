"""Values and probabilities for synthetic responses."""

import base64
from collections.abc import Sequence
from random import Random
from typing import Any, TypeVar

HTML = b"<html><body>502 Bad Gateway</body></html>"
"""A proxy's error page."""

T = TypeVar("T")

TEXTS = (
    "",
    " ",
    "x",
    "prod key",
    " padded\t",
    "two\nlines",
    "äöü €",
    "日本語",
    "🚀",
    "<&>\"'",
    "null",
    "true",
    "0",
    "a" * 300,
)
NUMBERS = (0, 1, -1, 7, 443, 65_536, 2**31, 2**53 + 1, 2**63 - 1, -(2**63))
FRACTIONS = (0.0, -0.5, 1.5, 1e-7, 1e22, 99.999, 3.0)
ISO_8601 = (
    "2024-01-02T03:04:05Z",
    "2024-02-29T23:59:59.999Z",
    "2021-12-31T00:00:00.000Z",
    "2024-01-02T03:04:05.123456Z",
    "2024-01-02T03:04:05.123456789Z",
    "2024-01-02T03:04:05+00:00",
    "2024-01-02T03:04:05.000+0000",
    "2024-07-02T03:04:05-07:00",
    "2024-01-02 03:04:05",
    "2024-01-02",
    "1970-01-01T00:00:00Z",
)
RFC_822 = ("Tue, 02 Jan 2024 03:04:05 GMT", "Thu, 29 Feb 2024 23:59:59 +0000")
EPOCHS = (0, 1704164645, 1704164645.123, 1.704164645e9, 1.7e9, -86400, 253402300799)
SCALARS: dict[str, tuple[Any, ...]] = {
    "boolean": (True, False),
    "integer": NUMBERS,
    "long": NUMBERS,
    "float": FRACTIONS,
    "double": FRACTIONS,
    "blob": tuple(base64.b64encode(raw).decode() for raw in (b"", b"\x00\xff", b"credential,report\n", b"x" * 100)),
}
OUTSIDE_BODY = ("header", "headers", "statusCode")
# The fraction of members that a structure has, by depth, so that recursive shapes terminate.
DENSITY = (1.0, 1.0, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.0)
DEEPEST = len(DENSITY) - 1


class Choices:
    """The random choices of a response; a complete one has all members, and items in all lists."""

    def __init__(self, random: Random, *, complete: bool = False) -> None:
        self._random = random
        self._complete = complete

    def one(self, of: Sequence[T]) -> T:
        return self._random.choice(of)

    def often(self, share: float) -> bool:
        return self._random.random() < share

    def corrupted(self, share: float) -> bool:
        """Whether a value violates its shape, which invalidates the whole response: complete ones never do."""
        return not self._complete and self.often(share)

    def members(self, shape: Any, parents: tuple[str, ...]) -> list[tuple[str, Any]]:
        """The members of a structure nested in `parents`, mostly in the order of the model."""
        members = [item for item in shape.members.items() if item[1].serialization.get("location") not in OUTSIDE_BODY]
        if shape.is_tagged_union:
            return [self.one(members)]
        if self._complete:
            return [] if shape.name in parents else members
        if self.often(0.2):
            self._random.shuffle(members)
        density = self.one((0.4, 0.8, 1.0)) * DENSITY[min(len(parents), DEEPEST)]
        return [item for item in members if self.often(density)]

    def size(self, parents: tuple[str, ...]) -> int:
        """The number of items of a list or map nested in `parents`."""
        if self._complete:
            return self.one((1, 2))
        return 0 if len(parents) >= DEEPEST else self.one((0, 1, 1, 2, 3) if len(parents) < 3 else (0, 1, 1, 1, 2))

    def document(self) -> Any:
        """An arbitrary value, for document types and members that are not in the model."""
        leaves = [None, True, 1, 2.5, *TEXTS]
        return self.one((*leaves, {"a": leaves, "b": {}}, [1, [None]], {self.one(TEXTS): self.one(leaves)}))
