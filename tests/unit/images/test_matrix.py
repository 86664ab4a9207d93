"""The matrix: its cells, and names that are almost right."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rules.errors import UsageError
from suite.images import matrix
from suite.images.wheelhouse import platform_tags


def test_every_cell_has_its_locks_and_a_deterministic_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_BASE", raising=False)
    cells = matrix.select()
    assert {"pytorch-cpu", "tensorflow-cpu", "jax-cpu", "pytorch-jetson", "jax-cuda"} <= {each.name for each in cells}
    for each in cells:
        assert each.wheel_lock.exists()
        assert each.base_lock.exists() or each.base.provider == "registry"
        assert each.environment["PYTHONHASHSEED"] == "0"


@pytest.mark.parametrize(
    ("framework", "target", "told"),
    [
        ("pytroch", "cpu", "did you mean 'pytorch'"),
        ("jax", "cqu", "did you mean 'cpu'"),
        ("JAX", "cpu", "'jax'"),
    ],
)
def test_a_name_that_is_almost_right_gets_a_suggestion(framework: str, target: str, told: str) -> None:
    for ask in (matrix.cell, matrix.select):
        with pytest.raises(UsageError) as error:
            ask(framework, target)
        assert told in error.value.fix


def test_the_base_is_chosen_by_argument_then_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_BASE", "registry")
    assert matrix.cell("jax", "cpu").base.provider == "registry"
    assert matrix.cell("jax", "cpu", "mmdebstrap").base.provider == "mmdebstrap"
    with pytest.raises(UsageError, match="unknown base for target cpu 'registri'") as error:
        matrix.cell("jax", "cpu", "registri")
    assert "did you mean 'registry'" in error.value.fix


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ("target: cpu", "target: gpu", "no such target"),
        ("framework: jax", "framework: pytorch", "same framework, target and suite"),
        ("[torch==2.13.0+cpu]", "[torch]", "cells.0.requirements.0"),
        ("lock: wheels/jax-cpu.txt", "lock: ../../etc/passwd", "cells.2.lock"),
        ("common:", "comon:", "comon"),
        ("bases:", "bases: [", "matrix.yaml"),
    ],
)
def test_a_broken_matrix_is_refused_with_the_member_named(tmp_path: Path, was: str, becomes: str, told: str) -> None:
    text = (matrix.ROOT / "matrix.yaml").read_text()
    assert was in text
    shutil.copytree(matrix.ROOT / "targets", tmp_path / "targets")
    place = tmp_path / "matrix.yaml"
    place.write_text(text.replace(was, becomes, 1))
    with pytest.raises(UsageError) as error:
        matrix.matrix(place)
    assert told in error.value.message


def test_a_machine_can_install_wheels_of_every_older_manylinux() -> None:
    tags = platform_tags("x86_64-manylinux_2_28")
    assert {"manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64"} <= set(tags)
    assert "manylinux_2_31_x86_64" not in tags
    arm = platform_tags("aarch64-manylinux_2_28")
    assert "manylinux_2_17_aarch64" in arm
    assert not [tag for tag in arm if "x86_64" in tag or tag.startswith("manylinux1_")]
