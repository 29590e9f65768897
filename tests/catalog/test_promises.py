"""docs/promises.md names a test beside every sentence of README that promises behaviour."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROMISES = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
SECTIONS = ("Deliver it", "Exit codes", "The report", "Rate limits")


def section(text: str, title: str) -> str:
    (found,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return str(found)


def sentences(title: str) -> list[str]:
    """The sentences of a section of README, and the rows of its table as `cell: cell`."""
    prose = re.sub(r"```.*?```|<!--.*?-->", "", section(README, title), flags=re.DOTALL)
    found: list[str] = []
    for block in re.split(r"\n\s*\n|\n(?=\* )|\n(?=\| )", prose):
        line = " ".join(block.split()).removeprefix("* ")
        if line.startswith("| "):
            found.append(line.strip("| ").replace(" | ", ": "))
        else:
            found += filter(None, re.split(r"(?<=[.:])\s+(?=[A-Z`])", line))
    return [each for each in found if not each.startswith(("code: ", "---"))]


def rows(title: str) -> dict[str, list[str]]:
    """The promises of a section, each with its tests."""
    lines = section(PROMISES, title).strip().splitlines()[2:]
    return {
        promise: re.findall(r"`([^`]+)`", tests)
        for promise, tests in (line.strip("| ").rsplit(" | ", 1) for line in lines)
    }


@pytest.mark.parametrize("title", SECTIONS)
def test_every_sentence_that_promises_behaviour_has_a_test(title):
    assert list(rows(title)) == sentences(title)


@pytest.mark.parametrize(("promise", "tests"), [row for title in SECTIONS for row in rows(title).items()])
def test_every_test_that_holds_a_promise_exists(promise, tests):
    assert tests, promise
    for name in tests:
        path, _, function = name.partition("::")
        source = (ROOT / "tests" / path).read_text(encoding="utf-8")
        assert not function or re.search(rf"^(async )?def {function}\(", source, re.MULTILINE), name
