"""Marks of rounds, in hostile trees too: long paths."""

from __future__ import annotations

from time import process_time

import pytest

from checker.core.marks import marked
from rules.known_rounds import families

TINY = "/round/closed/a/results/results/box/ad/performance/script.async"
MOBILE = "/round/closed/a/results/phone/results/log_accuracy/mlperf_log_summary.txt"


def test_a_path_of_many_folders_called_results_takes_no_more_time_than_another() -> None:
    files = ["/results" * 450 + f"/file{at}" for at in range(1000)]
    began = process_time()
    assert marked(files) == ()
    assert process_time() - began < 5


@pytest.mark.parametrize(("file", "family"), [(TINY, "mlperf-tiny"), (MOBILE, "mlperf-mobile")])
def test_the_marks_of_a_family_are_found_below_any_folder_called_results(file: str, family: str) -> None:
    assert family in families()
    assert all(round_.startswith(family) for round_ in marked([file]))
    assert marked([file])
