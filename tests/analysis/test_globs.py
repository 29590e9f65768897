"""IAM wildcards: matching texts, and comparing patterns."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.analysis.globs import OPEN_END, covers, head, intersects, is_wild, literal, matches

PATTERNS = st.text("ab*?:", max_size=6)
TEXTS = ["".join(each) for size in range(5) for each in itertools.product("ab:", repeat=size)]


@pytest.mark.parametrize(
    ("pattern", "text", "matched"),
    [
        ("", "", True),
        ("*", "", True),
        ("*", "a/b:c", True),
        ("a*c", "a/b:c", True),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a?c", "abbc", False),
        ("abc", "ABC", False),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
        ("${x}", "${x}", True),
        ("a", "a\n", False),
        ("*", "a\nb", True),
        ("a\ue000", "a*", True),
        ("a\ue000", "ab", False),
        ("a\ue001", "a?", True),
    ],
)
def test_a_pattern_matches_the_whole_text(pattern, text, matched):
    assert matches(pattern, text) is matched


@pytest.mark.parametrize(
    ("pattern", "start", "wild"),
    [("abc", "abc", False), ("ab*c", "ab", True), ("?", "", True), ("a\ue000*", "a*", True), ("", "", False)],
)
def test_the_head_is_the_text_before_the_first_wildcard(pattern, start, wild):
    assert (head(pattern), is_wild(pattern)) == (start, wild)


def test_an_escaped_wildcard_is_literal():
    assert literal("a\ue000\ue001") == "a*?"


@pytest.mark.parametrize(
    ("pattern", "matched"), [("a/*", True), ("*", True), ("a/b*", False), ("a/?", False), ("a/*b", False)]
)
def test_an_open_end_is_matched_only_by_an_asterisk(pattern, matched):
    assert matches(pattern, "a/" + OPEN_END) is matched


@settings(deadline=None)
@given(PATTERNS, PATTERNS)
def test_a_covering_pattern_matches_everything_that_the_other_matches(pattern, other):
    if covers(pattern, other):
        assert all(matches(pattern, text) for text in TEXTS if matches(other, text))


@settings(deadline=None)
@given(PATTERNS, st.text("ab:", max_size=4))
def test_a_pattern_covers_the_texts_that_it_matches(pattern, text):
    assert covers(pattern, text) is matches(pattern, text)


@settings(deadline=None)
@given(st.text("ab*?", max_size=4), st.text("ab*?", max_size=4))
def test_patterns_intersect_if_they_share_a_text(pattern, other):
    shared = any(matches(pattern, text) and matches(other, text) for text in SHORT)
    assert intersects(pattern, other) is intersects(other, pattern) is shared


SHORT = ["".join(each) for size in range(9) for each in itertools.product("ab", repeat=size)]
