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
{trap}
mv child began
wait
wait
"""
RUN = """
import signal, sys
from suite.cli import _stop
from suite.images import mmdebstrap
signal.signal(signal.SIGINT, _stop)
mmdebstrap.CLEAN_UP_S = 1
mmdebstrap._whole(["sh", "-c", sys.argv[1]], {"PATH": "/usr/bin:/bin"})
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


@pytest.mark.parametrize(
    ("trap", "cleans_up"),
    [("trap 'touch cleaned; exit 1' TERM", True), ("trap '' TERM", False)],
    ids=["ends", "goes on"],
)
def test_an_interrupt_ends_a_program_with_all_that_it_started(
    project: Path, tmp_path: Path, trap: str, cleans_up: bool
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RUN, SCRIPT.format(trap=trap)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(project)},
        stderr=subprocess.PIPE,
        text=True,
    ) as runner:
        began = tmp_path / "began"
        until(began.exists)
        child = int(began.read_text())
        assert runs(child)
        runner.send_signal(signal.SIGINT)
        said = runner.communicate(timeout=20)[1]
    assert said.splitlines()[-1].startswith("rules.errors.Stopped: interrupted")
    assert (tmp_path / "cleaned").exists() == cleans_up
    until(lambda: not runs(child))
