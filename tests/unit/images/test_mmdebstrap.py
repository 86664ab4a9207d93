"""An interrupt that reaches assay alone ends the program it started, and what that one started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = """
sleep 60 &
echo $! >child
trap 'touch cleaned; exit 1' TERM
mv child began
wait
"""
RUN = """
import signal, sys
from suite.cli import _stop
from suite.images.mmdebstrap import _whole
signal.signal(signal.SIGINT, _stop)
_whole(["sh", "-c", sys.argv[1]], {"PATH": "/usr/bin:/bin"})
"""


def until(there: Callable[[], object]) -> None:
    for _ in range(400):
        if there():
            return
        time.sleep(0.025)
    pytest.fail("it did not come about")


def runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_an_interrupt_ends_a_program_with_all_that_it_started(project: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RUN, SCRIPT],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(project)},
        stderr=subprocess.DEVNULL,
    ) as runner:
        began = tmp_path / "began"
        until(began.exists)
        child = int(began.read_text())
        assert runs(child)
        runner.send_signal(signal.SIGINT)
        assert runner.wait(20) != 0
    assert (tmp_path / "cleaned").exists()
    until(lambda: not runs(child))
