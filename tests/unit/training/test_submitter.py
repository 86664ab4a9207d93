"""Whose a log says it is: another organisation is a matter for review, a placeholder a note, a spelling nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checker.core.findings import Finding
from checker.families.mlperf_training.review import review
from tests.differential import passing

ROUND = "mlperf-training/5.1"
RESULT = "results/box/llama2_70b_lora"


def submission(root: Path, folder: str, submitter: str | None) -> Path:
    """A passing submission in `folder`, whose description names `submitter`."""
    made = passing.organisation(root / folder, ROUND)
    described = passing.system_description(ROUND, submitter=submitter)
    (made / "systems" / "box.json").write_text(json.dumps(described))
    return made


def say(root: Path, key: str, value: object, runs: range = range(10)) -> Path:
    """Have the logs of some runs say `value`; "" for `value` None leaves the line out."""
    for run in runs:
        log = root / RESULT / f"result_{run}.txt"
        lines = [json.loads(line.removeprefix(":::MLLOG ")) for line in log.read_text().splitlines()]
        for line in lines:
            if line["key"] == key:
                line["value"] = value
        log.write_text(passing.text(lines))
    return root


def said(root: Path, rule: str = "log-of-submitter") -> list[Finding]:
    return [finding for finding in review(root, ROUND).findings if finding.rule == rule]


def test_logs_of_another_organisation_are_one_warning_of_their_result_with_all_names(tmp_path: Path) -> None:
    root = say(submission(tmp_path, "Acme", "Acme Inc."), "submission_org", "Globex")
    (found,) = said(root)
    assert found.severity == "warning"
    assert (found.path, found.line) == (f"{RESULT}/result_0.txt", 4)
    assert all(name in found.message for name in ('"Globex"', '"Acme"', '"Acme Inc."', "10 of the 10 runs"))


def test_one_log_of_another_among_ten_is_named(tmp_path: Path) -> None:
    root = say(submission(tmp_path, "Example", "Example"), "submission_org", "Globex", range(3, 4))
    assert [found.path for found in said(root)] == [f"{RESULT}/result_3.txt"]


@pytest.mark.parametrize(
    ("folder", "submitter", "logged"),
    [
        ("NVIDIA", "NVIDIA", "nvidia"),
        ("NVIDIA", "NVIDIA", "NVIDIA Corporation"),
        ("Fujitsu+RIKEN", "Fujitsu/RIKEN", "Fujitsu"),
        ("Intel-HabanaLabs", "Intel-HabanaLabs", "Habana"),
        ("Clemson", "Clemson University Research Computing and Data", "Clemson Research Computing and Data"),
        ("JuniperNetworks", "JuniperNetworks", "Juniper Networks"),
        ("smc-ac-power", "Sustainable Metal Cloud", "SMC"),
        ("submission", "Quanta_Cloud_Technology", "QCT"),
        ("MangoBoost", "Supermicro_MangoBoost", "Supermicro_MangoBoost"),
        ("Dell_Scitix", "Dell+Scitix", "SCITIX"),
        ("Ünïcode GmbH", None, "ünïcode"),
    ],
)
def test_other_spellings_and_parts_of_a_name_are_the_same_organisation(
    tmp_path: Path, folder: str, submitter: str | None, logged: str
) -> None:
    assert said(say(submission(tmp_path, folder, submitter), "submission_org", logged)) == []


@pytest.mark.parametrize("logged", [5, ["Acme"], {"name": "Acme"}, True, "\x1b[31m", "ﷺ" * 10_000, "--", 1e400])
def test_a_name_of_any_kind_is_a_finding_or_none_and_never_a_defect(tmp_path: Path, logged: object) -> None:
    report = review(say(submission(tmp_path, "Acme", "Acme"), "submission_org", logged), ROUND)
    assert all(finding.message.isprintable() and len(finding.message) < 1000 for finding in report.findings)
    assert "assay-defect" not in {finding.rule for finding in report.findings}


@pytest.mark.parametrize("logged", ["SUBMISSION_ORG_PLACEHOLDER", "reference_implementation", "Umbrella Corp.", None])
def test_a_placeholder_is_a_note_and_no_other_organisation(tmp_path: Path, logged: str | None) -> None:
    root = say(submission(tmp_path, "Acme", "Acme"), "submission_org", logged)
    (note,) = said(root, "log-filled-in")
    assert note.severity == "note"
    assert said(root) == []


def test_placeholders_of_organisation_and_platform_are_one_note(tmp_path: Path) -> None:
    root = say(submission(tmp_path, "Acme", "Acme"), "submission_org", "SUBMISSION_ORG_PLACEHOLDER")
    (note,) = said(say(root, "submission_platform", "1xSUBMISSION_PLATFORM_PLACEHOLDER"), "log-filled-in")
    assert "'submission_org'" in note.message
    assert "'submission_platform'" in note.message
