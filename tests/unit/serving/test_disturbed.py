"""A test that fails by its pace names what disturbed the machine and is made again; one that fails by more is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from checker.core.findings import Finding
from rules.scenarios import Scenario
from rules.serving import serving_rules
from rules.serving_documents import REPEATED, RunName, ServingOutcome, ServingRecord
from suite.inference import compliance
from suite.inference.context import InferenceContext
from suite.inference.plan import InferencePlan
from suite.inference.retry import taken_back, undone
from suite.inference.search import offer_less
from suite.inference.staging import InferenceWork
from tests.unit.serving.trees import ROUND, Measured

Make = Callable[[], Measured]
OURS = "{ours}/SingleStream"


def faster(submission: Measured, run: str = "TEST04") -> None:
    """Halve a run's latencies, and with them its score."""
    name = f"{OURS}/{run}/latencies.bin"
    submission.put_latencies(name, submission.latencies(name), times=0.5)
    detail = f"{{scenario}}/{run}/performance/run_1/mlperf_log_detail.txt"
    score = submission.value(detail, "early_stopping_latency_ss")
    submission.say(detail, early_stopping_latency_ss=round(score / 20))
    submission.forge(name, detail)


def disturb(submission: Measured, run: str) -> None:
    """Let all processors but the run's be busy, and one more."""
    name = f"{OURS}/{run}/observation.json"
    body = json.loads(submission.path(name).read_bytes())
    submission.edit_json(name, {"values.0": [3 * time for time in body["times_s"]]})
    submission.forge(name)


def findings(submission: Measured, rule: str) -> list[Finding]:
    return [found for found in submission.check().findings if found.rule == f"assay-inference-{rule}"]


def test_a_test_that_fails_by_time_names_what_disturbed_the_machine(measured: Make) -> None:
    submission = measured()
    faster(submission)
    assert all("disturbed" not in found.message for found in findings(submission, "test04"))
    disturb(submission, "TEST04")
    found = findings(submission, "test04")
    assert found
    assert all("the machine was disturbed meanwhile: TEST04: other programs ran (1." in one.message for one in found)
    assert all(one.fix.startswith("measure again on a quiet machine; if it fails there too: answer") for one in found)
    assert all(one.severity == "error" for one in found)


def test_the_performance_runs_disturbance_is_named_too(measured: Make) -> None:
    submission = measured()
    faster(submission)
    disturb(submission, "performance")
    assert "disturbed meanwhile: performance: other programs" in findings(submission, "test04")[0].message


def test_no_disturbance_excuses_other_answers(measured: Make) -> None:
    submission = measured()
    there = "{scenario}/TEST01/accuracy/mlperf_log_accuracy.json"
    logged = json.loads(submission.path(there).read_bytes())
    submission.write(there, json.dumps([answer | {"data": "07000000"} for answer in logged]))
    submission.forge(there)
    disturb(submission, "TEST01")
    [found] = findings(submission, "test01")
    assert "disturbed" not in found.message + found.fix


def why(submission: Measured, test: str) -> str:
    folder = submission.marks["{result}"]
    return compliance.off_pace(submission.root, ROUND, folder, "SingleStream", test)


def test_a_failure_by_pace_is_worth_another_try(measured: Make) -> None:
    submission = measured()
    disturb(submission, "TEST04")
    assert why(submission, "TEST04") == ""  # it passed
    faster(submission)
    assert "first answer takes longer" in why(submission, "TEST04")
    assert "while the machine was disturbed: other programs ran" in why(submission, "TEST04")
    submission.watch()  # a steady machine's samples
    assert "first answer takes longer" in why(submission, "TEST04")
    assert "disturbed" not in why(submission, "TEST04")


def test_a_run_whose_answers_differ_is_not_made_again(measured: Make) -> None:
    submission = measured()
    faster(submission, "TEST01")
    assert why(submission, "TEST01")
    there = "{scenario}/TEST01/accuracy/mlperf_log_accuracy.json"
    logged = json.loads(submission.path(there).read_bytes())
    submission.write(there, json.dumps([answer | {"data": "07000000"} for answer in logged]))
    assert why(submission, "TEST01") == ""


def at_work(submission: Measured, folder: Path, scenario: Scenario) -> InferenceContext:
    """A work folder that holds the runs of one scenario of the submission."""
    record = ServingRecord.model_validate_json(
        submission.path(f"{{ours}}/{scenario}/performance/record.json").read_bytes()
    )
    shared = {name: getattr(record, name) for name in InferencePlan.model_fields if name in ServingRecord.model_fields}
    rules = serving_rules(ROUND, record.workload)
    plan = InferencePlan(
        **{name: value for name, value in shared.items() if name != "schema_"},
        scenarios={scenario: rules.scenarios[scenario]},
        tests=["TEST01", "TEST04", "seeds"],
        memory_bytes=record.container.memory_bytes,
        cpuset=record.container.cpuset,
    )
    work = InferenceWork(folder / "work", plan)
    shutil.copytree(submission.root, work.at(""))
    return InferenceContext(runner=None, work=work, rules=rules, files=[], arguments=[])  # type: ignore[arg-type]


def test_a_run_with_other_seeds_need_not_be_valid_but_long_enough(measured: Make) -> None:
    submission = measured()
    log = f"{OURS}/seeds/mlperf_log_detail.txt"
    submission.say(log, result_validity="INVALID", early_stopping_met=False)
    assert why(submission, "seeds") == ""
    for key in ("result_min_duration_met", "result_min_queries_met"):
        submission.say(log, **{key: False})
        assert key in why(submission, "seeds")
        submission.say(log, **{key: True})


@pytest.fixture
def bench(measured: Make, tmp_path: Path) -> tuple[InferenceContext, Path]:
    """A work folder whose TEST04 failed while the machine was disturbed."""
    submission = measured()
    faster(submission)
    disturb(submission, "TEST04")
    made = at_work(submission, tmp_path, "SingleStream")
    return made, made.work.at("") / submission.path(f"{OURS}/TEST04/record.json").relative_to(submission.root)


def again(bench: tuple[InferenceContext, Path], run: RunName = "TEST04") -> str | None:
    return taken_back(bench[0], "SingleStream", run)


def test_such_a_run_is_noted_and_taken_back(bench: tuple[InferenceContext, Path]) -> None:
    made, record = bench
    assert again(bench) == "TEST04"
    assert not record.exists()
    [attempt] = made.work.start("SingleStream-TEST04")
    assert attempt.outcome == "off-pace"
    assert "other programs ran" in attempt.explanation


def test_where_its_tries_do_not_help_the_performance_run_is_made_again_once(
    bench: tuple[InferenceContext, Path],
) -> None:
    made, record = bench
    work = made.work
    for outcome in REPEATED:
        work.note("SingleStream-TEST04", outcome, "")
    there = record.read_bytes(), (record.parents[1] / "performance/record.json").read_bytes()
    assert again(bench) == "performance"
    runs: list[RunName] = ["TEST01", "TEST04", "seeds", "accuracy", "performance"]
    assert [run for run in runs if work.record("SingleStream", run)] == []
    [attempt] = work.start("SingleStream-performance")
    assert attempt.outcome == "off-pace"
    assert "because TEST04 always fails" in attempt.explanation
    assert [one.outcome for one in work.start("SingleStream-seeds")] == ["off-pace"]
    # Made again, and off again, as often as may be: then it stays as it is.
    (record.parents[1] / "performance/record.json").write_bytes(there[1])
    for tries in range(3):
        record.write_bytes(there[0])
        assert again(bench) == (None if tries == 2 else "TEST04")


def test_server_is_offered_less_where_its_tests_could_not_bear_the_rate(measured: Make, tmp_path: Path) -> None:
    submission = measured()
    name = "{ours}/Server/TEST04/latencies.bin"
    submission.put_latencies(name, submission.latencies(name), times=0.1)
    submission.forge(name)
    made = at_work(submission, tmp_path, "Server")
    before = made.work.search()
    record = made.work.at("") / submission.path("{ours}/Server/TEST04/record.json").relative_to(submission.root)
    assert before
    kept = record.read_bytes()
    for number, wanted in enumerate(("TEST04", "TEST04", "performance")):
        record.write_bytes(kept)
        assert taken_back(made, "Server", "TEST04") == wanted
        after = made.work.search()
        assert after
        assert after.rates["Server"] == pytest.approx(before.rates["Server"] * (1 if number < 2 else 0.81))
    assert after.rates | {"Server": 0} == before.rates | {"Server": 0}
    assert after.probes == before.probes


def test_a_kill_after_the_rate_was_lowered_lowers_it_once(measured: Make, tmp_path: Path) -> None:
    made = at_work(measured(), tmp_path, "Server")
    before = made.work.search()
    for _ in range(2):
        offer_less(made, "Server")
    after = made.work.search()
    assert before
    assert after
    assert after.rates["Server"] == pytest.approx(before.rates["Server"] * 0.81)


def test_a_kill_while_runs_are_taken_back_leaves_none_that_counts(bench: tuple[InferenceContext, Path]) -> None:
    made, _ = bench
    undone(made)
    assert made.work.record("SingleStream", "performance")
    # Noted, and killed before the records were gone.
    made.work.note("SingleStream-performance", ServingOutcome.OFF_PACE, "")
    undone(made)
    runs: list[RunName] = ["TEST01", "TEST04", "seeds", "accuracy", "performance"]
    assert [run for run in runs if made.work.record("SingleStream", run)] == []


def test_the_performance_run_by_itself_is_never_taken_back(bench: tuple[InferenceContext, Path]) -> None:
    assert again(bench, "performance") is None
    assert again(bench, "TEST01") is None  # it passed


def test_who_makes_a_run_too_often_is_found_out(measured: Make) -> None:
    def attempts(run: str, outcome: str, count: int) -> None:
        name = f"{OURS}/{run}/record.json"
        submission.edit_json(name, {"earlier_attempts": [{"outcome": outcome, "explanation": ""}] * count})
        submission.forge(name)

    submission = measured()
    attempts("TEST04", "off-pace", 2)
    assert not findings(submission, "tries")
    attempts("TEST04", "off-pace", 5)
    assert "TEST04 run was made more often" in findings(submission, "tries")[0].message
    attempts("performance", "off-pace", 1)
    assert not findings(submission, "tries")
    attempts("performance", "off-pace", 2)
    assert "performance run was made more often" in findings(submission, "tries")[0].message
    attempts("performance", "invalid", 6)
    attempts("TEST04", "invalid", 2)
    assert not findings(submission, "tries")
