"""A job is run as the host described it, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from suite.inputs import source


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job folder with the real source and one small data file."""
    files = source.files("image-classification")
    for name, content in files.items():
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/pictures").write_bytes(b"pictures")
    members: dict[str, Any] = {
        "mode": "train",
        "workload": "image-classification",
        "framework": "nothing",
        "division": "open",
        "target": "cpu",
        "run": 0,
        "seed": 1,
        "threads": 1,
        "submission": {"org": "tests", "platform": "tests"},
        "ruleset": "assay/1.0",
        **source.digests(files),
        "data": {"pictures": hashlib.sha256(b"pictures").hexdigest()},
        "hyperparameters": {},
        "evaluation": {"first_step": 1, "every_steps": 1},
        "quality": {"metric": "top-1 accuracy", "log": "eval_accuracy", "better": "higher", "target": 0.9},
        "schedule": "linear",
        "warmup_steps": 1,
    }
    (tmp_path / "job.json").write_text(json.dumps(members))
    return tmp_path


def run(folder: Path) -> tuple[int, str]:
    """Return exit code and standard error of the harness, run from the job's own source."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "source"), "PYTHONDONTWRITEBYTECODE": "1"}
    words = [sys.executable, "-P", "-m", "suite.harness", str(folder)]
    done = subprocess.run(words, env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def change(folder: Path, **members: Any) -> None:
    path = folder / "job.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **members}))


def refused(folder: Path, *words: str) -> None:
    code, said = run(folder)
    assert code == 2
    assert len(said.splitlines()) == 1, said
    assert all(word in said for word in words), said


def test_a_changed_source_file_is_refused(job: Path) -> None:
    (job / "source/suite/workloads/image_classification/jax.py").write_text("# changed")
    refused(job, "source is not what the host put here")


def test_a_changed_transport_is_refused_by_its_own_name(job: Path) -> None:
    (job / "source/suite/harness/transport/supervisor.py").write_text("# changed")
    refused(job, "transport is not what the host put here")


def test_a_source_file_too_many_is_refused(job: Path) -> None:
    (job / "source/suite/more.py").write_text("")
    refused(job, "source is not what the host put here")


def test_a_link_among_the_source_is_refused(job: Path) -> None:
    (job / "source/suite/link.py").symlink_to("/etc/passwd")
    refused(job, "link.py")


def test_changed_data_is_refused_by_name(job: Path) -> None:
    (job / "data/pictures").write_bytes(b"Pictures")
    refused(job, "pictures", hashlib.sha256(b"Pictures").hexdigest())


@pytest.mark.parametrize("name", ["../job.json", "/etc/passwd", "missing"])
def test_a_data_name_cannot_leave_its_folder(job: Path, name: str) -> None:
    change(job, data={name: "0" * 64})
    refused(job, "missing")


@pytest.mark.parametrize(
    "members",
    [{"seed": "1"}, {"seed": True}, {"threads": 1.5}, {"mode": "play"}, {"data": []}, {"surprise": 1}],
)
def test_a_member_of_the_wrong_type_or_name_is_refused(job: Path, members: dict[str, Any]) -> None:
    change(job, **members)
    refused(job, "job.json", *members)


def test_more_threads_than_cores_are_refused(job: Path) -> None:
    change(job, threads=10_000)
    refused(job, "10000 threads")
