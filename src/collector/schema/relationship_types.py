"""The `_type` of a relationship, by JupiterOne's rule."""

from __future__ import annotations

from functools import cache


@cache
def type_of(source: str, verb: str, target: str) -> str:
    """JupiterOne's rule: the target's name without the leading words that it shares, place by place, with the source's."""
    from_words, to_words = snake(source).split("_"), snake(target).split("_")
    shared = 0
    while shared < min(len(from_words), len(to_words) - 1) and from_words[shared] == to_words[shared]:
        shared += 1
    return "_".join((*from_words, verb.lower(), *to_words[shared:]))


def snake(name: str) -> str:
    """A class name as a word of a type: `IpAddress` is `ip_address`."""
    return "".join(
        f"_{letter.lower()}" if letter.isupper() and place else letter.lower() for place, letter in enumerate(name)
    )
