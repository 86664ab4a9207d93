"""Targets on a real engine: what it lacks is said in a second, and what stands in for a board is an emulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from rules.errors import Exit, MachineError
from suite.engines.docker import questions
from suite.engines.docker.engine import DockerEngine
from suite.images import matrix
from suite.images.matrix import target
from suite.inference.procedure import Inference
from suite.result.produce import produce
from suite.result.request import Request
from suite.targets import emulation
from suite.targets.data import Access, Emulation
from tests.integration.toy.checkout import WORKLOAD

pytestmark = pytest.mark.engine

HANDLER = emulation.BINFMT / "qemu-aarch64"


def assay(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a user does."""
    command = [sys.executable, "-m", "suite.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def amd64(client):
    """An engine on an x86-64 machine that is no board and has no GPU."""
    if client.info()["Architecture"] != "x86_64":
        pytest.skip("the engine's machine is not x86-64")
    return client


@pytest.mark.parametrize(
    ("name", "access", "means"),
    [
        ("cuda", Access(gpus=1), "the engine cannot give a container a GPU"),
        ("rocm", Access(devices=("/dev/kfd",)), "has no AMD GPU (/dev/kfd or /dev/dri is missing)"),
    ],
)
def test_a_machine_without_the_device_is_refused_before_anything_is_built(
    amd64, name: str, access: Access, means: str
) -> None:
    if questions.refusal(amd64, "amd64", access) is None:
        pytest.skip("this engine has the device")
    started = time.monotonic()
    with pytest.raises(MachineError) as refused:
        DockerEngine(amd64).mode(name, target(name))
    assert time.monotonic() - started < 5
    assert refused.value.message.startswith(f"target {name} cannot run on this machine: ")
    assert means in refused.value.message
    assert refused.value.fix


@pytest.mark.parametrize("more", [[], ["--scenario", "all"]])
def test_a_run_on_a_gpu_that_is_not_there_ends_in_one_sentence_with_the_fix(amd64, tmp_path: Path, more) -> None:
    """In training as in inference, before anything is fetched or built."""
    if questions.refusal(amd64, "amd64", target("cuda").access) is None:
        pytest.skip("this engine has a GPU")
    done = assay("run", "image-classification", "--target", "cuda", "--output", str(tmp_path), *more)
    assert done.returncode == Exit.MACHINE
    first, fix = done.stderr.splitlines()
    assert first == "assay: target cuda cannot run on this machine: the engine cannot give a container a GPU"
    assert fix.strip().startswith("fix: on the engine's machine install NVIDIA's driver and nvidia-container-toolkit")
    assert not done.stdout


def test_inference_on_a_board_without_loadgen_ends_in_one_sentence(amd64, tmp_path: Path) -> None:
    for framework in ("pytorch", "all"):
        done = assay(
            *("run", "image-classification", "--target", "jetson", "--scenario", "all", "--framework", framework),
            *("--output", str(tmp_path)),
        )
        assert done.returncode == Exit.USAGE
        assert "for inference on jetson: LoadGen (mlcommons-loadgen) has no wheel" in done.stderr.splitlines()[0]
        assert len(done.stderr.splitlines()) == 2


def test_inference_is_refused_where_only_an_emulator_could_run_it(amd64, tmp_path: Path, monkeypatch) -> None:
    """As it would be if LoadGen had a wheel for arm64; today no cell is there to come so far."""
    table = matrix.matrix()
    there = next(
        each for each in table.cells if (each.framework, each.suite, each.target) == ("jax", "inference", "cpu")
    )
    added = table.model_copy(update={"cells": [*table.cells, there.model_copy(update={"target": "jetson"})]})
    monkeypatch.setattr(matrix, "matrix", lambda: added)
    asked = dict.fromkeys(("runs", "threads", "memory_mib", "data", "system_file"))
    asked |= {"workload": "image-classification", "framework": "jax", "target": "jetson", "division": "open"}
    asked |= {"submitter": "tests", "settings": [], "output": tmp_path, "scenario": "all"}
    asked |= dict.fromkeys(("resume", "discard", "replace"), False)
    with pytest.raises(MachineError, match="inference on jetson is measured on a Jetson; under emulation") as refused:
        produce(Inference, Request(**asked), print)
    assert "DOCKER_HOST=ssh://" in refused.value.fix


def test_a_runtime_that_the_engine_lacks_is_named(amd64) -> None:
    if "nvidia" in amd64.info()["Runtimes"]:
        pytest.skip("this engine has NVIDIA's runtime")
    said = questions.refusal(amd64, "amd64", target("jetson").access)
    assert said is not None
    known = target("jetson").refusal(said)
    assert known is not None
    assert known.means == "the engine has no runtime `nvidia`"


def test_a_trial_leaves_no_container_behind(amd64) -> None:
    assert questions.refusal(amd64, "amd64") is None
    assert questions.refusal(amd64, "amd64", Access(runtime="nowhere")) is not None
    names = [name for found in amd64.api.containers(all=True) for name in found["Names"]]
    assert not [name for name in names if name.startswith("/assay-trial-")]


def test_a_target_of_another_architecture_that_nothing_emulates_is_refused(amd64) -> None:
    board = target("jetson").model_copy(update={"emulation": None})
    with pytest.raises(MachineError, match=r"target jetson needs a Jetson .*, and this machine is amd64") as refused:
        DockerEngine(amd64).mode("jetson", board)
    assert "DOCKER_HOST=ssh://" in refused.value.fix


def test_what_will_happen_and_how_long_it_takes_is_said_before(amd64) -> None:
    mode = DockerEngine(amd64).mode("jetson", target("jetson"))
    short = target("jetson").emulation
    assert isinstance(short, Emulation)
    assert mode.emulation == short
    assert mode.access == Access()
    for part in ("is not a Jetson", "emulation (qemu)", "not a performance result", f"about {short.minutes} minutes"):
        assert part in mode.sentence


@pytest.fixture
def unregistered(amd64):
    """The kernel has no handler for arm64, as on a machine that was just set up; it has one again afterwards."""
    if os.geteuid() != 0:
        pytest.skip("registering an emulator needs root")
    if not HANDLER.exists() and questions.refusal(amd64, "arm64") is None:
        pytest.skip("somebody else registered an emulator for arm64")
    if HANDLER.exists():
        HANDLER.write_text("-1")
    yield amd64
    emulation.ensure(partial(questions.refusal, amd64), "arm64", local=True)


@pytest.mark.machine
def test_without_qemu_the_sentence_says_what_to_type(unregistered) -> None:
    with pytest.raises(MachineError, match="cannot run programs for arm64: qemu is absent") as refused:
        emulation.ensure(partial(questions.refusal, unregistered), "arm64", local=False)
    assert "apt-get install qemu-user-static" in refused.value.fix
    assert questions.refusal(unregistered, "arm64") is not None


@pytest.mark.machine
def test_qemu_is_installed_and_registered_where_root_may(unregistered, capsys: pytest.CaptureFixture[str]) -> None:
    emulation.ensure(partial(questions.refusal, unregistered), "arm64", local=True)
    assert questions.refusal(unregistered, "arm64") is None
    assert "registering qemu for arm64" in capsys.readouterr().err
    emulation.ensure(partial(questions.refusal, unregistered), "arm64", local=True)
    assert capsys.readouterr().err == ""


@pytest.mark.image
@pytest.mark.machine
@pytest.mark.parametrize("toys", [True, pytest.param(False, marks=pytest.mark.long)])
@pytest.mark.skipif(bool(os.environ.get("ASSAY_SKIP_EMULATION")), reason="ASSAY_SKIP_EMULATION is set")
def test_a_smoke_run_passes_for_what_it_claims_and_is_refused_for_more(amd64, toy, tmp_path: Path, toys: bool) -> None:
    """The toy in numpy; of what ships, PyTorch's image for arm64 is fetched and built first, and takes minutes."""
    if os.geteuid() != 0 and questions.refusal(amd64, "arm64") is not None:
        pytest.skip("registering an emulator needs root")
    workload, framework = (WORKLOAD, "numpy") if toys else ("image-classification", "pytorch")
    data = ["--data", "data"] if toys else []
    output = ["--output", str(tmp_path)]
    done = toy.assay("run", workload, "--target", "jetson", "--framework", framework, *data, *output)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "smoke run under emulation: passed; not a performance result"
    assert not (tmp_path / "training").exists()
    [result] = (tmp_path / "functional/training/open/local/results").glob(f"*/{workload}")
    assert f"_jetson_{framework}" in result.parent.name
    report = json.loads(toy.assay("check", str(tmp_path / "functional"), "--format", "json").stdout)
    assert report["verdict"] == "fail"
    [about] = {found["message"] for found in report["findings"] if found["rule"] == "assay-emulated"}
    assert "emulated" in about
