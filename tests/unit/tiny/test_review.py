"""What a reviewer of MLPerf Tiny works with: verdicts, waivers, drafts, the page, comparisons, which round it is."""

from __future__ import annotations

import os
import shutil
from datetime import date, timedelta
from json import dumps, loads
from pathlib import Path

import jsonschema
import pytest

import checker
from checker.core.waivers import read
from checker.families.mlperf_tiny.compare import compare
from checker.families.mlperf_tiny.detect import detect_round
from checker.families.mlperf_tiny.review import review
from checker.report.render import json, junit, sarif, text
from rules.errors import NothingToCheckError, UsageError
from rules.tiny import tiny_rules
from tests.differential import tiny_passing
from tests.differential.tiny_passing import ROUND
from tests.unit.by_table import differences, drafts, page


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tiny_passing.submitter(tmp_path / "round/closed/Example")
    return tmp_path / "round"


@pytest.fixture
def short(root: Path) -> Path:
    """A round whose windows are half a second too short, which the official checker does not see."""
    log = root / "closed/Example/results/box/ic/performance/log.txt"
    log.write_text(log.read_text().replace("10.500 sec", "9.500 sec"))
    return root


def test_windows_that_are_too_short_pass_the_official_checker_and_are_asked_about(short: Path) -> None:
    report = review(short, ROUND)
    (item,) = (item for item in report.items if item.path == "closed/Example/results/box/ic")
    assert item.official_verdict == "pass"
    assert {f.rule for f in report.findings if f.severity == "warning"} == {"tiny-window-duration"}


@pytest.mark.parametrize(("energy", "rule"), [(False, "tiny-energy-twin"), (True, "tiny-original")])
def test_a_board_published_again_without_energy_is_no_copy(root: Path, energy: bool, rule: str) -> None:
    base = root / "closed/Example"
    shutil.copytree(base / "results/box/ic", base / "results/twin/ic")
    shutil.copy(base / "systems/box.json", base / "systems/twin.json")
    if not energy:
        shutil.rmtree(base / "results/twin/ic/energy")
    report = review(root, ROUND)
    assert {f.rule for f in report.findings} == {rule}
    assert report.passed is not energy


@pytest.mark.parametrize("member", tiny_rules(ROUND).board_members)
def test_measurements_shared_with_another_board_are_a_copy_with_or_without_energy(root: Path, member: str) -> None:
    base = root / "closed/Example"
    shutil.copytree(base / "results/box/ic", base / "results/twin/ic")
    shutil.rmtree(base / "results/twin/ic/energy")
    described = loads((base / "systems/box.json").read_text())
    (base / "systems/twin.json").write_text(dumps(described | {member: "another"}))
    assert {f.rule for f in review(root, ROUND).findings if f.severity == "error"} == {"tiny-original"}


def test_a_board_of_another_submitter_is_a_copy_with_or_without_energy(root: Path) -> None:
    shutil.rmtree(tiny_passing.submitter(root / "closed/Other") / "results/box/ic/energy")
    assert {f.rule for f in review(root, ROUND).findings if f.severity == "error"} == {"tiny-original"}


@pytest.mark.parametrize(
    ("at", "results"),
    [
        (".", 2),
        ("closed", 2),
        ("closed/Example", 2),
        ("closed/Example/results/box", 2),
        ("closed/Example/results/box/ic", 1),
    ],
)
def test_a_part_of_a_round_is_judged_by_itself(root: Path, at: str, results: int) -> None:
    report = review(root / at, ROUND)
    assert sum(item.kind == "result" for item in report.items) == results
    assert report.passed


def test_a_result_dropped_in_silence_is_one_finding_and_no_official_pass(root: Path) -> None:
    shutil.rmtree(root / "closed/Example/results/box/ic/performance")
    report = review(root, ROUND)
    (item,) = (item for item in report.items if item.path == "closed/Example/results/box/ic")
    assert (item.verdict, item.official_verdict, item.official_crash) == ("fail", "fail", None)
    assert [finding.rule for finding in report.findings] == ["official-dropped"]


def test_where_the_official_checker_ends_the_others_are_judged_all_the_same(root: Path) -> None:
    other = tiny_passing.submitter(root / "closed/Other")
    (other / "systems/box.json").write_text("{")
    report = review(root, ROUND)
    told = {item.path: item for item in report.items if item.kind == "result"}
    assert told["closed/Example/results/box/ic"].official_verdict == "pass"
    assert (told["closed/Other/results/box/ic"].official_crash or "").startswith("JSONDecodeError")


def test_a_finding_that_is_waived_fails_nothing(short: Path, tmp_path: Path) -> None:
    until = (date.today() + timedelta(days=30)).isoformat()
    file = tmp_path / "waivers.yaml"
    rules = {f.rule for f in review(short, ROUND).findings}
    entries = [
        f"- {{rule: {rule}, path: '**', by: R. Viewer, why: agreed upon in review, until: {until}}}\n" for rule in rules
    ]
    file.write_text("waivers:\n" + "".join(entries))
    report = review(short, ROUND, read(file))
    assert report.passed
    assert all(finding.waived for finding in report.findings)


def test_objections_name_submitter_system_and_benchmark_and_quote_the_line(short: Path) -> None:
    written = drafts(short, review(short, ROUND))
    (name,) = (name for name in written if "tiny-window-duration" in name)
    assert name.startswith("Example-box-ic-tiny-window-duration")
    assert "`Example`, `box`, `ic`" in written[name]
    assert "> " in written[name]


def test_every_form_of_the_report_tells_of_the_result(short: Path) -> None:
    report = review(short, ROUND)
    for form in (text.render(report), json.render(report), sarif.render(report), junit.render(report)):
        assert "closed/Example/results/box/ic" in form or "tiny-window-duration" in form
    content = page(short, report)
    assert "tiny-window-duration" in content
    assert "100.00" in content


def test_the_report_with_energy_is_what_its_schema_says(root: Path) -> None:
    schema = loads((Path(__file__).parents[3] / "rules/schemas/report.json").read_text())
    report = loads(json.render(review(root, ROUND)))
    jsonschema.validate(report, schema)
    assert {score["inference"]["power_unit"] for score in report["scores"]} == {"uJ/inf.", "mW"}


def test_two_systems_are_compared_with_how_far_their_windows_scatter(root: Path) -> None:
    other = root / "closed/Other"
    tiny_passing.submitter(other)
    shutil.rmtree(other / "results/box/ic")
    tiny_passing.classification(other / "results/box/ic", throughput=200.0)
    compared = compare(root / "closed/Example", other, ROUND)
    by_name = {one.model: one for one in compared.pairs}
    assert by_name["ic"].ratio == pytest.approx(2)
    assert "repeated runs came out up to 0" in by_name["ic"].noise
    with pytest.raises(NothingToCheckError):
        compare(root / "closed/Example/results/box/ic", root / "closed/Example/results/box/sww", ROUND)


def test_a_round_is_told_by_its_benchmarks_and_its_folders_name(root: Path, tmp_path: Path) -> None:
    seen = detect_round(root)
    assert seen is not None
    assert seen.rounds == ("mlperf-tiny/1.3", "mlperf-tiny/1.4")
    with pytest.raises(UsageError):
        checker.check(root)
    named = root.rename(tmp_path / "tiny_results_v1.3")
    assert checker.check(named).ruleset == "mlperf-tiny/1.3"
    sww = named / "closed/Example/results/box/ic"
    sww.rename(sww.with_name("ic2"))
    alone = detect_round(named)
    assert alone is not None
    assert alone.rounds == ("mlperf-tiny/1.4",)


def test_any_one_result_is_told_for_tiny_and_eembcs_runner_tells_the_round(root: Path) -> None:
    result = root / "closed/Example/results/box/ic"
    seen = detect_round(result)
    assert seen is not None
    assert seen.rounds == ("mlperf-tiny/1.3", "mlperf-tiny/1.4")
    (result / "EEMBC_RUNNER").touch()
    assert checker.check(root).ruleset == "mlperf-tiny/1.3"


def test_benchmarks_and_files_of_another_round_are_said_first(root: Path) -> None:
    (root / "closed/Example/results/box/ic").rename(root / "closed/Example/results/box/ic2")
    first = review(root, "mlperf-tiny/1.3").findings[0]
    said = "ic2 is no benchmark of mlperf-tiny/1.3: what is here looks like mlperf-tiny/1.4"
    assert (first.rule, first.severity, first.message) == ("round-as-given", "error", said)
    assert "round-as-given" not in {finding.rule for finding in review(root, "mlperf-tiny/1.4").findings}
    (root / "closed/Example/results/box/ic2").rename(root / "closed/Example/results/box/ic")
    for path in [*root.rglob("results.json")]:
        path.rename(path.with_name("script.async"))
    first = review(root, "mlperf-tiny/1.4").findings[0]
    assert first.message.startswith("the files are those of MLPerf Tiny 1.0, 1.1 or 1.2, which Assay has no rules for")


def test_a_folder_named_for_another_round_is_a_note(root: Path, tmp_path: Path) -> None:
    named = root.rename(tmp_path / "tiny_results_v1.3")
    (note,) = [finding for finding in review(named, "mlperf-tiny/1.4").findings if finding.rule == "round-as-named"]
    said = "the folder tiny_results_v1.3 is named for MLPerf Tiny 1.3; judged by mlperf-tiny/1.4"
    assert (note.severity, note.message) == ("note", said)
    assert "round-as-named" not in {finding.rule for finding in review(named, "mlperf-tiny/1.3").findings}


def test_links_are_listed_and_never_followed(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    tiny_passing.classification(outside / "kws", benchmark="kws")
    (root / "closed/Example/results/box/kws").symlink_to(outside / "kws")
    (root / "closed/Example/results/box/ic/performance/results.txt").unlink()
    (root / "closed/Example/results/box/ic/performance/results.txt").symlink_to("/etc/passwd")
    report = review(root, ROUND)
    assert "kws" not in {Path(item.path).name for item in report.items}
    assert {"tiny-links", "official-links"} <= {finding.rule for finding in report.findings}


def test_hostile_files_become_findings(root: Path) -> None:
    base = root / "closed/Example/results/box/ic"
    (base / "performance/log.txt").write_bytes(b"\xff\x1b[31m" + b"1" * 5_000_000 + b"\n" * 100)
    (base / "performance/results.json").write_text("[" * 100_000)
    (base / "accuracy/log.txt").unlink()
    os.mkfifo(base / "accuracy/log.txt")
    report = review(root, ROUND)
    assert not report.passed
    assert "\x1b" not in text.render(report)
    assert "tiny-files-readable" in {finding.rule for finding in report.findings}


def test_what_a_later_round_changes_is_told_in_words() -> None:
    told = list(differences("mlperf-tiny/1.3", "mlperf-tiny/1.4"))
    assert "ic2: new" in told
    assert "  at least: 91.0" in told
    assert "  allowed runners: mlc (was eembc, mlc)" in told
