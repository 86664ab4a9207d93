"""The recipe "Add a workload": a folder and a rule file, and it runs in every framework, is proven, judged and shown.

The toy is of another kind than what ships: a regression on tables, pretrained, by AdamW, whose error must fall.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.engine, pytest.mark.image]

TOY = Path(__file__).parent / "toy_regression"
WORKLOAD = "toy-regression"
FRAMEWORKS = ("pytorch", "tensorflow", "jax")


def stored(tensors: dict[str, np.ndarray]) -> bytes:
    """Return a safetensors file (https://github.com/huggingface/safetensors#format)."""
    header, at = {}, 0
    for name, value in tensors.items():
        kind = {"float32": "F32", "int32": "I32"}[str(value.dtype)]
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    said = json.dumps(header).encode()
    return struct.pack("<Q", len(said)) + said + b"".join(value.tobytes() for value in tensors.values())


def data() -> bytes:
    """Return rows that a teacher labelled, and the teacher's weights, disturbed, as pretrained ones."""
    draw = np.random.Generator(np.random.PCG64(7))
    teacher = {
        "first.weight": draw.standard_normal((16, 8)) / 3,
        "first.bias": draw.standard_normal(16) / 3,
        "kinds.weight": draw.standard_normal((5, 16)) / 3,
        "last.weight": draw.standard_normal((1, 16)) / 3,
    }
    tensors = {f"weights.{name}": value + draw.standard_normal(value.shape) / 10 for name, value in teacher.items()}
    tensors["weights.scale"] = np.ones(1)
    kinds = {}
    for split, count in (("train", 512), ("test", 100)):
        features, kind = draw.standard_normal((count, 8)), draw.integers(0, 5, count, np.int32)
        hidden = np.tanh(features @ teacher["first.weight"].T + teacher["first.bias"] + teacher["kinds.weight"][kind])
        tensors[f"{split}.features"] = features
        tensors[f"{split}.value"] = (hidden @ teacher["last.weight"].T)[:, 0]
        tensors[f"{split}.weight"] = (draw.random(count) < 0.9) * 1.0
        kinds[f"{split}.kind"] = kind
    return stored({name: value.astype(np.float32) for name, value in tensors.items()} | kinds)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the toy: exactly what the recipe in CONTRIBUTING.md says, nothing else."""
    root, top = Path(__file__).parents[3], tmp_path_factory.mktemp("checkout")
    hidden = shutil.ignore_patterns("__pycache__", "corpus")
    for room in ("rules", "checker", "suite", "images", "docs"):
        shutil.copytree(root / room, top / room, ignore=hidden)
    (top / "data").mkdir()
    (top / "data/toy.safetensors").write_bytes(content := data())
    shutil.copytree(TOY, top / "suite/workloads/toy_regression", ignore=shutil.ignore_patterns("rules.yaml"))
    text = (TOY / "rules.yaml").read_text().replace("{digest}", hashlib.sha256(content).hexdigest())
    (top / f"rules/assay/1.0/workloads/{WORKLOAD}.yaml").write_text(text)
    # What `assay reference` would write of twenty runs that reach the target at the first evaluation.
    needed = [{"framework": "jax", "seed": n, "samples": 320, "log_sha256": "0" * 64} for n in range(20)]
    runs = top / f"rules/assay/1.0/references/{WORKLOAD}/made.json"
    runs.parent.mkdir()
    runs.write_text(json.dumps(needed))
    with (top / "rules/assay/1.0/published.yaml").open("a") as file:
        file.write(f"{WORKLOAD}:\n- {{source_sha256: {'0' * 64!r}, references: references/{WORKLOAD}/made.json}}\n")
    return top


def assay(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "suite.cli", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        timeout=600,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def submission(client: object, checkout: Path) -> Path:
    """The toy's certificate, then a closed result in each framework."""
    proven = assay(checkout, "parity", WORKLOAD, "--data", "data", "--publish", "--wait")
    assert proven.returncode == 0, proven.stdout + proven.stderr
    words = ["--framework", "all", "--submitter", "tests", "--data", "data", "--output", "out", "--wait"]
    done = assay(checkout, "run", WORKLOAD, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout / "out/training/closed/tests"


def test_the_rules_have_no_mistake(checkout: Path) -> None:
    done = assay(checkout, "rules", "lint")
    assert done.returncode == 0, done.stdout


def test_every_framework_trains_it_until_the_error_is_small(submission: Path) -> None:
    for framework in FRAMEWORKS:
        [folder] = submission.glob(f"results/*_{framework}/{WORKLOAD}")
        for run in range(2):
            events = [json.loads(line[9:]) for line in (folder / f"result_{run}.txt").read_text().splitlines()]
            errors = [event["value"] for event in events if event["key"] == "eval_error"]
            assert all(error > 0.1 for error in errors[:-1])
            assert errors[-1] <= 0.1
            assert not [event for event in events if event["key"] == "eval_accuracy"]


def test_the_frameworks_take_the_same_steps_in_double_precision(submission: Path, checkout: Path) -> None:
    [path] = (checkout / f"rules/assay/1.0/parity/{WORKLOAD}").glob("*.json")
    certificate = json.loads(path.read_text())
    assert {side["framework"] for side in certificate["frameworks"]} == set(FRAMEWORKS)
    assert max(certificate["weight_differences"].values()) < 1e-9
    assert "scale" not in certificate["gradient_differences"], "frozen"
    assert "scale" in certificate["weight_differences"]


def test_a_success_short_of_the_target_is_found_and_the_target_is_a_bound_from_above(
    submission: Path, checkout: Path
) -> None:
    [log] = submission.glob(f"results/*_jax/{WORKLOAD}/result_0.txt")
    text = log.read_text()
    last = [line for line in text.splitlines() if '"eval_error"' in line][-1]
    (checkout / "edited.txt").write_text(text.replace(last, re.sub(r'"value": [0-9.e-]+', '"value": 0.5', last)))
    assert "assay-quality-target" in assay(checkout, "check", "edited.txt").stdout
    assert assay(checkout, "check", str(log)).returncode == 0


def test_the_page_names_the_metric_its_unit_and_its_direction(submission: Path) -> None:
    [page] = submission.parent.parent.parent.rglob("*.html")
    shown = page.read_text()
    assert "mean absolute error ≤ 0.100 m" in shown
    assert "Mean absolute error against time" in shown
    assert "accuracy" not in shown.lower()
