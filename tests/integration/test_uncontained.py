"""`assay run --uncontained` as a user meets it: no engine, what was used captured, and nothing claimed beyond it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from checker.machine.energy import above_idle
from checker.machine.metering import Reading, energy, total
from rules.documents import Outcome, RunRecord, SystemDescription
from rules.observation import Observation
from tests.benchmarks.bench_container import bare_python
from tests.integration.toy.checkout import SHORT, SLOW, WORKLOAD, Checkout

pytestmark = pytest.mark.machine

DRIVER = "580.95.05, NVIDIA H100 80GB HBM3, 81559, {used}, {busy}, 29, Enabled, Enabled, 700.00, 345, 1980, 2619"
NO_ENGINE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


@pytest.fixture(scope="module")
def python(toy: Checkout) -> Path:
    """An environment with exactly the wheels of the toy framework's image; made once."""
    code = "from tests.benchmarks.bench_container import bare_python; print(bare_python('numpy'))"
    both = f"{toy.top}{os.pathsep}{Path(__file__).parents[2]}"
    return Path(toy.done([sys.executable, "-c", code], PYTHONPATH=both).stdout.strip())


def assay(toy: Checkout, output: Path, interpreter: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return toy.done(toy.run(output, "--uncontained", str(interpreter), *more), **NO_ENGINE)


def begun(toy: Checkout, output: Path, interpreter: Path) -> subprocess.Popen[str]:
    """Begin a result whose every run takes seconds."""
    words, env = toy.run(output, "--uncontained", str(interpreter), *SLOW), toy.environment | NO_ENGINE
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=toy.top, env=env)


def shipped(output: Path, interpreter: Path | str, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run what ships: image classification in PyTorch."""
    words = ["run", "image-classification", "--framework", "pytorch", "--submitter", "tests", "--wait"]
    words = [sys.executable, "-m", "suite.cli", *words, "--uncontained", str(interpreter), "--output", str(output)]
    env = os.environ | NO_ENGINE | environment
    return subprocess.run([*words, *more], capture_output=True, text=True, timeout=900, check=False, env=env)


def result(output: Path) -> Path:
    [folder] = (output / "uncontained/training/open/tests/results").glob(f"*/{WORKLOAD}")
    return folder


def findings(toy: Checkout, folder: Path) -> list[dict[str, Any]]:
    """Return what the checker finds."""
    return json.loads(toy.assay("check", str(folder), "--format", "json").stdout)["findings"]


def records(folder: Path) -> list[RunRecord]:
    return [RunRecord.model_validate_json(path.read_bytes()) for path in sorted(folder.glob("result_?.json"))]


@pytest.fixture(scope="module")
def short(toy, python: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A result of three runs short of the target."""
    output = tmp_path_factory.mktemp("short")
    return output, assay(toy, output, python, *SHORT)


def test_it_needs_no_engine_and_says_before_what_happens(short) -> None:
    output, done = short
    assert "target cpu: measured on this machine uncontained" in done.stderr
    assert "not a submission" in done.stderr
    assert not (output / "training").exists()
    assert len(records(result(output))) == 3


def test_what_ran_is_captured_whole(short, toy, python: Path) -> None:
    for record in records(result(short[0])):
        assert not record.contained
        assert record.image is None
        assert record.interpreter is not None
        assert record.interpreter.path == str(python)
        assert record.interpreter.version.startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
        locked = (toy.top / "images/wheels/numpy-cpu.txt").read_text()
        pins = dict(re.findall(r"^(\S+)==(\S+)", locked, re.MULTILINE))
        assert pins.items() <= record.interpreter.distributions.items()
        assert record.container.engine == "none"
        assert record.memory is not None
        assert record.memory.source == "process ru_maxrss"
        assert record.steps is not None
        assert len(record.steps.seconds) == 20
        assert record.steps.device_seconds is None  # a processor has no clock beside the host's
        assert record.observation is not None
    [path] = (result(short[0]).parents[2] / "systems").glob("*.json")
    description = SystemDescription.model_validate_json(path.read_bytes())
    assert not description.assay.contained
    assert description.assay.engine == "none"
    assert float(description.assay.target["memory_gib"]) > 0


def test_the_checker_refuses_it_and_finds_nothing_else_but_what_it_is(short, toy) -> None:
    output, done = short
    errors = {found["rule"] for found in findings(toy, result(output)) if found["severity"] == "error"}
    assert errors == {"assay-uncontained", "assay-runs-converged"}
    assert done.returncode == 1  # short of the target
    assert done.stdout.splitlines()[-1].startswith("measured uncontained, and other rules FAILED; not a submission")


def test_a_run_to_the_target_succeeds_for_what_it_claims(toy, python: Path, tmp_path: Path) -> None:
    done = assay(toy, tmp_path, python)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("measured uncontained; not a submission")
    judged = json.loads(toy.assay("check", str(result(tmp_path)), "--format", "json").stdout)
    assert judged["verdict"] == "fail"
    assert {found["rule"] for found in judged["findings"] if found["severity"] == "error"} == {"assay-uncontained"}
    [score] = judged["scores"]
    assert score["training"]["score_s"] is not None
    assert {record.outcome for record in records(result(tmp_path))} == {Outcome.SUCCESS}
    again = assay(toy, tmp_path, python)
    assert again.returncode == 0
    assert "checking it again" in again.stderr


def test_a_killed_runner_leaves_no_process_and_its_runs_go_on(toy, python: Path, tmp_path: Path) -> None:
    runner = begun(toy, tmp_path, python)
    deadline = time.monotonic() + 300
    while not list(tmp_path.glob("uncontained/.work/**/started_1")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(0.5)
    runner.send_signal(signal.SIGKILL)
    runner.communicate()
    while list(processes(tmp_path)):
        assert time.monotonic() < deadline, "a process outlived its runner"
        time.sleep(0.1)
    refused = assay(toy, tmp_path, python, *SLOW)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr
    first = next(tmp_path.glob("uncontained/.work/**/result_0.txt")).read_bytes()
    assert assay(toy, tmp_path, python, *SLOW, "--resume").returncode == 1
    assert (result(tmp_path) / "result_0.txt").read_bytes() == first
    assert [len(record.earlier_attempts) for record in records(result(tmp_path))] == [0, 1, 0]


def processes(folder: Path):
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in entry.read_bytes():
                yield entry.parent.name
        except OSError:
            continue


def test_interrupt_ends_in_a_sentence_and_no_process(toy, python: Path, tmp_path: Path) -> None:
    runner = begun(toy, tmp_path, python)
    deadline = time.monotonic() + 300
    while not list(tmp_path.glob("uncontained/.work/boxes/job/source/**/train.py")):
        assert runner.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    runner.send_signal(signal.SIGINT)
    _, said = runner.communicate(timeout=60)
    assert runner.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    assert not list(processes(tmp_path))


def test_an_idle_baseline_is_sampled_first_and_both_energies_are_shown(toy, python: Path, tmp_path: Path) -> None:
    """A meter by file that says 50 W until the first run begins, then 150 W."""
    log, ended = tmp_path / "meter.csv", threading.Event()
    log.write_text(f"{time.time()},50.0\n")

    def meter() -> None:
        while not ended.wait(0.1):
            watts = 150.0 if any("started_0" in names for _, _, names in os.walk(tmp_path)) else 50.0
            with log.open("a") as file:
                file.write(f"{time.time()},{watts}\n")

    writer = threading.Thread(target=meter)
    writer.start()
    try:
        done = assay(toy, tmp_path, python, *SLOW, "--power-log", str(log), "--idle-baseline", "20")
    finally:
        ended.set()
        writer.join()
    assert done.returncode == 1, done.stderr  # short of the target
    folder = result(tmp_path)
    assert {record.idle.sha256 for record in records(folder) if record.idle} == {
        hashlib.sha256((folder / "observation_idle.json").read_bytes()).hexdigest()
    }
    assert not {found["rule"] for found in findings(toy, folder)} & {"assay-idle-fit", "assay-idle", "assay-arguments"}
    # No run reached the target, so there is no mean; of one run both energies follow from its samples.
    seen = Observation.model_validate_json((folder / "observation_0.json").read_bytes())
    at_rest = Observation.model_validate_json((folder / "observation_idle.json").read_bytes())
    start, stop = seen.clocks[0].monotonic_s + 0.3, seen.clocks[-1].monotonic_s - 0.3
    taken = total(energy(seen, start, stop))
    assert isinstance(taken, Reading)
    above = above_idle([taken], [stop - start], at_rest)
    assert above.watts == pytest.approx(50.0, rel=0.005)
    assert above.joules == pytest.approx(100.0 * (stop - start), rel=0.005)


def test_a_baseline_that_no_meter_measures_ends_the_command(toy, python: Path, tmp_path: Path) -> None:
    if list(Path("/sys/class/powercap").glob("*/energy_uj")):
        pytest.skip("this machine has a meter")
    done = assay(toy, tmp_path, python, *SHORT, "--idle-baseline", "20")
    assert done.returncode == 5, done.stderr
    assert "nothing says what the idle machine takes" in done.stderr


REFUSED = {
    "too short a baseline": (sys.executable, ("--idle-baseline", "5"), 2, "give 20 s or more"),
    "no such file": ("/nowhere/python", (), 2, "No such file"),
    "no Python": ("/bin/true", (), 2, "not a working Python"),
    "the framework is missing": (sys.executable, (), 2, "has no safetensors"),
    "a limit there is not": (sys.executable, ("--memory", "512"), 2, "--memory limits a container"),
    "inference": (sys.executable, ("--scenario", "Offline"), 2, "--uncontained is for training"),
    "another machine": (sys.executable, ("--target", "jetson"), 5, "needs a Jetson"),
}


@pytest.mark.parametrize("why", sorted(REFUSED))
def test_what_cannot_run_is_one_sentence_and_nothing_is_made(tmp_path: Path, why: str) -> None:
    interpreter, more, code, said = REFUSED[why]
    done = shipped(tmp_path, interpreter, *more)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("uncontained/.work/*/*"))


def nvidia_smi(folder: Path, line: str | None) -> str:
    """Put a driver's program before all others, which knows one GPU, or says that there is none."""
    script = folder / "nvidia-smi"
    script.write_text("#!/bin/sh\n" + (f"echo '{line}'\n" if line else "echo no driver >&2\nexit 9\n"))
    script.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (None, "needs a machine with an NVIDIA GPU: driver: not exposed by this machine"),
        (DRIVER.format(used=9000, busy=0), "gpu memory used mib: 9000, at most 1024 is allowed"),
        (DRIVER.format(used=4, busy=99), "gpu utilisation percent: 99, at most 5 is allowed"),
        (DRIVER.format(used=4, busy=0).replace("580.95.05", "470.57.02"), "driver: 470.57.02, at least 525.60.13"),
    ],
)
def test_a_gpu_that_cannot_be_measured_is_refused_before_anything_runs(tmp_path: Path, line, said) -> None:
    if Path("/proc/driver/nvidia/version").exists():
        pytest.skip("this machine has a driver of its own")
    (tmp_path / "bin").mkdir()
    path = nvidia_smi(tmp_path / "bin", line)
    done = shipped(tmp_path, sys.executable, "--target", "cuda", PATH=path)
    assert done.returncode == 5, done.stderr
    assert said in done.stderr
    assert "fix:" in done.stderr


def test_a_framework_that_sees_no_gpu_fails_and_does_not_fall_back(tmp_path: Path) -> None:
    if Path("/proc/driver/nvidia/version").exists():
        pytest.skip("this machine has a GPU")
    (tmp_path / "bin").mkdir()
    path = nvidia_smi(tmp_path / "bin", DRIVER.format(used=4, busy=0))
    done = shipped(tmp_path, bare_python("pytorch"), "--target", "cuda", PATH=path)
    assert done.returncode == 1
    assert "the harness ended with exit code 1" in done.stderr
    assert "CUDA" in done.stderr
