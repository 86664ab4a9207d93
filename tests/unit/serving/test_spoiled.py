"""A file of our own inference rounds that arrives as something else is one finding, which says what it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.serving.trees import Measured
from tests.unit.spoiled import beyond, spoil, told

FILES = (
    "{ours}/SingleStream/performance/log.txt",
    "{ours}/SingleStream/performance/record.json",
    "{scenario}/performance/run_1/mlperf_log_detail.txt",
    "{scenario}/performance/run_1/mlperf_log_summary.txt",
    "{scenario}/accuracy/mlperf_log_detail.txt",
    "{ours}/manifest.json",
)


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_not_what_it_should_be_is_named_alone(file: str, measured: Callable[[], Measured]) -> None:
    submission = measured()
    before, path = submission.check(), submission.path(file)
    held = path.read_bytes()
    for state in ("empty", "pointer", "UTF-16", "marked", "archive", "cut"):
        spoil(path, state)
        report = submission.check()
        cause = told(beyond(report, before), path.relative_to(submission.submissions).as_posix(), state)
        assert cause.rule == "assay-inference-file-readable"
        assert not report.passed
        path.write_bytes(held)
