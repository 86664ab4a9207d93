"""Runs submitted twice: where something honest accounts for it a warning for the pair, else an error for each log."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from checker.core.findings import Finding
from checker.families.mlperf_training.review import review
from tests.differential import passing

ROUND = "mlperf-training/5.1"
BENCHMARK = "llama2_70b_lora"
RESULT = f"Example/results/box/{BENCHMARK}"
TWIN = f"Example/results/twin/{BENCHMARK}"
TIME = re.compile(r'"time_ms": (\d+)')


@pytest.fixture
def round_(tmp_path: Path) -> Path:
    """An organisation with one system, and its runs again under another."""
    root = tmp_path / "round"
    passing.organisation(root / "Example", ROUND)
    shutil.copytree(root / RESULT, root / TWIN)
    describe(root, "twin")
    return root


def describe(root: Path, system: str, **changed: str) -> None:
    described = passing.system_description(ROUND, **changed)
    (root / "Example" / "systems" / f"{system}.json").write_text(json.dumps(described))


def power(root: Path, result: str) -> None:
    """Add power data of every second to each run of a result."""
    for log in sorted((root / result).glob("result_*.txt")):
        times = [int(found) for found in TIME.findall(log.read_text())]
        lines = [{"key": "power_measurement_start", "value": None, "time_ms": times[0], "metadata": {}}]
        lines += [
            {"key": "power_reading", "value": 900, "time_ms": at, "metadata": {}}
            for at in range(times[0], times[-1] + 2000, 1000)
        ]
        lines.append({"key": "power_measurement_stop", "value": None, "time_ms": times[-1] + 2000, "metadata": {}})
        folder = root / result / "power" / log.stem
        folder.mkdir(parents=True)
        (folder / "node_0.txt").write_text(passing.text(lines))


def rewrite(folder: Path, change: Callable[[int, str], str]) -> None:
    for run, log in enumerate(sorted(folder.glob("result_*.txt"))):
        log.write_text(change(run, log.read_text()))


def later(text: str, by: Callable[[int], int]) -> str:
    """A log whose n-th line is `by(n)` milliseconds later."""
    places = iter(range(10**9))
    return TIME.sub(lambda found: f'"time_ms": {int(found[1]) + by(next(places))}', text)


def found(root: Path) -> tuple[Counter[tuple[str, str]], list[Finding]]:
    """What is said of runs made once: by severity and rule, and the findings."""
    rules = ("runs-original", "curves-original", "runs-shared", "runs-repeated")
    findings = [finding for finding in review(root, ROUND).findings if finding.rule in rules]
    return Counter((finding.severity, finding.rule) for finding in findings), findings


def test_the_same_runs_of_two_systems_are_copies(round_: Path) -> None:
    assert found(round_)[0] == {("error", "runs-original"): 10}


def test_the_same_runs_with_power_data_added_are_one_warning_with_the_explanation(round_: Path) -> None:
    power(round_, TWIN)
    counts, (finding,) = found(round_)
    assert counts == {("warning", "runs-shared"): 1}
    assert finding.path == TWIN
    assert f"10 of its runs are those of {RESULT}, times included" in finding.message
    assert "power" in finding.message


def test_the_twin_with_power_may_say_its_own_name_in_its_logs(round_: Path) -> None:
    """As a round has published it: the logs differ in `submission_platform` alone."""
    power(round_, TWIN)
    rewrite(round_ / TWIN, lambda _, text: text.replace('"1xExample"', '"1xExample-POWER"'))
    assert found(round_)[0] == {("warning", "runs-shared"): 1}


def test_power_data_account_for_no_copy_between_different_machines(round_: Path) -> None:
    power(round_, TWIN)
    describe(round_, "twin", accelerators_per_node="4")
    assert found(round_)[0] == {("error", "runs-original"): 10}


def test_power_data_account_for_no_copy_of_another_submitter(round_: Path) -> None:
    power(round_, RESULT)
    shutil.rmtree(round_ / "Example" / "results" / "twin")
    shutil.copytree(round_ / "Example", round_ / "Other")
    (round_ / "Other" / "systems" / "box.json").write_text(
        json.dumps(passing.system_description(ROUND, submitter="Other"))
    )
    assert found(round_)[0] == {("error", "runs-original"): 10}


def test_files_of_power_without_a_reading_account_for_no_copy(round_: Path) -> None:
    for run in range(10):
        folder = round_ / TWIN / "power" / f"result_{run}"
        folder.mkdir(parents=True)
        (folder / "node_0.txt").write_text("no reading\n")
    assert found(round_)[0] == {("error", "runs-original"): 10}


def test_a_description_copied_with_the_logs_makes_nobody_their_submitter(round_: Path) -> None:
    shutil.rmtree(round_ / "Example/results/twin")
    shutil.copytree(round_ / "Example", round_ / "Thief")
    power(round_, RESULT.replace("Example", "Thief"))
    assert found(round_)[0] == {("error", "runs-original"): 10}


def test_a_submitters_second_folder_may_add_power_data(round_: Path) -> None:
    """As a round has published it: `smc`, and `smc-ac-power` with the same runs, both described as one submitter's."""
    shutil.rmtree(round_ / "Example/results/twin")
    (round_ / "Example").rename(round_ / "exa")
    shutil.copytree(round_ / "exa", round_ / "exa-ac-power")
    power(round_, RESULT.replace("Example", "exa-ac-power"))
    assert found(round_)[0] == {("warning", "runs-shared"): 1}


def test_a_run_twice_in_one_result_is_no_matter_of_power(round_: Path) -> None:
    """As a round has published it: five runs listed as ten, then with the launcher's lines around them."""
    power(round_, TWIN)
    for run in range(5):
        text = (round_ / TWIN / f"result_{run}.txt").read_text()
        (round_ / TWIN / f"result_{run + 5}.txt").write_text("+ srun\n" + text)
    counts, findings = found(round_)
    assert counts == {("error", "curves-original"): 5, ("warning", "runs-shared"): 1}
    assert {finding.path for finding in findings if finding.severity == "error"} == {
        f"{TWIN}/result_{run}.txt" for run in range(5, 10)
    }


def test_five_runs_listed_as_ten_are_so_in_every_system_that_lists_them(round_: Path) -> None:
    for run in range(5):
        text = (round_ / RESULT / f"result_{run}.txt").read_text()
        (round_ / RESULT / f"result_{run + 5}.txt").write_text("+ srun\n" + text)
    shutil.rmtree(round_ / TWIN)
    shutil.copytree(round_ / RESULT, round_ / TWIN)
    power(round_, TWIN)
    assert found(round_)[0] == {("error", "curves-original"): 10, ("warning", "runs-shared"): 1}


def test_a_run_with_another_seed_at_the_same_times_is_an_edited_log(round_: Path) -> None:
    """As a round has published it: two logs of one result differ in the seed alone."""
    power(round_, TWIN)
    rewrite(round_ / TWIN, lambda run, text: text.replace(f'"value": {1000 + run},', f'"value": {2000 + run},'))
    counts, findings = found(round_)
    assert counts == {("error", "curves-original"): 10}
    assert all("and so are the times" in finding.message for finding in findings)


def test_a_run_with_its_times_moved_as_a_whole_is_the_same_run(round_: Path) -> None:
    rewrite(round_ / TWIN, lambda _, text: later(text, lambda _: 864_000_000))
    assert found(round_)[0] == {("error", "curves-original"): 10}


def test_the_same_seed_with_the_same_losses_at_other_times_is_a_run_made_again(round_: Path) -> None:
    """Software that computes bit for bit the same does this, so it is asked for and nobody is accused."""
    rewrite(round_ / TWIN, lambda run, text: later(text, lambda line: 864_000_000 + (run + 7) * 13 * line))
    counts, (finding,) = found(round_)
    assert counts == {("warning", "runs-repeated"): 1}
    assert finding.found == "the same seed"
    assert f"10 runs show the losses and evaluations of one of {RESULT}" in finding.message


@pytest.mark.parametrize(
    ("division", "rule"), [("closed", ("error", "curves-original")), ("open", ("warning", "runs-repeated"))]
)
def test_one_run_listed_as_two_of_a_result_with_its_times_moved_is_an_edited_log(
    tmp_path: Path, division: str, rule: tuple[str, str]
) -> None:
    """The seed logged from another line of source passes the official check; each run was to have its own."""
    passing.organisation(tmp_path / "Example", ROUND, division=division)
    folder = tmp_path / RESULT
    moved = later((folder / "result_0.txt").read_text(), lambda line: 7_200_000 + 13 * line)
    (folder / "result_1.txt").write_text(moved.replace('"lineno": ', '"lineno": 1'))
    assert found(tmp_path)[0] == {rule: 1}


def test_another_seed_with_the_same_losses_is_no_run_made_again(round_: Path) -> None:
    rewrite(round_ / TWIN, lambda run, text: later(text, lambda line: 864_000_000 + (run + 7) * 13 * line))
    rewrite(round_ / TWIN, lambda run, text: text.replace(f'"value": {1000 + run},', f'"value": {2000 + run},'))
    assert found(round_)[0] == {("error", "curves-original"): 10}


def test_an_edited_copy_of_another_submitter_hides_behind_no_run_made_again(round_: Path) -> None:
    """Ten deterministic runs without a seed show one course; one of them has the times of somebody else's."""
    shutil.rmtree(round_ / "Example" / "results" / "twin")
    bare = [record for record in passing.records(BENCHMARK, ROUND) if record["key"] != "seed"]
    for run in range(10):
        moved = later(passing.text(bare), lambda line, run=run: 3_600_000 * run + 17 * run * line)
        (round_ / RESULT / f"result_{run}.txt").write_text(moved)
    passing.organisation(round_ / "Other", ROUND, begins_hours=5000)
    theirs = later(passing.text(bare), lambda line: 86_400_000 + 999 * line)
    (round_ / "Other" / "results" / "box" / BENCHMARK / "result_0.txt").write_text(theirs)
    (round_ / RESULT / "result_5.txt").write_text(theirs.replace('"Example"', '"EXAMPLE"'))
    errors = [finding for finding in found(round_)[1] if finding.severity == "error"]
    assert [(finding.rule, finding.path.partition("/")[0]) for finding in errors] == [("curves-original", "Other")]


def test_no_result_goes_free_because_many_others_are_copies(round_: Path) -> None:
    for number in range(4):
        shutil.copytree(round_ / RESULT, round_ / f"Example/results/more{number}/{BENCHMARK}")
        describe(round_, f"more{number}")
    report = review(round_, ROUND)
    failed = {item.path for item in report.items if item.kind == "log" and item.verdict == "fail"}
    assert len(failed) == 50


def test_runs_of_a_throughput_measurement_may_be_those_of_the_time_to_solution() -> None:
    from dataclasses import replace

    from checker.families.mlperf_training.copies import RunTrace, runs_original, runs_shared

    strong = RunTrace(
        "a/strong/r1", "a/strong", "Lab", "Lab", "cosmoflow", "strong", (), False, 9, 1, "c", "p", (), True
    )
    weak = replace(strong, path="b/weak/r1", result="b/weak", scaling="weak")
    assert list(runs_original([strong, weak])) == []
    (problem,) = runs_shared([strong, weak])
    assert "throughput" in problem.message
    assert list(runs_original([strong, replace(weak, organisation="Other", submitter="Other")])) != []
    assert list(runs_original([strong, replace(weak, scaling="strong")])) != []
