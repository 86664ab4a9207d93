"""A file of our own training rounds that arrives as something else is one finding, which says what it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.checker.submissions import Built, said
from tests.unit.spoiled import SPOILED, spoil, told

FILES = (
    "{result}/result_0.txt",
    "{result}/result_0.json",
    "{result}/observation_0.json",
    "{result}/manifest.json",
    "{result}/sbom.cdx.json",
    "systems/{system}.json",
)


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_not_what_it_should_be_is_named_alone(file: str, built: Callable[..., Built]) -> None:
    submission = built()
    path = submission.path(file)
    held = path.read_bytes()
    for state in SPOILED:
        spoil(path, state)
        report = submission.check()
        assert told(report.findings, submission.relative(file), state).rule == "assay-file-readable", said(report)
        assert "fail" in {item.verdict for item in report.items if item.kind == "result"}
        path.write_bytes(held)


@pytest.mark.parametrize("state", ["empty", "pointer", "UTF-16", "cut"])
def test_a_single_log_that_is_not_one_says_what_it_is(state: str, built: Callable[..., Built]) -> None:
    submission = built()
    spoil(submission.path("{result}/result_0.txt"), state)
    told(submission.check(f"{submission.result}/result_0.txt").findings, "result_0.txt", state)
