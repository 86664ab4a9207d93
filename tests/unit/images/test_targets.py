"""Targets are data: each file is complete, a missing cell says why, and a new target is files and nothing else."""

from __future__ import annotations

import shutil
from itertools import product
from pathlib import Path

import pytest

from rules.errors import UsageError
from suite.engines.docker.sandbox import options
from suite.images import matrix
from suite.targets.data import Access, read

TARGETS = ("cpu", "cpu-arm64", "cuda", "jetson", "raspberrypi", "rocm")
FRAMEWORKS = ("jax", "pytorch", "tensorflow")

NEW = """
title: A board of tomorrow
platform: linux/arm64
bases: {mmdebstrap: debian-arm64}
wheels: aarch64-manylinux_2_28
kernel: [tomorrow]
machine: a board of tomorrow
access: {runtime: tomorrow, devices: [/dev/tomorrow0]}
environment: {ASSAY_DEVICE: tomorrow}
meters: []
claims: the speed of the board
refusals: [{said: [unknown runtime], means: the engine has no runtime, fix: install it}]
checks: [{fact: memory_gib, at_least: 8, else: fail, fix: buy more}]
"""
CELL = """
  - {framework: jax, target: tomorrow, requirements: [jax==0.10.2], lock: wheels/jax-arm64.txt}
  - {framework: jax, target: tomorrow, suite: inference, requirements: [jax==0.10.2], lock: wheels/jax-arm64.txt}
absent:
"""


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A copy of `images/` to change."""
    shutil.copytree(matrix.ROOT, tmp_path / "images")
    return tmp_path / "images"


def test_every_framework_has_an_image_for_every_target_or_a_reason_why_not() -> None:
    table = matrix.matrix()
    assert tuple(table.targets) == TARGETS
    there = {(each.framework, each.target, each.suite) for each in table.cells}
    missing = {key for each in table.absent for key in product(each.frameworks, each.targets, each.suites)}
    assert not there & missing
    frameworks = (*FRAMEWORKS, "onnxruntime")
    assert there | missing == set(product(frameworks, TARGETS, ("training", "inference")))


def test_a_framework_that_a_target_cannot_have_is_refused_with_the_reason() -> None:
    with pytest.raises(
        UsageError, match=r"no image of tensorflow for training on jetson: NVIDIA's builds .* Python 3\.10"
    ) as error:
        matrix.cell("tensorflow", "jetson")
    assert error.value.fix == "choose jax or pytorch"


@pytest.mark.parametrize("target", ["cpu-arm64", "jetson", "raspberrypi"])
def test_without_loadgen_for_arm64_inference_is_refused_with_the_reason(target: str) -> None:
    """For one framework and for all of them; training is not touched."""
    with pytest.raises(UsageError, match=rf"no image of pytorch for inference on {target}: LoadGen .* no wheel"):
        matrix.cell("pytorch", target, suite="inference")
    with pytest.raises(UsageError, match=rf"no image for inference on {target}: LoadGen .* no wheel"):
        matrix.select(target=target, suite="inference")
    assert matrix.select(target=target)


def test_a_cell_cannot_be_there_and_absent(images: Path) -> None:
    place = images / "matrix.yaml"
    place.write_text(place.read_text().replace("targets: [jetson]", "targets: [jetson, cpu]", 1))
    with pytest.raises(UsageError, match=r"cell tensorflow-cpu \(training\) is listed both as present and as absent"):
        matrix.matrix(place)


def test_a_target_is_added_with_a_file_and_cells(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For training and for inference; no line of the program changes."""
    (images / "targets/tomorrow.yaml").write_text(NEW)
    place = images / "matrix.yaml"
    place.write_text(place.read_text().replace("\nabsent:\n", CELL, 1))
    table = matrix.matrix(place)
    added = table.targets["tomorrow"]
    assert options(added.access) == {"runtime": "tomorrow", "devices": ["/dev/tomorrow0:/dev/tomorrow0:rwm"]}
    assert added.checks[0].otherwise == "fail"
    monkeypatch.setattr(matrix, "matrix", lambda: table)
    assert matrix.target("tomorrow") == added
    assert [each.name for each in matrix.select(target="tomorrow")] == ["jax-tomorrow"]
    cell = matrix.cell("jax", "tomorrow", suite="inference")
    assert cell.name == "jax-tomorrow-inference"
    assert cell.environment["ASSAY_DEVICE"] == "tomorrow"
    assert cell.base.platform == "linux/arm64"


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ("runtime: tomorrow", "run_time: tomorrow", "access.run_time"),
        ("platform: linux/arm64", "platform: linux/riscv64", "platform"),
        ("debian-arm64", "debian-amd64", "is not for linux/arm64"),
        ("at_least: 8", "at_least: 8, at_most: 9", "give one of at_least, at_most and one_of"),
        ("[/dev/tomorrow0]", "['/dev/../etc/passwd;']", "access.devices.0"),
        ("meters: []", "meters: [", "tomorrow.yaml"),
    ],
)
def test_a_broken_target_is_refused_with_the_member_named(images: Path, was: str, becomes: str, told: str) -> None:
    assert was in NEW
    (images / "targets/tomorrow.yaml").write_text(NEW.replace(was, becomes))
    with pytest.raises(UsageError) as error:
        matrix.matrix(images / "matrix.yaml")
    assert told in error.value.message


@pytest.mark.parametrize(
    ("target", "said", "means"),
    [
        ("cuda", 'could not select device driver "" with capabilities: [[gpu]]', "cannot give a container a GPU"),
        ("cuda", "failed to discover GPU vendor from CDI: no known GPU vendor found", "cannot give a container a GPU"),
        ("cuda", "initialization error: load library failed: libnvidia-ml.so.1: cannot open", "is not installed there"),
        ("cuda", "nvidia-container-cli: initialization error: nvml error: driver not loaded", "not loaded"),
        ("cuda", "nvidia-container-cli: initialization error: nvml error: driver/library version mismatch", "answer"),
        ("cuda", "requirement error: unsatisfied condition: cuda>=13.0, please update your driver", "too old"),
        ("jetson", "Unknown runtime specified nvidia", "no runtime `nvidia`"),
        ("jetson", "unknown or invalid runtime name: nvidia", "no runtime `nvidia`"),
        ("jetson", "fork/exec /usr/bin/nvidia-container-runtime: no such file or directory", "no runtime `nvidia`"),
        ("rocm", 'error gathering device information while adding custom device "/dev/kfd"', "has no AMD GPU"),
    ],
)
def test_the_words_of_older_and_newer_engines_are_known(target: str, said: str, means: str) -> None:
    """As engines from 20.10 to 29 and NVIDIA's toolkit say them."""
    known = matrix.target(target).refusal(said)
    assert known is not None
    assert means in known.means
    assert known.fix


def test_words_that_nobody_wrote_down_mean_nothing() -> None:
    assert matrix.target("cuda").refusal("the moon is full") is None


def test_what_a_container_gets_is_in_the_engines_words() -> None:
    targets = read(matrix.ROOT / "targets")
    assert targets["cpu"].access == Access()
    [request] = options(targets["cuda"].access)["device_requests"]
    assert request == {"Driver": "", "Count": 1, "DeviceIDs": [], "Capabilities": [["gpu"]], "Options": {}}
    assert options(targets["jetson"].access) == {"runtime": "nvidia"}
    rocm = options(targets["rocm"].access)
    assert rocm["devices"] == ["/dev/kfd:/dev/kfd:rwm", "/dev/dri:/dev/dri:rwm"]
    assert rocm["group_add"] == ["video", "render"]


def test_on_a_gpu_every_framework_is_told_to_use_it_or_fail() -> None:
    for cell in matrix.select(target="cuda", suite="all"):
        assert cell.environment["ASSAY_DEVICE"] == "cuda"
        assert cell.environment["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        assert cell.framework != "jax" or cell.environment["JAX_PLATFORMS"] == "cuda"
    assert "ASSAY_DEVICE" not in matrix.cell("pytorch", "cpu").environment


def test_cuda_locks_are_of_cuda_builds_and_arm64_locks_of_none() -> None:
    from suite.images import locks

    for cell in matrix.select(target="cuda", suite="all"):
        names = {pin.name for pin in locks.wheels(cell.wheel_lock)}
        assert {name for name in names if name.startswith("nvidia-cudnn-cu")}
        assert "nvidia-ml-py" in names
        assert ("mlcommons-loadgen" in names) == (cell.suite == "inference")
    for framework in FRAMEWORKS:
        below = {pin.name for pin in locks.wheels(matrix.cell(framework, "cpu-arm64").wheel_lock)}
        assert not {name for name in below if name.startswith("nvidia-")}
    torch = next(p for p in locks.wheels(matrix.cell("pytorch", "cuda").wheel_lock) if p.name == "torch")
    assert torch.version == "2.13.0"
