"""The toy in a checkout of its own: a round, a workload and a framework more, each by its recipe and nothing else.

The workload is of another kind than what ships: a regression on tables, pretrained, by AdamW, whose error must fall.
The framework is numpy, which loads at once: a run takes a second. What a test says of how results are made (killed,
resumed, refused, observed) holds for any workload in any framework.
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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

WORKLOAD, ROUND = "toy-regression", "assay/1.1"
# Twenty steps that lead nowhere: a result short of its target.
SHORT = ("--runs", "3", "--set", "opt_learning_rate_training_steps=20", "--set", "opt_base_learning_rate=1e-9")
# The same, long enough to be met in mid-run (of a name given twice the last counts).
SLOW = (*SHORT, "--set", "opt_learning_rate_training_steps=100")
FRAMEWORKS = ("pytorch", "tensorflow", "jax", "numpy")
HERE = Path(__file__).parent
TOY, FRAMEWORK = HERE / "regression", HERE / "framework"


@dataclass(frozen=True)
class Checkout:
    """A checkout with the toy, and the program run in it."""

    top: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to import this checkout's rooms."""
        return os.environ | {"PYTHONPATH": str(self.top)}

    def command(self, *words: str) -> list[str]:
        """Return the words of `assay WORDS`; to be run in `top`, in `environment`."""
        return [sys.executable, "-m", "suite.cli", *words]

    def run(self, output: Path, *more: str) -> list[str]:
        """Return the words of an open result in numpy, to be written below `output`."""
        words = ["--framework", "numpy", "--division", "open", "--submitter", "tests", "--data", "data", "--wait"]
        return self.command("run", WORKLOAD, *words, "--output", str(output), *more)

    def assay(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `assay WORDS`; no traceback, whatever comes."""
        return self.done(self.command(*words), **environment)

    def done(self, words: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in this checkout to its end."""
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.top,
            env=self.environment | environment,
            timeout=600,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done


def checkout(top: Path) -> Checkout:
    """Make a checkout at an empty folder."""
    root = HERE.parents[2]
    hidden = shutil.ignore_patterns("__pycache__", "corpus")
    for room in ("rules", "checker", "suite", "images", "docs"):
        shutil.copytree(root / room, top / room, ignore=hidden)
    added_round(top / "rules" / ROUND)
    added_workload(top)
    added_framework(top)
    return Checkout(top)


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
    matrix, targets = top / "images/matrix.yaml", {}
    for name, kind in (("cpu", "cpu"), ("jetson", "arm64")):
        locked = (top / f"images/wheels/jax-{kind}.txt").read_text()
        lock = "".join(re.findall(r"^(?:numpy|safetensors)==(?:.*\\\n)*.*\n", locked, re.MULTILINE))
        write(top / f"images/wheels/numpy-{kind}.txt", lock)
        [version] = re.findall(r"numpy==\S+", lock)
        cell = f"{{framework: numpy, target: {name}, requirements: [{version}], lock: wheels/numpy-{kind}.txt}}"
        matrix.write_text(matrix.read_text().replace("cells:\n", f"cells:\n  - {cell}\n"))
        wheels = {"wheels": ["numpy"], "wheel_lock_sha256": hashlib.sha256(lock.encode()).hexdigest()}
        targets[name] = {"frameworks": {"numpy": wheels}}
    write(top / "rules" / ROUND / "images.yaml", yaml.safe_dump({"targets": targets}))
    workload = top / "suite/workloads/toy_regression"
    write(workload / "numpy.py", (FRAMEWORK / "model.py").read_text())
    with (workload / "workload.yaml").open("a") as file:
        file.write("  numpy: {threads: 1, memory_mib: 1024}\n")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


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
