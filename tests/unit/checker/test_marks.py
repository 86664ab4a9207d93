"""Marks of rounds, in hostile trees too: long paths."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import pytest

from checker.marks import marked
from rules.known_rounds import families

TINY = Path("/round/closed/a/results/results/box/ad/performance/script.async")
MOBILE = Path("/round/closed/a/results/phone/results/log_accuracy/mlperf_log_summary.txt")


def test_a_path_of_many_folders_called_results_takes_no_more_time_than_another() -> None:
    files = [Path("/results" * 450 + f"/file{at}") for at in range(1000)]
    began = perf_counter()
    assert marked(files) == ()
    assert perf_counter() - began < 5


@pytest.mark.parametrize(("file", "family"), [(TINY, "mlperf-tiny"), (MOBILE, "mlperf-mobile")])
def test_the_marks_of_a_family_are_found_below_any_folder_called_results(file: Path, family: str) -> None:
    assert family in families()
    assert all(round_.startswith(family) for round_ in marked([file]))
    assert marked([file])
