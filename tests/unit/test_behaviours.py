"""No test is lost: each that was there once is collected still, with as many cases, or is said to be tested elsewhere.

`tests/data/behaviours.txt` holds the tests before they were rearranged, and how many cases each had;
`tests/moved.txt` says where those that are gone are tested now. `make test-long` runs all of them.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


def frozen() -> dict[str, int]:
    """The tests that were there, and the cases of each."""
    found, file = {}, ""
    for line in (TESTS / "data/behaviours.txt").read_text().splitlines():
        if not line.startswith(" "):
            file = line
            continue
        name, _, cases = line.strip().partition(" ")
        found[f"{file}::{name}"] = int(cases or 1)
    return found


def moved() -> dict[str, list[str]]:
    """Where tests that are gone are tested now."""
    lines = [line for line in (TESTS / "moved.txt").read_text().splitlines() if line and not line.startswith("#")]
    pairs = [line.partition(" -> ")[::2] for line in lines]
    return {old.strip(): [one.strip() for one in new.split(",")] for old, new in pairs}


def goals(test: str, moves: dict[str, list[str]]) -> list[str]:
    """Return where `test` is tested now by the most exact line about it; a line of a file or folder moves all in it."""
    if test in moves:
        return moves[test]
    above = [place for place in moves if test.startswith((f"{place}::", f"{place}/"))]
    return [
        new + test.removeprefix(place) for place in [max(above, key=len, default="")] if place for new in moves[place]
    ]


@pytest.fixture(scope="module")
def collected() -> Counter[str]:
    """The tests of today, and the cases of each."""
    words = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", str(TESTS)]
    said = subprocess.run(words, cwd=TESTS.parent, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout[-2000:]
    return Counter(line.partition("[")[0] for line in said.stdout.splitlines() if "::" in line)


def test_every_test_that_was_there_is_there_or_said_to_be_tested_elsewhere(collected: Counter[str]) -> None:
    moves = moved()
    lost = []
    for test, cases in frozen().items():
        now = goals(test, moves)
        # Once moved, a line vouches for the cases: they may have become one.
        if not now and collected[test] < cases:
            lost.append(f"{test}: {collected[test]} of {cases} cases")
    assert lost == []


def test_what_stands_for_a_test_that_is_gone_exists(collected: Counter[str]) -> None:
    moves, before = moved(), frozen()
    assert [
        old for old in moves if not any(test == old or test.startswith((f"{old}::", f"{old}/")) for test in before)
    ] == []
    said = {goal for test in before for goal in goals(test, moves)}
    assert [goal for goal in sorted(said) if not collected[goal]] == []
