"""The recipes "Add a workload" and "Add a framework", in a round that extends the newest: run, proven, judged, shown.

The toy is of another kind than what ships: a regression on tables, pretrained, by AdamW, whose error must fall. The
framework that is added is numpy.
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
import yaml

pytestmark = [pytest.mark.engine, pytest.mark.image]

TOY, FRAMEWORK = (Path(__file__).parent / name for name in ("toy_regression", "toy_framework"))
WORKLOAD, ROUND = "toy-regression", "assay/1.1"
FRAMEWORKS = ("pytorch", "tensorflow", "jax", "numpy")


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
    """A checkout with a round of its own that has the toy, in a framework more: by the recipes, and nothing else."""
    root, top = Path(__file__).parents[3], tmp_path_factory.mktemp("checkout")
    hidden = shutil.ignore_patterns("__pycache__", "corpus")
    for room in ("rules", "checker", "suite", "images", "docs"):
        shutil.copytree(root / room, top / room, ignore=hidden)
    added_round(top / "rules" / ROUND)
    added_workload(top)
    added_framework(top)
    return top


def added_round(folder: Path) -> None:
    """Add a round: it extends the newest and says what differs, here nothing yet."""
    folder.mkdir()
    (folder / "ruleset.yaml").write_text("{title: A round with a toy, extends: assay/1.0}\n")


def added_workload(top: Path) -> None:
    """Add a workload: a folder, its rule file in the round, and what `assay reference` would write of it."""
    (top / "data").mkdir()
    (top / "data/toy.safetensors").write_bytes(content := data())
    shutil.copytree(TOY, top / "suite/workloads/toy_regression", ignore=shutil.ignore_patterns("rules.yaml"))
    text = (TOY / "rules.yaml").read_text().replace("{digest}", hashlib.sha256(content).hexdigest())
    runs = f"references/{WORKLOAD}/made.json"
    # Twenty runs that reach the target at the first evaluation.
    needed = [{"framework": "jax", "seed": n, "samples": 320, "log_sha256": "0" * 64} for n in range(20)]
    write(top / "rules" / ROUND / f"workloads/{WORKLOAD}.yaml", text)
    write(top / "rules" / ROUND / runs, json.dumps(needed))
    listed = {WORKLOAD: [{"source_sha256": "0" * 64, "references": runs}]}
    write(top / "rules" / ROUND / "published.yaml", yaml.safe_dump(listed))


def added_framework(top: Path) -> None:
    """Add a framework: numpy. Its lock has the wheels that every image has, as `assay images lock` would write it."""
    write(top / "suite/harness/frameworks/numpy.py", (FRAMEWORK / "framework.py").read_text())
    write(top / "suite/harness/trainers/numpy.py", (FRAMEWORK / "trainer.py").read_text())
    matrix, locked = top / "images/matrix.yaml", (top / "images/wheels/jax-cpu.txt").read_text()
    lock = "".join(re.findall(r"^(?:numpy|safetensors)==(?:.*\\\n)*.*\n", locked, re.MULTILINE))
    write(top / "images/wheels/numpy-cpu.txt", lock)
    version = re.search(r"numpy==\S+", lock)
    assert version is not None
    cells = f"cells:\n  - {{framework: numpy, target: cpu, requirements: [{version[0]}], lock: wheels/numpy-cpu.txt}}\n"
    matrix.write_text(matrix.read_text().replace("cells:\n", cells))
    wheels = {"wheels": ["numpy"], "wheel_lock_sha256": hashlib.sha256(lock.encode()).hexdigest()}
    images = {"targets": {"cpu": {"frameworks": {"numpy": wheels}}}}
    write(top / "rules" / ROUND / "images.yaml", yaml.safe_dump(images))
    workload = top / "suite/workloads/toy_regression"
    write(workload / "numpy.py", (FRAMEWORK / "model.py").read_text())
    with (workload / "workload.yaml").open("a") as file:
        file.write("  numpy: {threads: 1, memory_mib: 1024}\n")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


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


def test_a_framework_that_is_added_is_measured_and_judged_by_the_round_that_has_it(
    submission: Path, checkout: Path
) -> None:
    [record] = submission.glob(f"results/*_numpy/{WORKLOAD}/result_0.json")
    said = json.loads(record.read_text())
    assert (said["ruleset"], said["framework"]) == (ROUND, "numpy")
    assert (
        record.parents[3] / f"benchmarks/{WORKLOAD}/implementations/numpy/suite/harness/trainers/numpy.py"
    ).is_file()
    judged = assay(checkout, "check", str(record.parent), "--format", "json")
    assert json.loads(judged.stdout)["ruleset"] == ROUND
    assert judged.returncode == 0, judged.stdout


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
    [path] = (checkout / f"rules/{ROUND}/parity/{WORKLOAD}").glob("*.json")
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
