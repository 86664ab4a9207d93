"""`make run` to its PASS, then every single edit of what it wrote is named by the checker."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import checker
from rules.documents import RunRecord

pytestmark = [pytest.mark.engine, pytest.mark.image, pytest.mark.machine]


@pytest.fixture(scope="module")
def submission(client, tmp_path_factory) -> Path:
    """A closed result in PyTorch, made by the command that `make run` calls."""
    output = tmp_path_factory.mktemp("submissions")
    words = ["run", "image-classification", "--submitter", "tests", "--wait", "--output", str(output)]
    done = subprocess.run([sys.executable, "-m", "suite.cli", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS" in done.stdout
    return output / "training" / "closed" / "tests"


@pytest.fixture
def copy(submission, tmp_path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(submission, tmp_path / "training" / "closed" / "tests"))


def result(submitter: Path) -> Path:
    [folder] = (submitter / "results").glob("*/*")
    return folder


def complaints(submitter: Path) -> list[tuple[str, str, int | None]]:
    report = checker.check(submitter)
    return [(f.rule, f.path, f.line) for f in report.findings if f.severity == "error"]


def test_the_result_passes_and_carries_its_provenance(submission):
    report = checker.check(submission)
    assert report.passed
    assert not [f for f in report.findings if f.severity == "error"]
    records = [RunRecord.model_validate_json(p.read_bytes()) for p in sorted(result(submission).glob("result_?.json"))]
    assert len(records) == 5
    assert len({r.seed for r in records}) == 5
    assert all(r.memory and r.steps and r.final_weights and r.receipts for r in records)
    assert (result(submission) / "sbom.cdx.json").exists()
    assert (result(submission) / "parity.json").exists()


def test_the_official_checkers_parser_accepts_every_log(submission):
    from mlperf_logging.compliance_checker.mlp_parser import parse_file

    for log in sorted(result(submission).glob("result_?.txt")):
        records, errors = parse_file(str(log), "5.1.0")
        assert errors == []
        assert len(records) == len(log.read_text().splitlines())


def test_every_single_line_edit_of_a_log_is_named_by_file_and_line(submission, copy):
    log = result(copy) / "result_2.txt"
    lines = log.read_text().splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        event = json.loads(line.partition(":::MLLOG ")[2])
        value = event["value"]
        event["value"] = value + 1 if isinstance(value, int | float) else f"{value}x"
        log.write_text("".join([*lines[: number - 1], f":::MLLOG {json.dumps(event)}\n", *lines[number:]]))
        found = complaints(copy)
        assert any(path.endswith(("result_2.txt", "manifest.json")) for _, path, _ in found), line
    log.write_text("".join(lines))
    assert complaints(copy) == []


def test_a_weight_a_seed_a_digest_a_hyperparameter_changed_is_named(copy):
    folder = result(copy)
    record = folder / "result_1.json"
    pristine = record.read_bytes()
    given = json.loads(pristine)
    for member, value in [
        ("seed", given["seed"] + 1),
        ("source_sha256", "0" * 64),
        ("initial_weights_sha256", "0" * 64),
        ("hyperparameters", given["hyperparameters"] | {"opt_momentum": 0.8}),
        ("threads", given["threads"] + 1),
        ("log", given["log"] | {"sha256": "0" * 64}),
        ("image", given["image"] | {"wheel_lock_sha256": "0" * 64}),
        ("container", given["container"] | {"network": "bridge"}),
    ]:
        record.write_text(json.dumps(given | {member: value}))
        assert any(path.endswith("result_1.json") for _, path, _ in complaints(copy)), member
    record.write_bytes(pristine)

    weights = folder / "result_3.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert any(path.endswith("result_3.safetensors") for _, path, _ in complaints(copy))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_byte_changed_anywhere_fails_the_check(copy, data):
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files))
    pristine = path.read_bytes()
    at = data.draw(st.integers(0, max(len(pristine) - 1, 0)))
    spoilt = bytearray(pristine or b" ")
    spoilt[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(spoilt)
    try:
        assert complaints(copy), f"{path.name}, byte {at}"
    finally:
        path.write_bytes(pristine)
