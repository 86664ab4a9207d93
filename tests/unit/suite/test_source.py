"""The source of a job is what it loads: all of that, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rules.published import transports
from rules.source import TRANSPORT
from suite.inputs import source

TRAINED = "image-classification"
SERVED = (TRAINED, "sentence-embedding", "text-generation")


@pytest.mark.parametrize("workload", SERVED)
def test_every_module_that_is_put_finds_what_it_imports_of_ours(workload: str, tmp_path: Path) -> None:
    for kind in (source.files, source.serving_files) if workload == TRAINED else (source.serving_files,):
        files = kind(workload)
        for name, content in files.items():
            path = tmp_path / kind.__name__ / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            for module in source._imports(content):
                file = module.replace(".", "/")
                there = (source.ROOT / f"{file}.py").is_file() or (source.ROOT / file).is_dir()
                assert not there or f"{file}.py" in files or f"{file}/__init__.py" in files, (name, module)


def test_what_no_result_runs_is_put_for_a_profile_alone() -> None:
    profiled = source.files(TRAINED, profile=True).keys() - source.files(TRAINED).keys()
    assert {Path(name).parent.name for name in profiled} == {"profilers", "harness"}
    assert "suite/harness/profile.py" in profiled


def test_training_and_serving_share_frameworks_and_have_each_their_own_rest() -> None:
    trained, served = source.files(TRAINED).keys(), source.serving_files(TRAINED).keys()
    assert "suite/harness/frameworks/jax.py" in trained & served
    assert not [name for name in trained if "/serve/" in name]
    assert not [name for name in served if "/trainers/" in name or name.endswith(("/train.py", "/optimisers.py"))]
    assert not [name for w in SERVED for name in source.serving_files(w) if name.endswith("/reference.py")]


@pytest.mark.parametrize(
    ("edited", "changed"),
    [
        ("suite/harness/transport/supervisor.py", "transport_sha256"),
        ("suite/harness/transport/progress.py", "transport_sha256"),
        ("suite/harness/log.py", "source_sha256"),
        ("suite/harness/train.py", "source_sha256"),
        ("suite/harness/job.py", "source_sha256"),
        ("suite/harness/trainers/jax.py", "source_sha256"),
        ("suite/workloads/image_classification/task.py", "source_sha256"),
    ],
)
def test_an_edit_changes_the_digest_of_its_own_part_alone(edited: str, changed: str) -> None:
    files = source.files(TRAINED)
    before, after = source.digests(files), source.digests(files | {edited: files[edited] + b"# changed\n"})
    assert {name for name in before if before[name] != after[name]} == {changed}


def test_no_number_of_a_run_can_reach_the_transport_by_an_import() -> None:
    files = source.files(TRAINED) | {name: body for w in SERVED for name, body in source.serving_files(w).items()}
    carried = {name for name in files if name.startswith(TRANSPORT)}
    for name in carried:
        assert all(f"{module.replace('.', '/')}/".startswith(TRANSPORT) for module in source._imports(files[name]))
    importing = {name for name in files.keys() - carried if "suite.harness.transport" in files[name].decode()}
    assert importing == {"suite/harness/log.py"}, "for progress lines, which are given a word and two counts"


def test_the_present_transport_was_read_and_is_listed() -> None:
    carried = source.digests(source.files(TRAINED))["transport_sha256"]
    assert carried in transports("assay/1.0"), "read what changed, then list it in rules/assay/1.0/transports.yaml"
    assert carried == source.digests(source.serving_files(TRAINED))["transport_sha256"]


def test_the_harness_says_what_is_wrong_from_its_own_files_alone(tmp_path: Path) -> None:
    for name, content in source.serving_files(SERVED[1]).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    words = [sys.executable, "-P", "-m", "suite.serve", str(tmp_path)]
    done = subprocess.run(words, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "job.json" in done.stderr
