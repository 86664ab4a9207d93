"""Links in a submission of MLPerf Inference: what official checkers follow is followed, what leads out is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from checker.core.findings import Report
from checker.families.mlperf_inference.review import review
from checker.report.render import json as as_json
from tests.differential import inference_passing, single_file_passing

ROUND, SINGLE = "mlperf-inference/6.0", "mlperf-inference/5.1"
RESULTS = ["Offline", "SingleStream", "MultiStream"]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return inference_passing.submission(tmp_path / "round", ROUND)


def judged(base: Path, round_name: str = ROUND, official: str = "modular") -> Report:
    report = review(base.parents[1], round_name, jobs=1, official=official)
    assert as_json.render(report)
    return report


def verdicts(report: Report) -> dict[str, str | None]:
    return {item.path: item.official_verdict for item in report.items if item.kind == "result"}


def links(report: Report) -> set[tuple[str, str, str]]:
    return {(f.severity, f.rule, f.path) for f in report.findings if "links" in f.rule}


def source(base: Path) -> Path:
    return base / "src"


def test_source_that_is_a_link_to_a_folder_is_source(base: Path) -> None:
    (base / "src").rename(base / "code")
    (base / "src").symlink_to("code")
    report = judged(base)
    assert set(verdicts(report).values()) == {"pass"}
    assert links(report) == {("note", "links-followed", "closed/Example/src")}


@pytest.mark.parametrize(
    ("target", "verdict", "rule"),
    [
        ("src", "fail", "links-dead"),
        ("nowhere", "fail", "links-dead"),
        ("../../../elsewhere", "fail", "links-dead"),
        ("/usr", "fail", "links-dead"),
        ("../Other/code", "pass", "links-dead"),
        ("../Example/code", "pass", "links-followed"),
        ("../../../round/closed/Example/code", "pass", "links-dead"),
        ("../../closed/Example/code", "pass", "links-followed"),
        (".", "pass", "links-followed"),
    ],
)
def test_source_that_leads_elsewhere(base: Path, target: str, verdict: str, rule: str) -> None:
    (base.parents[2] / "elsewhere").mkdir()
    (base.parent / "Other/code").mkdir(parents=True)
    (base / "src").rename(base / "code")
    (base / "src").symlink_to(target)
    report = judged(base)
    assert {v for path, v in verdicts(report).items() if path.startswith("closed/Example")} == {verdict}
    severity = "note" if rule == "links-followed" else "warning"
    assert (severity, rule, "closed/Example/src") in links(report)


@pytest.mark.parametrize(("round_name", "official"), [(ROUND, "modular"), (SINGLE, "single-file")])
def test_a_system_that_is_a_link_has_the_results_behind_it(tmp_path: Path, round_name: str, official: str) -> None:
    make = inference_passing if official == "modular" else single_file_passing
    base = make.submission(tmp_path / "round", round_name)
    for top in {path.relative_to(base).parts[0] for path in base.rglob("box")}:
        (base / top / "two").symlink_to("box")
    shutil.copy(base / "systems/box.json", base / "systems/two.json")  # to the single-file checker a link is broken
    for file in base.glob("measurements/box/*/*/box_*.json"):
        shutil.copy(file, file.with_name(file.name.replace("box", "two", 1)))
    report = judged(base, round_name, official)
    assert len(verdicts(report)) == 6
    assert set(verdicts(report).values()) == {"pass"}


@pytest.mark.parametrize("official", ["modular", "single-file"])
def test_results_that_lead_out_of_the_submission_are_an_error_and_are_not_read(tmp_path: Path, official: str) -> None:
    round_name = ROUND if official == "modular" else SINGLE
    make = inference_passing if official == "modular" else single_file_passing
    base = make.submission(tmp_path / "round", round_name)
    (base / "results").rename(tmp_path / "kept")
    (base / "results").symlink_to(tmp_path / "kept")
    report = judged(base, round_name, official)
    assert verdicts(report) == {}
    assert ("error", "no-links", "closed/Example/results") in links(report)


def test_submitters_and_divisions_may_be_links_within_the_round(base: Path, tmp_path: Path) -> None:
    (base.parent / "Other").symlink_to("Example")
    (base.parents[1] / "open").symlink_to("closed")
    (base.parent / "Out").symlink_to(tmp_path)
    (base.parents[1] / "network").symlink_to("/usr")
    report = judged(base)
    assert {path.partition("/results/")[0] for path in verdicts(report)} == {
        f"{division}/{name}" for division in ("closed", "open") for name in ("Example", "Other")
    }
    odd = {f.path: f.severity for f in report.findings if f.rule == "mlperf-division"}
    assert odd.keys() == {"network", "closed/Out", "open/Out"}


def test_no_secret_outside_shows_in_a_report(base: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(json.dumps({"status": "SECRET", "system_type": "SECRET"}))
    (base / "systems/box.json").unlink()
    (base / "systems/box.json").symlink_to("../../../../secret")
    (base / "results/box/resnet/Server").symlink_to(tmp_path)
    report = judged(base)
    assert "SECRET" not in as_json.render(report)
    assert {"systems/box.json", "results/box/resnet/Server"} == {
        path.removeprefix("closed/Example/") for _, rule, path in links(report) if rule == "no-links"
    }
