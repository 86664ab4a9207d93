"""A file that is empty, a pointer, another encoding or cut off is one finding that says so, before what follows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checker.core.files import state_of, state_of_json, state_of_tail
from checker.core.findings import Report
from checker.families.mlperf_inference.power.logs import seconds
from checker.families.mlperf_inference.power.session import MEMBERS, RECORDED
from checker.families.mlperf_inference.review import review as review_inference
from checker.families.mlperf_tiny.review import review as review_tiny
from checker.families.mlperf_training.review import review as review_training
from checker.report.render import text
from rules.cards import Severity
from rules.known_rounds import Archive, archive, known_rounds
from tests.differential import inference_passing, passing, tiny_passing
from tests.unit.spoiled import POINTER, SPOILED, beyond, spoil, told
from tests.unit.training import powering

TRAINING, INFERENCE, ANSWERS, ENDPOINTS, TINY = (
    "mlperf-training/5.1",
    "mlperf-inference/5.1",
    "mlperf-inference/6.0",
    "mlperf-inference/6.1",
    "mlperf-tiny/1.3",
)
LLAMA = "Example/results/box/llama2_70b_lora"
RESNET, TEST01 = "closed/Example/results/box/resnet/Offline", "closed/Example/compliance/box/resnet/Offline/TEST01"
QWEN = "closed/Example/results/box/qwen3-vl-235b-a22b/Offline"
IC = "closed/Example/results/box/ic"
DETAIL = "performance/run_1/mlperf_log_detail.txt"
ACCUSES = {
    "runs-original",
    "test-of-its-own",
    "run-of-one-system",
    "accuracy-of-its-own",
    "tests-original",
    "tiny-original",
}


def power(root: Path) -> None:
    """Lay a power session beside the Offline result, whose phases are in order."""
    folder, begin, end = root / RESNET / "performance", "07-12-2025 23:38:00.000", "07-12-2025 23:48:00.000"
    shutil.copytree(folder / "run_1", folder / "ranging")
    samples = "".join(f"Time,07-12-2025 23:{m}:30.000,Watts,90.0,Volts,230.0,Amps,0.4,PF,0.9\n" for m in range(38, 48))
    for run in ("ranging", "run_1"):
        inference_passing.write(folder / run / "spl.txt", samples)
    phase = [[seconds(begin) - 9, 0], [seconds(begin) - 1, 0], [seconds(end) + 1, 0]]
    record: dict[str, Any] = dict.fromkeys(MEMBERS, "") | {"results": dict.fromkeys(RECORDED, "0")}
    record["phases"] = {"ranging": phase, "testing": phase}
    for side in ("client", "server"):
        inference_passing.write(folder / f"power/{side}.json", json.dumps(record))
        inference_passing.write(folder / f"power/{side}.log", "log\n")
    inference_passing.write(folder / "power/ptd_logs.txt", "log\n")


def inference(root: Path) -> None:
    inference_passing.submission(root, INFERENCE)
    power(root)


def answers(root: Path) -> None:
    result = inference_passing.submission(root, ANSWERS, "gpt-oss-120b", "datacenter", scenarios=["Offline"])
    result /= "results/box/gpt-oss-120b/Offline"
    shutil.copytree(result / "performance", result / "TEST07/performance")


def training(root: Path) -> None:
    base = passing.organisation(root / "Example", TRAINING)
    for run in range(10):
        start, stop = powering.timed(TRAINING, run)
        readings = powering.text(powering.every_second(start, stop), (start - 2000, stop + 3000))
        inference_passing.write(base / f"results/box/llama2_70b_lora/power/result_{run}/node_0.txt", readings)


MAKERS: dict[str, tuple[Callable[[Path], object], Callable[[Path], Report]]] = {
    "training": (training, lambda root: review_training(root, TRAINING, jobs=1)),
    "inference": (inference, lambda root: review_inference(root, INFERENCE, jobs=1)),
    "single-file": (inference, lambda root: review_inference(root, INFERENCE, jobs=1, official="single-file")),
    "answers": (answers, lambda root: review_inference(root, ANSWERS, jobs=1)),
    "endpoints": (
        lambda root: inference_passing.submission(
            root, ENDPOINTS, "qwen3-vl-235b-a22b", "datacenter", scenarios=["Offline"], endpoints=True
        ),
        lambda root: review_inference(root, ENDPOINTS, jobs=1),
    ),
    "tiny": (lambda root: tiny_passing.submitter(root / "closed/Example"), lambda root: review_tiny(root, TINY)),
}
ALL = set(SPOILED)
WHOLE = ALL - {"cut"}  # files of which nobody can tell where they end
TEXT = WHOLE - {"marked"}  # where the mark does no harm, or is only noted
FILES: dict[tuple[str, str], set[str]] = {
    ("training", f"{LLAMA}/result_0.txt"): ALL - {"marked"},
    ("training", "Example/systems/box.json"): ALL,
    ("inference", f"{RESNET}/{DETAIL}"): ALL,
    ("inference", f"{RESNET}/accuracy/mlperf_log_detail.txt"): ALL,
    ("inference", f"{RESNET}/accuracy/accuracy.txt"): WHOLE,
    ("inference", f"{TEST01}/{DETAIL}"): ALL,
    ("inference", f"{TEST01}/verify_accuracy.txt"): WHOLE,
    ("inference", f"{TEST01}/verify_performance.txt"): TEXT,
    ("inference", "closed/Example/measurements/box/resnet/Offline/box_Offline.json"): ALL,
    ("inference", "closed/Example/systems/box.json"): ALL,
    ("inference", f"{RESNET}/performance/ranging/mlperf_log_detail.txt"): ALL,
    ("inference", f"{RESNET}/performance/ranging/spl.txt"): ALL - {"marked", "cut"},
    ("inference", f"{RESNET}/performance/run_1/spl.txt"): TEXT,
    ("inference", f"{RESNET}/performance/power/ptd_logs.txt"): TEXT,
    ("inference", f"{RESNET}/performance/power/client.json"): ALL,
    ("single-file", f"{RESNET}/{DETAIL}"): ALL,
    ("single-file", "closed/Example/systems/box.json"): ALL,
    ("answers", f"closed/Example/results/box/gpt-oss-120b/Offline/TEST07/{DETAIL}"): ALL,
    ("endpoints", f"{QWEN}/performance/result_summary.json"): ALL,
    ("endpoints", f"{QWEN}/accuracy/accuracy_results.json"): ALL,
    ("endpoints", f"{QWEN}/config.yaml"): TEXT,
    ("tiny", f"{IC}/performance/log.txt"): ALL - {"marked"},
    ("tiny", f"{IC}/accuracy/log.txt"): ALL - {"marked"},
    ("tiny", f"{IC}/performance/results.txt"): TEXT,
    ("tiny", f"{IC}/accuracy/results.txt"): TEXT,
    ("tiny", f"{IC}/performance/results.json"): ALL,
    ("tiny", "closed/Example/systems/box.json"): ALL,
}
SIDE: dict[tuple[str, str], set[str]] = {  # what no official program reads
    ("training", f"{LLAMA}/power/result_0/node_0.txt"): TEXT,
    ("inference", f"{RESNET}/accuracy/mlperf_log_accuracy.json"): WHOLE,
    ("inference", f"{RESNET}/performance/run_1/mlperf_log_summary.txt"): TEXT,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Report]]:
    """Give the tree of a family and what is said of it, made once."""
    known: dict[str, tuple[Path, Report]] = {}

    def make(family: str) -> tuple[Path, Report]:
        if family not in known:
            root = tmp_path_factory.mktemp(family.replace("-", "")) / "round"
            maker, judge = MAKERS[family]
            maker(root)
            known[family] = root, judge(root)
        return known[family]

    return make


def cases(files: dict[tuple[str, str], set[str]]) -> list[Any]:
    return [
        pytest.param(family, file, state, id=f"{family}-{'/'.join(file.split('/')[-2:])}-{state}")
        for (family, file), states in files.items()
        for state in sorted(states)
    ]


@pytest.mark.parametrize(("family", "file", "state"), cases(FILES))
def test_a_file_that_is_not_what_it_should_be_is_named_first_and_alone(
    made: Callable[[str], tuple[Path, Report]], tmp_path: Path, family: str, file: str, state: str
) -> None:
    good, before = made(family)
    root = tmp_path / "round"
    shutil.copytree(good, root)
    spoil(root / file, state)
    report = MAKERS[family][1](root)
    cause = told(beyond(report, before), file, state)
    assert cause.severity == Severity.ERROR
    assert report.verdict == "fail"


@pytest.mark.parametrize(("family", "file", "state"), cases(SIDE))
def test_a_file_that_no_official_program_reads_is_a_warning(
    made: Callable[[str], tuple[Path, Report]], tmp_path: Path, family: str, file: str, state: str
) -> None:
    good, before = made(family)
    root = tmp_path / "round"
    shutil.copytree(good, root)
    spoil(root / file, state)
    report = MAKERS[family][1](root)
    assert told(beyond(report, before), file, state).severity == Severity.WARNING
    assert [item.verdict for item in report.items] == [item.verdict for item in before.items]


@pytest.mark.parametrize(
    ("family", "file"), [("training", f"{LLAMA}/result_0.txt"), ("inference", f"{TEST01}/verify_performance.txt")]
)
def test_a_byte_order_mark_that_does_no_harm_is_a_note(
    made: Callable[[str], tuple[Path, Report]], tmp_path: Path, family: str, file: str
) -> None:
    good, before = made(family)
    root = tmp_path / "round"
    shutil.copytree(good, root)
    spoil(root / file, "marked")
    report = MAKERS[family][1](root)
    assert told(beyond(report, before), file, "marked").severity == Severity.NOTE
    assert [item.verdict for item in report.items] == [item.verdict for item in before.items]


@pytest.mark.parametrize("run", ["ranging/mlperf_log_detail.txt", "ranging/spl.txt", "run_1/spl.txt"])
def test_a_missing_file_of_a_power_measurement_is_said_to_be_missing_and_no_clock_is_blamed(
    made: Callable[[str], tuple[Path, Report]], tmp_path: Path, run: str
) -> None:
    good, before = made("inference")
    root, file = tmp_path / "round", f"{RESNET}/performance/{run}"
    shutil.copytree(good, root)
    (root / file).unlink()
    found = beyond(MAKERS["inference"][1](root), before)
    assert [(f.rule, f.path) for f in found] == [("power-files", file)]
    assert "missing" in found[0].message


@pytest.mark.parametrize("held", [b"", POINTER, b"<html></html>\n"])
def test_equal_files_without_a_record_are_nobodys_copy(tmp_path: Path, held: bytes) -> None:
    for name in ("Example", "Other"):
        inference_passing.submission(tmp_path / "inference", INFERENCE, submitter=name)
        passing.organisation(tmp_path / "training" / name, TRAINING)
    logs = [*tmp_path.glob("*/**/mlperf_log_detail.txt"), *tmp_path.glob("*/**/result_*.txt")]
    assert len(logs) > 30
    for log in logs:
        log.write_bytes(held)
    reports = (
        review_inference(tmp_path / "inference", INFERENCE, jobs=1),
        review_training(tmp_path / "training", TRAINING),
    )
    for report in reports:
        rules = [finding.rule for finding in report.findings]
        assert not ACCUSES & set(rules)
        assert rules.count("mlperf-file-readable") >= 20


def test_a_log_that_ends_before_loadgens_last_lines_is_said_to(
    made: Callable[[str], tuple[Path, Report]], tmp_path: Path
) -> None:
    good, before = made("inference")
    root = tmp_path / "round"
    shutil.copytree(good, root)
    log = root / RESNET / DETAIL
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:8]))
    cause, *others = beyond(MAKERS["inference"][1](root), before)
    assert "ends before LoadGen's last lines" in cause.message
    assert not others


def test_a_loose_log_is_told_like_one_of_a_result(tmp_path: Path) -> None:
    (tmp_path / "result_0.txt").write_bytes(POINTER)
    report = review_training(tmp_path / "result_0.txt", TRAINING)
    told(report.findings, "result_0.txt", "pointer")
    assert [item.official_verdict for item in report.items] == ["fail"]


def test_the_cause_stands_first_at_the_terminal(made: Callable[[str], tuple[Path, Report]], tmp_path: Path) -> None:
    root = tmp_path / "round"
    shutil.copytree(made("training")[0], root)
    spoil(root / LLAMA / "result_0.txt", "pointer")
    (root / LLAMA / "result_1.txt").unlink()
    said = text.render(MAKERS["training"][1](root))
    lines = [line.strip() for line in said.splitlines() if line.strip().startswith("error ")]
    assert lines[0].startswith("error mlperf-file-readable")
    assert "a pointer to 5,242,880 bytes" in said
    assert "git lfs pull" in said


def test_what_somebody_wrote_wrong_is_no_state_of_a_file() -> None:
    assert state_of(b"a text\n", 7) is None
    assert state_of("Größe\n".encode("latin-1"), 6) is None
    assert state_of(b"\n" * 4096, 9000) is None
    assert state_of_json(b'{"a": 1,}') is None
    assert state_of_json(b'{"a": NaN}') is None
    assert state_of_json(b"not JSON") is None
    assert state_of_tail(b':::MLLOG {"a": 1}', b":::MLLOG ") is None
    assert state_of_tail(b'rank 0: :::MLLOG {"a": 1}\nbye', b":::MLLOG ") is None


@pytest.mark.parametrize("kind", known_rounds().archives, ids=lambda kind: kind.name)
def test_a_file_is_an_archive_where_a_path_to_check_would_be(kind: Archive) -> None:
    held = b"\1" * kind.at + bytes.fromhex(kind.starts) + b"\1" * 300
    state = state_of(held, len(held))
    assert state is not None
    assert (state.name, state.found) == ("archive", archive(held)) == ("archive", kind.name)
