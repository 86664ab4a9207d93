"""The modular checker's verdict on small submissions of our own making: phases, where it ends, what is said once."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import checker
from checker.core.findings import Item, Report
from checker.families.mlperf_inference.modular.case import Options
from checker.families.mlperf_inference.review import review
from checker.report.render import json as as_json
from rules.cards import Card
from rules.errors import NothingToCheckError, UsageError
from rules.ruleset import load
from tests.differential.inference_passing import not_deterministic, submission
from tests.unit.inference.published import apply

ROUND = "mlperf-inference/5.1"
CARDS = [card for card in load(ROUND).cards.values() if card.official == "modular"]
LOG = "performance/run_1/mlperf_log_detail.txt"


@pytest.fixture
def round_(tmp_path: Path) -> Path:
    submission(tmp_path, ROUND)
    return tmp_path


def judged(root: Path, name: str = ROUND, **options: bool) -> Report:
    return review(root, name, Options(**options), jobs=1)


def result(report: Report, scenario: str) -> Item:
    return next(item for item in report.items if item.kind == "result" and item.path.endswith(f"/{scenario}"))


def official(report: Report) -> Counter[str]:
    return Counter(f.rule for f in report.findings if f.authority == "official")


@pytest.mark.parametrize("card", [card for card in CARDS if card.passes.edit], ids=lambda card: card.id)
def test_a_passing_example_is_no_finding(card: Card, round_: Path) -> None:
    for edit in card.passes.edit or ():
        apply(round_ / "closed/Example", edit)
    assert card.id not in official(judged(round_))


@pytest.mark.parametrize("card", [card for card in CARDS if card.fails.edit], ids=lambda card: card.id)
def test_a_failing_example_is_a_finding_with_place_clause_and_fix(card: Card, round_: Path) -> None:
    for edit in card.fails.edit or ():
        apply(round_ / "closed/Example", edit)
    report = judged(round_)
    found = [finding for finding in report.findings if finding.rule == card.id]
    assert found, official(report)
    for finding in found:
        assert finding.authority == "official"
        assert finding.clause.startswith(f"{ROUND} §")
        assert finding.fix
        assert finding.severity == card.severity.value
    if card.severity == "error":
        assert "fail" in {item.official_verdict for item in report.items if item.kind == "result"}


def test_every_way_to_fail_has_an_example_or_says_when() -> None:
    assert all(card.fails.edit or card.fails.why for card in CARDS)


def test_a_finding_names_the_line_of_the_log(round_: Path) -> None:
    log = round_ / "closed/Example/results/box/resnet/Offline" / LOG
    log.write_text(
        log.read_text().replace(
            '"effective_min_duration_ms", "value": 600000', '"effective_min_duration_ms", "value": 5'
        )
    )
    (found,) = (f for f in judged(round_).findings if f.rule == "official-duration")
    assert found.path == "closed/Example/results/box/resnet/Offline/" + LOG
    assert '"effective_min_duration_ms"' in log.read_text().splitlines()[(found.line or 0) - 1]
    assert (found.expected, found.found) == ("at least 600000 ms", "5")


def test_a_key_never_logged_is_named_where_a_check_cannot_be_computed(round_: Path) -> None:
    log = round_ / "closed/Example/results/box/resnet/Offline" / LOG
    log.write_text(
        "".join(line for line in log.read_text().splitlines(True) if "effective_min_duration_ms" not in line)
    )
    (found,) = (f for f in judged(round_).findings if f.rule == "official-duration")
    assert "TypeError" in found.message
    assert "effective_min_duration_ms" in found.expected
    assert found.found == "not logged"


def test_a_missing_scenario_fails_each_result_and_is_said_once(round_: Path) -> None:
    for top in ("results", "measurements", "compliance"):
        shutil.rmtree(round_ / "closed/Example" / top / "box/resnet/MultiStream")
    report = judged(round_)
    results = [item for item in report.items if item.kind == "result"]
    assert len(results) == 2
    assert {item.official_verdict for item in results} == {item.verdict for item in results} == {"fail"}
    assert official(report) == {"official-scenarios": 1}


def test_missing_code_fails_each_result_and_is_said_once(round_: Path) -> None:
    shutil.rmtree(round_ / "closed/Example/code")
    report = judged(round_)
    assert official(report) == {"official-code": 1}
    phases = [item.official_phases for item in report.items if item.kind == "result"]
    assert [phase and phase["measurements"] for phase in phases] == [False] * 3


def test_what_the_official_checker_ends_at_has_the_cause_and_the_rest_a_verdict(round_: Path) -> None:
    base = round_ / "closed/Example/results/box/resnet"
    (base / "MultiStream" / LOG).write_text("no log\n")
    (base / "Offline/accuracy/mlperf_log_accuracy.json").unlink()
    report = judged(round_)
    ended = result(report, "MultiStream")
    assert (ended.official_verdict, ended.official_phases) == ("fail", None)
    assert ended.official_crash is not None
    assert ended.official_crash.startswith("RuntimeError")
    later = result(report, "Offline")
    assert (later.official_verdict, later.official_crash) == ("fail", None)
    assert later.official_phases is not None
    assert not later.official_phases["accuracy"]
    assert result(report, "SingleStream").official_verdict == "pass"
    (note,) = (f for f in report.findings if f.rule == "official-unseen")
    assert "2 results were never judged" in note.message
    assert note.severity == "note"


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (lambda base: (base / "systems/box.json").unlink(), "AttributeError"),
        (lambda base: (base / "systems/box.json").write_text("["), "JSONDecodeError"),
        (lambda base: (base / "systems/box.json").write_text("[]"), "AttributeError"),
        (lambda base: edited(base / "systems/box.json", system_type="Edge"), "ValueError"),
        (lambda base: (base / "results/box/resnet").rename(base / "results/box/resnet9"), "TypeError"),
        (lambda base: shutil.rmtree(base / "measurements/box"), "FileNotFoundError"),
    ],
)
def test_an_end_at_a_system_or_benchmark_is_one_finding_and_every_results_cause(
    spoil: Callable[[Path], object], cause: str, round_: Path
) -> None:
    spoil(round_ / "closed/Example")
    report = judged(round_)
    results = [item for item in report.items if item.kind == "result"]
    assert len(results) == 3
    assert {(item.official_crash or "").split(":")[0] for item in results} == {cause}
    assert {item.official_phases is None for item in results} == {True}
    said = 3 if cause == "FileNotFoundError" else 1  # each result has a folder of its own
    assert official(report)["official-crash"] == said


def edited(path: Path, **members: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **members}))


def test_a_valid_result_that_cannot_be_written_down_ends_it_with_its_phases_told(round_: Path) -> None:
    edited(round_ / "closed/Example/systems/box.json", accelerators_per_node="N/A")
    item = result(judged(round_), "MultiStream")
    assert item.official_phases is not None
    assert all(item.official_phases.values())
    assert item.official_verdict == "fail"
    assert (item.official_crash or "").startswith("ValueError")


def test_what_only_follows_from_an_end_is_not_said(round_: Path) -> None:
    base = round_ / "closed/Example/results/box/resnet/Offline"
    shutil.rmtree(base)
    base.mkdir()
    report = judged(round_)
    here = [f for f in report.findings if f.path.startswith("closed/Example/results/box/resnet/Offline")]
    assert [f.rule for f in here if f.authority == "official"] == ["official-crash"]


def test_what_else_is_wrong_with_a_result_it_ends_at_is_said(round_: Path) -> None:
    base = round_ / "closed/Example/results/box/resnet/Offline"
    (base / "accuracy/mlperf_log_detail.txt").unlink()
    log = base / LOG
    log.write_text(
        log.read_text().replace('"effective_schedule_rng_seed", "value": ', '"effective_schedule_rng_seed", "value": 1')
    )
    assert official(judged(round_)) == {"official-crash": 1, "official-seeds": 1, "official-unseen": 1}


def test_a_submitter_without_results_is_a_finding_and_its_neighbours_are_judged(round_: Path) -> None:
    (round_ / "closed/Aaa").mkdir()
    report = judged(round_)
    assert {item.path: item.official_verdict for item in report.items if item.kind == "organisation"} == {
        "closed/Aaa": "fail",
        "closed/Example": "pass",
    }
    assert official(report) == {"official-crash": 1, "official-unseen": 1}


def test_loadgens_errors_count_only_where_asked_for(round_: Path) -> None:
    log = round_ / "closed/Example/results/box/resnet/Offline" / LOG
    log.write_text(log.read_text().replace('"is_error": false', '"is_error": true', 1))
    assert result(judged(round_), "Offline").official_verdict == "pass"
    strict = judged(round_, submission_exceptions=True)
    assert result(strict, "Offline").official_verdict == "fail"
    assert official(strict) == {"official-loadgen-errors": 1}


def test_pictures_are_asked_for_only_without_the_option(tmp_path: Path) -> None:
    submission(tmp_path, ROUND, "stable-diffusion-xl", "datacenter")
    assert result(judged(tmp_path), "Offline").official_verdict == "pass"
    strict = judged(tmp_path, extra_files=True)
    assert result(strict, "Offline").official_verdict == "fail"
    assert official(strict) == {"official-accuracy-files": 2}


def test_answers_that_differ_from_run_to_run_pass_by_their_accuracies(tmp_path: Path) -> None:
    from rules.inference import inference_rules

    base = submission(tmp_path, ROUND)
    test01 = base / "compliance/box/resnet/Offline/TEST01"
    not_deterministic(test01, inference_rules(ROUND).models["resnet"], "Offline")
    assert result(judged(tmp_path), "Offline").official_verdict == "pass"
    (test01 / "accuracy/compliance_accuracy.txt").write_text("accuracy=70.0%\n")
    report = judged(tmp_path)
    assert result(report, "Offline").official_verdict == "fail"
    (found,) = (f for f in report.findings if f.rule == "official-compliance-accuracy")
    assert "at most 1%" in found.expected


def test_an_endpoints_result_is_judged_by_its_own_files(tmp_path: Path) -> None:
    name = "mlperf-inference/6.1"
    base = submission(tmp_path, name, "wan-2.2-t2v-a14b", "datacenter", endpoints=True)
    assert {item.official_verdict for item in judged(tmp_path, name).items} == {"pass"}
    audit = base / "results/box/wan-2.2-t2v-a14b/Offline/audit/audit_output_caching_test.json"
    audit.write_text(json.dumps({"test": "output_caching_test", "passed": False}))
    report = judged(tmp_path, name)
    assert official(report) == {"official-audits": 1}
    audit.unlink()
    assert official(judged(tmp_path, name)) == {"official-audits": 1}


def test_an_open_benchmark_is_told_by_the_submitters_mapping(tmp_path: Path) -> None:
    base = submission(tmp_path, ROUND, division="open", folder="my-net", scenarios=["Offline"])
    assert official(judged(tmp_path))["official-benchmark"] == 1
    (base / "model_mapping.json").write_text('{"my-net": "resnet"}')
    assert official(judged(tmp_path)) == {}
    (base / "model_mapping.json").write_text("[]")
    assert (result(judged(tmp_path), "Offline").official_crash or "").startswith("AttributeError")


@pytest.mark.parametrize(
    ("part", "results"),
    [
        ("", 3),
        ("closed", 3),
        ("closed/Example", 3),
        ("closed/Example/results", 3),
        ("closed/Example/results/box/resnet", 3),
        ("closed/Example/results/box/resnet/Offline", 1),
        ("closed/Example/compliance/box/resnet/Offline/TEST01", 1),
        ("closed/Example/systems/box.json", 3),
    ],
)
def test_any_part_can_be_judged_and_has_its_verdict(part: str, results: int, round_: Path) -> None:
    report = judged(round_ / part)
    items = [item for item in report.items if item.kind == "result"]
    assert len(items) == results
    assert {item.official_verdict for item in items} == {"pass"}


def test_a_part_of_a_benchmark_is_judged_with_its_siblings_in_view(round_: Path) -> None:
    base = round_ / "closed/Example/results/box/resnet"
    shutil.rmtree(base / "MultiStream")
    (item,) = (i for i in judged(base / "Offline").items if i.kind == "result")
    assert (item.path, item.official_verdict) == (".", "fail")


def test_the_round_is_found_by_the_seeds_and_a_wrong_one_is_judged_all_the_same(round_: Path) -> None:
    assert checker.check(round_).ruleset == ROUND
    report = checker.check(round_, "mlperf-inference/5.0")
    first = report.findings[0]
    said = f"the seeds are those of {ROUND}; you asked for mlperf-inference/5.0"
    assert (first.rule, first.path, first.message) == ("round-as-given", "closed/Example", said)
    assert not {"official-seeds", "accuracy-seeds", "loadgen-version"} & {finding.rule for finding in report.findings}
    assert {item.verdict for item in report.items} == {item.official_verdict for item in report.items} == {"fail"}


def test_seeds_of_no_round_are_said_log_by_log(round_: Path) -> None:
    for log in round_.rglob("mlperf_log_detail.txt"):
        log.write_text(log.read_text().replace('rng_seed", "value": 1', 'rng_seed", "value": 2'))
    found = {finding.rule for finding in checker.check(round_, "mlperf-inference/5.0").findings}
    assert "official-seeds" in found
    assert "round-as-given" not in found


def test_a_folder_named_for_another_round_is_a_note(round_: Path) -> None:
    named = round_ / "inference_results_v4.1"
    named.mkdir()
    (round_ / "closed").rename(named / "closed")
    (note,) = [finding for finding in judged(named).findings if finding.rule == "round-as-named"]
    said = "the folder inference_results_v4.1 is named for MLPerf Inference 4.1, which Assay has no rules for"
    assert (note.severity, note.message) == ("note", f"{said}; judged by {ROUND}")
    named = named.rename(round_ / "inference_results_v5.1")
    assert "round-as-named" not in {finding.rule for finding in judged(named).findings}


def test_a_round_that_no_seed_tells_is_asked_for(tmp_path: Path) -> None:
    base = submission(tmp_path, ROUND)
    for log in base.rglob("mlperf_log_detail.txt"):
        log.write_text(log.read_text().replace("rng_seed", "other_seed"))
    with pytest.raises(UsageError, match="no log has a round's seeds"):
        checker.check(tmp_path)


def test_a_folder_named_closed_in_other_letters_is_passed_over_with_a_finding(round_: Path) -> None:
    (round_ / "Open/Example").mkdir(parents=True)
    report = judged(round_)
    assert [f.path for f in report.findings if f.rule == "mlperf-division"] == ["Open"]
    assert {item.path.split("/")[0] for item in report.items} == {"closed"}


def test_nothing_of_the_kind_is_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(NothingToCheckError):
        judged(tmp_path)


def test_the_json_gives_the_phases_of_results_only(round_: Path) -> None:
    body = json.loads(as_json.render(judged(round_)))
    phases = {item["kind"]: item.get("official_phases") for item in body["items"]}
    assert phases["organisation"] is None
    assert sorted(phases["result"]) == ["accuracy", "compliance", "measurements", "performance", "power", "system"]
