"""Derives the `_type` of a relationship, by JupiterOne's rule."""

from __future__ import annotations

from functools import cache


@cache
def type_of(source: str, verb: str, target: str) -> str:
    """`source_verb_target`, without those leading words of the target that are equal, one by one, to the source's."""
    from_words, to_words = snake(source).split("_"), snake(target).split("_")
    shared = 0
    while shared < min(len(from_words), len(to_words) - 1) and from_words[shared] == to_words[shared]:
        shared += 1
    return "_".join((*from_words, verb.lower(), *to_words[shared:]))


def snake(name: str) -> str:
    """A class name in snake case: `ip_address` for `IpAddress`."""
    return "".join(
        f"_{letter.lower()}" if letter.isupper() and place else letter.lower() for place, letter in enumerate(name)
    )
