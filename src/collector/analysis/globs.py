"""IAM wildcards: `*` matches any number of characters, `?` exactly one; every other character matches itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

WILDCARD = re.compile(r"[*?]")
OPEN_END = "\ue002"
"""A character that stands for any continuation of a text: it is matched by `*` but not by `?`."""

ESCAPED = {"*": "\ue000", "?": "\ue001", "$": "$"}
"""The replacements for escaped characters such as `${*}` in a pattern; ARNs contain no private-use characters."""

_LITERAL = str.maketrans({"\ue000": "*", "\ue001": "?"})
_LAST = "\U0010ffff"

Match = Callable[[str, int], object]


@lru_cache(maxsize=1024)
def matcher(pattern: str) -> Match:
    """Return a function (text, start) whose result is true if the pattern matches the text from `start` to its end."""
    return re.compile("".join(map(_regex, pattern)) + r"\Z", re.DOTALL).match


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern matches the whole text."""
    found = WILDCARD.search(pattern)
    if found is None:
        return literal(pattern) == text
    if found.start() == len(pattern) - 1 and found[0] == "*":
        return text.startswith(literal(pattern[:-1]))
    return bool(matcher(pattern)(text, 0))


def _regex(character: str) -> str:
    if character == "*":
        return ".*"
    if character == "?":
        return f"[^{OPEN_END}]"
    return re.escape(literal(character))


def literal(pattern: str) -> str:
    """Return the text that a pattern without wildcards matches."""
    return pattern if pattern.isascii() else pattern.translate(_LITERAL)


def is_wild(pattern: str) -> bool:
    """Whether the pattern can match more than one text."""
    return WILDCARD.search(pattern) is not None


def head(pattern: str) -> str:
    """Return the literal prefix of everything that the pattern matches: the pattern up to its first wildcard."""
    found = WILDCARD.search(pattern)
    return literal(pattern if found is None else pattern[: found.start()])


def after(text: str) -> str:
    """Return a text that sorts after every text that begins with `text`."""
    return text + _LAST


def covers(pattern: str, other: str) -> bool:
    """Whether the pattern matches everything that the other pattern matches. May be false although it does.

    The other pattern is treated as a text in which each `*` must be matched by a `*` of the pattern.
    """
    return matches(pattern, other.replace("*", OPEN_END))


@lru_cache(maxsize=1024)
def intersects(pattern: str, other: str) -> bool:
    """Whether there is a text that both patterns match."""
    states = _closure(other, {0})
    for character in pattern:
        states = _advance(other, states, character)
        if not states:
            return False
    return len(other) in states


def _closure(pattern: str, states: set[int]) -> set[int]:
    """Return the positions reachable without reading a character: a `*` may match nothing."""
    reached = set(states)
    for state in states:
        position = state
        while position < len(pattern) and pattern[position] == "*":
            position += 1
            reached.add(position)
    return reached


def _advance(pattern: str, states: set[int], character: str) -> set[int]:
    """Return the positions in `pattern` after the other pattern has consumed one of its own characters."""
    if character == "*":
        return set(range(min(states), len(pattern) + 1))
    following: set[int] = set()
    for state in states:
        if state == len(pattern):
            continue
        if pattern[state] == "*":
            following.add(state)
        elif "?" in (pattern[state], character) or pattern[state] == character:
            following.add(state + 1)
    return _closure(pattern, following)
