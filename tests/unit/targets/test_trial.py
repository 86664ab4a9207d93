"""The smallest program: the kernel of this machine runs it, or says that it is of another architecture."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import pytest

from suite.targets.program import CODE, program


@pytest.mark.skipif(platform.system() != "Linux", reason="the programs are Linux's")
def test_the_program_of_this_machines_architecture_ends_well(tmp_path: Path) -> None:
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    place = tmp_path / "ends"
    place.write_bytes(program(architecture))
    place.chmod(0o755)
    assert subprocess.run([place], check=False).returncode == 0


def test_each_architecture_has_its_own_of_a_few_hundred_bytes() -> None:
    programs = {name: program(name) for name in CODE}
    assert len(set(programs.values())) == len(CODE)
    assert all(content[:4] == b"\x7fELF" and len(content) < 300 for content in programs.values())
