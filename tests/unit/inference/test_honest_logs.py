"""What an honest submission can say or hold is no error: fields nobody filled, another layout, one machine twice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from checker.core.findings import Finding
from checker.families.mlperf_inference.review import review
from rules.inference_review import review_rules
from tests.differential import inference_passing
from tests.unit.inference.published import edit_log, say, write

V5, V6 = "mlperf-inference/5.1", "mlperf-inference/6.0"
RUN, ACCURACY = "performance/run_1/mlperf_log_detail.txt", "accuracy/mlperf_log_detail.txt"
OFFLINE = "results/box/resnet/Offline"
SEEDS = ("effective_qsl_rng_seed", "effective_sample_index_rng_seed", "effective_schedule_rng_seed")


def resnet(root: Path, round_name: str = V5, **where: str) -> Path:
    return inference_passing.submission(root, round_name, "resnet", "edge", **where)


def found(root: Path, rule: str, round_name: str = V5) -> list[Finding]:
    return [finding for finding in review(root, round_name, jobs=1).findings if finding.rule == rule]


def add(log: Path, **values: object) -> None:
    log.write_text(log.read_text() + "".join(inference_passing.line(key, value) for key, value in values.items()))


# What LoadGen says of itself


@pytest.mark.parametrize("said", [*review_rules(V5).unknown, " NA ", "Unknown"])
def test_a_loadgen_whose_build_knew_no_revision_was_not_changed(said: str, tmp_path: Path) -> None:
    add(resnet(tmp_path) / OFFLINE / RUN, loadgen_git_status_message=said)
    assert not found(tmp_path, "loadgen-unaltered")
    assert len(found(tmp_path, "loadgen-revision-known")) == bool(said)


def test_a_loadgen_with_changed_sources_is_an_error(tmp_path: Path) -> None:
    add(resnet(tmp_path) / OFFLINE / RUN, loadgen_git_status_message=" M loadgen/loadgen.cc")
    assert [finding.severity for finding in found(tmp_path, "loadgen-unaltered")] == ["error"]
    assert not found(tmp_path, "loadgen-revision-known")


def test_a_submitter_is_told_once_that_no_revision_is_known_and_of_how_many_logs(tmp_path: Path) -> None:
    for log in sorted(resnet(tmp_path).rglob("results/**/mlperf_log_detail.txt"))[:4]:
        say(log, loadgen_version="5.1.0 @ NA")
        add(log, loadgen_git_status_message="NA")
    notes = found(tmp_path, "loadgen-revision-known")
    assert [finding.severity for finding in notes] == ["note"]
    assert "4 of 6 logs" in notes[0].message
    assert notes[0].found == '"5.1.0 @ NA" in 4'
    assert notes[0].line is not None


@pytest.mark.parametrize("version", ["5.1.0 @ NA", "5.1.0 @ "])
def test_a_version_without_a_revision_says_that_none_is_known(version: str, tmp_path: Path) -> None:
    say(resnet(tmp_path) / OFFLINE / RUN, loadgen_version=version)
    assert len(found(tmp_path, "loadgen-revision-known")) == 1


def test_an_accuracy_run_without_any_seed_is_asked_about_and_one_with_another_seed_fails(tmp_path: Path) -> None:
    log = resnet(tmp_path) / OFFLINE / ACCURACY
    say(log, **dict.fromkeys(SEEDS, 0))
    assert [finding.severity for finding in found(tmp_path, "accuracy-settings")] == ["warning"]
    assert not found(tmp_path, "accuracy-seeds")
    say(log, effective_qsl_rng_seed=7)
    assert [finding.severity for finding in found(tmp_path, "accuracy-seeds")] == ["error"]
    assert not found(tmp_path, "accuracy-settings")


def test_lines_of_before_the_test_may_bear_any_time(tmp_path: Path) -> None:
    log = resnet(tmp_path) / OFFLINE / RUN
    early = json.loads(inference_passing.line("generic_message", "x").removeprefix(":::MLLOG ")) | {
        "time_ms": 18446744001380.097
    }
    log.write_text(f":::MLLOG {json.dumps(early)}\n" * 3 + log.read_text())
    assert not found(tmp_path, "log-in-order")


def test_loadgen_makes_no_estimate_of_too_few_queries(tmp_path: Path) -> None:
    log = resnet(tmp_path) / "results/box/resnet/MultiStream" / RUN
    add(log, result_max_query_latency_ns=2_000_000)
    say(log, early_stopping_latency_ms=0, early_stopping_met=False)
    assert not [one for one in found(tmp_path, "percentiles-rise") if "MultiStream" in one.path]
    say(log, early_stopping_met=True)
    assert [one for one in found(tmp_path, "percentiles-rise") if "MultiStream" in one.path]


@pytest.mark.parametrize(
    ("division", "scenario", "errors"), [("open", "Server", 0), ("closed", "Server", 1), ("open", "Offline", 1)]
)
def test_bounds_of_latency_are_the_submitters_own_in_the_open_division(
    division: str, scenario: str, errors: int, tmp_path: Path
) -> None:
    base = inference_passing.submission(tmp_path, V6, "gpt-oss-120b", "datacenter", division=division)
    log = base / "results/box/gpt-oss-120b" / scenario / RUN
    say(log, result_validity="INVALID")
    add(log, result_min_duration_met=True, result_min_queries_met=True)
    assert len(found(tmp_path, "result-valid", V6)) == errors


def test_an_open_run_that_was_too_short_is_invalid_too(tmp_path: Path) -> None:
    log = resnet(tmp_path, division="open") / OFFLINE / RUN
    say(log, result_validity="INVALID")
    add(log, result_min_duration_met=False, result_min_queries_met=True)
    assert len(found(tmp_path, "result-valid")) == 1


# Compliance tests


def test_a_test_of_answers_may_be_invalid_and_a_test_of_speed_may_not(tmp_path: Path) -> None:
    base = inference_passing.submission(tmp_path / "oss", V6, "gpt-oss-120b", "datacenter")
    result = base / "results/box/gpt-oss-120b/Offline"
    for test in ("TEST07", "TEST09"):
        shutil.copytree(result / "performance", result / test / "performance")
        say(result / test / RUN, result_validity="INVALID", result_query_count=990)
    assert not found(tmp_path / "oss", "test-run-valid", V6)
    test = resnet(tmp_path / "edge") / "compliance/box/resnet/Offline/TEST01"
    say(test / RUN, result_validity="INVALID")
    assert len(found(tmp_path / "edge", "test-run-valid")) == 1


def test_a_test_without_its_settings_is_one_finding_with_all_of_them(tmp_path: Path) -> None:
    tests = resnet(tmp_path) / "compliance/box/resnet/Offline"
    log = tests / "TEST04" / RUN
    say(tests / "TEST01" / RUN, power_begin="07-14-2025 00:00:00.000")  # a run of its own
    say(log, power_begin="07-13-2025 00:00:00.000", result_samples_per_second=1e6)
    add(log, effective_performance_issue_same=False, effective_performance_issue_same_index=0)
    told = [finding for finding in found(tmp_path, "test-as-told") if finding.path.endswith(f"Offline/TEST04/{RUN}")]
    assert [finding.expected for finding in told] == [
        "effective_performance_issue_same true, effective_performance_issue_same_index 3"
    ]
    assert told[0].found == "false, 0"
    performs = found(tmp_path, "test-performs")
    assert not [finding for finding in performs if finding.path == told[0].path]  # it follows


def test_a_test_without_its_settings_hides_no_fault_of_another_test(tmp_path: Path) -> None:
    tests = resnet(tmp_path) / "compliance/box/resnet/Offline"
    say(tests / "TEST01" / RUN, power_begin="07-14-2025 00:00:00.000")  # runs of their own
    say(tests / "TEST04" / RUN, power_begin="07-13-2025 00:00:00.000", result_samples_per_second=1e9)
    add(tests / "TEST01" / RUN, effective_performance_issue_same=True)
    add(tests / "TEST04" / RUN, effective_performance_issue_same=True, effective_performance_issue_same_index=3)
    assert f"Offline/TEST01/{RUN}" in "".join(finding.path for finding in found(tmp_path, "test-as-told"))
    assert f"Offline/TEST04/{RUN}" in "".join(finding.path for finding in found(tmp_path, "test-performs"))


def test_many_errors_in_a_test_are_one_finding(tmp_path: Path) -> None:
    log = resnet(tmp_path) / "compliance/box/resnet/Offline/TEST04" / RUN
    log.write_text(log.read_text().replace('"is_error": false', '"is_error": true'))
    errors = found(tmp_path, "test-run-errors")
    assert [finding.severity for finding in errors] == ["warning"]
    assert ", and " in errors[0].message


def test_settings_shorter_than_the_rules_are_said_once(tmp_path: Path) -> None:
    write(resnet(tmp_path, V6) / OFFLINE / "user.conf", "*.Offline.min_duration = 60000\n")
    assert len(found(tmp_path, "conf-in-rules", V6)) == 1
    assert not found(tmp_path, "user-conf-as-run", V6)


# What lies beside results


LAYOUT: dict[str, tuple[str, Callable[[Path], object]]] = {
    "makefiles and folders of a shared code base": (
        "no-stray-files",
        lambda base: [write(base / name, "x") for name in ("Makefile", "VERSION", "configs/a.py", "docker/Dockerfile")],
    ),
    "files of an editor or a desktop": ("names-fit-git", lambda base: write(base / "src/.DS_Store", "x")),
    "a name with a blank": ("names-fit-git", lambda base: write(base / "src/read me.md", "x")),
    "compiled Python": ("no-caches", lambda base: write(base / "src/__pycache__/a.pyc", "x")),
    "an empty folder": ("no-empty-folders", lambda base: (base / "src/data").mkdir()),
    "output of a harness": ("runs-hold-logs", lambda base: write(base / OFFLINE / "accuracy/run.log.gz", "x")),
    "a system whose results were withdrawn": (
        "systems-have-results",
        lambda base: shutil.copy(base / "systems/box.json", base / "systems/idle.json"),
    ),
}


@pytest.mark.parametrize("name", LAYOUT)
def test_what_lies_about_is_noted_once_and_fails_nothing(name: str, tmp_path: Path) -> None:
    rule, put = LAYOUT[name]
    put(resnet(tmp_path, V6))
    assert [finding.severity for finding in found(tmp_path, rule, V6)] == ["note"]


def test_many_stray_files_are_one_note_with_their_number(tmp_path: Path) -> None:
    base = resnet(tmp_path, V6)
    for number in range(30):
        write(base / f"script{number:02}.sh", "x")
    notes = found(tmp_path, "no-stray-files", V6)
    assert len(notes) == 1
    assert "script00.sh" in notes[0].found
    assert notes[0].found.endswith("and 24 more")


def test_what_harnesses_write_into_a_runs_folder_is_known(tmp_path: Path) -> None:
    base = resnet(tmp_path, V6)
    write(base / OFFLINE / "accuracy/metadata.json", "{}")
    write(base / OFFLINE / "performance/run_1/metadata.json", "{}")
    assert not found(tmp_path, "runs-hold-logs", V6)


def test_a_second_log_beside_the_first_is_asked_about(tmp_path: Path) -> None:
    write(resnet(tmp_path, V6) / OFFLINE / "performance/run_1/first_mlperf_log_detail.txt", "x")
    assert [finding.severity for finding in found(tmp_path, "one-log-of-a-run", V6)] == ["warning"]
    assert not found(tmp_path, "runs-hold-logs", V6)


@pytest.mark.parametrize("folder", ["resnet50", "resnet", "resnets", "ResNet_50"])
def test_code_is_found_under_the_names_that_submitters_use(folder: str, tmp_path: Path) -> None:
    write(resnet(tmp_path, V6) / "src" / folder / "main.py", "x")
    assert not found(tmp_path, "code-of-benchmark", V6)


@pytest.mark.parametrize("folder", ["bert", "r", "s", "box"])
def test_benchmarks_without_code_of_that_name_are_asked_about_once(folder: str, tmp_path: Path) -> None:
    write(resnet(tmp_path, V6) / "src" / folder / "main.py", "x")
    assert [finding.severity for finding in found(tmp_path, "code-of-benchmark", V6)] == ["warning"]


@pytest.mark.parametrize(
    ("said", "document", "errors"),
    [("no", None, 0), ("None", None, 0), ("quantization", None, 1), ("UNSET", None, 1),
     ("quantization", "calibration.md", 0), ("quantization", f"{OFFLINE}/calibration_process.adoc", 0)],
)  # fmt: skip
def test_calibration_is_described_where_weights_were_transformed(
    said: str, document: str | None, errors: int, tmp_path: Path
) -> None:
    base = resnet(tmp_path, V6)
    for path in base.rglob("measurements.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"weight_transformations": said}))
    if document is not None:
        write(base / document, "how\n")
    assert len(found(tmp_path, "calibration-described", V6)) == errors


def test_settings_that_are_not_the_runs_are_asked_about(tmp_path: Path) -> None:
    write(resnet(tmp_path, V6) / OFFLINE / "user.conf", "*.Offline.min_duration = 60000\n")
    assert [finding.severity for finding in found(tmp_path, "conf-in-rules", V6)] == ["warning"]


# Runs beside each other


def test_one_run_may_stand_for_every_target_of_a_model(tmp_path: Path) -> None:
    for model in ("yolo-95", "yolo-99"):
        inference_passing.submission(tmp_path, V6, model, "edge")
    assert not found(tmp_path, "run-of-one-system", V6)


def _with_power(base: Path) -> None:
    for result in (base / "results/power").glob("*/*"):
        write(result / "performance/power/client.json", "{}")


def _own_run(base: Path) -> None:
    for log in (base / "results/power").rglob(RUN):
        say(log, power_begin="07-13-2025 10:00:00.000", power_end="07-13-2025 10:10:00.000")


def test_a_machine_published_again_with_power_is_one_warning_that_says_so(tmp_path: Path) -> None:
    resnet(tmp_path)
    _with_power(resnet(tmp_path, system="power"))
    twins = found(tmp_path, "power-twin")
    assert [finding.severity for finding in twins] == ["warning"]
    assert "equal times and latencies" in twins[0].message
    assert "once with its power measured" in twins[0].message
    assert "2 more results" in twins[0].message
    for rule in ("run-of-one-system", "runs-original", "accuracy-of-its-own", "tests-original"):
        assert not found(tmp_path, rule)


def test_a_machine_measured_again_for_power_may_share_the_accuracy_run(tmp_path: Path) -> None:
    resnet(tmp_path)
    base = resnet(tmp_path, system="power")
    _with_power(base)
    _own_run(base)
    twins = found(tmp_path, "power-twin")
    assert [finding.found for finding in twins] == ["the accuracy run and the run of TEST01 and the run of TEST04"]
    assert not found(tmp_path, "accuracy-of-its-own")
    assert not [one for one in found(tmp_path, "tests-original") if "/power/" in one.path and "/box/" in one.message]


@pytest.mark.parametrize("member", review_rules(V5).machine_members)
def test_a_run_shared_with_other_hardware_has_no_such_explanation(member: str, tmp_path: Path) -> None:
    resnet(tmp_path)
    base = resnet(tmp_path, system="power")
    _with_power(base)
    _own_run(base)
    described = base / "systems/power.json"
    described.write_text(json.dumps(json.loads(described.read_text()) | {member: "another"}))
    assert not found(tmp_path, "power-twin")
    assert "error" in {finding.severity for finding in found(tmp_path, "accuracy-of-its-own")}


def test_a_run_of_another_submitter_has_no_such_explanation(tmp_path: Path) -> None:
    resnet(tmp_path)
    _with_power(resnet(tmp_path, submitter="Other", system="power"))
    assert not found(tmp_path, "power-twin")
    assert {finding.severity for finding in found(tmp_path, "runs-original")} == {"error"}


# Power


def _samples(base: Path, watts: Callable[[int], float | None]) -> None:
    """Give a result a meter's samples, one a second over its load of 600 s; None leaves one out."""
    begin = datetime(2025, 7, 12, 23, 37, 58)
    write(base / OFFLINE / "performance/power/client.json", "{}")
    lines = []
    for second in range(606):
        at = begin + timedelta(seconds=second)
        if (value := watts(second)) is not None:
            lines.append(f"Time,{at:%m-%d-%Y %H:%M:%S}.123,Watts,{value:.6f},Volts,230.0\n")
    write(base / OFFLINE / "performance/run_1/spl.txt", "".join(lines))


def test_a_sample_every_second_is_enough(tmp_path: Path) -> None:
    _samples(resnet(tmp_path), lambda second: 100.0)
    assert not found(tmp_path, "power-sampled")


def test_a_gap_between_samples_is_named_with_its_length_and_line(tmp_path: Path) -> None:
    _samples(resnet(tmp_path), lambda second: None if 100 <= second < 120 else 100.0)
    gaps = found(tmp_path, "power-sampled")
    assert [finding.severity for finding in gaps] == ["warning"]
    assert gaps[0].found == "21.000 s without a sample"
    assert gaps[0].line == 101
    assert "places" not in gaps[0].message


def test_samples_that_the_mean_leaves_out_are_counted(tmp_path: Path) -> None:
    _samples(resnet(tmp_path), lambda second: -37.5 if second in (50, 51, 90) else 100.0)
    gaps = found(tmp_path, "power-sampled")
    assert gaps[0].found == "3.000 s without a sample"
    assert "in 2 places; 3 samples are not above 0 W" in gaps[0].message


@pytest.mark.parametrize("seconds", [range(30), range(580, 606)])
def test_a_load_that_was_not_sampled_at_its_begin_or_end_has_a_gap(seconds: range, tmp_path: Path) -> None:
    _samples(resnet(tmp_path), lambda second: None if second in seconds else 100.0)
    assert len(found(tmp_path, "power-sampled")) == 1


def test_samples_that_cannot_be_read_are_the_official_checks_matter(tmp_path: Path) -> None:
    base = resnet(tmp_path)
    _samples(base, lambda second: 100.0)
    for text in ("", "Time,\n", "Time,07-12-2025 23:40:00.000,Watts,x,\n", "Time,99-99-2025 23:40:00.000,Watts,1\n"):
        write(base / OFFLINE / "performance/run_1/spl.txt", text)
        assert not found(tmp_path, "power-sampled")
    edit_log(base / OFFLINE / RUN, "power_begin", lambda record: record.update(value=None))
    assert not found(tmp_path, "power-sampled")
